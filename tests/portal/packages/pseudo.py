"""A language that nobody speaks: every message of the template between ⟦ and ⟧, its placeholders kept.

What is printed in it and stands outside the brackets passed no catalogue.
"""

import dataclasses
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.test import override_settings
from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import trans_real

from portal.packages import catalogue, collect, languages, outlines, wording
from portal.packages.snapshot import Sampling, Snapshot, Template
from tests.portal.packages import sample

#: Left to right, and right to left: the region of pseudo-languages, with languages that need such a direction.
LEFT, RIGHT = "en-xa", "ar-xb"
BRACKETED = re.compile(r"⟦[^⟦⟧]*⟧")
#: Patterns of dates are letters that mean something to a program.
PATTERNS = "pattern of a date"


def bracketed(text: str) -> str:
    return f"⟦{text}⟧"


def compiled(word=bracketed) -> bytes:
    """A catalogue in which every message of the template, and each name of a month, is said by `word`."""
    template = read_po(io.StringIO(catalogue.TEMPLATE.read_text()))
    made = Catalog()
    for message in template:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        said = tuple(text if message.context == PATTERNS else word(text) for text in ids)
        made.add(message.id, said if len(said) > 1 else said[0], context=message.context)
    for name in (*MONTHS.values(), *MONTHS_3.values()):
        made.add(str(name), word(str(name)))
    out = io.BytesIO()
    write_mo(out, made)
    return out.getvalue()


def install(folder: Path, code: str, data: bytes) -> None:
    """Put a catalogue where a language has its own."""
    target = folder / trans_real.to_locale(code) / "LC_MESSAGES"
    target.mkdir(parents=True)
    (target / "django.mo").write_bytes(data)


@contextmanager
def installed(folder: Path, *codes: str, data: bytes = b"") -> Iterator[None]:
    """The pseudo-languages are offered inside, and only there."""
    for code in codes:
        install(folder, code, data or compiled())
    before = languages.FOLDER
    languages.FOLDER = folder
    wording._dated.cache_clear()
    try:
        with override_settings(LOCALE_PATHS=[folder]):
            yield
    finally:
        languages.FOLDER = before
        wording._dated.cache_clear()


def plain(text: str) -> str:
    """What is left outside of brackets; a message may stand in a placeholder of another."""
    while (shorter := BRACKETED.sub("", text)) != text:
        text = shorter
    return text


# --- a sample whose data have no Latin letter ---------------------------------------------------------------------------

LATIN = "abcdefghijklmnopqrstuvwxyz"
CYRILLIC = str.maketrans(LATIN + LATIN.upper(), "абвгдежзийклмнопрстуфхцчшщ" + "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩ")
#: Codes and labels that the product itself has words for; everything else is what people wrote.
OWN = frozenset(
    {
        "accent", "action", "audit_rating", "categories", "category", "cause_class", "checkpoint",
        "confidentiality", "format", "frequency", "key", "kind", "language", "logo", "media_type", "original_severity",
        "review", "risk", "scan", "sections", "severity", "source", "state", "verdict",
    }
)  # fmt: skip


#: References stand in addresses of links, so they are told in figures.
REFERENCE = re.compile(r"\b([A-Z]{1,3})-(\d+)\b")


def _numbered(match: re.Match[str]) -> str:
    return "".join(str(ord(letter)) for letter in match[1]) + f"-{match[2]}"


def foreign(value, name: str = ""):
    """The value with every letter of what people wrote changed to another script."""
    if isinstance(value, str):
        return value if name in OWN else REFERENCE.sub(_numbered, value).translate(CYRILLIC)
    if isinstance(value, tuple):
        return tuple(foreign(item, name) for item in value)
    if dataclasses.is_dataclass(value) and name not in OWN:
        return dataclasses.replace(
            value,
            **{field.name: foreign(getattr(value, field.name), field.name) for field in dataclasses.fields(value)},
        )
    return value


def sample_of(key: str, language: str) -> Snapshot:
    """The package of this template, told by people who don't write Latin."""
    whole = sample.snapshot()
    findings = tuple(
        dataclasses.replace(
            finding,
            requests=tuple(dataclasses.replace(row, action="Closure") for row in finding.requests),
            history=tuple(dataclasses.replace(row, kind="finding.reported") for row in finding.history),
        )
        for finding in whole.findings
    )
    told = foreign(dataclasses.replace(whole, findings=findings, sampling=sample.sampling("7"), severity_scale=()))
    outline = outlines.BY_KEY[key]
    template = dataclasses.replace(
        Template(key),
        statement="слово" if outlines.Asks.STATEMENT in outline.asks else "",
        letter=foreign(sample.LETTER) if outline.is_letter else None,
        finding=foreign("F-001") if key == "finding" else "",
    )
    return dataclasses.replace(
        told,
        template=template,
        language=language,
        severity_scale=tuple((name, collect.MEANINGS[name], 30) for name in collect.MEANINGS),
        identity=dataclasses.replace(told.identity, recipients=(("Ж", "Examination"),), issues=whole.identity.issues),
        sampling=told.sampling if "samples" in outline.sections else Sampling(),
    )
