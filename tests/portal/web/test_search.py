"""The command palette: what words find, places and commands of the reader's own, and nothing of another's."""

import pytest

from evidence.controls import services as controls
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.story import Story

AT = "/o/lumenroll/palette"


@pytest.fixture
def finding(org, people):
    controls.adopt_starter_set(actor=people.maya)
    return Story(people).until("reported").finding


def asked(actor, text=""):
    return signed_in(actor).get(AT, {"q": text})


def test_a_finding_is_found_by_its_words_and_by_its_number(people, finding):
    for text in (finding.title.split()[0], finding.ref):
        page = asked(people.maya, text).content.decode()
        assert f'data-href="/o/lumenroll/findings/{finding.ref}"' in page


def test_controls_and_people_are_found(people, finding):
    assert 'data-href="/o/lumenroll/controls/AC-01"' in asked(people.maya, "AC-01").content.decode()
    assert people.ines.name in asked(people.maya, people.ines.name.split()[0]).content.decode()


def test_a_group_holds_eight_at_most(people, finding):
    page = asked(people.maya, "a").content.decode()
    for group in page.split('role="group"')[1:]:
        assert 0 < group.count('role="option"') <= 8


def test_without_words_only_places_and_commands_of_the_reader(people, finding):
    manager, executive = (asked(one).content.decode() for one in (people.maya, people.edda))
    assert "Build a package" in manager
    assert "Upload evidence" in manager
    assert "Build a package" not in executive
    assert finding.ref not in manager


def test_people_are_not_found_by_those_who_may_not_see_them(people, finding):
    assert people.maya.name not in asked(people.ines, people.maya.name).content.decode()


def test_marks_and_strange_bytes_do_no_harm(people, finding):
    assert asked(people.maya, "%_'\"<script>\x00").status_code == 200


def test_an_auditor_has_no_palette(people, finding):
    assert asked(people.otto, "a").status_code in (403, 404)


def test_it_costs_few_queries(people, finding, django_assert_max_num_queries):
    client = signed_in(people.maya)
    client.get(AT, {"q": "a"})
    with django_assert_max_num_queries(25):
        client.get(AT, {"q": "a"})
