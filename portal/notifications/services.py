"""Tells people: makes a notice once per occasion, and delivers it at most once to each person."""

import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from evidence import clock
from evidence.actors import Actor
from evidence.ledger import queries as ledger
from evidence.organizations.models import Organization
from portal.accounts.models import Account
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.notifications.channels import email
from portal.notifications.models import Delivery, Notice
from portal.notifications.rules import RULES, anchor

logger = logging.getLogger(__name__)

DELIVER = "notifications.deliver"
ATTEMPTS = 5
TITLES = {anchor.KEY: "Send the weekly checkpoint"}
RETRY_FOR = timedelta(days=2)

Inside = Callable[[], AbstractContextManager[None]]


@transaction.atomic
def announce(
    rule: str, occasion: str, *, data: dict[str, Any], actor: Actor, people: Collection[UUID] | None = None
) -> Notice | None:
    """Make the notice and its deliveries, and put the job that sends them; None when that was done before.

    `people` names who is told, where it is not the rule that knows.
    """
    try:
        with transaction.atomic():
            notice = Notice.objects.create(
                organization_id=actor.organization_id, rule=rule, occasion=occasion, data=data
            )
    except IntegrityError:
        return None
    if people is None:
        accounts = RULES[rule].recipients(actor.organization_id)
    else:
        accounts = list(Account.objects.filter(person_id__in=people, is_active=True).order_by("pk"))
    Delivery.objects.bulk_create(
        [Delivery(organization_id=actor.organization_id, notice=notice, account=account) for account in accounts]
    )
    if accounts:
        _enqueue(notice, actor)
    return notice


def untold(rule: str, occasions: Collection[str], *, actor: Actor) -> list[str]:
    """Those of them for which the rule has made no notice yet, in their order."""
    known = Notice.objects.filter(organization_id=actor.organization_id, rule=rule, occasion__in=list(occasions))
    told = set(known.values_list("occasion", flat=True))
    return [occasion for occasion in occasions if occasion not in told]


def is_sample(actor: Actor) -> bool:
    """The sample has no one to tell."""
    return Organization.objects.values_list("is_sample", flat=True).get(pk=actor.organization_id)


def announce_anchor(organization: Organization, *, actor: Actor, now: datetime | None = None) -> Notice | None:
    """The weekly anchor, once its moment has passed. The sample has no one to tell."""
    occasion = anchor.last_occasion(now or clock.now())
    named = occasion.strftime("%Y-%m-%dT%H:%MZ")
    if organization.is_sample or organization.created_at >= occasion:
        return None
    if Notice.objects.filter(organization_id=organization.pk, rule=anchor.KEY, occasion=named).exists():
        return None
    standing = ledger.standing(organization.pk)
    if not standing.size:
        return None
    return announce(anchor.KEY, named, data={"size": standing.size, "root": standing.root}, actor=actor)


def retry_failed(*, actor: Actor) -> int:
    """Put a job again for notices some of whose deliveries the channel refused."""
    failed = Delivery.objects.filter(
        organization_id=actor.organization_id, sent_at=None, attempts__lt=ATTEMPTS
    ).exclude(error="")
    notices = Notice.objects.filter(pk__in=failed.values("notice_id"), created_at__gt=clock.now() - RETRY_FOR)
    waiting = set(
        Job.objects.filter(organization_id=actor.organization_id, kind=DELIVER, ended_at=None).values_list(
            "args__notice_id", flat=True
        )
    )
    again = [notice for notice in notices if str(notice.pk) not in waiting]
    for notice in again:
        _enqueue(notice, actor)
    return len(again)


def deliver(notice_id: UUID, *, inside: Inside, watch: Callable[[int, int, str], object]) -> dict[str, int]:
    """Send what was not tried yet or was refused. Each try is written down before it is made."""
    with inside():
        notice = Notice.objects.select_related("organization").get(pk=notice_id)
        letter = RULES[notice.rule].letter(notice.organization, notice.data)
        open_ones = list(_open(notice).values_list("pk", "account_id"))
    sent = 0
    for done, (delivery_id, account_id) in enumerate(open_ones):
        watch(done, len(open_ones), "Sending")
        with inside():
            row = Delivery.objects.select_for_update().get(pk=delivery_id)
            if not _may_try(row):
                continue
            row.attempts, row.attempted_at, row.error = row.attempts + 1, clock.now(), ""
            row.save(update_fields=["attempts", "attempted_at", "error"])
            address = Account.objects.values_list("email", flat=True).get(pk=account_id)
        error = _sent(address, letter)
        with inside():
            outcome: dict[str, Any] = {"error": error} if error else {"sent_at": clock.now()}
            Delivery.objects.filter(pk=delivery_id).update(**outcome)
        sent += not error
    return {"sent": sent, "failed": len(open_ones) - sent}


def _open(notice: Notice) -> Any:
    rows = Delivery.objects.filter(notice=notice, sent_at=None, attempts__lt=ATTEMPTS).order_by("pk")
    return rows.exclude(error="", attempted_at__isnull=False)


def _may_try(row: Delivery) -> bool:
    return row.sent_at is None and row.attempts < ATTEMPTS and (row.attempted_at is None or bool(row.error))


def _sent(address: str, letter: Any) -> str:
    try:
        email.send(address, letter)
    except email.FAILURES as fault:
        # An address is personal data: the log names the kind of the fault alone.
        logger.warning("a notice was not taken by the mail server: %s", type(fault).__name__)
        return type(fault).__name__
    return ""


def _enqueue(notice: Notice, actor: Actor) -> None:
    jobs.enqueue(
        DELIVER, actor=actor, args={"notice_id": str(notice.pk)}, title=TITLES.get(notice.rule, "Send a notice")
    )
