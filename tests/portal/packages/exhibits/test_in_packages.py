"""Volumes as part of a package: listed by hash, recorded, checked beside it, taken by staff and auditors, kept when sealed."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.artifacts import services as artifacts
from evidence.intake import services as intake
from evidence.ledger import sequencer, verify
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.vault import checking
from evidence.vault import services as vault
from portal.engagements import services as grants
from portal.packages import delivery, render, services
from portal.packages.links import releasing
from portal.packages.models import Package, Volume
from remediation.findings.models import Finding
from tests.portal.api.test_engagements_and_packages import Caller
from tests.portal.packages.exhibits import originals
from tests.portal.packages.proven import unpacked
from tests.portal.packages.test_building import built, engagement, inside, sealed, still  # noqa: F401
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"


def brought(people, org, data: bytes, name: str):
    received = intake.take(io.BytesIO(data), filename=name, organization_id=org.pk, limit_bytes=10**7)
    artifact = artifacts.add(received, title=f"The file {name}", kind="report", actor=people.ines)
    finding = Finding.objects.get(ref="F-001")
    artifacts.link(
        artifact.pk, actor=people.ines, target_type="findings.finding", target_id=finding.pk, target_ref="F-001"
    )
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    return artifact


@pytest.fixture
def evidence(people, org, engagement):  # noqa: F811
    return [
        brought(people, org, originals.pdf("Policy", "Annex"), "policy.pdf"),
        brought(people, org, b"week,result\nW12,OK\n", "leavers.csv"),
        brought(people, org, originals.archive(), "logs.zip"),
    ]


def manifest(package) -> dict:
    return json.loads(b"".join(vault.open(package.manifest)))


def body(answer) -> bytes:
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer.streaming_content)


def written(package, folder):
    sequencer.run_once(package.organization_id)
    target = folder / package.filename
    delivery.write(package, target)
    return target


def test_the_manifest_lists_the_volume_and_where_each_exhibit_stands(engagement, people, evidence):  # noqa: F811
    package = built(engagement, people)
    volume = Volume.objects.get(package=package)
    listed = manifest(package)
    [item] = [each for each in listed["files"] if "volume" in each]
    assert (item["path"], item["attached"], item["pages"]) == ("PKG-0001-issue-1-exhibits.pdf", False, volume.pages)
    data = b"".join(vault.open(volume.pdf))
    assert item["sha256"] == volume.sha256 == hashlib.sha256(data).hexdigest()
    assert [(each["exhibit"], each["page"], each["pages"]) for each in listed["laid_out"]] == [
        ("E-001", 2, 2),
        ("E-002", 4, 1),
        ("E-003", 5, 1),
    ]
    assert "archive" in listed["laid_out"][2]["why"]
    event = Event.objects.get(pk=package.recorded_by_event)
    assert json.loads(bytes(event.body))["facts"]["after"]["volumes"] == {item["path"]: item["sha256"]}


def test_the_evidence_index_names_pages_and_volume_pages(engagement, people, evidence):  # noqa: F811
    import pypdfium2

    package = built(engagement, people)
    document = pypdfium2.PdfDocument(b"".join(services.pdf_bytes(package)))
    pages = [document[page].get_textpage().get_text_bounded().replace("\r\n", " ") for page in range(len(document))]
    [index] = [page for page in pages if "each with its fingerprint" in page]
    assert "Two pages, from page 2" in index
    assert "Slip sheet on page 5" in index
    assert "PKG-0001-issue-1-exhibits.pdf" in index
    assert Volume.objects.get().sha256 in index.replace(" ", "")


def test_the_volume_beside_the_package_is_checked_with_it(engagement, people, evidence, tmp_path):  # noqa: F811
    target = written(built(engagement, people), tmp_path)
    beside = tmp_path / "PKG-0001-issue-1-exhibits.pdf"
    package = verify.check(target)
    assert package.verdict == verify.HOLDS
    assert not [words for words in package.uncovered if "kept apart" in words]
    data = beside.read_bytes()
    beside.write_bytes(data[:-9] + b"x" + data[-8:])
    package = verify.check(target)
    assert (package.verdict, package.first_wrong.name) == (verify.ALTERED, "attachments")
    assert beside.name in package.first_wrong.words
    beside.unlink()
    package = verify.check(target)
    assert package.verdict == verify.HOLDS
    assert f"{beside.name} is listed but kept apart from the package" in package.uncovered


def test_everything_in_one_folder_holds_with_volumes_and_pdf_originals(engagement, people, evidence, tmp_path):  # noqa: F811
    package = built(engagement, people)
    target = written(package, tmp_path)
    folder = tmp_path / "all"
    folder.mkdir()
    with zipfile.ZipFile(io.BytesIO(b"".join(delivery.everything(package).pieces))) as archive:
        assert "PKG-0001-issue-1-exhibits.pdf" in archive.namelist()
        archive.extractall(folder)
    assert any(path.name.startswith("E-001-") and path.suffix == ".pdf" for path in folder.iterdir())
    assert verify.check(folder / target.name).verdict == verify.HOLDS
    assert verify.check(folder).verdict == verify.HOLDS
    assert verify.check(unpacked(target, tmp_path / "unpacked")).verdict == verify.HOLDS
    alone = [sys.executable, "-I", str(folder / "verify.py"), str(folder / target.name)]
    assert subprocess.run(alone, env={}, cwd="/", capture_output=True).returncode == 0


def test_numbers_stay_from_issue_to_issue_and_versions_are_named(engagement, people, org, evidence):  # noqa: F811
    first = sealed(engagement, people)
    numbers = [each["exhibit"] for each in manifest(first)["laid_out"]]
    newer = intake.take(io.BytesIO(b"week,result\nW13,OK\n"), filename="leavers.csv", organization_id=org.pk, limit_bytes=10**6)  # fmt: skip
    artifact = evidence[1]
    artifact.refresh_from_db()
    artifacts.add_version(artifact.pk, newer, version=artifact.version, actor=people.ines)
    artifacts.accept(artifact.pk, number=2, actor=people.vera)
    brought(people, org, originals.table(), "later.csv")
    second = services.supersede(first.pk, actor=people.maya, change="One more file.")
    Package.objects.filter(pk=second.pk).update(job=None)
    sequencer.run_once(org.pk)
    services.perform_build(second.pk, actor=people.maya, inside=inside, watch=still)
    second.refresh_from_db()
    assert [each["exhibit"] for each in manifest(second)["laid_out"]] == [*numbers, "E-004"]
    import pypdfium2

    document = pypdfium2.PdfDocument(b"".join(vault.open(second.volumes.get().pdf)))
    assert "E-002, version 2" in document[3].get_textpage().get_text_bounded()


def test_the_organization_sets_the_size_of_a_volume(engagement, people, org, evidence, monkeypatch):  # noqa: F811
    organizations.set_policy("packages", {"volume_megabytes": 3}, actor=people.adam)
    seen = []
    printed = render.printed

    def noted(*args, **options):
        seen.append(options["volume_bytes"])
        return printed(*args, **options)

    monkeypatch.setattr(render, "printed", noted)
    built(engagement, people)
    assert seen == [3_000_000]


def test_originals_above_the_size_the_organization_sets_stand_in_a_zip_beside_it(
    engagement, people, org, evidence, tmp_path  # noqa: F811
):  # fmt: skip
    organizations.set_policy("packages", {"attached_megabytes": 0}, actor=people.adam)
    package = built(engagement, people)
    sequencer.run_once(org.pk)
    target = tmp_path / package.filename
    delivery.write(package, target)
    listed = json.loads(b"".join(vault.open(package.manifest)))["files"]
    apart = {item["path"]: item["sha256"] for item in listed if "exhibit" in item}
    beside = target.with_name(f"{package.stem}.exhibits.zip")
    with zipfile.ZipFile(beside) as archive:
        assert {name: verify.sha256(archive.read(name)).hex() for name in archive.namelist()} == apart
    found = verify.check(target)
    assert found.verdict == verify.HOLDS and not [words for words in found.uncovered if "kept apart" in words]
    with zipfile.ZipFile(beside, "w") as archive:
        archive.writestr(next(iter(apart)), b"other\n")
    assert (verify.check(target).verdict, verify.check(target).first_wrong.name) == (verify.ALTERED, "attachments")


def test_a_rebuilt_draft_has_the_volumes_of_its_last_printing_alone(engagement, people, evidence):  # noqa: F811
    package = built(engagement, people)
    before = Volume.objects.get(package=package)
    sequencer.run_once(package.organization_id)
    services.perform_build(package.pk, actor=people.maya, inside=inside, watch=still)
    after = Volume.objects.get(package=package)
    assert before.pk != after.pk


def test_the_database_keeps_the_volumes_of_a_sealed_package(engagement, people, evidence):  # noqa: F811
    package = sealed(engagement, people)
    volume = Volume.objects.get(package=package)
    assert "Draft" not in _text(volume)
    copied = (
        "INSERT INTO packages_volume (id, organization_id, package_id, number, filename, pdf_id, sha256, size, pages)"
        " SELECT gen_random_uuid(), organization_id, package_id, 9, 'x', pdf_id, sha256, 1, 1 FROM packages_volume"
    )
    for change in ("DELETE FROM packages_volume", "UPDATE packages_volume SET sha256 = 'f'", copied):
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            connection.cursor().execute(change)
        # The app's role has no right to UPDATE at all.
        assert refusal.value.__cause__.sqlstate in ("CH001", "42501"), change
    volume.refresh_from_db()


def _text(volume) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(b"".join(vault.open(volume.pdf)))
    return "".join(document[page].get_textpage().get_text_bounded() for page in range(len(document)))


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_file_that_is_not_what_was_stored_stops_the_build_and_raises_the_alarm(engagement, people, evidence, damage):  # noqa: F811
    package = services.start(engagement.pk, actor=people.maya)
    sequencer.run_once(engagement.organization_id)
    blob = evidence[0].latest.blob
    [path] = [path for path in vault.named("local").root.rglob("*") if path.is_file() and blob.location.rpartition("/")[2] in path.name]  # fmt: skip
    if damage == "missing":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.write_bytes(data)
    with pytest.raises(render.BuildFailed, match="E-001"):
        services.perform_build(package.pk, actor=people.maya, inside=inside, watch=still)
    assert Event.objects.filter(kind="vault.damaged").count() == 1
    assert checking.damaged().get().blob_id == blob.pk
    assert not Volume.objects.exists()
    package.refresh_from_db()
    assert not package.is_built


def test_staff_take_the_volume_from_the_page_and_the_api_with_an_event(org, people, engagement, evidence):  # noqa: F811
    package = built(engagement, people)
    client, page = signed_in(people.maya), f"/o/{org.slug}/packages/{package.pk}"
    assert "PKG-0001-issue-1-exhibits.pdf" in client.get(page).content.decode()
    answer = client.get(f"{page}/volumes/1")
    volume = Volume.objects.get()
    assert hashlib.sha256(body(answer)).hexdigest() == volume.sha256
    assert answer["Content-Disposition"] == 'attachment; filename="PKG-0001-issue-1-exhibits.pdf"'
    assert client.get(f"{page}/volumes/2").status_code == 404
    api = Caller(org, people.maya, "manager")
    told = api.get(f"packages/{package.pk}/")["volumes"]
    assert told == [{"number": 1, "filename": volume.filename, "sha256": volume.sha256, "size": volume.size, "pages": volume.pages}]  # fmt: skip
    assert (
        hashlib.sha256(body(api.client.get(f"{api.root}packages/{package.pk}/volumes/1"))).hexdigest() == volume.sha256
    )
    events = [json.loads(bytes(each.body))["facts"]["data"] for each in Event.objects.filter(kind="package.downloaded")]
    assert [each["form"] for each in events] == [volume.filename, volume.filename]


def test_an_auditor_takes_the_volume_of_what_is_sealed(org, people, engagement, evidence):  # noqa: F811
    grants.grant(
        engagement.pk, account_id=people.otto.account_id, valid_until=clock.now() + timedelta(days=3), actor=people.maya
    )
    package = sealed(engagement, people)
    releasing.release(package.pk, actor=people.maya)
    client = signed_in(people.otto)
    page = f"/o/{org.slug}/audit/{engagement.ref}/packages/{package.pk}"
    assert "PKG-0001-issue-1-exhibits.pdf" in client.get(page).content.decode()
    assert hashlib.sha256(body(client.get(f"{page}/volumes/1"))).hexdigest() == Volume.objects.get().sha256
