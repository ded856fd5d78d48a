"""When evidence is enough (PRACTICE.md section 5): what a verifier answers before a fix counts as verified."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    key: str
    words: str
    part: str


QUESTIONS: tuple[Question, ...] = (
    Question("enough_items", "There are enough items for the population and the risk", "sufficient"),
    Question("covers_period", "The evidence covers the time that matters", "sufficient"),
    Question("relevant", "It shows the very thing that was tested", "appropriate"),
    Question("reliable", "It comes straight from the system, unedited", "appropriate"),
    Question("source_known", "Source, query and parameters are named", "complete"),
    Question("complete", "Totals tie to the source; there are no gaps", "complete"),
)
KEYS = tuple(question.key for question in QUESTIONS)
ANSWERS = ("yes", "no", "not_applicable")


def unanswered(answers: dict[str, str]) -> list[str]:
    """The words of the questions that have no known answer yet."""
    return [question.words for question in QUESTIONS if answers.get(question.key) not in ANSWERS]


def shortfalls(answers: dict[str, str]) -> list[str]:
    """The words of the questions answered with no."""
    return [question.words for question in QUESTIONS if answers.get(question.key) == "no"]
