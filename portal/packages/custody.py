"""A sealed package is a use of its exhibits: each of them gets an event that names the package."""

from evidence.actors import Actor
from evidence.artifacts import services as artifacts
from portal.packages.models import Package
from portal.packages.snapshot import Snapshot


def record_exhibits(package: Package, snapshot: Snapshot, *, actor: Actor) -> int:
    """Leave the events, in the transaction that seals. A draft uses nothing yet, so it leaves none."""
    numbers = {exhibit.number: exhibit.version for exhibit in snapshot.exhibits}
    told = {
        "type": "packages.package",
        "id": str(package.pk),
        "ref": package.ref,
        "issue": package.issue,
        "engagement": str(package.engagement_id),
        "sha256": package.sha256,
    }
    return artifacts.record_packaged(numbers, package=told, actor=actor)
