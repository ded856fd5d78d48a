"""What is odd about a file is met in the same way whether it comes raw, in a form or in pieces."""

import hashlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evidence.artifacts.models import ArtifactVersion
from evidence.vault import services as vault
from tests.portal.evidence_store import stored_files
from tests.portal.uploads import tus

Send = Callable[..., int]


def raw(api, name: str, data: bytes, sha256: str = "") -> int:
    headers = {"X-SHA256": sha256} if sha256 else {}
    address = f"{api.push}?filename={quote(name)}"
    return api.post(address, data, content_type="application/octet-stream", headers=headers).status_code


def form(api, name: str, data: bytes, sha256: str = "") -> int:
    headers = {"X-SHA256": sha256} if sha256 else {}
    return api.post(api.push, {"file": SimpleUploadedFile(name, data)}, headers=headers).status_code


def pieces(api, name: str, data: bytes, sha256: str = "") -> int:
    begun = tus.create(api, api.root, len(data), filename=name, **({"sha256": sha256} if sha256 else {}))
    status, middle = begun.status_code, len(data) // 2
    for start, end in ((0, middle), (middle, len(data))):
        if status < 300 and start < end:
            status = tus.patch(api, begun["Location"], start, data[start:end]).status_code
    return status


@pytest.fixture(params=[raw, form, pieces], ids=lambda way: way.__name__)
def send(request) -> Send:
    return request.param


def test_an_empty_file_is_kept_as_what_it_is(api, send):
    assert send(api, "empty.txt", b"") < 300
    version = ArtifactVersion.objects.get()
    assert (version.size, version.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert list(vault.open(version.blob)) == []


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("r" * 300 + ".csv", ".csv"),
        ("\u00e9" * 150 + ".csv", ".csv"),
        ("invoice\u202egpj.exe", ".exe"),
        ("\u200bhidden\u2066.pdf", ".pdf"),
    ],
)
def test_long_and_misleading_names_are_shown_shortened_and_without_their_tricks(api, send, name, ending):
    assert send(api, name, b"week,result\n") < 300
    kept = ArtifactVersion.objects.get().filename
    assert len(kept.encode()) <= 200
    assert kept.endswith(ending)
    assert not set(kept) & {"\u202e", "\u2066", "\u200b"}


def test_a_file_that_differs_from_its_digest_leaves_nothing(api, send, committed):
    with committed():
        assert send(api, "a.csv", b"week,result\n", hashlib.sha256(b"another").hexdigest()) == 422
    assert not ArtifactVersion.objects.exists()
    assert stored_files() == []


def test_a_file_that_is_what_its_digest_says_is_kept(api, send):
    data = b"week,result\nW12,OK\n"
    assert send(api, "a.csv", data, hashlib.sha256(data).hexdigest()) < 300
    assert b"".join(vault.open(ArtifactVersion.objects.get().blob)) == data
