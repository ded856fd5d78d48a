"""A package checked in a real Chromium, on the staff's page and the auditor's: whole, with one byte changed, with a wrong proof."""

import io
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pikepdf
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction

from evidence import clock, tenancy
from evidence.ledger import keys, verify
from portal.engagements import services as engagements
from portal.engagements.models import Engagement
from portal.packages import binding
from portal.packages.links import releasing
from portal.packages.links import services as links
from portal.packages.models import Package
from tests.people import PASSWORD
from tests.portal.packages import proven

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("SHOTS", "")
WAIT = 60_000


@pytest.fixture
def kept(served, tmp_path):
    """Two sealed packages of the served portal, and an auditor who may read their engagement."""

    @contextmanager
    def within():
        with transaction.atomic(), tenancy.entered(served.organization.pk):
            yield

    keys.ensure_key()
    folder = tmp_path / "kept"
    folder.mkdir()
    made = proven.make(served.people, served.organization, folder, within)
    with within():
        engagements.grant(
            Engagement.objects.get().pk, account_id=served.people.otto.account_id, actor=served.people.maya,
            valid_until=clock.now() + timedelta(days=30),
        )  # fmt: skip
        made.package = Package.objects.get(issue=2).pk
        releasing.release(made.package, actor=served.people.maya)
    return made


def sign_in(page, served, name):
    page.set_default_timeout(WAIT)
    page.context.clear_cookies()
    page.goto(f"http://127.0.0.1:{served.port}/signin")
    page.fill("input[name=email]", f"{name}@lumenroll.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/o/**")
    return f"http://127.0.0.1:{served.port}/o/lumenroll"


def looked_at(page, name):
    found = Axe().run(page).response["violations"]
    assert not [f"{name} {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{name} scrolls sideways at {width}"
        if SHOTS:
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{theme}.png", full_page=True)


def checked(page, *files):
    """Give the files to the page; the verdict and the words of its note."""
    page.evaluate("delete document.querySelector('[data-verify]').dataset.verdict")
    page.set_input_files("#verify-file", [str(file) for file in files])
    page.wait_for_selector("[data-verify][data-verdict]", timeout=WAIT)
    return page.get_attribute("[data-verify]", "data-verdict"), page.inner_text("[data-result]")


def test_staff_check_a_package_on_its_page(page, served, kept, tmp_path):
    home = sign_in(page, served, "maya")
    page.goto(f"{home}/packages/{kept.package}")
    page.wait_for_selector("html[data-ready]", state="attached")

    verdict, words = checked(page, kept.second)
    assert (verdict, "Package is intact" in words) == ("holds", True)
    assert verify.sha256(kept.second.read_bytes()).hex() in words
    page.click("[data-result] summary >> nth=0")
    names = page.locator(".proofs b").all_inner_texts()
    assert [name.strip() for name in names] == [each.name for each in verify.check(kept.second).checks]
    looked_at(page, "package")

    data = bytearray(kept.second.read_bytes())
    data[len(data) // 2] ^= 1
    altered = tmp_path / kept.second.name
    altered.write_bytes(data)
    verdict, words = checked(page, altered)
    assert (verdict, "file: The bytes of the PDF" in words) == ("altered", True)
    looked_at(page, "package-altered")


def test_an_auditor_checks_a_package_with_the_proof_beside_it(page, served, kept, tmp_path):
    home = sign_in(page, served, "otto")
    page.goto(f"{home}/audit/ENG-1/packages")
    page.click(f"a[href$='{kept.package}']")
    page.wait_for_selector("html[data-ready]", state="attached")
    proof = kept.second.with_name(kept.second.name + ".tlog-proof")
    verdict, words = checked(page, kept.second, proof)
    assert (verdict, "Package is intact" in words) == ("holds", True)
    looked_at(page, "auditor-package")

    wrong = tmp_path / proof.name
    lines = proof.read_text().split("\n")
    wrong.write_text("\n".join([*lines[:3], lines[4], lines[3], *lines[5:]]))
    verdict, words = checked(page, kept.second, wrong)
    assert (verdict, "proof: The event of the proof does not stand" in words) == ("altered", True)

    verdict, words = checked(page, kept.first)
    assert verdict == "unreadable", "the portal's proof of one package is not taken for another's"
    assert "was not given" in words


def test_each_thing_a_forger_may_alter_is_seen_in_the_browser_too(page, served, kept, tmp_path):
    """The page's program and verify.py name the same thing."""
    home = sign_in(page, served, "maya")
    page.goto(f"{home}/packages/{kept.package}")
    page.wait_for_selector("html[data-ready]", state="attached")
    proof = kept.second.with_name(kept.second.name + ".tlog-proof")
    for name, data in forged(kept.second):
        path = tmp_path / kept.second.name
        path.write_bytes(data)
        (tmp_path / proof.name).write_text(proof.read_text())
        wrong = verify.check(path, keys=[kept.key]).first_wrong
        verdict, words = checked(page, path, tmp_path / proof.name)
        assert verdict in ("altered", "unreadable"), name
        assert f"{wrong.name}: " in words, (name, wrong, words)


def test_anybody_checks_a_package_without_an_account_and_nothing_is_sent(page, served, kept, tmp_path):
    page.set_default_timeout(WAIT)
    page.context.clear_cookies()
    page.goto(f"http://127.0.0.1:{served.port}/verify")
    page.wait_for_selector("html[data-ready]", state="attached")
    proof = kept.second.with_name(kept.second.name + ".tlog-proof")
    page.expected_troubles = ("verify.py",)
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.resource_type, request.post_data)))
    verdict, words = checked(page, kept.second, proof)
    assert (verdict, "Package is intact" in words) == ("holds", True)
    looked_at(page, "verify")
    assert {(kind, data) for _, kind, data in sent} <= {("script", None)}, "only the page's own program is fetched"
    assert page.evaluate("fetch('/verify.py').then(() => 'sent', () => 'refused')") == "refused"

    verdict, words = checked(page, kept.second)
    assert (verdict, "was not given" in words) == ("unreadable", True)
    page.fill("#verify-key", verify.parse_key(kept.key).fingerprint)
    page.set_input_files("#verify-earlier", str(kept.first))
    verdict, words = checked(page, kept.second, proof)
    assert verdict == "holds"
    assert "continues that of PKG-0001-issue-1.pdf" in page.text_content("[data-result]")
    page.set_input_files("#verify-earlier", str(kept.second))
    page.wait_for_selector("[data-verify][data-verdict=holds]")
    verdict, words = checked(page, kept.first, kept.first.with_name(kept.first.name + ".tlog-proof"))
    assert (verdict, "consistency: The package holds no proof" in words) == ("unreadable", True)
    page.set_input_files("#verify-earlier", [])
    page.fill("#verify-key", "a" * 64)
    verdict, words = checked(page, kept.second, proof)
    assert (verdict, "signed by somebody else" in words) == ("altered", True)
    data = kept.second.read_bytes()
    behind = tmp_path / kept.second.name
    behind.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    page.fill("#verify-key", "")
    verdict, words = checked(page, behind, proof)
    assert (verdict, "proof: The history recorded another SHA-256" in words) == ("altered", True)
    looked_at(page, "verify-altered")


def test_a_recipient_reads_a_link_and_its_maker_sees_it(page, served, kept):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        plain, locked = (
            links.make(kept.package, actor=replace(served.people.maya, authenticated_at=clock.now()), days=30,
                       recipient="Bea Buyer, Buyer GmbH", email="bea@buyer.example", with_passphrase=asks)
            for asks in (False, True)
        )  # fmt: skip
    page.set_default_timeout(WAIT)
    page.context.clear_cookies()
    here = f"http://127.0.0.1:{served.port}/p/"
    page.goto(here + plain.token)
    page.wait_for_selector("html[data-ready]", state="attached")
    verdict, words = checked(page, kept.second)
    assert (verdict, "Package is intact" in words) == ("holds", True), "the proof is fetched from the link"
    looked_at(page, "recipient")
    page.goto(here + locked.token)
    looked_at(page, "recipient-asked")
    page.fill("#passphrase", locked.passphrase)
    page.press("#passphrase", "Enter")
    page.wait_for_selector("h1:has-text('Package for')")
    page.expected_troubles = ("404",)
    page.goto(here + locked.token[:-3])
    looked_at(page, "recipient-nothing")

    home = sign_in(page, served, "maya")
    for path, name in (("links", "links"), ("changes", "changes")):
        page.goto(f"{home}/packages/{kept.package}/{path}")
        looked_at(page, name)
    page.goto(f"{home}/packages")
    looked_at(page, "packages")


def forged(pdf):
    """The PDF closed anew over altered attachments, with a manifest that fits them."""
    changes = {
        "checkpoint": (b"\n21\n", b"\n22\n"),
        "events.ndjson": (b'"severity":"high"', b'"severity":"low"'),
        "events.proof": (b"indexes ", b"indexes 0 "),
        "salts.json": (b'"title": "', b'"title": "00'),
        "snapshot.json": (b"Log gap", b"Log lap"),
        "approval.tlog-proof": (b"index ", b"index 1"),
        "consistency.proof": (b"old ", b"old 1"),
        "register.csv": (b"F-001", b"F-009"),
    }
    for name, (old, new) in changes.items():
        with pikepdf.open(pdf) as opened:
            files = {each: opened.attachments[each].get_file() for each in opened.attachments}
            data = files[name].read_bytes()
            changed = data.replace(old, new, 1) if old in data else data[:-9] + b"x" + data[-8:]
            files[name].obj.write(changed)
            listed = json.loads(files["manifest.json"].read_bytes())
            item = next(item for item in listed["files"] if item["path"] == name)
            item |= {"size": len(changed), "sha256": verify.sha256(changed).hex()}
            manifest = json.dumps(listed).encode()
            files["manifest.json"].obj.write(manifest)
            opened.trailer.ID[0] = pikepdf.String(verify.sha256(manifest)[:16])
            out = io.BytesIO()
            opened.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        path = pdf.with_name("forged.pdf")
        path.write_bytes(out.getvalue())
        binding.seal(path)
        yield name, path.read_bytes()
        path.unlink()
