"""Approvals: the queue split by what the reader may decide, and the page on which one request is decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.actors import Actor
from evidence.errors import Invalid, NotFound, Refused, Stale
from evidence.ledger import queries as ledger
from portal.accounts import roles
from portal.accounts.models import Person
from portal.accounts.services import reauthenticate
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.web import shell
from portal.web.components import ApprovalPanel, Candidate, DecisionLine, OwnAct, Slice, View
from remediation.approvals import content, queries, services, subjects
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import Decision, Request
from remediation.approvals.services import ContentChanged
from remediation.sod.judgement import Conflict

app_name = "approvals"

ACT_ICONS = {
    "uploader": "upload",
    "implementer": "wrench",
    "verifier": "badge-check",
    "approver": "stamp",
    "acceptor": "shield",
    "owner": "user-check",
    "finder": "flag",
    "requester": "send",
}
# An act and its event are written in one transaction, seconds apart at most.
SAME_ACT = timedelta(seconds=10)


@dataclass(frozen=True)
class Refusal:
    """What a refused decision leaves on the page: the words, why, and what changed meanwhile."""

    error: str
    reason: str = ""
    changes: tuple[content.Change, ...] = ()


@shell.count("approvals")
def waiting(request: HttpRequest) -> int:
    return queries.waiting_for(request.actor)  # type: ignore[attr-defined]


@require_GET
@needs("approvals.view")
def queue(request: HttpRequest) -> HttpResponse:
    """What waits, split by what the reader may do; what they asked for; what was decided."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    view = request.GET.get("view", "open")
    if view not in ("open", "sent", "decided"):
        raise NotFound("There is no such view.")
    found = queries.queue(actor, view=view, after=_key(request.GET.get("after", "")))
    rows = [*found.can, *found.cannot] if view == "open" else found.other
    chosen = _chosen(request.GET.get("item", ""), rows, actor) if view == "open" else None
    here = reverse("approvals:queue", args=[_slug(request)])
    last = (max if view == "open" else min)((row.request.pk for row in rows), default=None)
    context = {
        "tabs": [
            View("Waiting", here, len(rows) if view == "open" and not found.more else None, view == "open"),
            View("Sent by you", f"{here}?view=sent", found.sent, view == "sent"),
            View("Decided", f"{here}?view=decided", found.decided, view == "decided"),
        ],
        "view": view,
        "groups": _groups(found, view),
        "slice": Slice(len(rows), None, f"{here}?view={view}&after={last}" if found.more else "", "requests"),
        "chosen": chosen,
        "panel": _panel(request, chosen) if chosen else None,
        "subject": _subject(request, chosen) if chosen else None,
    }
    return render(request, "approvals/queue.html", context)


@outside_transaction
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, item: UUID) -> HttpResponse:
    """Show one request with its content and the reader's position; a POST decides with a password."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if not actor.may("approvals.view"):
        raise NotFound("There is nothing here, or nothing you may see.")
    if request.method == "GET":
        with inside(request):
            return _page(request, item)
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    try:
        outcome = _decided(request, item, verdict=verdict, reason=reason)
    except NotFound:
        raise
    except Refused as refused:
        left = Refusal(_words(refused), reason, tuple(getattr(refused, "differences", ())))
        with inside(request):
            return _page(request, item, left, status=refused.status)
    here = reverse("approvals:decide", args=[_slug(request), item])
    messages.success(request, "Your decision is recorded.")
    return redirect(f"{here}?receipt={outcome.recorded.id}")


def _decided(request: HttpRequest, item: UUID, *, verdict: str, reason: str) -> services.Outcome:
    # Its own transaction: a request found to be void stays void, although the answer is a refusal.
    changed: ContentChanged | None = None
    with inside(request):
        asked = queries.get(item, actor=request.actor)  # type: ignore[attr-defined]
        if request.POST.get("content_sha256") != asked.content_sha256:
            raise Stale("The page showed other content than the request holds. Nothing was recorded.")
    actor = reauthenticate(request, request.POST.get("password", ""))
    with inside(request):
        try:
            delegation = _key(request.POST.get("delegation", ""))
            return services.decide(item, verdict=verdict, reason=reason, actor=actor, delegation_id=delegation)
        except ContentChanged as found:
            changed = found
    raise changed


@require_POST
@needs("approvals.view")
def ask(request: HttpRequest, item: UUID) -> HttpResponse:
    """Ask a colleague who may decide to do so; of somebody who is away, the person who decides for them."""
    person = _key(request.POST.get("person", ""))
    if person is None:
        raise Invalid("Choose whom to ask.", fields={"person": ["Choose one of the people listed."]})
    services.ask(item, person_id=person, message=request.POST.get("message", "")[:2000], actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "They were asked; it stands first in their queue.")
    return redirect("approvals:decide", _slug(request), item)


@require_POST
@needs("approvals.view")
def withdraw(request: HttpRequest, item: UUID) -> HttpResponse:
    """Take back one's own request."""
    services.withdraw(item, actor=request.actor, reason=request.POST.get("reason", "")[:2000])  # type: ignore[attr-defined]
    messages.success(request, "The request was withdrawn.")
    return redirect("approvals:decide", _slug(request), item)


def _page(request: HttpRequest, item: UUID, left: Refusal | None = None, *, status: int = 200) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    asked = queries.get(item, actor=actor)
    now = queries.bound_now(asked) if asked.state == Request.State.OPEN else None
    changes = list(left.changes) if left else []
    if not changes and now is not None and now.sha256 != asked.content_sha256:
        changes = queries.differences_now(asked, now)
    since = queries.changes_since(asked)
    names = _names_in(
        value
        for one in [*(each.changes for each in since), changes]
        for change in one
        for value in (change.before, change.after)
    )
    context = {
        "asked": asked,
        "action": ACTIONS[asked.action],
        "subject": _subject(request, asked),
        "lines": _named(content.readable(asked.fields)),
        "changes": [_told(change, names) for change in changes],
        "since": [(one, [_told(change, names) for change in one.changes]) for one in since],
        "panel": _panel(request, asked, left),
        "receipt": _receipt(request, asked),
        "may_withdraw": asked.state == Request.State.OPEN and asked.requested_by_id == actor.person_id,
        "nudges": asked.nudges.select_related("person", "asked_by").order_by("at"),
    }
    return render(request, "approvals/decide.html", context, status=status)


def _named(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The content holds people by their ids; a reader gets the names beside them."""
    names = _names_in(value for _, value in lines)
    return [(path, f"{names[value]} ({value})" if value in names else value) for path, value in lines]


def _names_in(values: Iterable[str]) -> dict[str, str]:
    ids = [identifier for value in values if (identifier := _key(value)) is not None]
    return {str(pk): name for pk, name in Person.objects.filter(pk__in=ids).values_list("pk", "name")} if ids else {}


def _told(change: content.Change, names: dict[str, str]) -> content.Change:
    """The same change with the names of people in place of their ids."""
    return content.Change(change.path, names.get(change.before, change.before), names.get(change.after, change.after))


def _panel(request: HttpRequest, asked: Request, left: Refusal | None = None) -> ApprovalPanel:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    position = queries.position(asked, actor)
    action = ACTIONS[asked.action]
    is_open = asked.state == Request.State.OPEN
    decided = any(actor.person_id in decision.people for decision in position.decisions)
    lines = [DecisionLine(one.by, one.verdict, _note(one), one.at, one.reason) for one in position.decisions]
    if is_open and position.still_needed:
        lines.append(_missing(position.still_needed, asked))
    blocked = not position.may_somehow and not decided
    return ApprovalPanel(
        title=action.word,
        needed=asked.needed,
        given=sum(one.verdict == "approve" for one in position.decisions),
        decisions=lines,
        blocked=blocked,
        decided=decided,
        heading=f"You cannot {action.verb} this" if is_open else "Nothing is left to decide",
        sentence=_sentence(position, decided),
        rule=position.rule if blocked else "",
        rule_note=position.conflicts[0].general if blocked and position.conflicts else "",
        acts=_acts(asked, position.conflicts, actor) if blocked else (),
        candidates=_candidates(position) if is_open else (),
        ask_url=reverse("approvals:ask", args=[_slug(request), asked.pk])
        if is_open and not position.may_somehow and position.eligible
        else "",
        decide_url=reverse("approvals:decide", args=[_slug(request), asked.pk]) if is_open else "",
        content_sha256=asked.content_sha256,
        content_url=f"{reverse('approvals:decide', args=[_slug(request), asked.pk])}#content",
        answer_note=_small_team(position, asked) if is_open else "",
        voices=_voices(position) if is_open else (),
        expires_at=asked.expires_at if is_open else None,
        reason=left.reason if left else "",
        error=left.error if left else "",
    )


def panel_of(request: HttpRequest, asked: Request) -> ApprovalPanel:
    """The panel of one request, for the page of its subject."""
    return _panel(request, asked)


def _sentence(position: queries.Position, decided: bool) -> str:
    if position.may:
        return "You took no part in this work, so you can decide."
    if decided:
        return "Your decision stands in the history and cannot be changed."
    if position.may_somehow:
        names = " or ".join(one.name for one in position.behalf if one.may)
        return f"You may decide for {names}, who delegated this to you. You both took no part in this work."
    # The first act speaks for all; the others stand in the list below it.
    others = position.sentences[len(position.conflicts) :]
    lent = [one.sentence for one in position.behalf if one.sentence not in position.sentences]
    return " ".join([*position.sentences[: min(1, len(position.conflicts))], *others, *lent])


def _voices(position: queries.Position) -> list[tuple[str, str, str]]:
    """In whose name the reader may decide; nothing to choose where it is only their own."""
    lent = [
        (str(one.delegation_id), f"For {one.name}", f"Counts for {one.department}" if one.department else "")
        for one in position.behalf
        if one.may
    ]
    own = [("", "For yourself", "")] if position.may else []
    return [*own, *lent] if lent else []


def _note(one: Decision) -> str:
    exception = one.exception  # type: ignore[attr-defined]
    return " · ".join(filter(None, [one.department, f"by exception {exception}" if exception else ""]))


def _missing(count: int, asked: Request) -> DecisionLine:
    note = "From different departments" if asked.distinct_departments else ""
    return DecisionLine("One more approval" if count == 1 else f"{count} more approvals", "waiting", note)


def _small_team(position: queries.Position, asked: Request) -> str:
    # A delegate is no further voice: theirs is that of the person who lent the duty.
    own = [one for one in position.eligible if not one.for_name]
    free = len(own) + (1 if position.may_somehow else 0)
    if free >= position.still_needed:
        return ""
    return (
        f"{position.still_needed} more must decide, and only {free} may. The rule is not weakened: give somebody "
        f"uninvolved the role of {' or '.join(roles.ROLES[key].word for key in ACTIONS[asked.action].roles)}."
    )


def _candidates(position: queries.Position) -> list[Candidate]:
    # The order is that of the query: free, present, least loaded first.
    suggested = next((one.person_id for one in position.eligible if one.asked_at is None), None)
    return [
        Candidate(
            str(one.person_id),
            one.shown,
            "ineligible" if one.reason else "away" if one.away_until else "free",
            one.reason or _standing(one),
            one.person_id == suggested,
        )
        for one in (*position.eligible, *(blocked for blocked in position.blocked if not blocked.has_decided))
    ]


def _standing(one: queries.Candidate) -> str:
    parts = [
        "" if one.for_name else roles.ROLES[one.role].word,
        one.department,
        f"asked {one.asked_at:%d %b}" if one.asked_at else "",
        f"away until {one.away_until.day} {one.away_until:%b}" if one.away_until else "",
        f"{one.delegate} decides for them" if one.away_until and one.delegate else "",
        f"{one.load} waiting" if one.load else "nothing waiting",
    ]
    return " · ".join(filter(None, parts))


def _acts(asked: Request, conflicts: list[Conflict], actor: Actor) -> list[OwnAct]:
    facts = [one for one in ledger.history(asked.subject_type, asked.subject_id) if one.person_id == actor.person_id]
    acts = []
    for conflict in conflicts:
        at = conflict.at
        near = min(
            (one for one in facts if at and abs(one.at - at) < SAME_ACT), key=lambda one: abs(one.at - at), default=None
        )
        index = near.index if near else None
        acts.append(OwnAct(conflict.act, None, index, icon=ACT_ICONS.get(conflict.held, "user-x")))
    return acts


def _receipt(request: HttpRequest, asked: Request) -> ledger.Fact | None:
    key = _key(request.GET.get("receipt", ""))
    if key is None:
        return None
    fact = ledger.event(key)
    own = fact.person_id == request.actor.person_id  # type: ignore[attr-defined]
    return fact if own and (fact.data or {}).get("request") == str(asked.pk) else None


def _chosen(item: str, rows: list[queries.Row], actor: Actor) -> Request | None:
    key = _key(item)
    if key is not None:
        return queries.get(key, actor=actor)
    return rows[0].request if rows else None


def _subject(request: HttpRequest, asked: Request) -> dict[str, str]:
    known = subjects.describe({(asked.subject_type, asked.action): [asked.subject_id]}).get(asked.subject_id)
    title = known.title if known else str(asked.fields.get("title", asked.subject_ref))
    url = shell.named(known.url_name, _slug(request), *known.url_args) if known and known.url_name else ""
    return {"title": title, "url": url}


def _groups(found: queries.Queue, view: str) -> list[tuple[str, list[queries.Row]]]:
    if view != "open":
        return [("Sent by you" if view == "sent" else "Decided", found.other)] if found.other else []
    asked_first = sorted(found.can, key=lambda row: row.nudge is None)
    both = (("Waiting for you", asked_first), ("Blocked for you, someone else must decide", found.cannot))
    return [(word, rows) for word, rows in both if rows]


def _words(refused: Refused) -> str:
    fields = getattr(refused, "fields", {})
    more = " ".join(word for words in fields.values() for word in words) or refused.help or ""
    return f"{refused.message} {more}".strip()


def _key(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except (ValueError, ValidationError):
        return None


def _slug(request: HttpRequest) -> Any:
    return request.organization.slug  # type: ignore[attr-defined]


urlpatterns = [
    path("approvals", queue, name="queue"),
    path("approvals/<uuid:item>/decide", decide, name="decide"),
    path("approvals/<uuid:item>/ask", ask, name="ask"),
    path("approvals/<uuid:item>/withdraw", withdraw, name="withdraw"),
]
