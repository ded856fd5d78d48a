"""The job table is the truth: what is queued runs once, however the bell rings."""

from datetime import timedelta

import pytest
from celery import shared_task
from django.db import transaction

from evidence import clock, tenancy
from evidence.errors import Invalid, NotFound, WrongState
from evidence.organizations.models import Organization
from portal.jobs import services
from portal.jobs.models import Job
from tests.people import hire

calls: list[str] = []


@shared_task(name="tests.count", bind=True)
def count(self, job, *, actor, upto=3, stop_at=None, fail=False):
    with self.inside():
        Organization.objects.filter(pk=job.organization_id).update(name="worked")
        for number in range(upto):
            if number == stop_at:
                Job.objects.filter(pk=job.pk)
                _ask_to_stop_from_elsewhere(job)
            self.progress(number + 1, upto, f"row {number + 1}", force=True)
        if fail:
            raise Invalid("Row 3 has no title.", help="Give it one.")
    calls.append(str(job.pk))
    return {"rows": upto}


def _ask_to_stop_from_elsewhere(job):
    from portal.jobs.running import apart

    with apart()._connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.organization', %s, false)", [str(job.organization_id)])
        cursor.execute("UPDATE jobs_job SET cancel_requested = true WHERE id = %s", [job.pk])


@pytest.fixture
def world(own_database):
    from portal.jobs import running

    running._apart = None
    organization = Organization.objects.create(slug="jobfirm", name="Jobfirm")
    with transaction.atomic(), tenancy.entered(organization.pk):
        people = hire(organization)
    yield organization, people
    if running._apart is not None:
        running._apart._connection.close()
        running._apart = None


def enqueue(world, **args):
    organization, people = world
    with transaction.atomic(), tenancy.entered(organization.pk):
        return services.enqueue("tests.count", actor=people.maya, args=args)


def read(world, job):
    with transaction.atomic(), tenancy.entered(world[0].pk):
        return Job.objects.get(pk=job.pk)


def test_a_job_runs_once_and_keeps_its_result(world, monkeypatch):
    monkeypatch.setattr(services, "ring", lambda *args: True)
    job = enqueue(world, upto=3)
    assert count.perform(job.pk) == "succeeded"
    assert count.perform(job.pk) == "left"
    row = read(world, job)
    assert (row.state, row.done, row.total, row.result) == ("succeeded", 3, 3, {"rows": 3})
    assert calls.count(str(job.pk)) == 1


def test_a_refusal_fails_the_job_in_its_own_words_and_saves_nothing(world, monkeypatch):
    monkeypatch.setattr(services, "ring", lambda *args: True)
    job = enqueue(world, fail=True)
    assert count.perform(job.pk) == "failed"
    assert read(world, job).error == "Row 3 has no title. Give it one."
    assert Organization.objects.get(pk=world[0].pk).name == "Jobfirm"


def test_a_job_asked_to_stop_leaves_nothing_half_done(world, monkeypatch):
    monkeypatch.setattr(services, "ring", lambda *args: True)
    job = enqueue(world, upto=5, stop_at=2)
    assert count.perform(job.pk) == "cancelled"
    assert read(world, job).state == "cancelled"
    assert Organization.objects.get(pk=world[0].pk).name == "Jobfirm"


def test_a_job_of_a_dead_worker_is_taken_over_after_its_lease_and_given_up_after_three(world, monkeypatch):
    monkeypatch.setattr(services, "ring", lambda *args: True)
    job = enqueue(world)
    for attempt in (1, 2, 3):
        with transaction.atomic(), tenancy.entered(world[0].pk):
            assert services.claim(job.pk, "dead").attempts == attempt
            assert services.claim(job.pk, "other") is None
            Job.objects.filter(pk=job.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    with transaction.atomic(), tenancy.entered(world[0].pk):
        assert services.claim(job.pk, "fourth") is None
    assert read(world, job).state == "failed"


def test_with_the_broker_away_the_job_waits_and_the_scheduler_rings(world, settings, monkeypatch):
    from portal.celery import app

    monkeypatch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(count, "apply_async", _refuse)
    job = enqueue(world)
    assert read(world, job).state == "queued"
    rung = []
    monkeypatch.setattr(services, "ring", lambda job_id, kind: rung.append((job_id, kind)) or True)
    assert services.ring_unfinished() == 1
    assert rung == [(job.pk, "tests.count")]


def _refuse(*args, **kwargs):
    raise ConnectionError("nobody there")


def test_an_unknown_kind_is_refused_before_anything_is_written(org, people):
    with pytest.raises(KeyError):
        services.enqueue("tests.nobody_made_it", actor=people.maya, args={})
    assert not Job.objects.exists()


def test_cancelling_a_waiting_job_ends_it_at_once(org, people):
    job = services.enqueue("tests.count", actor=people.maya, args={})
    assert services.cancel(job.pk, actor=people.maya).state == "cancelled"
    with pytest.raises(WrongState):
        services.cancel(job.pk, actor=people.maya)


def test_nobody_cancels_another_organizations_job(org, other_org, people):
    job = services.enqueue("tests.count", actor=people.maya, args={})
    with tenancy.entered(other_org.pk):
        theirs = hire(other_org)
        with pytest.raises(NotFound):
            services.cancel(job.pk, actor=theirs.adam)


def test_the_bell_reaches_the_broker(embedded, settings):
    """A message carries the key alone, whatever the job's function takes."""
    from portal.celery import app

    with app.connection_for_write(embedded.redis_url) as connection:
        count.apply_async(args=["01a20ddc-ba80-765a-a454-60a0bba62361"], connection=connection, queue="tests-bell")
        message = connection.SimpleQueue("tests-bell").get(timeout=5)
        message.ack()
    assert message.payload[0] == ["01a20ddc-ba80-765a-a454-60a0bba62361"]
