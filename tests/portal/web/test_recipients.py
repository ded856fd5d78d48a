"""A recipient without an account: what a link shows, what it never tells, and the manager's pages about it."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.test import Client, TestCase

from evidence import clock
from evidence.ledger import verify
from evidence.ledger.models import Event
from portal.engagements import services as grants
from portal.packages import comparing
from portal.packages.links import secrets, services
from portal.packages.links.models import Link, Use
from portal.packages.models import Package
from tests.people import PASSWORD
from tests.portal.packages.sealed_once import *  # noqa: F403
from tests.portal.packages.sealed_once import proved
from tests.portal.packages.test_links import GIVEN
from tests.portal.web.test_signing_in_and_people import signed_in


def made_for(package, people, **more):
    return services.make(package.pk, actor=proved(people.maya), **GIVEN | more)


def page_of(answer):
    text = answer.content.decode()
    # What differs from answer to answer and tells nothing.
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"|X-CSRFToken[^}]*', "", text)


class TestTheLink:
    def test_it_shows_what_the_package_is_and_hands_over_file_and_proof(self, org, people, package, house, tmp_path):
        made = made_for(package, people)
        client = Client()
        answer = client.get(f"/p/{made.token}")
        page = answer.content.decode()
        assert answer.status_code == 200
        assert package.title in page and package.sha256[:8] in page and org.name in page
        assert answer["Referrer-Policy"] == "no-referrer" and "noindex" in answer["X-Robots-Tag"]
        assert "no-store" in answer["Cache-Control"]
        pdf = client.get(f"/p/{made.token}/package.pdf")
        (tmp_path / "got.pdf").write_bytes(b"".join(pdf.streaming_content))
        proof = client.get(f"/p/{made.token}/package.pdf.tlog-proof")
        (tmp_path / "got.pdf.tlog-proof").write_bytes(b"".join(proof.streaming_content))
        assert pdf["Content-Disposition"].startswith("attachment")
        assert hashlib.sha256((tmp_path / "got.pdf").read_bytes()).hexdigest() == package.sha256
        assert verify.check(tmp_path / "got.pdf", keys=[house.kept.key]).verdict == verify.HOLDS
        assert list(Use.objects.order_by("at").values_list("what", flat=True)) == ["opened", "pdf", "proof"]
        assert Event.objects.filter(kind="package_link.downloaded").count() == 2

    def test_it_hands_over_the_volumes_of_exhibits_too(self, package, people):
        made = made_for(package, people)
        client = Client()
        [volume] = package.volumes.all()
        address = f"/p/{made.token}/exhibits/1.pdf"
        assert address in client.get(f"/p/{made.token}").content.decode()
        answer = client.get(address)
        assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == volume.sha256
        assert volume.filename in answer["Content-Disposition"]
        assert Use.objects.order_by("at").values_list("what", flat=True).last() == "volume"
        assert client.get(f"/p/{made.token}/exhibits/2.pdf").status_code == 404

    def test_unknown_ended_and_taken_back_look_the_same(self, package, people, org):
        with clock.at(clock.now() - timedelta(days=3)):
            ended = made_for(package, people, days=2).token
        gone = made_for(package, people)
        services.revoke(gone.row.pk, actor=people.maya)
        locked = made_for(package, people, with_passphrase=True)
        services.revoke(locked.row.pk, actor=people.maya)
        client, seen = Client(), set()
        for token in (ended, gone.token, locked.token, secrets.token(org.pk), "no-such-secret"):
            for tail in ("", "/package.pdf", "/package.pdf.tlog-proof", "/exhibits/1.pdf"):
                answer = client.get(f"/p/{token}{tail}")
                seen.add((answer.status_code, page_of(answer), tuple(sorted(set(answer.headers) - {"X-Request-ID"}))))
                assert org.name.encode() not in answer.content
        assert len({(status, page) for status, page, _ in seen}) == 1 and {status for status, *_ in seen} == {404}
        assert not Use.objects.exists()

    def test_a_passphrase_is_asked_before_a_word_is_told(self, package, people, org):
        made = made_for(package, people, with_passphrase=True)
        client = Client()
        asked = client.get(f"/p/{made.token}")
        for word in (package.title, package.ref, org.name, GIVEN["recipient"]):
            assert word.encode() not in asked.content
        for tail in ("/package.pdf", "/package.pdf.tlog-proof", "/exhibits/1.pdf"):
            assert client.get(f"/p/{made.token}{tail}")["Location"] == f"/p/{made.token}"
        wrong = client.post(f"/p/{made.token}", {"passphrase": "0000-0000-0000-0000"})
        assert wrong.status_code == 422 and package.ref.encode() not in wrong.content
        assert not Use.objects.exists()
        assert client.post(f"/p/{made.token}", {"passphrase": made.passphrase.lower()}).status_code == 302
        assert package.title.encode() in client.get(f"/p/{made.token}").content
        assert Client().get(f"/p/{made.token}").content.find(package.title.encode()) < 0, "another browser must ask too"
        with clock.at(clock.now() + timedelta(minutes=31)):
            assert package.title.encode() not in client.get(f"/p/{made.token}").content

    def test_a_passphrase_of_one_link_opens_no_other(self, package, people):
        one, other = (made_for(package, people, with_passphrase=True) for _ in range(2))
        client = Client()
        assert client.post(f"/p/{one.token}", {"passphrase": one.passphrase}).status_code == 302
        assert package.title.encode() not in client.get(f"/p/{other.token}").content

    def test_looking_for_its_head_is_no_opening(self, package, people):
        made = made_for(package, people)
        assert Client().head(f"/p/{made.token}").status_code == 200
        assert not Use.objects.exists()

    def test_tries_are_counted(self, package, people, monkeypatch):
        made = made_for(package, people, with_passphrase=True)
        asked = []
        monkeypatch.setattr("portal.edge.rates.is_over", lambda what, whose, limit: asked.append((what, limit)) or what == "passphrase")  # fmt: skip
        answer = Client().post(f"/p/{made.token}", {"passphrase": made.passphrase})
        assert answer.status_code == 429 and answer["Retry-After"]
        assert [what for what, _ in asked] == ["links", "passphrase"]
        monkeypatch.setattr("portal.edge.rates.is_over", lambda what, whose, limit: what == "links")
        for tail in ("", "/package.pdf", "/package.pdf.tlog-proof", "/exhibits/1.pdf"):
            assert Client().get(f"/p/{made.token}{tail}").status_code == 429

    def test_a_superseded_issue_says_so(self, people):
        made = made_for(Package.objects.get(issue=1), people)
        assert "There is a newer issue" in Client().get(f"/p/{made.token}").content.decode()


class TestTheManagersPages:
    def test_a_link_is_made_mailed_shown_once_and_taken_back(self, package, people, org, mailoutbox):
        maya = signed_in(people.maya)
        root = f"/o/{org.slug}/packages/{package.pk}/links"
        form = GIVEN | {"send": "on", "with_passphrase": "on"}
        assert maya.post(root, form).status_code == 422, "without a proof of who it is"
        assert not Link.objects.exists()
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer = maya.post(root, form | {"password": PASSWORD})
        page = answer.content.decode()
        assert answer.status_code == 200
        [address] = set(re.findall(r"http[^\s\"<]*/p/[\w-]+", page))
        [phrase] = set(re.findall(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", page))
        [letter] = mailoutbox
        assert letter.to == [GIVEN["email"]] and address in letter.body
        assert phrase not in letter.body and package.title not in letter.body
        again = maya.get(root).content.decode()
        assert address not in again and GIVEN["recipient"] in again
        row = Link.objects.get()
        assert maya.post(f"/o/{org.slug}/packages/links/{row.pk}/revoke").status_code == 302
        assert "Taken back" in maya.get(root).content.decode()
        assert Client().get(address[address.index("/p/") :]).status_code == 404

    def test_others_who_see_packages_see_the_links_and_make_none(self, package, people, org):
        made_for(package, people)
        root = f"/o/{org.slug}/packages/{package.pk}/links"
        arun = signed_in(people.arun)
        page = arun.get(root).content.decode()
        assert GIVEN["recipient"] in page and "Make the link" not in page and "Take back" not in page
        assert arun.post(root, GIVEN | {"password": PASSWORD}).status_code == 403
        assert signed_in(people.ines).get(root).status_code == 404
        assert Link.objects.count() == 1

    def test_the_list_says_who_may_see_and_how_often_it_was_taken(self, package, people, org):
        maya = signed_in(people.maya)
        b"".join(maya.get(f"/o/{org.slug}/packages/{package.pk}/file").streaming_content)
        services.use(made_for(package, people).row, Use.What.PDF)
        page = maya.get(f"/o/{org.slug}/packages").content.decode()
        assert re.search(r'<td class="r num">2<span', page) and "Staff and auditors" not in page
        maya.post(f"/o/{org.slug}/packages/{package.pk}/release")
        assert "Staff and auditors" in maya.get(f"/o/{org.slug}/packages").content.decode()
        detail = maya.get(f"/o/{org.slug}/packages/{package.pk}").content.decode()
        assert "PAdES B-B" in detail and "own seal" in detail and "Release to the auditors" not in detail

    def test_the_log_names_each_use_and_whose_link_it_was(self, package, people, org):
        made = made_for(package, people)
        for what in (Use.What.OPENED, Use.What.PDF):
            services.use(made.row, what)
        page = signed_in(people.maya).get(f"/o/{org.slug}/packages/{package.pk}/links").content.decode()
        log = page[page.index('id="log"') :]
        assert log.index("Downloaded the PDF") < log.index("Opened the page") and GIVEN["recipient"] in log

    def test_a_link_says_whether_it_was_sent(self, package, people, org, mailoutbox):
        maya, root = signed_in(people.maya), f"/o/{org.slug}/packages/{package.pk}/links"
        with TestCase.captureOnCommitCallbacks(execute=True):
            quiet = maya.post(root, GIVEN | {"password": PASSWORD}).content.decode()
            assert "Nothing was sent" in quiet
            sent = maya.post(root, GIVEN | {"send": "on", "password": PASSWORD}).content.decode()
            assert f"It was sent to {GIVEN['email']}" in sent
        [letter] = mailoutbox
        assert "passphrase" not in letter.body and people.maya.name in letter.body

    def test_why_a_link_was_taken_back_is_kept_with_the_event(self, package, people, org):
        made = made_for(package, people)
        signed_in(people.maya).post(f"/o/{org.slug}/packages/links/{made.row.pk}/revoke", {"reason": "Wrong company"})
        assert Event.objects.filter(kind="package_link.revoked", object_id=made.row.pk).exists()
        assert Link.objects.get(pk=made.row.pk).state == "revoked"

    def test_older_packages_begin_after_the_last_issue_that_was_shown(self, people, org, monkeypatch):
        monkeypatch.setattr("portal.web.packages.PAGE", 1)
        maya, root = signed_in(people.maya), f"/o/{org.slug}/packages"
        newest = maya.get(root).content.decode()
        assert "issue 2" in newest and "issue 1" not in newest and "?before=1.2" in newest
        older = maya.get(f"{root}?before=1.2").content.decode()
        assert "issue 1" in older and "?before=" not in older
        assert "issue 2" in maya.get(f"{root}?before=nonsense").content.decode()

    def test_releasing_says_who_will_read_it(self, package, people, org):
        page = signed_in(people.maya).get(f"/o/{org.slug}/packages/{package.pk}").content.decode()
        assert "Nobody is let in" in page and "can’t be taken back" in page
        grants.grant(
            package.engagement_id, account_id=people.otto.account_id, valid_until=clock.now() + timedelta(days=3),
            actor=people.maya,
        )  # fmt: skip
        page = signed_in(people.maya).get(f"/o/{org.slug}/packages/{package.pk}").content.decode()
        assert "Otto Haas can then read and download it" in page

    def test_the_changes_between_two_issues_are_a_page(self, org, people):
        first, second = Package.objects.order_by("issue")
        maya = signed_in(people.maya)
        page = maya.get(f"/o/{org.slug}/packages/{second.pk}/changes").content.decode()
        assert "Late find" in page and "from issue 1 to issue 2" in page
        assert "Nothing to compare" in maya.get(f"/o/{org.slug}/packages/{first.pk}/changes").content.decode()
        back = maya.get(f"/o/{org.slug}/packages/{first.pk}/changes?from=2").content.decode()
        assert "Findings no longer in it" in back
        assert maya.get(f"/o/{org.slug}/packages/{second.pk}/changes?from=9").status_code == 404

    def test_a_snapshot_that_is_not_the_printed_one_is_not_compared(self, package):
        assert comparing.kept(package).findings
        package.snapshot_sha256 = "0" * 64
        with pytest.raises(ValueError, match="not the one that was printed"):
            comparing.kept(package)


class TestThePublicPage:
    def test_its_own_policy_forbids_it_to_send_anything(self):
        answer = Client().get("/verify")
        policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";") if " " in part.strip())  # fmt: skip
        assert policy["connect-src"] == "'none'" and policy["form-action"] == "'none'"
        assert policy["script-src"] == "'self'" and policy["default-src"] == "'none'"
        page = answer.content.decode()
        assert "data-verify" in page and "data-proof" not in page
