"""Signing in and out, choosing an organization, accepting an invitation, one's own tokens and theme."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from evidence import clock, tenancy
from evidence.errors import Invalid, NotFound, Refused, WrongState
from evidence.organizations.models import Organization
from portal.accounts import factors, guesses, roles, services, stepping_up
from portal.accounts.models import Account, Membership
from portal.accounts.proofs import Kind
from portal.accounts.throttling import locked_out
from portal.edge.tenancy import outside_transaction
from portal.web.security import PENDING

app_name = "accounts"
PENDING_FOR = timedelta(minutes=10)


class SignInForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class AcceptForm(forms.Form):
    password = forms.CharField(
        label="Choose a password",
        strip=False,
        required=False,
        help_text="At least 12 characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else reverse("accounts:home")


# A failed try must stay counted, so it can't share the fate of the refused request's transaction.
@sensitive_post_parameters("password", "passkey")
@require_http_methods(["GET", "POST"])
@outside_transaction
def sign_in(request: HttpRequest) -> HttpResponse:
    """One page: address and password, or a passkey. A wrong address and a wrong password get the same answer."""
    if request.method == "GET" and request.user.is_authenticated:
        return redirect(_next(request))
    if request.method == "POST" and request.POST.get("passkey"):
        return _by_passkey(request)
    form = SignInForm(request.POST or None)
    wrong = False
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"].lower()
        guesses.check(request, "password", email)
        account = authenticate(request, username=email, password=form.cleaned_data["password"])
        if account is not None:
            return _after_password(request, account, email)
        wrong = True
        guesses.wrong(request, "password", email)
        if getattr(request, "axes_locked_out", False):
            return locked_out(request)
    context = {"form": form, "wrong": wrong, "next": _next(request), "ended": request.session.pop("ended", None)}
    return render(request, "accounts/signin.html", context, status=200 if not (wrong or form.errors) else 422)


def _after_password(request: HttpRequest, account: Account, email: str) -> HttpResponse:
    """In, when the password is all there is; on to the second step when the account holds a factor."""
    guesses.right(request, "password", email)
    if not factors.is_strong(account.pk):
        return _let_in(request, account, Kind.PASSWORD)
    request.session.cycle_key()
    request.session[PENDING] = {"account": str(account.pk), "at": clock.now().isoformat()}
    return redirect(f"{reverse('accounts:check')}?{urlencode({'next': _next(request)})}")


def _by_passkey(request: HttpRequest) -> HttpResponse:
    try:
        account = factors.answer_passkey(None, request.POST["passkey"][:20_000])
    except Invalid as refusal:
        context = {"form": SignInForm(), "refusal": refusal, "next": _next(request)}
        return render(request, "accounts/signin.html", context, status=422)
    if not account.is_active:
        context = {"form": SignInForm(), "refusal": Invalid("This passkey opens nothing here."), "next": _next(request)}
        return render(request, "accounts/signin.html", context, status=422)
    return _let_in(request, account, Kind.PASSKEY)


def _let_in(request: HttpRequest, account: Account, kind: str) -> HttpResponse:
    target = _next(request)
    request.proved_by = kind  # type: ignore[attr-defined]
    login(request, account, backend="portal.accounts.backend.RoleBackend")
    request.session.pop(PENDING, None)
    return guesses.remember(request, redirect(target), account.email, str(account.pk))


@sensitive_post_parameters("code", "passkey")
@require_http_methods(["GET", "POST"])
@outside_transaction
def check(request: HttpRequest) -> HttpResponse:
    """The second step of signing in: a passkey, the code of the app, or a recovery code."""
    account = _pending(request)
    if account is None:
        return redirect("accounts:signin")
    refusal: Refused | None = None
    if request.method == "POST":
        try:
            if request.POST.get("passkey"):
                factors.answer_passkey(account, request.POST["passkey"][:20_000])
                return _let_in(request, account, Kind.PASSKEY)
            return _let_in(request, account, stepping_up.by_code(request, account, request.POST.get("code", "")[:40]))
        except Refused as refused:
            refusal = refused
    held = factors.held(account.pk)
    context = {"held": held, "refusal": refusal, "next": _next(request), "email": account.email}
    return render(request, "accounts/check.html", context, status=refusal.status if refusal else 200)


def _pending(request: HttpRequest) -> Account | None:
    """The account whose password was right in this session less than ten minutes ago."""
    kept = request.session.get(PENDING)
    if not kept or clock.now() - datetime.fromisoformat(kept["at"]) > PENDING_FOR:
        request.session.pop(PENDING, None)
        return None
    return Account.objects.filter(pk=kept["account"], is_active=True).first()


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("accounts:signin")


@require_http_methods(["GET"])
def home(request: HttpRequest) -> HttpResponse:
    """To the role's own home when there is one organization, else a choice."""
    if not request.user.is_authenticated:
        return redirect("accounts:signin")
    places = organizations_of(request)
    if len(places) == 1:
        return redirect(home_of(places[0]["slug"], places[0]["roles"]))
    return render(request, "accounts/organizations.html", {"places": places})


def organizations_of(request: HttpRequest) -> list[dict[str, object]]:
    """The organizations of the signed-in person with the roles they hold there."""
    person_id = request.user.person_id  # type: ignore[union-attr]
    with transaction.atomic(), tenancy.entered(None, person_id, using="default"):
        rows = list(
            Membership.objects.filter(person_id=person_id, ended_at=None)
            .select_related("organization")
            .order_by("organization__name", "role")
        )
    places: dict[str, dict[str, object]] = {}
    for row in rows:
        place = places.setdefault(
            row.organization.slug,
            {
                "slug": row.organization.slug,
                "name": row.organization.name,
                "roles": [],
                "words": [],
                "is_sample": row.organization.is_sample,
            },
        )
        place["roles"].append(row.role)  # type: ignore[union-attr]
        place["words"].append(roles.ROLES[row.role].word)  # type: ignore[union-attr]
    return list(places.values())


@require_http_methods(["GET"])
def enter(request: HttpRequest, slug: str) -> HttpResponse:
    """The account switcher: on to the role's home in that organization."""
    if not request.user.is_authenticated:
        return redirect("accounts:signin")
    place = next((place for place in organizations_of(request) if place["slug"] == slug), None)
    if place is None:
        raise NotFound("There is nothing here, or nothing you may see.")
    return redirect(home_of(place["slug"], place["roles"]))


@require_http_methods(["GET"])
def organizations(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("accounts:signin")
    return render(request, "accounts/organizations.html", {"places": organizations_of(request)})


def home_of(slug: object, held: object) -> str:
    """The address where the first of these roles begins its work."""
    ordered = sorted((roles.ROLES[key] for key in held if key in roles.ROLES), key=lambda role: role.order)  # type: ignore[union-attr]
    for role in ordered:
        try:
            return reverse(role.home, kwargs={"organization": slug})
        except NoReverseMatch:
            continue
    return reverse("jobs:list", kwargs={"organization": slug})


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    """The page an invitation's link opens."""
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise NotFound("This invitation does not exist.", help="Ask the person who invited you for a new one.")
    account = request.user if request.user.is_authenticated else None
    with tenancy.entered(organization.pk, getattr(account, "person_id", None)):
        invitation = services.open_invitation(organization.pk, secret)
        form = AcceptForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                joined = services.accept_invitation(
                    organization.pk,
                    secret,
                    password=form.cleaned_data["password"],
                    account=account,  # type: ignore[arg-type]
                )
            except Invalid as refusal:
                for field, messages in refusal.fields.items():
                    form.add_error(field, messages)
            except WrongState as refusal:
                if refusal.kind != "sign_in_first":
                    raise
                return redirect(f"{reverse(settings.LOGIN_URL)}?next={request.path}")
            else:
                if account is None:
                    request.proved_by = Kind.PASSWORD  # type: ignore[attr-defined]
                    login(request, joined, backend="portal.accounts.backend.RoleBackend")
                return redirect(home_of(organization.slug, [invitation.role]))
    context = {
        "form": form,
        "invitation": invitation,
        "organization_name": organization.name,
        "role": roles.ROLES[invitation.role],
        "signed_in": account is not None,
    }
    return render(request, "accounts/invitation.html", context, status=422 if form.errors else 200)


@require_POST
def keep_session(request: HttpRequest) -> HttpResponse:
    """The "stay signed in" of the session's warning: any request does it, this one does nothing else."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    request.session["seen_at"] = clock.now().isoformat()
    return HttpResponse(status=204)


urlpatterns = [
    path("", home, name="home"),
    path("organizations", organizations, name="organizations"),
    path("organizations/<slug:slug>", enter, name="enter"),
    path("signin", sign_in, name="signin"),
    path("signin/check", check, name="check"),
    path("signout", sign_out, name="signout"),
    path("session/keep", keep_session, name="keep_session"),
    path("invite/<slug:slug>/<str:secret>", accept, name="invitation"),
]
