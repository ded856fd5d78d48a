"""The page “who can see this, and why” says what the refusals do, at a constant number of statements."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evidence import clock, tenancy
from evidence.artifacts.models import Artifact
from evidence.errors import NotAllowed
from portal.access import services as access
from portal.access import teams
from portal.seeing import queries
from remediation.findings import services as findings
from remediation.findings.models import Finding
from tests.contracts.test_access_matrix import signed_in
from tests.contracts.world import Marked
from tests.people import join

LATER = timedelta(days=20)


@pytest.fixture
def finding(people):
    return Marked(people).until("triaged").finding


def acting(someone):
    return tenancy.entered(someone.organization_id, someone.person_id)


def restrict(finding, people):
    with acting(people.maya):
        return findings.restrict(finding.pk, actor=people.maya, reason="Under investigation.")


def why(page):
    return {seer.name: [reason.sentence for reason in seer.reasons] for seer in page.people}


def test_everybody_whose_role_reads_findings_sees_an_open_one(people, finding):
    told = why(queries.of_finding(people.maya, finding))
    assert told["Arun Mehta"] == ["Role Approver"]
    assert "Adam Kowal" not in told and "Otto Haas" not in told


def test_of_a_restricted_one_only_those_let_in_with_who_let_them_in(people, finding):
    finding = restrict(finding, people)
    team = teams.found(name="Response", actor=people.adam)
    teams.take_in(team.pk, person_id=people.alba.person_id, actor=people.adam)
    with acting(people.maya):
        until = clock.now() + LATER
        access.let_in(finding.pk, person_id=people.vera.person_id, valid_until=until, actor=people.maya, reason="Fix.")
        access.let_team_in(finding.pk, team_id=team.pk, valid_until=until, actor=people.maya, reason="All.")
        page = queries.of_finding(people.maya, finding)
    assert why(page) == {
        "Alba Ferrer": ["Team Response"],
        "Ines Duarte": ["Carries out its fix"],
        "Maya Okafor": ["Owns it", "Restricted it"],
        "Vera Lindholm": ["Let in: Fix."],
    }
    [vera] = [seer for seer in page.people if seer.name == "Vera Lindholm"]
    assert (vera.reasons[0].by, vera.reasons[0].until) == ("Maya Okafor", until)


def test_the_page_names_exactly_those_whom_the_database_lets_in(people, finding):
    finding = restrict(finding, people)
    with acting(people.maya):
        named = {seer.person_id for seer in queries.of_finding(people.maya, finding).people}
    for someone in (people.maya, people.ines, people.ivan, people.vera, people.arun, people.alba, people.edda):
        with acting(someone):
            assert Finding.objects.filter(pk=finding.pk).exists() == (someone.person_id in named)


def test_evidence_of_a_restricted_finding_is_seen_by_those_let_in(people):
    story = Marked(people).until("worked")
    artifact = Artifact.objects.get()
    assert "Arun Mehta" in why(queries.of_artifact(people.maya, artifact))
    restrict(story.finding, people)
    with acting(people.maya):
        assert set(why(queries.of_artifact(people.maya, artifact))) == {"Ines Duarte", "Maya Okafor"}


def test_it_costs_the_same_for_many_people(people, finding, org):
    def cost():
        with CaptureQueriesContext(connection) as seen:
            queries.of_finding(people.maya, finding)
        return len(seen)

    few = cost()
    for number in range(60):
        join(org, f"Engineer{number:03d} Name", "engineer")
    assert cost() == few
    page = queries.of_finding(people.maya, finding)
    assert len(page.people) == 50 and page.next_key
    rest = queries.of_finding(people.maya, finding, after=page.next_key)
    assert not {seer.name for seer in page.people} & {seer.name for seer in rest.people}


def test_an_administrator_sees_what_a_person_sees_but_not_which_restricted_ones(people, finding):
    finding = restrict(finding, people)
    with acting(people.maya):
        access.let_in(
            finding.pk,
            person_id=people.vera.person_id,
            valid_until=clock.now() + LATER,
            actor=people.maya,
            reason="So.",
        )
    with acting(people.adam):
        sight = queries.of_person(people.adam, people.vera.person_id)
    assert [row["word"] for row in sight.roles] == ["Technical reviewer"]
    assert [(row["kind"], row["number"], row["by"]) for row in sight.restricted] == [("grant", 1, "Maya Okafor")]
    with pytest.raises(NotAllowed):
        queries.of_person(people.maya, people.vera.person_id)


def test_the_next_request_after_it_was_taken_back_is_refused(people, finding, org):
    """Within one connection that stays open, too: nothing about grants is kept between requests."""
    finding = restrict(finding, people)
    with acting(people.maya):
        grant = access.let_in(
            finding.pk,
            person_id=people.vera.person_id,
            valid_until=clock.now() + LATER,
            actor=people.maya,
            reason="So.",
        )
    vera, url = signed_in(people.vera), f"/o/{org.slug}/findings/{finding.ref}"
    assert vera.get(url).status_code == 200
    assert vera.get(f"{url}/access").status_code == 200
    with acting(people.maya):
        access.take_back(grant.pk, actor=people.maya)
    assert vera.get(url).status_code == 404
    assert vera.get(f"{url}/access").status_code == 404


def test_restricting_letting_in_and_taking_back_on_pages(people, finding, org):
    maya, home = signed_in(people.maya), f"/o/{org.slug}/findings/{finding.ref}"
    assert maya.post(f"{home}/do/restrict", {"reason": "An investigation."}).status_code == 302
    assert b"Restricted" in maya.get(home).content
    assert signed_in(people.vera).get(home).status_code == 404
    day = (clock.today() + LATER).isoformat()
    form = {"whom": f"person:{people.vera.person_id}", "until": day, "reason": "She verifies."}
    assert maya.post(f"{home}/do/let-in", form).status_code == 302
    page = maya.get(f"{home}/access").content.decode()
    assert "Vera Lindholm" in page and "Let in: She verifies." in page
    assert signed_in(people.vera).get(home).status_code == 200
    grant = page.split("/access/")[1].split("/end")[0]
    assert maya.post(f"{home}/access/{grant}/end").status_code == 302
    assert signed_in(people.vera).get(home).status_code == 404
    assert Client().get(home).status_code == 302
    assert maya.post(f"{home}/do/lift-restriction", {"reason": "It is over."}).status_code == 302
    assert signed_in(people.vera).get(home).status_code == 200


def test_teams_on_pages(people, org):
    adam, home = signed_in(people.adam), f"/o/{org.slug}/settings/people/teams"
    assert adam.post(home, {"name": "Response", "purpose": "Incidents"}).status_code == 302
    assert adam.post(home, {"name": "response"}).status_code == 422
    team = teams.Team.objects.get()
    assert adam.post(f"{home}/{team.pk}/members", {"person": people.vera.person_id}).status_code == 302
    page = adam.get(f"{home}/{team.pk}")
    assert b"Vera Lindholm" in page.content
    place = teams.TeamMember.objects.get()
    assert adam.post(f"/o/{org.slug}/settings/people/places/{place.pk}/end").status_code == 302
    assert signed_in(people.maya).get(home).status_code == 200
    assert signed_in(people.maya).post(home, {"name": "Mine"}).status_code == 403
    assert adam.post(f"{home}/{team.pk}/end", {"reason": "Over."}).status_code == 302


def test_one_click_on_the_page_lets_somebody_in(people, org, finding):
    finding = restrict(finding, people)
    team = teams.found(name="Response", actor=people.adam)
    maya, at = signed_in(people.maya), f"/o/{org.slug}/findings/{finding.ref}/access"
    page = maya.get(at).content.decode()
    assert f'value="person:{people.vera.person_id}"' in page and f'value="team:{team.pk}"' in page
    # Ines carries out its fix and sees it already.
    assert f'value="person:{people.ines.person_id}"' not in page
    given = {"until": (clock.today() + LATER).isoformat(), "reason": "Needs to know what it is about."}
    for whom in (f"person:{people.vera.person_id}", f"team:{team.pk}"):
        assert maya.post(f"{at}/let-in", {**given, "whom": whom}).status_code == 302
    assert access.sees(finding.pk, people.vera.person_id)
    page = maya.get(at).content.decode()
    assert f'value="person:{people.vera.person_id}"' not in page and f'value="team:{team.pk}"' not in page
    vera = signed_in(people.vera)
    assert 'name="whom"' not in vera.get(at).content.decode()
    assert vera.post(f"{at}/let-in", {**given, "whom": f"person:{people.alba.person_id}"}).status_code in (403, 409)
    assert signed_in(people.arun).post(f"{at}/let-in", {**given, "whom": f"team:{team.pk}"}).status_code == 404
    assert not access.sees(finding.pk, people.alba.person_id)


def test_one_click_says_what_does_not_fit(people, org, finding):
    finding = restrict(finding, people)
    maya, at = signed_in(people.maya), f"/o/{org.slug}/findings/{finding.ref}/access/let-in"
    whom = {"whom": f"person:{people.vera.person_id}"}
    yesterday = (clock.today() - timedelta(days=1)).isoformat()
    assert maya.post(at, {**whom, "until": yesterday, "reason": "Needs to know."}).status_code == 422
    assert maya.post(at, {**whom, "until": "", "reason": ""}).status_code == 422
    own = {"whom": f"person:{people.maya.person_id}", "until": clock.today().isoformat(), "reason": "Needs to know."}
    answer = maya.post(at, own)
    assert answer.status_code == 409 and "rule G-01" in answer.content.decode()
    assert not access.sees(finding.pk, people.vera.person_id)
