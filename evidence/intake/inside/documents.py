"""PDFs, images, e-mail and old office files: whether they open, and what in them acts or is hidden."""

from typing import Any

from evidence.intake.inside.archives import Look
from evidence.intake.inside.found import INNER_BYTES, Inner, Report
from evidence.limited.readers import mail

MAX_OBJECTS = 50_000
MAX_WALK = 8
MAX_PIXELS = 60_000_000
GPS = 0x8825
_ACTIONS = {
    "/JavaScript": "pdf.script",
    "/Launch": "pdf.launch",
    "/SubmitForm": "pdf.submit",
    "/ImportData": "pdf.launch",
}
_VBA = "_VBA_PROJECT".encode("utf-16-le")
_SEALED = "EncryptedPackage".encode("utf-16-le")


def look_pdf(inner: Inner, report: Report, look: Look) -> None:
    import pikepdf

    inner.file.seek(0)
    try:
        pdf = pikepdf.open(inner.file, suppress_warnings=True)
    except pikepdf.PasswordError:
        report.say("password.pdf", inner.where)
        return
    except Exception as error:  # qpdf's bindings raise many kinds
        report.say("broken.pdf", inner.where, _words(error))
        return
    with pdf:
        if pdf.is_encrypted:
            report.say("pdf.sealed", inner.where)
        try:
            pages = len(pdf.pages)
        except Exception as error:
            report.say("broken.pdf", inner.where, _words(error))
            return
        if pages == 0:
            report.say("broken.pdf", inner.where, "it has no pages")
        _actions(pdf, inner, report)
        _embedded(pdf, inner, report, look)


def _words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _actions(pdf: Any, inner: Inner, report: Report) -> None:
    counts: dict[str, int] = {}
    for objects, each in enumerate(pdf.objects):
        if objects > MAX_OBJECTS:
            report.say("uncounted", inner.where)
            break
        for code in _acting(each, 0):
            counts[code] = counts.get(code, 0) + 1
    root = pdf.Root
    if "/OpenAction" in root or "/AA" in root:
        counts.setdefault("pdf.opens", 1)
    for code, count in sorted(counts.items()):
        report.say(code, inner.where, count=count)


def _acting(value: Any, depth: int) -> list[str]:
    """The codes of what acts in one object, without following references: those are objects of their own."""
    import pikepdf

    if depth > MAX_WALK:
        return []
    if isinstance(value, pikepdf.Array):
        return [code for each in value if not _is_reference(each) for code in _acting(each, depth + 1)]
    if not isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
        return []
    found = []
    kind = value.get("/S")
    if isinstance(kind, pikepdf.Name) and str(kind) in _ACTIONS:
        found.append(_ACTIONS[str(kind)])
    elif "/JS" in value:
        found.append("pdf.script")
    for key in value.keys():  # noqa: SIM118  a pikepdf object is no mapping
        each = value.get(key)
        if not _is_reference(each):
            found += _acting(each, depth + 1)
    return found


def _is_reference(value: Any) -> bool:
    return bool(getattr(value, "is_indirect", False))


def _embedded(pdf: Any, inner: Inner, report: Report, look: Look) -> None:
    import pikepdf

    for objects, each in enumerate(pdf.objects):
        if objects > MAX_OBJECTS:
            return
        if not isinstance(each, pikepdf.Dictionary) or "/EF" not in each:
            continue
        try:
            name = str(each.get("/UF", each.get("/F", "unnamed")))
            files = each["/EF"]
            stream: Any = files.get("/UF", files.get("/F"))
            data = bytes(stream.read_bytes())
        except Exception as error:
            report.say("broken.attachment", inner.where, _words(error))
            continue
        report.say("attachment.pdf", inner.where, name)
        report.budget.count_bytes -= len(data)
        if 0 < len(data) <= INNER_BYTES and report.budget.count_bytes > 0:
            look(inner.holds(data, name), report)


def look_image(inner: Inner, report: Report) -> None:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None
    inner.file.seek(0)
    try:
        image = Image.open(inner.file, formats=("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        report.say("broken.image", inner.where, type(error).__name__)
        return
    width, height = image.size
    if width * height > MAX_PIXELS:
        report.say("image.pixels", inner.where, f"{width:,} × {height:,}", count=width * height)
        return
    if image.format in ("JPEG", "TIFF", "WEBP", "PNG") and image.getexif().get_ifd(GPS):
        report.say("image.place", inner.where)


def look_mail(inner: Inner, report: Report, look: Look) -> None:
    data = inner.whole()
    if data is None:
        report.say("uncounted", inner.where)
        return
    for name, _, part in mail.read(data).attached:
        report.say("attachment.mail", inner.where, name)
        report.budget.count_bytes -= len(part)
        if part and report.budget.count_bytes > 0:
            look(inner.holds(part, name), report)


def look_ole(inner: Inner, report: Report) -> None:
    """Old office files are searched for two marks and not read."""
    inner.file.seek(0)
    data = inner.file.read(INNER_BYTES)
    if _SEALED in data:
        report.say("password.document", inner.where)
    if _VBA in data:
        report.say("macros", inner.where)
