"""A build pushes evidence with one command; what breaks, differs or is too large leaves nothing."""

import base64
import hashlib
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from evidence import tenancy
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, ArtifactVersion
from evidence.controls import services as controls
from evidence.intake import services as intake
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.vault import services as vault
from evidence.vault.models import Blob
from tests.people import actor as acting
from tests.people import join
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.evidence_store import stored_files

CSV = b"week,result\nW12,OK\n"


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def api(org, people):
    headers, _ = bearer(people.ines, "evidence.upload", "evidence.view", "evidence.download")
    client = Client(headers=headers)
    client.root = f"/api/v1/organizations/{org.slug}/evidence/"
    return client


def push(api, data=CSV, query="filename=leavers.csv&title=Leavers", **headers):
    return api.post(f"{api.root}?{query}", data, content_type="application/octet-stream", headers=headers)


def nothing_is_left() -> bool:
    return not (stored_files() or Artifact.objects.exists() or Blob.objects.exists())


def test_one_command_pushes_evidence(api, people):
    controls.create(controls.ControlFacts(title="Leavers", frequency="weekly"), actor=people.maya)
    query = (
        "filename=leavers.csv&title=Leavers&kind=report&control=AC-01&period_from=2026-09-01&period_to=2026-09-30"
        "&source_system=Salesforce&row_count=1&query=SELECT+Id&is_production=yes"
    )
    answer = push(api, query=query)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["ref"] == "E-001"
    assert body["latest"]["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert body["latest"]["type"] == "text/csv"
    assert body["latest"]["period_from"] == "2026-09-01"
    assert body["links"][0]["ref"] == "AC-01"
    assert answer["Location"] == f"{api.root}E-001/"
    version = ArtifactVersion.objects.get()
    assert b"".join(vault.open(version.blob)) == CSV
    assert version.uploaded_by_id == people.ines.person_id
    assert Event.objects.get(kind="artifact.received").via == "token"


def test_what_curl_sends_without_a_content_type_is_taken_too(api):
    answer = api.post(f"{api.root}?filename=a.csv", CSV, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 201, answer.content
    assert answer.json()["latest"]["sha256"] == hashlib.sha256(CSV).hexdigest()


def test_a_form_with_one_file_is_taken(api):
    answer = api.post(api.root, {"title": "Leavers", "kind": "log", "file": SimpleUploadedFile("a.csv", CSV)})
    assert answer.status_code == 201, answer.content
    assert (answer.json()["title"], answer.json()["kind"]) == ("Leavers", "log")
    assert answer.json()["latest"]["sha256"] == hashlib.sha256(CSV).hexdigest()


def test_a_form_without_or_with_two_files_is_refused(api):
    two = {"a": SimpleUploadedFile("a", b"1"), "b": SimpleUploadedFile("b", b"2")}
    for form in ({"title": "x"}, two):
        assert api.post(api.root, form).status_code == 422
    assert nothing_is_left()


def test_the_digest_is_checked_when_it_is_sent(api):
    right = hashlib.sha256(CSV)
    assert push(api, **{"X-SHA256": right.hexdigest()}).status_code == 201
    digest = base64.b64encode(right.digest()).decode()
    assert push(api, **{"Content-Digest": f"sha-256=:{digest}:"}).status_code == 201
    before = len(stored_files())
    answer = push(api, b"other bytes", **{"X-SHA256": right.hexdigest()})
    assert answer.status_code == 422
    assert answer.json()["code"] == "digest_differs"
    for headers in ({"X-SHA256": "zz"}, {"Content-Digest": "sha-256=:??:"}, {"Content-Digest": "sha-256=:AAAA:"}):
        assert push(api, **headers).status_code == 422
    assert len(stored_files()) == before == 2
    assert Artifact.objects.count() == 2


def test_a_file_over_the_limit_is_refused_before_it_is_read(api, org, people):
    organizations.set_policy("uploads", {"limit_bytes": 1000}, actor=people.adam)
    answer = push(api, bytes(1001))
    assert answer.status_code == 413
    assert answer.json()["limit_bytes"] == 1000
    assert "Nothing was read" in answer.json()["title"]
    assert push(api, bytes(1000)).status_code == 201


def test_a_form_over_the_limit_is_refused_while_it_is_read(api, org, people):
    organizations.set_policy("uploads", {"limit_bytes": 1000}, actor=people.adam)
    answer = api.post(api.root, {"file": SimpleUploadedFile("a", bytes(50_000))})
    assert answer.status_code == 413
    assert nothing_is_left()


def broken_off(api, body: bytes, content_type: str):
    """The sender goes away: the server's stream ends before the announced length."""
    stream = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body) + 500)}
    return api.generic("POST", f"{api.root}?filename=a", body, content_type=content_type, **stream)


def test_a_body_that_breaks_off_leaves_nothing(api):
    answer = broken_off(api, CSV * 10_000, "application/octet-stream")
    assert answer.status_code == 422
    assert answer.json()["code"] == "upload_interrupted"
    assert nothing_is_left()


def test_a_form_that_breaks_off_leaves_nothing(api):
    # No closing boundary: Django alone would take this for a whole file.
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + CSV * 10_000
    answer = broken_off(api, body, "multipart/form-data; boundary=b")
    assert answer.status_code == 422
    assert answer.json()["code"] == "upload_interrupted"
    assert nothing_is_left()


def test_facts_that_do_not_fit_are_refused_before_or_after_but_leave_nothing(api):
    for query, field in (
        ("kind=rumour", "kind"),
        ("period_from=yesterday", "period_from"),
        ("row_count=many", "row_count"),
        ("control=AC-99", "control"),
        ("as_of=whenever", "as_of"),
        ("period_from=2026-02-01&period_to=2026-01-01", "period_to"),
        (f"title={'x' * 201}", "title"),
    ):
        answer = push(api, query=f"filename=a.csv&{query}")
        assert answer.status_code == 422, query
        assert field in answer.json()["errors"], query
    assert nothing_is_left()
    assert not Event.objects.filter(object_type="artifacts.artifact").exists()


def test_without_the_right_or_scope_nothing_is_read(org, people):
    headers, _ = bearer(people.arun, "evidence.view")
    client = Client(headers=headers)
    client.root = f"/api/v1/organizations/{org.slug}/evidence/"
    assert push(client).status_code == 403
    assert client.post(client.root, {"file": SimpleUploadedFile("a", b"x")}).status_code == 403
    assert Client().post(client.root, CSV, content_type="application/octet-stream").status_code == 401
    assert nothing_is_left()


def test_the_same_key_stores_the_file_once(api):
    first = push(api, **{"Idempotency-Key": "build-1"})
    again = push(api, **{"Idempotency-Key": "build-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert Artifact.objects.count() == len(stored_files()) == 1
    other = push(api, b"other", **{"Idempotency-Key": "build-1"})
    assert other.status_code == 422
    assert len(stored_files()) == 1


def test_a_version_is_pushed_to_evidence_that_exists(api):
    push(api)
    answer = push(api, b"newer", query="filename=a.csv&artifact=E-001&note=week+13")
    assert answer.status_code == 201, answer.content
    assert answer.json()["latest"]["number"] == 2
    assert push(api, query="filename=a&artifact=E-999").status_code == 404
    assert len(stored_files()) == 2


def test_evidence_is_listed_and_read(api):
    for number in range(3):
        push(api, b"%d" % number)
    page = api.get(f"{api.root}?limit=2").json()
    assert [row["ref"] for row in page["results"]] == ["E-003", "E-002"]
    rest = api.get(f"{api.root}?limit=2&cursor={page['next']}").json()
    assert [row["ref"] for row in rest["results"]] == ["E-001"]
    assert rest["next"] is None
    one = api.get(f"{api.root}E-001/")
    assert one["ETag"] == '"1"'
    assert one.json()["versions"][0]["number"] == 1
    assert "no_period" in [flag["code"] for flag in one.json()["flags"]]
    assert api.get(f"{api.root}?cursor=eyJ9").status_code == 422
    assert api.get(f"{api.root}?from=never").status_code == 422


def test_the_original_comes_back_and_leaves_an_event(api):
    push(api)
    answer = api.get(f"{api.root}E-001/versions/1/original")
    assert b"".join(answer.streaming_content) == CSV
    assert answer["Content-Disposition"] == 'attachment; filename="leavers.csv"'
    assert Event.objects.filter(kind="artifact.downloaded").count() == 1


def test_a_reviewer_judges_through_the_api_and_the_uploader_may_not(api, org, people):
    push(api)
    headers, _ = bearer(people.vera, "evidence.review", "evidence.view")
    reviewer = Client(headers=headers)
    url = f"{api.root}E-001/review/"
    body = {"verdict": "accepted", "number": 1}
    assert api.post(url, body, content_type="application/json").status_code == 403
    assert reviewer.post(url, {**body, "number": 2}, content_type="application/json").status_code == 412
    done = reviewer.post(url, body, content_type="application/json")
    assert (done.status_code, done.json()["state"]) == (200, "accepted")
    maya = people.maya
    ours = artifacts.add(
        intake.take(io.BytesIO(b"x"), filename="x", organization_id=org.pk, limit_bytes=10),
        title="x",
        kind="log",
        actor=maya,
    )
    headers, _ = bearer(maya, "evidence.review")
    conflict = Client(headers=headers).post(f"{api.root}{ours.ref}/review/", body, content_type="application/json")
    assert conflict.status_code == 409
    assert conflict.json()["rule"] == "E-02"


def test_another_organizations_evidence_is_not_found(api, other_org):
    push(api)
    with tenancy.entered(other_org.pk):
        stranger = acting(other_org, join(other_org, "Sara Stone", "manager"))
        headers, _ = bearer(stranger, "evidence.view", "evidence.download")
    client = Client(headers=headers)
    root = f"/api/v1/organizations/{other_org.slug}/evidence/"
    assert client.get(root).json()["results"] == []
    assert client.get(f"{root}E-001/").status_code == 404
    assert client.get(f"{root}E-001/versions/1/original").status_code == 404
    assert client.get(f"{api.root}E-001/").status_code == 401
