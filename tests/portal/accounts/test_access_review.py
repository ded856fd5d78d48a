"""A review of access to the portal: a snapshot, a verdict per line that is carried out at once, frozen as evidence."""

import pytest
from django.db import DatabaseError, connection, transaction

from evidence.artifacts.models import Artifact
from evidence.errors import DutyConflict, WrongState
from evidence.ledger.models import Event
from portal.accounts import reviews
from portal.accounts.models import AccessReview, AccessReviewLine, ApiToken, Membership
from tests.people import CAST
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.web.test_signing_in_and_people import signed_in

WHY = "Moved to another team."


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"


@pytest.fixture
def review(people):
    bearer(people.ines, "findings.view")
    return reviews.begin(actor=people.maya)


def line_of(review, actor, kind="role"):
    return review.lines.get(person_id=actor.person_id, kind=kind)


def all_kept(review, people):
    for line in review.lines.filter(verdict=""):
        judge = people.edda if line.person_id == people.maya.person_id else people.maya
        reviews.decide(line.pk, verdict="keep", reason="", actor=judge)


def test_the_snapshot_holds_every_role_and_token(review, people):
    assert review.lines.filter(kind="role").count() == len(CAST)
    token = line_of(review, people.ines, "token")
    assert token.facts["what"] == "ci: findings.view" and token.facts["factors"] == "password"


def test_what_is_revoked_ends_at_once(review, people):
    reviews.decide(line_of(review, people.ines, "token").pk, verdict="revoke", reason=WHY, actor=people.maya)
    assert ApiToken.objects.get().revoked_at
    reviews.decide(line_of(review, people.ivan).pk, verdict="revoke", reason=WHY, actor=people.maya)
    assert Membership.objects.get(person_id=people.ivan.person_id).ended_at
    assert Event.objects.filter(kind="access_review.decided").count() == 2


@pytest.mark.rule("R-05", by="python")
def test_nobody_reviews_their_own_access(review, people):
    with pytest.raises(DutyConflict) as refusal:
        reviews.decide(line_of(review, people.maya).pk, verdict="keep", reason="", actor=people.maya)
    assert refusal.value.rule == "R-05"


@pytest.mark.rule("R-05", by="database")
def test_the_database_lets_nobody_review_their_own_access(review):
    with pytest.raises(DatabaseError, match=r"\[R-05\]"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_accessreviewline SET verdict = 'keep', decided_by_id = person_id")


@pytest.mark.rule("R-06", by="python")
def test_a_line_is_decided_once(review, people):
    line = line_of(review, people.ines)
    reviews.decide(line.pk, verdict="keep", reason="", actor=people.maya)
    with pytest.raises(WrongState) as refusal:
        reviews.decide(line.pk, verdict="revoke", reason=WHY, actor=people.edda)
    assert refusal.value.rule == "R-06"


@pytest.mark.rule("R-06", by="database")
def test_a_finished_review_never_changes(review, people):
    with pytest.raises(DatabaseError, match=r"\[R-06\]"), transaction.atomic():
        AccessReview.objects.update(finished_at=review.opened_at)
    all_kept(review, people)
    reviews.finish(review.pk, actor=people.maya)
    for model, change in ((AccessReview, {"artifact_ref": "E-999"}), (AccessReviewLine, {"verdict": "revoke"})):
        with pytest.raises(DatabaseError, match=r"\[R-06\]"), transaction.atomic():
            model.objects.update(**change)


def test_a_finished_review_is_evidence(review, people):
    with pytest.raises(WrongState, match="not decided"):
        reviews.finish(review.pk, actor=people.maya)
    all_kept(review, people)
    done = reviews.finish(review.pk, actor=people.maya)
    artifact = Artifact.objects.get(ref=done.artifact_ref)
    assert artifact.latest.row_count == review.lines.count()
    assert reviews.table(done).count("\n") == review.lines.count() + 1


def test_formulas_in_names_are_written_as_text(review, people):
    line = line_of(review, people.ines)
    reviews.decide(line.pk, verdict="revoke", reason="=HYPERLINK(1) and more", actor=people.maya)
    assert "'=HYPERLINK(1)" in reviews.table(review)


def test_the_pages_lead_from_the_snapshot_to_the_evidence(org, people):
    client, home = signed_in(people.maya), f"/o/{org.slug}/settings/access-reviews"
    detail = client.post(home).url
    review = AccessReview.objects.get()
    assert "Your own: somebody else decides" in client.get(detail).content.decode()
    assert client.post(f"{detail}/finish").status_code == 409
    all_kept(review, people)
    assert client.post(f"{detail}/finish").status_code == 302
    assert "never changes" in client.get(detail).content.decode()
    assert client.get(home).status_code == 200
