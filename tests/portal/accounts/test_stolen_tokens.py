"""A token works from its networks alone; what it is never changes; scanners know it; a thief is told on."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client

from evidence import clock
from evidence.errors import Invalid
from evidence.ledger.models import Event
from portal.accounts import services, token_secrets
from portal.accounts.models import ApiToken


@pytest.fixture
def url(org):
    return f"/api/v1/organizations/{org.slug}/findings/"


def made(actor, **given):
    return services.create_token(name="ci", scopes=["findings.view"], days=30, actor=actor, **given)


def called(url, issued, address):
    return Client(REMOTE_ADDR=address).get(url, headers={"Authorization": f"Bearer {issued.secret}"})


@pytest.mark.parametrize(
    ("networks", "inside", "outside"),
    [(["203.0.113.0/24"], "203.0.113.9", "198.51.100.7"), (["2001:db8::/32"], "2001:db8::7", "2001:db9::7"),
     (["203.0.113.7", "10.0.0.0/8"], "10.4.4.4", "203.0.113.8")],
    ids=["v4", "v6", "two"],
)  # fmt: skip
@pytest.mark.rule("T-01", by="python")
def test_a_token_works_from_its_networks_alone(url, people, networks, inside, outside):
    issued = made(people.maya, networks=networks)
    assert called(url, issued, inside).status_code == 200
    refused = called(url, issued, outside)
    assert refused.status_code == 403
    assert (refused.json()["code"], refused.json()["rule"]) == ("token_elsewhere", "T-01")


@pytest.mark.rule("T-01", by="database")
@pytest.mark.parametrize("address", ["198.51.100.7", None])
def test_the_database_lets_no_stolen_token_in(org, people, address):
    issued = made(people.maya, networks=["203.0.113.0/24"])
    with pytest.raises(DatabaseError, match=r"\[T-01\]"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM enter_organization_by_token(%s, %s, %s)",
                       [org.slug, issued.row.token_hash, address])  # fmt: skip


def test_the_owner_is_told_and_the_history_remembers(url, people, django_capture_on_commit_callbacks):
    issued = made(people.maya, networks=["203.0.113.0/24"])
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            called(url, issued, "198.51.100.7")
    assert [letter.to for letter in mail.outbox] == [["maya@lumenroll.example"]]
    assert "198.51.100.7" in mail.outbox[0].body and issued.secret not in mail.outbox[0].body
    assert Event.objects.filter(kind="token.refused").count() == 1
    assert ApiToken.objects.get(pk=issued.row.pk).refused_address == "198.51.100.7"


def test_the_address_behind_a_trusted_proxy_counts_and_a_made_up_one_does_not(url, people, settings):
    issued = made(people.maya, networks=["203.0.113.9"])
    lie = {"Authorization": f"Bearer {issued.secret}", "X-Forwarded-For": "203.0.113.9"}
    assert Client(REMOTE_ADDR="198.51.100.7").get(url, headers=lie).status_code == 403
    settings.CLEARHOLD_PROXIES = "10.0.0.0/8"
    assert Client(REMOTE_ADDR="10.0.0.1").get(url, headers=lie).status_code == 200
    lie["X-Forwarded-For"] = "203.0.113.9, 198.51.100.7"
    assert Client(REMOTE_ADDR="10.0.0.1").get(url, headers=lie).status_code == 403


def test_scanners_know_a_real_token_by_its_checksum():
    secrets = [token_secrets.make() for _ in range(50)]
    assert all(re.fullmatch(token_secrets.PATTERN, one) and token_secrets.is_one_of_ours(one) for one in secrets)
    for one in secrets[:10]:
        other = one[:10] + ("A" if one[10] != "A" else "B") + one[11:]
        assert re.fullmatch(token_secrets.PATTERN, other) and not token_secrets.is_one_of_ours(other)


def test_an_exchange_keeps_the_old_one_for_a_day(url, people):
    old = made(people.maya, networks=["127.0.0.0/8"])
    new = services.rotate_token(old.row.pk, actor=people.maya)
    assert (new.row.scopes, new.row.networks, new.secret != old.secret) == (old.row.scopes, ["127.0.0.0/8"], True)
    assert called(url, old, "127.0.0.1").status_code == called(url, new, "127.0.0.1").status_code == 200
    assert ApiToken.objects.get(pk=old.row.pk).expires_at <= clock.now() + timedelta(days=1)


@pytest.mark.rule("T-02", by="python")
def test_a_token_for_more_than_a_year_is_refused(people):
    with pytest.raises(Invalid) as refusal:
        services.create_token(name="x", scopes=["findings.view"], days=366, actor=people.maya)
    assert refusal.value.rule == "T-02"


@pytest.mark.rule("T-02", by="database")
@pytest.mark.rule("T-03", by="database")
@pytest.mark.parametrize(
    ("change", "rule"),
    [("expires_at = created_at + interval '3 years'", "T-02"), ("expires_at = expires_at + interval '1 day'", "T-03"),
     ("networks = '{}'", "T-03"), ("scopes = scopes || '{people.manage}'", "T-03"), ("token_hash = 'x'", "T-03"),
     ("account_id = (SELECT id FROM accounts_account WHERE email LIKE 'adam%%')", "T-03")],
    ids=["three years", "a day", "everywhere", "more scopes", "another secret", "another owner"],
)  # fmt: skip
def test_the_database_keeps_what_a_token_is(people, change, rule):
    made(people.maya, networks=["203.0.113.0/24"])
    with pytest.raises(DatabaseError, match=rf"\[{rule}\]"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_apitoken SET {change}")


@pytest.mark.rule("T-03", by="python")
def test_no_service_changes_a_token():
    import inspect

    changed = re.findall(r"(?:token|old)\.save\(update_fields=(\[[^]]*\])", inspect.getsource(services))
    assert changed and not [fields for fields in changed if re.search("scopes|networks|account|hash", fields)]


def test_too_many_calls_are_told_when_to_come_again(url, people, settings):
    settings.API_TOKEN_REQUESTS_PER_MINUTE = 2
    issued = made(people.maya)
    answers = [called(url, issued, "127.0.0.1") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and int(refused[0]["Retry-After"]) <= 61


def test_pages_are_limited_per_person_too(org, people, settings):
    from tests.portal.web.test_signing_in_and_people import signed_in

    settings.PAGE_REQUESTS_PER_MINUTE = 2
    client = signed_in(people.maya)
    answers = [client.get(f"/o/{org.slug}/jobs/") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and int(refused[0]["Retry-After"]) <= 61
