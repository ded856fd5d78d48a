"""What a picture says beside its pixels: the place where it was taken."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject


def check(incoming: Incoming) -> Iterator[Note]:
    for fact in incoming.look.all("image.place")[:1]:
        yield Note(
            "image_place",
            f"{subject(fact, 'image')} says where it was taken. Previews leave that out; the original keeps it.",
        )
