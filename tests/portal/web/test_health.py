"""What load balancers and operators are told, also while parts are away."""

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from evidence.ledger import queries, sequencer
from portal.web import health
from tests.remediation.story import Story

pytestmark = pytest.mark.django_db
PARTS = {"database", "trigger", "broker", "storage", "sequencer"}
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def ready():
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def test_every_part_is_named_and_well():
    code, told = ready()
    assert (code, told["ready"]) == (200, True)
    assert told["parts"] == dict.fromkeys(PARTS, "ok")


def test_without_the_broker_pages_are_served_and_it_is_named(settings):
    settings.REDIS_URL = NOBODY_LISTENS
    assert Client().get("/healthz").status_code == 200
    code, told = ready()
    assert (code, told["ready"]) == (200, True)
    assert told["parts"]["broker"].startswith("away")
    assert {name for name, state in told["parts"].items() if state != "ok"} == {"broker"}


def test_without_storage_the_portal_is_not_ready(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "file" / "blobs"
    code, told = ready()
    assert (code, told["ready"]) == (503, False)
    assert told["parts"]["storage"].startswith("away")


def test_a_sequencer_that_falls_behind_is_named(org, people, monkeypatch):
    Story(people).reported()
    monkeypatch.setattr(health, "LAG_LIMIT_SECONDS", -1)
    code, told = ready()
    assert code == 200
    assert told["parts"]["sequencer"].startswith("behind: the oldest event has waited")


def test_the_lag_is_the_age_of_the_oldest_waiting_event_of_any_organization(org, people):
    Story(people).reported()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.organization', '', true)")
        cursor.execute("SELECT count(*) FROM ledger_queue")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT ledger_oldest_waiting()")
        assert abs((timezone.now() - cursor.fetchone()[0]).total_seconds()) < 60
        cursor.execute("SELECT set_config('app.organization', %s, true)", [str(org.pk)])
    sequencer.run_once(org.pk)
    assert queries.lag().total_seconds() == 0


def test_no_secret_and_no_message_of_a_fault_is_told(settings):
    settings.REDIS_URL = "redis://:hunter2@127.0.0.1:1/0"
    assert b"hunter2" not in Client().get("/readyz").content
