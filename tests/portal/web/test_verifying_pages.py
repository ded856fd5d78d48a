"""verify.py from the portal: for anybody, at an address that stays, with its SHA-256; the keys beside each package."""

from pathlib import Path

import pytest
from django.test import Client

from evidence.ledger import keys, sequencer, verify
from portal.packages.links import releasing
from portal.packages.models import Package
from tests.portal.packages import proven
from tests.portal.web.test_auditor import let_in
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db
PROGRAM = Path(verify.__file__).read_bytes()


def test_anybody_may_fetch_the_program_and_see_its_hash(client: Client):
    answer = client.get("/verify.py")
    assert answer.content == PROGRAM
    assert answer["Content-Disposition"] == 'attachment; filename="verify.py"'
    page = client.get("/verify").content.decode()
    assert verify.sha256(PROGRAM).hex() in page
    for public in keys.public_keys():
        assert verify.Key("", public).fingerprint in page


def test_the_public_page_tells_nothing_of_organizations(client: Client, org):
    page = client.get("/verify").content.decode()
    assert str(org.pk) not in page
    assert org.name not in page


def test_staff_see_the_keys_and_the_programs_hash_beside_a_package(org, people, tmp_path):
    proven.make(people, org, tmp_path)
    package = Package.objects.get(issue=2)
    page = signed_in(people.maya).get(f"/o/lumenroll/packages/{package.pk}").content.decode()
    for key in keys.verifier_keys(org.pk):
        assert str(key) in page
        assert verify.parse_key(str(key)).fingerprint in page
    assert verify.sha256(PROGRAM).hex() in page


def test_an_auditor_gets_the_file_its_proof_and_the_way_to_verify(org, people, tmp_path):
    kept = proven.make(people, org, tmp_path)
    package = Package.objects.get(issue=2)
    releasing.release(package.pk, actor=people.maya)
    let_in(package.engagement, people)
    otto = signed_in(people.otto)
    root = f"/o/lumenroll/audit/{package.engagement.ref}/packages"
    assert str(package.pk) in otto.get(root).content.decode()
    page = otto.get(f"{root}/{package.pk}").content.decode()
    assert str(keys.verifier_keys(org.pk)[-1]) in page
    assert "have not downloaded" in page
    pdf = b"".join(otto.get(f"{root}/{package.pk}/file").streaming_content)
    proof = b"".join(otto.get(f"{root}/{package.pk}/proof").streaming_content)
    assert pdf == kept.second.read_bytes()
    (tmp_path / "got.pdf").write_bytes(pdf)
    (tmp_path / "got.pdf.tlog-proof").write_bytes(proof)
    assert verify.check(tmp_path / "got.pdf", keys=[kept.key]).verdict == verify.HOLDS
    assert "You downloaded" in otto.get(f"{root}/{package.pk}").content.decode()


def test_an_auditor_finds_no_draft_and_no_proof_of_one(org, people):
    engagement = proven.engagements.create(proven.FACTS, actor=people.maya)
    draft = proven.services.start(engagement.pk, actor=people.maya)
    sequencer.run_once(org.pk)
    let_in(engagement, people)
    otto = signed_in(people.otto)
    for page in (f"{draft.pk}", f"{draft.pk}/proof", f"{draft.pk}/file"):
        assert otto.get(f"/o/lumenroll/audit/{engagement.ref}/packages/{page}").status_code == 404
