"""E-mail messages: headers, the body as plain text, and what is attached. Pages in a body become their words."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser

HEADERS = ("From", "To", "Cc", "Date", "Subject")
MAX_PARTS = 300


@dataclass(frozen=True)
class Message:
    headers: list[tuple[str, str]]
    body: str
    attached: list[tuple[str, str, bytes]]


def read(data: bytes) -> Message:
    """Names, types and bytes of the attachments come along, a message that was attached among them as one of them.

    A message that can't be parsed is all body.
    """
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    bodies: dict[str, list[str]] = {"plain": [], "html": []}
    attached = []
    for number, part in enumerate(_parts(message)):
        if number > MAX_PARTS:
            break
        if part.get_content_type() == "message/rfc822":
            attached.append(_message(part))
            continue
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if part.get_content_maintype() == "text" and not part.get_filename():
            words = _decoded(content, str(part.get_content_charset() or "utf-8"))
            bodies["html" if part.get_content_subtype() == "html" else "plain"].append(words)
        else:
            attached.append((str(part.get_filename() or part.get_content_type()), part.get_content_type(), content))
    body = "\n\n".join(bodies["plain"]) or "\n\n".join(words_of(each) for each in bodies["html"])
    return Message([(name, _header(message, name)) for name in HEADERS if message.get(name)], body, attached)


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """What holds no other part, in order; a message inside is one part, whatever it holds."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inside = part.get_payload() if part.is_multipart() else None
        is_message = part is not message and part.get_content_type() == "message/rfc822"
        if isinstance(inside, list) and not is_message:
            waiting += [each for each in reversed(inside) if isinstance(each, EmailMessage)]
        else:
            yield part


def _message(part: EmailMessage) -> tuple[str, str, bytes]:
    inside = part.get_payload()
    inner = inside[0] if isinstance(inside, list) and inside else None
    try:
        content = inner.as_bytes() if isinstance(inner, EmailMessage) else b""
    except (ValueError, LookupError, AttributeError, TypeError, AssertionError, RecursionError):
        content = b""
    subject = _header(inner, "Subject").strip() if isinstance(inner, EmailMessage) else ""
    return str(part.get_filename() or f"{subject[:80] or 'message'}.eml"), "message/rfc822", content


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError):
        return "(can't be read)"


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        # Not every name that Python knows is an encoding of text, and some refuse what they don't like.
        return content.decode("utf-8", "replace")


class _Words(HTMLParser):
    _BREAKS = frozenset({"p", "br", "div", "tr", "li", "h1", "h2", "h3", "table"})
    _HIDDEN = frozenset({"script", "style", "head", "title"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self._HIDDEN
        if tag in self._BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._HIDDEN and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def words_of(page: str) -> str:
    """The words of a page, its scripts and styles left out."""
    parser = _Words()
    parser.feed(page)
    return re.sub(r"\n\s*\n\s*\n+", "\n\n", "".join(parser.parts)).strip()
