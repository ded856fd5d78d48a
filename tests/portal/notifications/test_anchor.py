"""The weekly anchor: to whom, when, with what in it, and never twice."""

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.ledger import keys, notes, sequencer, services, signer, tree
from portal.engagements import services as engagements
from portal.jobs.models import Job
from portal.notifications import services as notifications
from portal.notifications import sweeps
from portal.notifications.channels import email
from portal.notifications.models import Delivery, Notice
from portal.notifications.rules import RULES, anchor
from tests.people import account_of
from tests.portal.web.test_event_history import BOX_FILLED, box, signer_of_its_own  # noqa: F401  a fixture


@pytest.fixture
def sunday(org, people):
    """Just after the next Sunday, 23:59 UTC, with something signed and an auditor let in."""
    services.record(BOX_FILLED, subject=box(), actor=people.ines, reason="Because Jo Doe called.")
    sequencer.run_once(org.pk)
    facts = engagements.Facts(title="Re-audit", period_start=date(2026, 9, 1), period_end=date(2027, 2, 28))
    made = engagements.create(facts, actor=people.maya)
    until = clock.now() + timedelta(days=30)
    engagements.grant(made.pk, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
    with clock.at(anchor.last_occasion(clock.now()) + timedelta(days=7, minutes=1)):
        yield made


@contextmanager
def inside():
    yield


def send(notice):
    return notifications.deliver(notice.pk, inside=inside, watch=lambda *said: None)


def addresses(*actors):
    return sorted(account_of(each).email for each in actors)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 29, 23, 58, 59, tzinfo=UTC), datetime(2026, 11, 22, 23, 59, tzinfo=UTC)),
        (datetime(2026, 11, 29, 23, 59, tzinfo=UTC), datetime(2026, 11, 29, 23, 59, tzinfo=UTC)),
        (datetime(2026, 11, 30, 0, 0, tzinfo=UTC), datetime(2026, 11, 29, 23, 59, tzinfo=UTC)),
        (datetime(2026, 12, 5, 12, 0, tzinfo=UTC), datetime(2026, 11, 29, 23, 59, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_moment_is_sunday_23_59_utc(now, expected):
    assert anchor.last_occasion(now) == expected


def test_executives_and_auditors_get_size_root_and_note_and_nothing_else(org, people, sunday):
    sweeps.mail_anchor(org.pk)
    notice = Notice.objects.get()
    assert send(notice) == {"sent": 2, "failed": 0}
    assert sorted(to for each in mail.outbox for to in each.to) == addresses(people.edda, people.otto)
    letter = mail.outbox[0]
    opened = notes.open_checkpoint(letter.body.partition("\n\n")[2].partition("\n\n")[2], keys.verifier_keys(org.pk))
    assert f"Events: {opened.size}\n" in letter.body and opened.root.hex() in letter.body
    for private in ("Jo Doe", "Ines", "BX-001", "box.filled", "Re-audit"):
        assert private not in letter.body + letter.subject


def test_a_week_is_told_once_however_often_the_sweep_comes(org, people, sunday):
    for _ in range(3):
        sweeps.mail_anchor(org.pk)
    assert Notice.objects.count() == 1 and Job.objects.filter(kind=notifications.DELIVER).count() == 1
    send(Notice.objects.get())
    assert send(Notice.objects.get()) == {"sent": 0, "failed": 0}
    assert len(mail.outbox) == 2
    with clock.at(clock.now() + timedelta(days=7)):
        sweeps.mail_anchor(org.pk)
    assert Notice.objects.count() == 2


def test_before_the_first_sunday_and_without_a_checkpoint_nothing_is_told(org, people):
    sweeps.mail_anchor(org.pk)
    with clock.at(clock.now() + timedelta(days=8)):
        sweeps.mail_anchor(org.pk)
    assert not Notice.objects.exists()


def test_the_sample_tells_nobody(org, people, sunday):
    type(org).objects.filter(pk=org.pk)
    org.is_sample = True
    assert notifications.announce_anchor(org, actor=sweeps._product(org.pk)) is None


def test_whose_access_ended_is_not_told(org, people, sunday):
    assert {each.pk for each in anchor.recipients(org.pk)} == {people.edda.account_id, people.otto.account_id}
    with clock.at(clock.now() + timedelta(days=60)):
        assert {each.pk for each in anchor.recipients(org.pk)} == {people.edda.account_id}
    account = account_of(people.edda)
    account.is_active = False
    account.save()
    assert {each.pk for each in anchor.recipients(org.pk)} == {people.otto.account_id}


def test_what_the_server_refused_is_tried_again_and_the_rest_is_not(org, people, sunday, monkeypatch):
    sweeps.mail_anchor(org.pk)
    notice = Notice.objects.get()
    refused = account_of(people.otto).email
    true_send = email.send

    def refusing(address, letter):
        if address == refused:
            raise ConnectionRefusedError
        true_send(address, letter)

    with monkeypatch.context() as broken:
        broken.setattr(email, "send", refusing)
        assert send(notice) == {"sent": 1, "failed": 1}
    assert Delivery.objects.get(sent_at=None).error == "ConnectionRefusedError"
    Job.objects.update(ended_at=clock.now(), state="succeeded")
    assert notifications.retry_failed(actor=sweeps._product(org.pk)) == 1
    assert notifications.retry_failed(actor=sweeps._product(org.pk)) == 0, "its job waits already"
    assert send(notice) == {"sent": 1, "failed": 0}
    assert sorted(to for each in mail.outbox for to in each.to) == addresses(people.edda, people.otto)


def test_a_try_without_an_outcome_is_never_made_again(org, people, sunday, monkeypatch):
    sweeps.mail_anchor(org.pk)
    notice = Notice.objects.get()

    def killed(address, letter):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(email, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            send(notice)
    assert send(notice)["sent"] == 1, "the one that was not tried yet"
    assert len(mail.outbox) == 1


def test_an_alarm_stands_in_the_letter(org, people, sunday):
    sweeps.mail_anchor(org.pk)
    signer.confirm(org.pk, signer.Head(99, tree.EMPTY_ROOT))
    with pytest.raises(signer.SignerRefused):
        sequencer.inspect(org.pk)
    send(Notice.objects.get())
    assert mail.outbox[0].body.startswith("An alarm is open over this history: ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE notifications_delivery SET sent_at = NULL",
        "UPDATE notifications_delivery SET account_id = (SELECT id FROM accounts_account LIMIT 1), sent_at = now()",
        "DELETE FROM notifications_delivery",
        "DELETE FROM notifications_notice",
        "UPDATE notifications_notice SET occasion = 'another'",
    ],
)
def test_raw_sql_does_not_make_a_letter_unsent(org, people, sunday, statement):
    sweeps.mail_anchor(org.pk)
    send(Notice.objects.get())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_every_rule_speaks_under_its_own_name(rule, org, people, sunday):
    newest = services.sealed_size(org.pk)
    # What any of them is made with.
    letter = rule.letter(org, {"size": newest, "root": "00", "what": "wanted", "path": "approvals", "ref": "F-001"})
    assert letter.subject and letter.text and len(rule.key) <= 40
    assert all(account.is_active for account in rule.recipients(org.pk))
