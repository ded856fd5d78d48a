"""The page of the rules and its API: everybody who may see approvals reads the whole rulebook."""

from remediation.sod import rulebook
from tests.portal.web.test_signing_in_and_people import signed_in


def test_the_page_holds_every_rule_with_its_place(
    org,
    people,
):
    page = signed_in(people.vera).get("/o/lumenroll/settings/rules").content.decode()
    for rule in rulebook.all_rules():
        assert f'<tr id="{rule.number}">' in page


def test_the_api_gives_the_same_rules(
    org,
    people,
):
    answer = signed_in(people.arun).get("/api/v1/organizations/lumenroll/rules/").json()
    assert [one["number"] for one in answer["results"]] == [rule.number for rule in rulebook.all_rules()]
    assert all(one["sentence"] and one["instead"] for one in answer["results"])


def test_an_engineer_finds_no_such_page(
    org,
    people,
):
    assert signed_in(people.ines).get("/o/lumenroll/settings/rules").status_code == 404
