"""A new issue begins with every choice of the issue before, until a person changes one: by service, page and API alike."""

import dataclasses
import inspect
import re

import pytest

from evidence import tenancy
from evidence.ledger import sequencer
from evidence.vault import services as vault
from portal.packages import outlines, planning, services
from portal.packages.models import Package
from portal.packages.snapshot import load
from remediation.findings import services as findings
from remediation.findings.models import Finding
from tests.contracts.test_access_matrix import forgotten
from tests.portal.api.test_the_whole_way import Caller
from tests.portal.packages.test_building import engagement, inside, still  # noqa: F401
from tests.portal.packages.test_templates import LETTER
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db
ASKED = dataclasses.replace(
    LETTER, finding="F-001", changes="None known.", report="SOC 2 of Haas & Partner", seed="7319", seed_from="Helen Haas",
    risk="higher", statement="We act.",
)  # fmt: skip


@pytest.mark.parametrize("key", [one.key for one in outlines.OUTLINES if one.key != "bridge_letter"])
def test_what_was_asked_for_is_asked_for_again(key, engagement):  # noqa: F811
    outline = outlines.BY_KEY[key]
    for sections in ((), outline.movable[::-1][:2], tuple(one for one in outline.sections if one in outline.fixed)):
        chosen = planning.chosen(key, dataclasses.replace(ASKED, sections=sections), engagement)
        assert planning.chosen(key, planning.wishes_of(chosen), engagement) == chosen


def test_no_choice_of_a_package_is_forgotten():
    """Whoever adds one to `start` must say here what the next issue does with it."""
    choices = set(inspect.signature(services.start).parameters) - {"engagement_id", "actor", "change", "follows"}
    assert choices == {"title", "paper", "with_restricted", "template", "wishes"}
    assert set(inspect.signature(services.supersede).parameters) == choices - {"template"} | {
        "package_id",
        "actor",
        "change",
    }


def seen_by(someone):
    """As the database sees it for this person: restricted rows are there for who is let in."""
    return tenancy.entered(someone.organization_id, someone.person_id)


def sealed(engagement, people) -> Package:  # noqa: F811
    """A letter whose every choice is another than the one that a package has by itself."""
    with seen_by(people.maya):
        findings.restrict(
            Finding.objects.get(ref="F-002").pk, actor=people.maya, reason="An investigation is under way."
        )
        made = services.start(
            engagement.pk, actor=people.maya, title="Where we stand", paper="letter", template="status_letter",
            wishes=LETTER, with_restricted=True,
        )  # fmt: skip
        sequencer.run_once(made.organization_id)
        services.perform_build(made.pk, actor=people.maya, inside=inside, watch=still)
    services.submit_for_review(made.pk, actor=people.maya)
    services.seal(made.pk, actor=people.arun, reason="Read and agreed.")
    Package.objects.filter(pk=made.pk).update(job=None)
    sequencer.run_once(made.organization_id)
    services.perform_seal(made.pk, actor=people.arun, inside=inside, watch=still)
    return Package.objects.get(pk=made.pk)


def choices(package: Package) -> tuple:
    return package.title, package.paper, package.template, package.with_restricted, package.chosen


def test_the_next_issue_begins_with_them_by_service_page_and_api(engagement, people, org):  # noqa: F811
    before = sealed(engagement, people)
    maya, token = signed_in(people.maya), Caller(org, people.maya, "manager")
    page, api = f"/o/{org.slug}/packages/{before.pk}/supersede", f"packages/{before.pk}/supersede/"

    def following() -> Package:
        return Package.objects.get(number=before.number, issue=2)

    for start in (
        lambda: services.supersede(before.pk, actor=people.maya, change="Newer rows."),
        lambda: maya.post(page, {"change": "Newer rows."}),
        lambda: token.post(api, {"change": "Newer rows."}, 202, match=before.version),
        lambda: maya.post(page, form_of(maya.get(page)) | {"change": "Newer rows."}),
    ):
        with forgotten():
            start()
            assert choices(following()) == choices(before)
            assert following().change == "Newer rows."

    with forgotten():
        changed = form_of(maya.get(page)) | {
            "change": "A new address.",
            "to": "Birch & Co\n1 Elm Road",
            "paper": "A4",
            "title": "",
        }
        del changed["with_restricted"]
        assert maya.post(page, changed).status_code == 302
        made = following()
        assert (made.paper, made.with_restricted, made.template) == ("A4", False, "status_letter")
        assert made.chosen["template"]["letter"] == before.chosen["template"]["letter"] | {
            "to": ["Birch & Co", "1 Elm Road"]
        }
        assert made.title.startswith("Remediation status letter for")
    with forgotten():
        body = {"change": "Without the restricted.", "with_restricted": False, "title": "Again"}
        token.post(api, body, 202, match=before.version)
        assert choices(following()) == ("Again", *choices(before)[1:3], False, before.chosen)
    for wrong in ({"wishes": {"to": ""}}, {"paper": "A5"}):
        token.post(api, {"change": "Wrong."} | wrong, 422, match=before.version)
    refused = maya.post(page, form_of(maya.get(page)) | {"change": "Wrong.", "to": " "})
    assert refused.status_code == 422 and Package.objects.count() == 1

    # And what it carries counts: the restricted finding is told again.
    again = services.supersede(before.pk, actor=people.maya, change="Newer rows.")
    Package.objects.filter(pk=again.pk).update(job=None)
    sequencer.run_once(org.pk)
    with seen_by(people.maya):
        services.perform_build(again.pk, actor=people.maya, inside=inside, watch=still)
    rows = load(b"".join(vault.open(Package.objects.select_related("snapshot").get(pk=again.pk).snapshot)))
    assert [finding.ref for finding in rows.findings] == ["F-001", "F-002"]


def form_of(answer) -> dict[str, str]:
    """What the page's form would send as it stands."""
    page = answer.content.decode()
    assert answer.status_code == 200
    form = answer.context["form"]
    given = {bound.html_name: bound.value() for bound in form}
    assert all(re.search(rf'name="{name}"', page) for name in given), "every field is on the page"
    return {name: "on" if value is True else value for name, value in given.items() if value not in (None, False)}
