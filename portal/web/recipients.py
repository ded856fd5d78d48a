"""What somebody without an account gets by a link: what the package is, its PDF and proof, and how to check them.

Whatever opens nothing (unknown, ended, taken back) gets one and the same answer.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from evidence import clock, tenancy
from portal.accounts import addresses
from portal.edge import rates
from portal.edge.tenancy import outside_transaction
from portal.packages import delivery
from portal.packages import services as packages
from portal.packages.links import secrets, services
from portal.packages.links.models import Link, Use
from portal.packages.models import Package
from portal.packages.signing import queries as signatures
from portal.web import verifying
from portal.web.packages import attachment

app_name = "recipients"
SHOWN = "package_links"
#: How long a passphrase counts in one browser, and how often a minute it may be tried for one link.
SHOWN_FOR = timedelta(minutes=30)
TRIES = 10
#: Bytes, file name, media type, size.
Handed = tuple[Iterable[bytes], str, str, int]


@sensitive_post_parameters("passphrase")
@require_http_methods(["GET", "HEAD", "POST"])
@outside_transaction
def page(request: HttpRequest, secret: str) -> HttpResponse:
    """What the link leads to; with a passphrase, first the question for it and not a word about the package."""
    _count(request)
    with _opened(secret) as link:
        if link.passphrase_sha256 and not _has_shown(request, link):
            return _private(_asked(request, link, secret))
        if request.method == "GET":
            services.use(link, Use.What.OPENED)
        package = link.package
        context = {
            "link": link,
            "package": package,
            "organization": link.organization,
            "secret": secret,
            "signature": signatures.of(package),
            "volumes": package.volumes.order_by("number"),
            **verifying.context(link.organization_id, reverse("recipients:proof", args=[secret])),
        }
        return _private(render(request, "packages/recipient.html", context))


def _asked(request: HttpRequest, link: Link, secret: str) -> HttpResponse:
    wrong = False
    if request.method == "POST":
        if rates.is_over("passphrase", link.pk, TRIES):
            raise rates.TooOften("This passphrase was tried too often.", help="Wait a minute, then try again.")
        if services.is_passphrase(link, request.POST.get("passphrase", "")[:100]):
            kept = request.session.get(SHOWN, {})
            request.session[SHOWN] = kept | {str(link.pk): clock.now().isoformat()}
            return redirect("recipients:page", secret=secret)
        wrong = True
    return render(request, "packages/recipient_asked.html", {"wrong": wrong}, status=422 if wrong else 200)


@require_GET
@outside_transaction
def file(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The PDF."""

    def handed(package: Package) -> Handed:
        return packages.pdf_bytes(package), package.filename, "application/pdf", package.size

    return _handed(request, secret, Use.What.PDF, handed)


@require_GET
@outside_transaction
def proof(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The history's proof of the PDF, to keep beside it."""

    def handed(package: Package) -> Handed:
        text = delivery.proof(package.recorded_by_event).encode()
        return [text], f"{package.filename}.tlog-proof", "text/plain; charset=utf-8", len(text)

    return _handed(request, secret, Use.What.PROOF, handed)


@require_GET
@outside_transaction
def volume(request: HttpRequest, secret: str, number: int) -> HttpResponseBase:
    """A volume of the package's exhibits."""

    def handed(package: Package) -> Handed:
        row, pieces = delivery.volume(package, number)
        return pieces, row.filename, "application/pdf", row.size

    return _handed(request, secret, Use.What.VOLUME, handed)


def _handed(request: HttpRequest, secret: str, what: Use.What, take: Callable[[Package], Handed]) -> HttpResponseBase:
    """A download by the link, once its passphrase was shown; it is an event before the first byte goes out."""
    _count(request)
    with _opened(secret) as link:
        if link.passphrase_sha256 and not _has_shown(request, link):
            return redirect("recipients:page", secret=secret)
        pieces, name, media_type, size = take(link.package)
        services.use(link, what)
    return attachment(pieces, name, media_type, size)


def _count(request: HttpRequest) -> None:
    if rates.is_over("links", addresses.of(request) or "", settings.PUBLIC_REQUESTS_PER_MINUTE):
        raise rates.TooOften("This address asks too often.", help="Wait a minute, then go on.")


@contextmanager
def _opened(secret: str) -> Iterator[Link]:
    """The open link, in a transaction that has entered its organization as nobody. Raises NothingThere."""
    organization_id = secrets.organization_of(secret)
    if organization_id is None:
        raise services.NothingThere
    with transaction.atomic(), tenancy.entered(organization_id):
        yield services.opened(secret)


def _has_shown(request: HttpRequest, link: Link) -> bool:
    at = request.session.get(SHOWN, {}).get(str(link.pk))
    return at is not None and clock.now() - datetime.fromisoformat(at) < SHOWN_FOR


def _private(response: HttpResponse) -> HttpResponse:
    """The address is the secret: it is told to no other site and found by no search."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


urlpatterns = [
    path("p/<str:secret>", page, name="page"),
    path("p/<str:secret>/package.pdf", file, name="file"),
    path("p/<str:secret>/package.pdf.tlog-proof", proof, name="proof"),
    path("p/<str:secret>/exhibits/<int:number>.pdf", volume, name="volume"),
]
