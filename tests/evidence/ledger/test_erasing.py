"""Words of people can be erased; the events, their places and their proofs stay."""

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.identifiers import uuid7
from evidence.ledger import erasing, keys, notes, proofs, queries, sequencer, services, tree, verification
from evidence.ledger.models import Event, EventText
from tests.evidence.ledger.conftest import THING_MADE, thing

WHY = "A person asked for it."


@pytest.fixture
def spoken(org, people):
    """A sealed event with two texts of Ines."""
    made = services.record(
        THING_MADE,
        subject=thing(uuid7()),
        actor=people.ines,
        reason="Because Jo Doe called.",
        texts={"title": "Jo Doe"},
    )
    sequencer.run_once(org.pk)
    return made


def test_erasing_empties_salt_and_text_and_says_who_and_why(org, people, spoken):
    assert erasing.erase_texts(spoken.id, actor=people.adam, reason=WHY) == ["reason", "title"]
    for row in EventText.objects.filter(event_id=spoken.id):
        assert row.salt is None and row.text is None and row.erased_at is not None
    fact = queries.event(spoken.id)
    assert fact.texts == {} and fact.erased == ("reason", "title")
    told = queries.history("ledger.event", spoken.id)[0]
    assert (told.kind, told.person_id, told.reason) == ("event.words_erased", people.adam.person_id, WHY)
    assert told.object_ref == "#0" and told.after == {"fields": ["reason", "title"]}


def test_proofs_and_the_whole_history_hold_afterwards(org, people, spoken):
    before = services.inclusion_proof(spoken.id)
    erasing.erase_texts(spoken.id, actor=people.adam, reason=WHY)
    sequencer.run_once(org.pk)
    proof = proofs.Inclusion.parse(before)
    checkpoint = notes.open_checkpoint(proof.checkpoint, keys.verifier_keys(org.pk))
    leaf = tree.leaf_hash(bytes(Event.objects.get(pk=spoken.id).body))
    assert tree.verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    report = verification.verify(org.pk)
    assert report.holds and report.texts == 3, report


def test_one_field_alone(org, people, spoken):
    assert erasing.erase_texts(spoken.id, actor=people.adam, reason=WHY, fields=["title"]) == ["title"]
    assert queries.event(spoken.id).texts == {"reason": "Because Jo Doe called."}
    with pytest.raises(WrongState):
        erasing.erase_texts(spoken.id, actor=people.adam, reason=WHY, fields=["title"])


def test_who_may_not_erase(org, other_org, people, spoken):
    before = Event.objects.count()
    for someone in (people.maya, people.arun, people.edda, people.otto, people.ines):
        with pytest.raises(NotAllowed):
            erasing.erase_texts(spoken.id, actor=someone, reason=WHY)
    own = services.record(THING_MADE, subject=thing(uuid7()), actor=people.adam, reason="Adam's own words.")
    with pytest.raises(DutyConflict) as refusal:
        erasing.erase_texts(own.id, actor=people.adam, reason=WHY)
    assert refusal.value.rule == "L-01"
    with pytest.raises(Invalid):
        erasing.erase_texts(spoken.id, actor=people.adam, reason="asked")
    with pytest.raises(NotFound):
        erasing.erase_texts(uuid7(), actor=people.adam, reason=WHY)
    assert Event.objects.count() == before + 1
    assert not EventText.objects.filter(erased_at__isnull=False).exists()


RAW = {
    "without an event": "UPDATE ledger_eventtext SET salt = NULL, text = NULL, erased_at = now()",
    "another text": "UPDATE ledger_eventtext SET text = 'never said'",
    "another salt": "UPDATE ledger_eventtext SET salt = sha256('x')",
    "deleted": "DELETE FROM ledger_eventtext",
    "moved": "UPDATE ledger_eventtext SET field = 'other'",
}


@pytest.mark.parametrize("statement", RAW.values(), ids=RAW.keys())
def test_raw_sql_erases_and_changes_nothing(org, people, spoken, statement):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_was_erased_stays_erased(org, people, spoken):
    erasing.erase_texts(spoken.id, actor=people.adam, reason=WHY, fields=["title"])
    for change in ("text = 'Jo Doe', salt = sha256('x'), erased_at = NULL", "erased_at = now()"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE ledger_eventtext SET {change} WHERE field = 'title'")
    # The event about the title is no leave to erase the reason.
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_eventtext SET salt = NULL, text = NULL, erased_at = %s WHERE field = 'reason' AND event_id = %s",
            [clock.now(), spoken.id],
        )
