"""Forms and the archive of a package as they are taken: byte for byte those of the manifest, each time with an event."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest

from evidence import clock
from evidence.artifacts import services as artifacts
from evidence.intake import services as intake
from evidence.ledger import sequencer
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.vault import services as vault
from portal.engagements import services as grants
from portal.packages import forms
from portal.packages.links import releasing
from remediation.findings.models import Finding
from tests.portal.api.test_engagements_and_packages import Caller
from tests.portal.packages.test_building import built, engagement, sealed  # noqa: F401
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db
DATA = b"week,result\nW12,OK\n"


@pytest.fixture
def evidence(people, org, engagement):  # noqa: F811
    received = intake.take(io.BytesIO(DATA), filename="../lea vers.csv", organization_id=org.pk, limit_bytes=10**6)
    artifact = artifacts.add(received, title="Leavers", kind="report", actor=people.ines)
    finding = Finding.objects.get(ref="F-001")
    artifacts.link(
        artifact.pk, actor=people.ines, target_type="findings.finding", target_id=finding.pk, target_ref="F-001"
    )
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    return artifact


def listed(package) -> dict[str, str]:
    manifest = json.loads(b"".join(vault.open(package.manifest)))
    return {item["path"]: item["sha256"] for item in manifest["files"]}


def body(answer) -> bytes:
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer.streaming_content)


def test_a_draft_offers_each_form_as_its_manifest_names_it(org, people, engagement, evidence):  # noqa: F811
    package = built(engagement, people)
    client, page = signed_in(people.maya), f"/o/{org.slug}/packages/{package.pk}"
    shown = client.get(page).content.decode()
    for form in forms.FORMS:
        assert form.path in shown
        answer = client.get(f"{page}/forms/{form.path}")
        data = body(answer)
        assert hashlib.sha256(data).hexdigest() == listed(package)[form.path]
        assert int(answer["Content-Length"]) == len(data)
        assert answer["Content-Disposition"] == f'attachment; filename="PKG-0001-issue-1-{form.path}"'
    told = Event.objects.filter(kind="package.downloaded").order_by("at")
    assert [json.loads(bytes(event.body))["facts"]["data"]["form"] for event in told] == [f.path for f in forms.FORMS]


def test_a_form_that_is_none_is_not_found(org, people, engagement):  # noqa: F811
    package = built(engagement, people)
    page = f"/o/{org.slug}/packages/{package.pk}"
    for path in ("forms/../file", "forms/verify.py", "forms/poam.xls", "forms/manifest.json"):
        assert signed_in(people.maya).get(f"{page}/{path}").status_code == 404
    assert not Event.objects.filter(kind="package.downloaded").exists()


def test_everything_is_one_archive_with_every_file_of_the_manifest(org, people, engagement, evidence):  # noqa: F811
    package = built(engagement, people)
    sequencer.run_once(org.pk)
    client, page = signed_in(people.maya), f"/o/{org.slug}/packages/{package.pk}"
    data = body(client.get(f"{page}/everything.zip"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        assert len(found) == len(archive.namelist())
    assert found.pop(package.filename) == package.sha256
    assert found.pop("manifest.json") == package.manifest_sha256
    assert found.pop(f"{package.filename}.tlog-proof")
    assert found == listed(package)
    assert len([name for name in found if name.startswith("E-001-")]) == 1
    assert body(client.get(f"{page}/everything.zip")) == data


def test_what_may_not_go_out_is_named_and_left_out(org, people, engagement, evidence, monkeypatch):  # noqa: F811
    organizations.set_policy("packages", {"attached_megabytes": 0}, actor=people.adam)
    package = built(engagement, people)
    sequencer.run_once(org.pk)
    client, at = signed_in(people.maya), f"/o/{org.slug}/packages/{package.pk}/everything.zip"
    with zipfile.ZipFile(io.BytesIO(body(client.get(at)))) as archive:
        [name] = [name for name in archive.namelist() if name.startswith("E-001-")]
        assert archive.read(name) == DATA  # too large for the PDF, not for the archive
    monkeypatch.setattr("evidence.artifacts.withholding.kept_back_among", lambda ids: set(ids))
    with zipfile.ZipFile(io.BytesIO(body(client.get(at)))) as archive:
        assert name not in archive.namelist()
        assert archive.read("LEFT-OUT.txt").startswith(b"E-001: ")


def test_the_auditor_takes_forms_of_what_is_sealed_and_of_nothing_else(org, people, engagement):  # noqa: F811
    grants.grant(
        engagement.pk, account_id=people.otto.account_id, valid_until=clock.now() + timedelta(days=3), actor=people.maya
    )
    package = sealed(engagement, people)
    releasing.release(package.pk, actor=people.maya)
    sequencer.run_once(org.pk)
    otto = signed_in(people.otto)
    root = f"/o/{org.slug}/audit/{engagement.ref}/packages/{package.pk}"
    assert "poam.xlsx" in otto.get(root).content.decode()
    assert hashlib.sha256(body(otto.get(f"{root}/forms/poam.json"))).hexdigest() == listed(package)["poam.json"]
    assert zipfile.ZipFile(io.BytesIO(body(otto.get(f"{root}/everything.zip")))).testzip() is None
    draft = built(engagement, people)
    root = f"/o/{org.slug}/audit/{engagement.ref}/packages/{draft.pk}"
    assert otto.get(f"{root}/forms/poam.json").status_code == 404
    assert otto.get(f"{root}/everything.zip").status_code == 404


def test_the_api_lists_and_hands_over_the_same(org, people, engagement):  # noqa: F811
    package = built(engagement, people)
    sequencer.run_once(org.pk)
    maya = Caller(org, people.maya, "manager")
    found = maya.get(f"packages/{package.pk}/forms/")["results"]
    assert {one["path"]: one["sha256"] for one in found}.items() <= listed(package).items()
    assert [one["path"] for one in found] == [form.path for form in forms.FORMS]
    data = body(maya.client.get(f"{maya.root}packages/{package.pk}/forms/register.csv"))
    assert hashlib.sha256(data).hexdigest() == listed(package)["register.csv"]
    assert zipfile.ZipFile(io.BytesIO(body(maya.client.get(f"{maya.root}packages/{package.pk}/zip")))).testzip() is None
    assert maya.client.get(f"{maya.root}packages/{package.pk}/forms/nothing").status_code == 404


def test_engineers_take_nothing(org, people, engagement):  # noqa: F811
    package = built(engagement, people)
    page = f"/o/{org.slug}/packages/{package.pk}"
    for path in ("forms/poam.xlsx", "everything.zip"):
        assert signed_in(people.ines).get(f"{page}/{path}").status_code in (403, 404)


def test_a_package_of_before_says_what_to_do(org, people, engagement):  # noqa: F811
    package = built(engagement, people)
    type(package).objects.filter(pk=package.pk).update(made=None)
    client, page = signed_in(people.maya), f"/o/{org.slug}/packages/{package.pk}"
    assert "Other forms" not in client.get(page).content.decode()
    refused = client.get(f"{page}/forms/poam.xlsx")
    assert refused.status_code == 404
    assert "Build it again" in refused.content.decode()
