"""One's own ways to sign in: authenticator app, passkeys, recovery codes, sessions; and proving it again."""

import functools
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence.errors import Invalid, Refused
from portal.accounts import demands, factors, mail, own_sessions, proofs, sessions, stepping_up
from portal.accounts.events import CODES_MADE, FACTOR_ADDED, FACTOR_REMOVED
from portal.accounts.models import Account, Proof
from portal.edge.rates import limited
from portal.edge.tenancy import View

app_name = "security"
RECENT = 10
PENDING = "pending_account"


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code from the app",
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


class PasskeyForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=factors.NAME_LENGTH, required=False, help_text="For instance “Work laptop”."
    )


def signed_in(view: View) -> View:
    """Lead whoever is not signed in to the sign-in page, or answer 401 to a script."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect(f"{reverse('accounts:signin')}?{urlencode({'next': request.path})}")
        return view(request, *args, **kwargs)

    return guarded


def proved(view: View) -> View:
    """Lead to the page of proof first, unless the session has just proved itself by the best this account holds."""

    @functools.wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        kind = proofs.fresh_kind(request.session)
        if not kind or (kind not in proofs.STRONG and factors.is_strong(request.user.pk)):  # type: ignore[arg-type]
            target = request.path if request.method == "GET" else reverse("security:home")
            return redirect(f"{reverse('security:prove')}?{urlencode({'next': target})}")
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """What this account can sign in with, its sessions, and its latest proofs."""
    account = _account(request)
    held = factors.held(account.pk)
    context = {
        "held": held,
        "demanded_by": demands.demanding(account.person_id),
        "sessions": sessions.of([account.pk], this=request.session.session_key),
        "recent": Proof.objects.filter(account=account).order_by("-at")[:RECENT],
        "next": _next(request),
    }
    return render(request, "security/home.html", context)


@sensitive_post_parameters("password", "code", "passkey")
@require_http_methods(["GET", "POST"])
@signed_in
def prove(request: HttpRequest) -> HttpResponse:
    """Prove again that it is you, then go on."""
    refusal: Refused | None = None
    if request.method == "POST":
        given = {name: request.POST.get(name, "")[:20_000] for name in ("password", "code", "passkey")}
        try:
            stepping_up.prove(request, **given)
            return redirect(_next(request) or "security:home")
        except Refused as refused:
            refusal = refused
    context = {"refusal": refusal, "next": _next(request), "needed": "needed" in request.GET}
    return render(request, "security/prove.html", context, status=refusal.status if refusal else 200)


# --- authenticator app ----------------------------------------------------------------------------------------------


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
@proved
def totp(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app: scan, type one code, keep the recovery codes."""
    account, form = _account(request), CodeForm(request.POST or None)
    secret = factors.begin_totp(request)
    if request.method == "POST" and form.is_valid():
        try:
            factors.confirm_totp(request, account, form.cleaned_data["code"])
        except Invalid as refusal:
            for field, words in refusal.fields.items():
                form.add_error(field, words)
        else:
            proofs.keep(request, account.pk, proofs.Kind.TOTP, proofs.Purpose.SET_UP)
            return _added(request, account, "totp", "An authenticator app was set up for your account.")
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    context = {"form": form, "secret": grouped, "next": _next(request)}
    return render(request, "security/totp.html", context, status=422 if form.errors else 200)


@require_GET
@proved
def picture(request: HttpRequest) -> HttpResponse:
    """The QR code of the secret that is being set up."""
    return HttpResponse(factors.totp_picture(request, _account(request)), content_type="image/svg+xml")


@require_POST
@proved
def remove_totp(request: HttpRequest) -> HttpResponse:
    return _removed(request, None)


# --- passkeys -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@proved
def passkeys(request: HttpRequest) -> HttpResponse:
    """Make a passkey in this browser."""
    account, form = _account(request), PasskeyForm(request.POST or None)
    refusal: Refused | None = None
    if request.method == "POST" and form.is_valid():
        try:
            factors.keep_passkey(account, form.cleaned_data["name"], request.POST.get("passkey", "")[:20_000])
        except Invalid as refused:
            refusal = refused
        else:
            proofs.keep(request, account.pk, proofs.Kind.PASSKEY, proofs.Purpose.SET_UP)
            return _added(request, account, "passkey", "A passkey was added to your account.")
    context = {"form": form, "refusal": refusal, "next": _next(request)}
    return render(request, "security/passkey.html", context, status=422 if refusal or form.errors else 200)


@require_POST
@proved
def new_passkey(request: HttpRequest) -> HttpResponse:
    """What the browser needs to make a passkey for this account."""
    return JsonResponse(factors.begin_passkey(_account(request)))


@require_POST
@limited
def question(request: HttpRequest) -> HttpResponse:
    """The question to a passkey: of the account that signs in or is signed in, else of any that the device holds."""
    return JsonResponse(factors.ask_passkey(_asked(request)))


@require_POST
@proved
def rename_passkey(request: HttpRequest, key: int) -> HttpResponse:
    factors.rename_passkey(_account(request).pk, key, request.POST.get("name", "")[:200])
    return redirect("security:home")


@require_POST
@proved
def remove_passkey(request: HttpRequest, key: int) -> HttpResponse:
    return _removed(request, key)


# --- recovery codes, sessions ---------------------------------------------------------------------------------------


@require_POST
@proved
def codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown on this answer and never again."""
    account = _account(request)
    made = factors.new_codes(account)
    demands.tell(CODES_MADE, account, data={"count": len(made)})
    mail.tell_of_change(account, "New recovery codes were made for your account; the old ones no longer work.")
    return render(request, "security/codes.html", {"codes": made, "next": _next(request)})


@require_POST
@signed_in
def end_session(request: HttpRequest, session: str) -> HttpResponse:
    ended = sessions.end(_account(request).pk, session)  # type: ignore[arg-type]
    messages.success(request, f"The session on {ended.device} was ended.")
    return redirect("security:home")


@require_POST
@signed_in
def end_others(request: HttpRequest) -> HttpResponse:
    count = own_sessions.end_others(_account(request), this=request.session.session_key)
    messages.success(request, "Every other session was ended." if count else "There was no other session.")
    return redirect("security:home")


# --- small parts ----------------------------------------------------------------------------------------------------


def _account(request: HttpRequest) -> Account:
    account: Account = request.user  # type: ignore[assignment]
    return account


def _asked(request: HttpRequest) -> Account | None:
    if request.user.is_authenticated:
        return _account(request)
    if request.GET.get("of") == "pending":
        return Account.objects.filter(pk=request.session.get(PENDING, {}).get("account"), is_active=True).first()
    return None


def _added(request: HttpRequest, account: Account, kind: str, what: str) -> HttpResponse:
    demands.tell(FACTOR_ADDED, account, data={"kind": kind})
    mail.tell_of_change(account, what)
    if factors.held(account.pk).codes_left:
        messages.success(request, what)
        return redirect(_next(request) or "security:home")
    made = factors.new_codes(account)
    return render(request, "security/codes.html", {"codes": made, "first": True, "next": _next(request)})


def _removed(request: HttpRequest, key: int | None) -> HttpResponse:
    account = _account(request)
    name = factors.remove(account, key, demanded_by=demands.demanding(account.person_id))
    demands.tell(FACTOR_REMOVED, account, data={"kind": "totp" if key is None else "passkey"})
    mail.tell_of_change(account, "A passkey or authenticator was removed from your account.")
    messages.success(request, f"“{name}” was removed.")
    return redirect("security:home")


def _next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe and target != "/" else ""


urlpatterns = [
    path("account/security", home, name="home"),
    path("account/security/prove", prove, name="prove"),
    path("account/security/totp", totp, name="totp"),
    path("account/security/totp/picture.svg", picture, name="picture"),
    path("account/security/totp/remove", remove_totp, name="remove_totp"),
    path("account/security/passkeys", passkeys, name="passkeys"),
    path("account/security/passkeys/new", new_passkey, name="new_passkey"),
    path("account/security/passkeys/<int:key>/name", rename_passkey, name="rename_passkey"),
    path("account/security/passkeys/<int:key>/remove", remove_passkey, name="remove_passkey"),
    path("account/security/codes", codes, name="codes"),
    path("account/security/sessions/end", end_others, name="end_others"),
    path("account/security/sessions/<uuid:session>/end", end_session, name="end_session"),
    path("signin/passkey", question, name="question"),
]
