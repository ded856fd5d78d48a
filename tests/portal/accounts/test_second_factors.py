"""An authenticator app and recovery codes: set up, signed in with, kept from being guessed or used twice, taken away."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client

from evidence import clock
from evidence.ledger.models import Event
from evidence.organizations.services import set_policy
from portal.accounts import sealing
from portal.accounts.models import Guess, Proof
from tests.people import PASSWORD
from tests.portal.accounts.factors import code_of, codes_on, secret_on

MAYA = "maya@lumenroll.example"


@pytest.fixture(autouse=True)
def own_keys(settings, tmp_path):
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


def by_password(client=None, email=MAYA, password=PASSWORD):
    client = client or Client()
    return client, client.post("/signin", {"email": email, "password": password})


@pytest.fixture
def enrolled(org, people, django_capture_on_commit_callbacks):
    """Maya with an app: her client, its secret, her recovery codes."""
    client, _ = by_password()
    secret = secret_on(client.get("/account/security/totp").content.decode())
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/account/security/totp", {"code": code_of(secret)})
    assert answer.status_code == 200
    return client, secret, codes_on(answer.content.decode())


def demand(people, **roles):
    set_policy("access", {"second_factor": roles, "idle_minutes": 15, "absolute_hours": 8}, actor=people.adam)


def later(seconds=60):
    return clock.at(clock.now() + timedelta(seconds=seconds))


def test_setting_up_an_app_shows_ten_recovery_codes_once(enrolled):
    client, secret, codes = enrolled
    assert len(set(codes)) == 10
    page = client.get("/account/security").content.decode()
    assert "10 left" in page and codes[0] not in page and secret not in page.replace(" ", "")
    assert "authenticator app was set up" in mail.outbox[-1].body and mail.outbox[-1].to == [MAYA]


def test_a_wrong_code_sets_nothing_up(org, people):
    client, _ = by_password()
    client.get("/account/security/totp")
    assert client.post("/account/security/totp", {"code": "000000"}).status_code == 422
    assert not Authenticator.objects.exists()


def test_a_copy_of_the_database_shows_no_secret(enrolled):
    _, secret, codes = enrolled
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(data::text, ' ') FROM mfa_authenticator")
        kept = cursor.fetchone()[0]
    assert secret not in kept and not [code for code in codes if code.replace("-", "") in kept]
    row = Authenticator.objects.get(type="totp")
    assert sealing.unseal(row.data["secret"]) == secret


def test_the_secret_waits_sealed_in_the_session_too(org, people):
    client, _ = by_password()
    secret = secret_on(client.get("/account/security/totp").content.decode())
    assert secret not in str(dict(client.session.items()))


def test_signing_in_asks_for_the_code_after_the_password(org, enrolled):
    _, secret, _ = enrolled
    client, answer = by_password()
    assert answer.url.startswith("/signin/check")
    assert client.get(f"/o/{org.slug}/jobs/").url.startswith("/signin")
    with later():
        assert client.post("/signin/check", {"code": "123456"}).status_code == 403
        assert client.post("/signin/check", {"code": code_of(secret)}).status_code == 302
        assert client.get(f"/o/{org.slug}/jobs/").status_code == 200
    assert Proof.objects.order_by("-at").first().kind == "totp"


def test_a_code_is_accepted_once(enrolled):
    _, secret, _ = enrolled
    with later():
        code = code_of(secret)
        first, _ = by_password()
        assert first.post("/signin/check", {"code": code}).status_code == 302
        second, _ = by_password()
        assert second.post("/signin/check", {"code": code}).status_code == 403


def test_a_recovery_code_works_once(enrolled):
    _, _, codes = enrolled
    for expected in (302, 403):
        client, _ = by_password()
        assert client.post("/signin/check", {"code": codes[3]}).status_code == expected


def test_the_second_step_waits_ten_minutes_and_no_longer(enrolled):
    _, secret, _ = enrolled
    client, _ = by_password()
    with later(11 * 60):
        assert client.post("/signin/check", {"code": code_of(secret)}).url == "/signin"


def test_codes_can_not_be_guessed_from_elsewhere_and_the_owner_is_not_kept_out(enrolled):
    owner, secret, _ = enrolled
    guesser, _ = by_password(Client(REMOTE_ADDR="203.0.113.9"))
    for _ in range(12):
        guesser.post("/signin/check", {"code": "000000"})
    assert Guess.objects.filter(kind="code").count() == 12
    with later():
        assert guesser.post("/signin/check", {"code": code_of(secret)}).status_code == 429
        owner.post("/signout")
        by_password(owner)
        assert owner.post("/signin/check", {"code": code_of(secret)}).status_code == 302


@pytest.mark.rule("M-02", by="python")
def test_a_password_is_no_proof_for_who_has_an_app(enrolled):
    client, secret, _ = enrolled
    with later(6 * 60):
        refused = client.post("/account/security/prove", {"password": PASSWORD})
        assert refused.status_code == 409 and "rule M-02" in refused.content.decode()
        assert client.post("/account/security/prove", {"code": code_of(secret)}).status_code == 302


def test_removing_a_factor_needs_a_fresh_proof(enrolled):
    client, secret, _ = enrolled
    with later(6 * 60):
        assert client.post("/account/security/totp/remove").url.startswith("/account/security/prove")
        assert Authenticator.objects.filter(type="totp").exists()
        client.post("/account/security/prove", {"code": code_of(secret)})
        assert client.post("/account/security/totp/remove").url == "/account/security"
    assert not Authenticator.objects.exists()


@pytest.mark.rule("M-04", by="python")
def test_the_last_factor_stays_while_a_role_demands_one(enrolled, people):
    client, _, _ = enrolled
    demand(people, manager=True)
    answer = client.post("/account/security/totp/remove")
    assert answer.status_code == 409 and "rule M-04" in answer.content.decode()


@pytest.mark.rule("M-04", by="database")
def test_the_database_keeps_the_last_factor_too(enrolled, people):
    demand(people, manager=True)
    with pytest.raises(DatabaseError, match=r"\[M-04\]"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM mfa_authenticator")


def test_new_codes_end_the_old_ones(enrolled):
    client, _, codes = enrolled
    fresh = codes_on(client.post("/account/security/codes").content.decode())
    assert len(fresh) == 10 and not set(fresh) & set(codes)
    other, _ = by_password()
    assert other.post("/signin/check", {"code": codes[0]}).status_code == 403
    assert other.post("/signin/check", {"code": fresh[0]}).status_code == 302


def test_the_history_tells_of_every_change(enrolled):
    client, _, _ = enrolled
    client.post("/account/security/codes")
    kinds = set(Event.objects.values_list("kind", flat=True))
    assert {"factor.added", "factor.codes_made"} <= kinds


def test_secrets_follow_a_new_vault_key(enrolled, settings):
    from evidence.vault import keys
    from portal.accounts import factors

    _, secret, _ = enrolled
    kek = keys.create(settings.CLEARHOLD_KEYS_DIR)
    assert factors.reseal() == 2
    row = Authenticator.objects.get(type="totp")
    assert sealing.key_of(row.data["secret"]) == kek and sealing.unseal(row.data["secret"]) == secret


def test_moving_to_another_phone_ends_the_old_one(enrolled, people):
    client, old, _ = enrolled
    demand(people, manager=True)
    with later():
        fresh = secret_on(client.get("/account/security/totp").content.decode())
        assert client.post("/account/security/totp", {"code": code_of(fresh)}).status_code == 302
    with later(180):
        other, _ = by_password()
        assert other.post("/signin/check", {"code": code_of(old)}).status_code == 403
        assert other.post("/signin/check", {"code": code_of(fresh)}).status_code == 302


def test_an_unknown_address_costs_as_much_as_a_known_one(people, monkeypatch):
    from django.contrib.auth import hashers

    asked = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", lambda self, *args: asked.append(1) or encode(self, *args))
    costs = []
    for email in (MAYA, "nobody@lumenroll.example"):
        asked.clear()
        by_password(email=email, password="wrong")
        costs.append(len(asked))
    assert costs[0] == costs[1] > 0
