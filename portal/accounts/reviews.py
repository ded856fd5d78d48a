"""The review of access to the portal itself: a snapshot, a verdict per line, and the whole frozen as evidence.

Nobody judges their own access (rule R-05); what is revoked ends at once; a finished review never changes.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Method
from evidence.controls.models import EvidenceKind
from evidence.errors import DutyConflict, Invalid, NotFound, WrongState
from evidence.intake import services as intake
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations
from portal.accounts import factors, object_grants, roles
from portal.accounts import services as accounts
from portal.accounts.events import REVIEW_DECIDED, REVIEW_FINISHED, REVIEW_OPENED
from portal.accounts.models import AccessReview, AccessReviewLine, Account, ApiToken, Membership
from portal.accounts.object_grants import TimeBoxedGrant
from remediation.findings.models import Finding
from remediation.sod import queries as sod

Kind, Verdict = AccessReviewLine.Kind, AccessReviewLine.Verdict
LIMIT_BYTES = 50 * 1024 * 1024
COLUMNS = ("person", "access", "what", "since", "until", "granted_by", "factors", "last_seen", "verdict", "reason",
           "decided_by", "decided_at")  # fmt: skip
BATCH = 500


@transaction.atomic
def begin(*, actor: Actor) -> AccessReview:
    """Take the snapshot: every live role, token and grant. Raises WrongState while a review is open."""
    actor.require("people.view")
    if actor.person_id is None or actor.via == "token":
        raise Invalid("A review is opened by a person who is signed in.")
    if AccessReview.objects.filter(organization_id=actor.organization_id, finished_at=None).exists():
        raise WrongState("A review is open already; finish it first.")
    ref, _ = organizations.take_ref(actor.organization_id, "AR")
    review = AccessReview.objects.create(
        organization_id=actor.organization_id, ref=ref, opened_by_id=actor.person_id, opened_at=clock.now()
    )
    made = AccessReviewLine.objects.bulk_create(_snapshot(review), batch_size=BATCH)
    ledger.record(REVIEW_OPENED, subject=review, actor=actor, data={"lines": len(made)})
    return review


@transaction.atomic
def decide(line_id: UUID, *, verdict: str, reason: str, actor: Actor) -> AccessReviewLine:
    """Keep or revoke one access; what is revoked ends now. Raises DutyConflict for one's own (rule R-05)."""
    line = (
        AccessReviewLine.objects.select_for_update()
        .filter(pk=line_id, organization_id=actor.organization_id)
        .select_related("review")
        .first()
    )
    if line is None:
        raise NotFound("There is no such line.")
    actor.require("people.view")
    if line.review.finished_at is not None:
        raise WrongState("This review is finished; open a new one (rule R-06).", rule="R-06")
    if line.verdict:
        raise WrongState("This line was decided already; change the access under People (rule R-06).", rule="R-06")
    if actor.person_id is None or line.person_id in sod.same_people(actor.person_id):
        raise DutyConflict(
            "Nobody reviews their own access (rule R-05).", rule="R-05", help="Let another reviewer decide this line."
        )
    if verdict not in Verdict.values or (verdict == Verdict.REVOKE and len(reason.split()) < 2):
        raise Invalid("Say keep, or revoke and why.", fields={"reason": ["Say in a few words why it ends."]})
    line.verdict, line.reason = verdict, reason.strip()[:300]
    line.decided_by_id, line.decided_at = actor.person_id, clock.now()
    line.save(update_fields=["verdict", "reason", "decided_by", "decided_at"])
    data = {"verdict": verdict, "kind": line.kind, "target": str(line.target_id), "person": str(line.person_id)}
    ledger.record(REVIEW_DECIDED, subject=line.review, actor=actor, reason=reason, data=data)
    if verdict == Verdict.REVOKE:
        _revoke(line, reason)
    return line


@transaction.atomic
def finish(review_id: UUID, *, actor: Actor, control: str = "") -> AccessReview:
    """Freeze the review as a file among the evidence, linked to a control when one is named.

    Raises WrongState while a line is undecided; the reviewer's own lines must have been decided by somebody else.
    """
    review = find(review_id, actor=actor, lock=True)
    if review.finished_at is not None:
        raise WrongState("This review is finished.")
    waiting = review.lines.filter(verdict="").count()
    if waiting:
        raise WrongState(
            f"{waiting} lines are not decided yet.", help="Decide each; your own are decided by another reviewer."
        )
    product = Actor.system(actor.organization_id, "access review")
    text = table(review)
    received = intake.take(
        io.BytesIO(text.encode()), filename=f"{review.ref.lower()}-access.csv", limit_bytes=LIMIT_BYTES,
        organization_id=actor.organization_id,
    )  # fmt: skip
    about = VersionFacts(
        as_of=review.opened_at, collected_at=clock.now(), collector_id=actor.person_id, method=Method.GENERATED,
        source_system="Clearhold, review of access", is_production=True,
        query=f"{review.ref}: every live role, token and grant of the organization", row_count=review.lines.count(),
    )  # fmt: skip
    artifact = artifacts.add(
        received,
        title=f"{review.ref}: review of access to the portal",
        kind=EvidenceKind.REPORT,
        actor=product,
        about=about,
    )
    if control:
        artifacts.link_control(artifact.pk, control, actor=product)
    review.finished_by_id, review.finished_at, review.artifact_ref = actor.person_id, clock.now(), artifact.ref
    review.save(update_fields=["finished_by", "finished_at", "artifact_ref"])
    ledger.record(REVIEW_FINISHED, subject=review, actor=actor, data={"artifact": artifact.ref})
    return review


def listed(*, actor: Actor) -> QuerySet[AccessReview]:
    """Every review, newest first, with its lines counted: `total`, `decided`, `revoked`."""
    actor.require("people.view")
    rows = AccessReview.objects.filter(organization_id=actor.organization_id).select_related("opened_by", "finished_by")
    return rows.annotate(
        total=Count("lines"),
        decided=Count("lines", filter=~Q(lines__verdict="")),
        revoked=Count("lines", filter=Q(lines__verdict=Verdict.REVOKE)),
    ).order_by("-opened_at", "-id")


def find(review_id: UUID, *, actor: Actor, lock: bool = False) -> AccessReview:
    """The review. Raises NotFound."""
    actor.require("people.view")
    rows = AccessReview.objects.select_for_update() if lock else AccessReview.objects.all()
    review = rows.filter(pk=review_id, organization_id=actor.organization_id).first()
    if review is None:
        raise NotFound("There is no such review.")
    return review


def table(review: AccessReview) -> str:
    """The review as CSV, one line per access."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    for line in review.lines.select_related("person", "decided_by").order_by("person__name", "kind", "id").iterator():
        facts = line.facts
        words = [line.person.name, line.kind, *(facts.get(name) or "" for name in COLUMNS[2:8]), line.verdict,
                 line.reason, line.decided_by.name if line.decided_by else "", _moment(line.decided_at)]  # fmt: skip
        rows.writerow([f"'{word}" if word[:1] in ("=", "+", "-", "@") else word for word in map(str, words)])
    return written.getvalue()


def _snapshot(review: AccessReview) -> Iterator[AccessReviewLine]:
    here = {"organization_id": review.organization_id}
    people = Membership.objects.filter(**here, ended_at=None).values("person_id")
    accounts_of = Account.objects.filter(person_id__in=people)
    seen = {row.person_id: row.last for row in accounts_of.annotate(last=Max("sign_ins__seen_at"))}
    proofs = factors.words_by_person(accounts_of)

    def line(person_id: UUID, kind: str, target_id: UUID, **facts: str) -> AccessReviewLine:
        told = {**facts, "factors": proofs.get(person_id, "password"), "last_seen": _moment(seen.get(person_id))}
        return AccessReviewLine(**here, review=review, person_id=person_id, kind=kind, target_id=target_id, facts=told)

    roles_held = Membership.objects.filter(**here, ended_at=None)
    for held in roles_held.select_related("granted_by", "request__decided_by").iterator():
        by = _givers(held)
        what = roles.ROLES[held.role].word + (f", {held.department}" if held.department else "")
        yield line(held.person_id, Kind.ROLE, held.pk, what=what, since=_moment(held.starts_at), granted_by=by)
    live = ApiToken.objects.filter(**here, revoked_at=None, expires_at__gt=clock.now())
    for token in live.select_related("account").iterator():
        what = f"{token.name}: {', '.join(token.scopes)}"
        yield line(token.account.person_id, Kind.TOKEN, token.pk, what=what, since=_moment(token.created_at),
                   until=_moment(token.expires_at))  # fmt: skip
    for grant in object_grants.all_live(review.organization_id):
        yield line(grant.user.person_id, Kind.GRANT, grant.pk, what=_named(grant),
                   since=_moment(grant.valid_from), until=_moment(grant.valid_until),
                   granted_by=grant.granted_by.name)  # fmt: skip


def _givers(held: Membership) -> str:
    """Who gave a role: the operator, one administrator, or two."""
    names = [held.granted_by.name if held.granted_by else "the operator"]
    if held.request is not None and held.request.decided_by is not None:
        names.append(held.request.decided_by.name)
    return " and ".join(names)


def _revoke(line: AccessReviewLine, reason: str) -> None:
    # The product carries it out: a reviewer decides about access without holding the right to manage people.
    product = Actor.system(line.organization_id, "access review")
    if line.kind == Kind.TOKEN:
        accounts.revoke_token(line.target_id, actor=product)
    elif line.kind == Kind.GRANT:
        object_grants.end_one(line.target_id, by=line.decided_by_id)
    elif Membership.objects.filter(pk=line.target_id, ended_at=None).exists():
        accounts.end_role(line.target_id, actor=product, reason=reason)


def _named(grant: TimeBoxedGrant) -> str:
    # A reviewer is told that somebody may see a restricted finding, never which: they may not know of it themselves.
    if isinstance(grant.content_object, Finding):
        return "One restricted finding"
    return f"{grant.content_object}"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
