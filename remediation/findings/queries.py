"""Reads of findings: pages of a list by keyset, counts with a ceiling, and one finding with all around it.

No read counts a whole table: at a million rows a count past the ceiling says “more than”.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Prefetch, Q, QuerySet

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.counting import NOW, ORGANIZATION, filled
from evidence.errors import Invalid, NotFound
from remediation.findings.models import Comment, Finding, FindingControl, FindingCriterion, FindingLink, Occurrence
from remediation.findings.states import OPEN, SETTLED, Severity, Source, State

PAGE = 50
CEILING = 1000
NOBODY = "none"


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to. Each field is empty by default; several fields narrow together.

    `states` and `severities` are any of those named. `owner` and `assignee` are person ids or "none".
    """

    states: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    owner: str = ""
    assignee: str = ""
    control: str = ""
    criterion: str = ""
    source: str = ""
    overdue: bool = False
    due_within_days: int | None = None
    proposed_fixed: bool = False
    batch: str = ""
    text: str = ""
    order: str = "due"

    @property
    def is_narrow(self) -> bool:
        return any(getattr(self, item.name) for item in fields(self) if item.name != "order")


@dataclass(frozen=True)
class Row:
    """One line of a list, already with names and identifiers, so that showing it asks the database nothing."""

    id: UUID
    ref: str
    number: int
    title: str
    severity: str
    state: str
    source: str
    asset: str
    audit_rating: str
    cycle: int
    version: int
    detected_at: datetime
    reported_at: datetime | None
    clock_started_at: datetime
    triage_due_at: datetime
    due_at: datetime
    current_due_at: datetime
    proposed_fixed_at: datetime | None
    closed_at: datetime | None
    design_only: bool
    is_restricted: bool
    owner_id: UUID | None
    owner_name: str | None
    assignee_id: UUID | None
    assignee_name: str | None
    criteria: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.state != State.DEFERRED and self.current_due_at < clock.now()


@dataclass(frozen=True)
class Page:
    """Rows of one page and the key that the next begins after; None on the last."""

    rows: list[Row]
    next_key: str | None = None


@dataclass(frozen=True)
class Count:
    """A number up to the ceiling; `is_more` says that the real one is larger."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"


_COLUMNS = [
    item.name for item in fields(Row) if item.name not in ("owner_name", "assignee_name", "criteria", "controls")
]


def page(
    actor: Actor, filters: Filters | None = None, *, after: str | None = None, limit: int = PAGE, scope: Any = None
) -> Page:
    """A page of findings: soonest due first, or newest number first with order "new". Three queries at any size.

    `scope` narrows to a queryset of finding ids, for readers who see only some. Raises NotAllowed, and Invalid for a
    key that is none.
    """
    actor.require("findings.view")
    filters = filters or Filters()
    rows = narrowed(actor.organization_id, filters)
    if scope is not None:
        rows = rows.filter(pk__in=scope)
    newest_first = filters.order == "new"
    if after:
        rows = _after(rows, after, newest_first=newest_first)
    rows = rows.order_by("-number") if newest_first else rows.order_by("current_due_at", "id")
    columns = rows.values_list(*_COLUMNS, "owner__name", "assignee__name")
    found = [_row(values) for values in columns[: limit + 1]]
    shown = _with_links(found[:limit])
    return Page(shown, _key(shown[-1], newest_first=newest_first) if len(found) > limit else None)


def _row(values: Sequence[Any]) -> Row:
    *columns, owner_name, assignee_name = values
    return Row(**dict(zip(_COLUMNS, columns, strict=True)), owner_name=owner_name, assignee_name=assignee_name)


def narrowed(organization_id: UUID, filters: Filters, *, now: datetime | None = None) -> "QuerySet[Finding]":
    """The findings of an organization that fit the filters, unordered."""
    now = now or clock.now()
    rows = Finding.objects.filter(organization_id=organization_id)
    if filters.states:
        rows = rows.filter(state__in=filters.states)
    if filters.severities:
        rows = rows.filter(severity__in=filters.severities)
    for name in ("owner", "assignee"):
        value = getattr(filters, name)
        if value == NOBODY:
            rows = rows.filter(**{f"{name}__isnull": True})
        elif value:
            rows = rows.filter(**{f"{name}_id": _uuid(value, name)})
    if filters.source:
        rows = rows.filter(source=filters.source)
    if filters.overdue:
        # Deferred findings have a new date and a clock that stands; they are open, not overdue.
        rows = rows.filter(state__in=[state for state in OPEN if state != State.DEFERRED], current_due_at__lt=now)
    if filters.due_within_days is not None:
        rows = rows.filter(state__in=OPEN, current_due_at__lt=now + timedelta(days=filters.due_within_days))
    if filters.proposed_fixed:
        rows = rows.filter(proposed_fixed_at__isnull=False)
    if filters.criterion:
        rows = rows.filter(pk__in=FindingCriterion.objects.filter(criterion_id=filters.criterion).values("finding_id"))
    if filters.control:
        rows = rows.filter(pk__in=FindingControl.objects.filter(control__ref=filters.control).values("finding_id"))
    if filters.batch:
        rows = rows.filter(
            pk__in=Occurrence.objects.filter(import_batch_id=_uuid(filters.batch, "batch")).values("finding_id")
        )
    return _matching(rows, filters.text)


def _matching(rows: "QuerySet[Finding]", text: str) -> "QuerySet[Finding]":
    words = text.split()
    if len(words) == 1 and (number := number_of(words[0])) is not None:
        return rows.filter(number=number)
    for word in words[:6]:
        rows = rows.filter(Q(title__icontains=word) | Q(asset__icontains=word) | Q(rule_id__icontains=word))
    return rows


def count(actor: Actor, filters: Filters | None = None, *, ceiling: int = CEILING) -> Count:
    """How many findings fit, counted no further than the ceiling."""
    actor.require("findings.view")
    return counts(actor, {"it": filters or Filters()}, ceiling=ceiling)["it"]


def counts(actor: Actor, views: dict[str, Filters], *, ceiling: int = CEILING) -> dict[str, Count]:
    """The counts of several views in one query, each no further than the ceiling."""
    actor.require("findings.view")
    parts: list[str] = []
    parameters: list[Any] = []
    moment = clock.now()
    for filters in views.values():
        sql, values = _counting(filters, ceiling)
        parts.append(sql)
        parameters.extend(filled(value, actor.organization_id, actor.person_id, moment) for value in values)
    if not parts:
        return {}
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        found = cursor.fetchone()
    return {name: Count(min(number, ceiling), number > ceiling) for name, number in zip(views, found, strict=True)}


@lru_cache(maxsize=512)
def _counting(filters: Filters, ceiling: int) -> tuple[str, tuple[Any, ...]]:
    rows = narrowed(ORGANIZATION, filters, now=NOW).order_by().values_list("pk")[: ceiling + 1]
    sql, values = rows.query.sql_with_params()
    return f"(SELECT count(*) FROM ({sql}) AS counted)", tuple(values)  # noqa: S608


def views(actor: Actor) -> dict[str, Filters]:
    """The views that lists offer, by name."""
    return {
        "open": Filters(states=tuple(OPEN)),
        "to_triage": Filters(states=(State.REPORTED,)),
        "mine": Filters(states=tuple(OPEN), owner=str(actor.person_id)),
        "overdue": Filters(overdue=True),
        "verify": Filters(states=(State.READY_FOR_VERIFICATION,)),
        "accepted": Filters(states=(State.RISK_ACCEPTED, State.DEFERRED)),
        "fixed_hint": Filters(proposed_fixed=True),
        "settled": Filters(states=tuple(SETTLED)),
        "all": Filters(),
    }


@dataclass(frozen=True)
class Totals:
    """Open findings by severity and state, and what is overdue; accepted and deferred count as open."""

    by_severity: dict[str, int] = field(default_factory=dict)
    by_state: dict[str, int] = field(default_factory=dict)
    overdue: int = 0
    settled: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        return sum(self.by_severity.values())


def totals(organization_id: UUID, *, scope: Any = None) -> Totals:
    """Exact totals, for reports and packages; lists use `counts`."""
    where = "organization_id = %s"
    values: list[Any] = [organization_id]
    if scope is not None:
        where += " AND id = ANY(%s)"
        values.append(list(scope))
    by_severity: dict[str, int] = dict.fromkeys(Severity.values, 0)
    by_state: dict[str, int] = defaultdict(int)
    settled: dict[str, int] = defaultdict(int)
    overdue = 0
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT severity, state, count(*), count(*) FILTER (WHERE current_due_at < %s)"  # noqa: S608
            f" FROM findings_finding WHERE {where} GROUP BY 1, 2",
            [clock.now(), *values],
        )
        for severity, state, number, late in cursor.fetchall():
            if state in OPEN:
                by_severity[severity] += number
                by_state[state] += number
                overdue += late if state != State.DEFERRED else 0
            elif state in SETTLED:
                settled[state] += number
    return Totals(by_severity, dict(by_state), overdue, dict(settled))


@dataclass(frozen=True)
class Detail:
    """One finding with what belongs to it on this floor."""

    finding: Finding
    criteria: list[Any]
    controls: list[Any]
    links: list[FindingLink]
    links_in: list[FindingLink]
    comments: list[Comment]
    occurrences: list[Occurrence]


def number_of(ref: str) -> int | None:
    """The number in a public id such as F-017, else None."""
    prefix, _, digits = ref.strip().upper().partition("-")
    if prefix == "F" and digits.isdigit() and len(digits) < 10:
        return int(digits)
    return None


def find(actor: Actor, ref: str) -> Finding:
    """The finding with this public id, with its people. Raises NotFound when there is none here."""
    actor.require("findings.view")
    number = number_of(ref)
    rows = Finding.objects.select_related("finder", "owner", "assignee", "duplicate_of")
    found = rows.filter(organization_id=actor.organization_id, number=number).first() if number is not None else None
    if found is None:
        raise NotFound(f"There is no finding {ref} here.")
    return found


def detail(actor: Actor, ref: str, *, internal: bool = True) -> Detail:
    """One finding and what belongs to it, in six queries. `internal` False leaves internal comments out."""
    finding = find(actor, ref)
    links = FindingLink.objects.filter(Q(finding=finding) | Q(other=finding)).select_related("finding", "other")
    found = list(links.order_by("at"))
    comments = finding.comments.select_related("author").order_by("at")
    return Detail(
        finding=finding,
        criteria=[row.criterion for row in finding.criterion_rows.select_related("criterion").order_by("criterion__position")],
        controls=[row.control for row in finding.control_rows.select_related("control", "control__owner").order_by("control__number")],
        links=[link for link in found if link.finding_id == finding.pk],
        links_in=[link for link in found if link.other_id == finding.pk],
        comments=list(comments if internal else comments.filter(internal=False)),
        occurrences=list(finding.occurrences.select_related("import_batch").order_by("-seen_at", "-id")[:20]),
    )  # fmt: skip


def many(organization_id: UUID, ids: Iterable[UUID]) -> list[Finding]:
    """Findings by their keys, in the order of their numbers, with people, criteria and controls at hand."""
    return list(
        Finding.objects.filter(organization_id=organization_id, pk__in=list(ids))
        .select_related("finder", "owner", "assignee")
        .prefetch_related(
            Prefetch("criterion_rows", FindingCriterion.objects.select_related("criterion")),
            Prefetch("control_rows", FindingControl.objects.select_related("control")),
        )
        .order_by("number")
    )


@dataclass(frozen=True)
class Similar:
    """A finding that may be the same, and how alike they are in per cent."""

    id: UUID
    ref: str
    title: str
    state: str
    closed_at: datetime | None
    alike: int


def similar(finding: Finding, *, limit: int = 3, candidates: int = 200) -> list[Similar]:
    """Other findings that may be the same weakness: same rule, same asset, or many words in common."""
    same_rule = Q(rule_id=finding.rule_id) if finding.rule_id else Q(pk=None)
    same_asset = Q(asset=finding.asset) if finding.asset else Q(pk=None)
    words = sorted(_words(finding.title), key=len, reverse=True)[:3]
    same_words = Q(pk=None)
    for word in words:
        same_words |= Q(title__icontains=word)
    # Only the newest are looked at, so that the question stays cheap however long the history is.
    newest = (
        Finding.objects.filter(organization_id=finding.organization_id, number__gt=finding.number - 5000)
        .exclude(pk=finding.pk)
        .exclude(state=State.DRAFT)
    )
    rows = newest.filter(same_rule | same_asset | same_words).order_by("-number")[:candidates]
    judged = [
        Similar(row.pk, row.ref, row.title, row.state, row.closed_at, _alike(finding, row))
        for row in rows.only("id", "ref", "number", "title", "state", "closed_at", "rule_id", "asset")
    ]
    return sorted((one for one in judged if one.alike >= 50), key=lambda one: -one.alike)[:limit]


def _words(text: str) -> set[str]:
    return {word for word in "".join(c.lower() if c.isalnum() else " " for c in text).split() if len(word) > 3}


def _alike(one: Finding, other: Finding) -> int:
    mine, theirs = _words(one.title), _words(other.title)
    share = len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0
    bonus = 0.15 * (bool(one.asset) and one.asset == other.asset)
    bonus += 0.25 * (bool(one.rule_id) and one.rule_id == other.rule_id)
    return min(100, round(100 * min(1.0, share + bonus)))


def _with_links(rows: list[Row]) -> list[Row]:
    ids = [row.id for row in rows]
    criteria: dict[UUID, list[str]] = defaultdict(list)
    controls: dict[UUID, list[str]] = defaultdict(list)
    if ids:
        # One round trip for both kinds.
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute(
                "SELECT finding_id, 'criterion', criterion_id FROM findings_findingcriterion WHERE finding_id = ANY(%s)"
                " UNION ALL SELECT fc.finding_id, 'control', c.ref FROM findings_findingcontrol fc"
                " JOIN controls_control c ON c.id = fc.control_id WHERE fc.finding_id = ANY(%s)",
                [ids, ids],
            )
            for finding_id, kind, identifier in cursor.fetchall():
                (criteria if kind == "criterion" else controls)[finding_id].append(identifier)
    return [
        replace(row, criteria=tuple(sorted(criteria[row.id])), controls=tuple(sorted(controls[row.id])))
        if row.id in criteria or row.id in controls
        else row
        for row in rows
    ]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _key(row: Row, *, newest_first: bool) -> str:
    return str(row.number) if newest_first else f"{(row.current_due_at - _EPOCH) // _MICROSECOND}_{row.id.hex}"


def _after(rows: "QuerySet[Finding]", key: str, *, newest_first: bool) -> "QuerySet[Finding]":
    try:
        if newest_first:
            return rows.filter(number__lt=int(key))
        moment, _, identifier = key.partition("_")
        due, last = _EPOCH + int(moment) * _MICROSECOND, UUID(identifier)
    except (ValueError, OverflowError) as error:
        raise Invalid("This page does not exist any more.", help="Go back to the beginning of the list.") from error
    # A row comparison is the one form that starts inside the index, however many rows are due at the same moment.
    return rows.extra(where=["(findings_finding.current_due_at, findings_finding.id) > (%s, %s)"], params=[due, last])


def _uuid(value: str, name: str) -> UUID:
    try:
        return UUID(value)
    except ValueError as error:
        raise Invalid("This filter names nobody.", fields={name: ["Choose a person from the list."]}) from error


def filters_from(parameters: Any) -> Filters:
    """Filters from the parameters of a URL (anything with get and getlist); unknown words are left out."""
    days = parameters.get("due", "")
    return Filters(
        states=tuple(value for value in parameters.getlist("state") if value in State.values),
        severities=tuple(value for value in parameters.getlist("severity") if value in Severity.values),
        owner=_person(parameters.get("owner", "")),
        assignee=_person(parameters.get("assignee", "")),
        control=parameters.get("control", "")[:16],
        criterion=parameters.get("criterion", "")[:8],
        source=parameters.get("source", "") if parameters.get("source", "") in Source.values else "",
        overdue=parameters.get("overdue", "") in ("1", "true", "yes"),
        due_within_days=int(days) if days.isdigit() and len(days) < 5 else None,
        proposed_fixed=parameters.get("fixed_hint", "") in ("1", "true", "yes"),
        batch=parameters.get("batch", "")[:36],
        text=parameters.get("q", "")[:200],
        order="new" if parameters.get("order") == "new" else "due",
    )


def _person(value: str) -> str:
    if value == NOBODY:
        return NOBODY
    try:
        return str(UUID(value)) if value else ""
    except ValueError:
        return ""
