"""Delivery over the API: release to auditors, links for recipients with their log, what changed between two issues."""

import json
import logging
from datetime import timedelta

import pytest
from django.test import Client, TestCase

from evidence import clock
from evidence.ledger.models import Event
from portal.api.models import KeptAnswer
from portal.packages.links import services
from portal.packages.links.models import Link, Release, Use
from portal.packages.models import Package
from tests.contracts.test_access_matrix import prove_again
from tests.people import PASSWORD
from tests.portal.api.test_the_whole_way import Caller
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.packages.sealed_once import *  # noqa: F403
from tests.portal.packages.sealed_once import draft, proved
from tests.portal.packages.test_links import GIVEN
from tests.portal.web.test_signing_in_and_people import signed_in


@pytest.fixture
def maya(org, people):
    """With a session and a fresh proof of who she is."""
    caller = Caller(org, people.maya, "manager", session=True)
    prove_again(caller.client)
    return caller


@pytest.fixture
def token(org, people):
    return Caller(org, people.maya, "manager")


def links_of(package):
    return f"packages/{package.pk}/links/"


def keyed(caller, path, body, key="give-1"):
    headers = {"Idempotency-Key": key}
    return caller.client.post(caller.root + path, body, content_type="application/json", headers=headers)


class TestRelease:
    def test_it_is_told_with_the_package_happens_once_and_stays(self, package, people, token):
        at = f"packages/{package.pk}/"
        assert token.get(at)["release"] is None
        told = token.post(f"{at}release/", match=package.version)
        assert told["release"]["by"]["name"] == people.maya.name and told["release"]["at"]
        assert token.get("packages/")["results"][-1]["release"] == told["release"]
        refused = token.post(f"{at}release/", status=409, match=package.version)
        assert refused["code"] == "wrong_state"
        assert token.client.delete(f"{token.root}{at}release/").status_code == 405, "what was read is not taken back"
        assert Event.objects.filter(kind="package.released", object_id=package.pk).count() == 1

    def test_it_needs_the_present_version_a_seal_and_the_right(self, package, people, org, engagement, token):
        at = f"packages/{package.pk}/release/"
        assert token.post(at, status=428)["code"] == "if_match_needed"
        token.post(at, status=412, match=package.version + 1)
        unsealed = draft(engagement, people)
        token.post(f"packages/{unsealed.pk}/release/", status=409, match=unsealed.version)
        Caller(org, people.arun, "approver").post(at, status=403, match=package.version)
        narrow = Client(headers=bearer(people.maya, "packages.view", "packages.build")[0])
        answer = narrow.post(token.root + at, {}, content_type="application/json", headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json()["permission"]) == (403, "engagements.release")
        assert not Release.objects.exists()


class TestLinks:
    def test_what_opens_it_is_told_once_and_works(self, package, people, maya):
        made = maya.post(links_of(package), GIVEN | {"with_passphrase": True}, 201)
        secret = made["address"].rpartition("/p/")[2]
        assert services.opened(secret).ref == made["ref"]
        assert services.is_passphrase(services.opened(secret), made["passphrase"])
        again = maya.get(f"{links_of(package)}{made['id']}/")
        assert again == {name: value for name, value in made.items() if name not in ("address", "passphrase")}
        assert (again["state"], again["asks_passphrase"], again["recipient"]) == ("open", True, GIVEN["recipient"])
        assert Event.objects.get(kind="package_link.made").actor_person_id == people.maya.person_id

    def test_its_secret_is_kept_nowhere_and_logged_nowhere(self, package, maya, caplog):
        with caplog.at_level(logging.DEBUG):
            answer = keyed(maya, links_of(package), GIVEN | {"with_passphrase": True})
            made = answer.json()
            Client().get(f"/p/{made['address'].rpartition('/p/')[2]}x")
        assert answer["Cache-Control"] == "private, no-store"
        secrets = (made["address"].rpartition("/p/")[2], made["passphrase"])
        kept = json.dumps(KeptAnswer.objects.get().body) + str(Link.objects.values().get())
        kept += b"".join(bytes(event.body) for event in Event.objects.all()).decode() + caplog.text
        assert not [secret for secret in secrets if secret in kept]

    def test_a_repeated_key_makes_one_link_and_does_not_tell_again(self, package, maya):
        first, again = (keyed(maya, links_of(package), GIVEN) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert again["Idempotency-Replayed"] == "true"
        assert again.json() == first.json() | {"address": None, "passphrase": None}
        assert Link.objects.count() == 1

    def test_a_token_and_an_old_proof_make_none(self, package, people, org, token):
        old = Caller(org, people.maya, "manager", session=True)
        session = old.client.session
        session["authenticated_at"] = (clock.now() - timedelta(minutes=6)).isoformat()
        session.save()
        for caller in (token, old):
            assert caller.post(links_of(package), GIVEN, 403)["code"] == "reauthenticate"
        assert not Link.objects.exists()

    def test_page_and_api_refuse_the_same(self, package, people, org, maya, engagement):
        unsealed = draft(engagement, people)
        maya.post(links_of(unsealed), GIVEN, 409)
        page = signed_in(people.maya).post(
            f"/o/{org.slug}/packages/{unsealed.pk}/links", GIVEN | {"password": PASSWORD}
        )
        assert page.status_code == 422 and "Only a sealed package" in page.content.decode()
        for wrong in ({"days": 0}, {"days": 91}, {"email": "bea"}, {"recipient": " "}):
            assert maya.post(links_of(package), GIVEN | wrong, 422)["errors"].keys() == wrong.keys()
        arun = Caller(org, people.arun, "approver", session=True)
        prove_again(arun.client)
        arun.post(links_of(package), GIVEN, 403)
        assert not Link.objects.exists()

    def test_it_is_mailed_when_asked_for_and_the_passphrase_is_not(self, package, maya, mailoutbox):
        with TestCase.captureOnCommitCallbacks(execute=True):
            maya.post(links_of(package), GIVEN, 201)
            made = maya.post(links_of(package), GIVEN | {"send": True, "with_passphrase": True}, 201)
        [letter] = mailoutbox
        assert letter.to == [GIVEN["email"]] and made["address"] in letter.body
        assert made["passphrase"] not in letter.body

    def test_they_are_listed_in_pages(self, package, people, token):
        made = [services.make(package.pk, actor=people.maya, **GIVEN).row.ref for _ in range(3)]
        first = token.get(links_of(package), limit=2)
        rest = token.get(links_of(package), limit=2, cursor=first["next"])
        assert [row["ref"] for row in first["results"] + rest["results"]] == made
        assert rest["next"] is None
        assert token.get(links_of(Package.objects.get(issue=1)))["results"] == []

    def test_each_use_stands_in_its_log(self, package, people, org):
        made = services.make(package.pk, actor=people.maya, **GIVEN)
        recipient = Client()
        recipient.get(f"/p/{made.token}")
        for tail in ("/package.pdf", "/package.pdf.tlog-proof"):
            b"".join(recipient.get(f"/p/{made.token}{tail}").streaming_content)
        arun = Caller(org, people.arun, "approver")
        told = arun.get(f"{links_of(package)}{made.row.pk}/")
        assert (told["opened"], told["downloaded"]) == (1, 1) and told["last_used_at"]
        log = arun.get(f"{links_of(package)}{made.row.pk}/uses/")
        assert [use["what"] for use in log["results"]] == ["opened", "pdf", "proof"]
        assert arun.get(f"{links_of(package)}{made.row.pk}/uses/", limit=2)["next"]

    def test_a_link_is_taken_back_once_at_its_version(self, package, people, token):
        made = services.make(package.pk, actor=people.maya, **GIVEN)
        at = f"{links_of(package)}{made.row.pk}/"
        assert token.post(f"{at}revoke/", status=428)["code"] == "if_match_needed"
        token.post(f"{at}revoke/", status=412, match=7)
        assert Client().get(f"/p/{made.token}").status_code == 200
        gone = token.post(f"{at}revoke/", {"reason": "Sent to the wrong person."}, match=made.row.version)
        assert gone["state"] == "revoked" and gone["revoked_by"]["name"] == people.maya.name
        assert Client().get(f"/p/{made.token}").status_code == 404
        token.post(f"{at}revoke/", status=409, match=gone["version"])
        assert Use.objects.count() == 1

    def test_an_ended_link_says_so(self, package, people, token):
        with clock.at(clock.now() - timedelta(days=3)):
            row = services.make(package.pk, actor=proved(people.maya), **GIVEN | {"days": 2}).row
        assert token.get(f"{links_of(package)}{row.pk}/")["state"] == "ended"

    def test_a_link_is_not_found_at_another_package_nor_by_who_sees_none(self, package, people, org, token):
        row = services.make(package.pk, actor=people.maya, **GIVEN).row
        other = Package.objects.get(issue=1)
        ines = Caller(org, people.ines, "engineer")
        for tail in ("", "uses/"):
            at = f"{links_of(other)}{row.pk}/{tail}"
            assert token.client.get(token.root + at).status_code == 404
            assert ines.client.get(f"{ines.root}{links_of(package)}{row.pk}/{tail}").status_code == 403
        token.post(f"{links_of(other)}{row.pk}/revoke/", status=404, match=row.version)
        ines.post(f"{links_of(package)}{row.pk}/revoke/", status=403, match=row.version)
        assert Link.objects.get().state == "open"


class TestChanges:
    def test_from_the_issue_before_or_the_one_named(self, package, token):
        told = token.get(f"packages/{package.pk}/changes/")
        assert (told["before"]["issue"], told["after"]["issue"]) == (1, 2)
        assert [row["title"] for row in told["findings_added"]] == ["Late find"]
        assert told["findings_removed"] == [] and told["unchanged"] == 4
        first = Package.objects.get(issue=1)
        back = token.get(f"packages/{first.pk}/changes/", **{"from": "2"})
        assert [row["title"] for row in back["findings_removed"]] == ["Late find"]

    def test_a_change_names_its_fields_and_shows_short_ones_alone(self, package, token, monkeypatch):
        from dataclasses import replace

        from portal.packages import comparing

        kept = comparing.kept

        def altered(row):
            rows = kept(row)
            if row.issue == 2:
                return rows
            first = replace(rows.findings[0], severity="low", owner="", condition="Another text.")
            return replace(rows, findings=(first, *rows.findings[1:]))

        monkeypatch.setattr(comparing, "kept", altered)
        [change] = token.get(f"packages/{package.pk}/changes/")["findings_changed"]
        told = {one["field"]: (one["before"], one["after"]) for one in change["differences"]}
        assert told["severity"] == ("low", "high") and told["owner"][0] == ""
        assert told["condition"] == (None, None)

    def test_nothing_to_compare_with_says_so(self, package, people, token):
        first = Package.objects.get(issue=1)
        answer = token.client.get(f"{token.root}packages/{first.pk}/changes/")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
        for asked in ("9", "x", "1"):
            answer = token.client.get(f"{token.root}packages/{first.pk}/changes/", {"from": asked})
            assert answer.status_code == 404
