"""Verify every blob of every organization: read, decrypt, hash, count. It changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import transaction

from evidence import tenancy
from evidence.errors import Unavailable
from evidence.organizations.models import Organization
from evidence.vault import keys, services
from evidence.vault.backends import StorageFailed
from evidence.vault.models import Blob

BATCH_ROWS = 500


@dataclass
class Report:
    """What was found; `erased` blobs are counted apart. `damaged` names blobs that are not what was sealed; `unread` those that could not be tried."""

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


def verify_all(*, slug: str = "", progress: Callable[[Report], None] | None = None) -> Report:
    """Verify the blobs of one organization, or of all."""
    report = Report()
    for organization in Organization.objects.filter(**({"slug": slug} if slug else {})).order_by("slug"):
        for blob in _blobs(organization):
            _try(blob, organization, report)
            if progress is not None:
                progress(report)
    return report


def _try(blob: Blob, organization: Organization, report: Report) -> None:
    if blob.erased_at is not None:
        report.erased += 1
        return
    report.blobs += 1
    try:
        services.verify(blob)
    except (keys.KeyMissing, keys.KeyUnsafe, StorageFailed) as problem:
        report.unread.append(f"{organization.slug}: blob {blob.pk}: {problem.message}")
    except Unavailable as damage:
        report.damaged.append(f"{organization.slug}: blob {blob.pk}: {damage.message}")
    else:
        report.intact += 1
        report.plain_bytes += blob.size


def _blobs(organization: Organization) -> Iterator[Blob]:
    # Each batch has a transaction of its own, so that reading terabytes holds no snapshot open.
    last = None
    while True:
        with transaction.atomic(), tenancy.entered(organization.pk):
            rows = Blob.objects.order_by("pk")
            batch = list((rows.filter(pk__gt=last) if last else rows)[:BATCH_ROWS])
        yield from batch
        if len(batch) < BATCH_ROWS:
            return
        last = batch[-1].pk
