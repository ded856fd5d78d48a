"""What an operator may do about an alarm, and that none of it signs a smaller tree."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, transaction

from evidence import tenancy
from evidence.errors import Invalid, WrongState
from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, proofs, recovery, sequencer, services, signer, tree, verification
from evidence.ledger.models import Alarm, Checkpoint, Event, Loss
from tests.evidence.ledger.test_sequencer import SET_BACK, add_events, as_owner, firm  # noqa: F401  a fixture

WHY = "The disk of the database died."
# An old backup: the events themselves are gone too.
OLD_BACKUP = (
    "DELETE FROM ledger_event WHERE id IN (SELECT event_id FROM ledger_entry WHERE index >= 5)",
    *SET_BACK,
)


def restore_an_old_backup(organization):
    as_owner(organization, *OLD_BACKUP)
    with pytest.raises(signer.SignerRefused, match="set back"):
        sequencer.inspect(organization.pk)


def open_alarms(organization):
    with transaction.atomic(), tenancy.entered(organization.pk):
        return list(Alarm.objects.filter(cleared_at=None).values_list("kind", flat=True))


def checkpoints(organization):
    with transaction.atomic(), tenancy.entered(organization.pk):
        return list(Checkpoint.objects.order_by("size").values_list("size", "note"))


def test_an_alarm_is_not_cleared_while_the_history_is_wrong(firm):  # noqa: F811
    restore_an_old_backup(firm)
    with pytest.raises(WrongState, match="still does not hold"):
        recovery.clear(firm, reason=WHY)
    assert open_alarms(firm) == ["tree_smaller"]


def test_an_alarm_is_cleared_once_the_history_holds_again_and_leaves_its_reason(firm):  # noqa: F811
    true = signer.load(firm.pk).signed
    signer.confirm(firm.pk, signer.Head(9, tree.EMPTY_ROOT))
    with pytest.raises(signer.SignerRefused):
        sequencer.inspect(firm.pk)
    signer.confirm(firm.pk, true)
    with pytest.raises(Invalid):
        recovery.clear(firm, reason="looked")
    recovery.clear(firm, reason="The signer's disk was swapped; the right one is back.")
    assert open_alarms(firm) == []
    assert sequencer.run_once(firm.pk) == 1
    with transaction.atomic(), tenancy.entered(firm.pk):
        alarm, event = Alarm.objects.get(), Event.objects.get(kind="ledger.alarm_cleared")
        assert alarm.cleared_by_event == event.pk
        services.require_healthy()
    assert verification.verify(firm.pk).holds


def test_a_declared_loss_goes_on_under_another_name_and_signs_nothing_smaller(firm):  # noqa: F811
    before = signer.load(firm.pk).signed
    restore_an_old_backup(firm)
    lost = recovery.declare_loss(firm, reason=WHY)
    assert (lost.line, lost.kept, lost.lost) == (2, 5, 3)
    assert open_alarms(firm) == []
    add_events(firm, 2)
    sequencer.run_once(firm.pk)
    signed = checkpoints(firm)
    assert [size for size, _ in signed] == [5, 8]
    assert signed[0][1].startswith(f"clearhold/{firm.pk}\n") and signed[1][1].startswith(f"clearhold/{firm.pk}/2\n")
    # Who trusts the old name alone can't take the new checkpoint for its continuation.
    first = [key for key in _keys(firm) if key.name == f"clearhold/{firm.pk}"]
    with pytest.raises(notes.Unsigned):
        notes.open_checkpoint(signed[1][1], first)
    kept = list(signer._path(firm.pk).parent.glob("*.before-line-2"))
    assert json.loads(kept[0].read_text())["signed"] == {"size": before.size, "root": before.root.hex()}
    with transaction.atomic(), tenancy.entered(firm.pk):
        told = json.loads(bytes(Event.objects.get(kind="ledger.loss_declared").body))["facts"]
        assert told["after"]["signed_events"] == 8 and told["after"]["events"] == 5
        proof = proofs.Consistency.parse(services.consistency_proof(firm.pk, 5))
        roots = [notes.open_checkpoint(note, keys.verifier_keys(firm.pk)).root for _, note in signed]
    assert tree.verify_consistency(5, 8, *roots, proof.hashes)
    report = verification.verify(firm.pk)
    assert report.holds, report


def _keys(organization):
    with transaction.atomic(), tenancy.entered(organization.pk):
        return keys.verifier_keys(organization.pk)


def test_a_second_loss_and_one_whose_size_nobody_knows(firm, settings):  # noqa: F811
    restore_an_old_backup(firm)
    recovery.declare_loss(firm, reason=WHY)
    sequencer.run_once(firm.pk)
    for path in settings.CLEARHOLD_SIGNER_DIR.glob("*.json"):
        path.unlink()
    with pytest.raises(signer.SignerRefused, match="never signed"):
        sequencer.inspect(firm.pk)
    lost = recovery.declare_loss(firm, reason="The signer's memory burnt as well.")
    assert (lost.line, lost.kept, lost.lost) == (3, 6, None)
    sequencer.run_once(firm.pk)
    assert checkpoints(firm)[-1][1].startswith(f"clearhold/{firm.pk}/3\n")
    assert verification.verify(firm.pk).holds


def test_a_crash_between_database_and_memory_is_declared_again(firm, monkeypatch):  # noqa: F811
    restore_an_old_backup(firm)

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(signer, "begin_line", crash)
        with pytest.raises(KeyboardInterrupt):
            recovery.declare_loss(firm, reason=WHY)
    with pytest.raises(signer.SignerRefused, match="line 1 was signed"):
        sequencer.run_once(firm.pk)
    assert recovery.declare_loss(firm, reason=WHY).line == 3
    sequencer.run_once(firm.pk)
    assert verification.verify(firm.pk).holds


def test_only_a_shorter_history_can_be_declared_never_an_altered_one(firm):  # noqa: F811
    swapped = "UPDATE ledger_tile SET hashes = substring(hashes FROM 33) || substring(hashes FROM 1 FOR 32)"
    as_owner(firm, swapped)
    with pytest.raises(signer.SignerRefused, match="no longer those"):
        sequencer.inspect(firm.pk)
    with pytest.raises(WrongState, match="does not hold by itself"):
        recovery.declare_loss(firm, reason=WHY)
    with transaction.atomic(), tenancy.entered(firm.pk):
        assert not Loss.objects.exists()
        assert not Event.objects.filter(kind="ledger.loss_declared").exists()


def test_a_loss_is_not_declared_when_nothing_is_lost(firm):  # noqa: F811
    with pytest.raises(WrongState, match="No alarm is open"):
        recovery.declare_loss(firm, reason=WHY)
    true = signer.load(firm.pk).signed
    signer.confirm(firm.pk, signer.Head(9, tree.EMPTY_ROOT))
    with pytest.raises(signer.SignerRefused):
        sequencer.inspect(firm.pk)
    signer.confirm(firm.pk, true)
    with pytest.raises(WrongState, match="Nothing is lost"):
        recovery.declare_loss(firm, reason=WHY)


@pytest.mark.parametrize("alias", ["default", "sequencer", "owner"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_alarm SET cleared_at = now()",
        "UPDATE ledger_alarm SET cleared_at = now(), cleared_by_event = (SELECT id FROM ledger_event LIMIT 1)",
        "UPDATE ledger_alarm SET message = 'all is well'",
        "DELETE FROM ledger_alarm",
    ],
    ids=["without an event", "with any event", "softened", "deleted"],
)
def test_raw_sql_does_not_end_an_alarm(firm, alias, statement):  # noqa: F811
    restore_an_old_backup(firm)
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(using=alias),
        tenancy.entered(firm.pk, using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert open_alarms(firm) == ["tree_smaller"]


@pytest.mark.parametrize("alias", ["default", "sequencer"])
def test_raw_sql_does_not_invent_a_loss(firm, alias):  # noqa: F811
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(using=alias),
        tenancy.entered(firm.pk, using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO ledger_loss (id, organization_id, number, kept_size, event_id, at)"
            " SELECT %s, %s, 1, 8, id, now() FROM ledger_event LIMIT 1",
            [uuid7(), firm.pk],
        )


def test_the_command_lists_refuses_clears_and_declares(firm):  # noqa: F811
    said = io.StringIO()
    call_command("ledger_alarm", stdout=said)
    assert "No alarm is open." in said.getvalue()
    restore_an_old_backup(firm)
    call_command("ledger_alarm", stdout=said)
    assert "lumenroll: " in said.getvalue() and "tree_smaller" in said.getvalue()
    for words in (["--clear"], ["--clear", "--organization", "lumenroll"], ["--organization", "nobody"]):
        with pytest.raises(CommandError):
            call_command("ledger_alarm", *words, "--reason", WHY)
    call_command("ledger_alarm", "--declare-loss", "--organization", "lumenroll", "--reason", WHY, stdout=said)
    assert "3 sealed events declared lost; 5 go on as line 2" in said.getvalue()
