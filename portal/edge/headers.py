"""Response headers that no view should have to remember."""

from collections.abc import Callable
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest, HttpResponse

# Nothing here needs a sensor; passkeys and copying are for the portal's own pages alone.
DENIED = ("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media",
          "fullscreen", "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer", "microphone",
          "midi", "payment", "picture-in-picture", "screen-wake-lock", "serial", "storage-access", "usb",
          "xr-spatial-tracking")  # fmt: skip
OWN = ("clipboard-write", "publickey-credentials-create", "publickey-credentials-get")
PERMISSIONS = ", ".join([*(f"{name}=()" for name in DENIED), *(f"{name}=(self)" for name in OWN)])
# What is no page loads nothing, runs nothing and stands in nobody's frame, should a browser take it for one.
NOT_A_PAGE = {
    "default-src": ["'none'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
}
# Drafts and copies of pages are the person's who signed out; the next one at this browser finds none.
CLEARED = '"cache", "storage"'


class PolicyMiddleware(CSPMiddleware):
    """The content policy: the one of the settings for pages, the barest for everything else."""

    def get_policy_parts(self, request: HttpRequest, response: Any, report_only: bool = False) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        is_page = response.get("Content-Type", "text/html").startswith("text/html")
        if not is_page and not report_only and parts.config is None:
            parts.config = NOT_A_PAGE
        return parts


class HeadersMiddleware:
    """Pages are private and vary by htmx; the browser gets no sensors and keeps other sites out of our process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", PERMISSIONS)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("Cross-Origin-Embedder-Policy", "require-corp")
        response.setdefault("Origin-Agent-Cluster", "?1")
        response.setdefault("X-Content-Type-Options", "nosniff")
        response.setdefault("X-Frame-Options", "DENY")
        response.setdefault("X-Permitted-Cross-Domain-Policies", "none")
        response.setdefault("Reporting-Endpoints", settings.CLEARHOLD_REPORTING)
        if not request.path.startswith(settings.STATIC_URL):
            response.setdefault("Cache-Control", "private, no-store")
            response["Vary"] = ", ".join(filter(None, [response.get("Vary"), "HX-Request"]))
        if getattr(request, "has_signed_out", False):
            response["Clear-Site-Data"] = CLEARED
        return response


def _signed_out(sender: object, request: HttpRequest | None = None, **kwargs: object) -> None:
    # A session that the clock ended is ended before any view is found; what the person typed there is kept.
    if request is not None and request.resolver_match is not None:
        request.has_signed_out = True  # type: ignore[attr-defined]


user_logged_out.connect(_signed_out, dispatch_uid="clearhold-clear-site-data")
