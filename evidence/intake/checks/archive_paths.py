"""Names in an archive that would write outside its folder, through links, or over each other."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject

_OUTSIDE = {
    "paths.climb": "paths that climb out of their folder",
    "paths.absolute": "absolute paths",
    "paths.through": "files behind links",
}
_ODD = {"paths.link": "links", "paths.twice": "names that occur twice"}


def check(incoming: Incoming) -> Iterator[Note]:
    outside, odd = incoming.look.all(*_OUTSIDE), incoming.look.all(*_ODD)
    if outside:
        said = " and ".join(sorted({_OUTSIDE[fact.code] for fact in outside}))
        yield Note(
            "archive_paths",
            f"{subject(outside[0], 'archive')} holds {said}: unpacked carelessly it would write elsewhere. "
            "It waits for a reviewer's decision.",
            blocks=True,
        )
    elif odd:
        said = " and ".join(sorted({_ODD[fact.code] for fact in odd}))
        yield Note("archive_paths", f"{subject(odd[0], 'archive')} holds {said}. Unpack it with care.")
