"""A package speaks one language: every word of its own passes the catalogue, and nothing that a person wrote does."""

import dataclasses
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pikepdf
import pytest
from django.utils.translation import override

from evidence.errors import Invalid
from portal.packages import (
    binding,
    book,
    catalogue,
    composing,
    languages,
    leaves,
    narrowing,
    outlines,
    planning,
    snapshot,
    units,
    wording,
)
from portal.packages.edition import Edition, Placed
from portal.packages.painting import Press
from tests.portal.packages import pseudo, sample

ROOT = Path(__file__).resolve().parents[3]
LATIN = re.compile("[A-Za-z]+")
SPOKEN = ("alt", "title", "aria-label", "data-run", "data-foot")


class Words(HTMLParser):
    """What a reader sees or hears of a page, and what runs along its head and foot."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in SPOKEN and value]

    def handle_data(self, data):
        self.found.append(data)


def said(html: str) -> str:
    return "".join(Words(html).found)


@pytest.fixture(scope="module")
def nobodys(tmp_path_factory):
    """Two languages that nobody speaks, one of them from right to left."""
    with pseudo.installed(tmp_path_factory.mktemp("locale"), pseudo.LEFT, pseudo.RIGHT):
        yield


def spoken(rows: snapshot.Snapshot, **more) -> tuple[list[units.Unit], object]:
    with languages.speaking(rows.language):
        edition = Edition(narrowing.narrowed(rows), "0" * 64, "1" * 64, **more)
        return list(book.units(edition, lambda *_: None)), book.about(edition)


def left_over(text: str, rows: snapshot.Snapshot) -> set[str]:
    """Latin words that passed no catalogue and are no data of the checkpoint."""
    known = rows.checkpoint
    fingerprint = wording_free(known)
    for value in sorted({known.note, known.key, known.origin, known.root, fingerprint}, key=len, reverse=True):
        text = text.replace(value, " ")
    return set(LATIN.findall(pseudo.plain(text)))


def wording_free(checkpoint: snapshot.Checkpoint) -> str:
    from evidence.ledger import verify

    return verify.parse_key(checkpoint.key).fingerprint


@pytest.mark.parametrize("key", outlines.BY_KEY)
def test_no_word_of_a_package_passes_the_catalogue_by(nobodys, key):
    rows = pseudo.sample_of(key, pseudo.LEFT)
    volumes = (("1.2", "0" * 64, 4), ("2.2", "0" * 64, 1))
    placed = {
        pseudo.foreign("E-001"): Placed(1, 2, 1, "repaired copy", ("1", "2")),
        pseudo.foreign("E-002"): Placed(2, 2, 1, "slip sheet"),
    }
    found, about = spoken(rows, volumes=volumes, placed=placed)
    for unit in found:
        assert not left_over(said(unit.html), rows), unit.section
        assert not left_over(unit.section + unit.row, rows), "outline"
    assert not left_over(about.title + about.subject, rows)
    assert "⟦" in about.title


@pytest.mark.parametrize("state", ["approved", "empty", "undrawn"])
def test_no_word_passes_the_catalogue_by_when_there_is_less_to_tell(nobodys, state):
    rows = pseudo.sample_of("full", pseudo.LEFT)
    if state == "approved":
        identity = dataclasses.replace(rows.identity, state="sealed", approved_by="Ж", approved_at=sample.at(3, 4))
        before = snapshot.Previous("0", 1, "0" * 64, 12, "0")
        rows = dataclasses.replace(rows, identity=identity, previous=before)
    elif state == "empty":
        nothing = dict.fromkeys(("findings", "controls", "criteria", "exhibits", "acceptances", "deferrals"), ())
        rows = dataclasses.replace(rows, **nothing, scope=snapshot.Scope(), duties=snapshot.Duties())
    else:
        rows = dataclasses.replace(rows, sampling=pseudo.foreign(sample.sampling()))
    found, _ = spoken(rows)
    for unit in found:
        assert not left_over(said(unit.html), rows), unit.section


def test_what_a_person_wrote_is_never_translated(nobodys):
    finding = dataclasses.replace(sample.closed_finding(), title="Closed", condition="None", owner="Not named")
    rows = dataclasses.replace(sample.snapshot(findings=(finding,)), language=pseudo.LEFT)
    found, _ = spoken(rows)
    page = next(unit.html for unit in found if unit.is_sub)
    assert f'data-run="F-001">{finding.title}</h2>' in page
    assert "<p>None</p>" in page
    assert "</span>Not named</td>" in page


def test_the_page_says_its_language_and_direction(nobodys):
    for code, tag in ((pseudo.LEFT, '<html lang="en-xa">'), (pseudo.RIGHT, '<html lang="ar-xb" dir="rtl">')):
        found, _ = spoken(pseudo.sample_of("board", code))
        assert all(unit.html.startswith(f"<!doctype html>{tag}<head>") for unit in found)
    english, about = spoken(sample.templated("board"))
    assert all(unit.html.startswith('<!doctype html><html lang="en"><head>') for unit in english)
    assert about.language == "en"


def test_english_is_the_same_with_and_without_a_catalogue(nobodys):
    rows = sample.snapshot()
    with override("en"):
        before = spoken(rows)
    assert spoken(rows) == before
    assert "⟦" not in "".join(unit.html for unit in before[0])


def printed(rows: snapshot.Snapshot, folder: Path) -> Path:
    """As the processes of a build do it, in this one."""
    (folder / "snapshot.json").write_bytes(snapshot.canonical(rows))
    order = {"manifest_sha256": "0" * 64, "paper": "A4", "attachments": [], "volumes": [], "places": []}
    composing.compose(folder, order, lambda *_: None)
    press = Press("A4")
    told = json.loads((folder / units.UNITS).read_text())
    for place in range(len(told)):
        (folder / f"leaf-{place}").write_bytes(leaves.dump(press.paint((folder / f"unit-{place}.html").read_text())))
    about = json.loads((folder / units.ABOUT).read_text())
    bound = [
        binding.Bound((folder / f"leaf-{place}").read_bytes, unit["row"] or unit["section"], unit["is_sub"])
        for place, unit in enumerate(told)
    ]
    target = folder / "package.pdf"
    with languages.speaking(rows.language):
        binding.bind(
            target,
            bound,
            (),
            binding.About(**about | {"when": snapshot.datetime.fromisoformat(about["when"])}),
            manifest_sha256="0" * 64,
        )
    return target


def test_the_pdf_says_its_language_and_its_outline_links_and_pictures_speak_it(nobodys, tmp_path):
    rows = pseudo.sample_of("full", pseudo.RIGHT)
    with pikepdf.open(printed(rows, tmp_path)) as pdf:
        assert str(pdf.Root.Lang) == pseudo.RIGHT
        with pdf.open_outline() as outline:
            titles = [str(item.title) for top in outline.root for item in (top, *top.children)]
        links = [str(link.Contents) for page in pdf.pages for link in page.obj.get("/Annots", ())]
        pictures = [str(each.Alt) for each in pdf.objects if isinstance(each, pikepdf.Dictionary) and "/Alt" in each]
        about = [str(pdf.docinfo["/Title"]), str(pdf.docinfo["/Subject"])]
    assert len(titles) > 20 and links and pictures
    for words in (*titles, *links, *pictures, *about):
        assert not left_over(words, rows), words


def test_pages_are_counted_in_figures_where_the_face_lacks_the_words(nobodys, tmp_path):
    pages = text_of(printed(pseudo.sample_of("board", pseudo.LEFT), tmp_path))
    assert "2 / " in pages[1] and "Page" not in pages[1]


@pytest.mark.parametrize("code", [pseudo.LEFT, pseudo.RIGHT])
def test_charts_draw_their_words_in_any_script_and_direction(nobodys, tmp_path, caplog, code):
    pages = text_of(printed(pseudo.sample_of("board", code), tmp_path))
    assert {"Critical", "Oct"} <= set(LATIN.findall(pages[1]))
    # WeasyPrint leaves out a picture that it can't draw, and goes on.
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_mark_of_a_draft_is_a_word_of_the_language(tmp_path):
    def german(text: str) -> str:
        return {"DRAFT": "ENTWURF", "Page %(page)s of %(pages)s": "Seite %(page)s von %(pages)s"}.get(text, text)

    with pseudo.installed(tmp_path / "locale", "de", data=pseudo.compiled(german)):
        rows = dataclasses.replace(sample.templated("board"), language="de")
        pages = text_of(printed(rows, tmp_path))
    assert "ENTWURF" in pages[1]
    assert re.search("Seite 2 von [0-9]+", pages[1])
    assert "10. " not in pages[1]


def text_of(path: Path) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def test_a_process_of_a_build_speaks_the_language_of_its_order(nobodys, tmp_path):
    rows = pseudo.sample_of("board", pseudo.RIGHT)
    (tmp_path / "snapshot.json").write_bytes(snapshot.canonical(rows))
    order = {
        "manifest_sha256": "0" * 64, "paper": "A4", "attachments": [], "volumes": [], "places": [],
        "language": pseudo.RIGHT, "task": "compose", "memory_bytes": 1 << 30, "cpu_seconds": 60,
    }  # fmt: skip
    (tmp_path / "order.json").write_text(json.dumps(order))
    (tmp_path / "compose.step").write_text("{}")
    program = (
        "import sys; from pathlib import Path; from portal.packages import child, languages; "
        "languages.FOLDER = Path(sys.argv[1]); sys.exit(child.main(Path(sys.argv[2]), 'compose'))"
    )
    arguments = [sys.executable, "-c", program, str(languages.FOLDER), str(tmp_path)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "⟦" in json.loads((tmp_path / units.ABOUT).read_text())["title"]


def test_a_painted_page_is_known_again_in_its_own_language_alone():
    assert composing.surroundings("A4", "", "en") != composing.surroundings("A4", "", "de")


def test_a_snapshot_from_before_there_were_languages_is_english():
    told = json.loads(snapshot.canonical(sample.snapshot()))
    assert told.pop("language") == "en"
    assert snapshot.load(json.dumps(told).encode()).language == "en"


def test_only_languages_with_a_catalogue_are_offered(tmp_path, nobodys):
    assert languages.offered() == ("en", "ar-xb", "en-xa")
    with pytest.raises(LookupError), languages.speaking("de"):
        pass
    with pytest.raises(Invalid) as refusal:
        planning.chosen("board", planning.Wishes(language="de"), None)
    assert list(refusal.value.fields) == ["language"]


def test_the_next_issue_is_in_the_language_of_the_one_before(nobodys):
    made = planning.chosen("board", planning.Wishes(language=pseudo.RIGHT), None)
    assert planning.wishes_of(made).language == pseudo.RIGHT
    assert planning.wishes_of({"template": made["template"]}).language == "en"


def test_the_product_itself_offers_english(monkeypatch):
    monkeypatch.setattr(languages, "FOLDER", ROOT / "locale")
    assert languages.choices() == [("en", "English")]


def test_the_template_for_translators_is_up_to_date():
    assert catalogue.TEMPLATE.read_text() == catalogue.template(), "run manage.py package_catalogue"


def test_every_message_names_its_placeholders_the_same_in_one_and_many():
    named = re.compile(r"%\((\w+)\)s")
    for message in catalogue.read_po(catalogue.io.StringIO(catalogue.TEMPLATE.read_text())):
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        for text in ids:
            assert not re.search(r"%[^(%]|%$", text.replace("%%", "")), f"a placeholder without a name: {text}"
        assert set(named.findall(ids[0])) <= set(named.findall(ids[-1])), ids


def test_no_message_hides_in_an_f_string_where_no_one_finds_it():
    hidden = re.compile(r"""\bf["'].*\{[^}]*\b(?:gettext|ngettext|pgettext|counted)\w*\(["']""")
    for path in (ROOT / "portal" / "packages").rglob("*.py"):
        assert not hidden.search(path.read_text()), path


def test_months_and_separators_are_those_of_the_language(tmp_path):
    with pseudo.installed(tmp_path, "de", data=pseudo.compiled(lambda text: text)):
        from datetime import date

        with languages.speaking("de"):
            assert wording.figures(1_234_567) == "1.234.567"
            assert wording.size(1_234_567) == "1,2 MB"
        assert wording.figures(1_234_567) == "1,234,567"
        assert wording.long_day(date(2026, 3, 1)) == "1 March 2026"


def test_a_language_says_numbers_as_it_does(tmp_path):
    def french(text: str) -> str:
        return {"ninety-seven": "quatre-vingt-dix-sept"}.get(text, text)

    with pseudo.installed(tmp_path, "fr", data=pseudo.compiled(french)), languages.speaking("fr"):
        assert wording.number(97) == "quatre-vingt-dix-sept"
    assert wording.number(97) == "ninety-seven"
    assert wording.number(100) == "100"
