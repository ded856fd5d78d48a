"""What a package's page says of its job: the stages, what stands when it ended without a package, and what helps."""

from datetime import timedelta

import pytest

from evidence import clock
from portal.jobs.models import Job
from portal.packages import stages
from portal.packages.models import Package, State
from portal.packages.stages import Stage
from portal.web.package_work import shown_state, work_of
from tests.portal.packages.test_building import built, engagement  # noqa: F401
from tests.portal.web.test_signing_in_and_people import signed_in


def package(state=State.DRAFT, *, job="packages.build", ended="", sha256="", **about):
    found = Job(kind=job, state=ended or "running", **about)
    return Package(state=state, sha256=sha256, job=found)


def states(row):
    return {step.word: step.state for step in work_of(row).steps}


@pytest.mark.parametrize(
    ("stage", "note", "told", "where"),
    [
        (Stage.PAGES, "Findings, F-012", "Pages: Findings, F-012", "Findings, F-012"),
        (Stage.EXHIBITS, "Exhibits, E-004", "Exhibits: E-004", "E-004"),
        (Stage.FORMS, "Starting", "Forms", ""),
        (Stage.BINDING, "", "Binding", ""),
    ],
)
def test_a_note_names_its_stage_and_what_it_is_at(stage, note, told, where):
    assert stages.said(stage, note) == told
    assert (stages.at(told), stages.where(told)) == (stage, where)


def test_rows_are_read_before_anything_is_noted():
    assert stages.at("") == stages.at("something else") == Stage.ROWS


def test_the_stages_before_the_one_it_is_at_are_done():
    found = states(package(note="Texts: Contents"))
    assert (found["Exhibits"], found["Texts"], found["Pages"]) == ("done", "now", "todo")
    assert "Signing" not in found
    assert "Signing" in states(package(State.IN_REVIEW, job="packages.seal", sha256="a" * 64))
    assert set(states(package(ended="queued")).values()) == {"todo"}


@pytest.mark.parametrize(
    ("about", "shown", "words"),
    [
        ({"ended": "failed"}, "failed", "no draft yet"),
        ({"ended": "cancelled"}, "unbuilt", "no draft yet"),
        ({"ended": "failed", "sha256": "a" * 64}, "draft", "The draft of before stands"),
        ({"ended": "cancelled", "sha256": "a" * 64}, "draft", "The draft of before stands"),
        ({"state": State.IN_REVIEW, "job": "packages.seal", "ended": "failed", "sha256": "a" * 64}, "unsealed", "The approval stands"),
        ({"state": State.IN_REVIEW, "job": "packages.seal", "ended": "cancelled", "sha256": "a" * 64}, "unsealed", "The approval stands"),
    ],
)  # fmt: skip
def test_what_ended_without_its_package_says_what_stands_and_what_helps(about, shown, words):
    row = package(**about)
    assert shown_state(row) == shown
    assert words in work_of(row).kept and work_of(row).todo


@pytest.mark.parametrize(
    ("about", "shown"),
    [({"ended": "succeeded", "sha256": "a" * 64}, "draft"), ({"state": State.SEALED, "ended": "failed"}, "sealed")],
)
def test_there_is_nothing_to_say_of_a_job_that_made_its_package(about, shown):
    row = package(**about)
    assert (work_of(row), shown_state(row)) == (None, shown)


def test_what_is_under_way_is_its_state():
    assert shown_state(package()) == "building"
    assert shown_state(package(State.IN_REVIEW, job="packages.seal", sha256="a" * 64)) == "sealing"


def test_a_job_that_waits_or_lost_its_worker_says_so():
    late = clock.now() - timedelta(minutes=2)
    assert work_of(package(ended="queued")).note == "It waits for a worker."
    assert "tell whoever runs the servers" in work_of(package(ended="queued", created_at=late)).note
    assert "Its worker stopped" in work_of(package(lease_until=late)).note
    assert "attempt 2 of 3" in work_of(package(attempts=2)).note
    assert work_of(package(attempts=1)).note == ""


@pytest.mark.django_db
class TestThePage:
    @pytest.fixture
    def started(self, org, people, engagement):  # noqa: F811
        self.maya = signed_in(people.maya)
        self.root = f"/o/{org.slug}"
        answer = self.maya.post(f"{self.root}/packages/new", {"engagement": str(engagement.pk), "paper": "A4"})
        self.page = answer["Location"]
        return Package.objects.select_related("job").get()

    def test_its_moving_part_asks_again_until_the_job_is_over_and_the_page_is_loaded_anew(self, started):
        part = self.maya.get(self.page, headers={"HX-Request": "true"})
        assert 'hx-trigger="every 2s"' in part.content.decode() and "<html" not in part.content.decode()
        Job.objects.filter(pk=started.job_id).update(state="failed", error="Section “Findings” at F-012 failed.")
        over = self.maya.get(self.page, headers={"HX-Request": "true"})
        assert (over["HX-Refresh"], over.content) == ("true", b"")
        page = self.maya.get(self.page).content.decode()
        assert "F-012" in page and "Build again" in page and "every 2s" not in page

    def test_cancelling_comes_back_to_where_the_button_stood(self, started):
        cancel = f"{self.root}/jobs/{started.job_id}/cancel"
        assert self.maya.post(cancel, {"from": "package"})["Location"] == self.page
        page = self.maya.get(self.page).content.decode()
        assert "The build was cancelled" in page and "Not built" in page

    def test_the_jobs_own_page_stays_its_own(self, started):
        answer = self.maya.post(f"{self.root}/jobs/{started.job_id}/cancel")
        assert answer["Location"] == f"{self.root}/jobs/{started.job_id}"

    def test_who_may_not_cancel_sees_no_button(self, started, people):
        page = signed_in(people.arun).get(self.page).content.decode()
        assert "Building" in page and "Cancel" not in page

    def test_what_stands_is_still_there_when_a_second_build_fails(self, org, people, engagement):  # noqa: F811
        row = built(engagement, people)
        client, page = signed_in(people.maya), f"/o/{org.slug}/packages/{row.pk}"
        client.post(f"{page}/rebuild")
        Job.objects.filter(pk=Package.objects.get(pk=row.pk).job_id).update(state="failed", error="The disk is full.")
        shown = client.get(page).content.decode()
        assert "The draft of before stands" in shown and "Ask for approval" in shown and row.sha256[:8] in shown
        assert "The build failed" in client.get(f"/o/{org.slug}/packages").content.decode()
