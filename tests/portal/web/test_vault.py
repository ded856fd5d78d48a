"""The page Vault, the alarm on every page, and the state of a piece of evidence's bytes."""

import io

import pytest

from evidence.artifacts import services as artifacts
from evidence.intake import services as intake
from evidence.ledger.models import Event
from evidence.vault import checking, keys
from evidence.vault import jobs as work
from evidence.vault.models import BlobCheck
from portal.jobs.models import Job
from tests.portal.web.test_signing_in_and_people import signed_in


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR, settings.CLEARHOLD_KEYS_DIR = tmp_path / "blobs", tmp_path / "keys"


@pytest.fixture
def artifact(org, people):
    received = intake.take(io.BytesIO(b"week,leavers\n"), filename="w.csv", organization_id=org.pk, limit_bytes=1000)
    return artifacts.add(received, title="Leavers", kind="report", actor=people.ines)


def damage(artifact, settings) -> None:
    path = settings.CLEARHOLD_BLOBS_DIR / artifact.latest.blob.location
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def page(org) -> str:
    return f"/o/{org.slug}/settings/vault"


def test_an_administrator_sees_counts_stores_and_keys(org, people, artifact):
    shown = signed_in(people.adam).get(page(org)).content.decode()
    assert "takes new files" in shown
    assert artifact.latest.blob.kek_id in shown
    assert "Not yet read again" in shown


def test_nobody_else_sees_it(org, people):
    for someone in (people.maya, people.ines, people.arun):
        assert signed_in(someone).get(page(org)).status_code == 404


def test_damage_is_said_on_every_page_and_listed_with_its_evidence(org, people, artifact, settings):
    damage(artifact, settings)
    client = signed_in(people.maya)
    assert "Stored evidence is damaged" not in client.get(f"/o/{org.slug}/evidence/").content.decode()
    verify = f"/o/{org.slug}/evidence/{artifact.ref}/v/1/verify"
    shown = client.post(verify, follow=True).content.decode()
    assert "are not those on record" in shown
    assert "1 stored file is not what was stored" in shown
    assert "Altered" in shown
    for place in ("evidence/", "findings", "ledger/"):
        assert "Stored evidence is damaged" in client.get(f"/o/{org.slug}/{place}").content.decode()
    vault = signed_in(people.adam).get(page(org)).content.decode()
    assert f"{artifact.ref} v1" in vault
    assert set(
        Event.objects.filter(kind__in=["vault.damaged", "artifact.verified"]).values_list("kind", flat=True)
    ) == {
        "vault.damaged",
        "artifact.verified",
    }


def test_the_alarm_ends_when_the_bytes_are_right_again(org, people, artifact, settings):
    path = settings.CLEARHOLD_BLOBS_DIR / artifact.latest.blob.location
    whole = path.read_bytes()
    damage(artifact, settings)
    assert not artifacts.verify(artifact.latest.pk, actor=people.maya)
    path.write_bytes(whole)
    assert artifacts.verify(artifact.latest.pk, actor=people.maya)
    assert "Stored evidence is damaged" not in signed_in(people.maya).get(f"/o/{org.slug}/evidence/").content.decode()


def test_evidence_shows_when_its_bytes_were_last_read(org, people, artifact):
    client, address = signed_in(people.ines), f"/o/{org.slug}/evidence/{artifact.ref}"
    assert "Not checked yet" in client.get(address).content.decode()
    assert "have the SHA-256 on record" in client.post(f"{address}/v/1/verify", follow=True).content.decode()
    assert "Intact" in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("act", "kind", "given"),
    [("verify", work.VERIFY, {}), ("rewrap", work.REWRAP, {}), ("move", work.MOVE, {"to": "local"})],
)
def test_long_work_is_one_job_however_often_it_is_asked_for(org, people, act, kind, given):
    client = signed_in(people.adam)
    first = client.post(f"{page(org)}/{act}", given)
    again = client.post(f"{page(org)}/{act}", given)
    job = Job.objects.get(kind=kind)
    assert first.url == again.url == f"/o/{org.slug}/jobs/{job.pk}"
    assert "under way already" in client.get(again.url).content.decode()


def test_a_move_to_a_store_that_is_not_set_up_is_refused(org, people):
    answer = signed_in(people.adam).post(f"{page(org)}/move", {"to": "s3"})
    assert answer.status_code == 422
    assert not Job.objects.exists()


def test_keys_that_wait_for_a_new_wrapping_are_offered(org, people, artifact, settings):
    client = signed_in(people.adam)
    assert "with the current key" not in client.get(page(org)).content.decode()
    keys.create(settings.CLEARHOLD_KEYS_DIR)
    assert "Wrap 1 with the current key" in client.get(page(org)).content.decode()


def test_the_stores_say_what_is_wrong_with_them(org, people, settings):
    client = signed_in(people.adam)
    assert "set up as they should be" in client.get(f"{page(org)}/stores").content.decode()
    settings.CLEARHOLD_S3 = {"bucket": "away", "endpoint": "http://127.0.0.1:1", "attempts": 1, "connect_seconds": 1,
                             "access_key": "a", "secret_key": "b", "region": "r"}  # fmt: skip
    assert "does not answer" in client.get(f"{page(org)}/stores", headers={"HX-Request": "true"}).content.decode()


def test_the_page_takes_the_same_queries_for_two_files_as_for_thirty(
    org, people, artifact, django_assert_max_num_queries
):
    client = signed_in(people.adam)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(page(org))
    with CaptureQueriesContext(connection) as few:
        client.get(page(org))
    for number in range(30):
        received = intake.take(io.BytesIO(bytes([number])), filename="x", organization_id=org.pk, limit_bytes=1000)
        added = artifacts.add(received, title="More", kind="report", actor=people.ines)
        found = (
            checking.Found(checking.Outcome.DAMAGED, checking.StorageFailed("x"))
            if number % 2
            else checking.examine(added.latest.blob)
        )
        checking.remember(added.latest.blob, found, actor=people.adam)
    assert BlobCheck.objects.count() == 30
    with CaptureQueriesContext(connection) as many:
        client.get(page(org))
    assert len(many) <= len(few) + 1
