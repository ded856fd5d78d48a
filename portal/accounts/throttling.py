"""Slowing down guesses of passwords: what django-axes asks of us."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts import guesses


def username(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The address somebody tries, in lower case, so that spelling does not give more tries."""
    given = (credentials or {}).get("username") or (credentials or {}).get("email") or request.POST.get("email", "")
    address = str(given).strip().lower()[:200]
    # A device that this account signed in from before has a count of its own: no guesser elsewhere can use it up.
    device = guesses.device_of(request, address) if address else ""
    return f"{address}#{device}" if device else address


def locked_out(request: HttpRequest, original: Any = None, credentials: dict[str, Any] | None = None) -> HttpResponse:
    """The page after too many tries from one address for one account."""
    response = render(request, "errors/429.html", {"minutes": 15}, status=429)
    response["Retry-After"] = "900"
    return response
