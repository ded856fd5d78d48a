"""Which versions are kept back, and from whom: originals that were redacted, and copies that nobody approved yet.

Auditors and packages get neither. Staff read an original only with a right of its own; the guard in SQL hides the
wrapped key of such bytes from the auditors' role altogether.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from evidence.actors import Actor
from evidence.artifacts.models import ArtifactVersion, Redaction, RedactionVerdict
from evidence.errors import NotAllowed, NotFound

ORIGINAL = "evidence.original"
_OF_AN_ORIGINAL = ~Q(decision__verdict=RedactionVerdict.UNNEEDED) | Q(decision=None)
_OF_A_COPY = ~Q(decision__verdict=RedactionVerdict.APPROVED) | Q(decision=None)


def kept_back(version: str) -> Q:
    """A condition for a query: the version that the field `version` names is kept back."""
    originals = Redaction.objects.filter(_OF_AN_ORIGINAL, original_id=OuterRef(version))
    copies = Redaction.objects.filter(_OF_A_COPY, redacted_id=OuterRef(version))
    return Q(Exists(originals)) | Q(Exists(copies))


def kept_back_among(version_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the versions that auditors and packages may not get."""
    wanted = list(version_ids)
    originals = Redaction.objects.filter(_OF_AN_ORIGINAL, original_id__in=wanted).values_list("original_id", flat=True)
    copies = Redaction.objects.filter(_OF_A_COPY, redacted_id__in=wanted).values_list("redacted_id", flat=True)
    return {*originals, *copies}


def is_restricted(version_id: UUID) -> bool:
    """Whether it is an original of which a redacted copy was made."""
    return Redaction.objects.filter(_OF_AN_ORIGINAL, original_id=version_id).exists()


def refuse_kept_back(version: ArtifactVersion, *, actor: Actor, engagement: Any) -> None:
    """Raise NotFound for an auditor, NotAllowed for staff without the right to originals."""
    if engagement is not None:
        if kept_back_among([version.pk]):
            raise NotFound("There is no such evidence in this engagement.")
        return
    if is_restricted(version.pk) and not actor.may(ORIGINAL, version.artifact):
        raise NotAllowed(
            f"Version {version.number} of {version.artifact.ref} was redacted, so its original is kept back.",
            code="original_kept_back",
            help="Open the redacted copy, or ask a compliance manager for what you need of the original.",
        )
