"""Pages for what went wrong outside the domain's own refusals."""

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from portal.edge import refusals


def _answer(request: HttpRequest, status: int, title: str) -> HttpResponse:
    if refusals.wants_json(request):
        body = {"type": "about:blank", "title": title, "status": status}
        return JsonResponse(body, status=status, content_type=refusals.PROBLEM)
    return render(request, f"errors/{status}.html", status=status)


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 400, "The request can't be read.")


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 403, "Your role does not include this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    request.refused_as = "csrf"  # type: ignore[attr-defined]
    return _answer(request, 403, "This form has expired. Load the page again; nothing was saved.")


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _answer(request, 404, "There is nothing here, or nothing you may see.")


def server_error(request: HttpRequest) -> HttpResponse:
    # Sessions are read before any view is reached; without the database they fail first.
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return refusals.database_away(request)
    # Without the frame of a page: what stands in it asks what the reader may, and that may be what broke.
    request.organization = request.actor = None  # type: ignore[attr-defined]
    return _answer(request, 500, "Something went wrong on our side. Nothing was half-saved.")
