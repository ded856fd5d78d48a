"""The second factors of an account: authenticator app, passkeys, recovery codes. The only door to django-allauth.

Secrets are sealed before they reach the database; a code is accepted once; the factor that a role demands stays.
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from fido2 import cbor

from evidence import clock, tenancy
from evidence.errors import DutyConflict, Invalid, NotFound
from portal.accounts import sealing
from portal.accounts.models import Account

TOTP, PASSKEY, CODES = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES
PENDING = "totp_pending"
PASSKEYS_MOST = 20
NAME_LENGTH = 60


class Adapter(DefaultMFAAdapter):
    """Where django-allauth asks us: seal what is secret, name the portal and its people."""

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": context.request.get_host().partition(":")[0], "name": "Clearhold"}

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        return {"id": user.pk.hex.encode(), "name": user.email, "display_name": user.person.name}


@dataclass(frozen=True)
class Passkey:
    """A passkey as its owner recognizes it."""

    id: int
    name: str
    made_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class Held:
    """What an account can prove itself by, beside its password."""

    totp_since: datetime | None = None
    totp_used_at: datetime | None = None
    passkeys: tuple[Passkey, ...] = ()
    codes_left: int = 0

    @property
    def has_totp(self) -> bool:
        return self.totp_since is not None

    @property
    def is_strong(self) -> bool:
        return self.has_totp or bool(self.passkeys)

    @property
    def count(self) -> int:
        return int(self.has_totp) + len(self.passkeys)


def held(account_id: UUID) -> Held:
    """Everything the account holds, in one query."""
    rows = list(Authenticator.objects.filter(user_id=account_id).order_by("created_at"))
    code = next((row for row in rows if row.type == TOTP), None)
    spare = next((row for row in rows if row.type == CODES), None)
    keys = [Passkey(row.pk, row.data["name"], row.created_at, row.last_used_at) for row in rows if row.type == PASSKEY]
    return Held(
        code.created_at if code else None,
        code.last_used_at if code else None,
        tuple(keys),
        _codes_left(spare.data) if spare else 0,
    )


def is_strong(account_id: UUID) -> bool:
    """Whether the account holds an authenticator or a passkey."""
    return Authenticator.objects.filter(user_id=account_id, type__in=[TOTP, PASSKEY]).exists()


def words_by_person(accounts: "QuerySet[Account]") -> dict[UUID, str]:
    """What each person can prove themselves by, in words, for a report."""
    named = {TOTP: "authenticator app", PASSKEY: "passkey"}
    found: dict[UUID, set[str]] = {}
    rows = Authenticator.objects.filter(user__in=accounts, type__in=list(named))
    for person_id, kind in rows.values_list("user__person_id", "type"):
        found.setdefault(person_id, set()).add(named[kind])
    return {person_id: ", ".join(["password", *sorted(words)]) for person_id, words in found.items()}


# --- authenticator app ----------------------------------------------------------------------------------------------


def begin_totp(request: HttpRequest) -> str:
    """The secret that is being set up in this session, made when there is none. It waits sealed, too."""
    if PENDING not in request.session:
        request.session[PENDING] = sealing.seal(totp.generate_totp_secret())
    return sealing.unseal(request.session[PENDING])


def totp_picture(request: HttpRequest, account: Account) -> bytes:
    """The QR code of the secret being set up. Raises NotFound when none is."""
    import qrcode
    from qrcode.image.svg import SvgPathFillImage

    if PENDING not in request.session:
        raise NotFound("No authenticator is being set up here.")
    drawn = io.BytesIO()
    address = Adapter().build_totp_url(account, begin_totp(request))
    qrcode.make(address, image_factory=SvgPathFillImage).save(drawn)
    return drawn.getvalue()


@transaction.atomic
def confirm_totp(request: HttpRequest, account: Account, code: str) -> None:
    """Keep the authenticator once it has shown a right code. Raises Invalid for a wrong one."""
    secret = begin_totp(request)
    counter = _counter_of(secret, code, after=0)
    if counter is None:
        raise Invalid(
            "The code is not right.", fields={"code": ["Type the six digits that the app shows now; check its clock."]}
        )
    _lock(account.pk)
    kept = Authenticator.objects.filter(user_id=account.pk, type=TOTP).first()
    if kept is None:
        kept = totp.TOTP.activate(account, secret).instance
    kept.data["secret"], kept.created_at = sealing.seal(secret), clock.now()
    kept.save(update_fields=["data", "created_at"])
    _used(kept, last_counter=counter)
    del request.session[PENDING]


@transaction.atomic
def check_totp(account_id: UUID, code: str) -> bool:
    """Whether the code is one that the authenticator shows now and showed to nobody before."""
    row = Authenticator.objects.select_for_update().filter(user_id=account_id, type=TOTP).first()
    if row is None:
        return False
    counter = _counter_of(sealing.unseal(row.data["secret"]), code, after=row.data.get("last_counter", 0))
    if counter is None:
        return False
    _used(row, last_counter=counter)
    return True


def _counter_of(secret: str, code: str, *, after: int) -> int | None:
    given = "".join(code.split())
    now = int(clock.now().timestamp()) // 30
    for counter in (now - 1, now, now + 1):
        shown = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if counter > after and totp.compare_user_code(actual=given, expected=shown):
            return counter
    return None


# --- passkeys -------------------------------------------------------------------------------------------------------


def begin_passkey(account: Account) -> dict[str, Any]:
    """What the browser needs to make a passkey. Raises Invalid when the account holds as many as it may."""
    if Authenticator.objects.filter(user_id=account.pk, type=PASSKEY).count() >= PASSKEYS_MOST:
        raise Invalid(f"You have {PASSKEYS_MOST} passkeys, which is the most. Remove one first.")
    return _plain(webauthn.begin_registration(account, passwordless=True))


def keep_passkey(account: Account, name: str, answer: str) -> Passkey:
    """Keep the passkey that the browser made. Raises Invalid when its answer fits no question of this session."""
    credential = _parsed(answer)
    try:
        webauthn.parse_registration_response(credential)
        made = webauthn.complete_registration(credential).credential_data
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise _unfit() from error
    label = " ".join(name.split())[:NAME_LENGTH] or "Passkey"
    row = webauthn.WebAuthn.add(account, label, credential).instance
    _used(row, **_marks_of(made))
    return Passkey(row.pk, label, row.created_at, row.last_used_at)


def _marks_of(made: Any) -> dict[str, str]:
    """By what the passkey is known again under another account (likenesses.py): from what it signed, not what was said.

    Registering one a second time is not refused: that would tell that somebody else here holds it. It is reported.
    """
    if made is None:
        return {}
    return {
        "credential_id": base64.urlsafe_b64encode(made.credential_id).decode().rstrip("="),
        "public_key_sha256": hashlib.sha256(cbor.encode(dict(made.public_key))).hexdigest(),
    }


def ask_passkey(account: Account | None) -> dict[str, Any]:
    """The question to a passkey: of this account, or of whichever the device holds for this portal."""
    return _plain(webauthn.begin_authentication(account))


def answer_passkey(account: Account | None, answer: str) -> Account:
    """The account that the passkey proved. Raises Invalid when it fits no question, no account, or was copied."""
    response = _parsed(answer)
    try:
        webauthn.parse_authentication_response(response)
        owner = account or webauthn.extract_user_from_response(response)
        row = webauthn.complete_authentication(owner, response)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unfit() from error
    count = webauthn.parse_authentication_response(response).response.authenticator_data.counter
    with transaction.atomic():
        kept = Authenticator.objects.select_for_update().get(pk=row.pk)
        # WebAuthn 6.1.1: a counter that does not rise means that two devices hold the same key.
        if count and count <= kept.data.get("sign_count", 0):
            raise Invalid("This passkey answered as a copy would. It was not accepted.", code="passkey_copied")
        _used(kept, sign_count=count)
    return owner


@transaction.atomic
def rename_passkey(account_id: UUID, key: int, name: str) -> None:
    row = _own(account_id, key)
    row.data["name"] = " ".join(name.split())[:NAME_LENGTH] or row.data["name"]
    row.save(update_fields=["data"])


# --- recovery codes -------------------------------------------------------------------------------------------------


@transaction.atomic
def new_codes(account: Account) -> list[str]:
    """Ten new codes, each for one use; the old ones stop working. Raises Invalid without a factor to recover."""
    _lock(account.pk)
    if not is_strong(account.pk):
        raise Invalid("Recovery codes stand in for a passkey or an authenticator; set one up first.")
    Authenticator.objects.filter(user_id=account.pk, type=CODES).delete()
    return [f"{code[:5]}-{code[5:]}" for code in RecoveryCodes.activate(account).generate_codes()]


def use_code(account_id: UUID, code: str) -> bool:
    """Whether it is an unused recovery code; it is used up by this."""
    row = Authenticator.objects.filter(user_id=account_id, type=CODES).first()
    return row is not None and RecoveryCodes(row).validate_code("".join(code.split()))


def _codes_left(data: dict[str, Any]) -> int:
    return 10 - int(data.get("used_mask", 0)).bit_count()


# --- taking away ----------------------------------------------------------------------------------------------------


@transaction.atomic
def remove(account: Account, key: int | None, *, demanded_by: Iterable[str]) -> str:
    """Take away a passkey, or the authenticator app when `key` is None; returns its name.

    Raises DutyConflict for the last factor while a role demands one (rule M-04).
    """
    _lock(account.pk)
    row = _own(account.pk, key)
    names = list(demanded_by)
    if held(account.pk).count == 1 and names:
        raise DutyConflict(
            f"Your role in {', '.join(names)} demands a second factor, and this is your last (rule M-04).",
            rule="M-04",
            help="Set up another one first, then remove this one.",
        )
    word = row.data["name"] if row.type == PASSKEY else "Authenticator app"
    row.delete()
    if not is_strong(account.pk):
        Authenticator.objects.filter(user_id=account.pk).delete()
    return str(word)


def reseal() -> int:
    """Seal with the current key whatever an older one seals, so that the older one may go. Returns how many."""
    from evidence.vault import keys

    current, changed = keys.keyring().current, 0
    for kind, field in ((TOTP, "secret"), (CODES, "seed")):
        for row in Authenticator.objects.filter(type=kind).iterator():
            if sealing.key_of(row.data.get(field, "")) == current:
                continue
            with transaction.atomic():
                row = Authenticator.objects.select_for_update().get(pk=row.pk)
                row.data[field] = sealing.seal(sealing.unseal(row.data[field]))
                row.save(update_fields=["data"])
            changed += 1
    return changed


# --- small parts ----------------------------------------------------------------------------------------------------


def _own(account_id: UUID, key: int | None) -> Authenticator:
    rows = Authenticator.objects.select_for_update().filter(user_id=account_id)
    row = rows.filter(type=TOTP).first() if key is None else rows.filter(type=PASSKEY, pk=key).first()
    if row is None:
        raise NotFound("There is no such passkey or authenticator.")
    return row


def _lock(account_id: UUID) -> None:
    # Two removals at once must not each see the other's factor still there.
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('factors:' || %s, 0))", [str(account_id)])


def _used(row: Authenticator, **more: Any) -> None:
    row.data.update(more)
    row.last_used_at = clock.now()
    row.save(update_fields=["data", "last_used_at"])


def _plain(options: Any) -> dict[str, Any]:
    def written(value: Any) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=") if isinstance(value, bytes) else str(value)

    def seen(value: Any) -> Any:
        return dict(value) if hasattr(value, "keys") else written(value)

    made: dict[str, Any] = json.loads(json.dumps(dict(options), default=seen))
    return made


def _parsed(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError as error:
        raise _unfit() from error
    if not isinstance(found, dict):
        raise _unfit()
    return found


def _unfit() -> Invalid:
    return Invalid(
        "The passkey's answer was not accepted.", code="passkey_refused", help="Load the page again and try once more."
    )
