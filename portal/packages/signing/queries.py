"""Reads of signatures."""

from uuid import UUID

from portal.packages.models import Package
from portal.packages.signing.models import Signature


def of(package: Package) -> Signature | None:
    """Who signed a sealed package; None for a draft, and for what was sealed before packages were signed."""
    return Signature.objects.filter(package=package).first()


def last(organization_id: UUID) -> Signature | None:
    """Of the package that was sealed last; None before the first."""
    rows = Signature.objects.filter(organization_id=organization_id).select_related("package")
    return rows.order_by("-signed_at", "-pk").first()
