"""PDF files: repaired if they must be, their forms and marks drawn in, everything that acts or hides left out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pikepdf
from django.utils.translation import gettext, gettext_lazy
from pikepdf import Dictionary, Name

from portal.packages import wording
from portal.packages.exhibits import frames
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_PAGES = 5_000
#: So many fields and branches of a form are looked at for a signature.
MOST_FIELDS = 20_000
LAYERS = gettext_lazy("It has layers that a reader could switch; this copy shows all of them.")
DYNAMIC = gettext_lazy(
    "It has a form that a program draws (XFA); this copy shows what the file holds for other readers."
)
#: What qpdf says before its sentence: the object and the offset.
PLACE = re.compile(r"^\s*(\([^)]*\))?:\s*")
UNDRAWN = gettext_lazy("Its form fields or comments could not be drawn in; they are in the original.")


def copy(piece: Piece, desk: Desk) -> Copy:
    """Raises NotLaidOut for what is encrypted, signed, empty, or damaged beyond repair."""
    return copied(desk.source(piece), desk.target(piece))


def copied(source: Path, target: Path) -> Copy:
    try:
        with pikepdf.open(source, suppress_warnings=True) as original:
            return _copied(original, target)
    except pikepdf.PasswordError:
        raise NotLaidOut(gettext("It is locked with a password, which the portal does not have.")) from None
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, AttributeError, KeyError) as fault:
        raise NotLaidOut(
            gettext("It is damaged beyond what can be repaired: %(cause)s.") % {"cause": _said(fault, source)}
        ) from None


def _copied(original: pikepdf.Pdf, target: Path) -> Copy:
    if original.is_encrypted:
        raise NotLaidOut(
            gettext("It is encrypted, and a copy of its pages would take away the protection that it has.")
        )
    if not len(original.pages):
        raise NotLaidOut(gettext("It has no pages."))
    if len(original.pages) > MOST_PAGES:
        raise NotLaidOut(
            gettext("It has %(pages)s pages; an exhibit is laid out up to %(most)s.")
            % {"pages": wording.figures(len(original.pages)), "most": wording.figures(MOST_PAGES)}
        )
    form = original.Root.get("/AcroForm")
    if _is_signed(form) or "/Perms" in original.Root:
        raise NotLaidOut(gettext("It is digitally signed, and a stamped copy would not be what was signed."))
    made = Copy()
    if "/OCProperties" in original.Root:
        made.notes.append(str(LAYERS))
    if isinstance(form, Dictionary) and "/XFA" in form:
        made.notes.append(str(DYNAMIC))
    if any("/Annots" in page.obj for page in original.pages) and not _flatten(original, form):
        made.notes.append(str(UNDRAWN))
    pages, placed, notes = frames.framed(original)
    with pages:
        write(pages, placed, target)
    made.notes += notes
    made.is_repaired = bool(original.get_warnings())
    return made


def write(pages: pikepdf.Pdf, placed: list[frames.Frame], target: Path) -> None:
    """Save the framed pages, and their frames beside them."""
    pages.save(target, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    told = [[*each.matrix, each.width] for each in placed]
    target.with_suffix(".frames").write_text(json.dumps(told))


def _flatten(original: pikepdf.Pdf, form: object) -> bool:
    """Draw into the pages what fields and comments show; whether it could be done."""
    try:
        if isinstance(form, Dictionary) and form.get("/NeedAppearances"):
            original.generate_appearance_streams()
        original.flatten_annotations("screen")
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError):
        return False
    return True


def _is_signed(form: object) -> bool:
    if not isinstance(form, Dictionary):
        return False
    return any(field.get("/FT") == Name.Sig and "/V" in field for field in _fields(form))


def _fields(form: Dictionary) -> Iterator[Dictionary]:
    waiting: list[object] = [form.get("/Fields")]
    for _ in range(MOST_FIELDS):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, pikepdf.Array):
            waiting += list(each)  # type: ignore[call-overload]
        elif isinstance(each, Dictionary):
            yield each
            waiting.append(each.get("/Kids"))


def _said(fault: Exception, source: Path) -> str:
    """The library's words, without the path and the place that they begin with."""
    words = PLACE.sub("", str(fault).replace(str(source), "")).replace("\n", " ").strip(" .")
    return words[:160] or type(fault).__name__
