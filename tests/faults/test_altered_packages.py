"""Whatever byte of a package is altered, by accident or by a forger who mends what he can: it never holds, and is named."""

import base64
import json
import re
import shutil
from pathlib import Path

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from evidence.ledger import notes, verify
from portal.packages import binding, verification
from tests.portal.packages.proven import unpacked

pytestmark = pytest.mark.django_db

TLOG = "PKG-0001-issue-2.pdf.tlog-proof"


def first_wrong(package):
    assert package.verdict in (verify.ALTERED, verify.UNREADABLE), package.told()
    return package.first_wrong.name


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def copied(kept, folder: Path, data: bytes) -> Path:
    target = folder / kept.second.name
    target.write_bytes(data)
    shutil.copyfile(kept.second.with_name(TLOG), folder / TLOG)
    return target


class TestEachPlaceOfThePdf:
    def places(self, data: bytes) -> dict[str, int]:
        """In what the fingerprint closes; a signature stands behind it."""
        data = data[: verify.whole(data)[1]]
        found = {"header": 5, "page": data.index(b"stream\n") + 20, "middle": len(data) // 2, "end": len(data) - 3}
        found["cross-reference"] = int(re.search(rb"startxref\s+(\d+)", data[-64:])[1]) + 40
        identifiers = list(binding.IDENTIFIERS.finditer(data))[-1]
        found |= {"manifest's hash": identifiers.start(1), "fingerprint": identifiers.start(2)}
        for number, each in enumerate(re.finditer(rb"/Type /EmbeddedFile", data)):
            found[f"attachment {number}"] = data.index(b"stream\n", each.end()) + 9
        return found

    def test_a_flipped_bit_is_an_altered_file(self, kept, tmp_path):
        data = kept.second.read_bytes()
        places = self.places(data)
        assert len(places) == 7 + 18
        for what, place in places.items():
            package = verify.check(copied(kept, tmp_path, flipped(data, place)), keys=[kept.key])
            assert (package.verdict, first_wrong(package)) == (verify.ALTERED, "file"), what

    def test_a_flipped_bit_of_the_signature_is_another_file(self, kept, tmp_path):
        data = kept.second.read_bytes()
        closed = verify.whole(data)[1]
        assert closed < len(data), "a sealed package is signed"
        for place in (closed + 9, (closed + len(data)) // 2, len(data) - 3):
            path = copied(kept, tmp_path, flipped(data, place))
            package = verify.check(path, keys=[kept.key])
            assert (package.verdict, first_wrong(package)) == (verify.ALTERED, "proof")
            path.with_name(TLOG).unlink()
            package = verify.check(path, keys=[kept.key], partial=True)
            assert package.verdict == verify.HOLDS
            assert any(f"only its first {closed:,} bytes are checked" in each for each in package.uncovered)

    def test_what_is_put_behind_an_unsigned_end_is_no_package(self, kept, tmp_path):
        data = kept.second.read_bytes()
        path = copied(kept, tmp_path, data[: verify.whole(data)[1]] + b"7 0 obj\n<<>>\nendobj\n%%EOF\n")
        package = verify.check(path, keys=[kept.key], partial=True)
        assert (package.verdict, first_wrong(package)) == (verify.ALTERED, "file")

    def test_an_attachment_that_a_later_revision_exchanges_is_seen_by_the_portal(self, kept, tmp_path):
        data = kept.second.read_bytes()
        path = copied(kept, tmp_path, data)
        with path.open("r+b") as file:
            writer = IncrementalPdfFileWriter(file)
            one, other = (each.get_object() for each in list(writer.root["/AF"])[:2])
            one["/EF"], other["/EF"] = other["/EF"], one["/EF"]
            writer.update_container(one), writer.update_container(other)
            writer.write_in_place()
        path.with_name(TLOG).unlink()
        assert verify.check(path, keys=[kept.key], partial=True).verdict == verify.HOLDS, "what was closed is whole"
        assert first_wrong(verification.verify(path, keys=[kept.key], partial=True)) == "names"

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def test_no_bit_anywhere_can_change(self, kept, tmp_path, share, bit):
        data = bytearray(kept.second.read_bytes())
        data[int(share * len(data))] ^= 1 << bit
        assert verify.check(copied(kept, tmp_path, bytes(data)), keys=[kept.key]).verdict != verify.HOLDS

    def test_bytes_cut_off_or_put_behind_are_noticed(self, kept, tmp_path):
        data = kept.second.read_bytes()
        for altered in (data[:-1], data + b"\n", data[: len(data) // 2], data[1000:], data + data):
            assert verify.check(copied(kept, tmp_path, altered), keys=[kept.key]).verdict != verify.HOLDS


class TestAForgerWhoClosesThePdfAnew:
    """The fingerprint is no secret: whoever alters a PDF can compute it again."""

    def closed_anew(self, kept, tmp_path, change) -> Path:
        target = copied(kept, tmp_path, b"")
        with pikepdf.open(kept.second) as pdf:
            change(pdf)
            pdf.save(target, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        binding.seal(target)
        assert binding.is_whole(target.read_bytes())
        return target

    def test_an_altered_page_is_not_the_recorded_file(self, kept, tmp_path):
        def change(pdf):
            pdf.pages[0].contents_add(b"BT ET")

        package = verify.check(self.closed_anew(kept, tmp_path, change), keys=[kept.key])
        assert first_wrong(package) == "proof"

    def test_an_altered_attachment_is_named(self, kept, tmp_path):
        for name in ("E-001-leavers 1.csv", "snapshot.json", "events.ndjson", "verify.py"):

            def change(pdf, name=name):
                data = pdf.attachments[name].get_file().read_bytes()
                pdf.attachments[name].get_file().obj.write(flipped(data, len(data) // 2))

            path = self.closed_anew(kept, tmp_path, change)
            for partial in (False, True):
                package = verify.check(path, keys=[kept.key], partial=partial)
                assert first_wrong(package) == "attachments"
                assert name in package.first_wrong.words

    def test_another_manifest_is_not_the_one_the_pdf_was_made_with(self, kept, tmp_path):
        def change(pdf):
            data = pdf.attachments["manifest.json"].get_file().read_bytes()
            pdf.attachments["manifest.json"].get_file().obj.write(data.replace(b"sealed", b"SEALED"))

        package = verify.check(self.closed_anew(kept, tmp_path, change), keys=[kept.key])
        assert first_wrong(package) == "manifest"

    def test_a_file_put_among_the_attachments_is_noticed(self, kept, tmp_path):
        def change(pdf):
            pdf.attachments["extra.txt"] = pikepdf.AttachedFileSpec(pdf, b"more", filename="extra.txt")

        package = verify.check(self.closed_anew(kept, tmp_path, change), keys=[kept.key])
        assert first_wrong(package) == "attachments"

    def test_names_that_were_exchanged_are_noticed_by_the_portal(self, kept, tmp_path):
        def change(pdf):
            one, other = "E-001-leavers 1.csv", "E-002-leavers 2.csv"
            first, second = pdf.attachments[one].obj, pdf.attachments[other].obj
            first.EF, second.EF = second.EF, first.EF

        path = self.closed_anew(kept, tmp_path, change)
        assert verify.check(path, keys=[kept.key]).verdict == verify.ALTERED
        assert first_wrong(verification.verify(path, keys=[kept.key], partial=True)) in ("proof", "names")


def lines(path: Path, change) -> None:
    path.write_text("\n".join(change(path.read_text().split("\n"))))


def other_hash(line: str) -> str:
    raw = base64.b64decode(line)
    return base64.b64encode(flipped(raw, 7)).decode()


def with_hash(number):
    """Another hash in that line of a proof."""
    return lambda said: [*said[:number], other_hash(said[number]), *said[number + 1 :]]


def signed_otherwise(said):
    at = max(index for index, line in enumerate(said) if line.startswith("—"))
    dash, name, signature = said[at].split(" ")
    return [*said[:at], f"{dash} {name} {base64.b64encode(flipped(base64.b64decode(signature), 30)).decode()}", *said[at + 1 :]]  # fmt: skip


def replaced(old, new):
    def change(said):
        text = "\n".join(said)
        assert old in text
        return text.replace(old, new, 1).split("\n")

    return change


def event_changed(said):
    body = base64.b64decode(said[1].removeprefix("extra "))
    return [said[0], "extra " + base64.b64encode(body.replace(b"sealed", b"SEALED")).decode(), *said[2:]]


PROOF_BESIDE = {
    "a hash of the path": with_hash(3),
    "the signature": signed_otherwise,
    "the event's bytes": event_changed,
    "the index": replaced("index ", "index 1"),
    "the size": lambda said: [*said[:-5], str(int(said[-5]) + 1), *said[-4:]],
    "the root": with_hash(-4),
    "the origin": replaced("\nclearhold/", "\nclearhald/"),
    "the header": replaced("@v1", "@v2"),
    "a hash more": lambda said: [*said[:3], said[3], *said[3:]],
    "a hash less": lambda said: [*said[:3], *said[4:]],
    "all but the header": lambda said: said[:1],
}


class TestTheProofBesideIt:
    @pytest.mark.parametrize("what", PROOF_BESIDE)
    def test_no_part_of_it_can_change(self, kept, tmp_path, what):
        path = copied(kept, tmp_path, kept.second.read_bytes())
        lines(tmp_path / TLOG, PROOF_BESIDE[what])
        assert first_wrong(verify.check(path, keys=[kept.key])) == "proof"

    def test_that_of_another_package_does_not_serve(self, kept, tmp_path):
        path = copied(kept, tmp_path, kept.second.read_bytes())
        shutil.copyfile(kept.first.with_name(kept.first.name + ".tlog-proof"), tmp_path / TLOG)
        assert first_wrong(verify.check(path, keys=[kept.key])) == "proof"


def mended(folder: Path) -> None:
    """What a forger can do: make the manifest fit the altered files."""
    listed = json.loads((folder / "manifest.json").read_text())
    for item in listed["files"]:
        data = (folder / item["path"]).read_bytes()
        item |= {"size": len(data), "sha256": verify.sha256(data).hex()}
    listed["snapshot"]["sha256"] = verify.sha256((folder / "snapshot.json").read_bytes()).hex()
    (folder / "manifest.json").write_text(json.dumps(listed))


def rows(change):
    """An altered snapshot in the canonical form."""

    def apply(folder: Path) -> None:
        told = json.loads((folder / "snapshot.json").read_text())
        change(told)
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        (folder / "snapshot.json").write_text(text)

    return apply


def finding(change):
    return rows(lambda told: change(told["findings"][0]))


def line(**changes):
    return finding(lambda row: row["history"][0].update(changes))


def text(name, change):
    return lambda folder: lines(folder / name, change)


def in_manifest(change):
    def apply(folder: Path) -> None:
        listed = json.loads((folder / "manifest.json").read_text())
        change(listed)
        (folder / "manifest.json").write_text(json.dumps(listed))

    return apply


def salt(folder: Path) -> None:
    said = json.loads((folder / "salts.json").read_text())
    next(iter(said.values()))["title"] = "00" * 16
    (folder / "salts.json").write_text(json.dumps(said))


def false_decision(row):
    decision = {"verdict": "approve", "content_sha256": "0" * 64}
    row["requests"].append({"decisions": [decision]})


CHANGES = {
    "checkpoint, its size": (text("checkpoint", lambda said: [said[0], "9", *said[2:]]), "checkpoint"),
    "checkpoint, its root": (text("checkpoint", with_hash(2)), "checkpoint"),
    "checkpoint, its signature": (text("checkpoint", signed_otherwise), "checkpoint"),
    "event, one byte": (text("events.ndjson", replaced('"severity":"high"', '"severity":"low"')), "events"),
    "event left out": (text("events.ndjson", lambda said: said[1:]), "events"),
    "event told twice": (text("events.ndjson", lambda said: [said[0], *said]), "events"),
    "proof of the events, a hash": (text("events.proof", with_hash(2)), "events"),
    "proof of the events, an index": (text("events.proof", replaced("indexes 1", "indexes 0")), "events"),
    "proof of the events, a huge span": (text("events.proof", replaced("indexes 1", "indexes 1-99999999999")), "events"),
    "proof of the events, its checkpoint": (text("events.proof", signed_otherwise), "events"),
    "versions withheld in silence": (in_manifest(lambda listed: listed["ledger"]["withheld"].clear()), "events"),
    "salt": (salt, "rows"),
    "printed title": (finding(lambda row: row.update(title="Nothing of note")), "rows"),
    "printed condition": (finding(lambda row: row.update(condition="All is well.")), "rows"),
    "printed number": (line(number=2), "rows"),
    "printed leaf": (line(leaf="0" * 64), "rows"),
    "printed kind": (line(kind="finding.closed"), "rows"),
    "printed time": (line(at="2026-01-01T00:00:00Z"), "rows"),
    "printed reason": (line(reason="Never said."), "rows"),
    "printed event left out": (finding(lambda row: row["history"].pop()), "rows"),
    "printed decision": (finding(false_decision), "rows"),
    "printed exhibit": (rows(lambda told: told["exhibits"][0].update(sha256="0" * 64)), "rows"),
    "printed owner": (finding(lambda row: row.update(owner="Mallory")), "approval"),
    "printed control": (rows(lambda told: told["scope"].update(gaps=[])), "approval"),
    "proof of the approval, a hash": (text("approval.tlog-proof", with_hash(3)), "approval"),
    "proof of the approval, its event": (text("approval.tlog-proof", replaced("extra ey", "extra ez")), "approval"),
    "package before, its root": (text("previous.checkpoint", with_hash(2)), "consistency"),
    "package before, its signature": (text("previous.checkpoint", signed_otherwise), "consistency"),
    "proof of consistency, a hash": (text("consistency.proof", with_hash(1)), "consistency"),
    "proof of consistency, its size": (text("consistency.proof", replaced("old ", "old 1")), "consistency"),
    "register": (text("register.csv", replaced("F-001", "F-009")), "proof"),
    "program": (text("verify.py", replaced("return package.verdict", "return HOLDS")), "proof"),
    "exhibit": (lambda folder: (folder / "E-001-leavers 1.csv").write_bytes(b"other\n"), "proof"),
    "issue in the manifest": (in_manifest(lambda listed: listed["package"].update(issue=9)), "proof"),
    "seal in the manifest": (in_manifest(lambda listed: listed["package"].update(state="draft")), "proof"),
}  # fmt: skip


class TestAForgerWhoMendsTheManifest:
    @pytest.mark.parametrize("what", CHANGES)
    def test_the_altered_thing_is_named(self, kept, tmp_path, what):
        change, name = CHANGES[what]
        folder = unpacked(kept.second, tmp_path / "unpacked")
        change(folder)
        mended(folder)
        package = verify.check(folder, keys=[kept.key])
        assert first_wrong(package) == name
        # The manifest itself is recorded, so the proof beside it fails each time too.
        assert name in ("checkpoint", "events") or "proof" in {each.name for each in package.checks if each.verdict}

    @pytest.mark.parametrize("name", [
        "checkpoint", "events.ndjson", "events.proof", "salts.json", "snapshot.json", "register.csv", "verify.py",
        "approval.tlog-proof", "previous.checkpoint", "consistency.proof", "E-001-leavers 1.csv",
    ])  # fmt: skip
    def test_one_who_does_not_is_told_which_file_it_was(self, kept, tmp_path, name):
        for change in ("flip", "remove", "empty"):
            folder = unpacked(kept.second, tmp_path / change)
            data = (folder / name).read_bytes()
            if change == "remove":
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(flipped(data, len(data) // 2) if change == "flip" else b"")
            package = verify.check(folder, keys=[kept.key])
            assert (package.verdict, first_wrong(package)) == (verify.ALTERED, "attachments")
            assert name in package.first_wrong.words

    def test_a_manifest_that_is_gone_or_no_manifest_is_unreadable(self, kept, tmp_path):
        folder = unpacked(kept.second, tmp_path / "unpacked")
        half = b'{"format":"clearhold-manifest/2","files":[],"ledger":{"keys":[]},"package":{}}'
        for content in (b"", b"{", b"[]", b"{}", b'{"format":"clearhold-manifest/1"}', half):
            (folder / "manifest.json").write_bytes(content)
            package = verify.check(folder, keys=[kept.key])
            assert (package.verdict, first_wrong(package)) == (verify.UNREADABLE, "manifest")
            assert package.plain()["ok"] is False


class TestAnotherHistory:
    def test_a_fork_signed_with_the_right_key_is_seen_beside_the_kept_one(self, kept, tmp_path):
        """The operator himself wrote another history of the same length."""
        package = verify.check(kept.second, keys=[kept.key])
        for size in (package.head.size, package.old.size):
            fork = notes.Checkpoint(package.head.origin, size, b"f" * 32)
            (tmp_path / "kept-checkpoint").write_text(notes.sign(str(fork), kept.signer))
            checked = verify.check(kept.second, keys=[kept.key], earlier=[tmp_path / "kept-checkpoint"])
            assert (checked.verdict, first_wrong(checked)) == (verify.ALTERED, "consistency")
            assert "two were signed" in checked.first_wrong.words

    def test_the_key_of_somebody_else_is_refused_however_it_is_given(self, kept):
        stranger = verify.Key(verify.parse_key(kept.key).name, b"\x01" + b"2" * 31)
        encoded = base64.b64encode(b"\x01" + stranger.public).decode()
        spelled = f"{stranger.name}+{stranger.id(stranger.name).hex()}+{encoded}"
        assert first_wrong(verify.check(kept.second, keys=[spelled])) == "checkpoint"
        assert first_wrong(verify.check(kept.second, keys=[stranger.fingerprint])) == "manifest"
