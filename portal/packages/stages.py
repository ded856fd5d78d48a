"""The stages of a build in their order, and the note by which its job tells which one it is at."""

from enum import StrEnum


class Stage(StrEnum):
    """Each named as a reader sees it. What is known from an earlier build passes a stage at once."""

    ROWS = "Rows"
    FORMS = "Forms"
    EXHIBITS = "Exhibits"
    TEXTS = "Texts"
    PAGES = "Pages"
    BINDING = "Binding"
    SIGNING = "Signing"
    STORING = "Storing"


#: A draft is not signed.
OF_A_DRAFT = tuple(stage for stage in Stage if stage != Stage.SIGNING)
OF_A_SEAL = tuple(Stage)
#: What a process says of itself before it has begun.
BEFORE_ITS_WORK = ("Starting", "Start")


def said(stage: Stage, note: str = "") -> str:
    """The job's note: the stage, and behind a colon the section, the row or the exhibit it is at."""
    words = note.removeprefix(stage).lstrip(", ")
    return str(stage) if not words or words in BEFORE_ITS_WORK else f"{stage}: {words}"


def at(note: str) -> Stage:
    """The stage that a job's note tells. Rows are read first, and nothing is noted while they are."""
    name = note.partition(":")[0]
    return Stage(name) if name in Stage.__members__.values() else Stage.ROWS


def where(note: str) -> str:
    """What stands behind the stage."""
    return note.partition(":")[2].strip()
