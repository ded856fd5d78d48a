"""A job that is started while emergency access runs is tagged with it, and all that it does later is reviewed, too."""

import json
from datetime import timedelta

import pytest
from celery import shared_task
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.errors import NotAllowed
from evidence.identifiers import uuid7
from evidence.ledger import services as ledger
from evidence.ledger.models import Event
from portal.accounts.events import TOKEN_CREATED
from portal.jobs import services
from portal.jobs.models import Job
from portal.jobs.running import _actor_of
from remediation.approvals.emergencies import queries
from remediation.approvals.emergencies import services as emergencies
from tests.portal.web.test_approvals import signed_in
from tests.remediation.approvals.test_emergency import during, running

INSERT = (
    "INSERT INTO jobs_job (id, organization_id, kind, title, args, state, done, note, cancel_requested, attempts, worker,"
    " result, error, subject_type, created_by_id, created_by_account_id, created_at)"
    " VALUES (%s, %s, 'tests.nothing', 'By raw SQL', '{}', 'queued', 0, '', false, 0, '', '{}', '', '', %s, %s, now())"
)


@shared_task(name="tests.nothing", bind=True)
def nothing(self, job, *, actor):
    return {}


@pytest.fixture(autouse=True)
def silent(monkeypatch):
    monkeypatch.setattr(services, "ring", lambda *given: True)


def started(who):
    return services.enqueue("tests.nothing", actor=who, args={}, title="Nothing much")


def test_it_is_tagged_and_its_start_is_an_event_of_that_time(people):
    row = running(people.ines, people.edda)
    job = started(during(people.ines, row))
    assert job.emergency_id == row.pk
    event = Event.objects.get(kind="job.started_in_emergency")
    assert (event.object_id, event.object_ref) == (job.pk, "tests.nothing")
    assert json.loads(bytes(event.body))["facts"]["data"]["emergency"] == str(row.pk)
    assert [fact.kind for fact in queries.acts(row)] == ["job.started_in_emergency"]


def test_outside_nothing_is_tagged(people):
    running(people.ines, people.edda)
    assert started(people.ivan).emergency_id is None
    assert not Event.objects.filter(kind="job.started_in_emergency").exists()


def test_what_it_does_after_the_emergency_is_over_is_reviewed_too(people):
    row = running(people.ines, people.edda)
    job = started(during(people.ines, row))
    row = emergencies.end(row.pk, actor=during(people.ines, row))
    with clock.at(clock.now() + timedelta(minutes=1)):
        ledger.record(TOKEN_CREATED, subject=job, actor=_actor_of(Job.objects.get()))
        ledger.record(TOKEN_CREATED, subject=job, actor=people.ines)
    assert [fact.kind for fact in queries.acts(row)][-1] == "token.created"
    assert [fact.via for fact in queries.acts(row)].count("job") == 1


def test_it_holds_the_role_while_the_emergency_runs_and_its_bars_for_ever(people):
    row = running(people.ines, people.edda, role="manager")
    started(during(people.ines, row))
    actor = _actor_of(Job.objects.get())
    assert actor.may("findings.import") and actor.emergency == row.pk
    with clock.at(row.ends_at + timedelta(minutes=1)):
        assert not actor.may("findings.import")
        later = _actor_of(Job.objects.get())
        assert not later.may("findings.import") and later.may("tasks.work")
        with pytest.raises(NotAllowed) as refusal:
            later.require("packages.build")
        assert refusal.value.rule == "B-10"


def test_the_database_tags_it_whoever_inserts_it_and_lets_nobody_take_the_tag_off(people):
    row = running(people.ines, people.edda)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [uuid7(), row.organization_id, people.ines.person_id, people.ines.account_id])
    job = Job.objects.get()
    assert job.emergency_id == row.pk
    for change in ("emergency_id = NULL", "created_by_id = NULL"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE jobs_job SET {change}")
    Job.objects.update(state=Job.State.CANCELLED)


def test_pages_and_the_api_show_it(org, people):
    row = running(people.ines, people.edda)
    job = started(during(people.ines, row))
    own = signed_in(people.ines).get(f"/o/{org.slug}/jobs/{job.pk}").content.decode()
    assert f"Started in emergency {row.ref}" in own
    assert row.ref in signed_in(people.maya).get(f"/o/{org.slug}/jobs/").content.decode()
    reviewer = signed_in(people.alba)
    page = reviewer.get(f"/o/{org.slug}/emergency/{row.pk}").content.decode()
    assert "Jobs started meanwhile" in page and "tests.nothing" in page
    # Who may not see the job is told its kind, not its title.
    assert "Nothing much" not in page
    whole = reviewer.get(f"/api/v1/organizations/{org.slug}/emergency/{row.pk}/").json()
    assert [(one["id"], one["state"]) for one in whole["jobs"]] == [(str(job.pk), "queued")]
    told = signed_in(people.ines).get(f"/api/v1/organizations/{org.slug}/jobs/{job.pk}/").json()
    assert told["emergency"] == str(row.pk)
