"""Read stored bytes again, hash them, and remember what was found: one blob, a day's share, or all of them.

A difference is an alarm: an event, and a state that pages show until the bytes are right again. What could not be
read, because a key or the store is away, is neither intact nor damaged and says so.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import Unavailable
from evidence.ledger import services as ledger
from evidence.organizations import queries as policies
from evidence.organizations.models import Organization
from evidence.vault import events, keys, services
from evidence.vault.backends import BlobGone, StorageFailed
from evidence.vault.models import Blob, BlobCheck, Outcome

BATCH_ROWS = 200
BAD = (Outcome.DAMAGED, Outcome.MISSING)
# So many failures of the store in a row mean that it is away, and that trying the rest would only take long.
AWAY_AFTER = 5

Inside = Callable[[], AbstractContextManager[Any]]
Watch = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Found:
    """What one reading found. `problem` is the refusal's code, `refusal` the refusal itself."""

    outcome: Outcome
    refusal: Unavailable | None = None

    @property
    def problem(self) -> str:
        return self.refusal.kind if self.refusal else ""

    @property
    def words(self) -> str:
        return self.refusal.message if self.refusal else ""


@dataclass
class Report:
    """What was found; `erased` blobs are counted apart. `damaged` names blobs that are not what was sealed; `unread`
    those that could not be tried."""

    blobs: int = 0
    erased: int = 0
    intact: int = 0
    plain_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when all is intact, 1 when something is damaged, 2 when something could not be read at all."""
        if self.damaged:
            return 1
        return 2 if self.unread else 0

    def add(self, blob: Blob, found: Found, *, prefix: str = "") -> None:
        self.blobs += 1
        if found.outcome is Outcome.INTACT:
            self.intact += 1
            self.plain_bytes += blob.size
        else:
            names = self.damaged if found.outcome in BAD else self.unread
            names.append(f"{prefix}blob {blob.pk}: {found.words}")

    def counts(self) -> dict[str, int]:
        """The figures that an event and a job keep."""
        return {
            "files": self.blobs,
            "intact": self.intact,
            "bytes": self.plain_bytes,
            "damaged": len(self.damaged),
            "unread": len(self.unread),
        }


def examine(blob: Blob | services.Sealed, *, tick: Callable[[], None] | None = None) -> Found:
    """Read, decrypt and hash all of one blob. Raises Erased for one whose key was destroyed."""
    try:
        for _piece in services.open(blob):
            if tick is not None:
                tick()
    except services.Erased:
        raise
    except Unavailable as refusal:
        return _judged(refusal)
    return Found(Outcome.INTACT)


def handed_out(blob: Blob, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, as somebody reads them outside a transaction; damage met on the way raises the same alarm as a check."""
    try:
        yield from pieces
    except Unavailable as refusal:
        note_damage(blob, refusal)
        raise


def note_damage(blob: Blob, refusal: Unavailable) -> None:
    """Raise the alarm of a check for what a reader ran into. A store that is away, or an erased file, is no damage."""
    found = _judged(refusal)
    if found.outcome in BAD and not isinstance(refusal, services.Erased):
        with entering(blob.organization_id)():
            remember(blob, found, actor=Actor.system(blob.organization_id, "vault"))


def _judged(refusal: Unavailable) -> Found:
    if isinstance(refusal, keys.KeysUnavailable | StorageFailed):
        return Found(Outcome.UNREAD, refusal)
    return Found(Outcome.MISSING if isinstance(refusal, BlobGone) else Outcome.DAMAGED, refusal)


@transaction.atomic
def remember(blob: Blob, found: Found, *, actor: Actor) -> BlobCheck:
    """Keep what a reading found, and record the moment when a file turns out damaged, or right again."""
    # The blob's row is the lock: two checks of one file record one damage.
    Blob.objects.select_for_update(of=("self",)).get(pk=blob.pk)
    moment = clock.now()
    known = BlobCheck.objects.filter(blob_id=blob.pk).first()
    check = known or BlobCheck(organization_id=blob.organization_id, blob_id=blob.pk, outcome=found.outcome)
    was_bad, is_bad = known is not None and known.outcome in BAD, found.outcome in BAD
    check.checked_at = moment
    if was_bad and found.outcome is Outcome.UNREAD:
        check.save(update_fields=["checked_at"])
        return check
    check.outcome, check.problem, check.words = found.outcome, found.problem, found.words[:500]
    if found.outcome is Outcome.INTACT:
        check.intact_at, check.damaged_since = moment, None
    if is_bad and not was_bad:
        check.damaged_since = moment
        data = {"sha256": blob.sha256, "size": blob.size, "problem": found.problem, "backend": blob.backend}
        ledger.record(events.VAULT_DAMAGED, subject=events.file(blob), actor=actor, data=data)
    elif was_bad and not is_bad:
        ledger.record(events.VAULT_MENDED, subject=events.file(blob), actor=actor, data={"sha256": blob.sha256})
    check.save()
    return check


def share(organization_id: UUID) -> int:
    """How many files today's round reads, so that each is read again within the days of the policy."""
    days = recheck_days(organization_id)
    facts = _readable().aggregate(
        files=Count("pk"), late=Count("pk", filter=Q(seen__lt=clock.now() - timedelta(days=days - 1)))
    )
    return max(-(-int(facts["files"]) // days), int(facts["late"]))


def recheck_days(organization_id: UUID) -> int:
    """After how many days at most every file was read again."""
    return int(policies.policy(organization_id, "scrub").body["days"])


def scrub(*, actor: Actor, inside: Inside, watch: Watch) -> Report:
    """Read today's share again, those first that were read longest ago.

    `inside` opens a transaction of the organization; reading itself happens outside of any.
    """
    began = clock.now()
    with inside():
        actor.require("settings.manage")
        total = share(actor.organization_id)
    return _check_each(_oldest(began, total, inside), total, actor=actor, inside=inside, watch=watch, scope="share")


def verify_everything(*, actor: Actor, inside: Inside, watch: Watch) -> Report:
    """Read every file of the organization again."""
    with inside():
        actor.require("settings.manage")
        total = _readable().count()
    return _check_each(_in_order(inside), total, actor=actor, inside=inside, watch=watch, scope="all")


def _check_each(blobs: Iterator[Blob], total: int, *, actor: Actor, inside: Inside, watch: Watch, scope: str) -> Report:
    report, away = Report(), 0

    def tick() -> None:
        watch(report.blobs, total, _note(report))

    try:
        for blob in blobs:
            tick()
            found = _check(blob, actor=actor, inside=inside, tick=tick)
            if found is None:
                continue
            report.add(blob, found)
            away = away + 1 if isinstance(found.refusal, StorageFailed) else 0
            if away == AWAY_AFTER and found.refusal is not None:
                raise found.refusal
    finally:
        # Also of a round that was stopped: what it read, it read.
        if report.blobs:
            with inside():
                data = {"scope": scope, **report.counts()}
                about = events.vault(actor.organization_id)
                ledger.record(events.VAULT_VERIFIED, subject=about, actor=actor, data=data)
    watch(total, total, _note(report))
    return report


def _check(blob: Blob, *, actor: Actor, inside: Inside, tick: Callable[[], None]) -> Found | None:
    """One file, read outside a transaction. None when it was erased meanwhile."""
    found = examine(blob, tick=tick)
    with inside():
        now = Blob.objects.filter(pk=blob.pk, erased_at=None).first()
    if now is None:
        return None
    if found.outcome is Outcome.MISSING and (now.backend, now.store_version) != (blob.backend, blob.store_version):
        found = examine(now, tick=tick)
    with inside():
        remember(now, found, actor=actor)
    return found


def _note(report: Report) -> str:
    bad = f", {len(report.damaged)} damaged" if report.damaged else ""
    unread = f", {len(report.unread)} could not be read" if report.unread else ""
    return f"{report.blobs} files, {services.readable(report.plain_bytes)} read{bad}{unread}"


def _readable() -> "QuerySet[Any]":
    """Blobs that can be opened, each with the moment it was last seen: at its last check, else as it was sealed."""
    return Blob.objects.filter(erased_at=None).annotate(seen=Coalesce("check_state__checked_at", F("created_at")))


def _oldest(began: Any, most: int, inside: Inside) -> Iterator[Blob]:
    left = most
    while left > 0:
        with inside():
            batch = list(_readable().filter(seen__lt=began).order_by("seen", "pk")[: min(left, BATCH_ROWS)])
        yield from batch
        left -= len(batch)
        if not batch:
            return


def _in_order(inside: Inside) -> Iterator[Blob]:
    last: UUID | None = None
    while True:
        with inside():
            rows = Blob.objects.filter(erased_at=None).order_by("pk")
            batch = list((rows.filter(pk__gt=last) if last else rows)[:BATCH_ROWS])
        yield from batch
        if len(batch) < BATCH_ROWS:
            return
        last = batch[-1].pk


@dataclass(frozen=True)
class Standing:
    """The vault of an organization at a glance."""

    files: int
    plain_bytes: int
    erased: int
    damaged: int
    unread: int
    never: int
    oldest_at: Any
    last_at: Any


def standing() -> Standing:
    """Counts of the entered organization."""
    bad, unread = Q(check_state__outcome__in=BAD), Q(check_state__outcome=Outcome.UNREAD)
    facts = _readable().aggregate(
        files=Count("pk"),
        plain_bytes=Sum("size"),
        damaged=Count("pk", filter=bad),
        unread=Count("pk", filter=unread),
        never=Count("pk", filter=Q(check_state=None)),
    )
    oldest = _readable().order_by("seen").values_list("seen", flat=True).first()
    last = BlobCheck.objects.order_by("-checked_at").values_list("checked_at", flat=True).first()
    erased = Blob.objects.exclude(erased_at=None).count()
    facts["plain_bytes"] = facts["plain_bytes"] or 0
    return Standing(**facts, erased=erased, oldest_at=oldest, last_at=last)


def damaged() -> QuerySet[BlobCheck]:
    """The files of the entered organization that are not what was stored, the oldest damage first."""
    bad = BlobCheck.objects.filter(outcome__in=BAD, blob__erased_at=None)
    return bad.select_related("blob").order_by("damaged_since", "pk")


def verify_all(*, slug: str = "", progress: Callable[[Report], None] | None = None) -> Report:
    """Verify the blobs of one organization, or of all, and remember what was found. It never stops half-way."""
    report = Report()
    for organization in Organization.objects.filter(**({"slug": slug} if slug else {})).order_by("slug"):
        actor, inside = Actor.system(organization.pk, "verify_vault"), entering(organization.pk)
        with inside():
            report.erased += Blob.objects.exclude(erased_at=None).count()
        for blob in _in_order(inside):
            found = _check(blob, actor=actor, inside=inside, tick=lambda: None)
            if found is not None:
                report.add(blob, found, prefix=f"{organization.slug}: ")
            if progress is not None:
                progress(report)
    return report


def entering(organization_id: UUID) -> Inside:
    """A transaction inside an organization, for commands: jobs bring their own."""

    @contextmanager
    def inside() -> Iterator[None]:
        with transaction.atomic(), tenancy.entered(organization_id, system=True):
            yield

    return inside
