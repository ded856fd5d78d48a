"""The findings list as CSV and workbook: the rows of the list as it is filtered, typed, safe, and no more than one may see."""

import csv
import io
from contextlib import contextmanager
from datetime import UTC, datetime

import openpyxl
import pytest

from portal.jobs.models import Job
from portal.packages import jobs as package_jobs
from portal.packages import listing
from portal.web import finding_exports
from remediation.findings.services import reporting
from tests.portal.api.test_engagements_and_packages import Caller
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def findings(people):
    for number in range(5):
        reporting.report(
            actor=people.maya, title="=1+1" if number == 0 else f"Weakness {number} 学生", source="internal",
            detected_at=datetime(2026, 2, 3, tzinfo=UTC), asset="CRM", severity="high" if number < 2 else "low",
        )  # fmt: skip


def body(answer) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def lines(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def cells(data: bytes) -> list[list]:
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows()]


def test_both_hold_the_rows_of_the_list_as_it_is_filtered(org, people, findings):
    client, base = signed_in(people.maya), f"/o/{org.slug}"
    assert f"{base}/findings.csv?severity=high" in client.get(f"{base}/findings?severity=high").content.decode()
    for query, number in (("", 5), ("?severity=high", 2), ("?view=settled", 0), ("?q=Weakness+3", 1)):
        table = lines(body(client.get(f"{base}/findings.csv{query}")))
        sheet = cells(body(client.get(f"{base}/findings.xlsx{query}")))
        assert len(table) - 1 == len(sheet) - 1 == number
        assert table[0] == sheet[0] == [column.name for column in listing.COLUMNS]
        assert [row[0] for row in table] == [row[0] for row in sheet]


def test_dates_are_dates_and_formulas_are_texts(org, people, findings):
    data = body(signed_in(people.maya).get(f"/o/{org.slug}/findings.xlsx?severity=high"))
    rows = cells(data)[1:]
    assert sorted(row[1] for row in rows) == ["'=1+1", "Weakness 1 学生"]
    assert all(isinstance(row[10], datetime) for row in rows)


def test_every_page_of_the_list_is_there(org, people, findings, monkeypatch):
    monkeypatch.setattr(listing, "CHUNK", 2)
    rows = lines(body(signed_in(people.maya).get(f"/o/{org.slug}/findings.csv")))[1:]
    assert sorted(row[0] for row in rows) == [f"F-{number:03d}" for number in range(1, 6)]


def test_a_long_workbook_is_written_by_a_job_for_who_asked(org, people, findings, monkeypatch):
    monkeypatch.setattr(listing, "AT_ONCE", 3)
    client = signed_in(people.maya)
    answer = client.get(f"/o/{org.slug}/findings.xlsx")
    assert answer.status_code == 302
    job = Job.objects.get(kind=finding_exports.KIND)
    assert answer["Location"].endswith(f"/jobs/{job.pk}")
    perform(job, people.maya)
    at = f"/o/{org.slug}/findings/exports/{job.pk}"
    assert at in client.get(answer["Location"]).content.decode()
    assert len(cells(body(client.get(at)))) - 1 == 5
    assert signed_in(people.adam).get(at).status_code in (403, 404)
    assert signed_in(people.vera).get(at).status_code == 404


class Task:
    """What a job's body asks of its task."""

    def __init__(self, job):
        self.job = job

    @contextmanager
    def inside(self):
        yield

    def progress(self, *told) -> None: ...

    def keep(self, result) -> None:
        self.job.result = result


def perform(job, actor) -> None:
    package_jobs.list_findings.run.__func__(Task(job), job, actor=actor, **job.args)
    job.state = Job.State.SUCCEEDED
    job.save()


def test_the_api_hands_over_the_same(org, people, findings, monkeypatch):
    maya = Caller(org, people.maya, "manager")
    assert len(lines(body(maya.client.get(f"{maya.root}findings/list.csv?severity=high")))) == 3
    assert len(cells(body(maya.client.get(f"{maya.root}findings/list.xlsx")))) == 6
    monkeypatch.setattr(listing, "AT_ONCE", 3)
    assert maya.client.get(f"{maya.root}findings/list.xlsx").status_code == 413


def test_another_organization_sees_none_of_it(org, other_org, people, findings):
    assert signed_in(people.maya).get(f"/o/{other_org.slug}/findings.csv").status_code == 404
