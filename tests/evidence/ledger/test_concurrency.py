"""Many writers and a running sequencer: versions stay gapless, every event gets its place, the history verifies."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Stale
from evidence.identifiers import uuid7
from evidence.ledger import sequencer, services, verification
from evidence.ledger.models import Entry, Event
from evidence.organizations.models import Organization
from tests.evidence.ledger.conftest import THING_CHANGED, THING_MADE, TYPE, thing

WRITERS = 8


@pytest.fixture
def firm(own_database):
    with transaction.atomic():
        return Organization.objects.create(slug="lumenroll", name="Lumenroll")


def in_threads(function, count):
    def run(number):
        try:
            return function(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_two_writers_of_one_object_wait_for_each_other(firm):
    key, actor = uuid7(), Actor.system(firm.pk, "test")
    started = threading.Event()

    def first():
        with transaction.atomic(), tenancy.entered(firm.pk):
            version = services.record(THING_MADE, subject=thing(key), actor=actor).version
            started.set()
            # Long enough for the other writer to come to the same version and wait.
            time.sleep(0.3)
            return version

    def second():
        started.wait(5)
        with transaction.atomic(), tenancy.entered(firm.pk):
            return services.record(THING_CHANGED, subject=thing(key), actor=actor, reason="later").version

    assert in_threads(lambda number: (first, second)[number](), 2) == [1, 2]


def test_a_bulk_writer_that_was_overtaken_saves_nothing(firm):
    key, actor = uuid7(), Actor.system(firm.pk, "test")
    started = threading.Event()

    def first():
        with transaction.atomic(), tenancy.entered(firm.pk):
            services.record(THING_MADE, subject=thing(key), actor=actor)
            started.set()
            time.sleep(0.3)

    def second():
        started.wait(5)
        rows = [(uuid7(), "X-1", {}), (key, "X-2", {})]
        with pytest.raises(Stale), transaction.atomic(), tenancy.entered(firm.pk):
            services.record_many(THING_CHANGED, rows=rows, object_type=TYPE, actor=actor)

    in_threads(lambda number: (first, second)[number](), 2)
    with transaction.atomic(), tenancy.entered(firm.pk):
        assert Event.objects.count() == 1


@pytest.mark.slow
def test_eight_writers_and_the_sequencer(firm):
    shared, rounds = [uuid7() for _ in range(3)], 40
    actor = Actor(organization_id=firm.pk, person_id=uuid7(), account_id=uuid7())
    stop = threading.Event()

    def write(number):
        for turn in range(rounds):
            with transaction.atomic(), tenancy.entered(firm.pk):
                services.record(THING_MADE, subject=thing(uuid7()), actor=actor, after={"turn": turn})
                services.record(THING_CHANGED, subject=thing(shared[(number + turn) % 3]), actor=actor, reason="r")
                if turn % 10 == 9:
                    transaction.set_rollback(True)

    def seal():
        try:
            sequencer.run_forever(stop.is_set)
        finally:
            connections.close_all()

    sealer = threading.Thread(target=seal)
    sealer.start()
    try:
        in_threads(write, WRITERS)
        with transaction.atomic(), tenancy.entered(firm.pk):
            ids = list(Event.objects.values_list("id", flat=True))
            services.wait_sealed(ids, timeout=30)
    finally:
        stop.set()
        sealer.join(30)
    assert len(ids) == 2 * WRITERS * rounds * 9 // 10
    with transaction.atomic(), tenancy.entered(firm.pk):
        assert Entry.objects.count() == len(ids)
        for key in shared:
            versions = (
                Event.objects.filter(object_id=key).order_by("entry__index").values_list("object_version", flat=True)
            )
            assert list(versions) == list(range(1, len(versions) + 1))
    report = verification.verify(firm.pk)
    assert report.holds, (report.place, report.fault)
    assert report.checkpoints > 1


@pytest.mark.slow
def test_two_sequencers_share_the_work_without_harm(firm):
    actor = Actor.system(firm.pk, "test")

    def seal(number):
        for _ in range(20):
            with transaction.atomic(), tenancy.entered(firm.pk):
                services.record(THING_MADE, subject=thing(uuid7()), actor=actor)
            sequencer.run_once(firm.pk)

    in_threads(seal, 4)
    report = verification.verify(firm.pk)
    assert (report.holds, report.sealed) == (True, 80)
