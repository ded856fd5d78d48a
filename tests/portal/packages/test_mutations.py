"""Whatever is wrong with a package or a file beside it: verify.py and the portal name the same first thing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from evidence import tenancy
from evidence.ledger import verify
from evidence.organizations.models import Organization
from portal.packages import verification
from portal.packages.signing.models import Signature
from tests.contracts.conftest import shared_transaction  # noqa: F401
from tests.evidence.ledger import authority
from tests.people import hire
from tests.portal.packages import mutations, proven
from tests.portal.packages.signers import PASSPHRASE, Signers
from tests.tools import program


@pytest.fixture(scope="module")
def lasting(shared_transaction, tmp_path_factory):  # noqa: F811
    """Two issues, signed at B-LTA, and all cases made of them."""
    program("openssl")
    organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    tsa = authority.Authority(tmp_path_factory.mktemp("tsa"))
    with (
        Signers(tmp_path_factory.mktemp("signers")) as signers,
        authority.Served(tsa.reply) as served,
        override_settings(**signing(signers, served.url, tsa)),
        tenancy.entered(organization.pk),
    ):
        kept = proven.make(hire(organization), organization, tmp_path_factory.mktemp("house"))
        assert set(Signature.objects.values_list("level", flat=True)) == {"B-LTA"}
    return kept, list(mutations.cases(kept))


def signing(signers: Signers, url: str, tsa: authority.Authority) -> dict:
    told = {"pkcs12": str(signers.file()), "passphrase": PASSPHRASE, "level": "B-LTA", "ca": str(signers.roots)}
    names = ("pkcs12", "passphrase", "passphrase_file", "pkcs11", "token", "serial", "label", "level", "ca")
    return {
        "CLEARHOLD_SIGN": dict.fromkeys(names, "") | told,
        "CLEARHOLD_TSA_URL": url,
        "CLEARHOLD_TSA_CA": str(tsa.roots),
    }


def laid(case: mutations.Case, folder: Path) -> tuple[Path, list[Path]]:
    """The case on disk: the package, and what was kept from earlier."""
    for name, data in case.files.items():
        (folder / name).write_bytes(data)
    earlier = []
    if case.earlier is not None:
        earlier = [folder / "kept.pdf"]
        earlier[0].write_bytes(case.earlier)
    return folder / next(iter(case.files)), earlier


def test_both_name_the_same_first_thing(lasting, tmp_path):
    kept, cases = lasting
    assert len(cases) > 30
    wrong = []
    for number, case in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        path, earlier = laid(case, folder)
        keys = [kept.key] if case.key else []
        for check in (verify.check, verification.verify):
            found = check(path, keys=keys, earlier=earlier).plain()
            first = next(
                (each for each in found["checks"] if each["name"] == found["wrong"] and each["verdict"] != "holds"),
                None,
            )
            told = first["words"] if first else ""
            expected = (case.verdict, case.wrong)
            if case.deeper and check is verification.verify:
                expected = case.deeper
            if (found["verdict"], found["wrong"]) != expected or case.words not in told:
                wrong.append(f"{case.title}: {check.__module__} says {found['verdict']}, {found['wrong']}: {told}")
    assert not wrong, "\n".join(wrong)


def test_the_program_alone_says_it_by_its_exit_code(lasting, tmp_path):
    kept, cases = lasting
    codes = {mutations.HOLDS: 0, mutations.ALTERED: 1, mutations.UNREADABLE: 2}
    for verdict in codes:
        case = next(one for one in cases if one.verdict == verdict and one.key and one.earlier is None)
        folder = tmp_path / verdict
        folder.mkdir()
        path, _ = laid(case, folder)
        words = [sys.executable, "-I", verify.__file__, str(path), "--key", kept.key, "--json"]
        done = subprocess.run(words, env={}, capture_output=True)
        assert (done.returncode, json.loads(done.stdout)["verdict"]) == (codes[verdict], verdict)
