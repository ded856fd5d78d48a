"""What a seal costs: the same package printed with and without its signature, and the signature alone, at B-LTA.

Certificates and the time-stamping authority are the tests' own, on this machine. What `openssl` uses to make the stamps is
the authority's work and is not counted.
"""

import multiprocessing
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pikepdf
from django.test import override_settings

from bench.figures import Figure, figure
from bench.server import peak_mb
from portal.packages.signing import identities, pades
from tests.evidence.ledger.authority import Authority, Served
from tests.portal.packages.signers import PASSPHRASE, Signers

#: PACKAGE.md section 5 reckons with 0.2 CPU seconds for each signature; B-LTA has two, of the signer and of the authority.
LIMIT_SECONDS = 2 * 0.2
ADDED_MB = 64
ROUNDS = 5
BULK_BYTES = 400 << 20


def measure(found: list[Figure], var: Path, package: Path, unsigned_seconds: float, name: str) -> None:
    """Append what a seal costs against the same file written without one, and that no file is read into memory whole."""
    with _settings(var / "signing"):
        seconds = min(_signed(package, var) for _ in range(ROUNDS))
        added = _added_mb(package, var)
        of_large = _added_mb(_large(package, var), var)
    whole = unsigned_seconds + seconds
    found.append(figure(f"{name}: signature at B-LTA", seconds, "CPU s", limit=LIMIT_SECONDS))
    found.append(figure(f"{name}: sealed, against unsigned", whole, "CPU s", reference=unsigned_seconds, limit=1.1))
    found.append(figure(f"{name}: memory that signing adds", added, "MB", limit=ADDED_MB))
    found.append(figure(f"signature of {BULK_BYTES >> 20} MB more: memory it adds", of_large, "MB", limit=ADDED_MB))


@contextmanager
def _settings(folder: Path) -> Iterator[None]:
    authority = Authority(folder / "tsa")
    with Signers(folder / "signers") as signers, Served(authority.reply) as served:
        named = ("pkcs12", "passphrase", "passphrase_file", "pkcs11", "token", "serial", "label", "level", "ca")
        told = {"pkcs12": str(signers.file()), "passphrase": PASSPHRASE, "level": "B-LTA", "ca": str(signers.roots)}
        with override_settings(
            CLEARHOLD_SIGN=dict.fromkeys(named, "") | told,
            CLEARHOLD_TSA_URL=served.url,
            CLEARHOLD_TSA_CA=str(authority.roots),
        ):
            yield


def _signed(package: Path, var: Path) -> float:
    """The CPU seconds of one signature."""
    target = var / "signed.pdf"
    shutil.copyfile(package, target)
    before = _used()
    with identities.lent("bench") as identity:
        pades.sign(target, identity)
    return _used() - before


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _added_mb(package: Path, var: Path) -> float:
    """By how much a process grows at most while it signs."""
    beside = multiprocessing.get_context("fork")
    answers = beside.SimpleQueue()

    def sign() -> None:
        Path("/proc/self/clear_refs").write_text("5")
        before = peak_mb(os.getpid())
        _signed(package, var)
        answers.put(peak_mb(os.getpid()) - before)

    child = beside.Process(target=sign)
    child.start()
    child.join(600)
    if child.exitcode:
        raise RuntimeError("signing failed")
    added: float = answers.get()
    return added


def _large(package: Path, var: Path) -> Path:
    """The same with a large file attached."""
    target = var / "large.pdf"
    with pikepdf.open(package) as pdf:
        pdf.attachments["bulk.bin"] = pikepdf.AttachedFileSpec(pdf, bytes(BULK_BYTES), filename="bulk.bin")
        pdf.save(target, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return target
