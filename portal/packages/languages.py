"""The languages in which a package can be printed: English, and each that has a compiled catalogue under locale/.

A package keeps its language for life: it stands in the snapshot. What a person wrote, and what the history recorded, is
printed in its own words whatever the language (docs/translating.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.utils import translation

#: The language that the strings are written in; it needs no catalogue.
SOURCE = "en"
FOLDER = Path(__file__).resolve().parents[2] / "locale"
COMPILED = Path("LC_MESSAGES") / "django.mo"


def offered() -> tuple[str, ...]:
    """The codes of all languages that can be chosen, as in “pt-br”; English first."""
    found = {translation.to_language(path.parents[1].name) for path in FOLDER.glob(f"*/{COMPILED}")}
    return (SOURCE, *sorted(found - {SOURCE}))


def choices() -> list[tuple[str, str]]:
    """Each with its name in itself."""
    return [(code, _name(code)) for code in offered()]


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """What is said inside is in this language. Raises LookupError for one that has no catalogue here."""
    if code not in offered():
        raise LookupError(f"This installation has no catalogue of the language {code!r}.")
    with translation.override(code):
        yield


def is_right_to_left(code: str) -> bool:
    return code.partition("-")[0] in settings.LANGUAGES_BIDI


def opening(code: str) -> str:
    """The tag that opens a page of HTML in this language."""
    return f'<html lang="{code}" dir="rtl">' if is_right_to_left(code) else f'<html lang="{code}">'


def _name(code: str) -> str:
    try:
        return str(translation.get_language_info(code)["name_local"])
    except KeyError:
        return code
