"""tus 1.0: created, sent in pieces of any size, gone on with after a break, checked, recorded with the last piece."""

import hashlib
import io
import os
from datetime import timedelta

import pytest

from evidence import clock
from evidence.artifacts.models import Artifact, ArtifactVersion
from evidence.controls import services as controls
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.uploads import services as uploads
from evidence.uploads.models import Part, State, Upload
from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.jobs import sweeps
from tests.portal.evidence_store import stored_files
from tests.portal.uploads import tus
from tests.portal.uploads.conftest import caller

KB = 1024
DATA = os.urandom(300 * KB + 17)


def begun(api, data=DATA, **told) -> str:
    answer = tus.create(api, api.root, len(data), **told)
    assert answer.status_code == 201, answer.content
    return answer["Location"]


def nothing_is_recorded() -> bool:
    return not (Artifact.objects.exists() or Blob.objects.exists())


def plain_of(version: ArtifactVersion) -> bytes:
    return b"".join(vault.open(version.blob))


def test_a_creation_says_what_is_spoken_and_where_to_go_on(api):
    answer = tus.create(api, api.root, 10)
    assert answer["Location"].startswith(api.root)
    assert answer["Tus-Resumable"] == answer["Tus-Version"] == "1.0.0"
    assert answer["Tus-Extension"] == "creation,termination,checksum,expiration"
    assert answer["Tus-Max-Size"] == str(5 * 1024**3)
    assert "GMT" in answer["Upload-Expires"]
    state = tus.head(api, answer["Location"])
    assert (state.status_code, state["Upload-Offset"], state["Upload-Length"]) == (200, "0", "10")
    assert state["Cache-Control"] == "no-store"


@pytest.mark.parametrize("size", [1, 1000, 64 * KB, 65 * KB, len(DATA)])
def test_pieces_of_any_size_become_the_file_that_was_sent(api, committed, size):
    data = DATA[:40] if size == 1 else DATA
    url, at = begun(api, data, filename="leavers.csv", title="Leavers", kind="log"), 0
    with committed():
        while at < len(data):
            answer = tus.patch(api, url, at, data[at : at + size])
            assert answer.status_code == 204, answer.content
            at = int(answer["Upload-Offset"])
    version = ArtifactVersion.objects.get()
    assert plain_of(version) == data
    assert version.sha256 == hashlib.sha256(data).hexdigest()
    assert (version.artifact.title, version.artifact.kind, version.filename) == ("Leavers", "log", "leavers.csv")
    assert answer["Clearhold-Evidence"] == version.artifact.ref == "E-001"
    assert Event.objects.get(kind="artifact.received").via == "token"
    assert Part.objects.count() == 0
    assert [path for path in stored_files() if "parts" in path.parts] == []


def test_an_empty_file_is_recorded_when_it_is_begun(api):
    answer = tus.create(api, api.root, 0, filename="empty.txt")
    assert answer.status_code == 201
    assert answer["Clearhold-Evidence"] == "E-001"
    assert ArtifactVersion.objects.get().size == 0
    assert tus.head(api, answer["Location"])["Upload-Offset"] == "0"


def test_what_is_stated_when_it_begins_is_recorded_when_it_ends(api, people):
    controls.create(controls.ControlFacts(title="Leavers", frequency="weekly"), actor=people.maya)
    url = begun(api, b"a,b\n", filename="a.csv", control="AC-01", period_from="2026-09-01", period_to="2026-09-30",
                source_system="Salesforce", row_count="1", query="SELECT Id", filetype="text/csv")  # fmt: skip
    assert tus.patch(api, url, 0, b"a,b\n").status_code == 204
    version = ArtifactVersion.objects.get()
    assert (version.source_system, version.row_count, version.claimed_mime) == ("Salesforce", 1, "text/csv")
    assert version.period_from.isoformat() == "2026-09-01"
    assert version.artifact.links.get().target_ref == "AC-01"


def test_facts_that_could_not_be_recorded_are_refused_before_a_byte_is_sent(api):
    for told in ({"kind": "rumour"}, {"control": "AC-99"}, {"finding": "F-999"}, {"task": "T-999"}, {"row_count": "many"},
                 {"title": "t" * 201}, {"period_from": "2026-01-01"}):  # fmt: skip
        assert tus.create(api, api.root, 10, filename="a", **told).status_code == 422, told
    assert tus.create(api, api.root, 10, filename="a", artifact="E-999").status_code == 404
    assert Upload.objects.count() == 0


def test_a_new_version_of_evidence_comes_in_pieces_too(api):
    tus.patch(api, begun(api, b"one", filename="a.txt"), 0, b"one")
    url = begun(api, b"two!", filename="a.txt", artifact="E-001", version="1")
    tus.patch(api, url, 0, b"tw")
    answer = tus.patch(api, url, 2, b"o!")
    assert answer["Clearhold-Evidence"] == "E-001"
    assert [plain_of(row) for row in ArtifactVersion.objects.order_by("number")] == [b"one", b"two!"]
    assert tus.create(api, api.root, 4, filename="a", artifact="E-001", version="1").status_code == 412


def test_a_file_over_the_organizations_limit_is_refused_when_it_begins(api, org, people):
    organizations.set_policy("uploads", {"limit_bytes": 1000}, actor=people.adam)
    answer = tus.create(api, api.root, 1001)
    assert answer.status_code == 413
    assert "Nothing was read" in answer.json()["title"]
    assert tus.create(api, api.root, 1000).status_code == 201


def test_another_offset_is_refused_and_the_right_one_told(api):
    url = begun(api)
    tus.patch(api, url, 0, DATA[:1000])
    for offset in (0, 999, 1001):
        answer = tus.patch(api, url, offset, DATA[offset : offset + 100])
        assert (answer.status_code, answer["Upload-Offset"], answer["Tus-Resumable"]) == (409, "1000", "1.0.0")
        assert answer.json()["code"] == "offset_differs"
    assert tus.head(api, url)["Upload-Offset"] == "1000"
    assert len(stored_files()) == 1


def test_more_than_was_announced_is_refused_with_and_without_a_length(api):
    url = begun(api, b"12345")
    assert tus.patch(api, url, 0, b"123456").status_code == 413
    endless = {"wsgi.input": io.BytesIO(b"123456"), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = api.generic(
        "PATCH", url, b"123456", content_type=tus.PIECE, headers={**tus.VERSION, "Upload-Offset": "0"}, **endless
    )
    assert answer.status_code == 413
    assert tus.head(api, url)["Upload-Offset"] == "0"
    assert stored_files() == []


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_piece_is_kept_only_when_its_checksum_fits(api, algorithm):
    url, head, rest = begun(api), DATA[:1000], DATA[1000:]
    wrong = tus.patch(api, url, 0, b"x" + head[1:], **{"Upload-Checksum": tus.checksum(head, algorithm)})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_differs")
    assert stored_files() == []
    assert tus.head(api, url)["Upload-Offset"] == "0"
    for at, data in ((0, head), (1000, rest)):
        assert tus.patch(api, url, at, data, **{"Upload-Checksum": tus.checksum(data, algorithm)}).status_code == 204
    assert plain_of(ArtifactVersion.objects.get()) == DATA


def test_a_file_that_differs_from_its_announced_digest_is_not_kept(api, committed):
    url = begun(api, b"12345", filename="a", sha256=hashlib.sha256(b"12346").hexdigest())
    with committed():
        tus.patch(api, url, 0, b"123")
        answer = tus.patch(api, url, 3, b"45")
    assert (answer.status_code, answer.json()["code"]) == (422, "digest_differs")
    assert nothing_is_recorded()
    assert stored_files() == []
    assert tus.head(api, url).status_code == 410


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Upload-Checksum", "md5 AAAA", 400),
        ("Upload-Checksum", "sha256 ??", 400),
        ("Upload-Checksum", "sha256 AAAA", 400),
        ("Upload-Offset", "-1", 400),
        ("Upload-Offset", "9" * 40, 400),
        ("Upload-Offset", "", 400),
        ("Tus-Resumable", "0.2.2", 412),
    ],
)
def test_headers_that_cant_be_read_are_refused(api, header, value, status):
    url = begun(api)
    answer = tus.patch(api, url, 0, DATA, **{header: value})
    assert answer.status_code == status, answer.content
    assert answer["Tus-Resumable"] == "1.0.0"
    assert ("Tus-Version" in answer) == (status == 412)
    assert stored_files() == []


@pytest.mark.parametrize("header", [{"Upload-Length": "many"}, {"Upload-Length": "-5"}, {"Upload-Metadata": "a ?"},
                                    {"Upload-Metadata": "a /w=="}, {"Upload-Defer-Length": "1"},
                                    {"Upload-Metadata": "sha256 MTI="}])  # fmt: skip
def test_a_creation_that_cant_be_read_begins_nothing(api, header):
    assert tus.create(api, api.root, 10, headers=header).status_code == 400
    assert Upload.objects.count() == 0


def test_a_piece_of_another_type_is_refused(api):
    url = begun(api)
    answer = api.generic("PATCH", url, DATA, content_type="text/csv", headers={**tus.VERSION, "Upload-Offset": "0"})
    assert answer.status_code == 415
    assert tus.head(api, url)["Upload-Offset"] == "0"


def broken_off(api, url: str, offset: int, data: bytes, **headers: str):
    stream = {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data) + 500)}
    given = {**tus.VERSION, "Upload-Offset": str(offset), **headers}
    return api.generic("PATCH", url, data, content_type=tus.PIECE, headers=given, **stream)


def test_of_a_piece_that_breaks_off_what_came_is_kept(api):
    url = begun(api)
    broken_off(api, url, 0, DATA[:70_000])
    assert tus.head(api, url)["Upload-Offset"] == "70000"
    assert tus.patch(api, url, 70_000, DATA[70_000:]).status_code == 204
    assert plain_of(ArtifactVersion.objects.get()) == DATA


def test_of_a_piece_with_a_checksum_that_breaks_off_nothing_is_kept(api):
    url = begun(api)
    answer = broken_off(api, url, 0, DATA[:70_000], **{"Upload-Checksum": tus.checksum(DATA)})
    assert answer.json()["code"] == "upload_interrupted"
    assert tus.head(api, url)["Upload-Offset"] == "0"
    assert stored_files() == []


def test_the_last_piece_sent_again_answers_with_the_evidence_it_made(api):
    url = begun(api, b"12345")
    tus.patch(api, url, 0, b"123")
    first, again = tus.patch(api, url, 3, b"45"), tus.patch(api, url, 3, b"45")
    assert first["Clearhold-Evidence"] == again["Clearhold-Evidence"] == "E-001"
    assert again.status_code == 204
    assert tus.head(api, url)["Clearhold-Evidence"] == "E-001"
    assert api.get(url).json()["evidence"] == "E-001"
    assert tus.patch(api, url, 0, b"1").status_code == 409
    assert Artifact.objects.count() == 1


def test_a_refusal_at_the_end_leaves_what_came_before(api, committed, monkeypatch):
    url = begun(api, b"12345")
    tus.patch(api, url, 0, b"123")

    def full(*args, **kwargs):
        raise vault.TooLarge("no")

    with monkeypatch.context() as patched:
        patched.setattr("portal.web.tus.keep", full)
        assert tus.patch(api, url, 3, b"45").status_code == 413
    assert nothing_is_recorded()
    assert tus.head(api, url)["Upload-Offset"] == "3"
    with committed():
        assert tus.patch(api, url, 3, b"45")["Clearhold-Evidence"] == "E-001"
    assert len(stored_files()) == 1


def test_nobody_goes_on_with_or_learns_of_anothers_upload(api, org, people):
    url = begun(api)
    tus.patch(api, url, 0, DATA[:1000])
    other = caller(org, people.maya)
    for answer in (
        tus.head(other, url),
        tus.patch(other, url, 1000, DATA[1000:]),
        tus.delete(other, url),
        other.get(url),
    ):
        assert answer.status_code == 404
    assert other.get(other.root).json() == {"results": []}
    assert len(api.get(api.root).json()["results"]) == 1
    assert nothing_is_recorded()
    assert tus.patch(api, url, 1000, DATA[1000:]).status_code == 204
    assert ArtifactVersion.objects.get().uploaded_by_id == people.ines.person_id
    # Also what is recorded tells another nothing.
    assert tus.head(other, url).status_code == 404


def test_another_token_of_the_same_person_goes_on(api, org, people):
    url = begun(api)
    tus.patch(api, url, 0, DATA[:1000])
    assert tus.patch(caller(org, people.ines), url, 1000, DATA[1000:])["Clearhold-Evidence"] == "E-001"


def test_an_upload_is_given_up_and_its_pieces_go(api, committed):
    url = begun(api)
    tus.patch(api, url, 0, DATA[:1000])
    with committed():
        assert tus.delete(api, url).status_code == 204
    assert stored_files() == []
    assert Part.objects.count() == 0
    assert tus.head(api, url).status_code == 410
    assert tus.patch(api, url, 1000, b"x").status_code == 410


def test_evidence_is_not_removed_by_giving_its_upload_up(api):
    url = begun(api, b"1")
    tus.patch(api, url, 0, b"1")
    answer = tus.delete(api, url)
    assert (answer.status_code, answer.json()["code"]) == (409, "recorded")
    assert Artifact.objects.count() == 1


def test_an_upload_runs_out_after_seven_days_without_a_piece_and_is_swept(api, org, committed):
    url, idle = begun(api), begun(api)
    soon, later = clock.now() + timedelta(days=6), clock.now() + timedelta(days=8)
    with clock.at(soon):
        tus.patch(api, url, 0, DATA[:1000])
    with clock.at(later):
        assert tus.head(api, idle).status_code == 410
        assert tus.head(api, url).status_code == 200
        with committed():
            sweeps.clear_uploads(org.pk)
        assert tus.head(api, url)["Upload-Offset"] == "1000"
    with clock.at(later + timedelta(days=6)), committed():
        sweeps.clear_uploads(org.pk)
    assert stored_files() == []
    assert {row.state for row in Upload.objects.all()} == {State.EXPIRED}
    with clock.at(later + timedelta(days=30)):
        sweeps.clear_uploads(org.pk)
    assert Upload.objects.count() == 0


def test_pieces_that_no_upload_names_are_swept_after_a_day(api, org):
    url = begun(api)
    tus.patch(api, url, 0, DATA[:1000])
    row = Upload.objects.get()
    orphan = uploads.write(row, io.BytesIO(b"never counted"), offset=1000)
    assert len(stored_files()) == 2
    sweeps.clear_uploads(org.pk)
    assert len(stored_files()) == 2
    with clock.at(clock.now() + timedelta(hours=25)):
        sweeps.clear_uploads(org.pk)
    assert [path.name for path in stored_files()] == [Part.objects.get().pk.hex] != [orphan.id.hex]
    assert tus.patch(api, url, 1000, DATA[1000:]).status_code == 204


def test_begun_twice_with_one_key_it_is_one_upload(api):
    key = {"Idempotency-Key": "build-7"}
    first, again = (tus.create(api, api.root, 10, headers=key) for _ in range(2))
    assert first["Location"] == again["Location"]
    assert again["Idempotency-Replayed"] == "true"
    assert tus.create(api, api.root, 11, headers=key).status_code in (409, 422)
    assert Upload.objects.count() == 1


def test_a_person_has_a_hundred_uploads_under_way_and_no_more(api, monkeypatch):
    monkeypatch.setattr(uploads, "AT_ONCE", 3)
    urls = [begun(api) for _ in range(3)]
    answer = tus.create(api, api.root, 10)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_uploads")
    tus.delete(api, urls[0])
    assert tus.create(api, api.root, 10).status_code == 201


def test_a_file_in_too_many_pieces_is_refused(api, monkeypatch):
    monkeypatch.setattr(uploads, "PARTS_MOST", 2)
    url = begun(api)
    for at in (0, 1):
        assert tus.patch(api, url, at, DATA[at : at + 1]).status_code == 204
    answer = tus.patch(api, url, 2, DATA[2:])
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_pieces")


def test_nothing_plain_lies_on_disk_while_a_file_comes(api):
    canary = b"a sentence that nobody may read on the disk"
    url = begun(api, canary * 4000)
    tus.patch(api, url, 0, canary * 3000)
    [piece] = stored_files()
    assert canary not in piece.read_bytes()
    assert piece.stat().st_size > len(canary) * 3000
