"""How often an address, a person or a token may ask in a minute; counted in the broker's server, free while that is away."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from evidence.errors import Refused
from portal.accounts import addresses

WINDOW_SECONDS = 60
AWAY_SECONDS = 5

_client: redis.Redis | None = None
_making = threading.Lock()
_away_until = 0.0


class TooOften(Refused):
    """Somebody asked more often than the limit allows."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, *, help: str) -> None:  # noqa: A002
        super().__init__(message, help=help, details={"retry_after": wait()})


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`PUBLIC_REQUESTS_PER_MINUTE` for each address; more raises TooOften."""

    @functools.wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_over("public", addresses.of(request) or "", settings.PUBLIC_REQUESTS_PER_MINUTE):
            raise TooOften("This address asks too often.", help="Wait a minute. The tiles never change: keep them.")
        return view(request, *args, **kwargs)

    return counted


def is_over(what: str, whose: Any, limit: int) -> bool:
    """Count one more of `what` for somebody; whether that is more than the minute's limit. No limit is 0."""
    return bool(limit) and _counted(f"clearhold:{what}:{whose}:{int(time.time()) // WINDOW_SECONDS}") > limit


def wait() -> int:
    """Whole seconds until the next minute begins."""
    return int(WINDOW_SECONDS - time.time() % WINDOW_SECONDS) + 1


def client() -> redis.Redis:
    global _client  # one pool a process
    # Of two made at once the one that is dropped would close the connections that a thread has of it.
    with _making:
        if _client is None:
            _client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.2, socket_connect_timeout=0.2)
        return _client


def _counted(name: str) -> int:
    global _away_until  # after a failure the server is left alone for some seconds
    if time.monotonic() < _away_until:
        return 0
    try:
        pipe = client().pipeline(transaction=False)
        pipe.incr(name)
        pipe.expire(name, WINDOW_SECONDS * 2)
        return int(pipe.execute()[0])
    except redis.RedisError:
        _away_until = time.monotonic() + AWAY_SECONDS
        return 0
