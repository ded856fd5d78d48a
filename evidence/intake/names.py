"""Names of files, for display only: nothing here is ever used as a path."""

import unicodedata

LIMIT_BYTES = 200
FALLBACK = "unnamed"
# Marks that change the direction or hide: they make "gpj.exe" look like an image.
_HIDDEN = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x061C, 0x180E}
_HIDDEN |= {*range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)}


def cleaned(name: str) -> str:
    """The name in NFC without folders, control, bidi or invisible characters, at most 200 bytes of UTF-8."""
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    text = text.replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(character for character in text if not _is_unwanted(character))
    text = unicodedata.normalize("NFC", " ".join(text.split())).strip(" .")
    return _shortened(text) or FALLBACK


def deceives(name: str) -> bool:
    """Whether it holds marks that hide or turn the direction of writing, or control characters."""
    return any(ord(character) in _HIDDEN or unicodedata.category(character) == "Cc" for character in name)


def extension(name: str) -> str:
    """The last extension in lower case without its dot, or nothing."""
    stem, dot, last = name.rpartition(".")
    return last.lower() if dot and stem else ""


def _is_unwanted(character: str) -> bool:
    return ord(character) in _HIDDEN or unicodedata.category(character) in {"Cc", "Cs", "Co", "Zl", "Zp"}


def _shortened(text: str) -> str:
    if len(text.encode()) <= LIMIT_BYTES:
        return text
    ending = extension(text)
    tail = f".{ending}" if ending and len(ending.encode()) <= 16 else ""
    stem = text[: -len(tail)] if tail else text
    cut = stem.encode()[: LIMIT_BYTES - len(tail.encode())].decode("utf-8", "ignore")
    return cut.rstrip(" .") + tail
