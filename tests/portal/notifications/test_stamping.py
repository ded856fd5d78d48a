"""Which checkpoints are stamped, and when: one a day, and that of every sealed package."""

from datetime import timedelta

import pytest

from evidence import clock
from evidence.ledger import sequencer, services
from evidence.ledger.models import TimeStamp
from portal.jobs.models import Job
from portal.notifications import sweeps
from tests.portal.web.test_event_history import BOX_FILLED, box, signer_of_its_own  # noqa: F401  a fixture


@pytest.fixture
def sealed(org, people, settings):
    settings.CLEARHOLD_TSA_URL = "https://stamps.example/"
    for _ in range(3):
        services.record(BOX_FILLED, subject=box(), actor=people.ines)
        sequencer.run_once(org.pk)
    return org


def stamped(org, size, at=None):
    TimeStamp.objects.create(
        organization=org, size=size, token=b"t", authority="A", stamped_at=clock.now(), received_at=at or clock.now()
    )


def test_the_newest_is_due_once_a_day(sealed, people):
    assert sweeps.due(sealed.pk) == [3]
    stamped(sealed, 3)
    services.record(BOX_FILLED, subject=box(), actor=people.ines)
    sequencer.run_once(sealed.pk)
    assert sweeps.due(sealed.pk) == []
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        assert sweeps.due(sealed.pk) == [4]


def test_a_quiet_history_is_not_stamped_again(sealed):
    stamped(sealed, 3)
    with clock.at(clock.now() + timedelta(days=9)):
        assert sweeps.due(sealed.pk) == []


def test_the_sweep_asks_once_and_not_at_all_without_an_authority(sealed, settings):
    sweeps.stamp_checkpoints(sealed.pk)
    sweeps.stamp_checkpoints(sealed.pk)
    assert [job.args for job in Job.objects.filter(kind="ledger.stamp")] == [{"sizes": [3]}]
    Job.objects.update(ended_at=clock.now())
    settings.CLEARHOLD_TSA_URL = ""
    assert sweeps.stamp_checkpoints(sealed.pk) is None
