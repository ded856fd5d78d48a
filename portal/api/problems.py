"""Every error of the API as RFC 9457 problem details."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from evidence.errors import Refused
from portal.edge import refusals


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: refusals, guards of the database, and DRF's own errors, all in one shape."""
    if isinstance(error, DatabaseError):
        refused = refusals.from_database(error)
        if refused is None:
            return None
        error = refused
    if isinstance(error, Refused):
        return _response(refusals.problem(error), error.status, context)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    body: dict[str, Any] = {
        "type": f"urn:clearhold:problem:{error.default_code}",
        "title": "This address does not take this method."
        if isinstance(error, exceptions.MethodNotAllowed)
        else str(error.default_detail),
        "status": response.status_code,
        "code": error.default_code,
    }
    if isinstance(error, exceptions.ValidationError):
        body["title"] = "The input does not fit. Nothing was saved."
        body["errors"] = response.data
        response.status_code = body["status"] = 422
    else:
        body["detail"] = str(error.detail)
    made = _response(body, response.status_code, context)
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if response.has_header(header):
            made[header] = response[header]
    return made


def _response(body: dict[str, Any], status: int, context: dict[str, Any]) -> Response:
    if asked := getattr(context.get("request"), "_request", None):
        asked.refused_as = body["code"]
    # A view outside the request's transaction has rolled back its own; what stands around it is not its business.
    match = getattr(context.get("request"), "resolver_match", None)
    outside = getattr(getattr(match, "func", None), "outside_transaction", False)
    if not outside and transaction.get_connection().in_atomic_block:
        transaction.set_rollback(True)
    return Response(body, status=status, content_type=refusals.PROBLEM)
