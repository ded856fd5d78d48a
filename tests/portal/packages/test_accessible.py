"""A package is tagged throughout, whatever its size: PDF/A-3a and PDF/UA-1 in one file."""

import subprocess

import pikepdf
import pytest

from tests.portal.packages import accessible, sample, verapdf
from tests.portal.packages.conftest import set_package


def test_every_condition_that_a_program_can_check_is_met(package):
    with pikepdf.open(package[0]) as pdf:
        assert accessible.faults(pdf) == []


@pytest.mark.slow
def test_verapdf_finds_every_rule_of_both_standards_kept(package):
    assert verapdf.faults(package[0]) == []


@pytest.mark.slow
def test_verapdf_finds_the_rule_that_is_broken(package, tmp_path):
    with pikepdf.open(package[0]) as pdf:
        del pdf.Root.StructTreeRoot
        pdf.save(tmp_path / "untagged.pdf")
    found = "\n".join(verapdf.faults(tmp_path / "untagged.pdf"))
    assert "3a 6.7.3.3-1" in found and "ua1 7.1-11" in found and "ua1 7.18.5-1" in found


def test_qpdf_finds_nothing(package):
    said = subprocess.run(["qpdf", "--check", package[0]], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.slow
def test_a_large_package_and_a_sealed_one_are_tagged_too(tmp_path):
    import dataclasses

    rows = sample.many(80)
    sealed = dataclasses.replace(rows, identity=dataclasses.replace(rows.identity, state="sealed", approved_by="A"))
    set_package(sealed, tmp_path / "large.pdf", paper="letter")
    with pikepdf.open(tmp_path / "large.pdf") as pdf:
        assert accessible.faults(pdf) == []
    assert verapdf.faults(tmp_path / "large.pdf") == []


def test_running_heads_and_page_numbers_are_not_read_out(package):
    with pikepdf.open(package[0]) as pdf:
        read = "".join(texts(pdf))
    assert "Page 2 of" not in read
    assert read.count("Confidential  ·") == 0
    assert "Every finding in scope" in read


def test_a_table_that_runs_over_pages_is_one_table(package):
    with pikepdf.open(package[0]) as pdf:
        tree = accessible.Tree(pdf)
        section = next(
            e for role, e in tree.order if role == "Sect" and "Controls in scope" in "".join(below(pdf, tree, e))
        )
        assert [str(kid.S) for kid in section.K].count("/Table") == 1


def test_page_numbers_in_the_contents_are_read_with_their_links(package):
    with pikepdf.open(package[0]) as pdf:
        tree = accessible.Tree(pdf)
        said = ["".join(below(pdf, tree, element)) for role, element in tree.order if role == "Link"]
    assert any(text.startswith("1Executive summary3") for text in said)


def texts(pdf):
    return below(pdf, accessible.Tree(pdf), pdf.Root.StructTreeRoot.K[0])


def below(pdf, tree, element):
    """The text that an element holds, in the order of the tree."""
    pages = {}
    for kid in element.get("/K", []):
        if isinstance(kid, int) or kid.get("/Type") == "/MCR":
            page = tree.pages[(element if isinstance(kid, int) else kid).Pg.objgen]
            shown = pages.setdefault(page, _marked(pdf, page))
            yield shown.get(kid if isinstance(kid, int) else int(kid.MCID), "")
        elif kid.get("/Type") != "/OBJR":
            yield from below(pdf, tree, kid)


_read: dict = {}


def _marked(pdf, number):
    """By MCID, what a page shows under it, read back through each font's own map."""
    key = (id(pdf), number)
    if key not in _read:
        page = pdf.pages[number]
        maps = {str(name): _map(font) for name, font in page.Resources.Font.items()}
        shown, font, now = {}, {}, []
        for operands, operator in pikepdf.parse_content_stream(page):
            match str(operator):
                case "BDC" | "BMC":
                    now.append(accessible._mcid(operands))
                case "EMC":
                    now.pop()
                case "Tf":
                    font = maps[str(operands[0])]
                case "Tj" | "TJ":
                    parts = operands[0] if str(operator) == "TJ" else [operands[0]]
                    raw = b"".join(bytes(part) for part in parts if isinstance(part, pikepdf.String))
                    text = "".join(font.get(raw[at : at + 2], "?") for at in range(0, len(raw), 2))
                    if now and now[-1] is not None:
                        shown[now[-1]] = shown.get(now[-1], "") + text
        _read[key] = shown
    return _read[key]


def _map(font):
    found = {}
    for line in font.ToUnicode.read_bytes().decode().splitlines():
        if line.startswith("<") and line.count("<") == 2 and "ffff" not in line:
            code, text = line.replace(">", "").split("<")[1:]
            found[bytes.fromhex(code.strip())] = bytes.fromhex(text).decode("utf-16-be")
    return found
