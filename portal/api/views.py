"""What every view of the API shares: the actor, If-Match, Idempotency-Key, keyset pages, a rate limit."""

import base64
import binascii
import json
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evidence.actors import Actor, noting_rights
from evidence.errors import Invalid, Refused, Stale
from portal.api import idempotency
from portal.api.throttling import PerCaller
from portal.edge import refusals

PAGE = 50
PAGE_MAX = 200


class VersionNeeded(Refused):
    """A change of an existing object needs If-Match."""

    code = "if_match_needed"
    status = 428


class NounView(APIView):
    """Base of all views. `permission_needed` is asked before the method runs; services ask again."""

    permission_needed: ClassVar[dict[str, str]] = {}
    throttle_classes = [PerCaller]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # HEAD is GET without its body, and as much of an answer.
        method = "GET" if request.method == "HEAD" else request.method or ""
        needed = self.permission_needed.get(method) or self.permission_needed.get("*")
        if needed:
            self.actor.require(needed)

    @property
    def actor(self) -> Actor:
        found: Actor = self.request._request.actor  # type: ignore[attr-defined]
        return found

    @property
    def organization(self) -> Any:
        return self.request._request.organization  # type: ignore[attr-defined]

    def expected_version(self) -> int:
        """The version in If-Match. Raises VersionNeeded without one, Invalid for one that is no number."""
        given = self.request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
        if not given:
            raise VersionNeeded("Send the object's version as If-Match.", help="Read the object first; ETag has it.")
        if not given.isdigit():
            raise Stale("If-Match does not name a version of this object.")
        return int(given)

    def once(self, act: Callable[[], Response], *, leave_out: Collection[str] = ()) -> Response:
        """Do `act` once per Idempotency-Key; without the header, simply do it.

        `leave_out` names fields that are shown once: in the answer that is kept for a repeated key they are null.
        """
        key = self.request.headers.get("Idempotency-Key", "")
        if not key:
            return act()
        request = self.request
        sha256 = idempotency.fingerprint(request.method or "", request.path, request.data)
        kept = idempotency.begin(key, actor=self.actor, sha256=sha256)
        if kept is not None:
            return Response(kept.body, status=kept.status, headers={**kept.headers, "Idempotency-Replayed": "true"})
        with noting_rights() as rights:
            response = act()
        headers = {name: response[name] for name in ("ETag", "Location") if response.has_header(name)}
        body = response.data | dict.fromkeys(leave_out) if leave_out else response.data
        idempotency.keep(key, actor=self.actor, status=response.status_code, body=body, headers=headers, rights=rights)
        return response

    def page(
        self, rows: "QuerySet[Any]", present: Callable[[Iterable[Any]], list[Any]], *, key: str = "id"
    ) -> Response:
        """A keyset page ordered by the unique column `key`: {"results": […], "next": cursor or null}."""
        size = self.page_size()
        after = self.after()
        if after is not None:
            rows = rows.filter(**{f"{key}__gt": after})
        found = list(rows.order_by(key)[: size + 1])
        following = _encode(getattr(found[size - 1], key)) if len(found) > size else None
        return Response({"results": present(found[:size]), "next": following})

    def page_size(self) -> int:
        given = self.request.query_params.get("limit", str(PAGE))
        if not given.isdigit() or not 1 <= int(given) <= PAGE_MAX:
            raise Invalid("The page size does not fit.", fields={"limit": [f"A number from 1 to {PAGE_MAX}."]})
        return int(given)

    def after(self) -> Any:
        """The decoded cursor, or None. Raises Invalid for one that this API did not give."""
        given = self.request.query_params.get("cursor")
        if not given:
            return None
        try:
            return json.loads(base64.urlsafe_b64decode(given.encode() + b"=" * (-len(given) % 4)))
        except (binascii.Error, ValueError) as error:
            raise Invalid("The cursor can't be read.", fields={"cursor": ["Use the “next” of a page."]}) from error

    def after_id(self) -> UUID | None:
        """The cursor where it is an id. Raises Invalid for another."""
        given = self.after()
        try:
            return UUID(given) if given is not None else None
        except (AttributeError, TypeError, ValueError) as error:
            raise Invalid("The cursor can't be read.", fields={"cursor": ["Use the “next” of a page."]}) from error


class OwnTransactionView(NounView):
    """A view that stands outside the request's transaction and opens `inside(request)` for what it writes."""

    def handle_exception(self, exc: Exception) -> Response:
        # There is no request's transaction to roll back; what was written stood in one of its own.
        if isinstance(exc, Refused):
            return refused(exc)
        return super().handle_exception(exc)


def refused(refusal: Refused) -> Response:
    """A refusal as problem details, without touching any transaction."""
    response = Response(refusals.problem(refusal), status=refusal.status, content_type=refusals.PROBLEM)
    response.exception = True
    return response


def _encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=str).encode()).decode().rstrip("=")


cursor_of = _encode


def versioned(data: Any, version: int, code: int = status.HTTP_200_OK) -> Response:
    """An object with its version as ETag."""
    return Response(data, status=code, headers={"ETag": f'"{version}"'})
