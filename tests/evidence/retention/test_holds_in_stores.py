"""What a hold keeps is held by the bucket too, and let go when the last hold is over."""

from collections.abc import Iterator

import pytest

from evidence.artifacts.models import ArtifactVersion
from evidence.ledger.services import Subject
from evidence.retention import services
from evidence.retention.models import Scope, StoreHold
from evidence.vault import checking
from tests.evidence.vault import stores
from tests.people import People

MATTER = {"matter": "Doe v. Lumenroll", "reason": "Counsel asked for it."}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with stores.moto() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(moto, settings, own_store):
    """A bucket that can hold, as the current store."""
    below = stores.use_bucket(moto, stores.new_bucket(moto, lock=True), lock_mode="GOVERNANCE", lock_days=1)
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    return below


@pytest.fixture
def settle(people: People, org):
    """The job's work."""
    return lambda: services.settle(actor=people.adam, inside=checking.entering(org.pk), watch=lambda *told: None)


def status(moto, below, artifact) -> str:
    """The hold as the bucket tells it."""
    blob = ArtifactVersion.objects.get(artifact=artifact).blob
    asked = {"Bucket": below.bucket, "Key": below.backend.key(blob.location), "VersionId": blob.store_version}
    return stores.client(moto).get_object_legal_hold(**asked)["LegalHold"]["Status"]


def hold(people: People, made):
    target = Subject("artifacts.artifact", made.pk, made.ref)
    return services.set_hold(actor=people.edda, scope=Scope.ARTIFACT, target=target, **MATTER)


def test_the_bucket_holds_what_a_hold_keeps_until_the_last_one_is_released(moto, bucket, kept, people, settle):
    made, other = kept(), kept(b"another file\n")
    first, second = hold(people, made), hold(people, made)
    assert services.is_behind()
    assert settle() == {"on": 1, "off": 0}
    assert status(moto, bucket, made) == "ON"
    assert not services.is_behind()
    assert settle() == {"on": 0, "off": 0}
    services.release(first.pk, actor=people.maya, reason="Settled out of court.")
    assert not services.is_behind()
    services.release(second.pk, actor=people.maya, reason="Settled out of court.")
    assert settle() == {"on": 0, "off": 1}
    assert status(moto, bucket, made) == "OFF"
    assert not StoreHold.objects.exists()
    assert ArtifactVersion.objects.get(artifact=other).blob_id


def test_a_bucket_without_holds_is_asked_once(moto, settings, own_store, kept, people, settle):
    stores.use_bucket(moto, stores.new_bucket(moto))
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    hold(people, kept())
    assert settle() == {"on": 0, "off": 0}
    assert StoreHold.objects.get().stands is False
    assert not services.is_behind()


def test_a_disk_is_not_asked(kept, people, settle):
    hold(people, kept())
    assert not services.is_behind()
    assert settle() == {"on": 0, "off": 0}
