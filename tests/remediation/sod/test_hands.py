"""Hands through the service and by raw SQL as the app's role: each refusal says its rule and leaves nothing."""

import pytest
from django.db import connection

from evidence.actors import Actor
from evidence.errors import DutyConflict, NotAllowed, WrongState
from evidence.identifiers import uuid7
from remediation.sod import queries
from remediation.sod import services as sod
from remediation.sod.duties import STANDING as STANDING_DUTIES
from remediation.sod.duties import Duty
from remediation.sod.matrix import PAIRS, Verdict
from remediation.sod.models import Hand
from tests.remediation.subjects import TYPE, refusal_of

LAY = (
    "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about, at)"
    " VALUES (%s, %s, %s, %s, 1, %s, %s, %s, '', now())"
)
BY_HAND = [
    pair
    for pair in PAIRS
    if pair.verdict != Verdict.YES and not {pair.one, pair.other} & {Duty.REQUESTER, Duty.ADMINISTRATOR, Duty.AUDITOR}
]
# S-31, administrator and auditor, is two roles and no hand: the grant of the role is refused (N-02).
STANDING = [pair for pair in PAIRS if pair.one in (Duty.ADMINISTRATOR, Duty.AUDITOR) and pair.number != "S-31"]

FORBIDDEN = [pair.number for pair in [*BY_HAND, *STANDING]]
ALLOWED = [pair for pair in PAIRS if pair.verdict == Verdict.YES]
ALLOWED_NUMBERS = [pair.number for pair in ALLOWED]


def values(thing, actor, duty, account=None):
    return [uuid7(), actor.organization_id, TYPE, thing.id, actor.person_id, account or actor.account_id, duty]


def test_the_refusal_names_the_persons_own_act_and_the_rule(people, thing):
    sod.take_duty(Duty.UPLOADER, actor=people.ines, about="E-014", **thing.on())
    at = Hand.objects.get().at
    with pytest.raises(DutyConflict) as refused:
        sod.take_duty(Duty.APPROVER, actor=people.ines, **thing.on())
    assert refused.value.message == (
        f"You uploaded the closing evidence on {at.day} {at:%B} (E-014), so someone else must approve (rule S-07)."
    )
    assert refused.value.rule == "S-07"
    assert Hand.objects.count() == 1


@pytest.mark.rule(*FORBIDDEN, by="python")
@pytest.mark.rule(*FORBIDDEN, by="database")
@pytest.mark.parametrize("pair", BY_HAND, ids=lambda pair: f"{pair.number}-{pair.one}-{pair.other}")
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_a_forbidden_pair_is_refused_by_the_service_and_by_the_database(people, thing, pair, turned):
    held, wanted = (pair.other, pair.one) if turned else (pair.one, pair.other)
    sod.take_duty(held, actor=people.ines, **thing.on())
    with pytest.raises(DutyConflict) as refused:
        sod.take_duty(wanted, actor=people.ines, **thing.on())
    assert refused.value.rule == pair.number
    state, message = refusal_of(LAY, values(thing, people.ines, wanted))
    assert (state, message.split("]")[0]) == ("CH003", f"[{pair.number}")
    assert list(Hand.objects.values_list("duty", flat=True)) == [held]


@pytest.mark.parametrize("pair", STANDING, ids=lambda pair: f"{pair.number}-{pair.one}-{pair.other}")
def test_administrators_and_auditors_take_no_duty(people, thing, pair):
    who = people.adam if pair.one == Duty.ADMINISTRATOR else people.otto
    with pytest.raises(DutyConflict) as refused:
        sod.take_duty(pair.other, actor=who, **thing.on())
    assert refused.value.rule == pair.number
    state, message = refusal_of(LAY, values(thing, who, pair.other))
    assert (state, message.split("]")[0]) == ("CH003", f"[{pair.number}")
    with pytest.raises(DutyConflict):
        sod.take_duties_bulk(pair.other, subject_type=TYPE, ids=[thing.id], cycle=1, actor=who)
    assert not Hand.objects.exists()


@pytest.mark.rule(*ALLOWED_NUMBERS, by="python")
@pytest.mark.rule(*ALLOWED_NUMBERS, by="database")
@pytest.mark.parametrize("pair", ALLOWED, ids=lambda pair: f"{pair.number}-{pair.one}-{pair.other}")
def test_an_allowed_pair_is_taken_by_the_service_and_by_raw_sql(people, thing, pair):
    for duty in (pair.one, pair.other):
        sod.take_duty(duty, actor=people.ines, **thing.on())
        with connection.cursor() as cursor:
            cursor.execute(LAY, [*values(thing, people.ivan, duty)])
    assert Hand.objects.filter(person_id=people.ines.person_id).count() == 2
    assert Hand.objects.filter(person_id=people.ivan.person_id).count() == 2


def test_a_duty_is_taken_once_and_another_cycle_is_another_item(people, thing):
    sod.take_duty(Duty.UPLOADER, actor=people.ines, **thing.on())
    sod.take_duty(Duty.UPLOADER, actor=people.ines, **thing.on())
    sod.take_duty(Duty.VERIFIER, actor=people.ines, **{**thing.on(), "cycle": 2})
    assert Hand.objects.count() == 2


def test_an_owner_may_be_appointed_and_then_may_not_verify(people, thing):
    sod.take_duty(Duty.OWNER, actor=people.maya, person_id=people.ines.person_id, **thing.on())
    with pytest.raises(DutyConflict, match="You became its owner"):
        sod.take_duty(Duty.VERIFIER, actor=people.ines, **thing.on())
    with pytest.raises(DutyConflict, match="This person administers this portal"):
        sod.take_duty(Duty.OWNER, actor=people.maya, person_id=people.adam.person_id, **thing.on())


def test_the_system_takes_no_duty(org, people, thing):
    with pytest.raises(NotAllowed):
        sod.take_duty(Duty.FINDER, actor=Actor.system(org.pk, "sweep"), **thing.on())


@pytest.mark.rule("S-40", by="python")
def test_a_duty_is_laid_for_the_actor_and_only_appointments_name_another(people, thing):
    with pytest.raises(DutyConflict) as refused:
        sod.take_duty(Duty.UPLOADER, actor=people.ines, person_id=people.ivan.person_id, **thing.on())
    assert refused.value.rule == "S-40"
    sod.take_duty(Duty.OWNER, actor=people.ines, person_id=people.ivan.person_id, **thing.on())
    assert Hand.objects.get().person_id == people.ivan.person_id


@pytest.mark.rule("S-40", by="database")
def test_a_hand_of_another_persons_account_is_refused(people, thing):
    state, message = refusal_of(LAY, values(thing, people.ines, "uploader", account=people.ivan.account_id))
    assert (state, message[:6]) == ("CH004", "[S-40]")


@pytest.mark.rule("S-41", by="python")
@pytest.mark.parametrize("duty", sorted(STANDING_DUTIES))
def test_no_service_lays_a_hand_that_stands_on_a_role_or_a_request(people, thing, duty):
    with pytest.raises(WrongState) as refused:
        sod.take_duty(duty, actor=people.ines, **thing.on())
    assert refused.value.rule == "S-41"
    assert not Hand.objects.exists()


@pytest.mark.rule("S-41", by="database")
@pytest.mark.parametrize("duty", ["administrator", "requester", "nonsense"])
def test_a_hand_that_no_act_lays_is_refused(people, thing, duty):
    assert refusal_of(LAY, values(thing, people.ines, duty))[1].startswith("[S-41]")


@pytest.mark.parametrize("column", ["person_id", "account_id", "duty"])
def test_a_hand_without_person_account_or_duty_is_refused(people, thing, column):
    row = values(thing, people.ines, "uploader")
    row[{"person_id": 4, "account_id": 5, "duty": 6}[column]] = None
    assert refusal_of(LAY, row)[0] == "23502" or refusal_of(LAY, row)[0] == "CH004"


@pytest.mark.parametrize(
    "statement", ["UPDATE sod_hand SET duty = 'finder'", "DELETE FROM sod_hand", "TRUNCATE sod_hand",
                  "UPDATE sod_item SET cycle = 9", "DELETE FROM sod_item", "UPDATE sod_rule SET verdict = 'Y'",
                  "INSERT INTO sod_rule SELECT gen_random_uuid(), 9, number, held, wanted, 'Y', '', '', ''"
                  " FROM sod_rule"]
)  # fmt: skip
def test_hands_items_and_rules_cannot_be_changed_by_the_app(people, thing, statement):
    sod.take_duty(Duty.UPLOADER, actor=people.ines, **thing.on())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == "clearhold_app"
    assert refusal_of(statement)[0] in ("CH001", "42501")


def test_hands_and_rules_cannot_be_changed_by_their_owner_either(people, thing):
    sod.take_duty(Duty.UPLOADER, actor=people.ines, **thing.on())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A'"
            " AND tgrelid::regclass::text ~ '^(sod|approvals)_'"
        )
        assert cursor.fetchall() == []


def test_a_bulk_of_hands_is_laid_at_once_and_refused_at_once(people, thing):
    ids = [uuid7() for _ in range(300)]
    assert sod.take_duties_bulk(Duty.FINDER, subject_type=TYPE, ids=ids, cycle=1, actor=people.maya) == 300
    assert sod.take_duties_bulk(Duty.FINDER, subject_type=TYPE, ids=ids, cycle=1, actor=people.maya) == 0
    with pytest.raises(DutyConflict) as refused:
        sod.take_duties_bulk(Duty.ACCEPTOR, subject_type=TYPE, ids=[uuid7(), ids[7]], cycle=1, actor=people.maya)
    assert refused.value.rule == "S-11"
    statement = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) SELECT gen_random_uuid(), %s, %s, one, 1, %s, %s, 'acceptor', '', now() FROM unnest(%s::uuid[]) AS one"
    )
    row = [people.maya.organization_id, TYPE, people.maya.person_id, people.maya.account_id, [uuid7(), ids[7]]]
    assert refusal_of(statement, row)[1].startswith("[S-11]")
    both = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) SELECT gen_random_uuid(), %s, %s, %s, 1, %s, %s, d, '', now() FROM unnest(%s::text[]) AS d"
    )
    row = [
        people.maya.organization_id, TYPE, uuid7(), people.maya.person_id, people.maya.account_id,
        ["implementer", "approver"],
    ]  # fmt: skip
    assert refusal_of(both, row)[1].startswith("[S-05]")
    assert Hand.objects.count() == 300


def test_another_organizations_hands_are_not_seen(people, thing, other_org):
    sod.take_duty(Duty.UPLOADER, actor=people.ines, **thing.on())
    from evidence import tenancy

    with tenancy.entered(other_org.pk):
        assert not Hand.objects.exists()
        assert refusal_of(LAY, values(thing, people.ines, "verifier"))[0] == "42501"


def test_conflicts_answers_without_taking_anything(people, thing):
    sod.take_duty(Duty.IMPLEMENTER, actor=people.ines, **thing.on())
    found = queries.conflicts(people.ines.person_id, Duty.APPROVER, **thing.on())
    assert [conflict.rule for conflict in found] == ["S-05"]
    assert queries.conflicts(people.arun.person_id, Duty.APPROVER, **thing.on()) == []
