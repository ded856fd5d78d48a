"""What makes a piece of evidence weak: the "reject or flag" list of PRACTICE.md section 5, computed when read."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from evidence import clock
from evidence.artifacts.models import Artifact, ArtifactVersion, Method, ScanState, Verdict
from evidence.controls.models import Control, EvidenceKind

EDITABLE = frozenset({"text/csv", "text/plain", "application/json"})
SHEET_MARK = "spreadsheetml"
SCREENSHOT_FACTS = ("screenshot_url", "screenshot_user", "screenshot_clock")


@dataclass(frozen=True)
class Flag:
    """One weakness. `stops` means it can't serve as evidence as it is; others need a reviewer's judgement."""

    code: str
    sentence: str
    stops: bool = False


@dataclass(frozen=True)
class Period:
    """The period that evidence should speak about, both days included."""

    first: date
    last: date


def flags_of(artifact: Artifact, version: ArtifactVersion, *, period: Period | None = None) -> list[Flag]:
    """Every weakness of one version, seen now and, if given, for an examination period."""
    return [
        *_time(version),
        *(_outside(version, period) if period else []),
        *_freshness(artifact, version),
        *_completeness(artifact, version),
        *_reuse(version),
        *_independence(artifact, version),
        *(Flag(note["code"], note["sentence"], stops=bool(note.get("blocks"))) for note in version.intake_notes),
        *_scan(version),
        *_personal(version),
    ]


def _time(version: ArtifactVersion) -> list[Flag]:
    now, found = clock.now(), []
    if version.period_from is None and version.as_of is None:
        found.append(Flag("no_period", "It says neither which period it covers nor at which moment it was true."))
    if version.period_to is not None and version.period_to > now.date():
        found.append(Flag("future_period", f"Its period runs to {version.period_to:%d %b %Y}, which is still to come."))
    for name, word in (("as_of", "state"), ("collected_at", "collection")):
        moment: datetime | None = getattr(version, name)
        if moment is not None and moment > now:
            found.append(Flag("future_date", f"Its time of {word}, {moment:%d %b %Y}, is in the future.", stops=True))
    return found


def _outside(version: ArtifactVersion, period: Period) -> list[Flag]:
    span = f"{period.first:%d %b %Y} to {period.last:%d %b %Y}"
    if version.period_from and version.period_to:
        if version.period_to < period.first or version.period_from > period.last:
            return [Flag("period_not_overlapping", f"Its period lies outside the examination, {span}.", stops=True)]
    elif version.as_of and not period.first <= version.as_of.date() <= period.last:
        return [Flag("as_of_outside_period", f"Its moment lies outside the examination, {span}.", stops=True)]
    return []


def _freshness(artifact: Artifact, version: ArtifactVersion) -> list[Flag]:
    if artifact.latest_id == version.pk and artifact.fresh_until and artifact.fresh_until < clock.now().date():
        return [Flag("stale", f"It was fresh until {artifact.fresh_until:%d %b %Y}; a newer one is due.")]
    return []


def _completeness(artifact: Artifact, version: ArtifactVersion) -> list[Flag]:
    found = []
    if version.is_production is False:
        found.append(Flag("not_production", "It comes from a system that isn't production."))
    is_list = version.mime in EDITABLE or SHEET_MARK in version.mime
    is_export = version.method in (Method.EXPORT, Method.API) and artifact.kind in (
        EvidenceKind.LOG,
        EvidenceKind.REPORT,
    )
    if is_list and is_export and version.row_count is None and "control_total" not in version.ipe:
        found.append(Flag("no_totals", "It can be edited and names neither a row count nor a control total."))
    if is_export and not version.query.strip():
        found.append(Flag("no_query", "It doesn't say by which query or steps it was made, so nobody can repeat it."))
    is_screenshot = artifact.kind == EvidenceKind.SCREENSHOT or version.method == Method.SCREENSHOT
    if is_screenshot and any(not version.ipe.get(name) for name in SCREENSHOT_FACTS):
        found.append(
            Flag("screenshot_facts", "A screenshot needs address, user and clock in view; not all are stated.")
        )
    return found


def _reuse(version: ArtifactVersion) -> list[Flag]:
    others = (
        ArtifactVersion.objects.filter(organization_id=version.organization_id, sha256=version.sha256)
        .exclude(pk=version.pk)
        .select_related("artifact")
        .order_by("received_at")
    )
    span = (version.period_from, version.period_to)
    for other in others[:20]:
        if (other.period_from, other.period_to) != span:
            name = f"{other.artifact.ref} version {other.number}"
            return [Flag("reused", f"The same bytes were given for another period, in {name}.", stops=True)]
    return []


def _independence(artifact: Artifact, version: ArtifactVersion) -> list[Flag]:
    operators = set(_owners_of_linked_controls(artifact))
    if version.collector_id is None or version.collector_id not in operators:
        return []
    if version.reviews.filter(verdict=Verdict.ACCEPTED).exists():
        return []
    return [Flag("collector_operates_control", "Its collector operates the control, and nobody else checked it yet.")]


def _owners_of_linked_controls(artifact: Artifact) -> list[UUID]:
    targets = artifact.links.filter(target_type="controls.control").values("target_id")
    return list(Control.objects.filter(pk__in=targets).exclude(owner=None).values_list("owner_id", flat=True))


def _scan(version: ArtifactVersion) -> list[Flag]:
    found, state = version.scan, version.scan_state
    if found is None:
        return [Flag("not_scanned", "No scanner has looked at it, so it was not searched for malware.")]
    if state == ScanState.CLEAN:
        return []
    words = {
        ScanState.INFECTED: f"Malware was found in it: {found.signature}.",
        ScanState.UNSCANNABLE: f"It could not be searched for malware. {found.reason}",
        ScanState.WAITING: "It waits for the malware scan.",
    }
    return [Flag(state, words[ScanState(state)].strip(), stops=True)]


def _personal(version: ArtifactVersion) -> list[Flag]:
    if not version.is_held:
        return []
    return [Flag("held", "It may hold personal data and waits for a decision about it.", stops=True)]
