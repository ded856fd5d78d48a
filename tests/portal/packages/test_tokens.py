"""A seal by a key on a PKCS#11 token: what it makes, every token that is refused in words, and where its PIN never stands."""

import logging
import os
import shutil
import subprocess
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from django.views.debug import get_default_exception_reporter_filter

from evidence.ledger import sequencer, verify
from evidence.ledger.models import Event
from portal.logs import JsonLine
from portal.packages import services
from portal.packages.models import Package, State
from portal.packages.signing import identities, pades, tokens
from portal.packages.signing.models import Signature
from tests.portal.packages.signers import Signers
from tests.portal.packages.test_building import engagement, inside, still, under_review  # noqa: F401
from tests.portal.packages.test_signing import chosen, judged, needs_openssl, pdfsig, printed, sign, tsa  # noqa: F401
from tests.tools import program

if not os.environ.get("CI"):
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")

from tests.portal.packages.softhsm import PIN, Tokens

LABEL = "seal of lumenroll"


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    program("softhsm2-util")
    with Signers(tmp_path_factory.mktemp("signers")) as made:
        yield made


@pytest.fixture
def hsm(tmp_path, monkeypatch):
    made = Tokens(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def seal(hsm, signers):
    """A token with a key, its certificate, the issuer's and the root's, and one that is none of its business."""
    serial = hsm.make("lumenroll")
    key, certificate = signers.pair()
    hsm.hold(serial, LABEL, key=key, certificate=certificate)
    for label, each in (("issuer", signers.issuer), ("root", signers.root), ("other", signers.pair("Other Ltd")[1])):
        hsm.hold(serial, label, certificate=each)
    return serial


def by(hsm, **more):
    return {"pkcs11": hsm.module, "token": "lumenroll", "label": LABEL, "passphrase": PIN} | more


class TestWhatItMakes:
    @needs_openssl
    @pytest.mark.parametrize("level", ["B-LT", "B-LTA"])
    def test_a_lasting_signature_that_readers_call_valid(self, printed, chosen, tsa, hsm, seal, signers, level):  # noqa: F811
        path, before = printed
        chosen(tsa, **by(hsm, level=level, ca=signers.roots))
        made = sign(path)
        assert (made.level, made.is_own, made.signer) == (level, False, "Test Lumenroll Inc")
        assert path.read_bytes()[: made.closed_bytes] == before
        status, found = judged(path, signers.root, stamps=[tsa.root])
        assert status.intact and status.valid and status.trusted and status.timestamp_validity.trusted
        enclosed = {each.chosen.subject.native["common_name"] for each in found.signed_data["certificates"]}
        assert enclosed == {"Test Lumenroll Inc", "Test Issuer", "Test Root"}, "and nothing else that the token holds"
        assert "Signature is Valid" in pdfsig(path)
        assert verify.whole(path.read_bytes())[1] == made.closed_bytes

    def test_a_key_on_an_elliptic_curve_signs_too(self, printed, chosen, hsm, seal, signers):  # noqa: F811
        key, certificate = signers.pair("Curve Inc", key=ec.generate_private_key(ec.SECP256R1()))
        hsm.hold(seal, "curve", key=key, certificate=certificate)
        chosen(**by(hsm, label="curve"))
        assert sign(printed[0]).signer == "Test Curve Inc"
        status, _ = judged(printed[0], signers.root)
        assert status.intact and status.valid and status.trusted

    def test_two_at_once_wait_for_each_other(self, printed, chosen, hsm, seal, tmp_path):  # noqa: F811
        chosen(**by(hsm))
        paths = [tmp_path / f"{number}.pdf" for number in range(3)]
        for path in paths:
            shutil.copyfile(printed[0], path)
        with ThreadPoolExecutor(3) as several:
            assert [made.level for made in several.map(sign, paths)] == ["B-B"] * 3

    def test_the_pin_may_stand_in_a_file(self, printed, chosen, hsm, seal, tmp_path):  # noqa: F811
        (tmp_path / "pin").write_text(PIN + "\r\n")
        chosen(**by(hsm, passphrase="", passphrase_file=tmp_path / "pin"))
        assert not sign(printed[0]).is_own


class TestWhatIsRefused:
    def refused(self, words, path, helps=""):
        before = path.read_bytes()
        with pytest.raises(identities.NotSigned, match=words) as refusal:
            sign(path)
        told = f"{refusal.value} {refusal.value.help}"
        assert "Nothing was sealed" in told and helps in told and PIN not in told
        return before == path.read_bytes()

    def test_a_wrong_pin_and_none(self, printed, chosen, hsm, seal):  # noqa: F811
        chosen(**by(hsm, passphrase="another"))
        assert self.refused("refuses the PIN", printed[0], "locks itself")
        chosen(**by(hsm, passphrase=""))
        assert self.refused("asks for its PIN", printed[0], "CLEARHOLD_SIGN_PASSPHRASE_FILE")
        chosen(**by(hsm))
        assert sign(printed[0]).signer == "Test Lumenroll Inc", "one wrong PIN spoils nothing"

    def test_a_token_that_is_gone(self, printed, chosen, hsm, seal):  # noqa: F811
        chosen(**by(hsm))
        shutil.rmtree(hsm.folder)
        hsm.folder.mkdir()
        assert self.refused("No PKCS#11 token with the label “lumenroll” is there", printed[0], "Put it in")
        chosen(**by(hsm, token=""))
        assert self.refused("No PKCS#11 token is there", printed[0])

    def test_a_token_that_goes_while_it_signs(self, printed, chosen, hsm, seal):  # noqa: F811
        chosen(**by(hsm))
        with pytest.raises(identities.NotSigned) as refusal, identities.lent("lumenroll") as identity:
            shutil.rmtree(hsm.folder)
            pades.sign(printed[0], identity)
        assert "does not do what is asked" in str(refusal.value) and "Nothing was sealed" in str(refusal.value)

    def test_a_key_or_certificate_that_is_absent_or_there_twice(self, printed, chosen, hsm, seal, signers):  # noqa: F811
        key, certificate = signers.pair("Half Inc")
        hsm.hold(seal, "key alone", key=key)
        hsm.hold(seal, "certificate alone", certificate=certificate)
        hsm.hold(seal, "twice", key=key, certificate=certificate)
        hsm.hold(seal, "twice", key=key)
        for label, words in (
            ("absent", "holds no private key “absent”"),
            ("certificate alone", "holds no private key"),
            ("key alone", "holds no certificate “key alone”"),
            ("twice", "the private key “twice” 2 times"),
            ("", "No key of the token is named"),
        ):
            chosen(**by(hsm, label=label))
            assert self.refused(words, printed[0])

    def test_two_tokens_of_one_name_until_the_serial_number_is_set(self, printed, chosen, hsm, seal, signers):  # noqa: F811
        other = hsm.make("lumenroll")
        key, certificate = signers.pair("Second Inc")
        hsm.hold(other, LABEL, key=key, certificate=certificate)
        chosen(**by(hsm))
        assert self.refused(
            f"2 PKCS#11 tokens .*{min(seal, other)}, {max(seal, other)}", printed[0], "CLEARHOLD_SIGN_PKCS11_SERIAL"
        )
        chosen(**by(hsm, serial="0" * 16))
        assert self.refused("and the serial number “0000000000000000” is there", printed[0])
        chosen(**by(hsm, serial=other.upper()))
        assert sign(printed[0]).signer == "Test Second Inc"

    def test_a_key_that_belongs_to_another_certificate(self, printed, chosen, hsm, seal, signers):  # noqa: F811
        hsm.hold(seal, "mixed", key=signers.pair("One")[0], certificate=signers.pair("Other")[1])
        chosen(**by(hsm, label="mixed"))
        self.refused("does not fit the file", printed[0])

    def test_a_certificate_that_has_ended(self, printed, chosen, hsm, seal, signers):  # noqa: F811
        key, certificate = signers.pair("Old Inc", ended=True)
        hsm.hold(seal, "old", key=key, certificate=certificate)
        chosen(**by(hsm, label="old"))
        assert self.refused("is valid from", printed[0])

    def test_a_module_that_cannot_be_loaded_and_a_library_that_is_missing(
        self, printed, chosen, hsm, tmp_path, monkeypatch,  # noqa: F811
    ):  # fmt: skip
        (tmp_path / "no-module.so").write_text("no module")
        for module in (tmp_path / "absent.so", tmp_path / "no-module.so", "/lib/x86_64-linux-gnu/libc.so.6"):
            chosen(**by(hsm, pkcs11=module))
            assert self.refused("cannot be loaded", printed[0], "CLEARHOLD_SIGN_PKCS11")
        monkeypatch.setattr(tokens, "pkcs11", None)
        chosen(**by(hsm))
        assert self.refused("library for it is missing", printed[0], "requirements-token.txt")


@pytest.mark.django_db
class TestASealedPackage:
    def test_a_refused_pin_leaves_it_unsealed_and_the_right_one_seals_it(
        self, engagement, people, org, chosen, hsm, seal, caplog, monkeypatch  # noqa: F811
    ):  # fmt: skip
        package = under_review(engagement, people)
        services.seal(package.pk, actor=people.arun, reason="Read and agreed.")
        sequencer.run_once(org.pk)
        started, texts = [], []
        begin = subprocess.Popen.__init__

        def noted(self, words, *args, **kwargs):
            started.append(f"{words} {kwargs.get('env')}")
            begin(self, words, *args, **kwargs)

        monkeypatch.setattr(subprocess.Popen, "__init__", noted)
        with caplog.at_level(logging.DEBUG):
            chosen(**by(hsm, passphrase=f"{PIN}x"))
            with pytest.raises(identities.NotSigned) as refusal:
                services.perform_seal(package.pk, actor=people.arun, inside=inside, watch=still)
            texts.append("".join(traceback.format_exception(refusal.value)))
            logging.getLogger("clearhold").error("It failed.", exc_info=refusal.value)
            package.refresh_from_db()
            assert (package.state, Signature.objects.count()) == (State.IN_REVIEW, 0)
            assert not Event.objects.filter(kind="package.sealed").exists()
            chosen(**by(hsm))
            services.perform_seal(package.pk, actor=people.arun, inside=inside, watch=still)
        row = Signature.objects.get(package=package)
        assert (row.signer, row.is_own) == ("Test Lumenroll Inc", False)
        assert Package.objects.get(pk=package.pk).state == State.SEALED
        texts += [JsonLine(details=True).format(record) for record in caplog.records]
        texts += [bytes(event.body).decode() for event in Event.objects.all()]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT t::text FROM package_signing_signature t UNION ALL SELECT p::text FROM packages_package p"
            )
            texts += [text for (text,) in cursor.fetchall()]
        assert started and not [text for text in (*started, *texts) if PIN in text]

    def test_an_error_page_for_developers_hides_it(self, chosen, hsm):  # noqa: F811
        chosen(**by(hsm))
        shown = str(get_default_exception_reporter_filter().get_safe_settings())
        assert "CLEARHOLD_SIGN" in shown and PIN not in shown
