"""The icon sprite: one file with just the glyphs that templates, scripts and vocabularies name."""

import re
from pathlib import Path

from portal.web import vocabulary

ROOT = Path(__file__).resolve().parents[2]
GLYPHS = ROOT / "portal/web/vendored/lucide-static/1.62.0/sprite.svg"
SPRITE = ROOT / "portal/static/icons.svg"

# Names by which these glyphs were known before Lucide renamed them; the sprite carries the name in use here.
ALIASES = {
    "building-2": "building-complex",
    "file-check-2": "file-check-corner",
    "file-code-2": "file-code-corner",
    "file-plus-2": "file-plus-corner",
    "file-warning": "file-exclamation-point",
    "file-x-2": "file-x-corner",
    "fingerprint": "fingerprint-pattern",
    "history": "rotate-ccw-clock",
    "trash-2": "trash",
}

_SYMBOL = re.compile(r'<symbol id="([a-z0-9-]+)" viewBox="0 0 24 24">(.*?)</symbol>', re.DOTALL)
_IN_TEMPLATE = (
    re.compile(r'{%\s*icon\s+"([a-z0-9-]+)"'),
    re.compile(r'{%\s*badge\s+(?:"[a-z]*"|[\w.]+)\s+"([a-z0-9-]+)"'),
    re.compile(r'\b(?:glyph|icon)="([a-z0-9-]+)"'),
)
_IN_PYTHON = re.compile(r'\b(?:icon|glyph)="([a-z0-9-]+)"|\bicon\("([a-z0-9-]+)"|"icon": "([a-z0-9-]+)"')
_IN_SCRIPT = re.compile(r'\bicon\("([a-z0-9-]+)"')
_HEAD = '<svg xmlns="http://www.w3.org/2000/svg">'


def glyphs() -> dict[str, str]:
    """Every glyph that Lucide published, as the elements inside its symbol."""
    found = _SYMBOL.findall(GLYPHS.read_text())
    known = {name: re.sub(r"\s*\n\s*", "", body).replace(" />", "/>") for name, body in found}
    return known | {alias: known[name] for alias, name in ALIASES.items()}


def used() -> set[str]:
    """The glyphs that something in the project names."""
    from portal.web import shell

    names = set(vocabulary.icons())
    names |= {place.icon for _, places in shell.GROUPS for place in places}
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        for pattern in _IN_TEMPLATE:
            names.update(pattern.findall(text))
    for folder in ("portal", "remediation", "evidence"):
        for path in (ROOT / folder).rglob("*.py"):
            names.update(name for groups in _IN_PYTHON.findall(path.read_text()) for name in groups if name)
    for path in (ROOT / "portal/static/js").glob("*.js"):
        names.update(_IN_SCRIPT.findall(path.read_text()))
    return names


def in_sprite() -> set[str]:
    return set(re.findall(r'<symbol id="([a-z0-9-]+)"', SPRITE.read_text())) if SPRITE.is_file() else set()


def build(names: set[str]) -> str:
    """The sprite's text. Raises KeyError for a name that Lucide does not have."""
    known = glyphs()
    symbols = [
        f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" '
        f'stroke-linejoin="round">{known[name]}</symbol>'
        for name in sorted(names)
    ]
    return "\n".join(
        [_HEAD, "<!-- Lucide 1.62.0, ISC licence; written by manage.py iconsprite -->", *symbols, "</svg>\n"]
    )
