"""A refusal as an answer: a page for people, RFC 9457 problem details for programs."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, DataError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from evidence.errors import DutyConflict, Invalid, Refused, Unavailable, WrongState
from remediation.sod import rulebook

PROBLEM = "application/problem+json"


def problem(refusal: Refused) -> dict[str, Any]:
    """The members of RFC 9457, with `code`, `help` and, for input, `errors` by field."""
    body: dict[str, Any] = {
        "type": f"urn:clearhold:problem:{refusal.kind}",
        "title": refusal.message,
        "status": refusal.status,
        "code": refusal.kind,
    }
    if what := instead(refusal):
        body["detail"] = what
    if isinstance(refusal, Invalid) and refusal.fields:
        body["errors"] = refusal.fields
    body.update({key: value for key, value in refusal.details.items() if key not in body})
    return body


def instead(refusal: Refused) -> str:
    """What the refused person can do: the refusal's own words, else those that the rulebook has for its rule."""
    known = rulebook.find(refusal.rule) if refusal.rule else None
    return refusal.help or (known.instead if known else "")


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or request.headers.get("Accept", "").startswith("application/json")


def answer(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """The response to a refused act. Nothing of it was saved."""
    request.refused_as = refusal.kind  # type: ignore[attr-defined]
    if wants_json(request):
        response: HttpResponse = JsonResponse(problem(refusal), status=refusal.status, content_type=PROBLEM)
    else:
        template = "errors/fragment.html" if request.headers.get("HX-Request") else "errors/refused.html"
        context = {"refusal": refusal, "instead": instead(refusal)}
        response = render(request, template, context, status=refusal.status)
    if "retry_after" in refusal.details:
        response["Retry-After"] = str(refusal.details["retry_after"])
    return response


def database_away(request: HttpRequest) -> HttpResponse:
    """503 without a question to the database: nobody is known any more, so the page has no frame and keeps no cookie."""
    request.user, request.session = AnonymousUser(), {}  # type: ignore[assignment]
    request.organization = request.actor = None  # type: ignore[attr-defined]
    return answer(
        request, Unavailable("The database does not answer. Nothing was saved.", help="Try again in a moment.")
    )


def unauthorized(request: HttpRequest, message: str) -> HttpResponse:
    request.refused_as = "unauthenticated"  # type: ignore[attr-defined]
    body = {"type": "urn:clearhold:problem:unauthenticated", "title": message, "status": 401, "code": "unauthenticated"}
    response = JsonResponse(body, status=401, content_type=PROBLEM)
    response["WWW-Authenticate"] = 'Bearer realm="clearhold"'
    return response


def from_database(error: DatabaseError) -> Refused | None:
    """What a guard in PostgreSQL raised (SQLSTATE CH…), or a value it can't hold, as a refusal; else None."""
    if isinstance(error, DataError):
        return Invalid(
            "One of the values can't be kept: it is out of range, or holds a character that no text has.",
            help="Nothing was saved. Correct the value and send it again.",
        )
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or ""
    if not state.startswith("CH"):
        return None
    message = str((getattr(cause, "diag", None) and cause.diag.message_primary) or cause)  # type: ignore[union-attr]
    first, _, sentence = message.partition("] ")
    number = first.lstrip("[") if sentence else ""
    if state in ("CH003", "CH005") and number:
        return DutyConflict(f"{sentence.rstrip('.')} (rule {number}).", rule=number)
    if state == "CH006":
        return Unavailable(
            f"{message[:1].upper()}{message[1:]}. Nothing was saved.",
            code="ledger_alarm",
            help="Whoever runs this installation finds what to do in docs/history.md.",
        )
    return WrongState(sentence or message, code="refused_by_database", rule=number)
