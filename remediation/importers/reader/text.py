"""Text of a file made fit to store: no NUL, no stray surrogates, no control or direction marks, no live secrets."""

import re
from typing import Any

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_TOKENS = re.compile(
    r"AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[\w-]{20,}"
    r"|xox[abposr]-[\w-]{10,}|sk_live_[0-9A-Za-z]{16,}|AIza[0-9A-Za-z_-]{35}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)


def clean(value: Any, limit: int) -> str:
    """The value as text, at most `limit` characters; a cut is shown by an ellipsis."""
    if value is None or value == "":
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if not text.isprintable():
        text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return without_secrets(text.strip())


def clean_line(value: Any, limit: int) -> str:
    """The same on one line."""
    text = clean(value, limit)
    if text.isprintable() and "  " not in text:
        return text
    return _SPACE.sub(" ", text).strip()


def without_secrets(text: str) -> str:
    """A scanner's report may quote the secret that it found; the quote is masked but for its last four characters."""
    if "-----BEGIN" in text or "_" in text or "-" in text or "AKIA" in text or "ASIA" in text or "AIza" in text:
        return _TOKENS.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    found = match.group()
    return "[private key removed]" if found.startswith("-----") else f"[secret …{found[-4:]}]"
