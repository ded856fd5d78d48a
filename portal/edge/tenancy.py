"""Where a request gets its organization, its actor and its transaction, and where a refusal becomes an answer."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import NotAllowed, NotFound, Refused
from evidence.organizations.models import Organization
from portal.accounts import addresses, factors, mail, roles, services, sessions, stepping_up, viewing
from portal.accounts.backend import roles_of
from portal.accounts.models import Account, ApiToken, Viewing
from portal.edge import rates, refusals
from portal.edge.sessions import Limits
from remediation.approvals.emergencies.bars import BARRED

View = Callable[..., HttpResponse]
VIEWING = "viewing"
INSUFFICIENT = "42501"


class SecondFactorNeeded(NotAllowed):
    """The organization demands a second factor of this role, and the session has shown none."""

    code = "second_factor_needed"


class TokenElsewhere(NotAllowed):
    """A token came from a network that it may not be used from: perhaps it was stolen."""

    code = "token_elsewhere"

    def __init__(self, slug: str, sha256: str, address: str | None) -> None:
        super().__init__("This token may not be used from this network (rule T-01).", rule="T-01")
        self.slug, self.sha256, self.address = slug, sha256, address


@dataclass(frozen=True)
class Entered:
    """The organization a request is in, as pages need it."""

    id: UUID
    slug: str
    name: str
    timezone: str
    is_sample: bool
    roles: tuple[str, ...]
    departments: tuple[str, ...]

    @property
    def is_auditor(self) -> bool:
        return self.roles == ("auditor",)

    @property
    def is_support(self) -> bool:
        return self.roles == ("support",)

    @property
    def role_words(self) -> str:
        return ", ".join(roles.ROLES[role].word for role in self.roles if role in roles.ROLES)


def outside_transaction(view: View) -> View:
    """Mark a view that streams: it gets its actor, and opens `inside(request)` itself for the rows it writes."""

    @functools.wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    marked.outside_transaction = True  # type: ignore[attr-defined]
    return marked


@contextlib.contextmanager
def inside(request: HttpRequest) -> Iterator[None]:
    """A transaction that has entered the request's organization, for views outside one."""
    with transaction.atomic(), tenancy.entered(request.organization.id, request.actor.person_id):  # type: ignore[attr-defined]
        yield


@contextlib.contextmanager
def keeping_record(request: HttpRequest) -> Iterator[None]:
    """The narrow path for an auditor's request: its own transaction, as the app, for the record of what was opened."""
    with (
        tenancy.keeping_record(),
        transaction.atomic(using=DEFAULT_DB_ALIAS),
        tenancy.entered(
            request.organization.id,  # type: ignore[attr-defined]
            request.actor.person_id,  # type: ignore[attr-defined]
        ),
    ):
        yield


class TenancyMiddleware:
    """Runs each view in one transaction inside the organization its URL names, as the caller's actor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = None  # type: ignore[attr-defined]
        request.organization = None  # type: ignore[attr-defined]
        response = self.get_response(request)
        stepping_up.settle(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        slug = kwargs.pop("organization", None)
        try:
            if slug is None:
                return self._without_organization(request, view, args, kwargs)
            if getattr(view, "outside_transaction", False):
                with transaction.atomic():
                    refused = _identify(request, slug)
                    if refused is None and _viewing(request, view) is not None:
                        raise _only_reading("Files are not opened or sent through somebody else's eyes.")
                return refused or _rendered(view(request, *args, **kwargs))
            return self._inside(request, slug, view, args, kwargs)
        except SecondFactorNeeded as refusal:
            return _led_to_factor(request, refusal)
        except TokenElsewhere as refusal:
            return _told_of_token(request, refusal)
        except Refused as refusal:
            return refusals.answer(request, refusal)
        except Http404:
            return refusals.answer(request, NotFound("There is nothing here, or nothing you may see."))
        except (OperationalError, InterfaceError):
            return refusals.database_away(request)
        except DatabaseError as error:
            refused_by_database = refusals.from_database(error)
            if refused_by_database is None:
                raise
            return refusals.answer(request, refused_by_database)

    def _without_organization(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse:
        if getattr(view, "outside_transaction", False):
            return _rendered(view(request, *args, **kwargs))
        with transaction.atomic():
            return _settled(view(request, *args, **kwargs), DEFAULT_DB_ALIAS)

    def _inside(
        self, request: HttpRequest, slug: str, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse:
        with transaction.atomic():
            refused = _identify(request, slug)
            if refused is not None:
                return refused
            seen_through = _viewing(request, view)
            reads_apart = request.organization.is_auditor or request.organization.is_support  # type: ignore[attr-defined]
            if seen_through is None and not reads_apart:
                return _settled(view(request, *args, **kwargs), DEFAULT_DB_ALIAS)
        if seen_through is not None:
            return _through_their_eyes(request, seen_through, view, args, kwargs)
        if request.organization.is_support:  # type: ignore[attr-defined]
            return _without_words(request, view, args, kwargs)
        with _apart(request):
            return _settled(view(request, *args, **kwargs), "auditor")


def while_viewing(view: View) -> View:
    """Mark a view that the viewer reaches as themselves also while they look through somebody's eyes."""
    view.while_viewing = True  # type: ignore[attr-defined]
    return view


def _viewing(request: HttpRequest, view: View) -> Viewing | None:
    """What this session looks through somebody's eyes by, at this moment; it ends with the viewer's own right."""
    session = getattr(request, "session", {})
    key, actor = session.get(VIEWING), request.actor  # type: ignore[attr-defined]
    if not key or actor.via != "session":
        return None
    found = viewing.present(key, account_id=actor.account_id, organization_id=actor.organization_id)
    if found is not None and not actor.may(viewing.RIGHT):
        viewing.finish(found, actor=Actor.system(actor.organization_id, "viewing"))
        found = None
    if found is None:
        session.pop(VIEWING, None)
        return None
    request.viewing = found  # type: ignore[attr-defined]
    return None if getattr(view, "while_viewing", False) else found


def _without_words(request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpResponse:
    """The view for support, on the role that reads structure alone. What would show more does not exist for them."""
    nothing = NotFound("There is nothing here, or nothing you may see.")
    with _apart(request), tenancy.structure_only(), _ungranted(nothing):
        return _settled(view(request, *args, **kwargs), "auditor")


@contextlib.contextmanager
def _apart(request: HttpRequest, viewer_id: UUID | None = None) -> Iterator[None]:
    """A transaction on the connection that can only read, inside the organization as the request's actor."""
    with (
        tenancy.reading_as_auditor(),
        transaction.atomic(using="auditor"),
        tenancy.entered(
            request.organization.id,  # type: ignore[attr-defined]
            request.actor.person_id,  # type: ignore[attr-defined]
            using="auditor",
            viewer_id=viewer_id,
        ),
    ):
        yield


@contextlib.contextmanager
def _ungranted(refusal: Refused) -> Iterator[None]:
    """What the connection's role was never granted, as this refusal."""
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", "") != INSUFFICIENT:
            raise
        raise refusal from error


def _only_reading(message: str) -> NotAllowed:
    return NotAllowed(
        message, code="viewing", help="Nothing was changed. End it with the button above, then act in your own name."
    )


def _through_their_eyes(
    request: HttpRequest, seen: Viewing, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> HttpResponse:
    """The view as the other person would get it, on the connection that can only read."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        raise _only_reading("You are looking through somebody else's eyes: nothing can be changed.")
    viewer: Actor = request.actor  # type: ignore[attr-defined]
    held = tuple(sorted(set(roles_of(seen.person_id, viewer.organization_id)) - viewing.NEVER))
    account = Account(person_id=seen.person_id, is_active=True)
    account._state.adding = False
    account.roles_held = list(held)  # type: ignore[attr-defined]
    request.organization = replace(request.organization, roles=held, departments=())  # type: ignore[attr-defined]
    request.actor = Actor(  # type: ignore[attr-defined]
        viewer.organization_id, None, seen.person_id, via="viewing", name=seen.person.name, rights=account
    )
    writes = _only_reading("This page writes, so it is not shown through somebody else's eyes.")
    with _apart(request, viewer.person_id), _ungranted(writes):
        return _settled(view(request, *args, **kwargs), "auditor")


def _rendered(response: HttpResponse) -> HttpResponse:
    if hasattr(response, "render") and not getattr(response, "is_rendered", True):
        response.render()
    return response


def _settled(response: HttpResponse, using: str) -> HttpResponse:
    # An answer that refuses leaves nothing behind, whoever wrote it.
    response = _rendered(response)
    if response.status_code >= 400:
        transaction.set_rollback(True, using=using)
    return response


def _identify(request: HttpRequest, slug: str) -> HttpResponse | None:
    """Set request.organization and request.actor, or return the answer for somebody who is not let in."""
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        address = addresses.of(request)
        sha256 = services.hash_of(header.removeprefix("Bearer ").strip())
        row = _call("enter_organization_by_token", [slug, sha256, address])
        if row is None:
            return refusals.unauthorized(
                request, "The token is unknown, expired, revoked, or for another organization."
            )
        request.user = _account(row)
        _touch(row, address)
        request.token_id = row["token_id"]  # type: ignore[attr-defined]
        _set(request, slug, row, via="token", scopes=frozenset(row["scopes"]))
        return None
    if not request.user.is_authenticated:
        if request.path.startswith("/api/"):
            return refusals.unauthorized(request, "Send a token as “Authorization: Bearer …”, or sign in.")
        return redirect_to_login(request.get_full_path())
    row = _call("enter_organization", [slug, request.user.pk, request.session.get("second_factor", "")])
    if row is None:
        raise NotFound("There is nothing here, or nothing you may see.")
    limits = Limits(60 * row["idle_minutes"], 3600 * row["absolute_hours"])
    if limits.passed(request):
        return _ended(request, limits)
    request.limits = limits  # type: ignore[attr-defined]
    # Calls of the API are counted by its own throttle, per person and token.
    if not request.path.startswith("/api/") and rates.is_over(
        "pages", row["person_id"], settings.PAGE_REQUESTS_PER_MINUTE
    ):
        raise rates.TooOften("You ask for more pages than a person reads.", help="Wait a minute, then go on.")
    _set(request, slug, row, via="session", scopes=None)
    return None


def _call(function: str, arguments: list[Any]) -> dict[str, Any] | None:
    try:
        return _first(function, arguments)
    except DatabaseError as error:
        refused = refusals.from_database(error)
        if refused is not None and refused.rule == "T-01":
            raise TokenElsewhere(arguments[0], arguments[1], arguments[2]) from error
        if refused is not None and refused.rule == "M-01":
            raise SecondFactorNeeded(f"{refused.message[:1].upper()}{refused.message[1:]}", rule="M-01") from error
        raise


def _first(function: str, arguments: list[Any]) -> dict[str, Any] | None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        blanks = ", ".join(["%s"] * len(arguments))
        cursor.execute(
            f"SELECT e.*, s.* FROM {function}({blanks}) e"  # noqa: S608
            " LEFT JOIN LATERAL approvals_standing(e.organization_id, e.person_id) s ON true",
            arguments,
        )
        row = cursor.fetchone()
        return dict(zip([column.name for column in cursor.description], row, strict=True)) if row else None


def _account(row: dict[str, Any]) -> Account:
    # Enough of the account for has_perm and for foreign keys; the function has checked that it is active.
    account = Account(id=row["account_id"], person_id=row["person_id"], is_active=True)
    account._state.adding = False
    return account


def _touch(row: dict[str, Any], address: str | None) -> None:
    today = clock.today()
    if row["last_used_on"] != today or row["last_address"] != address:
        ApiToken.objects.filter(pk=row["token_id"]).update(last_used_on=today, last_address=address)


def _set(request: HttpRequest, slug: str, row: dict[str, Any], *, via: str, scopes: frozenset[str] | None) -> None:
    held = tuple(dict.fromkeys(row["roles"] or ()))
    request.organization = Entered(  # type: ignore[attr-defined]
        id=row["organization_id"],
        slug=slug,
        name=row["name"],
        timezone=row["timezone"],
        is_sample=row["is_sample"],
        roles=held,
        departments=tuple(row["departments"] or ()),
    )
    request.user.roles_held = list(held)  # type: ignore[union-attr]
    request.user.deputises = bool(row["deputises"])  # type: ignore[union-attr]
    request.user.emergency_role = row["emergency_role"] or ""  # type: ignore[union-attr]
    request.user.emergency_ends_at = row["emergency_ends_at"]  # type: ignore[union-attr]
    request.actor = Actor(  # type: ignore[attr-defined]
        organization_id=row["organization_id"],
        account_id=row["account_id"],
        person_id=row["person_id"],
        via=via,
        authenticated_at=_authenticated_at(request) if via == "session" else None,
        name=row["person_name"],
        rights=request.user,
        scopes=scopes,
        proof=request.session.get("proof", "") if via == "session" else "",
        emergency=row["emergency"],
        barred=BARRED if row["emergency"] else {},
    )


def _led_to_factor(request: HttpRequest, refusal: SecondFactorNeeded) -> HttpResponse:
    """To where a second factor is shown or set up; a program is told. Nothing of the organization was entered."""
    if refusals.wants_json(request):
        return refusals.answer(request, refusal)
    place = "security:prove" if factors.is_strong(request.user.pk) else "security:home"  # type: ignore[arg-type]
    return redirect(f"{reverse(place)}?{urlencode({'next': request.get_full_path(), 'needed': '1'})}")


def _told_of_token(request: HttpRequest, refusal: TokenElsewhere) -> HttpResponse:
    """Refuse, write it down, and tell the owner: whoever holds the token may not be them."""
    place = Organization.objects.get(slug=refusal.slug)
    with transaction.atomic(), tenancy.entered(place.pk):
        token = services.note_refused_token(place.pk, refusal.sha256, refusal.address)
        if token is not None:
            mail.tell_of_change(
                token.account,
                f"Your access token “{token.name}” ({token.prefix}…) was tried from {refusal.address or 'an unknown address'},"
                f" a network it may not be used from. It was refused. If you don't know why, revoke the token.",
            )
    return refusals.answer(request, refusal)


def _ended(request: HttpRequest, limits: Limits) -> HttpResponse:
    """The organization lets sessions live shorter than the installation does."""
    how = "idle" if limits.is_idle(request) else "age"
    sessions.finish(request.session.session_key, how)
    logout(request)
    request.session["ended"] = how
    if request.path.startswith("/api/"):
        return refusals.unauthorized(request, "The session has ended. Sign in again.")
    return redirect_to_login(request.get_full_path())


def _authenticated_at(request: HttpRequest) -> datetime | None:
    stored = request.session.get("authenticated_at")
    return datetime.fromisoformat(stored) if stored else None


def needs(permission: str) -> Callable[[View], View]:
    """Refuse a page to an actor without the right: hidden areas answer 404, as UX.md section 8 says."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            actor: Actor = request.actor  # type: ignore[attr-defined]
            if not actor.may(permission):
                if settings.DEBUG:
                    raise NotAllowed(f"This page needs {permission}.")
                raise NotFound("There is nothing here, or nothing you may see.")
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return wrap
