"""Reads of signatures."""

from portal.packages.models import Package
from portal.packages.signing.models import Signature


def of(package: Package) -> Signature | None:
    """Who signed a sealed package; None for a draft, and for what was sealed before packages were signed."""
    return Signature.objects.filter(package=package).first()
