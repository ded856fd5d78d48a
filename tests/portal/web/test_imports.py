"""Importing through the pages: dry run first, then a job; a wrong file is told why and leaves nothing."""

import io
import json
import re

import pytest
from django.test import Client

from portal.jobs.models import Job
from remediation.findings.models import Finding, ImportBatch
from remediation.importers import template
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.web.test_signing_in_and_people import signed_in


def upload(client, org, data, name):
    file = io.BytesIO(data)
    file.name = name
    return client.post(f"/o/{org.slug}/import", {"file": file, "format": "", "date_order": ""})


@pytest.fixture
def maya(people):
    return signed_in(people.maya)


def test_the_template_comes_back_as_one_finding(org, people, maya):
    csv = maya.get(f"/o/{org.slug}/import/template.csv")
    answer = upload(maya, org, csv.content, "exceptions.csv")
    assert answer.status_code == 302
    page = maya.get(answer.url).content.decode()
    assert "Leavers kept access for more than five days" in page
    assert "Import 1 result" in page
    assert not Finding.objects.exists()
    run = re.search(r'action="([^"]+/run)"', page).group(1)
    answer = maya.post(run, {"name": "exceptions.csv", "format": "", "dates": ""})
    assert "/jobs/" in answer.url
    assert Job.objects.get().kind == "findings.import"


def test_the_template_as_a_workbook_is_a_workbook(org, maya):
    assert maya.get(f"/o/{org.slug}/import/template.xlsx").content[:2] == b"PK"
    assert maya.get(f"/o/{org.slug}/import/template.exe").status_code == 404


@pytest.mark.parametrize("data", [b"\x00\xff\x00\xff" * 50, b"%PDF-1.4 nothing", b'{"a": 1}'])
def test_a_wrong_file_says_what_is_wrong_and_saves_nothing(org, maya, data):
    answer = upload(maya, org, data, "findings.csv")
    page = maya.get(answer.url)
    assert page.status_code == 422
    assert "can&#x27;t be imported" in page.content.decode() or "can't be imported" in page.content.decode()
    assert not Finding.objects.exists()
    assert not ImportBatch.objects.exists()


def test_html_in_a_title_is_shown_as_text(org, maya):
    csv = template.as_csv().decode("utf-8-sig").replace("Leavers kept access", "<img src=x onerror=alert(1)>")
    page = maya.get(upload(maya, org, csv.encode(), "x.csv").url).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_an_engineer_does_not_import(org, people):
    assert signed_in(people.ines).get(f"/o/{org.slug}/import").status_code == 404


def test_the_api_says_what_a_file_would_do_and_imports_it_as_a_job(org, people):
    headers, _ = bearer(people.maya, "findings.import")
    client = Client(headers=headers)
    url = f"/api/v1/organizations/{org.slug}/imports/"
    dry = client.post(f"{url}?dry_run=1&name=x.csv", template.as_csv(), content_type="text/csv")
    assert dry.status_code == 200, dry.content
    assert dry.json()["counts"]["created"] == 1
    started = client.post(f"{url}?name=x.csv", template.as_csv(), content_type="text/csv")
    assert started.status_code == 202
    assert started.json()["state"] == "queued"
    wrong = client.post(f"{url}?dry_run=1", json.dumps({"a": 1}), content_type="application/json")
    assert wrong.status_code == 422
