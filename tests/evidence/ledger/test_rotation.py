"""The signing goes over to a new key by the word of the old one, and by nothing else."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from evidence import tenancy
from evidence.errors import Unavailable, WrongState
from evidence.ledger import keys, notes, rotation, sequencer, services, signer, tree, verification
from evidence.ledger.models import Checkpoint, Event
from tests.evidence.ledger.test_recovery import checkpoints, restore_an_old_backup
from tests.evidence.ledger.test_sequencer import add_events, firm  # noqa: F401  a fixture

WHY = "Once a year, by policy."


def signers(organization, note):
    """The epochs whose keys signed the note."""
    found = []
    for epoch, public in keys.epochs():
        try:
            notes.open_note(note, [notes.VerifierKey(keys.origin(organization.pk), public)])
            found.append(epoch)
        except notes.Unsigned:
            pass
    return found


def test_the_old_key_seals_the_announcement_and_both_sign_the_next_checkpoint(firm):  # noqa: F811
    old = keys.epochs()[-1][1]
    rotated = rotation.rotate([firm], reason=WHY)
    assert rotated.epoch == 2 and rotated.fingerprint == rotation.fingerprint(keys.epochs()[-1][1])
    add_events(firm, 1)
    sequencer.run_once(firm.pk)
    by_size = {size: signers(firm, note) for size, note in checkpoints(firm)}
    assert by_size == {5: [1], 8: [1], 9: [1], 10: [1, 2], 11: [2]}
    with transaction.atomic(), tenancy.entered(firm.pk):
        told = json.loads(bytes(Event.objects.get(kind="ledger.key_announced").body))["facts"]["data"]
    assert told["fingerprint"] == rotated.fingerprint
    assert told["earlier_fingerprint"] == rotation.fingerprint(old)
    assert bytes.fromhex(told["public_key"]) == keys.epochs()[-1][1]
    assert verification.verify(firm.pk).holds


def test_whoever_knows_either_key_can_open_the_handover(firm):  # noqa: F811
    rotation.rotate([firm], reason=WHY)
    note = dict(checkpoints(firm))[10]
    for _, public in keys.epochs():
        key = notes.VerifierKey(keys.origin(firm.pk), public)
        assert notes.open_checkpoint(note, [key]).size == 10


def test_a_key_that_was_not_handed_over_is_found(firm, settings):  # noqa: F811
    rotation.rotate([firm], reason=WHY)
    add_events(firm, 1)
    sequencer.run_once(firm.pk)
    with transaction.atomic(using="owner"), tenancy.entered(firm.pk, using="owner"):
        from django.db import connections

        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_checkpoint DISABLE TRIGGER USER")
            cursor.execute("SELECT note FROM ledger_checkpoint WHERE size = 10")
            text, _, lines = cursor.fetchone()[0].rpartition("\n\n")
            second = lines.split("\n")[1]
            cursor.execute("UPDATE ledger_checkpoint SET note = %s WHERE size = 10", [f"{text}\n\n{second}\n"])
            cursor.execute("ALTER TABLE ledger_checkpoint ENABLE TRIGGER USER")
    report = verification.verify(firm.pk)
    assert report.place == "checkpoint 10" and "did not hand over" in report.fault


def test_the_old_key_signs_nothing_any_more(firm):  # noqa: F811
    rotation.rotate([firm], reason=WHY)
    old = keys._files("*.pem")[0]
    name = keys.origin(firm.pk)
    handover = verification._Handover
    with transaction.atomic(), tenancy.entered(firm.pk):
        watch = handover(firm.pk)
        noted = Checkpoint.objects.order_by("size").values_list("note", flat=True)
        assert all(watch.follows(note) for note in noted)
        late = notes.sign(str(notes.Checkpoint(name, 11, tree.EMPTY_ROOT)), notes.SigningKey(name, keys._private(old)))
        assert not watch.follows(late)


def test_the_old_key_may_not_go_before_it_handed_over(firm):  # noqa: F811
    number, _ = keys.prepare_next()
    keys.adopt_next(number)
    old = keys._files("*.pem")[0]
    kept = old.read_bytes()
    old.unlink()
    add_events(firm, 1)
    with pytest.raises(Unavailable, match="no other can take over"):
        sequencer.run_once(firm.pk)
    old.write_bytes(kept)
    old.chmod(0o600)
    assert sequencer.run_once(firm.pk) == 1
    old.unlink()
    add_events(firm, 1)
    assert sequencer.run_once(firm.pk) == 1
    assert verification.verify(firm.pk).holds


def test_a_rotation_that_was_interrupted_goes_on_with_the_same_key(firm, monkeypatch):  # noqa: F811
    def crash(number):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(keys, "adopt_next", crash)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate([firm], reason=WHY)
    assert len(keys.epochs()) == 1
    announced = keys.prepare_next()[1]
    rotation.rotate([firm], reason=WHY)
    assert keys.epochs()[-1][1] == announced
    assert verification.verify(firm.pk).holds


def test_no_key_changes_while_an_alarm_is_open(firm):  # noqa: F811
    restore_an_old_backup(firm)
    with pytest.raises(WrongState, match="alarm is open"):
        rotation.rotate([firm], reason=WHY)
    assert len(keys.epochs()) == 1


def test_lines_of_unknown_keys_are_ignored(firm):  # noqa: F811
    note = checkpoints(firm)[-1][1]
    witness = notes._line("witness.example", b"\x01\x02\x03\x04" + b"s" * 64)
    with transaction.atomic(), tenancy.entered(firm.pk):
        assert notes.open_checkpoint(note + witness, keys.verifier_keys(firm.pk)).size == 8
        assert verification._Handover(firm.pk).follows(note + witness) is True


def test_the_command_lists_epochs_and_rotates(firm):  # noqa: F811
    said = io.StringIO()
    call_command("ledger_keys", stdout=said)
    assert "epoch 1" in said.getvalue() and "epoch 2" not in said.getvalue()
    with pytest.raises(CommandError, match="few words"):
        call_command("ledger_keys", "--rotate")
    call_command("ledger_keys", "--rotate", "--reason", WHY, stdout=said)
    last = said.getvalue().splitlines()[-2:]
    assert "epoch 1" in last[0] and "signed earlier, private key here" in last[0]
    assert "epoch 2" in last[1] and "signs, private key here" in last[1]


_opened: list[str] = []
_watching = False


def _watch(event, arguments):
    if _watching and event == "open" and str(arguments[0]).endswith(".pem"):
        _opened.append(str(arguments[0]))


def test_reading_and_proving_never_opens_the_private_key(org, people):
    """What a web worker does: record, prove, verify. Only the sequencer opens the PEM."""
    global _watching
    sys.addaudithook(_watch)
    recorded = services.record(
        rotation.events.KEY_ANNOUNCED, subject=services.Subject("tests.thing", people.ines.person_id), actor=people.ines
    )
    sequencer.run_once(org.pk)
    _watching = True
    try:
        services.inclusion_proof(recorded.id)
        services.checkpoint(org.pk)
        keys.verifier_keys(org.pk)
        assert verification.verify(org.pk).holds
        assert _opened == []
        services.record(
            rotation.events.KEY_ANNOUNCED,
            subject=services.Subject("tests.thing", people.arun.person_id),
            actor=people.arun,
        )
        assert _opened == []
        sequencer.run_once(org.pk)
        assert _opened, "the sequencer does"
    finally:
        _watching = False
        _opened.clear()
    assert signer.load(org.pk).signed.size == 2
