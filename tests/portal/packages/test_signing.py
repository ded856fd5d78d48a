"""The signature of a sealed package: what it covers, who made it at which level, and every certificate that is refused."""

import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pikepdf
import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import DatabaseError, connection, transaction
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import KeyUsageConstraints, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from evidence.errors import Unavailable
from evidence.ledger import sequencer, verify
from evidence.ledger.models import Event
from portal.packages import binding, services
from portal.packages.models import Package, State
from portal.packages.signing import identities, own, pades
from portal.packages.signing.levels import Level
from portal.packages.signing.models import Signature
from tests.evidence.ledger import authority
from tests.portal.packages import accessible, verapdf
from tests.portal.packages.signers import PASSPHRASE, Signers
from tests.portal.packages.test_building import engagement, inside, sealed, still, under_review  # noqa: F401

needs_openssl = pytest.mark.skipif(not authority.is_here() and not os.environ.get("CI"), reason="no openssl")


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    with Signers(tmp_path_factory.mktemp("signers")) as made:
        yield made


@pytest.fixture(scope="module")
def tsa(tmp_path_factory):
    made = authority.Authority(tmp_path_factory.mktemp("tsa"))
    with authority.Served(made.reply) as served:
        made.url = served.url
        yield made


@pytest.fixture
def chosen(settings):
    """Sets what signs, and whether an authority stamps."""

    def choose(tsa=None, **told):
        settings.CLEARHOLD_SIGN = dict.fromkeys(settings.CLEARHOLD_SIGN, "") | {k: str(v) for k, v in told.items()}
        settings.CLEARHOLD_TSA_URL, settings.CLEARHOLD_TSA_CA = (tsa.url, str(tsa.roots)) if tsa else ("", "")

    choose()
    return choose


@pytest.fixture
def printed(package, tmp_path):
    """A finished PDF of one's own, and its bytes before anything was put behind them."""
    path = tmp_path / "signed.pdf"
    shutil.copyfile(package[0], path)
    return path, path.read_bytes()


def sign(path, slug="lumenroll"):
    with identities.lent(slug) as identity:
        return pades.sign(path, identity)


def judged(path, *roots, **asked):
    """As pyHanko judges one signature of the file, in a thread: it starts an event loop, and a browser may have left one."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(_judged, path, *roots, **asked).result()


def _judged(path, *roots, field=pades.FIELD, stamps=()):
    """Trusting these roots alone."""
    with path.open("rb") as file:
        found = next(each for each in PdfFileReader(file).embedded_signatures if each.field_name == field)
        trust = [x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in roots]
        stamped = [x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in stamps]
        status = validate_pdf_signature(
            found,
            ValidationContext(trust_roots=trust, allow_fetching=False),
            ValidationContext(trust_roots=stamped, allow_fetching=False),
            key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature"}),
            skip_diff=True,
        )
        return status, found


def pdfsig(path) -> str:
    return subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout


class TestTheFile:
    def test_not_one_byte_before_the_signature_is_changed(self, printed, chosen):
        path, before = printed
        made = sign(path)
        assert path.read_bytes()[: made.closed_bytes] == before
        assert made.closed_bytes == len(before) < path.stat().st_size == made.size
        assert binding.is_whole(path.read_bytes()[: made.closed_bytes])
        assert verify.whole(path.read_bytes()) == (binding.first_identifier(before), len(before))

    @pytest.mark.slow
    def test_it_stays_a_tagged_archive_file_without_faults(self, printed, chosen, tsa, signers):
        chosen(tsa, pkcs12=signers.file(), passphrase=PASSPHRASE, level="B-LTA", ca=signers.roots)
        sign(printed[0])
        with pikepdf.open(printed[0]) as pdf:
            assert accessible.faults(pdf) == [], "PDF/A-3a or PDF/UA-1 is claimed and no longer kept"
            fields = [note for page in pdf.pages for note in page.get("/Annots", []) if note.Subtype == "/Widget"]
            assert {str(field.T) for field in fields} == {pades.FIELD, pades.ARCHIVE_FIELD}
            with pikepdf.open(io.BytesIO(printed[1])) as before:
                assert pdf.Root.Metadata.read_bytes() == before.Root.Metadata.read_bytes()
                assert dict(pdf.docinfo) == dict(before.docinfo)
        assert verapdf.faults(printed[0]) == []
        done = subprocess.run(["qpdf", "--check", str(printed[0])], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_one_changed_byte_of_it_breaks_the_signature(self, printed, chosen):
        path = printed[0]
        made = sign(path)
        data = bytearray(path.read_bytes())
        data[made.closed_bytes // 2] ^= 1
        path.write_bytes(data)
        assert not judged(path, own.ensure()[1])[0].intact


class TestTheLevels:
    def test_without_settings_the_portal_seals_itself_and_says_so(self, printed, chosen):
        made = sign(printed[0])
        assert (made.level, made.is_own, made.stamped_at) == (Level.BASIC, True, None)
        assert "Own seal" in made.signer and made.signer == made.issuer
        status, _ = judged(printed[0], own.ensure()[1])
        assert status.intact and status.valid and status.trusted
        said = pdfsig(printed[0])
        assert "Signature is Valid" in said and "Total document signed" in said
        assert (own.keys.folder() / own.FILE).stat().st_mode & 0o077 == 0

    @needs_openssl
    def test_an_authority_stamps_the_own_seal_too_but_it_never_lasts(self, printed, chosen, tsa):
        chosen(tsa, level="B-LTA")
        made = sign(printed[0])
        assert (made.level, made.is_own) == (Level.STAMPED, True)
        assert "Test Stamps" in made.authority

    @needs_openssl
    def test_the_organizations_certificate_with_a_time_stamp(self, printed, chosen, tsa, signers):
        chosen(tsa, pkcs12=signers.file(), passphrase=PASSPHRASE)
        made = sign(printed[0])
        assert (made.level, made.is_own, made.signer) == (Level.STAMPED, False, "Test Lumenroll Inc")
        status, found = judged(printed[0], signers.root, stamps=[tsa.root])
        assert status.intact and status.valid and status.trusted
        assert status.timestamp_validity.valid and status.timestamp_validity.trusted
        assert status.timestamp_validity.timestamp == made.stamped_at
        token = next(each for each in found.signer_info["unsigned_attrs"] if each["type"].native == "signature_time_stamp_token")  # fmt: skip
        assert tsa.confirms(token["values"][0].dump(), found.signer_info["signature"].native), "openssl ts says no"
        assert "Signature is Valid" in pdfsig(printed[0])

    @needs_openssl
    @pytest.mark.parametrize("level", ["B-LT", "B-LTA"])
    def test_lists_of_revoked_certificates_stand_in_the_file(self, printed, chosen, tsa, signers, level):
        chosen(tsa, pkcs12=signers.file(), passphrase=PASSPHRASE, level=level, ca=signers.roots)
        made = sign(printed[0])
        assert made.level == level
        with pikepdf.open(printed[0]) as pdf:
            assert [crl.read_bytes()[:1] for crl in pdf.Root.DSS.CRLs]
        said = pdfsig(printed[0])
        assert "Signature is Valid" in said and "Not total document signed" in said
        if level == "B-LTA":
            with printed[0].open("rb") as file:
                last = list(PdfFileReader(file).embedded_timestamp_signatures)[-1]
                assert last.field_name == pades.ARCHIVE_FIELD
        assert verify.whole(printed[0].read_bytes())[1] == made.closed_bytes

    def test_a_folder_has_a_certificate_for_each_organization(self, printed, chosen, signers):
        file = signers.file()
        file.with_suffix(".passphrase").write_text(PASSPHRASE + "\n")
        chosen(pkcs12=signers.folder)
        with identities.lent("lumenroll") as mine, identities.lent("otherfirm") as theirs:
            assert (mine.is_own, theirs.is_own) == (False, True)

    def test_the_passphrase_may_stand_in_a_file(self, chosen, signers, tmp_path):
        (tmp_path / "secret").write_text(PASSPHRASE + "\n")
        chosen(pkcs12=signers.file("Solo Ltd"), passphrase_file=tmp_path / "secret")
        with identities.lent("solo") as identity:
            assert not identity.is_own


class TestWhatIsRefused:
    def refused(self, words, path=None, slug="lumenroll"):
        with pytest.raises(identities.NotSigned, match=words) as refusal:
            sign(path, slug)
        assert "Nothing was sealed" in str(refusal.value)

    def test_a_certificate_that_cannot_be_used(self, chosen, signers, tmp_path):
        for told, words in (
            ({"pkcs12": signers.file("Wrong Inc"), "passphrase": "another"}, "passphrase is another"),
            ({"pkcs12": tmp_path / "none.p12"}, "cannot be read"),
            ({"pkcs12": signers.file("Old Inc", ended=True), "passphrase": PASSPHRASE}, "is valid from"),
            ({"pkcs12": signers.file("Cipher Inc", signs=False), "passphrase": PASSPHRASE}, "not for signing"),
            ({"pkcs12": signers.file("Lost Inc"), "passphrase_file": tmp_path / "gone"}, "with the passphrase"),
            ({"pkcs11": "/usr/lib/no-such-module.so", "label": "seal"}, "PKCS#11"),
        ):
            chosen(**told)
            self.refused(words)

    def test_a_level_that_cannot_be_reached(self, printed, chosen, tsa, signers):
        mine = {"pkcs12": signers.file(), "passphrase": PASSPHRASE}
        for stamps, told, words in (
            (None, {"level": "B-T"}, "needs a time-stamping authority"),
            (tsa, {"level": "B-X"}, "it may say B-B"),
        ):
            chosen(stamps, **mine, **told)
            self.refused(words, printed[0])

    def test_an_authority_that_is_away_or_is_not_trusted(self, printed, chosen, settings, tsa, signers):
        chosen(tsa, pkcs12=signers.file(), passphrase=PASSPHRASE)
        settings.CLEARHOLD_TSA_CA = str(signers.roots)
        self.refused("not to be trusted", printed[0])
        printed[0].write_bytes(printed[1])
        settings.CLEARHOLD_TSA_URL = "http://127.0.0.1:9/"
        self.refused("does not answer", printed[0])

    def test_the_own_seal_when_others_could_read_its_key(self, printed, chosen, settings, tmp_path):
        settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
        own.ensure()
        (tmp_path / "keys" / own.FILE).chmod(0o644)
        with pytest.raises(Unavailable, match="read by others"):
            sign(printed[0])


@pytest.mark.django_db
class TestASealedPackage:
    def test_its_row_and_its_event_name_who_signed_what(self, engagement, people, org, chosen):  # noqa: F811
        package = sealed(engagement, people)
        row = Signature.objects.get(package=package)
        assert (row.level, row.is_own, row.stamped_at) == ("B-B", True, None)
        assert 0 < row.closed_bytes < package.size
        data = b"".join(services.pdf_bytes(package))
        assert verify.sha256(data).hex() == package.sha256 and verify.whole(data)[1] == row.closed_bytes
        event = Event.objects.get(kind="package.sealed")
        assert row.certificate_sha256.encode() in bytes(event.body) and b"Own seal" not in bytes(event.body)

    def test_what_cannot_be_signed_is_not_sealed(self, engagement, people, org, chosen, signers):  # noqa: F811
        package = under_review(engagement, people)
        services.seal(package.pk, actor=people.arun, reason="Read and agreed.")
        sequencer.run_once(org.pk)
        chosen(pkcs12=signers.file("Gone Inc"), passphrase="another")
        with pytest.raises(identities.NotSigned):
            services.perform_seal(package.pk, actor=people.arun, inside=inside, watch=still)
        package.refresh_from_db()
        assert package.state == State.IN_REVIEW
        assert not Signature.objects.exists() and not Event.objects.filter(kind="package.sealed").exists()

    def test_raw_sql_changes_no_signature_and_invents_none(self, engagement, people, org, chosen):  # noqa: F811
        package = sealed(engagement, people)
        draft = Package.objects.exclude(pk=package.pk).first() or under_review(engagement, people)
        insert = (
            "INSERT INTO package_signing_signature (id, organization_id, package_id, level, is_own, signer, issuer,"
            " certificate_sha256, signed_at, authority, closed_bytes) SELECT gen_random_uuid(), organization_id, %s, 'B-B',"
            " true, 'x', 'x', 'x', now(), '', 1 FROM package_signing_signature"
        )
        for statement, values in (
            ("UPDATE package_signing_signature SET signer = 'somebody else'", []),
            ("DELETE FROM package_signing_signature", []),
            ("TRUNCATE package_signing_signature", []),
            (insert, [draft.pk]),
            (insert, [package.pk]),
        ):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, values)
