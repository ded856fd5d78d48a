"""Run as a program of its own: blacks out areas of pages and pictures, from standard input to standard output.

It imports nothing of the project, and limits itself before it parses the first byte. Standard input is a line of JSON,
the order, and then the file.
Output: a line of JSON ({"pages": n, ...} or {"error": text}), then the copy or one page as PNG.
"""

import io
import json
import resource
import sys
import zlib
from collections.abc import Iterator
from typing import Any

MEMORY_BYTES = 1024**3
CPU_SECONDS = 40
MAX_PIXELS = 60_000_000
MAX_PAGES = 60
MAX_SIDE = 2200
SHOWN_SIDE = 1200
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")

Order = dict[str, Any]
Facts = dict[str, Any]


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Output goes through the pipe; a parser that wants to write a file can't.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def picture_pages(data: bytes, side: int) -> Iterator[tuple[int, Any]]:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.size[0] * image.size[1] > MAX_PIXELS:
            raise ValueError("the picture has too many pixels")
        pages = getattr(image, "n_frames", 1)
        for number in range(min(pages, MAX_PAGES + 1)):
            image.seek(number)
            upright = ImageOps.exif_transpose(image)
            if side:
                upright.thumbnail((side, side))
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                # What is see-through becomes paper, or it would hide something in the copy.
                upright = upright.convert("RGBA")
                paper = Image.new("RGB", upright.size, "white")
                paper.paste(upright, mask=upright.getchannel("A"))
                yield pages, paper
            else:
                # A fresh image carries no metadata: no place, no camera, no comment.
                fresh = Image.new("RGB", upright.size)
                fresh.paste(upright.convert("RGB"))
                yield pages, fresh


def pdf_pages(data: bytes, side: int, only: int = 0) -> Iterator[tuple[int, Any]]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    pages = len(document)
    for number in range(min(pages, MAX_PAGES + 1)):
        if only and number + 1 != only:
            continue
        sheet = document[number]
        width, height = sheet.get_size()
        if not (0 < width < 20_000 and 0 < height < 20_000):
            raise ValueError("a page has an impossible size")
        bitmap = sheet.render(scale=min(2.0, side / max(width, height)), may_draw_forms=True)
        yield pages, bitmap.to_pil().convert("RGB")
        sheet.close()


def blackened(image: Any, boxes: list[list[int]]) -> Any:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    width, height = image.size
    for x, y, w, h in boxes:
        left, top = x * width // 1000, y * height // 1000
        right, bottom = -(-(x + w) * width // 1000), -(-(y + h) * height // 1000)
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill="black")
    return image


def boxes_on(order: Order, page: int) -> list[list[int]]:
    return [box[1:] for box in order.get("boxes", []) if box[0] == page]


def ruled(image: Any) -> Any:
    """Lines at every tenth, so that a person can say where a box belongs."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image, "RGBA")
    width, height = image.size
    for tenth in range(1, 10):
        x, y = tenth * width // 10, tenth * height // 10
        draw.line((x, 0, x, height), fill=(190, 60, 40, 110))
        draw.line((0, y, width, y), fill=(190, 60, 40, 110))
        draw.text((x + 2, 2), f"{tenth}0", fill=(190, 60, 40, 255))
        draw.text((2, y + 2), f"{tenth}0", fill=(190, 60, 40, 255))
    return image


def png(image: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", optimize=False)
    return target.getvalue()


def draw(data: bytes, order: Order) -> tuple[Facts, bytes]:
    page = int(order["page"])
    if order["way"] == "pdf":
        found = next(iter(pdf_pages(data, SHOWN_SIDE, only=page)), None)
    else:
        found = next((each for at, each in enumerate(picture_pages(data, SHOWN_SIDE), 1) if at == page), None)
    if found is None:
        raise ValueError("there is no such page")
    pages, image = found
    return {"pages": pages}, png(ruled(blackened(image, boxes_on(order, page))))


def box(data: bytes, order: Order) -> tuple[Facts, bytes]:
    """Every page as a picture with its boxes drawn in: nothing of a text, a link or a layer is left below them."""
    source = pdf_pages(data, MAX_SIDE) if order["way"] == "pdf" else picture_pages(data, 0)
    sheets: list[tuple[tuple[int, int], bytes]] = []
    total = 0
    for at, (pages, image) in enumerate(source, 1):
        if pages > MAX_PAGES:
            raise ValueError(f"the portal redacts up to {MAX_PAGES} pages, and this file has {pages}")
        total = pages
        blackened(image, boxes_on(order, at))
        if pages == 1 and order["way"] == "image":
            return {"pages": 1, "extension": ".png", "counts": {"boxes": len(boxes_on(order, 1))}}, png(image)
        sheets.append((image.size, flat(image)))
    drawn = sum(1 for each in order.get("boxes", []) if each[0] <= total)
    return {"pages": total, "extension": ".pdf", "counts": {"boxes": drawn}}, bound(sheets)


def flat(image: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=85, subsampling=0)
    return target.getvalue()


def bound(sheets: list[tuple[tuple[int, int], bytes]]) -> bytes:
    """A PDF of pictures alone, written by hand so that the same pages give the same bytes."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for (width, height), jpeg in sheets:
        at = len(objects) + 1
        kids.append(f"{at} 0 R")
        wide, high = width / 2, height / 2
        content = zlib.compress(f"q {wide:g} 0 0 {high:g} 0 0 cm /I Do Q".encode())
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {wide:g} {high:g}] "
                f"/Resources << /XObject << /I {at + 1} 0 R >> >> /Contents {at + 2} 0 R >>"
            ).encode(),
            (
                f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB "
                f"/BitsPerComponent 8 /Filter /DCTDecode /Length {len(jpeg)} >>\nstream\n"
            ).encode()
            + jpeg
            + b"\nendstream",
            f"<< /Filter /FlateDecode /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream",
        ]
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    made, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(made)
    made += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    made += "".join(f"{place:010d} 00000 n \n" for place in places).encode()
    made += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(made)


def page_shape(data: bytes, order: Order) -> tuple[Facts, bytes]:
    source = pdf_pages(data, 40) if order["way"] == "pdf" else picture_pages(data, 40)
    return {"pages": next(iter(source))[0]}, b""


DO = {"shape": page_shape, "draw": draw, "box": box}


def carried_out(data: bytes, order: Order) -> tuple[Facts, bytes]:
    return DO[order["do"]](data, order)


def main() -> int:
    order = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    limit()
    try:
        facts, made = carried_out(data, order)
    except (Exception, MemoryError) as error:
        facts, made = {"error": f"{type(error).__name__}: {error}"[:200]}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
