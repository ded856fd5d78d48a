"""Draw one page of an image or a PDF as PNG. Nothing of the original goes into it: no place, no camera, no comment."""

import io
from typing import Any, BinaryIO

MAX_PIXELS = 60_000_000
MAX_SIDE = 1600
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def main(file: BinaryIO, size: int, *, kind: str, page: int) -> tuple[dict[str, Any], bytes]:
    """Facts (pages, width, height) and the PNG."""
    return drawn_pdf(file, page) if kind == "pdf" else drawn_image(file, page)


def drawn_image(file: BinaryIO, page: int) -> tuple[dict[str, Any], bytes]:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"{width} x {height} pixels are too many")
        pages = getattr(image, "n_frames", 1)
        if page > pages:
            raise ValueError("there is no such page")
        image.seek(page - 1)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"{width} x {height} pixels are too many")
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
        has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
        plain = upright.convert("RGBA" if has_alpha else "RGB")
        fresh = Image.new(plain.mode, plain.size)
        fresh.paste(plain)
        # The pages of a film are its moments; only documents are leafed through.
        leaves = pages if image.format == "TIFF" else 1
        return {"pages": leaves, "width": width, "height": height}, png(fresh)


def drawn_pdf(file: BinaryIO, page: int) -> tuple[dict[str, Any], bytes]:
    import pypdfium2

    document = pypdfium2.PdfDocument(file)
    pages = len(document)
    if page > pages:
        raise ValueError("there is no such page")
    sheet = document[page - 1]
    width, height = sheet.get_size()
    if not (0 < width < 20_000 and 0 < height < 20_000):
        raise ValueError("the page has an impossible size")
    image = sheet.render(scale=min(1.6, MAX_SIDE / max(width, height)), may_draw_forms=False).to_pil()
    return {"pages": pages, "width": round(width), "height": round(height)}, png(image.convert("RGB"))


def png(image: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", optimize=False)
    return target.getvalue()
