"""What ends by time ends by itself, as the product and not as a person."""

from datetime import timedelta

from evidence import clock
from evidence.ledger.models import Event
from portal.jobs import schedule, sweeps
from remediation.approvals.models import Request
from tests.remediation.conftest import thing  # noqa: F401


def test_each_lower_floor_has_its_sweep():
    assert {"requests that ran out", "risks that ran out", "leftovers in the vault"} <= set(schedule._sweeps)


def test_an_undecided_request_ends_and_the_product_stands_in_the_history(org, people, thing):  # noqa: F811
    thing.ask(people.maya)
    sweeps.end_requests(org.pk)
    assert Request.objects.get().state == "open"
    with clock.at(clock.now() + timedelta(days=14, minutes=1)):
        sweeps.end_requests(org.pk)
    assert Request.objects.get().state == "expired"
    event = Event.objects.get(kind="approval.expired")
    assert (event.actor_person_id, event.actor_system) == (None, "scheduler")


def test_every_sweep_runs_on_an_empty_organization(org):
    sweeps.end_requests(org.pk)
    sweeps.end_risks(org.pk)
    sweeps.clear_blobs(org.pk)
