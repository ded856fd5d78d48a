"""Slowing down guesses so that a guesser waits and the owner does not.

Wrong tries are counted per account and per address. A device that the account signed in from before has a count of
its own, so that no number of wrong tries from elsewhere stops it; a passkey can't be guessed and is never counted.
"""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse

from evidence import clock
from evidence.errors import Refused
from portal.accounts import addresses
from portal.accounts.models import Guess

WINDOW = timedelta(minutes=15)
KEPT = timedelta(days=1)
DEVICE_DAYS = 180
SALT = "clearhold.device"
# Wrong tries in the window: of one account from everywhere but its own devices, from one address, on an own device.
MOST = {"password": (30, 60, 8), "code": (12, 30, 8)}


class TooManyGuesses(Refused):
    """Too many wrong passwords or codes; nobody's account is locked by it, only this way in waits."""

    code = "too_many_guesses"
    status = 429

    def __init__(self) -> None:
        super().__init__(
            "Too many wrong tries. Wait 15 minutes, or sign in with a passkey or from a device you used before.",
            details={"retry_after": int(WINDOW.total_seconds())},
        )


def subject_of(name: str) -> str:
    """What is kept of an address or an account that somebody tried."""
    return hashlib.sha256(f"guess:{name.strip().lower()}".encode()).hexdigest()


def device_of(request: HttpRequest, name: str) -> str:
    """This browser's mark when the account signed in from it before, else nothing."""
    given = _cookie(request)
    return str(given.get("d", "")) if subject_of(name)[:16] in given.get("a", ()) else ""


def remember(request: HttpRequest, response: HttpResponse, *names: str) -> HttpResponse:
    """Mark the browser as one that these names signed in from. The mark proves nothing and only shields from locks."""
    given = _cookie(request)
    known = [*given.get("a", ()), *(subject_of(name)[:16] for name in names)]
    value = {"d": given.get("d") or secrets.token_hex(8), "a": list(dict.fromkeys(known))[-20:]}
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(value, salt=SALT),
        max_age=DEVICE_DAYS * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def check(request: HttpRequest, kind: str, name: str) -> None:
    """Raise TooManyGuesses when this way in has to wait."""
    subject, device, address = subject_of(name), device_of(request, name), addresses.of(request)
    per_account, per_address, per_device = MOST[kind]
    recent = Guess.objects.filter(kind=kind, at__gt=clock.now() - WINDOW)
    if device:
        if recent.filter(subject=subject, device=device).count() >= per_device:
            raise TooManyGuesses
        return
    found = recent.filter(Q(subject=subject) | Q(address=address)).aggregate(
        account=Count("pk", filter=Q(subject=subject, device="")),
        address=Count("pk", filter=Q(address=address, device="")),
    )
    if found["account"] >= per_account or (address is not None and found["address"] >= per_address):
        raise TooManyGuesses


def wrong(request: HttpRequest, kind: str, name: str) -> None:
    """Count one wrong try. Call it where the request's refusal can't roll it back."""
    Guess.objects.create(
        kind=kind,
        subject=subject_of(name),
        address=addresses.of(request),
        device=device_of(request, name),
        at=clock.now(),
    )


def right(request: HttpRequest, kind: str, name: str) -> None:
    """Forget the wrong tries of this device, or of this address, for the account that has now been proved."""
    device = device_of(request, name)
    where = Q(device=device) if device else Q(device="", address=addresses.of(request))
    Guess.objects.filter(where, kind=kind, subject=subject_of(name)).delete()


def forget_old() -> int:
    """Clear away what is older than a day."""
    return Guess.objects.filter(at__lt=clock.now() - KEPT).delete()[0]


def _cookie(request: HttpRequest) -> dict[str, object]:
    try:
        found = signing.loads(
            request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT, max_age=DEVICE_DAYS * 24 * 3600
        )
    except signing.BadSignature:
        return {}
    return found if isinstance(found, dict) else {}
