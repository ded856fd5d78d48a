"""The history's pages: what they show, how they narrow, and to whom they say nothing."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, proofs, sequencer, services, tree
from evidence.ledger.events import Event
from tests.people import account_of

BOX_FILLED = Event("box.filled", "{actor} filled {subject}")
BOX_RETURNED = Event("box.returned", "{actor} returned {subject}")


@pytest.fixture(autouse=True)
def signer_of_its_own(settings, tmp_path):
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"
    keys.ensure_key()


def signed_in(actor):
    client = Client()
    client.force_login(account_of(actor), backend="portal.accounts.backend.RoleBackend")
    return client


def box(ref="BX-001"):
    return services.Subject("tests.box", uuid7(), ref)


def read(client, org, name, *arguments, **query):
    answer = client.get(reverse(f"ledger:{name}", args=[org.slug, *arguments]), query)
    return answer.status_code, answer.content.decode()


def test_the_list_tells_what_happened_and_how_far_it_is_sealed(org, people):
    services.record(BOX_FILLED, subject=box(), actor=people.ines, after={"state": "full"}, reason="<b>because</b>")
    sequencer.run_once(org.pk)
    services.record(BOX_RETURNED, subject=box("BX-002"), actor=Actor.system(org.pk, "sweep"))
    status, page = read(signed_in(people.maya), org, "list")
    assert status == 200
    assert "1 events sealed" in page or "1 events, 1 waiting" in page
    for words in ("Ines Duarte", "filled BX-001", "Clearhold (sweep)", "returned BX-002", "&lt;b&gt;because"):
        assert words in page


def test_the_list_narrows_by_kind_person_object_and_dates(org, people):
    client = signed_in(people.maya)
    for day, person, event, ref in (
        (1, people.ines, BOX_FILLED, "BX-001"),
        (2, people.ivan, BOX_FILLED, "BX-002"),
        (3, people.ines, BOX_RETURNED, "BX-003"),
    ):
        with clock.at(datetime(2026, 3, day, 23, 59, tzinfo=UTC)):
            services.record(event, subject=box(ref), actor=person)

    def shown(**query):
        return {ref for ref in ("BX-001", "BX-002", "BX-003") if f"d {ref}" in read(client, org, "list", **query)[1]}

    assert shown() == {"BX-001", "BX-002", "BX-003"}
    assert shown(kind="box.filled") == {"BX-001", "BX-002"}
    assert shown(person=people.ines.person_id) == {"BX-001", "BX-003"}
    assert shown(q="BX-002") == {"BX-002"}
    assert shown(since="2026-03-02") == {"BX-002", "BX-003"}
    assert shown(until="2026-03-02") == {"BX-001", "BX-002"}
    assert shown(since="2026-03-02", until="2026-03-02", kind="box.filled") == {"BX-002"}
    assert shown(kind="box.never") == set()


def test_pages_of_the_list_follow_each_other_without_gap_or_repetition(org, people):
    with clock.at(clock.now()):
        services.record_many(
            BOX_FILLED,
            rows=[(uuid7(), f"BX-{n:03}", {}) for n in range(120)],
            object_type="tests.box",
            actor=people.ines,
        )
    from evidence.ledger import queries

    seen, mark = [], ""
    for _ in range(3):
        page = queries.events(org.pk, after=mark)
        seen += [fact.object_ref for fact in page.facts]
        mark = page.next
    assert mark == ""
    assert seen == [f"BX-{n:03}" for n in reversed(range(120))]
    assert "Load 50 more" in read(signed_in(people.maya), org, "list")[1]


@pytest.mark.parametrize(
    "query",
    [{"person": "x"}, {"since": "yesterday"}, {"until": "2026-13-01"}, {"after": "x"}, {"after": "9" * 30 + ".x"}],
)
def test_a_wrong_address_is_answered_and_not_an_error(org, people, query):
    assert read(signed_in(people.maya), org, "list", **query)[0] in (404, 422)


def test_an_event_shows_its_bytes_and_a_proof_that_holds(org, people):
    recorded = services.record(BOX_FILLED, subject=box(), actor=people.ines, after={"a": 1})
    client = signed_in(people.maya)
    status, page = read(client, org, "event", recorded.id)
    assert (status, "Not sealed yet" in page) == (200, True)
    assert read(client, org, "proof", recorded.id)[0] == 404
    sequencer.run_once(org.pk)
    status, page = read(client, org, "event", recorded.id)
    assert "c2sp.org/tlog-proof@v1" in page
    proof = proofs.Inclusion.parse(read(client, org, "proof", recorded.id)[1])
    body = client.get(reverse("ledger:body", args=[org.slug, recorded.id]))
    assert "attachment" in body["Content-Disposition"]
    checkpoint = notes.open_checkpoint(proof.checkpoint, keys.verifier_keys(org.pk))
    assert tree.verify_inclusion(
        tree.leaf_hash(body.content), proof.index, checkpoint.size, proof.hashes, checkpoint.root
    )
    answer = client.get(reverse("ledger:index", args=[org.slug, 0]))
    assert answer.url.endswith(str(recorded.id))
    assert read(client, org, "index", 7)[0] == 404


def test_an_objects_history_is_in_its_order(org, people):
    subject = box()
    services.record(BOX_FILLED, subject=subject, actor=people.ines, after={"state": "full"})
    services.record(
        BOX_RETURNED, subject=subject, actor=people.vera, before={"state": "full"}, after={"state": "empty"}
    )
    status, page = read(signed_in(people.maya), org, "object", subject.type, subject.id)
    assert status == 200
    assert page.index("filled BX-001") < page.index("returned BX-001")
    assert "full → empty" in page
    assert read(signed_in(people.maya), org, "object", "tests.box", uuid7())[0] == 404


def test_another_organizations_event_is_not_there(org, other_org, people):
    with tenancy.entered(other_org.pk):
        recorded = services.record(BOX_FILLED, subject=box(), actor=Actor.system(other_org.pk, "sweep"))
    client = signed_in(people.maya)
    for name in ("event", "proof", "body"):
        assert read(client, org, name, recorded.id)[0] == 404
    assert "BX-001" not in read(client, org, "list")[1]


def test_an_alarm_stands_on_every_page(org, people):
    services.record(BOX_FILLED, subject=box(), actor=people.ines)
    sequencer.run_once(org.pk)
    client = signed_in(people.maya)
    assert "does not match what was signed" not in read(client, org, "list")[1]
    from evidence.ledger import signer

    signer.confirm(org.pk, signer.Head(9, tree.EMPTY_ROOT))
    with pytest.raises(signer.SignerRefused):
        sequencer.inspect(org.pk)
    for page in (reverse("ledger:list", args=[org.slug]), reverse("jobs:list", args=[org.slug])):
        assert "does not match what was signed" in client.get(page).content.decode()
