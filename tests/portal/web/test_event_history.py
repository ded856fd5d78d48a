"""The history's pages: what they show, how they narrow, and to whom they say nothing."""

import io
import zipfile
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, proofs, sequencer, services, signer, tree, verification
from evidence.ledger.events import Event
from evidence.ledger.models import TimeStamp
from portal.celery import app
from portal.jobs import running
from portal.jobs.models import Job
from portal.jobs.services import Cancelled
from tests.people import account_of

BOX_FILLED = Event("box.filled", "{actor} filled {subject}")
BOX_RETURNED = Event("box.returned", "{actor} returned {subject}")


@pytest.fixture(autouse=True)
def signer_of_its_own(settings, tmp_path):
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"
    keys.ensure_key()


@pytest.fixture(autouse=True)
def progress_in_the_tests_own_transaction(monkeypatch):
    # No second connection sees a job that is not committed.
    monkeypatch.setattr(running, "_report_apart", lambda job, done, total, note: False)


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
    signer.confirm(org.pk, signer.Head(9, tree.EMPTY_ROOT))
    with pytest.raises(signer.SignerRefused):
        sequencer.inspect(org.pk)
    for page in (reverse("ledger:list", args=[org.slug]), reverse("jobs:list", args=[org.slug])):
        assert "does not match what was signed" in client.get(page).content.decode()


def test_the_list_narrows_by_who_acted(org, people):
    client = signed_in(people.maya)
    services.record(BOX_FILLED, subject=box("BX-001"), actor=people.ines)
    services.record(Event("box.approved", "{actor} approved {subject}"), subject=box("BX-002"), actor=people.arun)
    services.record(BOX_RETURNED, subject=box("BX-003"), actor=Actor.system(org.pk, "sweep"))

    def shown(**query):
        return {ref for ref in ("BX-001", "BX-002", "BX-003") if f"d {ref}" in read(client, org, "list", **query)[1]}

    assert shown(by="people") == {"BX-001", "BX-002"}
    assert shown(by="decisions") == {"BX-002"}
    assert shown(by="system") == {"BX-003"}
    assert shown(type="tests.box", by="nobody") == {"BX-001", "BX-002", "BX-003"}


def test_an_event_names_its_checkpoint_and_its_time_stamp(org, people):
    client = signed_in(people.maya)
    made = services.record(BOX_FILLED, subject=box(), actor=people.ines)
    assert "Not yet" in read(client, org, "event", made.id)[1]
    sequencer.run_once(org.pk)
    services.record(BOX_FILLED, subject=box(), actor=people.ines)
    sequencer.run_once(org.pk)
    page = read(client, org, "event", made.id)[1]
    assert "checkpoint over 1 events" in page and "None covers it yet" in page
    TimeStamp.objects.create(
        organization=org, size=2, token=b"token", authority="Common Name: Clock", stamped_at=clock.now()
    )
    page = read(client, org, "event", made.id)[1]
    assert "by Common Name: Clock, over 2 events" in page
    assert "Common Name: Clock" in read(client, org, "checkpoints")[1]
    stamp = TimeStamp.objects.get()
    assert client.get(reverse("ledger:time_stamp", args=[org.slug, stamp.pk])).content == b"token"


@pytest.mark.parametrize("count", [3, 40])
def test_pages_cost_the_same_for_few_and_many(org, people, count, django_assert_max_num_queries):
    client = signed_in(people.maya)
    for n in range(count):
        services.record(BOX_FILLED, subject=box(f"BX-{n:03}"), actor=people.ines, reason="Some words of hers.")
        if n % 2:
            sequencer.run_once(org.pk)
    for name in ("list", "checkpoints"):
        read(client, org, name)
        with django_assert_max_num_queries(22):
            assert read(client, org, name)[0] == 200


def test_all_checkpoints_come_as_one_archive(org, people):
    client = signed_in(people.maya)
    for _ in range(3):
        services.record(BOX_FILLED, subject=box(), actor=people.ines)
        sequencer.run_once(org.pk)
    TimeStamp.objects.create(organization=org, size=2, token=b"token", authority="Clock", stamped_at=clock.now())
    answer = client.get(reverse("ledger:archive", args=[org.slug]))
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        names = archive.namelist()
        assert names == [
            "README.txt", "keys.txt", "checkpoints/1.txt", "checkpoints/2.txt", "checkpoints/3.txt", "time-stamps/2-1.tst"
        ]  # fmt: skip
        public = [notes.VerifierKey.parse(line) for line in archive.read("keys.txt").decode().splitlines()]
        for size in (1, 2, 3):
            assert notes.open_checkpoint(archive.read(f"checkpoints/{size}.txt").decode(), public).size == size
        assert archive.read("time-stamps/2-1.tst") == b"token"


def test_verify_now_is_a_job_with_a_plain_result(org, people):
    client = signed_in(people.maya)
    services.record(BOX_FILLED, subject=box(), actor=people.ines)
    sequencer.run_once(org.pk)
    address = reverse("ledger:verify", args=[org.slug])
    first, second = client.post(address), client.post(address)
    assert first.url == second.url, "one that runs is not started twice"
    job = Job.objects.get(kind="ledger.verify")
    app.tasks["ledger.verify"].perform(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded" and job.result["holds"] is True and job.result["memory"] is True
    page = client.get(first.url).content.decode()
    assert "The history holds" in page and "1 events were hashed anew" in page
    assert "It held" in read(client, org, "list")[1]


def test_verify_now_says_plainly_what_is_wrong(org, people):
    client = signed_in(people.maya)
    services.record(BOX_FILLED, subject=box(), actor=people.ines)
    sequencer.run_once(org.pk)
    client.post(reverse("ledger:verify", args=[org.slug]))
    signer.confirm(org.pk, signer.Head(9, tree.EMPTY_ROOT))
    job = Job.objects.get(kind="ledger.verify")
    app.tasks["ledger.verify"].perform(job.pk)
    page = client.get(reverse("jobs:detail", args=[org.slug, job.pk])).content.decode()
    assert "The history does not hold" in page and "9 were signed" in page
    assert "It did not hold" in read(client, org, "list")[1]


def test_a_verification_can_be_stopped(org, people):
    services.record(BOX_FILLED, subject=box(), actor=people.ines)
    sequencer.run_once(org.pk)
    signed_in(people.maya).post(reverse("ledger:verify", args=[org.slug]))
    job = Job.objects.get(kind="ledger.verify")
    told = []

    def watch(done, total, note):
        told.append((done, total, note))
        raise Cancelled

    with pytest.raises(Cancelled):
        verification.verify(org.pk, watch=watch)
    assert told == [(1, 1, "Hashing every event")]
    assert job.state == "queued"


def test_words_are_erased_from_the_event_page_by_who_may(org, people):
    made = services.record(BOX_FILLED, subject=box(), actor=people.ines, reason="Because Jo Doe called.")
    assert "Erase the words" not in read(signed_in(people.maya), org, "event", made.id)[1]
    client = signed_in(people.adam)
    assert "Erase the words" in read(client, org, "event", made.id)[1]
    address = reverse("ledger:erase", args=[org.slug, made.id])
    assert client.post(address, {"reason": ""}).status_code == 422
    assert client.post(address, {"reason": "A person asked for it."}).status_code == 302
    page = read(client, org, "event", made.id)[1]
    assert "Jo Doe" not in page and "erased" in page and "Erase the words" not in page
    assert signed_in(people.maya).post(address, {"reason": "A person asked for it."}).status_code == 404
