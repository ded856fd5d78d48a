"""A rate limit per token or account, counted in the broker's server; while that is away nobody is held up."""

import logging
import threading
import time
from typing import Any

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60
_client: redis.Redis | None = None
_making = threading.Lock()
_away_until = 0.0


def client() -> redis.Redis:
    global _client  # one pool a process
    # Of two made at once the one that is dropped would close the connections that a thread has of it.
    with _making:
        if _client is None:
            _client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.2, socket_connect_timeout=0.2)
        return _client


class PerCaller(BaseThrottle):
    """`API_REQUESTS_PER_MINUTE` for each caller; more is answered 429 with Retry-After."""

    def allow_request(self, request: Request, view: Any) -> bool:
        global _away_until  # after a failure the server is left alone for some seconds
        actor = getattr(request._request, "actor", None)
        limit = settings.API_REQUESTS_PER_MINUTE
        if actor is None or not limit or time.monotonic() < _away_until:
            return True
        window = int(time.time()) // WINDOW_SECONDS
        name = f"clearhold:rate:{actor.account_id}:{window}"
        try:
            pipe = client().pipeline(transaction=False)
            pipe.incr(name)
            pipe.expire(name, WINDOW_SECONDS * 2)
            count = int(pipe.execute()[0])
        except redis.RedisError:
            _away_until = time.monotonic() + 5
            return True
        return count <= limit

    def wait(self) -> float:
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS
