"""One's own sessions over the API: listed, ended from afar, and nobody else's."""

from django.core import mail
from django.test import Client

from portal.accounts.models import SignedIn
from tests.people import PASSWORD
from tests.portal.edge.test_who_is_let_in import bearer


def signed_in(who="maya"):
    client = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    assert client.post("/signin", {"email": f"{who}@lumenroll.example", "password": PASSWORD}).status_code == 302
    return client


def test_they_are_listed_with_the_one_that_asks(org, people):
    here, _, _ = signed_in(), signed_in(), signed_in("ines")
    root = f"/api/v1/organizations/{org.slug}/sessions/"
    rows = here.get(root).json()["results"]
    assert len(rows) == 2 and [row["is_this"] for row in rows].count(True) == 1
    assert rows[0]["device"] == "Firefox on Linux" and rows[0]["kind"] == "Password"
    token = Client(headers=bearer(people.maya, "sessions.own")[0])
    assert [row["is_this"] for row in token.get(root).json()["results"]] == [False, False]


def test_one_is_ended_and_opens_nothing(org, people):
    here, there = signed_in(), signed_in()
    root = f"/api/v1/organizations/{org.slug}/sessions/"
    other = next(row for row in here.get(root).json()["results"] if not row["is_this"])
    assert here.delete(f"{root}{other['id']}/").status_code == 204
    assert there.get(root).status_code == 401 and here.get(root).status_code == 200
    assert here.delete(f"{root}{other['id']}/").status_code == 404


def test_all_others_end_at_once_and_their_owner_is_told(org, people, django_capture_on_commit_callbacks):
    here, there = signed_in(), signed_in()
    root = f"/api/v1/organizations/{org.slug}/sessions/"
    with django_capture_on_commit_callbacks(execute=True):
        assert here.post(f"{root}end-others/").json() == {"ended": 1}
    assert there.get(root).status_code == 401 and here.get(root).status_code == 200
    assert "1 other sessions" in mail.outbox[-1].body


def test_nobody_elses_is_there_and_a_token_needs_the_scope(org, people):
    signed_in("ines")
    theirs = SignedIn.objects.get()
    root = f"/api/v1/organizations/{org.slug}/sessions/"
    maya = signed_in()
    assert maya.delete(f"{root}{theirs.pk}/").status_code == 404
    narrow = Client(headers=bearer(people.ines, "jobs.view")[0])
    assert narrow.get(root).status_code == narrow.delete(f"{root}{theirs.pk}/").status_code == 403
    theirs.refresh_from_db()
    assert theirs.ended_at is None
