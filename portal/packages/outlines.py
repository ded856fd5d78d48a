"""The templates of a package as data: which sections in which order, which rows they may tell, what goes in with them.

A template narrows the rows before anything is printed (narrowing.py), so no form and no attachment can say more than its
pages do. PRACTICE.md sections 1, 5 and 6 say what must stand in each.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy

WHOLE_FORMS = (
    "poam.xlsx", "poam.json", "assessment-results.json", "register.xlsx", "register.csv", "evidence-index.csv",
)  # fmt: skip
#: What verification compares the rows with; no package is without it.
REGISTER = ("register.csv",)


class Findings(StrEnum):
    """Which findings of the engagement a template tells."""

    ALL = "all"
    EXCEPTIONS = "exceptions"
    ONE = "one"


class Detail(StrEnum):
    """How much of each finding: all that is recorded, its line in a register, or what a stranger may read."""

    WHOLE = "whole"
    LISTED = "listed"
    PUBLIC = "public"


class Asks(StrEnum):
    """What a person must or may say when a template is chosen."""

    FINDING = "finding"
    LETTER = "letter"
    CHANGES = "changes"
    SAMPLING = "sampling"
    STATEMENT = "statement"


@dataclass(frozen=True)
class Outline:
    """`fixed` sections stay in: they open the package, integrity closes it. The rest may be left out or moved."""

    key: str
    title: str
    sentence: str
    cover: str
    sections: tuple[str, ...]
    fixed: frozenset[str]
    findings: Findings = Findings.ALL
    detail: Detail = Detail.WHOLE
    with_exhibits: bool = True
    forms: tuple[str, ...] = WHOLE_FORMS
    asks: frozenset[Asks] = frozenset({Asks.STATEMENT})
    is_letter: bool = False
    #: For whom it is; nobody named means the service auditor.
    reader: str = ""

    @property
    def movable(self) -> tuple[str, ...]:
        return tuple(subject for subject in self.sections if subject not in self.fixed)

    @property
    def tells_people(self) -> bool:
        return self.detail != Detail.PUBLIC


FRAME = frozenset({"cover", "contents", "integrity"})
PAGE = frozenset({"cover", "integrity"})

OUTLINES = (
    Outline(
        "full",
        gettext_lazy("Full package"),
        gettext_lazy("Everything about the engagement, for the auditor: findings, evidence, approvals, history."),
        gettext_lazy("Findings, corrective action and supporting evidence for the examination period"),
        (
            "cover",
            "contents",
            "summary",
            "standing",
            "scope",
            "method",
            "control_matrix",
            "monitoring",
            "cross_reference",
            "findings_register",
            "findings",
            "action_plan",
            "risk",
            "segregation",
            "samples",
            "statement",
            "evidence_index",
            "record",
            "integrity",
            "glossary",
        ),
        # The known gaps are stated first and never left out (PRACTICE.md section 6).
        FRAME | {"scope"},
    ),
    Outline(
        "exceptions",
        gettext_lazy("Exceptions and responses"),
        gettext_lazy("What the auditor found, and management’s response to each, with the evidence of these findings."),
        gettext_lazy("Exceptions of the examination and management’s responses, for the period"),
        (
            "cover",
            "contents",
            "responses",
            "findings_register",
            "findings",
            "risk",
            "statement",
            "evidence_index",
            "integrity",
        ),
        FRAME | {"responses"},
        findings=Findings.EXCEPTIONS,
    ),
    Outline(
        "matrix",
        gettext_lazy("Control matrix"),
        gettext_lazy(
            "Every control with its criteria, its runs in the period, its findings and the hashes of its evidence."
        ),
        gettext_lazy("Controls in scope, how often each ran, and what was found, for the period"),
        ("cover", "contents", "scope", "control_matrix", "monitoring", "cross_reference", "fingerprints", "integrity"),
        FRAME | {"control_matrix"},
        detail=Detail.LISTED,
        with_exhibits=False,
        forms=REGISTER,
    ),
    Outline(
        "finding",
        gettext_lazy("One finding"),
        gettext_lazy("One finding from report to closure: condition, cause, action, approvals, evidence, every step."),
        gettext_lazy("One finding, its corrective action and supporting evidence, in the examination period"),
        ("cover", "findings", "risk", "segregation", "statement", "evidence_index", "integrity"),
        PAGE | {"findings"},
        findings=Findings.ONE,
        forms=("poam.xlsx", "poam.json", "register.csv", "evidence-index.csv"),
        asks=frozenset({Asks.FINDING, Asks.STATEMENT}),
    ),
    Outline(
        "duties",
        gettext_lazy("Segregation of duties"),
        gettext_lazy(
            "Which rules were in force, every decision made under them, and every exception, without the files."
        ),
        gettext_lazy("Who decided what, under which rules and with which exceptions, in the examination period"),
        ("cover", "contents", "segregation", "findings_register", "record", "statement", "integrity", "glossary"),
        FRAME | {"segregation"},
        with_exhibits=False,
        forms=REGISTER,
    ),
    Outline(
        "sampling",
        gettext_lazy("Sampling sheets"),
        gettext_lazy(
            "Each control’s population, frozen with its hash, and the sample drawn from it, with room for the auditor’s marks."
        ),
        gettext_lazy(
            "Populations of the controls in scope, and the samples drawn from them, for the examination period"
        ),
        ("cover", "contents", "samples", "method", "integrity"),
        FRAME | {"samples"},
        detail=Detail.LISTED,
        with_exhibits=False,
        forms=REGISTER,
        asks=frozenset({Asks.SAMPLING}),
    ),
    Outline(
        "board",
        gettext_lazy("Board summary"),
        gettext_lazy("Where remediation stands: counts, exposure, what is late, which risks are carried and by whom."),
        gettext_lazy("Standing of remediation for the board, in the examination period"),
        ("cover", "summary", "standing", "risk", "statement", "integrity"),
        PAGE | {"summary"},
        reader=gettext_lazy("The board"),
        detail=Detail.LISTED,
        with_exhibits=False,
        forms=REGISTER,
    ),
    Outline(
        "status_letter",
        gettext_lazy("Remediation status letter"),
        gettext_lazy("Management’s letter on the standing of the findings at one day, with every open finding named."),
        "",
        ("status_letter", "findings_register", "integrity"),
        frozenset({"status_letter", "integrity"}),
        detail=Detail.PUBLIC,
        with_exhibits=False,
        forms=REGISTER,
        asks=frozenset({Asks.LETTER, Asks.STATEMENT}),
        is_letter=True,
    ),
    Outline(
        "bridge_letter",
        gettext_lazy("Bridge letter"),
        gettext_lazy(
            "Management’s letter on the time since the end of the period, three months at most: changes and open findings."
        ),
        "",
        ("bridge_letter", "integrity"),
        frozenset({"bridge_letter", "integrity"}),
        detail=Detail.PUBLIC,
        with_exhibits=False,
        forms=REGISTER,
        asks=frozenset({Asks.LETTER, Asks.CHANGES, Asks.STATEMENT}),
        is_letter=True,
    ),
    Outline(
        "buyer",
        gettext_lazy("Buyer’s summary"),
        gettext_lazy(
            "For a customer’s review: counts, findings by name, dates and hashes; no people, comments, hosts or files."
        ),
        gettext_lazy("Findings and corrective action for the examination period"),
        ("cover", "summary", "buyer_scope", "buyer_register", "statement", "fingerprints", "integrity"),
        PAGE | {"buyer_scope"},
        reader=gettext_lazy("Customers and their reviewers"),
        detail=Detail.PUBLIC,
        with_exhibits=False,
        forms=REGISTER,
    ),
)
BY_KEY = {outline.key: outline for outline in OUTLINES}
CHOICES = [(outline.key, outline.title) for outline in OUTLINES]
FULL = OUTLINES[0]
