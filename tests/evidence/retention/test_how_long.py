"""How long evidence is kept: by class, from the right day, as the policy in force says; the sweep only proposes."""

from datetime import UTC, date, datetime

import pytest

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.errors import Invalid, NotAllowed, NotFound
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.retention import queries, services
from evidence.retention.models import Classification, Proposal, Scope
from evidence.vault.models import Blob
from tests.people import People

TODAY = date(2026, 11, 25)


def test_accepted_evidence_is_kept_seven_years_after_its_period(kept):
    row = queries.standing(kept(year=2018).pk)
    assert (row.retention_class, row.rule, row.years) == ("evidence", "period_end", 7)
    assert row.dispose_after == date(2025, 12, 31)
    assert row.rule_words == "7 years after the end of the period it covers"


def test_what_nobody_accepted_and_nothing_uses_is_a_draft_of_two_years(kept, people: People):
    with clock.at(datetime(2027, 3, 1, 12, tzinfo=UTC)):
        made = kept(accepted=False)
    row = queries.standing(made.pk)
    assert (row.retention_class, row.dispose_after) == ("draft", date(2029, 3, 1))
    artifacts.link(made.pk, target_type="tasks.task", target_id=made.pk, actor=people.ines)
    assert queries.standing(made.pk).retention_class == "evidence"


def test_without_a_period_the_moment_or_the_day_of_receipt_counts(take, people: People):
    with clock.at(datetime(2027, 3, 1, 12, tzinfo=UTC)):
        about = VersionFacts(as_of=datetime(2020, 5, 5, tzinfo=UTC))
        moment = artifacts.add(take(b"1"), title="x", kind="config", actor=people.ines, about=about)
        bare = artifacts.add(take(b"2"), title="x", kind="config", actor=people.ines)
        for one in (moment, bare):
            artifacts.accept(one.pk, number=1, actor=people.vera)
    assert queries.standing(moment.pk).dispose_after == date(2027, 5, 5)
    assert queries.standing(bare.pk).dispose_after == date(2034, 3, 1)


def test_raw_student_data_waits_for_the_day_of_last_need(kept, kinds, people: People):
    made = kept()
    services.classify(made.pk, retention_class="student_data", actor=people.maya, reason="It names students.")
    assert queries.standing(made.pk).dispose_after is None
    assert [row.ref for row in queries.undated(made.organization_id).rows] == [made.ref]
    services.classify(
        made.pk, retention_class="student_data", actor=people.maya, reason="Audit over.", needed_until=date(2025, 6, 30)
    )
    row = queries.standing(made.pk)
    assert (row.dispose_after, row.chosen) == (date(2027, 6, 30), True)
    assert kinds(made)[-2:] == ["artifact.classified", "artifact.classified"]
    assert Classification.objects.count() == 2


def test_a_new_policy_moves_every_date_and_the_old_one_stays_readable(kept, people: People):
    made = kept(year=2018)
    organizations.set_policy("retention", {"evidence": {"years": 10, "from": "received"}}, actor=people.adam)
    row = queries.standing(made.pk)
    assert (row.years, row.rule, row.policy_version) == (10, "received", 1)


def test_only_a_manager_changes_a_class_and_says_why(kept, people: People):
    made = kept()
    for someone in (people.ines, people.vera, people.arun, people.edda, people.adam, people.otto):
        with pytest.raises(NotAllowed):
            services.classify(made.pk, retention_class="draft", actor=someone, reason="So.")
    with pytest.raises(Invalid):
        services.classify(made.pk, retention_class="draft", actor=people.maya, reason="  ")
    with pytest.raises(Invalid):
        services.classify(made.pk, retention_class="forever", actor=people.maya, reason="So.")
    assert not Classification.objects.exists()


def test_who_uploads_chooses_the_class_once(kept, people: People):
    made = kept()
    services.choose(made.pk, retention_class="student_data", actor=people.ines)
    assert queries.standing(made.pk).retention_class == "student_data"
    with pytest.raises(NotAllowed):
        services.choose(made.pk, retention_class="draft", actor=people.ines)
    with pytest.raises(NotAllowed):
        services.choose(kept(b"2").pk, retention_class="draft", actor=people.ivan)


def test_the_due_list_runs_from_the_oldest_and_takes_one_reading_for_any_number(kept, org, django_assert_num_queries):
    for number in range(12):
        kept(b"%d" % number, year=2010 + number % 3)
    kept(b"young", year=2024)
    with django_assert_num_queries(3):
        page = queries.due(org.pk, today=TODAY, rows=5)
    assert len(page.rows) == 5
    with django_assert_num_queries(3):
        rest = queries.due(org.pk, today=TODAY, after=page.next, rows=50)
    days = [row.dispose_after for row in (*page.rows, *rest.rows)]
    assert days == sorted(days)
    assert len(days) == 12
    assert rest.next == ""
    with pytest.raises(NotFound):
        queries.due(org.pk, today=TODAY, after="x")


def test_the_sweep_proposes_each_once_and_disposes_of_nothing(kept, org, people: People):
    old, young = kept(b"1", year=2015), kept(b"2", year=2024)
    held = kept(b"3", year=2015)
    services.set_hold(
        actor=people.maya, scope=Scope.ARTIFACT, target=subject(held), matter="Case 7", reason="A lawsuit."
    )
    product = Actor.system(org.pk, "scheduler")
    assert services.propose_due(actor=product) == 1
    assert services.propose_due(actor=product) == 0
    assert Proposal.objects.get().artifact_id == old.pk
    assert Event.objects.filter(kind="artifact.disposal_proposed").count() == 1
    assert not Blob.objects.exclude(erased_at=None).exists()
    assert queries.standing(young.pk).dispose_after > TODAY


def subject(artifact):
    from evidence.ledger.services import Subject

    return Subject("artifacts.artifact", artifact.pk, artifact.ref)


def test_the_product_itself_neither_asks_nor_decides_nor_holds(kept, org):
    made, product = kept(), Actor.system(org.pk, "scheduler")
    with pytest.raises(NotAllowed):
        services.ask(made.pk, actor=product, reason="Old.", authority="Policy")
    with pytest.raises(NotAllowed):
        services.set_hold(actor=product, scope=Scope.ORGANIZATION, matter="x", reason="y")


def test_another_organization_sees_no_date_of_ours(kept, other_org):
    made = kept()
    with tenancy.entered(other_org.pk):
        with pytest.raises(NotFound):
            queries.standing(made.pk)
        assert queries.due(other_org.pk, today=TODAY).rows == []
