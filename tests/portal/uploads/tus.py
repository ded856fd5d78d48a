"""A small tus client over Django's test client, as a stranger would write it from the protocol's text."""

import base64
import hashlib

VERSION = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


def metadata(**told: str) -> str:
    return ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in told.items())


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def create(client, root: str, length: int, headers=None, **told: str):
    told = told or {"filename": "leavers.csv"}
    given = {**VERSION, "Upload-Length": str(length), "Upload-Metadata": metadata(**told)}
    return client.post(root, b"", content_type="application/json", headers={**given, **(headers or {})})


def head(client, url: str):
    return client.head(url, headers=VERSION)


def patch(client, url: str, offset: int, data: bytes, **headers: str):
    given = {**VERSION, "Upload-Offset": str(offset), **headers}
    return client.generic("PATCH", url, data, content_type=PIECE, headers=given)


def delete(client, url: str):
    return client.delete(url, headers=VERSION)
