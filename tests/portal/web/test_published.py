"""What anybody may read of a history: enough to watch it grow, and nothing of what happened."""

import base64
import hashlib

import pytest
from django.test import Client
from django.urls import reverse
from pymerkle import InmemoryTree

from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, rotation, sequencer, services
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from portal.edge import rates
from tests.portal.web.test_event_history import BOX_FILLED, box, signer_of_its_own  # noqa: F401  a fixture


@pytest.fixture
def sealed(org, people):
    rows = [(uuid7(), f"BX-{n}", {"n": n}) for n in range(300)]
    services.record_many(BOX_FILLED, rows=rows, object_type="tests.box", actor=people.ines)
    sequencer.run_once(org.pk)
    return org


def fetch(path, client=None):
    return (client or Client()).get(path)


def test_a_stranger_reads_checkpoint_and_keys_and_can_check_one_with_the_other(sealed):
    answer = fetch(f"/ledger/{sealed.pk}/checkpoint")
    assert answer.status_code == 200 and answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Cache-Control"] == "public, max-age=10" and answer["Access-Control-Allow-Origin"] == "*"
    public = [
        notes.VerifierKey.parse(line) for line in fetch(f"/ledger/{sealed.pk}/keys").content.decode().splitlines()
    ]
    checkpoint = notes.open_checkpoint(answer.content.decode(), public)
    assert (checkpoint.origin, checkpoint.size) == (f"clearhold/{sealed.pk}", 300)


def test_the_tiles_make_the_root_by_an_independent_oracle(sealed):
    checkpoint = notes.Checkpoint.parse(notes.split_note(fetch(f"/ledger/{sealed.pk}/checkpoint").content.decode())[0])
    hashes = fetch(f"/ledger/{sealed.pk}/tile/0/000").content + fetch(f"/ledger/{sealed.pk}/tile/0/001.p/44").content
    oracle = InmemoryTree(algorithm="sha256")
    for event in Event.objects.filter(entry__isnull=False).order_by("entry__index"):
        oracle.append_entry(bytes(event.body))
    assert oracle.get_root() == checkpoint.root
    leaves = [hashes[32 * n : 32 * n + 32] for n in range(300)]
    assert leaves == [oracle.get_leaf(n) for n in range(1, 301)]
    above = fetch(f"/ledger/{sealed.pk}/tile/1/000.p/1").content
    assert above == folded(leaves[:256])


def folded(hashes):
    while len(hashes) > 1:
        hashes = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def test_tiles_never_change_and_say_so(sealed):
    for path in ("0/000", "0/001.p/44", "0/001.p/7"):
        answer = fetch(f"/ledger/{sealed.pk}/tile/{path}")
        assert answer.status_code == 200 and "immutable" in answer["Cache-Control"]
        assert answer["Content-Type"] == "application/octet-stream"
    whole = fetch(f"/ledger/{sealed.pk}/tile/0/001.p/44").content
    assert fetch(f"/ledger/{sealed.pk}/tile/0/001.p/7").content == whole[: 7 * 32]


@pytest.mark.parametrize(
    "path",
    ["0/001", "0/001.p/45", "0/001.p/0", "0/001.p/256", "0/000.p/256", "0/1", "0/x000/001", "0/x001/000", "0/002",
     "1/000", "9/000", "entries/000", "0/../000", "0/000.p/07", "0/x1/000"],
)  # fmt: skip
def test_other_paths_are_nothing(sealed, path):
    assert fetch(f"/ledger/{sealed.pk}/tile/{path}").status_code == 404


def test_no_event_is_published(sealed, people):
    assert fetch(f"/ledger/{sealed.pk}/tile/entries/000").status_code == 404
    said = b"".join(
        fetch(f"/ledger/{sealed.pk}/{path}").content for path in ("checkpoint", "keys", "tile/0/000", "tile/0/001.p/44")
    )
    for private in (b"box.filled", b"BX-1", people.ines.person_id.bytes, str(people.ines.person_id).encode(), b"Ines"):
        assert private not in said


def test_an_organization_may_say_no_and_then_is_as_if_it_were_not_there(sealed, people):
    organizations.set_policy("publication", {"checkpoints": False}, actor=people.adam)
    nobody = uuid7()
    for path in ("checkpoint", "keys", "tile/0/000"):
        hidden, missing = fetch(f"/ledger/{sealed.pk}/{path}"), fetch(f"/ledger/{nobody}/{path}")
        assert hidden.status_code == missing.status_code == 404
        assert (
            b"No history is published here." in hidden.content and b"No history is published here." in missing.content
        )


def test_nothing_is_signed_yet(org):
    assert fetch(f"/ledger/{org.pk}/checkpoint").status_code == 404
    assert fetch(f"/ledger/{org.pk}/keys").status_code == 200


def test_the_keys_of_all_epochs_are_published(sealed):
    rotation.rotate([sealed], reason="Once a year, by policy.")
    lines = fetch(f"/ledger/{sealed.pk}/keys").content.decode().splitlines()
    assert [notes.VerifierKey.parse(line).public for line in lines] == [public for _, public in keys.epochs()]
    note = fetch(f"/ledger/{sealed.pk}/checkpoint").content.decode()
    for line in lines:
        assert notes.open_checkpoint(note, [notes.VerifierKey.parse(line)]).size == 302


def test_one_address_may_not_ask_without_end(sealed, settings, monkeypatch):
    settings.PUBLIC_REQUESTS_PER_MINUTE = 2
    times = iter((1, 2, 3))
    monkeypatch.setattr(rates, "_counted", lambda name: next(times))
    codes = [fetch(f"/ledger/{sealed.pk}/checkpoint").status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_the_count_is_kept_in_the_brokers_server_and_given_up_without_it(settings, monkeypatch):
    monkeypatch.setattr(rates, "_client", None)
    monkeypatch.setattr(rates, "_away_until", 0.0)
    address = str(uuid7())
    assert [rates._counted(address) for _ in range(3)] == [1, 2, 3]
    monkeypatch.setattr(rates, "_client", None)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert rates._counted(address) == 0
    monkeypatch.setattr(rates, "_away_until", 0.0)
    monkeypatch.setattr(rates, "_client", None)


def test_the_page_of_checkpoints_names_the_public_address(sealed, people):
    from tests.portal.web.test_event_history import read, signed_in

    page = read(signed_in(people.maya), sealed, "checkpoints")[1]
    assert reverse("published:checkpoint", args=[sealed.pk]) in page
    assert rotation.fingerprint(keys.epochs()[-1][1]) in page
    assert base64.b64encode(b"\x00" * 32).decode() not in page
