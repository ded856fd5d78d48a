"""Proving it again before an act that asks who is there: by passkey, code, or, without either, by password."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth import authenticate
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse

from evidence.actors import Actor
from evidence.errors import DutyConflict, ReauthenticationRequired
from portal.accounts import factors, guesses, proofs
from portal.accounts.models import Account


@dataclass(frozen=True)
class Ways:
    """How this account can prove itself now; `fresh` names the proof that still stands, if it is enough."""

    passkey: bool
    app: bool
    code: bool
    password: bool
    fresh: str

    @property
    def word(self) -> str:
        return str(proofs.Kind(self.fresh).label) if self.fresh else ""


PASSWORD_ONLY = Ways(passkey=False, app=False, code=False, password=True, fresh="")


def ways(request: HttpRequest) -> Ways:
    """What a form that needs a proof offers."""
    held = factors.held(request.user.pk)  # type: ignore[arg-type]
    fresh = proofs.fresh_kind(request.session)
    return Ways(
        passkey=bool(held.passkeys),
        app=held.has_totp,
        code=held.has_totp or held.codes_left > 0,
        password=not held.is_strong,
        fresh=fresh if fresh in proofs.STRONG else "",
    )


def prove(request: HttpRequest, *, password: str = "", code: str = "", passkey: str = "") -> datetime:
    """The moment of a proof that is enough for this account, recorded. Raises when what was given is not.

    With nothing given, a strong proof that is still fresh counts; a password never counts twice.
    """
    account: Account = request.user  # type: ignore[assignment]
    if passkey:
        factors.answer_passkey(account, passkey)
        return _kept(request, account, proofs.Kind.PASSKEY)
    if code:
        return _kept(request, account, _by_code(request, account, code))
    if not password:
        return _standing(request)
    if factors.is_strong(account.pk):
        raise DutyConflict(
            "A password is no proof for somebody who has a passkey or an authenticator (rule M-02).",
            rule="M-02",
            help="Use your passkey, or the code your app shows. Nothing was recorded; what you typed is kept.",
        )
    guesses.check(request, "password", account.email)
    _refuse_demanded(account)
    found = authenticate(request, username=account.email, password=password)
    if found is None or found.pk != account.pk:
        afterwards(request, lambda: guesses.wrong(request, "password", account.email))
        raise ReauthenticationRequired(
            "The password is not right. Nothing was recorded.", help="Type the password you sign in with."
        )
    return _kept(request, account, proofs.Kind.PASSWORD)


def reauthenticate(request: HttpRequest, password: str = "") -> Actor:
    """The request's actor with a fresh proof of identity: from the fields passkey, code and password of its form."""
    given = {name: request.POST.get(name, "")[:20_000] for name in ("passkey", "code")}
    moment = prove(request, password=password, **given)
    return replace(request.actor, authenticated_at=moment, proof=request.session.get("proof", ""))  # type: ignore[attr-defined]


def by_code(request: HttpRequest, account: Account, code: str) -> str:
    """Which kind of code it was, used up by this. Raises TooManyGuesses, or ReauthenticationRequired when it is none."""
    return _by_code(request, account, code)


def afterwards(request: HttpRequest, act: Callable[[], Any], *, when_refused: bool = False) -> None:
    """Do it once the request's transaction has ended, so that a refusal does not take it back.

    With `when_refused` only then: for what the transaction wrote itself and a rollback would undo.
    """
    waiting: list[tuple[Callable[[], Any], bool]] = getattr(request, "afterwards", [])
    request.afterwards = [*waiting, (act, when_refused)]  # type: ignore[attr-defined]


def settle(request: HttpRequest, response: HttpResponse) -> None:
    """Do what waits for the request's end."""
    for act, when_refused in getattr(request, "afterwards", ()):
        if not when_refused or response.status_code >= 400:
            act()


def _by_code(request: HttpRequest, account: Account, code: str) -> str:
    name = str(account.pk)
    guesses.check(request, "code", name)
    for kind, spend in ((proofs.Kind.TOTP, factors.check_totp), (proofs.Kind.RECOVERY, factors.use_code)):
        if spend(account.pk, code):
            # The code stays used up even when the act that it was for is refused.
            afterwards(request, lambda spend=spend: spend(account.pk, code), when_refused=True)
            guesses.right(request, "code", name)
            return kind
    afterwards(request, lambda: guesses.wrong(request, "code", name))
    raise ReauthenticationRequired(
        "The code is not right, or was used already. Nothing was recorded.",
        help="Type the six digits that your app shows now, or a recovery code that you have not used yet.",
    )


def _refuse_demanded(account: Account) -> None:
    # Outside every organization nobody demands anything.
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT second_factor_demanded(%s)", [account.person_id])
        if cursor.fetchone()[0]:
            raise DutyConflict(
                "Your role demands a second factor, and a password is none (rule M-03).",
                rule="M-03",
                help="Set up a passkey or an authenticator under “Sign-in and security”, then come back.",
            )


def _standing(request: HttpRequest) -> datetime:
    kind = proofs.fresh_kind(request.session)
    if kind in proofs.STRONG:
        return datetime.fromisoformat(request.session["authenticated_at"])
    raise ReauthenticationRequired(
        "This needs a fresh proof that it is you. Nothing was recorded; what you typed is kept.",
        help="Use your passkey, the code of your app, or, if you have neither, your password.",
    )


def _kept(request: HttpRequest, account: Account, kind: str) -> datetime:
    moment = proofs.keep(request, account.pk, kind, proofs.Purpose.STEP_UP)
    afterwards(request, lambda: proofs.again(request, account.pk, kind, moment), when_refused=True)
    return moment
