"""Links to a sealed package: who makes one, what it opens and for how long, what is left behind; the same by raw SQL."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import clock, tenancy
from evidence.errors import Invalid, NotAllowed, NotFound, ReauthenticationRequired, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from portal.engagements import services as grants
from portal.packages.links import queries, releasing, secrets, services
from portal.packages.links.models import Link, Release, Use
from portal.seeing import queries as seeing
from tests.people import actor, join, stale
from tests.portal.packages.sealed_once import *  # noqa: F403
from tests.portal.packages.sealed_once import draft as started
from tests.portal.packages.sealed_once import proved


@pytest.fixture
def other_org(forgotten):
    return Organization.objects.create(slug="otherfirm", name="Otherfirm")


GIVEN = {"recipient": "Bea Buyer, Buyer GmbH", "email": "bea@buyer.example", "days": 30}


def make(package, people, **more):
    return services.make(package.pk, actor=people.maya, **GIVEN | more)


def kinds():
    return list(Event.objects.filter(object_type="package_links.link").order_by("object_version").values_list("kind", flat=True))  # fmt: skip


class TestMaking:
    def test_what_opens_it_is_shown_once_and_kept_as_hashes(self, package, people):
        made = make(package, people, with_passphrase=True)
        row = Link.objects.get()
        assert row.ref == "L-001" and row.state == "open"
        kept = str(Link.objects.values().get())
        assert made.token not in kept and made.passphrase not in kept
        assert services.opened(made.token) == row
        assert services.is_passphrase(row, made.passphrase)
        assert services.is_passphrase(row, f" {made.passphrase.lower().replace('-', ' ')}")
        assert not services.is_passphrase(row, made.passphrase[:-1]) and not services.is_passphrase(row, "")

    def test_the_event_names_the_file_and_nobody(self, package, people):
        make(package, people)
        event = Event.objects.get(kind="package_link.made")
        body = bytes(event.body).decode()
        assert package.sha256 in body
        assert "Bea" not in body and "buyer.example" not in body

    @pytest.mark.parametrize("name", ["ines", "vera", "arun", "edda", "adam", "otto"])
    def test_only_managers_make_and_take_back(self, package, people, name):
        made = make(package, people)
        with pytest.raises(NotAllowed):
            services.make(package.pk, actor=getattr(people, name), **GIVEN)
        with pytest.raises(NotAllowed):
            services.revoke(made.row.pk, actor=getattr(people, name))
        assert Link.objects.get().state == "open" and kinds() == ["package_link.made"]

    def test_it_needs_a_fresh_proof(self, package, people):
        with pytest.raises(ReauthenticationRequired):
            services.make(package.pk, actor=stale(people.maya), **GIVEN)
        with clock.at(clock.now() + timedelta(minutes=6)), pytest.raises(ReauthenticationRequired):
            make(package, people)
        assert not Link.objects.exists()

    @pytest.mark.parametrize(
        "wrong", [{"days": 0}, {"days": 91}, {"email": "bea"}, {"recipient": "  "}, {"recipient": "x" * 121}], ids=str
    )
    def test_it_ends_within_ninety_days_and_is_for_somebody(self, package, people, wrong):
        with pytest.raises(Invalid):
            make(package, people, **wrong)
        assert not Link.objects.exists() and kinds() == []

    def test_only_a_sealed_package_is_given_away_or_released(self, engagement, people):
        draft = started(engagement, people)
        with pytest.raises(WrongState):
            make(draft, people)
        with pytest.raises(WrongState):
            releasing.release(draft.pk, actor=people.maya)
        assert not Link.objects.exists() and not Release.objects.exists()

    def test_another_organizations_package_is_not_there(self, package, people, other_org):
        with tenancy.entered(other_org.pk):
            stranger = actor(other_org, join(other_org, "Sol Stranger", "manager"))
            with pytest.raises(NotFound):
                services.make(package.pk, actor=stranger, **GIVEN)


class TestOpening:
    def test_what_is_unknown_ended_or_taken_back_gets_one_answer(self, package, people, org):
        with clock.at(clock.now() - timedelta(days=3)):
            ended = services.make(package.pk, actor=proved(people.maya), **GIVEN | {"days": 2})
        gone = make(package, people)
        services.revoke(gone.row.pk, actor=people.maya, reason="Sent to the wrong person.")
        said = set()
        for token in (ended.token, gone.token, secrets.token(org.pk), ended.token[:-2], ""):
            with pytest.raises(services.NothingThere) as refusal:
                services.opened(token)
            said.add((refusal.value.message, refusal.value.help, refusal.value.kind))
        assert len(said) == 1

    def test_a_token_opens_nothing_in_another_organization(self, package, people, org, other_org):
        made = make(package, people)
        assert secrets.organization_of(made.token) == org.pk
        with tenancy.entered(other_org.pk), pytest.raises(services.NothingThere):
            services.opened(made.token)

    @pytest.mark.parametrize("text", ["", "x", "no-such-secret", "A" * 54 + "!", "A" * 55, "é" * 54, "../" * 18])
    def test_what_is_no_token_names_no_organization(self, text):
        assert secrets.organization_of(text) is None

    def test_each_use_is_a_row_and_an_event_and_is_counted(self, package, people):
        row = make(package, people).row
        for what in (Use.What.OPENED, Use.What.OPENED, Use.What.PDF, Use.What.PROOF):
            services.use(row, what)
        assert kinds() == ["package_link.made", *["package_link.opened"] * 2, *["package_link.downloaded"] * 2]
        [told] = queries.of_package(package, people.maya)
        assert (told.opened, told.downloaded) == (2, 1) and told.last_at
        assert queries.downloads([package.pk])[package.pk].count == 1

    def test_taking_back_twice_is_refused(self, package, people):
        row = make(package, people).row
        services.revoke(row.pk, actor=people.maya)
        with pytest.raises(WrongState):
            services.revoke(row.pk, actor=people.maya)


class TestTheDatabase:
    """The same by raw SQL, as the app's own role."""

    def refused(self, words, statement, values=()):
        with pytest.raises(DatabaseError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE clearhold_app")
            cursor.execute(statement, values)

    def use(self, link):
        return (
            "INSERT INTO package_links_use (id, organization_id, link_id, what, at)"
            " SELECT gen_random_uuid(), organization_id, id, 'pdf', now() - interval '1 year' FROM package_links_link"
            " WHERE id = %s", [link.pk],
        )  # fmt: skip

    def test_a_link_that_was_taken_back_or_has_ended_is_not_used(self, package, people):
        gone = make(package, people).row
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(*self.use(gone))
            assert cursor.rowcount == 1
        services.revoke(gone.pk, actor=people.maya)
        with clock.at(clock.now() - timedelta(days=3)):
            ended = services.make(package.pk, actor=proved(people.maya), **GIVEN | {"days": 2}).row
        for link in (gone, ended):
            self.refused("LNK-3", *self.use(link))

    def test_no_link_is_opened_again_lengthened_or_led_elsewhere(self, package, people):
        row = make(package, people).row
        for change in ("ends_at = ends_at + interval '1 day'", "token_sha256 = 'x'", "email = 'x@y.z'",
                       "passphrase_sha256 = 'x'", "recipient = 'x'"):  # fmt: skip
            self.refused("append-only", f"UPDATE package_links_link SET {change}")
        services.revoke(row.pk, actor=people.maya)
        self.refused("append-only", "UPDATE package_links_link SET revoked_at = NULL, revoked_by_id = NULL")
        self.refused("append-only|permission denied", "DELETE FROM package_links_link")
        self.refused("append-only|permission denied", "TRUNCATE package_links_link CASCADE")

    def test_no_link_lasts_longer_or_leads_to_a_draft(self, package, people, engagement):
        row = make(package, people).row
        insert = (
            "INSERT INTO package_links_link (id, organization_id, version, created_at, ref, package_id, recipient, email,"
            " token_sha256, passphrase_sha256, ends_at, made_by_id) SELECT gen_random_uuid(), organization_id, 1, {at}, 'L-9',"
            " {package}, 'x', 'x@y.z', 'x', '', {at} + interval '{days} days', made_by_id FROM package_links_link WHERE id = %s"
        )
        self.refused("ends_in_time", insert.format(at="now()", package="package_id", days=91), [row.pk])
        self.refused("LNK-1", insert.format(at="now() + interval '80 days'", package="package_id", days=80), [row.pk])
        draft = started(engagement, people)
        self.refused("LNK-2", insert.format(at="now()", package=f"'{draft.pk}'::uuid", days=30), [row.pk])
        self.refused("LNK-4", "INSERT INTO package_links_release (id, organization_id, package_id, released_by_id, released_at)"
                     " VALUES (%s, %s, %s, %s, now())", [uuid7(), draft.organization_id, draft.pk, people.maya.person_id])  # fmt: skip

    def test_uses_and_releases_stay(self, package, people):
        services.use(make(package, people).row, Use.What.OPENED)
        releasing.release(package.pk, actor=people.maya)
        for table in ("package_links_use", "package_links_release"):
            for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
                self.refused("append-only|permission denied", statement)


class TestReleasing:
    def test_it_is_an_event_and_happens_once(self, package, people):
        releasing.release(package.pk, actor=people.maya)
        assert Event.objects.filter(kind="package.released", object_id=package.pk).count() == 1
        with pytest.raises(WrongState):
            releasing.release(package.pk, actor=people.maya)

    def test_who_sees_it_names_the_auditors_from_then_on(self, package, people, engagement):
        until = clock.now() + timedelta(days=3)
        grants.grant(engagement.pk, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
        names = [{seer.name for seer in seeing.of_package(people.maya, package).people}]
        releasing.release(package.pk, actor=people.maya)
        names.append({seer.name for seer in seeing.of_package(people.maya, package).people})
        assert names[1] - names[0] == {people.otto.name}

    @pytest.mark.parametrize("name", ["ines", "arun", "edda", "adam", "otto"])
    def test_only_managers_release(self, package, people, name):
        with pytest.raises(NotAllowed):
            releasing.release(package.pk, actor=getattr(people, name))
        assert not Release.objects.exists()
