"""A small key management service over HTTP, and the keyring that asks it: what an operator's own would look like.

The service keeps its keys to itself, binds each wrapping to the context it is given, and can be away.
"""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evidence.vault.keys import KeyMissing, KeysUnavailable, Wrapped
from evidence.vault.sealing import WrongKey

ADDRESS = "KMS_OF_THE_TESTS"


class Keyring:
    """Asks the service at the address in the environment; the first of its keys wraps."""

    @property
    def current(self) -> str:
        return self.known()[0]

    def known(self) -> list[str]:
        return list(self._ask("keys")["keys"])

    def wrap(self, data_key, *, blob_id):
        kek_id = self.current
        answer = self._ask("encrypt", key=kek_id, data=base64.b64encode(data_key).decode(), context=str(blob_id))
        return Wrapped(kek_id, base64.b64decode(answer["data"]))

    def unwrap(self, wrapped, *, blob_id):
        data = base64.b64encode(wrapped.data).decode()
        return base64.b64decode(self._ask("decrypt", key=wrapped.kek_id, data=data, context=str(blob_id))["data"])

    def _ask(self, act: str, **given: str) -> dict:
        request = Request(f"{os.environ[ADDRESS]}/{act}", json.dumps(given).encode())
        try:
            with urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except HTTPError as refusal:
            with refusal:
                if refusal.code == 404:
                    raise KeyMissing(f"The key service has no key {given['key']}.") from None
                raise WrongKey(f"The key service doesn't open this with {given['key']}.") from None
        except OSError as fault:
            raise KeysUnavailable("The key service does not answer. Try again later.") from fault


class Service:
    """The service's own side: its keys, and a switch."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def turn(self, kek_id: str) -> None:
        """A new key that wraps from now on; the others still open."""
        self.keys = {kek_id: os.urandom(32), **self.keys}

    def answer(self, act: str, given: dict) -> tuple[int, dict]:
        if act == "keys":
            return 200, {"keys": list(self.keys)}
        if given["key"] not in self.keys:
            return 404, {}
        cipher, context = AESGCM(self.keys[given["key"]]), given["context"].encode()
        data = base64.b64decode(given["data"])
        try:
            if act == "encrypt":
                nonce = os.urandom(12)
                made = nonce + cipher.encrypt(nonce, data, context)
            else:
                made = cipher.decrypt(data[:12], data[12:], context)
        except (InvalidTag, ValueError):
            return 400, {}
        return 200, {"data": base64.b64encode(made).decode()}


@contextmanager
def serving() -> Iterator[tuple[Service, str]]:
    """The service and its address, for the block."""
    service = Service()
    service.turn("kms-1")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = service.answer(self.path.strip("/"), given)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
