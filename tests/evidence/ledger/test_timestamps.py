"""Time-stamps of checkpoints by an authority, and every reply that is not one."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import tsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.db import DatabaseError, connection, transaction
from pyhanko.sign.general import extract_certificate_info

from evidence import clock
from evidence.errors import Unavailable
from evidence.identifiers import uuid7
from evidence.ledger import sequencer, services, timestamps, verification
from evidence.ledger.models import Checkpoint, TimeStamp
from tests.evidence.ledger import authority
from tests.evidence.ledger.conftest import THING_MADE, thing

DATA = b"clearhold/x\n5\nroot\n\n"


@pytest.fixture(scope="module", autouse=True)
def openssl():
    if not authority.is_here():
        words = "no openssl on the PATH, so no authority can stamp (Debian: apt-get install openssl)"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)


@pytest.fixture(scope="module", params=[False, True], ids=["signer alone in its attribute", "whole chain in it"])
def tsa(request, tmp_path_factory):
    return authority.Authority(tmp_path_factory.mktemp("tsa"), chain=request.param)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return authority.Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(autouse=True)
def trusted(settings, tsa):
    settings.CLEARHOLD_TSA_CA = str(tsa.roots)


def refused(act, words):
    with pytest.raises(timestamps.Refused, match=words):
        act()


def sealed(org, people):
    services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines)
    sequencer.run_once(org.pk)
    return Checkpoint.objects.order_by("-size").first()


def test_a_stamp_is_verified_here_and_by_openssl(tsa):
    stamp = timestamps.ask(DATA, tsa.reply)
    assert abs(stamp.at - clock.now()) < timedelta(minutes=10)
    assert "Test Stamps" in stamp.authority
    assert tsa.confirms(stamp.token, DATA) and not tsa.confirms(stamp.token, DATA + b"x")
    assert timestamps.verify(stamp.token, DATA).at == stamp.at


def test_a_stamp_of_other_bytes_is_refused(tsa):
    stamp = timestamps.ask(DATA, tsa.reply)
    refused(lambda: timestamps.verify(stamp.token, DATA + b"x"), "other bytes")

    def about_other_bytes(query):
        asked = tsp.TimeStampReq.load(query)
        asked["message_imprint"]["hashed_message"] = b"\x00" * 32
        return tsa.reply(asked.dump(force=True))

    refused(lambda: timestamps.ask(DATA, about_other_bytes), "other bytes")


def test_an_answer_to_another_question_is_refused(tsa):
    def with_another_nonce(query):
        asked = tsp.TimeStampReq.load(query)
        asked["nonce"] = asked["nonce"].native ^ 1
        return tsa.reply(asked.dump(force=True))

    refused(lambda: timestamps.ask(DATA, with_another_nonce), "nonce")
    kept = []
    timestamps.ask(DATA, lambda query: kept.append(tsa.reply(query)) or kept[0])
    refused(lambda: timestamps.ask(DATA, lambda query: kept[0]), "nonce")


def test_a_signer_nobody_trusts_is_refused(stranger):
    refused(lambda: timestamps.ask(DATA, stranger.reply), "configured root")


def test_a_signer_who_may_not_stamp_is_refused(tmp_path, tsa):
    stamp = timestamps.ask(DATA, tsa.reply)
    signed = timestamps.cms.ContentInfo.load(stamp.token)["content"]
    found = extract_certificate_info(signed)
    other = authority.Authority(tmp_path / "other", usage=ExtendedKeyUsageOID.CODE_SIGNING)
    wrong = timestamps.x509.Certificate.load(other.signer.public_bytes(authority.serialization.Encoding.DER))
    swapped = replace(found, signer_cert=wrong)
    refused(lambda: timestamps._check_signature(signed, swapped, stamp.at, DATA), "not for time-stamping")


def test_a_changed_token_is_refused(tsa):
    stamp = timestamps.ask(DATA, tsa.reply)
    refusals = 0
    for at in range(0, len(stamp.token), 37):
        changed = bytearray(stamp.token)
        changed[at] ^= 1
        try:
            same = timestamps.verify(bytes(changed), DATA)
        except timestamps.Refused:
            refusals += 1
            continue
        # A certificate of the chain that is not needed may change: what is stated may not.
        assert same.at == stamp.at and same.authority == stamp.authority
    assert refusals > len(range(0, len(stamp.token), 37)) / 3


@pytest.mark.parametrize("reply", [b"", b"garbage", b"0\x00", b"\x30\x05\x30\x03\x02\x01\x02", b"<html>" * 50])
def test_garbage_is_refused(reply):
    refused(lambda: timestamps.ask(DATA, lambda query: reply), "no time-stamp reply|answered|can't be read")


def test_without_roots_nothing_is_trusted(settings, tsa, tmp_path):
    settings.CLEARHOLD_TSA_CA = str(tmp_path / "nothing.pem")
    refused(lambda: timestamps.ask(DATA, tsa.reply), "no roots")


def test_a_checkpoint_is_stamped_over_the_wire_and_the_history_verifies_with_it(org, people, tsa, settings):
    checkpoint = sealed(org, people)
    with authority.Served(tsa.reply) as served:
        settings.CLEARHOLD_TSA_URL = served.url
        kept = timestamps.stamp(org.pk, checkpoint.size)
    assert tsa.confirms(bytes(kept.token), checkpoint.note.encode())
    report = verification.verify(org.pk)
    assert report.holds and report.time_stamps == 1


def test_what_is_refused_is_not_kept(org, people, stranger, settings):
    checkpoint = sealed(org, people)
    with authority.Served(stranger.reply) as served:
        settings.CLEARHOLD_TSA_URL = served.url
        with pytest.raises(Unavailable, match="not to be trusted"):
            timestamps.stamp(org.pk, checkpoint.size)
    with authority.Served(lambda query: b"x" * 100_000) as served:
        settings.CLEARHOLD_TSA_URL = served.url
        with pytest.raises(Unavailable, match="too long"):
            timestamps.stamp(org.pk, checkpoint.size)
    settings.CLEARHOLD_TSA_URL = served.url
    with pytest.raises(Unavailable, match="does not answer"):
        timestamps.stamp(org.pk, checkpoint.size)
    assert not TimeStamp.objects.exists()


def test_a_stamp_that_was_put_under_another_checkpoint_is_found(org, people, tsa):
    first = sealed(org, people)
    second = sealed(org, people)
    stamp = timestamps.ask(first.note.encode(), tsa.reply)
    TimeStamp.objects.create(
        organization_id=org.pk, size=second.size, token=stamp.token, authority=stamp.authority, stamped_at=stamp.at
    )
    report = verification.verify(org.pk)
    assert report.place == f"time-stamp of checkpoint {second.size}" and "other bytes" in report.fault


def test_columns_that_say_another_time_are_found(org, people, tsa):
    checkpoint = sealed(org, people)
    stamp = timestamps.ask(checkpoint.note.encode(), tsa.reply)
    TimeStamp.objects.create(
        organization_id=org.pk, size=checkpoint.size, token=stamp.token, authority=stamp.authority,
        stamped_at=stamp.at - timedelta(days=400),
    )  # fmt: skip
    assert "another time" in verification.verify(org.pk).fault


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_timestamp SET stamped_at = now()",
        "DELETE FROM ledger_timestamp",
        "TRUNCATE ledger_timestamp",
        "INSERT INTO ledger_timestamp (id, organization_id, size, token, authority, stamped_at, received_at)"
        " SELECT gen_random_uuid(), organization_id, 99, token, authority, stamped_at, now() FROM ledger_timestamp",
    ],
    ids=["update", "delete", "truncate", "of no checkpoint"],
)
def test_raw_sql_changes_no_stamp(org, people, tsa, statement):
    checkpoint = sealed(org, people)
    stamp = timestamps.ask(checkpoint.note.encode(), tsa.reply)
    TimeStamp.objects.create(
        organization_id=org.pk, size=checkpoint.size, token=stamp.token, authority=stamp.authority, stamped_at=stamp.at
    )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
