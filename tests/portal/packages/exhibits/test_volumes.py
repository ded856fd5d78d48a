"""Volumes: split below a size, the same bytes each time, kept copies taken again, and limits that become slip sheets."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from portal.packages.book import SectionFailed
from portal.packages.exhibits import laying, pdfs, reading
from portal.packages.exhibits.pieces import Desk, Piece
from portal.packages.shelf import Kept
from tests.portal.packages.exhibits import laid as laid_out
from tests.portal.packages.exhibits import originals
from tests.portal.packages.exhibits.laid import lay_out

ROOT = Path(__file__).resolve().parents[4]
FIRM = UUID(int=7)


def noisy(pages: int = 1) -> bytes:
    """A document that packing makes no smaller."""
    made = originals.document(*(f"P{page}" for page in range(pages)))
    for page in made.pages:
        page.obj.Resources.Noise = made.make_stream(os.urandom(40_000))
    return originals.saved(made)


def test_a_volume_is_closed_before_it_grows_above_the_size(tmp_path):
    files = {f"{n}.pdf": noisy() for n in range(5)}
    laid = lay_out(tmp_path, files, limit=100_000)
    assert [volume.path for volume in laid.laid.volumes] == [f"PKG-0001-issue-1-exhibits-{n}.pdf" for n in (1, 2, 3)]
    assert [place.volume for place in laid.laid.places] == [1, 1, 2, 2, 3]
    assert [place.page for place in laid.laid.places] == [2, 3, 2, 3, 2]
    assert all(volume.size < 200_000 for volume in laid.laid.volumes)
    assert "volume 2, page 3 of 3" in laid.text("E-004")[0].replace("\n", " ")


def test_an_exhibit_larger_than_a_volume_has_one_for_itself(tmp_path):
    laid = lay_out(tmp_path, {"small.pdf": noisy(), "large.pdf": noisy(4), "last.pdf": noisy()}, limit=100_000)
    assert [place.volume for place in laid.laid.places] == [1, 2, 3]


def test_a_message_stays_with_what_came_with_it(tmp_path):
    laid = lay_out(tmp_path, {"first.pdf": noisy(2), "mail.eml": originals.message()}, limit=90_000)
    assert {place.volume for place in laid.laid.places if place.number.startswith("E-002")} == {2}


def test_messages_in_messages_are_taken_apart_to_a_depth(tmp_path):
    laid = lay_out(tmp_path, {"mail.eml": originals.message(depth=4)})
    assert max(place.depth for place in laid.laid.places) == 4
    assert "deeper than is taken apart" in laid.places["E-001.4.4.4.4"].reason
    assert not laid.places["E-001.4.4.4"].reason


def test_a_version_is_named_on_its_pages(tmp_path):
    laid = lay_out(tmp_path, {"policy.pdf": originals.pdf()}, **{"E-001": {"version": 3}})
    assert "E-001, version 3" in laid.text("E-001")[0].replace("\n", " ")


def test_disposed_evidence_has_a_slip_sheet_that_names_the_certificate(tmp_path):
    gone = {"review": "disposed", "not_attached": "disposed of, certificate D-001"}
    laid = lay_out(tmp_path, {"gone.csv": originals.table()}, **{"E-001": gone})
    words = laid.text("E-001")[0].replace("\n", " ")
    assert "There is none any more: it was disposed of, certificate D-001." in words


def test_what_is_too_large_to_attach_is_laid_out_all_the_same(tmp_path):
    apart = {"not_attached": "too large, kept in the portal’s vault"}
    laid = lay_out(tmp_path, {"policy.pdf": originals.pdf()}, **{"E-001": apart})
    assert "Policy" in laid.text("E-001")[0]
    assert laid.places["E-001"].note == ""


SCRIPT = """
import sys; from pathlib import Path
import django.conf
django.conf.settings.configure(USE_I18N=False, USE_TZ=True, INSTALLED_APPS=[])
from tests.portal.packages.exhibits import laid as laid_out
from tests.portal.packages.exhibits import originals
from tests.portal.packages.exhibits.laid import lay_out
files = {"a.pdf": Path(sys.argv[2]).read_bytes(), "b.log": originals.log(), "c.png": originals.picture(),
         "d.eml": Path(sys.argv[3]).read_bytes(), "e.zip": originals.archive()}
print([volume.sha256 for volume in lay_out(Path(sys.argv[1]), files).laid.volumes])
"""


def test_the_same_exhibits_give_the_same_bytes_in_any_process_zone_and_seed(tmp_path):
    (tmp_path / "a.pdf").write_bytes(originals.active_pdf())
    (tmp_path / "d.eml").write_bytes(originals.message())
    said = set()
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/Chicago")):
        folder = tmp_path / seed
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder), str(tmp_path / "a.pdf"), str(tmp_path / "d.eml")],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        said.add(done.stdout)
    assert len(said) == 1


def test_a_copy_that_was_kept_gives_the_same_volume_and_is_not_made_again(tmp_path):
    files = {"gate.log": originals.log(), "console.png": originals.picture(), "logs.zip": originals.archive()}
    shelf = Kept(tmp_path / "shelf", FIRM, b"k" * 32)
    (tmp_path / "shelf").mkdir()
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    first, second = (lay_out(folder, files, shelf=shelf) for folder in folders[:2])
    assert first.files == second.files
    told = json.loads((folders[1] / laying.PIECES).read_text())
    # A slip sheet names its package and is written anew.
    assert told["known"] == ["E-001", "E-002"]
    third = lay_out(folders[2], files, shelf=shelf, **{"E-001": {"title": "Another title"}})
    assert json.loads((folders[2] / laying.PIECES).read_text())["known"] == ["E-002"]
    assert "Another title" in third.text("E-001")[0]


def piece(folder: Path, data: bytes, name: str = "a.pdf", kind: str = "application/pdf") -> Piece:
    (folder / "source").write_bytes(data)
    return Piece("E-001", "One", name, kind, len(data), "0" * 64, "source", "Attached.")


@pytest.fixture
def limits():
    return reading.Limits(1 << 30, 20)


def said(**facts):
    """What the process would tell its parent."""


class TestReadersThatFail:
    def read(self, monkeypatch, folder, reader, limits):
        monkeypatch.setitem(reading.READERS, reading.Kind.PDF, reader)
        return reading.read([piece(folder, originals.pdf())], Desk(folder, "A4"), limits, set(), said)[0]

    def test_one_that_takes_too_long_gets_a_slip_sheet(self, monkeypatch, tmp_path):
        def forever(given, desk):
            while True:
                pass

        found = self.read(monkeypatch, tmp_path, forever, reading.Limits(1 << 30, 1))
        assert [each.reason for each in found] == [reading.SLOW]

    def test_one_that_needs_too_much_memory_gets_a_slip_sheet(self, monkeypatch, tmp_path, limits):
        def greedy(given, desk):
            return bytes(2 << 30)

        assert [each.reason for each in self.read(monkeypatch, tmp_path, greedy, limits)] == [reading.LARGE]

    def test_one_that_ends_its_process_is_tried_once_more(self, monkeypatch, tmp_path, limits):
        def killed(given, desk):
            with (desk.folder / "tries").open("a") as tries:
                tries.write("x")
            if (desk.folder / "tries").stat().st_size == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return pdfs.copy(given, desk)

        assert [each.reason for each in self.read(monkeypatch, tmp_path, killed, limits)] == [""]

        def always(given, desk):
            os.kill(os.getpid(), signal.SIGKILL)

        assert "SIGKILL, twice" in self.read(monkeypatch, tmp_path, always, limits)[0].reason

    def test_one_that_writes_without_end_gets_a_slip_sheet(self, monkeypatch, tmp_path, limits):
        monkeypatch.setattr(reading, "WRITTEN_BYTES", 1 << 20)

        def endless(given, desk):
            desk.target(given).write_bytes(bytes(4 << 20))

        assert "larger than one exhibit may be" in self.read(monkeypatch, tmp_path, endless, limits)[0].reason

    def test_one_that_trips_over_the_file_gets_a_slip_sheet(self, monkeypatch, tmp_path, limits):
        def tripping(given, desk):
            raise LookupError("no such thing")

        assert self.read(monkeypatch, tmp_path, tripping, limits)[0].reason == "It could not be read (LookupError)."

    @pytest.mark.parametrize(
        "fault", [MemoryError(), reading.NotLaidOut("No page is left.")], ids=["memory", "refusal"]
    )
    def test_a_slip_sheet_that_cannot_be_written_ends_the_build(self, monkeypatch, tmp_path, limits, fault):
        def refuse(*args):
            raise fault

        monkeypatch.setattr(reading.slips, "write", refuse)
        with pytest.raises(SectionFailed) as failure:
            self.read(monkeypatch, tmp_path, refuse, limits)
        assert (failure.value.section, failure.value.row) == ("Exhibits", "E-001")

    def test_a_full_disk_stops_everything(self, monkeypatch, tmp_path, limits):
        def full(given, desk):
            raise OSError(errno.ENOSPC, "full")

        with pytest.raises(SectionFailed) as failure:
            self.read(monkeypatch, tmp_path, full, limits)
        assert (failure.value.section, failure.value.row) == ("Exhibits", "E-001")


def test_cancelling_ends_every_process_and_goes_up(tmp_path, monkeypatch):
    class Cancelled(Exception):
        pass

    def cancel(done, total, note):
        raise Cancelled

    monkeypatch.setattr(laid_out, "still", cancel)
    with pytest.raises(Cancelled):
        lay_out(tmp_path, {"gate.log": originals.log(500)})
    assert not list(tmp_path.glob("volume-*"))
