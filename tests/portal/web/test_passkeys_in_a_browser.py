"""Passkeys in a real Chromium with a virtual authenticator: made, signed in with, asked for at a decision, taken away."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction

from evidence import clock, tenancy
from evidence.organizations.services import set_policy
from portal.accounts.models import Proof
from remediation.approvals.models import Decision
from tests.people import PASSWORD
from tests.portal.accounts.factors import code_of, secret_on
from tests.portal.web.test_evidence_in_a_browser import looked_at
from tests.remediation.story import Story
from tests.serving import Portal

pytestmark = pytest.mark.browser
PATIENCE = 30_000
# As when the person closes the browser's dialog.
REFUSE = """() => {
  window.asked = navigator.credentials.get.bind(navigator.credentials);
  navigator.credentials.get = () => Promise.reject(new DOMException("closed", "NotAllowedError"));
}"""


@pytest.fixture
def device(page):
    """A device with a key ring, as Chromium lets tests have one."""
    cdp = page.context.new_cdp_session(page)
    page.set_default_timeout(PATIENCE)
    cdp.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, made["authenticatorId"]


def base(served: Portal) -> str:
    # A passkey belongs to a name; 127.0.0.1 is none.
    return f"http://localhost:{served.port}"


def to_page(page, address):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")


def by_password(page, served, name):
    to_page(page, f"{base(served)}/signin")
    page.fill("input[name=email]", f"{name}@lumenroll.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")


def with_passkey(page, served, name, *, home="**/o/**"):
    by_password(page, served, name)
    page.wait_for_url(home)
    to_page(page, f"{base(served)}/account/security/passkeys")
    page.fill("input[name=name]", "Work laptop")
    page.click("button:has-text('Add the passkey')")
    page.wait_for_selector("h1:has-text('Your recovery codes')")


@contextmanager
def inside(served: Portal):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        yield


def test_a_passkey_is_made_and_signs_in_alone(page, served, device):
    with_passkey(page, served, "arun")
    looked_at(page, "security-codes")
    page.click("text=I have kept them")
    page.wait_for_selector("b:has-text('Work laptop')")
    looked_at(page, "security-home")
    page.context.clear_cookies()
    to_page(page, f"{base(served)}/signin")
    looked_at(page, "signin")
    page.click("button:has-text('Sign in with a passkey')")
    page.wait_for_url("**/o/**")
    assert Proof.objects.order_by("-at").first().kind == "passkey"


def test_a_password_alone_no_longer_lets_in(page, served, device):
    with_passkey(page, served, "arun")
    page.context.clear_cookies()
    by_password(page, served, "arun")
    page.wait_for_url("**/signin/check**")
    page.wait_for_selector("html[data-ready]", state="attached")
    looked_at(page, "signin-check")
    page.click("button:has-text('Use your passkey')")
    page.wait_for_url("**/o/**")


def test_a_decision_asks_for_the_passkey_and_keeps_what_was_typed(page, served, device, settings):
    with inside(served):
        asked = Story(served.people, severity="high").until("planned").request("finding.approve_plan")
    with_passkey(page, served, "arun")
    settings.SECRET_KEY = (served.var / "keys" / "django-secret").read_text().strip()
    let_time_pass()
    to_page(page, f"{base(served)}/o/lumenroll/approvals/{asked.pk}/decide")
    page.fill("#decision-reason", "The plan removes the cause.")
    looked_at(page, "approval-with-passkey")
    page.evaluate(REFUSE)
    page.click("button[value=approve]")
    page.wait_for_selector("[data-passkey-error]:not([hidden])")
    assert page.input_value("#decision-reason") == "The plan removes the cause."
    with inside(served):
        assert not Decision.objects.exists()
    page.evaluate("() => { navigator.credentials.get = window.asked; }")
    page.click("button[value=approve]")
    page.wait_for_url("**receipt=**")
    with inside(served):
        decision = Decision.objects.get()
        assert Proof.objects.get(at=decision.authenticated_at).kind == "passkey"


def test_a_copied_passkey_is_found_by_its_counter(page, served, device):
    with_passkey(page, served, "arun")
    row = Authenticator.objects.get(type="webauthn")
    row.data["sign_count"] = 10_000
    row.save()
    page.context.clear_cookies()
    to_page(page, f"{base(served)}/signin")
    page.click("button:has-text('Sign in with a passkey')")
    page.wait_for_selector("text=answered as a copy would")
    page.expected_troubles = ("422",)


def test_who_must_have_one_sets_it_up_and_goes_on(page, served, device):
    with inside(served):
        body = {"second_factor": {"approver": True}, "idle_minutes": 15, "absolute_hours": 8}
        set_policy("access", body, actor=served.people.adam)
    by_password(page, served, "arun")
    page.wait_for_url("**/account/security**")
    page.wait_for_selector("text=Set up a second factor to go on")
    looked_at(page, "security-demanded")
    page.click("a:has-text('Set up an app')")
    secret = secret_on(page.content())
    looked_at(page, "security-totp")
    page.fill("input[name=code]", code_of(secret))
    page.click("button:has-text('Set up the app')")
    page.wait_for_selector("h1:has-text('Your recovery codes')")
    page.click("text=I have kept them")
    page.wait_for_url("**/o/lumenroll/**")


def let_time_pass() -> None:
    """Ten minutes pass for every session: nothing that was proved at its beginning is fresh any more."""
    for row in Session.objects.all():
        store = SessionStore(row.session_key)
        if "authenticated_at" in store:
            store["authenticated_at"] = (clock.now() - timedelta(minutes=10)).isoformat()
            store.save()
