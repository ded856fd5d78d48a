"""A time-stamping authority of the tests' own: `openssl ts` behind a few lines of HTTP."""

import http.server
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = {chain}
ess_cert_id_alg = sha256
"""


class Authority:
    """A root, an authority below it, and one below that which stamps; `others` is a root nobody here trusts."""

    def __init__(self, folder: Path, *, usage=ExtendedKeyUsageOID.TIME_STAMPING, chain: bool = False) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        root_key, self.root = _certificate("Root", None, None, authority=True)
        middle_key, self.middle = _certificate("Middle", self.root, root_key, authority=True)
        self.key, self.signer = _certificate("Stamps", self.middle, middle_key, usage=usage)
        self._write("root.pem", self.root)
        self._write("chain.pem", self.middle, self.root)
        self._write("signer.pem", self.signer)
        (folder / "key.pem").write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "serial").write_text("01")
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder, chain="yes" if chain else "no"))

    @property
    def roots(self) -> Path:
        return self.folder / "root.pem"

    def reply(self, query: bytes) -> bytes:
        """What `openssl ts` answers, with the certificates of the chain in it."""
        (self.folder / "query.tsq").write_bytes(query)
        subprocess.run(
            [
                "openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-signer", "signer.pem",
                "-inkey", "key.pem", "-chain", "chain.pem", "-out", "reply.tsr",
            ],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()

    def confirms(self, token: bytes, data: bytes) -> bool:
        """The second witness: `openssl ts -verify`."""
        (self.folder / "token.der").write_bytes(token)
        (self.folder / "data").write_bytes(data)
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "data", "-CAfile", "root.pem",
             "-untrusted", "chain.pem"],
            cwd=self.folder, check=False, capture_output=True,
        )  # fmt: skip
        return done.returncode == 0

    def _write(self, name: str, *certificates: x509.Certificate) -> None:
        pem = serialization.Encoding.PEM
        (self.folder / name).write_bytes(b"".join(each.public_bytes(pem) for each in certificates))


def _certificate(name, issuer, issuer_key, *, authority=False, usage=None):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test {name}")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer_key or key).public_key()), critical=False
        )
        .add_extension(_usage(authority), critical=True)
    )
    if usage is not None:
        built = built.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return key, built.sign(issuer_key or key, hashes.SHA256())


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Served:
    """The authority at a web address."""

    def __init__(self, answer) -> None:
        outer = self
        self.asked: list[bytes] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(query)
                reply = answer(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *args) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "Served":
        self._thread.start()
        return self

    def __exit__(self, *exc) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def is_here() -> bool:
    return shutil.which("openssl") is not None
