"""What the stories of keeping share: evidence that Ines uploaded and Vera accepted, and raw SQL as the app."""

import io
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.intake import services as intake
from evidence.ledger.models import Event

WHY = "Kept long enough."
POLICY = "Retention policy, section 4"


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"
    return tmp_path


@pytest.fixture
def take(org):
    def taken(data: bytes = b"week,result\nW12,OK\n", filename: str = "leavers.csv"):
        return intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, limit_bytes=10_000_000)

    return taken


@pytest.fixture
def kept(take, people):
    """Accepted evidence about 2018, so that seven years are over."""

    def added(data: bytes = b"week,result\nW12,OK\n", *, year: int = 2018, actor=None, accepted: bool = True):
        about = VersionFacts(period_from=date(year, 1, 1), period_to=date(year, 12, 31))
        made = artifacts.add(take(data), title="Leavers", kind="report", about=about, actor=actor or people.ines)
        return artifacts.accept(made.pk, number=1, actor=people.vera) if accepted else made

    return added


@pytest.fixture
def kinds():
    def of(subject) -> list[str]:
        rows = Event.objects.filter(object_id=subject.pk).order_by("object_version")
        return list(rows.values_list("kind", flat=True))

    return of


@pytest.fixture
def refused_by_database(db):
    def refused(statement: str, *given, role: str = "clearhold_app") -> str:
        with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {role}")
            cursor.execute(statement, given)
        return str(refusal.value)

    return refused
