"""Events get their place, under a signed checkpoint, and the signer refuses what does not continue it."""

import threading

import pytest
from django.db import connections, transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import NotFound, Unavailable
from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, proofs, queries, sequencer, services, signer, tree
from evidence.ledger.models import Alarm, Checkpoint, Entry, Event, Queue, Tile
from evidence.organizations.models import Organization
from tests.evidence.ledger.conftest import THING_CHANGED, THING_MADE, TYPE, thing


def record_some(actor, count):
    services.record_many(
        THING_MADE, rows=[(uuid7(), f"X-{n}", {"n": n}) for n in range(count)], object_type=TYPE, actor=actor
    )


def newest_checkpoint(organization):
    return notes.open_checkpoint(services.checkpoint(organization.pk), keys.verifier_keys(organization.pk))


def test_events_stand_in_the_tree_in_the_order_they_came(org, people):
    recorded = [services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines) for _ in range(3)]
    assert services.sealed_size(org.pk) == 0
    assert sequencer.run_once(org.pk) == 3
    assert [each.event_id for each in Entry.objects.order_by("index")] == [each.id for each in recorded]
    assert not Queue.objects.exists()
    assert bytes(Tile.objects.get().hashes) == b"".join(each.leaf for each in recorded)
    checkpoint = newest_checkpoint(org)
    assert (checkpoint.origin, checkpoint.size) == (f"clearhold/{org.pk}", 3)
    assert services.sealed_size(org.pk) == 3
    assert sequencer.run_once(org.pk) == 0


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_the_tree_does_not_depend_on_the_batches(org, people, monkeypatch, batch):
    monkeypatch.setattr(sequencer, "BATCH", batch)
    record_some(people.ines, 20)
    sequencer.run_once(org.pk)
    leaves = Event.objects.order_by("entry__index").values_list("leaf", flat=True)
    changed = tree.append(lambda level, index: b"", 0, b"".join(map(bytes, leaves)))
    assert newest_checkpoint(org).root == tree.root(lambda *place: changed.get(place, b""), 20)
    assert Checkpoint.objects.count() == -(-20 // batch)


def test_proofs_hold_at_every_size(org, people):
    sizes = []
    for count in (1, 255, 2, 300):
        record_some(people.ines, count)
        sequencer.run_once(org.pk)
        sizes.append(services.sealed_size(org.pk))
    assert sizes == [1, 256, 258, 558]
    public = keys.verifier_keys(org.pk)
    for entry in Entry.objects.filter(index__in=[0, 1, 255, 256, 300, 557]).select_related("event"):
        for size in (each for each in sizes if each > entry.index):
            proof = proofs.Inclusion.parse(services.inclusion_proof(entry.event_id, size))
            checkpoint = notes.open_checkpoint(proof.checkpoint, public)
            leaf = tree.leaf_hash(bytes(entry.event.body))
            assert tree.verify_inclusion(leaf, proof.index, size, proof.hashes, checkpoint.root)
    for old, new in ((1, 256), (256, 558), (258, 258)):
        change = proofs.Consistency.parse(services.consistency_proof(org.pk, old, new))
        roots = [notes.open_checkpoint(services.checkpoint(org.pk, size), public).root for size in (old, new)]
        assert tree.verify_consistency(old, new, *roots, change.hashes)


def test_there_is_no_proof_of_what_is_not_sealed(org, people):
    with pytest.raises(NotFound, match="no such checkpoint"):
        services.consistency_proof(org.pk, 0)
    first = services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines)
    with pytest.raises(NotFound, match="not sealed yet"):
        services.inclusion_proof(first.id)
    sequencer.run_once(org.pk)
    second = services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines)
    sequencer.run_once(org.pk)
    with pytest.raises(NotFound, match="after the first 1"):
        services.inclusion_proof(second.id, 1)
    with pytest.raises(NotFound, match="no earlier tree"):
        services.consistency_proof(org.pk, 3)


def test_waiting_for_the_seal_ends_with_it_or_with_the_time(org, people):
    recorded = services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines)
    with pytest.raises(Unavailable, match="not sealed yet"):
        services.wait_sealed([recorded.id], timeout=0)
    sequencer.run_once(org.pk)
    services.wait_sealed([recorded.id, recorded.id], timeout=0)
    services.wait_sealed([], timeout=0)


def test_organizations_have_trees_of_their_own(org, other_org, people):
    record_some(people.ines, 3)
    with tenancy.entered(other_org.pk):
        record_some(Actor.system(other_org.pk, "test"), 2)
    assert sequencer.run_once(org.pk) == 3
    assert sequencer.run_once(other_org.pk) == 2
    assert services.sealed_size(org.pk) == 3
    with tenancy.entered(other_org.pk):
        assert services.sealed_size(other_org.pk) == 2
        assert newest_checkpoint(other_org).origin != keys.origin(org.pk)


def test_the_history_shows_places_reasons_and_changes(org, people):
    key = uuid7()
    services.record(THING_MADE, subject=thing(key), actor=people.ines, after={"state": "new"}, reason="why")
    sequencer.run_once(org.pk)
    services.record(
        THING_CHANGED,
        subject=thing(key),
        actor=people.arun,
        before={"state": "new"},
        after={"state": "old"},
        data={"n": 1},
    )
    made, changed = queries.history(TYPE, key)
    assert (made.index, changed.index) == (0, None)
    assert (made.version, changed.version) == (1, 2)
    assert made.sentence == "{actor} made {subject}"
    assert (made.person_id, changed.person_id) == (people.ines.person_id, people.arun.person_id)
    assert (made.reason, made.before, made.after) == ("why", None, {"state": "new"})
    assert (changed.before, changed.after, changed.data) == ({"state": "new"}, {"state": "old"}, {"n": 1})
    assert queries.histories(TYPE, [key]) == {key: [made, changed]}
    assert queries.event(made.id) == made
    with pytest.raises(NotFound):
        queries.event(uuid7())


# What the signer refuses. The owner's hand removes what no one else could.


def as_owner(organization, *statements):
    with (
        transaction.atomic(using="owner"),
        tenancy.entered(organization.pk, using="owner"),
        connections["owner"].cursor() as cursor,
    ):
        for table in ("ledger_event", "ledger_entry", "ledger_tile", "ledger_checkpoint"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        for statement in statements:
            cursor.execute(statement)
        for table in ("ledger_event", "ledger_entry", "ledger_tile", "ledger_checkpoint"):
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")


@pytest.fixture
def firm(own_database):
    """An organization with committed, sealed events on real connections."""
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    add_events(organization, 5)
    sequencer.run_once(organization.pk)
    add_events(organization, 3)
    sequencer.run_once(organization.pk)
    return organization


def add_events(organization, count):
    with transaction.atomic(), tenancy.entered(organization.pk):
        record_some(Actor.system(organization.pk, "test"), count)


SET_BACK = (
    "DELETE FROM ledger_checkpoint WHERE size > 5",
    "DELETE FROM ledger_entry WHERE index >= 5",
    "UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 160), width = 5",
)


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        (SET_BACK, "tree_smaller"),
        ((*SET_BACK, "DELETE FROM ledger_checkpoint", "DELETE FROM ledger_entry", "DELETE FROM ledger_tile"), "tree_smaller"),
        (("UPDATE ledger_tile SET hashes = substring(hashes FROM 33) || substring(hashes FROM 1 FOR 32)",), "tree_differs"),
        (("DELETE FROM ledger_tile",), "tree_damaged"),
        (("DELETE FROM ledger_entry WHERE index = 7",), "tree_unsigned"),
    ],
)  # fmt: skip
def test_an_older_or_altered_database_is_not_signed(firm, statements, kind):
    before = signer.load(firm.pk)
    as_owner(firm, *statements)
    add_events(firm, 1)
    for _ in range(2):
        with pytest.raises(signer.SignerRefused):
            sequencer.run_once(firm.pk)
    assert signer.load(firm.pk) == before
    with transaction.atomic(), tenancy.entered(firm.pk):
        alarm = Alarm.objects.get()
        assert alarm.kind == kind
        assert Queue.objects.count() == 1, "what waits goes on waiting"
        with pytest.raises(Unavailable, match="does not match what was signed"):
            services.require_healthy()
        with pytest.raises(Unavailable, match="does not match what was signed"):
            services.wait_sealed([uuid7()], timeout=1)


def test_a_fork_is_not_signed(firm):
    """The same size again, with other events: what restoring a backup and going on would give."""
    as_owner(firm, *SET_BACK)
    # Another signer, that knows only the first five, continues the old database.
    state = signer.load(firm.pk)
    with transaction.atomic(), tenancy.entered(firm.pk):
        root = bytes(Checkpoint.objects.get(size=5).root)
    signer.confirm(firm.pk, signer.Head(5, root))
    add_events(firm, 3)
    sequencer.run_once(firm.pk)
    with transaction.atomic(), tenancy.entered(firm.pk):
        assert services.sealed_size(firm.pk) > 5
    # The true one remembers.
    signer.confirm(firm.pk, state.signed)
    with pytest.raises(signer.SignerRefused, match="no longer those"):
        sequencer.inspect(firm.pk)


def test_a_lost_memory_is_an_alarm_and_not_a_new_beginning(firm, settings):
    for path in settings.CLEARHOLD_SIGNER_DIR.glob("*.json"):
        path.unlink()
    with pytest.raises(signer.SignerRefused, match="never signed"):
        sequencer.inspect(firm.pk)


def test_an_unreadable_memory_is_an_alarm(firm, settings):
    for path in settings.CLEARHOLD_SIGNER_DIR.glob("*.json"):
        path.write_text("{")
    with pytest.raises(signer.SignerRefused, match="cannot be read"):
        sequencer.inspect(firm.pk)


def test_a_crash_before_the_commit_leaves_nothing(firm, monkeypatch):
    add_events(firm, 2)

    def crash(*args):
        intend(*args)
        raise KeyboardInterrupt

    intend = signer.intend
    with monkeypatch.context() as broken:
        broken.setattr(signer, "intend", crash)
        with pytest.raises(KeyboardInterrupt):
            sequencer.run_once(firm.pk)
    assert signer.load(firm.pk).pending.size == 10
    add_events(firm, 1)
    assert sequencer.run_once(firm.pk) == 3
    assert signer.load(firm.pk).signed.size == 11


def test_a_crash_after_the_commit_is_caught_up_with(firm, monkeypatch):
    add_events(firm, 2)

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(signer, "confirm", crash)
        with pytest.raises(KeyboardInterrupt):
            sequencer.run_once(firm.pk)
    assert signer.load(firm.pk).signed.size == 8
    sequencer.inspect(firm.pk)
    add_events(firm, 1)
    assert sequencer.run_once(firm.pk) == 1
    as_owner(firm, *SET_BACK)
    with pytest.raises(signer.SignerRefused, match="set back"):
        sequencer.inspect(firm.pk)


def test_a_key_that_went_missing_is_not_replaced(firm, settings):
    for path in settings.CLEARHOLD_KEYS_DIR.glob("*.pem"):
        path.unlink()
    add_events(firm, 1)
    with pytest.raises(Unavailable, match="no key to sign"):
        sequencer.run_once(firm.pk)
    assert not list(settings.CLEARHOLD_KEYS_DIR.glob("*.pem"))


def test_a_key_that_others_may_read_is_not_used(org, settings):
    path = keys.ensure_key()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Unavailable, match="read by others"):
        keys.signing_keys(org.pk, 1)


def test_the_running_sequencer_seals_what_is_committed(firm):
    stop = threading.Event()

    def work():
        try:
            sequencer.run_forever(stop.is_set)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with transaction.atomic(), tenancy.entered(firm.pk):
            recorded = services.record(THING_MADE, subject=thing(uuid7()), actor=Actor.system(firm.pk, "test"))
        with transaction.atomic(), tenancy.entered(firm.pk):
            services.wait_sealed([recorded.id], timeout=10)
    finally:
        stop.set()
        worker.join(timeout=10)
    assert not worker.is_alive()


def test_it_ends_between_two_batches_and_the_rest_goes_on_waiting(org, people, monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 5)
    record_some(people.ines, 12)
    asked = iter([False, True])
    assert sequencer.run_once(org.pk, stopped=lambda: next(asked)) == 5
    assert Queue.objects.count() == 7
    assert sequencer.run_once(org.pk) == 7
    assert newest_checkpoint(org).size == 12


def test_a_place_is_compared_with_its_neighbour_by_the_index_also_before_the_first_statistics(db):
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT proconfig FROM pg_proc WHERE proname = 'ledger_entry_check'")
        assert {"enable_seqscan=off", "enable_sort=off"} <= set(cursor.fetchone()[0])
