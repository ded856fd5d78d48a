"""Planning a package on its page, and how documents look: who may, what is refused on the same page, what is kept."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.packages import letterheads
from portal.packages.models import Package
from tests.portal.packages.test_building import engagement  # noqa: F401
from tests.portal.packages.test_letterheads import picture
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db


def test_each_template_has_a_page_that_asks_for_what_it_needs(org, people, engagement):  # noqa: F811
    client = signed_in(people.maya)
    for key, asked in (
        ("full", "statement"), ("finding", "finding"), ("bridge_letter", "changes"), ("sampling", "seed"),
        ("status_letter", "salutation"), ("buyer", "place_buyer_register"),
    ):  # fmt: skip
        page = client.get(f"/o/{org.slug}/packages/new?template={key}")
        assert page.status_code == 200
        assert f'name="{asked}"' in page.content.decode()
    assert 'name="finding"' not in client.get(f"/o/{org.slug}/packages/new?template=nothing").content.decode()


def test_an_empty_organization_is_told_what_comes_first(org, people):
    client = signed_in(people.maya)
    listed, new = (client.get(f"/o/{org.slug}/packages{tail}").content.decode() for tail in ("", "/new"))
    assert "No package yet" in listed and "Choose a template" in listed
    assert "No engagement yet" in new and "Create the first one" in new and "Build the draft" not in new
    assert "Choose a template" not in signed_in(people.arun).get(f"/o/{org.slug}/packages").content.decode()


def test_a_page_may_be_opened_for_an_engagement_and_a_finding(org, people, engagement):  # noqa: F811
    asked = f"template=finding&finding=F-007&engagement={engagement.pk}"
    page = signed_in(people.maya).get(f"/o/{org.slug}/packages/new?{asked}").content.decode()
    assert 'value="F-007"' in page and f'value="{engagement.pk}" selected' in page


def test_a_wrong_place_is_shown_where_it_stands(org, people, engagement):  # noqa: F811
    facts = {"engagement": str(engagement.pk), "template": "board", "place_risk": "0"}
    answer = signed_in(people.maya).post(f"/o/{org.slug}/packages/new?template=board", facts)
    assert answer.status_code == 422 and "<details open>" in answer.content.decode()


def test_sections_are_left_out_and_moved_on_the_page(org, people, engagement):  # noqa: F811
    client = signed_in(people.maya)
    facts = {"engagement": str(engagement.pk), "template": "board", "statement": "We act.", "paper": "letter"}
    answer = client.post(
        f"/o/{org.slug}/packages/new?template=board",
        facts | {"place_standing": "2", "place_risk": "1", "place_statement": ""},
    )
    assert answer.status_code == 302
    package = Package.objects.get()
    assert (package.template, package.paper) == ("board", "letter")
    assert package.chosen["template"]["sections"] == ["cover", "summary", "risk", "standing", "integrity"]
    assert "Board summary" in client.get(answer["Location"]).content.decode()


def test_places_as_the_template_has_them_are_no_choice(org, people, engagement):  # noqa: F811
    client = signed_in(people.maya)
    places = {"place_standing": "1", "place_risk": "2", "place_statement": "3"}
    client.post(f"/o/{org.slug}/packages/new", {"engagement": str(engagement.pk), "template": "board"} | places)
    assert Package.objects.get().chosen["template"]["sections"] == []


def test_what_a_letter_lacks_is_said_on_the_same_page_and_nothing_starts(org, people, engagement):  # noqa: F811
    client = signed_in(people.maya)
    facts = {"engagement": str(engagement.pk), "template": "bridge_letter", "to": "A\nB", "salutation": "Dear A",
             "signed_by": "Edda Brandt", "changes": "None known.", "report": "SOC 2"}  # fmt: skip
    answer = client.post(f"/o/{org.slug}/packages/new?template=bridge_letter", facts)
    assert answer.status_code == 422
    assert "Write the letter once it is over." in answer.content.decode()
    answer = client.post(
        f"/o/{org.slug}/packages/new?template=status_letter",
        {"engagement": str(engagement.pk), "template": "status_letter"},
    )
    assert answer.status_code == 422
    assert not Package.objects.exists()


def test_an_administrator_changes_how_documents_look(org, people):
    client = signed_in(people.adam)
    page = f"/o/{org.slug}/settings/documents"
    assert client.get(page).status_code == 200
    assert client.get(f"{page}/logo").status_code == 404
    logo = picture()
    logo.name = "logo.png"
    facts = {
        "name": "Lumenroll, Inc.",
        "address": "1 Main Street\n\nSpringfield ",
        "accent": "#7A1F5C",
        "paper": "letter",
    }
    assert client.post(page, facts | {"logo": logo}).status_code == 302
    shown = letterheads.in_force(org.pk)
    assert (shown.version, shown.name, shown.address, shown.accent, shown.paper) == (
        1, "Lumenroll, Inc.", "1 Main Street\nSpringfield", "#7a1f5c", "letter",
    )  # fmt: skip
    answer = client.get(f"{page}/logo")
    assert answer["Content-Type"] == "image/png" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content == shown.logo
    assert "Version 1" in client.get(page).content.decode()


def test_a_pale_accent_and_a_drawing_are_refused_on_the_page_with_what_to_choose(org, people):
    client = signed_in(people.adam)
    page = f"/o/{org.slug}/settings/documents"
    answer = client.post(page, {"accent": "#ffcc00", "paper": "A4"})
    assert answer.status_code == 422 and "such as #" in answer.content.decode()
    svg = SimpleUploadedFile("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    answer = client.post(page, {"paper": "A4", "logo": svg})
    assert answer.status_code == 422 and "as a PNG first" in answer.content.decode()
    assert letterheads.in_force(org.pk).version == 0


def test_a_manager_sees_documents_and_does_not_change_them(org, people):
    client = signed_in(people.maya)
    assert client.get(f"/o/{org.slug}/settings/documents").status_code == 200
    assert client.post(f"/o/{org.slug}/settings/documents", {"paper": "letter"}).status_code == 403
    assert letterheads.in_force(org.pk).version == 0
