"""Every write about a link: made, taken back, used.

A link is made with a fresh proof of identity and shown once. Whoever uses one gets the same answer for what is unknown,
ended or taken back.
"""

from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotFound, ReauthenticationRequired, Stale, WrongState
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations
from portal.packages.links import events, secrets
from portal.packages.links.models import LONGEST_DAYS, Link, Use
from portal.packages.models import Package

SHARE = "packages.share"


class NothingThere(NotFound):
    """The one answer for every link that opens nothing."""

    code = "link_opens_nothing"

    def __init__(self) -> None:
        super().__init__(
            "This link opens nothing.",
            help="It may have ended, been taken back, or been copied in part. Ask whoever sent it for a new one.",
        )


@dataclass(frozen=True)
class Made:
    """A new link with what opens it, which is kept nowhere."""

    row: Link
    token: str
    passphrase: str


@transaction.atomic
def make(
    package_id: UUID, *, actor: Actor, recipient: str, email: str, days: int, with_passphrase: bool = False
) -> Made:
    """A link to a sealed package. Refused without the right, without a fresh proof, or for more than 90 days."""
    package = Package.objects.select_for_update(of=("self",)).filter(
        pk=package_id, organization_id=actor.organization_id
    ).first()  # fmt: skip
    if package is None:
        raise NotFound("There is no such package.")
    actor.require(SHARE, package)
    if not package.is_final:
        raise WrongState("Only a sealed package can be given to somebody outside.", help="Have it approved first.")
    _check(recipient, email, days)
    _require_proof(actor)
    token, phrase = secrets.token(actor.organization_id), secrets.passphrase() if with_passphrase else ""
    now = clock.now()
    row = Link.objects.create(
        organization_id=actor.organization_id,
        ref=organizations.take_ref(actor.organization_id, "L")[0],
        package=package,
        recipient=recipient.strip(),
        email=email.strip(),
        token_sha256=secrets.sha256(token),
        passphrase_sha256=secrets.sha256(secrets.plain(phrase)) if phrase else "",
        created_at=now,
        ends_at=now + timedelta(days=days),
        made_by_id=actor.person_id,
    )
    ledger.record(
        events.LINK_MADE,
        subject=row,
        actor=actor,
        after={"ends_at": row.ends_at.isoformat(timespec="seconds"), "passphrase": bool(phrase)},
        data=_about(package),
        texts={"recipient": f"{row.recipient} <{row.email}>"},
    )
    return Made(row, token, phrase)


@transaction.atomic
def at_version(link_id: UUID, *, version: int, actor: Actor) -> Link:
    """Lock the link for the caller's transaction. Raises Stale unless it is still at this version."""
    row = _locked(link_id, actor)
    if row.version != version:
        raise Stale("Somebody else changed this link meanwhile. Nothing of yours was saved.")
    return row


@transaction.atomic
def revoke(link_id: UUID, *, actor: Actor, reason: str = "") -> Link:
    """From now on the link opens nothing. Raises WrongState for one that was taken back already."""
    row = _locked(link_id, actor)
    actor.require(SHARE, row.package)
    if row.revoked_at is not None:
        raise WrongState("This link was taken back already.")
    row.revoked_at, row.revoked_by_id = clock.now(), actor.person_id
    row.version += 1
    row.save()
    ledger.record(events.LINK_REVOKED, subject=row, actor=actor, data=_about(row.package), reason=reason)
    return row


def _locked(link_id: UUID, actor: Actor) -> Link:
    row = Link.objects.select_for_update(of=("self",)).select_related("package").filter(
        pk=link_id, organization_id=actor.organization_id
    ).first()  # fmt: skip
    if row is None:
        raise NotFound("There is no such link.")
    return row


def opened(token: str) -> Link:
    """The open link of a token, inside the organization that the token names. Raises NothingThere."""
    row = (
        Link.objects.select_related("package__engagement", "package__pdf", "package__prepared_by", "package__approved_by", "organization")
        .filter(token_sha256=secrets.sha256(token), revoked_at=None, ends_at__gt=clock.now())
        .first()
    )  # fmt: skip
    if row is None:
        raise NothingThere
    return row


def is_passphrase(row: Link, typed: str) -> bool:
    """Whether it is the link's passphrase, however it was written."""
    return compare_digest(row.passphrase_sha256, secrets.sha256(secrets.plain(typed)))


@transaction.atomic
def use(row: Link, what: str) -> None:
    """Each opening and each download is a row that the database judges, and an event."""
    Use.objects.create(organization_id=row.organization_id, link=row, what=what)
    event = events.LINK_OPENED if what == Use.What.OPENED else events.LINK_DOWNLOADED
    actor = Actor.system(row.organization_id, "package link")
    told = {} if what == Use.What.OPENED else {"form": str(what)}
    ledger.record(event, subject=row, actor=actor, data=_about(row.package) | told)


def _about(package: Package) -> dict[str, object]:
    return {"package": package.ref, "issue": package.issue, "sha256": package.sha256}


def _check(recipient: str, email: str, days: int) -> None:
    fields = {}
    if not recipient.strip() or len(recipient.strip()) > 120:
        fields["recipient"] = ["Say whom it is for, in at most 120 characters."]
    if "@" not in email or len(email) > 254:
        fields["email"] = ["An e-mail address of the recipient."]
    if not 1 <= days <= LONGEST_DAYS:
        fields["days"] = [f"A link lasts from 1 to {LONGEST_DAYS} days."]
    if fields:
        raise Invalid("The link was not made.", fields=fields)


def _require_proof(actor: Actor) -> None:
    if actor.fresh_proof is None:
        raise ReauthenticationRequired(
            "Giving a package to somebody outside needs a fresh proof that it is you.",
            help="Prove it again, then make the link.",
        )
