"""How one browser shows the portal: theme and single-key shortcuts, kept in cookies that hold nothing else."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from portal.edge.tenancy import outside_transaction
from portal.web import shell
from portal.web.shell import THEMES

app_name = "preferences"
_YEAR = 365 * 24 * 60 * 60


def _back(request: HttpRequest) -> HttpResponse:
    target = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target if safe else "/")


def _keep(request: HttpRequest, response: HttpResponse, name: str, value: str) -> HttpResponse:
    # The pages' own script reads and writes these two, so they can't be HttpOnly.
    response.set_cookie(
        shell.cookie_name(request, name), value, max_age=_YEAR, secure=request.is_secure(), samesite="Lax"
    )
    return response


@outside_transaction
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system says."""
    chosen = request.POST.get("theme", "auto")
    return _keep(request, _back(request), "theme", chosen if chosen in THEMES else "auto")


@outside_transaction
@require_POST
def keys(request: HttpRequest) -> HttpResponse:
    """Single-key shortcuts on or off (WCAG 2.1.4)."""
    return _keep(request, _back(request), "keys", "off" if request.POST.get("keys") == "off" else "on")


urlpatterns = [
    path("preferences/theme", theme, name="theme"),
    path("preferences/keys", keys, name="keys"),
]
