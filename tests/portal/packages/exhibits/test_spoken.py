"""What is printed around exhibits passes the catalogue; what stands in their files never does."""

import io
import zipfile

import openpyxl
import pikepdf
import pytest

from portal.packages import languages
from portal.packages.exhibits import kinds, laying, reading, sheets, slips, stamped, volumes
from portal.packages.exhibits.pieces import Desk, NotLaidOut
from portal.packages.exhibits.reading import Read
from portal.packages.exhibits.stamping import Stamp
from portal.packages.exhibits.volumes import About, Placed, Volume
from portal.packages.snapshot import Exhibit
from tests.portal.packages import pseudo, sample
from tests.portal.packages.exhibits import originals
from tests.portal.packages.test_languages import LATIN, said

TEXT = "text/plain"


def workbook() -> bytes:
    made, out = openpyxl.Workbook(), io.BytesIO()
    made.active.title = "Лист"
    made.active.append(["а", "б"])
    made.create_sheet("Тайна").sheet_state = "hidden"
    made.save(out)
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(130):
            made.writestr(f"файл-{number}", b"1")
    return out.getvalue()


FILES = {
    "lines": (TEXT, "слово\n".encode() * 3),
    "more lines than are shown": (TEXT, "слово\n".encode() * 2_500),
    "more letters than are shown": (TEXT, "слово ".encode() * 60_000),
    "a table": ("text/csv", "а,б\n1,2\n".encode()),
    "a table of more rows and columns than are shown": ("text/csv", (",".join("123456789012345") + "\n").encode() * 1_200),
    "a workbook": (kinds.types.XLSX, workbook()),
    "a structure": ("application/json", '{"а": [1, 2]}'.encode()),
    "a broken structure": ("application/json", b"{1"),
    "nothing": (TEXT, b""),
    "a recording": ("video/mp4", b"0"),
    "a drawing": ("image/svg+xml", b"0"),
    "an unknown kind": ("", b"0"),
    "an archive": ("application/zip", archive()),
    "a damaged picture": ("image/png", b"0"),
    "a damaged document": ("application/pdf", b"0"),
    "a locked document": ("application/pdf", originals.locked_pdf()),
    "a signed document": ("application/pdf", originals.signed_pdf()),
    "a damaged workbook": (kinds.types.XLSX, b"0"),
    "a moving picture": ("image/gif", originals.animation()),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def nobodys(tmp_path_factory):
    with pseudo.installed(tmp_path_factory.mktemp("locale"), pseudo.LEFT), languages.speaking(pseudo.LEFT):
        yield


@pytest.fixture
def pages(monkeypatch) -> list[str]:
    """The HTML of all pages that would be set."""
    found: list[str] = []

    def kept(html, target, paper):
        found.append(html)
        with pikepdf.new() as empty:
            empty.add_blank_page()
            empty.save(target)

    monkeypatch.setattr(sheets, "_print", kept)
    return found


def piece(tmp_path, kind: str, data: bytes, **more):
    (tmp_path / "source").write_bytes(data)
    exhibit = Exhibit(
        "69-001", "Свидетельство", "report", "файл", len(data), "0" * 64, kind, sample.at(3, 5), findings=("70-001",), **more
    )  # fmt: skip
    return laying._piece(exhibit, "source", "80-0001")


def spoken(*texts: str, media_type: str = "") -> set[str]:
    """Latin words that passed no catalogue."""
    plain = pseudo.plain(" ".join(texts).replace("80-0001.pdf", ""))
    return set(LATIN.findall(plain.replace(media_type, "") if media_type else plain))


@pytest.mark.parametrize("name", FILES)
def test_pages_slip_sheets_and_notes_speak_the_language(name, pages, tmp_path):
    kind, data = FILES[name]
    made, desk = piece(tmp_path, kind, data, version=2), Desk(tmp_path, "A4")
    try:
        notes = reading.READERS[kinds.kind_of(kind, made.filename)](made, desk).notes
    except NotLaidOut as refusal:
        notes = [refusal.reason]
        slips.write(made, desk, refusal.reason, refusal.listing)
    assert pages or notes
    assert not spoken(*map(said, pages), *notes, made.where, made.label, media_type=kind)
    assert all(page.startswith('<!doctype html><html lang="en-xa">') for page in pages)


@pytest.mark.parametrize("why", ["disposed", "too large"])
def test_what_is_not_there_is_told_in_the_language(why, pages, tmp_path):
    held = piece(tmp_path, TEXT, b"1", period_start=sample.at(3, 1).date(), period_end=sample.at(3, 5).date())
    exhibit = Exhibit("69-001", "С", "log", "файл", 1, "0" * 64, TEXT, review=why, not_attached="причина")
    gone = laying._piece(exhibit, "", "80-0001")
    for each in (held, gone):
        slips.write(each, Desk(tmp_path, "A4"), each.missing or "причина")
    assert not spoken(*map(said, pages), gone.missing, media_type=TEXT)


@pytest.mark.parametrize("of", [1, 2])
def test_the_list_of_a_volume_speaks_the_language(of, tmp_path):
    read = [
        Read(piece(tmp_path, TEXT, b"1")),
        Read(piece(tmp_path, TEXT, b"1"), reason="причина"),
        Read(piece(tmp_path, TEXT, b"1"), is_repaired=True),
    ]
    volume = Volume(1, [Placed(each, 1, 1, 2) for each in read])
    told = volumes._front_data(volume, of, About("80-0001", 1, "Ж", True, ""))
    rows = [value for row in told["stretches"][0] for value in (row["note"], row["label"])]
    assert not spoken(told["kick"], told["title"], told["lead"], *rows)


def test_stamps_speak_in_figures_where_their_faces_lack_the_words():
    phrases = stamped.phrases()
    assert not spoken(*(filled(words) for words in phrases.values()))
    assert not any(Stamp("".join(phrases.values())).has(words) for words in phrases.values())
    assert phrases.keys() == stamped.FIGURES.keys()
    facts = {"page": 1, "pages": 2, "volume": 3, "package": "4", "issue": 5}
    assert not any(LATIN.search(words % facts) for words in stamped.FIGURES.values())


def filled(words: str) -> str:
    return words % {"page": 1, "pages": 2, "volume": 3, "package": "4", "issue": 5}


def test_stamps_have_letters_that_english_lacks():
    stamp = Stamp("Seite %(page)s · zurückgezogen · naïve œuvre")
    assert stamp.has("zurückgezogen") and stamp.has("œuvre")
    assert not stamp.has("страница")


def test_a_copy_is_known_again_in_its_own_language_alone(tmp_path):
    made = piece(tmp_path, TEXT, b"1")
    assert laying._key(made, "A4", "en") and laying._key(made, "A4", "en") != laying._key(made, "A4", "de")
