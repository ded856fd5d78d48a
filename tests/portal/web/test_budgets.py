"""How much a first page may weigh, and that what is shipped is what was published (UX.md section 14)."""

import gzip
import re
from pathlib import Path

import pytest
from django.test import RequestFactory

from portal.web import iconsprite, ui_kit, vendoring

STATIC = iconsprite.ROOT / "portal/static"
KB = 1000


def packed(data: bytes) -> int:
    return len(gzip.compress(data, 6))


def test_styles_weigh_at_most_12_kb():
    assert sum(packed((STATIC / name).read_bytes()) for name in ("tokens.css", "app.css")) <= 12 * KB


def with_imports(script: Path) -> set[Path]:
    """A script and what it imports before it runs; what it imports when it is needed comes later than the first page."""
    found = {script}
    for name in re.findall(r'^import (?:[^;"]* from )?"\./([\w-]+\.js)";', script.read_text(), re.M):
        found |= with_imports(script.parent / name)
    return found


def test_scripts_of_a_first_page_weigh_at_most_30_kb():
    always = with_imports(STATIC / "js/app.js") | set((STATIC / "vendor/htmx").rglob("*.js"))
    parts = [
        STATIC / "js" / name for name in re.findall(r'import\("\./([\w-]+\.js)"\)', (STATIC / "js/app.js").read_text())
    ]
    assert len(parts) >= 4
    for part in parts:
        assert sum(packed(path.read_bytes()) for path in always | with_imports(part)) <= 30 * KB, part.name


def test_fonts_of_a_latin_page_weigh_at_most_90_kb():
    fonts = [path for path in (STATIC / "vendor").rglob("*.woff2") if "latin-ext" not in path.name]
    assert sum(path.stat().st_size for path in fonts) <= 90 * KB


def test_the_icon_sprite_weighs_at_most_12_kb():
    assert packed((STATIC / "icons.svg").read_bytes()) <= 12 * KB


@pytest.mark.parametrize("view", [ui_kit.kit, ui_kit.queue, ui_kit.auditor, ui_kit.public])
def test_a_page_weighs_at_most_40_kb(view):
    request = RequestFactory().get("/ui-kit/")
    request.session = {}
    assert packed(view(request).content) <= 40 * KB


def test_third_party_files_are_listed_unchanged_and_credited():
    assert vendoring.faults() == []


def test_a_changed_or_unlisted_third_party_file_is_noticed(tmp_path, monkeypatch):
    folder = tmp_path / "portal/static/vendor/thing/1.0"
    folder.mkdir(parents=True)
    (folder / "thing.js").write_text("altered")
    (folder / "other.js").write_text("unlisted")
    manifest = tmp_path / "vendor.toml"
    manifest.write_text(
        '[[package]]\nname = "thing"\nversion = "1.0"\nlicence = "MIT"\nsource = "https://example.org"\n'
        'folder = "portal/static/vendor/thing/1.0"\nlicence_file = "LICENSE"\n[package.files]\n'
        '"thing.js" = "00"\n"LICENSE" = "00"\n'
    )
    monkeypatch.setattr(vendoring, "ROOT", tmp_path)
    monkeypatch.setattr(vendoring, "MANIFEST", manifest)
    monkeypatch.setattr(vendoring, "notice", lambda: "")
    found = " ".join(vendoring.faults())
    assert "thing.js differs" in found
    assert "LICENSE is missing" in found
    assert "other.js is not listed" in found
