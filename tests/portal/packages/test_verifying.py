"""Packages checked offline: what holds, with which keys, beside what, and what is said of what is not covered."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command

from evidence.ledger import notes, verify
from portal.packages import verification
from portal.packages.collecting import findings as told
from portal.packages.proving import WITHHELD
from tests.portal.packages.proven import unpacked

pytestmark = pytest.mark.django_db

CHECKS = ["file", "manifest", "attachments", "checkpoint", "events", "rows", "approval"]


def names(package):
    return [each.name for each in package.checks]


def test_a_sealed_package_holds_and_says_so_of_each_part(kept):
    first, second = verify.check(kept.first, keys=[kept.key]), verify.check(kept.second, keys=[kept.key])
    assert first.told().split("\n")[-1].startswith("All of it holds")
    assert names(first) == [*CHECKS, "proof"]
    assert names(second) == [*CHECKS, "consistency", "proof"]
    assert first.verdict == second.verdict == verify.HOLDS
    assert first.uncovered == second.uncovered == []


def test_what_is_printed_is_tied_to_its_events(kept):
    package = verify.check(kept.second, keys=[kept.key])
    rows = json.loads(package.text("snapshot.json"))
    printed = [line["number"] for finding in rows["findings"] for line in finding["history"]]
    assert len(printed) >= 4
    assert set(printed) < set(package.enclosed)
    assert package.texts > len(rows["findings"])
    types = {event["object"]["type"] for _, event in package.enclosed.values()}
    assert types == {"findings.finding", "artifacts.artifact"}


def test_comments_views_and_downloads_are_named_but_not_shown(kept):
    package = verify.check(kept.second, keys=[kept.key])
    kinds = {event["kind"] for _, event in package.enclosed.values()}
    assert not kinds & WITHHELD
    assert sum(len(verify.spread(spans)) for spans in package.ledger["withheld"].values()) == 3
    assert b"Between us" not in b"".join(package.files.values())


def test_the_kinds_that_are_not_printed_are_the_same_here_and_there():
    assert set(told.UNTOLD_KINDS) - WITHHELD == set(verify.UNPRINTED)


def test_the_program_runs_alone_in_an_empty_environment(kept, tmp_path):
    folder = unpacked(kept.second, tmp_path / "unpacked")
    words = [str(kept.second), "--key", kept.key, "--earlier", str(kept.first)]
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-I", str(folder / "verify.py"), *words, *more], env={}, cwd="/", capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, b"")
    said = json.loads(done.stdout)
    assert said["ok"] is True
    assert said["sha256"] == verify.sha256(kept.second.read_bytes()).hex()
    assert (folder / "verify.py").read_bytes() == Path(verify.__file__).read_bytes()


def test_the_command_gives_the_same_answer_and_looks_deeper(kept, tmp_path, capsys):
    call_command("verify_package", str(kept.second), "--json", "--key", kept.key, "--earlier", str(kept.first))
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is True
    assert [each["name"] for each in said["checks"]][-2:] == ["snapshot", "names"]
    (tmp_path / "no.pdf").write_bytes(b"no package")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_package", str(tmp_path / "no.pdf"))
    assert ended.value.code == verify.UNREADABLE


def test_a_folder_with_the_attached_files_holds_too(kept, tmp_path):
    folder = unpacked(kept.second, tmp_path / "unpacked")
    (folder / "my notes.txt").write_text("kept beside it")
    package = verify.check(folder, keys=[kept.key], earlier=[kept.first])
    assert package.verdict == verify.HOLDS
    assert "exactly this manifest" in package.checks[-1].words


def test_without_the_proof_beside_it_only_a_part_is_checked(kept, tmp_path):
    alone = tmp_path / kept.second.name
    alone.write_bytes(kept.second.read_bytes())
    package = verify.check(alone, keys=[kept.key])
    assert (package.verdict, package.first_wrong.name) == (verify.UNREADABLE, "proof")
    package = verify.check(alone, keys=[kept.key], partial=True)
    assert package.verdict == verify.HOLDS
    assert "is not shown" in package.uncovered[-1]


def test_without_a_key_it_says_where_the_key_comes_from(kept):
    package = verify.check(kept.first)
    assert package.verdict == verify.HOLDS
    assert verify.parse_key(kept.key).fingerprint in package.uncovered[0]


def test_the_fingerprint_of_the_key_is_enough_and_another_is_refused(kept):
    fingerprint = verify.parse_key(kept.key).fingerprint
    assert verify.check(kept.first, keys=[fingerprint]).verdict == verify.HOLDS
    assert verify.check(kept.first, keys=["a" * 64]).verdict == verify.ALTERED


def test_lines_of_witnesses_are_passed_over(kept, tmp_path):
    folder = unpacked(kept.first, tmp_path / "unpacked")
    proof = folder / f"{kept.first.name}.tlog-proof"
    proof.write_text(proof.read_text() + "— witness.example/w1 " + "A" * 92 + "\n")
    assert verify.check(folder, keys=[kept.key]).verdict == verify.HOLDS


def test_it_continues_a_checkpoint_that_the_auditor_kept(kept, tmp_path):
    folder = unpacked(kept.first, tmp_path / "unpacked")
    assert verify.check(kept.second, keys=[kept.key], earlier=[folder / "checkpoint"]).verdict == verify.HOLDS


def test_a_later_package_or_one_without_a_proof_between_is_said_to_be_so(kept, tmp_path):
    package = verify.check(kept.first, keys=[kept.key], earlier=[kept.second])
    assert (package.verdict, package.first_wrong.name) == (verify.UNREADABLE, "consistency")
    other = notes.Checkpoint(verify.parse_key(kept.key).name, 3, b"r" * 32)
    (tmp_path / "checkpoint").write_text(notes.sign(str(other), kept.signer))
    package = verify.check(kept.second, keys=[kept.key], earlier=[tmp_path / "checkpoint"])
    assert (package.verdict, package.first_wrong.name) == (verify.UNREADABLE, "consistency")


def test_exhibits_kept_apart_are_checked_in_their_volume(kept, tmp_path):
    folder = unpacked(kept.second, tmp_path / "unpacked")
    listed = json.loads((folder / "manifest.json").read_text())
    apart = next(item for item in listed["files"] if "exhibit" in item)
    apart["attached"] = False
    (folder / "manifest.json").write_text(json.dumps(listed))
    data = (folder / apart["path"]).read_bytes()
    (folder / apart["path"]).unlink()
    package = verify.Package(folder, [kept.key])
    package.read(), package.open()
    files = len(listed["files"])
    assert package.attachments() == f"{files - 1} of {files} listed files are there, byte for byte"
    assert package.uncovered == [f"{apart['path']} is listed but kept apart from the package"]
    for content, verdict in ((data, verify.HOLDS), (data + b"x", verify.ALTERED)):
        with zipfile.ZipFile(folder / "PKG-0001.exhibits.zip", "w") as volume:
            volume.writestr(apart["path"], content)
        package = verify.check(folder, keys=[kept.key])
        assert [each.verdict for each in package.checks if each.name == "attachments"] == [verdict]


def test_a_file_that_is_no_package_cannot_be_read(tmp_path):
    for name, data in (("empty.pdf", b""), ("text.pdf", b"hello"), ("half.pdf", b"%PDF-1.7 and no more")):
        (tmp_path / name).write_bytes(data)
        assert verification.verify(tmp_path / name).verdict != verify.HOLDS
    for path in (tmp_path / "none.pdf", tmp_path):
        assert verification.verify(path).verdict == verify.UNREADABLE
