"""Who sees which places, what stands in the frame, and that a refusal is still framed."""

import pytest
from django.test import Client, RequestFactory

from evidence.actors import Actor
from evidence.errors import DutyConflict
from portal.accounts import roles
from portal.edge.tenancy import Entered
from portal.web import shell
from portal.web.ui_kit import NOBODY


class Rights:
    def __init__(self, role: str) -> None:
        self.permissions = roles.ROLES[role].permissions

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return perm in self.permissions


def frame(role: str, path: str = "/o/acme/", **cookies: str) -> shell.Shell:
    request = RequestFactory().get(path)
    request.COOKIES.update(cookies)
    request.session = {}
    request.organization = Entered(NOBODY, "acme", "Acme", "UTC", False, (role,), ())
    request.actor = Actor(organization_id=NOBODY, name="Someone", rights=Rights(role))
    return shell.Shell(request)


@pytest.fixture
def every_page_exists(monkeypatch):
    monkeypatch.setattr(shell, "address", lambda slug, path, names: f"/o/{slug}/{path}")


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        ("manager", {"triage", "approvals", "readiness", "findings", "coverage", "evidence", "packages"}, {"settings"}),
        ("engineer", {"me", "findings", "coverage", "evidence"}, {"deals", "packages", "settings", "triage", "readiness"}),
        ("reviewer", {"approvals", "findings", "evidence"}, {"deals", "settings", "triage"}),
        ("approver", {"approvals", "readiness", "findings", "coverage", "evidence"}, {"people", "settings", "triage"}),
        ("executive", {"readiness", "approvals", "deals", "ledger"}, {"triage", "settings"}),
        ("administrator", {"people", "settings", "ledger"}, {"approvals", "evidence", "findings", "triage", "readiness"}),
        ("auditor", set(), {"findings", "deals", "people", "ledger"}),
    ],
)  # fmt: skip
def test_each_role_sees_its_own_places(every_page_exists, role, shown, hidden):
    keys = {item.place.key for item in frame(role).items}
    assert shown <= keys
    assert not hidden & keys


def test_a_place_without_a_page_has_no_link(monkeypatch):
    monkeypatch.setattr(shell, "address", lambda slug, path, names: "")
    assert frame("manager").groups == []


def test_the_place_whose_address_begins_this_one_is_current(every_page_exists):
    current = [item.place.key for item in frame("manager", "/o/acme/findings/F-017/tasks").items if item.current]
    assert current == ["findings"]
    assert [item.place.key for item in frame("manager", "/o/acme/").items if item.current] == ["readiness"]


def test_a_phone_gets_four_places_of_the_role(every_page_exists):
    assert [item.place.key for item in frame("manager").tabs][:2] == ["readiness", "triage"]
    assert len(frame("engineer").tabs) == 4


def test_counts_and_alarms_are_not_asked_for_outside_the_transaction(every_page_exists, monkeypatch):
    asked = []
    monkeypatch.setitem(shell._counters, "findings", lambda request: asked.append(1) or 7)
    monkeypatch.setattr(shell, "can_ask", lambda: False)
    items = {item.place.key: item for item in frame("manager").items}
    assert items["findings"].count is None
    assert frame("manager").alarms == []
    monkeypatch.setattr(shell, "can_ask", lambda: True)
    items = {item.place.key: item for item in frame("manager").items}
    assert items["findings"].count == 7
    assert asked == [1]


def test_the_theme_comes_from_the_cookie_and_nothing_else_is_believed():
    assert frame("manager", theme="dark").theme == "dark"
    assert frame("manager", theme="auto").theme == ""
    assert frame("manager", theme='"><script>').theme == ""


def test_an_auditor_gets_the_auditors_frame():
    assert frame("auditor").frame == "base_auditor.html"
    assert frame("manager").frame == "base.html"
    assert shell.Shell(RequestFactory().get("/")).frame == "base_public.html"


def test_choosing_a_theme_sets_a_cookie_and_goes_back_only_to_this_site():
    client = Client()
    answer = client.post("/preferences/theme", {"theme": "dark"}, headers={"referer": "http://testserver/o/acme/"})
    assert answer.status_code == 302
    assert answer["Location"] == "http://testserver/o/acme/"
    assert answer.cookies["theme"].value == "dark"
    elsewhere = client.post("/preferences/theme", {"theme": "pink"}, headers={"referer": "https://evil.example/"})
    assert elsewhere["Location"] == "/"
    assert elsewhere.cookies["theme"].value == "auto"
    assert client.get("/preferences/theme").status_code == 405


@pytest.mark.parametrize("name", ["400", "403", "404", "409", "412", "413", "422", "429", "500", "503", "duty", "away"])
def test_every_error_page_says_what_happened_what_was_kept_and_what_to_do(name):
    html = Client().get(f"/ui-kit/errors/{name}").content.decode()
    for words in ("What happened", "What was kept", "What to do"):
        assert words in html


def test_a_refusal_names_the_rule_and_the_persons_own_acts():
    from django.template.loader import render_to_string

    refusal = DutyConflict("You wrote the plan.", rule="S-04", acts=["You wrote plan v2 <b>"])
    html = render_to_string("errors/refused.html", {"refusal": refusal}, RequestFactory().get("/"))
    assert "S-04" in html
    assert "You wrote plan v2 &lt;b&gt;" in html
    assert "Changing roles does not remove the block" in html


def test_the_kit_is_not_served_unless_a_setting_says_so():
    from portal.settings import base

    assert not hasattr(base, "CLEARHOLD_UI_KIT")
