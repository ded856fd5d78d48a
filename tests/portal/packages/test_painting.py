"""Units are painted alone and kept: the same bytes in any company, painted once, and never believed over their text."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pikepdf
import pytest

from portal.packages import book, children, leaves, painting, render, shelf, snapshot, units
from portal.packages.edition import Edition
from tests.portal.packages import accessible, sample
from tests.portal.packages.conftest import UNPROVEN, fetch, set_package, still

FIRM = UUID("00000000-0000-7000-8000-000000000001")
ROOT = Path(__file__).resolve().parents[3]


def few(number: int = 3) -> snapshot.Snapshot:
    return sample.snapshot(findings=sample.snapshot().findings[:number], exhibits=(), controls=())


def texts(rows: snapshot.Snapshot) -> list[str]:
    edition = Edition(rows, "0" * 64, "0" * 64)
    found = list(book.units(edition, lambda *_: None))
    known = frozenset().union(*(unit.anchors for unit in found))
    return [units.point_elsewhere(unit.html, known) for unit in found]


def test_a_unit_is_the_same_in_any_company():
    finding = next(text for text in texts(few()) if "F-002" in text and 'class="fh' in text)
    alone = leaves.dump(painting.Press("A4").paint(finding))
    press = painting.Press("A4")
    for text in texts(sample.snapshot())[7:16]:
        press.paint(text)
    assert leaves.dump(press.paint(finding)) == alone


def test_two_scripts_of_one_family_keep_their_own_letters():
    leaf = painting.Press("A4").paint('<html lang="en"><body><p>Latin Привет ελληνικά')
    for file, used in leaf.index.letters.items():
        letters = "".join(used.values())
        assert not ("L" in letters and "П" in letters), file
    assert {"cyrillic", "greek", "latin"} <= {file.split("-")[1] for file in leaf.index.letters}


def test_a_painted_unit_comes_back_as_it_was():
    leaf = painting.Press("letter").paint(texts(few())[0])
    assert leaves.load(leaves.dump(leaf)) == leaf


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_damaged_painted_unit_is_refused(place):
    data = bytearray(leaves.dump(painting.Press("A4").paint('<html lang="en"><body><h1>Text')))
    data[place:] = data[place + 1 :] if place >= 0 else b""
    with pytest.raises(ValueError):
        leaves.load(bytes(data))


def kept(folder: Path, firm: UUID = FIRM) -> shelf.Kept:
    folder.mkdir(exist_ok=True)
    return shelf.Kept(folder, firm, b"k" * 32)


def test_what_is_kept_is_sealed_and_given_back_under_its_own_name_only(tmp_path):
    ours = kept(tmp_path / "shelf")
    (tmp_path / "leaf").write_bytes(b"painted text")
    ours.put("ab" * 32, tmp_path / "leaf")
    ours.put("cd" * 32, tmp_path / "leaf")
    found = sorted(path for path in (tmp_path / "shelf").rglob("*") if path.is_file())
    assert all(b"painted text" not in path.read_bytes() for path in found)
    assert ours.take("ab" * 32, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"painted text"
    shutil.copyfile(found[0], found[1])
    assert not ours.take("cd" * 32, tmp_path / "back")
    assert not found[1].exists()
    other = kept(tmp_path / "shelf", UUID(int=7))
    assert not other.take("ab" * 32, tmp_path / "back")


def test_the_oldest_makes_room_for_the_newest(tmp_path, monkeypatch):
    ours = kept(tmp_path / "shelf")
    (tmp_path / "leaf").write_bytes(b"x" * 1000)
    for age, name in enumerate(("aa", "bb", "cc")):
        ours.put(name * 32, tmp_path / "leaf")
        os.utime(ours._path(name * 32), (2_000_000_000 - age, 2_000_000_000 - age))
    monkeypatch.setattr(shelf, "LIMIT_BYTES", 2500)
    ours.tidy()
    assert [ours.take(name * 32, tmp_path / "back") for name in ("aa", "bb", "cc")] == [True, True, False]
    monkeypatch.setattr(shelf, "AGE_SECONDS", -2_000_000_000)
    ours.tidy()
    assert not ours.take("aa" * 32, tmp_path / "back")


@pytest.fixture
def painted(monkeypatch):
    """How many units each build painted."""
    counts = []
    paint = render._paint

    def counted(folder, told, missing, watch):
        counts.append(len(missing))
        return paint(folder, told, missing, watch)

    monkeypatch.setattr(render, "_paint", counted)
    return counts


@pytest.mark.slow
def test_only_what_changed_is_painted_again_and_the_bytes_are_those_of_a_new_build(tmp_path, painted):
    ours = kept(tmp_path / "shelf")
    rows = few()
    first = set_package(rows, tmp_path / "a.pdf", shelf=ours)
    again = set_package(rows, tmp_path / "b.pdf", shelf=ours)
    assert again.sha256 == first.sha256
    changed = dataclasses.replace(rows.findings[1], cause="Another cause.")
    later = dataclasses.replace(rows, findings=(rows.findings[0], changed, rows.findings[2]))
    warm = set_package(later, tmp_path / "c.pdf", shelf=ours)
    cold = set_package(later, tmp_path / "d.pdf")
    assert warm.sha256 == cold.sha256
    # The finding, and what carries the hash of all rows: the cover and the page of integrity.
    assert painted == [painted[0], 3, painted[0]]


@pytest.mark.slow
def test_a_damaged_shelf_changes_nothing_but_the_time(tmp_path, painted):
    ours = kept(tmp_path / "shelf")
    first = set_package(few(), tmp_path / "a.pdf", shelf=ours)
    for path in (tmp_path / "shelf").rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    again = set_package(few(), tmp_path / "b.pdf", shelf=ours)
    assert again.sha256 == first.sha256
    assert painted[1] == painted[0]


@pytest.mark.slow
def test_another_time_zone_locale_and_hash_seed_give_the_same_bytes(tmp_path):
    program = (
        "import django, json; django.setup()\n"
        "from pathlib import Path\n"
        "from tests.portal.packages.conftest import set_package\n"
        "from tests.portal.packages.test_painting import few\n"
        f"print(set_package(few(), Path({str(tmp_path)!r}) / 'x.pdf').sha256)\n"
    )
    told = set()
    for zone, locale, seed in (("UTC", "C", "1"), ("Asia/Kathmandu", "de_DE.UTF-8", "77")):
        around = os.environ | {
            "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed, "DJANGO_SETTINGS_MODULE": "portal.settings.test",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=around, capture_output=True, check=True)
        told.add(said.stdout.split()[-1])
    assert len(told) == 1


def hard() -> snapshot.Finding:
    evil = '<script>x</script><img src="http://e.example/x"><style>*{}</style> https://e.example/ '
    long = "א" * 300 + " " + "界" * 300 + " " + "W" * 300 + " "
    text = (evil + long + "word ") * 20
    whole = sample.closed_finding()
    step, task = whole.history[0], whole.tasks[0]
    return dataclasses.replace(
        whole,
        title=text, condition="x" * 1_000_000, cause=text * 50, extent="مراجعة " * 4000, plan=(text + "\n") * 400,
        severity_rationale="界" * 20_000, owner=text, assignee=text, asset=text, finder=text, audit_rating=text,
        tasks=tuple(dataclasses.replace(task, title=evil, change=evil) for _ in range(10_000)),
        history=tuple(dataclasses.replace(step, text=evil, reason=evil) for _ in range(10_000)),
    )  # fmt: skip


@pytest.mark.slow
def test_the_worst_texts_are_set_within_their_limits_and_stay_accessible(tmp_path):
    made = set_package(sample.snapshot(findings=(hard(),)), tmp_path / "hard.pdf")
    assert made.peak_bytes < 300 << 20
    assert made.pages < 150
    with pikepdf.open(tmp_path / "hard.pdf") as pdf:
        assert accessible.faults(pdf) == []


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_a_killed_process_is_tried_once_more_then_named(tmp_path, monkeypatch, times):
    seen = []
    begin = children._Child.__init__
    monkeypatch.setattr(children._Child, "__init__", lambda self, *a: (begin(self, *a), seen.append(self))[0])
    killed = []

    def kill(done, total, note):
        if "Findings" in note and len(killed) < times and seen[-1] not in killed:
            killed.append(seen[-1])
            os.kill(seen[-1]._process.pid, signal.SIGKILL)

    if times == 1:
        with render.printed(few(), fetch, UNPROVEN, paper="A4", watch=kill, work=tmp_path) as printed:
            assert printed.pages
    else:
        with (
            pytest.raises(render.BuildFailed, match=r"at Findings.* \(killed by SIGKILL\)"),
            render.printed(few(), fetch, UNPROVEN, paper="A4", watch=kill, work=tmp_path),
        ):
            pytest.fail("a package was made")
    assert list(tmp_path.iterdir()) == []


def test_a_unit_that_cannot_be_set_is_named_with_its_row(tmp_path, monkeypatch):
    def spoil(folder, told, missing, watch):
        place = next(at for at, unit in enumerate(told) if unit["row"] == "F-002")
        text = (folder / f"unit-{place}.html").read_text()
        (folder / f"unit-{place}.html").write_text(text.replace("<h2", "<img src='http://evil.example/'><h2"))
        return paint(folder, told, [place], watch)

    paint = render._paint
    monkeypatch.setattr(render, "_paint", spoil)
    with (
        pytest.raises(render.BuildFailed, match="section “Findings” at F-002 failed") as failure,
        render.printed(few(), fetch, UNPROVEN, paper="A4", watch=still, work=tmp_path),
    ):
        pytest.fail("a package was made")
    assert failure.value.details == {"section": "Findings", "row": "F-002"}
    assert "evil.example" in str(failure.value)


@pytest.mark.slow
def test_a_package_can_be_cancelled_at_every_step_and_leaves_nothing(tmp_path):
    class Cancelled(Exception):
        pass

    notes = []
    with render.printed(few(1), fetch, UNPROVEN, paper="A4", watch=lambda *a: notes.append(a[2]), work=tmp_path):
        pass
    for stop in dict.fromkeys(note.partition(",")[0] for note in notes):

        def cancel(done, total, note, stop=stop):
            if note.startswith(stop):
                raise Cancelled

        try:
            with render.printed(few(1), fetch, UNPROVEN, paper="A4", watch=cancel, work=tmp_path):
                pass
        except Cancelled:
            pass
        assert list(tmp_path.iterdir()) == []


def test_shards_hold_so_many_units_or_so_much_text():
    assert [len(shard) for shard in units.shards([10] * 60)] == [25, 25, 10]
    assert units.shards([300_000, 300_000, 5, 900_000, 1]) == [[0], [1, 2], [3], [4]]
    assert json.dumps(units.shards([])) == "[]"


def test_the_portal_itself_loads_nothing_that_lays_out_or_cuts_fonts():
    program = (
        "import django, sys; django.setup()\n"
        "import portal.urls, portal.celery\n"
        "print(sorted({'weasyprint', 'fontTools', 'pydyf'} & sys.modules.keys()))\n"
    )
    around = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings.test", "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=around, capture_output=True, check=True)
    assert said.stdout.split()[-1] == b"[]"
