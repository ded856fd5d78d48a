"""Which other sites may send a browser here (Fetch Metadata): to open a page by a link, and for nothing else.

A browser that sends no Sec-Fetch-Site, and every program, is judged by CSRF tokens, cookies' SameSite and bearer
tokens alone, as before.
"""

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from evidence.errors import Refused
from portal.edge import refusals

View = Callable[..., HttpResponse]
OURS = frozenset({"", "same-origin", "none"})
# Inside somebody else's page even an opened one can be read or clicked through.
EMBEDDED = frozenset({"object", "embed", "frame", "iframe", "fencedframe"})


class CrossSite(Refused):
    """Another site made the browser ask."""

    code = "cross_site"
    status = 403


class PlainHttp(Refused):
    """A program sent its request, and its token with it, in the clear."""

    code = "https_needed"
    status = 403


def open_to_other_sites(view: View) -> View:
    """Mark a view whose answer is public, whoever's page asks for it."""

    @functools.wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    marked.is_open_to_other_sites = True  # type: ignore[attr-defined]
    return marked


class IsolationMiddleware:
    """Refuses what another site makes a browser ask, but for opening a page and for what is public."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if settings.SECURE_SSL_REDIRECT and request.path.startswith("/api/") and not request.is_secure():
            return refusals.answer(request, PlainHttp("Use https://.", help="Take the token for read by others."))
        if is_ours(request) or getattr(view, "is_open_to_other_sites", False):
            return None
        refusal = CrossSite(
            "Another site made your browser send this.", help="Open the portal in a tab of its own and do it there."
        )
        return refusals.answer(request, refusal)


def is_ours(request: HttpRequest) -> bool:
    """Whether the request was made by the portal's own pages, by its user, or by following a link."""
    given = request.headers
    if given.get("Sec-Fetch-Site", "") in OURS:
        return True
    opens_a_page = given.get("Sec-Fetch-Mode") == "navigate" and given.get("Sec-Fetch-Dest", "") not in EMBEDDED
    return request.method in ("GET", "HEAD") and opens_a_page
