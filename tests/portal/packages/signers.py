"""A certificate authority of the tests' own for people who sign packages: a root, an issuer with its list of revoked
certificates on the web, and certificates as PKCS#12."""

import http.server
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

PASSPHRASE = "a passphrase of the tests"
DAY = timedelta(days=1)


class Signers:
    """Serves the list of revoked certificates while it is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/pkix-crl")
                self.end_headers()
                self.wfile.write(outer.revoked())

            def log_message(self, *args) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.key, self.root = self._certificate("Root", None, authority=True)
        self.issuer_key, self.issuer = self._certificate("Issuer", (self.key, self.root), authority=True)
        self.roots = folder / "root.pem"
        self.roots.write_bytes(self.root.public_bytes(Encoding.PEM))

    def __enter__(self) -> "Signers":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        self.server.shutdown()
        self.server.server_close()

    def file(self, name: str = "Lumenroll Inc", *, signs: bool = True, ended: bool = False) -> Path:
        """A PKCS#12 file with a key, its certificate and the chain."""
        key, certificate = self.pair(name, signs=signs, ended=ended)
        path = self.folder / f"{name.split()[0].lower()}.p12"
        sealed = BestAvailableEncryption(PASSPHRASE.encode())
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"seal", key, certificate, [self.issuer, self.root], sealed))  # fmt: skip
        return path

    def pair(self, name: str = "Lumenroll Inc", **more):
        """A key and its certificate."""
        return self._certificate(name, (self.issuer_key, self.issuer), **more)

    def revoked(self) -> bytes:
        now = datetime.now(UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuer.subject)
            .last_update(now - DAY)
            .next_update(now + DAY)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuer_key.public_key()), critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
            .sign(self.issuer_key, hashes.SHA256())
        )  # fmt: skip
        return made.public_bytes(Encoding.DER)

    def _certificate(self, name, by, *, authority=False, signs=True, ended=False, key=None):
        key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test {name}")])
        issuer_key, issuer = by or (key, None)
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 60 * DAY)
            .not_valid_after(now - DAY if ended else now + 60 * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not authority and signs, content_commitment=False, key_encipherment=not signs,
                    data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
                    encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
        )  # fmt: skip
        if not authority:
            place = x509.UniformResourceIdentifier(f"http://127.0.0.1:{self.server.server_port}/revoked.crl")
            points = x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])
            built = built.add_extension(points, critical=False)
        return key, built.sign(issuer_key, hashes.SHA256())
