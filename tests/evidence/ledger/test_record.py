"""What is recorded, in which bytes, and when recording is refused."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
import rfc8785
from django.db import connections, transaction
from django.db.transaction import TransactionManagementError
from hypothesis import given
from hypothesis import strategies as st

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.canonical import canonical_bytes
from evidence.identifiers import uuid7
from evidence.ledger import events, services
from evidence.ledger.models import Event, EventText, Queue
from tests.evidence.ledger.conftest import THING_CHANGED, THING_MADE, TYPE, thing


def body_of(event):
    raw = bytes(event.body)
    assert bytes(event.leaf) == hashlib.sha256(b"\x00" + raw).digest()
    assert rfc8785.dumps(json.loads(raw)) == raw
    return json.loads(raw)


def test_an_event_says_who_did_what_to_which_version(org, people):
    moment = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    key = uuid7()
    with clock.at(moment):
        recorded = services.record(
            THING_MADE,
            subject=thing(key, 'X-"1"\t\x7fü'),
            actor=people.ines,
            before={"b": 1, "a": [None, True, "x"]},
            after={"ü": "→\n\x01"},
            data={},
        )
    event = Event.objects.get(pk=recorded.id)
    body = body_of(event)
    nonce = body.pop("nonce")
    assert len(bytes.fromhex(nonce)) == 16
    assert body == {
        "actor": {
            "account": str(people.ines.account_id),
            "person": str(people.ines.person_id),
            "system": "",
            "via": "session",
        },
        "at": "2026-03-04T05:06:07.000089Z",
        "facts": {"after": {"ü": "→\n\x01"}, "before": {"a": [None, True, "x"], "b": 1}, "data": {}},
        "id": str(recorded.id),
        "kind": "thing.made",
        "object": {"id": str(key), "ref": 'X-"1"\t\x7fü', "type": TYPE, "version": 1},
        "organization": str(org.pk),
        "v": 1,
    }
    assert (recorded.version, recorded.leaf) == (1, bytes(event.leaf))
    assert (event.kind, event.object_id, event.at) == ("thing.made", key, moment)
    assert Queue.objects.filter(event_id=recorded.id).exists()


def test_the_product_itself_is_named_where_no_person_acted(org):
    recorded = services.record(THING_MADE, subject=thing(uuid7()), actor=Actor.system(org.pk, "expiry sweep"))
    assert body_of(Event.objects.get(pk=recorded.id))["actor"] == {
        "account": None,
        "person": None,
        "system": "expiry sweep",
        "via": "system",
    }


def test_no_personal_name_enters_the_body(org, people):
    recorded = services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines)
    assert people.ines.name.encode() not in bytes(Event.objects.get(pk=recorded.id).body)


def test_versions_of_an_object_are_gapless_from_one(org, people):
    one, other = uuid7(), uuid7()
    versions = [
        services.record(THING_MADE, subject=thing(each), actor=people.ines).version for each in (one, other, one)
    ]
    assert versions == [1, 1, 2]
    count = services.record_many(
        THING_CHANGED,
        rows=[(one, "X-1", {}), (uuid7(), "X-2", {}), (one, "X-1", {})],
        object_type=TYPE,
        actor=people.ines,
    )
    assert count == 3
    assert list(Event.objects.filter(object_id=one).order_by("id").values_list("object_version", flat=True)) == [
        1,
        2,
        3,
        4,
    ]
    assert services.record(THING_MADE, subject=thing(one), actor=people.ines).version == 5


def test_what_a_person_wrote_is_kept_beside_the_event(org, people):
    recorded = services.record(
        THING_MADE,
        subject=thing(uuid7()),
        actor=people.ines,
        reason="Because\tof 原因",
        texts={"title": "T", "note": ""},
    )
    body = body_of(Event.objects.get(pk=recorded.id))
    kept = {each.field: each for each in EventText.objects.filter(event_id=recorded.id)}
    assert kept["reason"].text == "Because\tof 原因"
    assert set(kept) == {"reason", "title"} == set(body["facts"]["texts"])
    for name, each in kept.items():
        assert body["facts"]["texts"][name] == hashlib.sha256(bytes(each.salt) + each.text.encode()).hexdigest()
    assert bytes(kept["reason"].salt) != bytes(kept["title"].salt)


def test_many_events_are_the_same_as_one_by_one(org, people):
    keys = [uuid7() for _ in range(3)]
    rows = [(key, f"X-{n}", {"n": n, "text": 'a"b\\c\n'}) for n, key in enumerate(keys)]
    with clock.at(clock.now()):
        services.record_many(THING_MADE, rows=iter(rows), object_type=TYPE, actor=people.ines, data={"import": "i"})
        alone = services.record(
            THING_MADE, subject=thing(uuid7(), "X-0"), actor=people.ines, after=rows[0][2], data={"import": "i"}
        )
    bodies = [body_of(each) for each in Event.objects.filter(object_id__in=keys).order_by("object_ref")]
    assert [each["facts"]["after"]["n"] for each in bodies] == [0, 1, 2]
    assert len({each["nonce"] for each in bodies}) == 3
    expected = body_of(Event.objects.get(pk=alone.id))
    same = ("actor", "at", "facts", "kind", "organization", "v")
    assert {name: bodies[0][name] for name in same} == {name: expected[name] for name in same}
    services.record_many(THING_MADE, rows=[(uuid7(), "", {})], object_type=TYPE, actor=people.ines)


def test_more_rows_than_one_statement_takes(org, people, monkeypatch):
    monkeypatch.setattr(services, "_ROWS_A_STATEMENT", 4)
    rows = ((uuid7(), f"X-{n}", {"n": n}) for n in range(11))
    assert services.record_many(THING_MADE, rows=rows, object_type=TYPE, actor=people.ines) == 11
    assert Event.objects.count() == Queue.objects.count() == 11
    assert services.record_many(THING_MADE, rows=[], object_type=TYPE, actor=people.ines) == 0


@pytest.mark.parametrize("value", [1.5, {"a": 0.0}, [{"b": float("nan")}], object(), b"x", uuid7(), {1: 2}])
def test_what_has_no_single_spelling_is_refused(org, people, value):
    with pytest.raises(TypeError):
        services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, after={"value": value})
    with pytest.raises(TypeError):
        services.record_many(THING_MADE, rows=[(uuid7(), "", {"value": value})], object_type=TYPE, actor=people.ines)
    assert not Event.objects.exists()


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800"])
def test_what_readers_would_take_for_something_else_is_refused(org, people, value):
    with pytest.raises(ValueError):
        services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, after={"value": value})
    assert not Event.objects.exists()


def test_another_organizations_object_is_refused(org, other_org, people):
    class Other:
        organization_id = other_org.pk

    with pytest.raises(ValueError, match="another organization"):
        services.record(THING_MADE, subject=Other(), actor=people.ines)


def test_an_event_leaves_with_the_transaction_it_belongs_to(org, people):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, reason="r")
        raise ZeroDivisionError
    assert not Event.objects.exists()
    assert not EventText.objects.exists()
    assert not Queue.objects.exists()


def test_there_is_no_recording_outside_a_transaction(own_database):
    actor = Actor.system(uuid7(), "test")
    with pytest.raises(TransactionManagementError, match="inside the transaction"):
        services.record(THING_MADE, subject=thing(uuid7()), actor=actor)
    with pytest.raises(TransactionManagementError, match="inside the transaction"):
        services.record_many(THING_MADE, rows=[], object_type=TYPE, actor=actor)


def test_one_event_takes_one_statement_and_its_texts_one_more(org, people, django_assert_num_queries):
    with django_assert_num_queries(1):
        services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, after={"a": 1})
    with django_assert_num_queries(2):
        services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, reason="r", texts={"title": "t"})


def test_another_organization_sees_nothing_of_it(org, other_org, people):
    services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, reason="r")
    with tenancy.entered(other_org.pk):
        assert not Event.objects.exists()
        assert not EventText.objects.exists()
        assert not Queue.objects.exists()
    with tenancy.entered(None), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_event")
        assert cursor.fetchone() == (0,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_the_quick_writer_writes_what_rfc_8785_says(value):
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(ValueError):
            canonical_bytes(value)
    else:
        assert canonical_bytes(value) == expected


def test_keys_sort_by_utf_16_unit():
    assert canonical_bytes({"\U0001f600": 1, "\ufb33": 2}) == '{"\U0001f600":1,"\ufb33":2}'.encode()


@pytest.mark.parametrize("kind", ["made", "Thing.made", "thing.", "thing made", "thing.made.twice"])
def test_a_kind_is_a_noun_and_a_past_tense(kind):
    with pytest.raises(ValueError, match="noun"):
        events.Event(kind, "{actor} did")


def test_a_kind_is_declared_once():
    with pytest.raises(ValueError, match="twice"):
        events.Event("thing.made", "{actor} made something else")
    assert events.sentence("thing.made") == "{actor} made {subject}"
    assert "thing.made" in events.kinds()
    assert "never.declared" in events.sentence("never.declared")
