"""What is asked when a package is planned, and whether it fits: the template, its sections, letter, sample, finding.

The answer is JSON that stands with the package (`Package.chosen`) and goes into its snapshot unchanged.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from evidence import clock
from evidence.errors import Invalid
from portal.engagements import queries as engagements
from portal.engagements.models import Engagement
from portal.packages import languages, outlines, sampling
from portal.packages import snapshot as s
from portal.packages.outlines import Asks, Outline

#: About three months: what lies further back is for the next examination (PRACTICE.md section 1).
BRIDGE_DAYS = 92
LINES, LINE, TEXT, SEED = 8, 120, 6000, 200
CLOSING = "integrity"


@dataclass(frozen=True)
class Wishes:
    """As a person says it. `sections` names those to print, in order; none leaves the template as it is."""

    sections: tuple[str, ...] = ()
    finding: str = ""
    statement: str = ""
    to: str = ""
    salutation: str = ""
    signed_by: str = ""
    signed_as: str = ""
    changes: str = ""
    report: str = ""
    seed: str = ""
    seed_from: str = ""
    risk: str = sampling.RISKS[0]
    language: str = languages.SOURCE


def chosen(template: str, wishes: Wishes, engagement: Engagement, *, with_restricted: bool = False) -> dict[str, Any]:
    """What the package will be made from. Raises Invalid, each field with what would help."""
    outline = outlines.BY_KEY.get(template)
    if outline is None:
        raise Invalid("There is no such template.", fields={"template": ["Choose one of the listed templates."]})
    made = s.Template(
        key=outline.key,
        sections=_sections(outline, wishes.sections),
        statement=_text("statement", wishes.statement) if Asks.STATEMENT in outline.asks else "",
        letter=_letter(outline, wishes, engagement) if Asks.LETTER in outline.asks else None,
        finding=_finding(wishes.finding, engagement, with_restricted) if Asks.FINDING in outline.asks else "",
    )
    if wishes.language not in languages.offered():
        words = f"Choose one of {', '.join(languages.offered())}."
        raise Invalid("A package is not printed in that language.", fields={"language": [words]})
    told: dict[str, Any] = {"template": s.plain(made), "language": wishes.language}
    if "samples" in outline.sections:
        told["sampling"] = _sampling(wishes)
    return told


def language_of(chosen: dict[str, Any]) -> str:
    """In which language the package is printed; those from before it was asked are in English."""
    return str(chosen.get("language", languages.SOURCE))


def wishes_of(chosen: dict[str, Any]) -> Wishes:
    """What led to this, so that the next issue asks for the same."""
    made = s.restored(s.Template, chosen.get("template", {}))
    letter = made.letter or s.Letter((), "", "")
    told = chosen.get("sampling", {})
    return Wishes(
        sections=made.sections,
        finding=made.finding,
        statement=made.statement,
        to="\n".join(letter.to),
        salutation=letter.salutation,
        signed_by=letter.signed_by,
        signed_as=letter.signed_as,
        changes=letter.changes,
        report=letter.report,
        seed=told.get("seed", ""),
        seed_from=told.get("seed_from", ""),
        risk=told.get("risk", sampling.RISKS[0]),
        language=language_of(chosen),
    )


def _sections(outline: Outline, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The fixed ones open the package, the others follow as asked for, how to verify closes it."""
    if not wanted:
        return ()
    named = tuple(subject for subject in wanted if subject not in outline.fixed)
    if strange := [subject for subject in named if subject not in outline.movable]:
        words = f"This template has no section {strange[0][:40]}; it has {', '.join(outline.movable)}."
        raise Invalid("A section is not of this template.", fields={"sections": [words]})
    if len(set(named)) < len(named):
        raise Invalid("A section is named twice.", fields={"sections": ["Name each section once."]})
    opening = tuple(subject for subject in outline.sections if subject in outline.fixed and subject != CLOSING)
    return (*opening, *named, CLOSING)


def _finding(ref: str, engagement: Engagement, with_restricted: bool) -> str:
    found = engagements.findings(engagement).filter(ref=ref.strip())
    if not with_restricted:
        found = found.filter(is_restricted=False)
    if not ref.strip() or not found.exists():
        raise Invalid(
            "Name the finding.", fields={"finding": ["Choose a finding in the engagement’s scope, such as F-001."]}
        )
    return ref.strip()


def _letter(outline: Outline, wishes: Wishes, engagement: Engagement) -> s.Letter:
    faults: dict[str, list[str]] = {}
    to = tuple(line.strip() for line in wishes.to.splitlines() if line.strip())
    if not to or len(to) > LINES or any(len(line) > LINE for line in to):
        faults["to"] = [f"Name who gets it, and the address: up to {LINES} lines of {LINE} characters."]
    for name, what in (("salutation", "how the letter begins, such as Dear Ms. Voss"), ("signed_by", "who signs it")):
        if not getattr(wishes, name).strip():
            faults[name] = [f"Say {what}."]
    if Asks.CHANGES in outline.asks:
        faults |= _bridged(wishes, engagement)
    if faults:
        raise Invalid("The letter lacks something.", fields=faults)
    return s.Letter(
        to=to,
        salutation=_line(wishes.salutation),
        signed_by=_line(wishes.signed_by),
        signed_as=_line(wishes.signed_as),
        changes=_text("changes", wishes.changes) if Asks.CHANGES in outline.asks else "",
        report=_line(wishes.report),
    )


def _bridged(wishes: Wishes, engagement: Engagement) -> dict[str, list[str]]:
    """A bridge letter stands on a period that is over, not for long, and names the changes since."""
    today, end = _today(engagement), engagement.period_end
    faults = {}
    if today <= end:
        faults["template"] = [f"The period runs until {end:%d %b %Y}. Write the letter once it is over."]
    elif today - end > timedelta(days=BRIDGE_DAYS):
        faults["template"] = [
            f"The period ended {(today - end).days} days ago. A bridge letter covers about three months; "
            "send a remediation status letter, or the next report."
        ]
    if not wishes.changes.strip():
        faults["changes"] = ["Name the changes since the period ended, or write that management knows of none."]
    if not wishes.report.strip():
        faults["report"] = ["Name the report that it continues: kind, firm and date."]
    return faults


def _sampling(wishes: Wishes) -> dict[str, str]:
    if wishes.risk not in sampling.RISKS:
        raise Invalid("There is no such risk.", fields={"risk": ["Choose lower or higher."]})
    seed, given = wishes.seed.strip(), wishes.seed_from.strip()
    if len(seed) > SEED:
        raise Invalid("The seed is too long.", fields={"seed": [f"At most {SEED} characters."]})
    if bool(seed) != bool(given):
        name = "seed_from" if seed else "seed"
        words = "Say who gave the seed: somebody who does not operate the control." if seed else "Write the seed."
        raise Invalid("A seed and who gave it belong together.", fields={name: [words]})
    return {"seed": seed, "seed_from": given[:LINE], "risk": wishes.risk}


def _text(name: str, value: str) -> str:
    text = value.strip()
    if len(text) > TEXT:
        raise Invalid("A text is too long.", fields={name: [f"At most {TEXT:,} characters."]})
    return text


def _line(value: str) -> str:
    return " ".join(value.split())[:LINE]


def _today(engagement: Engagement) -> date:
    return clock.now().astimezone(ZoneInfo(engagement.organization.timezone)).date()
