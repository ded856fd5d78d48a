"""The sessions of an account as its owner sees them, and their end from afar."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.http import HttpRequest

from evidence import clock
from evidence.errors import NotFound
from portal.accounts import addresses
from portal.accounts.models import Proof, SignedIn

End = SignedIn.End
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)


@dataclass(frozen=True)
class Seen:
    """One live session in words."""

    id: UUID
    device: str
    address: str
    kind: str
    began_at: datetime
    seen_at: datetime
    is_this: bool


def device_words(agent: str) -> str:
    """“Firefox on Windows” from what a browser says of itself; it may say anything."""
    system = next((word for sign, word in SYSTEMS if sign in agent), "")
    browser = next((word for sign, word in BROWSERS if sign in agent), "")
    if not browser:
        browser = re.sub(r"[^\w. -]", "", agent.split("/")[0])[:40] or "Unknown program"
    return f"{browser} on {system}" if system else browser


def words_of(kind: str) -> str:
    return str(Proof.Kind(kind).label) if kind in Proof.Kind.values else ""


def begin(request: HttpRequest, account_id: UUID, *, kind: str) -> None:
    """Note the session that signing in has just made."""
    if not request.session.session_key:
        request.session.save()
    moment = clock.now()
    # The same key comes again only when a signed-in browser signs in anew within its session.
    SignedIn.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "account_id": account_id,
            "began_at": moment,
            "seen_at": moment,
            "address": addresses.of(request),
            "agent": request.headers.get("User-Agent", "")[:300],
            "kind": kind,
            "ended_at": None,
            "ended_how": "",
        },
    )


def touch(request: HttpRequest) -> None:
    """Note that the session was seen, and from where."""
    SignedIn.objects.filter(session_key=request.session.session_key, ended_at=None).update(
        seen_at=clock.now(), address=addresses.of(request)
    )


def finish(session_key: str | None, how: str) -> None:
    """Note that a session has ended by itself."""
    if session_key:
        SignedIn.objects.filter(session_key=session_key, ended_at=None).update(ended_at=clock.now(), ended_how=how)


def of(account_ids: Collection[UUID], *, this: str | None = None) -> list[Seen]:
    """The live sessions of these accounts, the latest first."""
    return [
        Seen(row.pk, device_words(row.agent), row.address or "", words_of(row.kind), row.began_at, row.seen_at,
             row.session_key == this)
        for row in _live(account_ids).order_by("-seen_at")[:100]
    ]  # fmt: skip


def end(account_id: UUID, session_id: UUID, *, how: str = End.REMOTE) -> Seen:
    """End one session of the account: its next request is nobody's. Raises NotFound for any other."""
    row = _live([account_id]).filter(pk=session_id).first()
    if row is None:
        raise NotFound("This session has already ended.", help="Load the page again.")
    _end(_live([account_id]).filter(pk=session_id), how)
    return Seen(row.pk, device_words(row.agent), row.address or "", "", row.began_at, row.seen_at, False)


def end_all(account_ids: Collection[UUID], *, how: str, but: str | None = None) -> int:
    """End every live session of these accounts, except the one with the key `but`. Returns how many."""
    rows = _live(account_ids)
    return _end(rows.exclude(session_key=but) if but else rows, how)


def _live(account_ids: Collection[UUID]) -> "QuerySet[SignedIn]":
    moment = clock.now()
    return SignedIn.objects.filter(
        account_id__in=account_ids,
        ended_at=None,
        seen_at__gt=moment - timedelta(seconds=settings.SESSION_IDLE_SECONDS),
        began_at__gt=moment - timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS),
    )


def _end(rows: "QuerySet[SignedIn]", how: str) -> int:
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    return rows.update(ended_at=clock.now(), ended_how=how)
