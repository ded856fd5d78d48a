"""Idle and absolute ends of a session (SECURITY.md section 3), and what its beginning writes down."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest, HttpResponse

from evidence import clock
from portal.accounts import proofs, sessions

# Writing the session on every request would cost a query; a minute of slack does not matter.
_TOUCH_SECONDS = 60


@dataclass(frozen=True)
class Limits:
    """How long a session may be idle and live, in seconds: the installation's, or an organization's tighter ones."""

    idle: int
    absolute: int

    def is_idle(self, request: HttpRequest) -> bool:
        return bool(getattr(request, "was_idle", 0) > self.idle)

    def passed(self, request: HttpRequest) -> bool:
        return self.is_idle(request) or getattr(request, "session_age", 0) > self.absolute


class SessionLimitsMiddleware:
    """Signs out a session that was idle too long or is too old."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.get("_auth_user_id"):
            self._limit(request)
        return self.get_response(request)

    def _limit(self, request: HttpRequest) -> None:
        moment = clock.now()
        started, seen = request.session.get("started_at"), request.session.get("seen_at")
        if started is None or seen is None:
            logout(request)
            return
        idle = (moment - datetime.fromisoformat(seen)).total_seconds()
        age = (moment - datetime.fromisoformat(started)).total_seconds()
        request.was_idle, request.session_age = idle, age  # type: ignore[attr-defined]
        # A moment that is still to come was written before the clock went back: how long ago, nobody knows.
        is_from_tomorrow = min(idle, age) < -_TOUCH_SECONDS
        if is_from_tomorrow or idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_ABSOLUTE_SECONDS:
            how = "idle" if idle > settings.SESSION_IDLE_SECONDS else "age"
            sessions.finish(request.session.session_key, how)
            logout(request)
            request.session["ended"] = how
        elif idle > _TOUCH_SECONDS:
            request.session["seen_at"] = moment.isoformat()
            sessions.touch(request)


def _begin(sender: object, request: HttpRequest, user: Any, **kwargs: object) -> None:
    moment, kind = clock.now(), getattr(request, "proved_by", "")
    request.session.update(
        {"started_at": moment.isoformat(), "seen_at": moment.isoformat(), "authenticated_at": moment.isoformat()}
    )
    for name in ("proof", "second_factor"):
        request.session.pop(name, None)
    if kind:
        proofs.keep(request, user.pk, kind, proofs.Purpose.SIGN_IN, at=moment)
    sessions.begin(request, user.pk, kind=kind)


def _finish(sender: object, request: HttpRequest, **kwargs: object) -> None:
    # Django says so before the session's key is gone.
    sessions.finish(request.session.session_key, sessions.End.SIGNED_OUT)


# Django's own signals, the only place that knows of every way to sign in and out.
user_logged_in.connect(_begin, dispatch_uid="clearhold-session-begins")
user_logged_out.connect(_finish, dispatch_uid="clearhold-session-ends")
