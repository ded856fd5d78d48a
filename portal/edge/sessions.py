"""Idle and absolute ends of a session (SECURITY.md section 3)."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse

from evidence import clock

# Writing the session on every request would cost a query; a minute of slack does not matter.
_TOUCH_SECONDS = 60


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
        # A moment that is still to come was written before the clock went back: how long ago, nobody knows.
        is_from_tomorrow = min(idle, age) < -_TOUCH_SECONDS
        if is_from_tomorrow or idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_ABSOLUTE_SECONDS:
            logout(request)
            request.session["ended"] = "idle" if idle > settings.SESSION_IDLE_SECONDS else "age"
        elif idle > _TOUCH_SECONDS:
            request.session["seen_at"] = moment.isoformat()


def _begin(sender: object, request: HttpRequest, **kwargs: object) -> None:
    moment = clock.now().isoformat()
    request.session.update({"started_at": moment, "seen_at": moment, "authenticated_at": moment})


# Django's own signal, the only place that knows of every way to sign in.
user_logged_in.connect(_begin, dispatch_uid="clearhold-session-begins")
