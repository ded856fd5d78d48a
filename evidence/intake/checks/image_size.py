"""Pictures that unpack to more pixels than any screen has: small files made to fill a memory."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject


def check(incoming: Incoming) -> Iterator[Note]:
    for fact in incoming.look.all("image.pixels")[:1]:
        yield Note(
            "image_bomb",
            f"{subject(fact, 'image')} claims {fact.detail} pixels, so it is not drawn here. It waits for a reviewer.",
            blocks=True,
        )
