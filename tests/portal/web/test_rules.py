"""The pages of the rules and their API: read by whoever decides, changed by one with another."""

from django.test import Client

from remediation.policies.models import Proposal
from remediation.sod import rulebook
from remediation.sod import services as sod
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.conftest import thing  # noqa: F401  fixture
from tests.remediation.policy import WHY, excepted, in_force

RULES = "/o/lumenroll/settings/rules"


def form_of(client: Client, **changes):
    form = client.get(f"{RULES}/policy").context["form"]
    given = {name: form[name].initial for name in form.fields}
    given = {name: value for name, value in given.items() if value not in (None, False)}
    return {**given, "reason": WHY, **changes}


def test_the_page_holds_every_rule_with_its_place(org, people):
    page = signed_in(people.vera).get(RULES).content.decode()
    for rule in rulebook.all_rules():
        assert f'<tr id="{rule.number}">' in page


def test_the_api_gives_the_same_rules(org, people):
    answer = signed_in(people.arun).get("/api/v1/organizations/lumenroll/rules/").json()
    assert [one["number"] for one in answer["results"]] == [rule.number for rule in rulebook.all_rules()]
    assert all(one["sentence"] and one["instead"] for one in answer["results"])


def test_an_engineer_finds_no_such_pages(org, people):
    for page in ("", "/policy", "/exceptions", "/who-may"):
        assert signed_in(people.ines).get(f"{RULES}{page}").status_code == 404


def test_a_change_is_shown_before_it_is_proposed(org, people, thing):  # noqa: F811
    thing.ask(people.maya)
    sod.take_duty("finder", actor=people.arun, **thing.on())
    client = signed_in(people.maya)
    shown = client.post(f"{RULES}/policy", form_of(client, allow=["S-10"], do="preview"))
    words = shown.content.decode()
    assert shown.status_code == 200 and "Arun Mehta" in words and "could approve on 1 item (S-10)" in words
    assert not Proposal.objects.exists()
    made = client.post(f"{RULES}/policy", form_of(client, allow=["S-10"], do="propose"))
    assert made.status_code == 302
    page = signed_in(people.edda).get(made.url).content.decode()
    assert "CR-001" in page and "Arun Mehta" in page and WHY in page


def test_a_refused_change_says_its_rule_and_what_to_do(org, people):
    client = signed_in(people.adam)
    answer = client.post(f"{RULES}/policy", form_of(client, closure_low="9", do="propose"))
    words = answer.content.decode()
    assert answer.status_code == 422
    assert "rule Q-04" in words and "Ask for fewer, or give somebody the deciding role first." in words


def test_the_versions_say_who_when_and_why(org, people):
    in_force(org, people, sod={"forbid": ["S-37"]})
    page = signed_in(people.vera).get(f"{RULES}/policy").content.decode()
    assert "Policy version 1" in page and "proposed by Maya Okafor, decided by Edda Brandt" in page and WHY in page


def test_an_exception_is_asked_for_shown_and_ended_on_the_page(org, people):
    client = signed_in(people.maya)
    given = {"person": people.arun.person_id, "rules": ["S-07"], "days": 30, "reviewer": "Nadia Brook", "reason": WHY}
    assert client.post(f"{RULES}/exceptions", given).status_code == 302
    refused = client.post(f"{RULES}/exceptions", {**given, "days": 91})
    assert refused.status_code == 422 and "rule W-01" in refused.content.decode()
    excepted(people, people.arun, "S-07")
    page = signed_in(people.edda).get(f"{RULES}/exceptions").content.decode()
    assert "In force" in page and "Nadia Brook" in page


def test_who_may_names_the_free_and_says_why_not_the_others(org, people, thing, django_assert_max_num_queries):  # noqa: F811
    sod.take_duty("uploader", actor=people.arun, **thing.on())
    thing.ask(people.maya)
    page = signed_in(people.maya).get(f"{RULES}/who-may?item=x-001").content.decode()
    free, blocked = page.split('id="not"')
    assert "Alba Ferrer" in free and "Arun Mehta" in blocked and "Uploaded the closing evidence" in blocked
    what_if = signed_in(people.maya).get(f"{RULES}/who-may?item=X-001&duty=verifier&person={people.arun.person_id}")
    assert "#S-06" in what_if.content.decode()
    assert signed_in(people.maya).get(f"{RULES}/who-may?item=X-404").status_code == 404
