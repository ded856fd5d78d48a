"""How often one address may ask for what anybody may see; counted in the broker's server, free while that is away."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from evidence.errors import Refused

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60
AWAY_SECONDS = 5

_client: redis.Redis | None = None
_away_until = 0.0


class TooOften(Refused):
    """The address asked more often than the limit allows."""

    code = "too_many_requests"
    status = 429


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`PUBLIC_REQUESTS_PER_MINUTE` for each address; more raises TooOften."""

    @functools.wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        limit = settings.PUBLIC_REQUESTS_PER_MINUTE
        if limit and _asked(request.META.get("REMOTE_ADDR", "")) > limit:
            raise TooOften("This address asks too often.", help="Wait a minute. The tiles never change: keep them.")
        return view(request, *args, **kwargs)

    return counted


def _asked(address: str) -> int:
    global _client, _away_until  # one pool a process; after a failure the server is left alone for some seconds
    if time.monotonic() < _away_until:
        return 0
    _client = _client or redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.2, socket_connect_timeout=0.2)
    name = f"clearhold:public:{address}:{int(time.time()) // WINDOW_SECONDS}"
    try:
        pipe = _client.pipeline(transaction=False)
        pipe.incr(name)
        pipe.expire(name, WINDOW_SECONDS * 2)
        return int(pipe.execute()[0])
    except redis.RedisError:
        _away_until = time.monotonic() + AWAY_SECONDS
        return 0
