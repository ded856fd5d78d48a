"""Tokens of the tests' own: SoftHSM keeps them in a folder, and python-pkcs11 puts keys and certificates on them."""

import re
import subprocess
from pathlib import Path

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import Attribute
from pkcs11.util.ec import decode_ec_private_key
from pkcs11.util.rsa import decode_rsa_private_key
from pkcs11.util.x509 import decode_x509_certificate

from tests.tools import program

PIN, ADMIN_PIN = "pin-of-the-tests-7319", "admin-pin-of-the-tests"


class Tokens:
    """All tokens that the module sees while `environment` holds."""

    def __init__(self, folder: Path) -> None:
        self.tool, self.folder = program("softhsm2-util"), folder / "tokens"
        self.folder.mkdir()
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.folder}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(conf)}

    @property
    def module(self) -> str:
        places = ("/usr/lib/softhsm", "/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")
        return str(next(path for place in places for path in sorted(Path(place).glob("**/libsofthsm2.so"))))

    def make(self, label: str) -> str:
        """An empty token; its serial number."""
        before = self.serials()
        words = [self.tool, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", ADMIN_PIN]
        subprocess.run(words, env=self.environment, check=True, capture_output=True)
        [serial] = self.serials() - before
        return serial

    def serials(self) -> set[str]:
        told = subprocess.run(
            [self.tool, "--show-slots"], env=self.environment, check=True, capture_output=True, text=True
        )
        return set(re.findall(r"Serial number:[ \t]+(\S+)", told.stdout))

    def hold(self, serial: str, label: str, *, key=None, certificate=None) -> None:
        """Put a key, a certificate or both on a token, under one label. The environment must hold."""
        library = pkcs11.lib(self.module)
        library.reinitialize()
        token = next(slot.get_token() for slot in library.get_slots() if slot.get_token().serial == serial.encode())
        named = {Attribute.TOKEN: True, Attribute.LABEL: label, Attribute.ID: label.encode()}
        with token.open(rw=True, user_pin=PIN) as session:
            if key is not None:
                session.create_object(_told(key) | named | {Attribute.SIGN: True, Attribute.PRIVATE: True})
            if certificate is not None:
                session.create_object(decode_x509_certificate(certificate.public_bytes(Encoding.DER)) | named)


def _told(key) -> dict:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        form, read = PrivateFormat.TraditionalOpenSSL, decode_ec_private_key
    else:
        form, read = PrivateFormat.TraditionalOpenSSL, decode_rsa_private_key
    return read(key.private_bytes(Encoding.DER, form, NoEncryption()))
