"""The API's rate limit, per token and per person: many tokens of one person are still one person."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from portal.edge import rates


class PerCaller(BaseThrottle):
    """`API_TOKEN_REQUESTS_PER_MINUTE` and `API_REQUESTS_PER_MINUTE`; more is answered 429 with Retry-After."""

    def allow_request(self, request: Request, view: Any) -> bool:
        actor, token = getattr(request._request, "actor", None), getattr(request._request, "token_id", None)
        if actor is None:
            return True
        over = token is not None and rates.is_over("token", token, settings.API_TOKEN_REQUESTS_PER_MINUTE)
        return not (rates.is_over("rate", actor.person_id, settings.API_REQUESTS_PER_MINUTE) or over)

    def wait(self) -> float:
        return rates.wait()
