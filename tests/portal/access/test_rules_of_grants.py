"""The rules G-01 to G-11, by the services and by raw SQL as the app's role."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evidence import clock, tenancy
from evidence.errors import DutyConflict, Invalid, NotFound, WrongState
from evidence.identifiers import uuid7
from portal.access import services as access
from portal.access import teams
from portal.access.models import FindingGrant, TeamMember
from portal.engagements import services as engagements
from portal.engagements.models import EngagementGrant, EngagementTeamGrant
from remediation.findings import services as findings
from tests.contracts.world import Marked
from tests.people import join

LATER = timedelta(days=20)


@pytest.fixture
def finding(people):
    told = Marked(people).until("triaged").finding
    with acting(people.maya):
        return findings.restrict(told.pk, actor=people.maya, reason="Under investigation.")


@pytest.fixture
def engagement(people):
    today = clock.today()
    facts = engagements.Facts("Examination", today - timedelta(days=300), today)
    return engagements.create(facts, actor=people.maya)


@pytest.fixture
def team(people):
    return teams.found(name="Incident response", actor=people.adam)


def acting(someone):
    return tenancy.entered(someone.organization_id, someone.person_id)


def insert(table, **columns):
    """One row by raw SQL as the app's role."""
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(columns.values()))


def finding_grant(people, finding, **changes):
    given = {
        "id": uuid7(), "organization_id": finding.organization_id, "content_object_id": finding.pk,
        "user_id": people.vera.account_id, "valid_from": clock.now(), "valid_until": clock.now() + LATER,
        "granted_by_id": people.maya.person_id, "reason": "She verifies.",
        "permission_id": Permission.objects.get(codename="finding_read").pk,
    } | changes  # fmt: skip
    with acting(people.maya):
        insert("access_findinggrant", **given)


def engagement_grant(people, engagement, **changes):
    given = {
        "id": uuid7(), "organization_id": engagement.organization_id, "content_object_id": engagement.pk,
        "user_id": people.otto.account_id, "valid_from": clock.now(), "valid_until": clock.now() + LATER,
        "granted_by_id": people.maya.person_id, "permission_id": Permission.objects.get(codename="engagement_read").pk,
    } | changes  # fmt: skip
    insert("engagements_engagementgrant", **given)


def place(people, team, **changes):
    given = {
        "id": uuid7(), "organization_id": team.organization_id, "team_id": team.pk, "person_id": people.vera.person_id,
        "starts_at": clock.now(), "added_by_id": people.adam.person_id,
    } | changes  # fmt: skip
    insert("access_teammember", **given)


def test_what_the_rules_allow_passes_the_database(people, finding, engagement, team):
    finding_grant(people, finding)
    engagement_grant(people, engagement)
    place(people, team)


class TestByTheDatabase:
    @pytest.mark.rule("G-01", by="database")
    def test_nobody_lets_themselves_in(self, people, finding, engagement):
        with pytest.raises(DatabaseError, match=r"\[G-01\]"):
            finding_grant(people, finding, user_id=people.maya.account_id)
        with pytest.raises(DatabaseError, match=r"\[G-01\]"):
            engagement_grant(people, engagement, granted_by_id=people.otto.person_id)

    @pytest.mark.rule("G-02", by="database")
    def test_nothing_is_backdated(self, people, finding, engagement):
        past = clock.now() - timedelta(hours=1)
        with pytest.raises(DatabaseError, match=r"\[G-02\]"):
            finding_grant(people, finding, valid_from=past)
        with pytest.raises(DatabaseError, match=r"\[G-02\]"):
            engagement_grant(people, engagement, valid_from=past)

    @pytest.mark.rule("G-03", by="database")
    def test_nothing_ends_before_it_begins(self, people, finding, engagement):
        begin = clock.now() + timedelta(days=2)
        with pytest.raises(DatabaseError, match=r"\[G-03\]"):
            finding_grant(people, finding, valid_from=begin, valid_until=begin - timedelta(days=1))
        with pytest.raises(DatabaseError, match=r"\[G-03\]"):
            engagement_grant(people, engagement, valid_until=clock.now() - timedelta(seconds=1))

    @pytest.mark.rule("G-04", by="database")
    def test_access_ends_with_the_engagement(self, people, engagement):
        with pytest.raises(DatabaseError, match=r"\[G-04\]"):
            engagement_grant(people, engagement, valid_until=clock.now() + timedelta(days=400))

    @pytest.mark.rule("G-05", by="database")
    def test_staff_does_not_read_as_an_auditor(self, people, engagement, team, org):
        with pytest.raises(DatabaseError, match=r"\[G-05\]"):
            engagement_grant(people, engagement, user_id=people.vera.account_id)
        given = {"id": uuid7(), "organization_id": org.pk, "content_object_id": engagement.pk, "team_id": team.pk,
                 "valid_from": clock.now(), "valid_until": clock.now() + LATER, "granted_by_id": people.maya.person_id}  # fmt: skip
        place(people, team)
        with pytest.raises(DatabaseError, match=r"\[G-05\]"):
            insert("engagements_engagementteamgrant", **given)

    @pytest.mark.rule("G-05", by="database")
    def test_staff_does_not_join_a_team_of_auditors(self, people, engagement, team, org):
        engagements.grant_team(
            engagement.pk, team_id=team.pk, valid_until=clock.now() + LATER, actor=people.maya
        )  # fmt: skip
        with pytest.raises(DatabaseError, match=r"\[G-05\]"):
            place(people, team)

    @pytest.mark.rule("G-06", by="database")
    @pytest.mark.parametrize(
        "change", ["valid_until = valid_until + interval '1 day'", "granted_by_id = granted_by_id, user_id = %s"]
    )
    def test_a_grant_is_only_shortened(self, people, finding, engagement, change):
        finding_grant(people, finding)
        engagement_grant(people, engagement)
        for table in ("access_findinggrant", "engagements_engagementgrant"):
            values = [people.arun.account_id] if "%s" in change else []
            with (
                acting(people.maya),
                connection.cursor() as cursor,
                pytest.raises(DatabaseError, match=r"\[G-06\]"),
                transaction.atomic(),
            ):
                cursor.execute(f"UPDATE {table} SET {change}", values)

    @pytest.mark.rule("G-07", by="database")
    def test_only_who_sees_it_lets_others_in(self, people, finding):
        with pytest.raises(DatabaseError, match=r"\[G-07\]"):
            finding_grant(people, finding, granted_by_id=people.edda.person_id)

    @pytest.mark.rule("G-08", by="database")
    def test_nobody_puts_themselves_into_a_team(self, people, team):
        with pytest.raises(DatabaseError, match=r"\[G-08\]"):
            place(people, team, person_id=people.adam.person_id)

    @pytest.mark.rule("G-09", by="database")
    def test_a_place_is_not_backdated(self, people, team):
        with pytest.raises(DatabaseError, match=r"\[G-09\]"):
            place(people, team, starts_at=clock.now() - timedelta(days=1))

    @pytest.mark.rule("G-10", by="database")
    def test_a_place_is_only_ended(self, people, team):
        place(people, team)
        for statement in ("UPDATE access_teammember SET person_id = added_by_id", "DELETE FROM access_teammember"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        with pytest.raises(DatabaseError, match=r"\[G-10\]"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE access_teammember SET person_id = added_by_id")

    @pytest.mark.rule("G-11", by="database")
    def test_an_ended_team_takes_nobody_in(self, people, team):
        teams.end(team.pk, actor=people.adam, reason="It is over.")
        with pytest.raises(DatabaseError, match=r"\[G-11\]"):
            place(people, team)


class TestByTheServices:
    def grant(self, people, engagement, **changes):
        given = {
            "account_id": people.otto.account_id,
            "valid_until": clock.now() + LATER,
            "actor": people.maya,
        } | changes
        return engagements.grant(engagement.pk, **given)

    @pytest.mark.rule("G-01", by="python")
    @pytest.mark.rule("G-05", by="python")
    def test_who_is_let_in_as_an_auditor(self, people, engagement, org):
        with pytest.raises(NotFound):
            self.grant(people, engagement, account_id=people.vera.account_id)
        assert not EngagementGrant.objects.exists()

    @pytest.mark.rule("G-02", "G-03", "G-04", by="python")
    @pytest.mark.parametrize(
        ("rule", "changes"),
        [
            ("G-02", {"valid_from": timedelta(days=-1)}),
            ("G-03", {"valid_until": timedelta(days=-1)}),
            ("G-04", {"valid_until": timedelta(days=500)}),
        ],
    )
    def test_the_dates_of_an_auditors_access(self, people, engagement, rule, changes):
        with pytest.raises(Invalid) as refused:
            self.grant(people, engagement, **{name: clock.now() + value for name, value in changes.items()})
        assert refused.value.rule == rule
        assert not EngagementGrant.objects.exists()

    @pytest.mark.rule("G-05", by="python")
    def test_a_team_with_staff_reads_no_engagement(self, people, engagement, team):
        teams.take_in(team.pk, person_id=people.vera.person_id, actor=people.adam)
        with pytest.raises(DutyConflict) as refused:
            engagements.grant_team(engagement.pk, team_id=team.pk, valid_until=clock.now() + LATER, actor=people.maya)
        assert refused.value.rule == "G-05"
        assert not EngagementTeamGrant.objects.exists()

    @pytest.mark.rule("G-06", by="python")
    def test_no_service_prolongs_a_grant_it_gives_a_new_one(self, people, engagement):
        first = self.grant(people, engagement)
        second = self.grant(people, engagement, valid_until=clock.now() + 2 * LATER)
        first.refresh_from_db()
        assert first.revoked_at and second.pk != first.pk

    @pytest.mark.rule("G-08", by="python")
    def test_nobody_puts_themselves_into_a_team(self, people, team):
        with pytest.raises(DutyConflict) as refused:
            teams.take_in(team.pk, person_id=people.adam.person_id, actor=people.adam)
        assert refused.value.rule == "G-08"
        assert not TeamMember.objects.exists()

    @pytest.mark.rule("G-09", by="python")
    def test_a_place_is_not_backdated(self, people, team):
        with pytest.raises(Invalid) as refused:
            teams.take_in(
                team.pk, person_id=people.vera.person_id, actor=people.adam, starts_at=clock.now() - timedelta(days=1)
            )
        assert refused.value.rule == "G-09"

    @pytest.mark.rule("G-10", by="python")
    def test_an_ended_place_is_not_ended_again(self, people, team):
        place = teams.take_in(team.pk, person_id=people.vera.person_id, actor=people.adam)
        teams.take_out(place.pk, actor=people.adam)
        with pytest.raises(WrongState):
            teams.take_out(place.pk, actor=people.adam)

    @pytest.mark.rule("G-11", by="python")
    def test_an_ended_team_is_let_in_to_nothing(self, people, team, finding):
        teams.end(team.pk, actor=people.adam, reason="It is over.")
        with acting(people.maya), pytest.raises(WrongState) as refused:
            access.let_team_in(
                finding.pk, team_id=team.pk, valid_until=clock.now() + LATER, actor=people.maya, reason="All of them."
            )
        assert refused.value.rule == "G-11"


class TestTeams:
    def let_in(self, people, finding, team):
        with acting(people.maya):
            return access.let_team_in(
                finding.pk, team_id=team.pk, valid_until=clock.now() + LATER, actor=people.maya, reason="All of them."
            )

    def sees(self, someone, finding):
        with acting(someone):
            return type(finding).objects.filter(pk=finding.pk).exists()

    def test_a_member_sees_what_the_team_is_let_in_to_until_they_leave(self, people, finding, team):
        self.let_in(people, finding, team)
        assert not self.sees(people.vera, finding)
        place = teams.take_in(team.pk, person_id=people.vera.person_id, actor=people.adam)
        assert self.sees(people.vera, finding) and not self.sees(people.arun, finding)
        teams.take_out(place.pk, actor=people.adam)
        assert not self.sees(people.vera, finding)

    def test_an_ended_team_reaches_nobody(self, people, finding, team):
        teams.take_in(team.pk, person_id=people.vera.person_id, actor=people.adam)
        self.let_in(people, finding, team)
        teams.end(team.pk, actor=people.adam, reason="It is over.")
        assert not self.sees(people.vera, finding)

    def test_a_place_that_begins_later_reaches_nothing_yet(self, people, finding, team):
        self.let_in(people, finding, team)
        begin = clock.now() + timedelta(days=1)
        teams.take_in(team.pk, person_id=people.vera.person_id, actor=people.adam, starts_at=begin)
        assert not self.sees(people.vera, finding)

    def test_a_team_of_auditors_reads_an_engagement(self, people, engagement, team, org):
        from portal.engagements import queries
        from tests.people import actor

        olga = actor(org, join(org, "Olga Reis", "auditor"))
        engagements.grant_team(engagement.pk, team_id=team.pk, valid_until=clock.now() + LATER, actor=people.maya)
        assert not queries.granted_to(olga).exists()
        held = teams.take_in(team.pk, person_id=olga.person_id, actor=people.adam)
        assert queries.granted_to(olga).get() == engagement
        with acting(olga), tenancy.reading_as_auditor():
            assert queries.granted_to(olga).get() == engagement
        teams.take_out(held.pk, actor=people.adam)
        assert not queries.granted_to(olga).exists()


def test_taking_back_ends_a_grant_of_a_person(people, finding):
    with acting(people.maya):
        grant = access.let_in(
            finding.pk,
            person_id=people.vera.person_id,
            valid_until=clock.now() + LATER,
            actor=people.maya,
            reason="So.",
        )
        access.take_back(grant.pk, actor=people.maya)
        assert FindingGrant.objects.get().revoked_by_id == people.maya.person_id
