"""The contrast of every pair that the pages use (UX: text 4.5, boundaries and focus 3), in both schemes."""

import re
from pathlib import Path

import pytest

from portal.web import iconsprite

STATIC = iconsprite.ROOT / "portal/static"
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (STATIC / "tokens.css").read_text()
    )
}
TONES = ("ok", "info", "review", "warn", "high", "crit", "mute")
SURFACES = ("canvas", "surface", "sunken", "raised")
SCHEMES = ("light", "dark")


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str, scheme: str) -> float:
    at = SCHEMES.index(scheme)
    high, low = sorted((luminance(TOKENS[first][at]), luminance(TOKENS[second][at])), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *((tone, f"{tone}-soft") for tone in TONES),
    *((tone, surface) for tone in TONES for surface in ("canvas", "surface", "raised")),
    *((text, surface) for text in ("fg", "fg-2", "fg-3") for surface in (*SURFACES, "accent-soft", "mute-soft")),
    *(("fg", f"{tone}-soft") for tone in TONES),
    *(("accent", surface) for surface in ("canvas", "surface", "raised", "accent-soft")),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("canvas", "fg"),
]
EDGES = [
    *((f"{tone}-solid", "surface") for tone in TONES),
    *(("line-strong", surface) for surface in ("canvas", "surface", "raised")),
    *(("accent", surface) for surface in SURFACES),
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read(text, ground, scheme):
    assert contrast(text, ground, scheme) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_boundaries_can_be_seen(edge, ground, scheme):
    assert contrast(edge, ground, scheme) >= 3


def test_components_take_every_colour_from_the_tokens():
    css = re.sub(r"light-dark\([^)]*\)", "", (STATIC / "app.css").read_text())
    body = css.split("@media print")[0]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![\w-]*\s*[{,:.\[])", re.sub(r"#(switcher|account)\b", "", body))


def test_components_use_only_tokens_that_exist():
    css = (STATIC / "app.css").read_text() + (STATIC / "tokens.css").read_text()
    declared = set(re.findall(r"--([a-z0-9-]+):", css))
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", css)) <= declared


def test_no_template_carries_inline_style_or_script():
    for path in (iconsprite.ROOT / "templates").rglob("*.html"):
        if "packages" in path.parts or "notifications" in path.parts:
            continue
        text = path.read_text()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=\"|<script(?![^>]*\bsrc=)|javascript:|hx-on|js:", text), path
        assert "|safe" not in text, path


def test_every_template_compiles():
    from django.template.loader import get_template

    folder = iconsprite.ROOT / "templates"
    for path in sorted(folder.rglob("*.html")):
        if "packages" in path.parts:  # rendered to PDF by an engine of their own
            continue
        get_template(str(Path(path).relative_to(folder)))
