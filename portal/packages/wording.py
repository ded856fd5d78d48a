"""Words for numbers, states and dates in a package, so that every section says the same thing the same way."""

from datetime import UTC, date, datetime

from portal.packages.outlines import FULL, Outline

SMALL = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

SEVERITY = {"critical": "Critical", "high": "High", "medium": "Medium", "low": "Low"}
STATE = {
    "reported": "Reported",
    "triaged": "Triaged",
    "analysed": "Analysed",
    "planned": "Planned",
    "in_remediation": "In remediation",
    "ready_for_verification": "Ready for verification",
    "verified": "Verified, not yet closed",
    "closed": "Closed",
    "rejected": "Rejected",
    "risk_acceptance_pending": "Open, risk acceptance asked",
    "risk_accepted": "Open, risk accepted",
    "deferral_pending": "Open, deferral asked",
    "deferred": "Open, deferred",
}
RESULT = {
    "finding": ("Finding", "ex"),
    "operated": ("Ran as due", "ok"),
    "gaps": ("Gaps", "ex"),
    "not_shown": ("Not shown", "un"),
}
CAUSE = {"people": "People", "process": "Process", "technology": "Technology", "vendor": "Vendor", "design": "Design"}
SOURCE = {
    "audit_report": "Audit report",
    "scanner": "Scanner",
    "internal": "Internal",
    "auditor": "Auditor",
    "import": "Import",
}


def number(value: int) -> str:
    """A count in a sentence: in words below a hundred, in figures above."""
    if value < 0 or value > 99:
        return f"{value:,}"
    if value < 20:
        return SMALL[value]
    tens, ones = divmod(value, 10)
    return TENS[tens] + (f"-{SMALL[ones]}" if ones else "")


def count(value: int, noun: str, plural: str = "") -> str:
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def day(value: date | datetime | None) -> str:
    if value is None:
        return "—"
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
    return f"{value.day} {value:%b %Y}"


def long_day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def days(first: date, last: date) -> str:
    """From the first to the last day, both included; the year once where it is the same."""
    if first == last:
        return day(first)
    begin = f"{first.day} {first:%b}" if first.year == last.year else day(first)
    return f"{begin} – {day(last)}"


def moment(value: datetime | None) -> str:
    if value is None:
        return "—"
    value = value.astimezone(UTC)
    return f"{value.day} {value:%b %Y, %H:%M}"


def stamp(value: datetime | None) -> str:
    return "—" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def size(octets: int) -> str:
    value = float(octets)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{octets:,} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def listed(items: list[str]) -> str:
    """a, b and c"""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def rows_note(shown: int, all_of_them: int) -> str:
    """What is said under a table that was cut; nothing under a whole one."""
    if shown >= all_of_them:
        return ""
    return f"Rows 1 to {shown:,} of {all_of_them:,}; all of them are in the attached snapshot.json."


def document(outline: Outline) -> str:
    """What the document is called in a sentence."""
    return "remediation and evidence package" if outline is FULL else outline.title[:1].lower() + outline.title[1:]


def foot(confidentiality: str, ref: str, issue: int) -> str:
    """What stands at the foot of every page."""
    return f"{confidentiality[:40]}  ·  {ref}  ·  Issue {issue}"
