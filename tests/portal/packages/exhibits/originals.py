"""Small files of every kind, made here: what people attach, and what some of them hide in it."""

import io
import json
import zipfile
from email.message import EmailMessage

import openpyxl
import pikepdf
from pikepdf import Array, Dictionary, Name, String
from PIL import Image, ImageDraw

CONTENT = b"BT /F1 24 Tf 72 72 Td (%s) Tj ET"


def fonts() -> Dictionary:
    return Dictionary(F1=Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))


def saved(document: pikepdf.Pdf, **options) -> bytes:
    out = io.BytesIO()
    document.save(out, **options)
    return out.getvalue()


def document(*words: str, box=(0, 0, 595, 842), **entries) -> pikepdf.Pdf:
    """A page for each word, which stands near its lower left corner."""
    made = pikepdf.new()
    for word in words:
        content = made.make_stream(CONTENT % word.encode())
        page = Dictionary(
            Type=Name.Page, MediaBox=Array(box), Contents=content, Resources=Dictionary(Font=fonts()),
            **entries,
        )  # fmt: skip
        made.pages.append(pikepdf.Page(page))
    return made


def pdf(*words: str, **options) -> bytes:
    return saved(document(*(words or ("Policy",)), **options))


def active_pdf() -> bytes:
    """Programs, actions, a link, a form field and an embedded file."""
    made = document("Active")
    made.attachments["hidden.txt"] = pikepdf.AttachedFileSpec(made, b"EMBEDDED", filename="hidden.txt")
    run = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
    made.Root.OpenAction = run
    page = made.pages[0].obj
    page.AA = Dictionary(O=run)
    page.Resources.Properties = Dictionary(
        Kept=Dictionary(Deep=Array([run, Dictionary(URI=String("https://evil.example"))]))
    )
    look = made.make_stream(b"BT /F1 12 Tf 2 4 Td (Typed in) Tj ET")
    look.Type, look.Subtype, look.BBox = Name.XObject, Name.Form, Array([0, 0, 100, 20])
    look.Resources = Dictionary(Font=fonts())
    field = made.make_indirect(
        Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("name"), V=String("Typed in"), F=4,
            Rect=Array([72, 700, 172, 720]), AP=Dictionary(N=look), AA=Dictionary(K=run),
        )
    )  # fmt: skip
    link = Dictionary(
        Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]),
        A=Dictionary(S=Name.URI, URI=String("https://evil.example/")),
    )  # fmt: skip
    page.Annots = Array([field, made.make_indirect(link)])
    made.Root.AcroForm = Dictionary(Fields=Array([field]), DA=String("/F1 12 Tf"))
    return saved(made)


def locked_pdf(user: str = "secret") -> bytes:
    return saved(document("Locked"), encryption=pikepdf.Encryption(owner="owner", user=user))


def signed_pdf() -> bytes:
    made = document("Signed")
    value = Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), Contents=String(b"\0" * 32))
    made.Root.AcroForm = Dictionary(
        SigFlags=3, Fields=Array([made.make_indirect(Dictionary(FT=Name.Sig, T=String("s"), V=value))])
    )
    return saved(made)


def broken_pdf() -> bytes:
    """Its table of objects points nowhere; every object is still there."""
    data = pdf("Mended")
    return data[: data.rindex(b"startxref")] + b"startxref\n7\n%%EOF\n"


def picture(size=(320, 200), mode="RGB", form="PNG", **options) -> bytes:
    image = Image.new(mode, size, "white" if mode != "1" else 1)
    ImageDraw.Draw(image).rectangle((10, 10, size[0] // 2, size[1] // 2), fill="navy" if mode == "RGB" else 0)
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def turned_photograph() -> bytes:
    """A camera held upright: the file lies on its side and says so, and where it was taken."""
    image = Image.effect_noise((640, 400), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "CAMERA-OF-SOMEBODY"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def paged_tiff(pages: int = 3) -> bytes:
    images = [Image.new("1", (400, 560), 1) for _ in range(pages)]
    for number, image in enumerate(images):
        ImageDraw.Draw(image).text((40, 40), f"Fax page {number + 1}", fill=0)
    out = io.BytesIO()
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], compression="group4")
    return out.getvalue()


def animation() -> bytes:
    first, second = (Image.new("RGB", (60, 40), colour) for colour in ("red", "blue"))
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=[second])
    return out.getvalue()


def log(lines: int = 5) -> bytes:
    return "".join(f"2026-03-0{1 + n % 9} line {n} <b>no tag</b> 学生 قراءة\n" for n in range(lines)).encode()


def table(rows: int = 4, columns: int = 3) -> bytes:
    head = ",".join(f"column {n}" for n in range(columns))
    body = (",".join(f"r{row}c{column}" for column in range(columns)) for row in range(1, rows))
    return "\n".join([head, *body, ""]).encode()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Accounts"
    for row in (("person", "role", "since"), ("i.barros", "admin", "=1+1")):
        book.active.append(row)
    kept_out = book.create_sheet("Kept out of sight")
    kept_out.append(("secret", "value"))
    kept_out.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def structure() -> bytes:
    return b'{"rate": 1.50, "names": ["Zo\xc3\xab"], "empty": {}, "rate": 2e3}'


def message(depth: int = 0) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ines <ines@example.com>", "vera@example.com", "Removal of leavers"
    mail["Date"] = "Mon, 02 Mar 2026 09:00:00 +0000"
    mail.set_content("All accounts were removed on the day.\nSee the two files.")
    mail.add_attachment(pdf("Attached"), maintype="application", subtype="pdf", filename="removal.pdf")
    mail.add_attachment(table(), maintype="text", subtype="csv", filename="leavers.csv")
    mail.add_attachment(b"\0\1\2\3" * 20, maintype="application", subtype="octet-stream", filename="dump.bin")
    if depth:
        mail.add_attachment(message(depth - 1), maintype="application", subtype="octet-stream", filename="inner.eml")
    return bytes(mail)


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(zipfile.ZipInfo("logs/2026-03.log"), log())
    return out.getvalue()


def bomb() -> bytes:
    """A workbook that would unpack to far more than it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/workbook.xml", b"<workbook/>")
        with made.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(400):
                sheet.write(b"0" * (1 << 20))
    return out.getvalue()


def compact(value: object) -> bytes:
    return json.dumps(value).encode()
