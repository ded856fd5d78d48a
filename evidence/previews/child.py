"""Run as a program of its own: draws a picture or a PDF page as PNG, from standard input to standard output.

It imports nothing of the project, and limits itself before it parses the first byte.
Use: python -I child.py image|pdf PAGE
Output: a line of JSON ({"pages": n, "width": w, "height": h} or {"error": text}), then the PNG.
"""

import io
import json
import resource
import sys

MEMORY_BYTES = 1024**3
CPU_SECONDS = 10
MAX_PIXELS = 60_000_000
MAX_SIDE = 1600


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Output goes through the pipe; a parser that wants to write a file can't.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def drawn_image(data: bytes, page: int) -> tuple[dict[str, object], bytes]:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"{width} x {height} pixels are too many")
        pages = getattr(image, "n_frames", 1)
        if page > pages:
            raise ValueError("there is no such page")
        image.seek(page - 1)
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
        has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
        plain = upright.convert("RGBA" if has_alpha else "RGB")
        # A fresh image carries no metadata: no place, no camera, no comment.
        fresh = Image.new(plain.mode, plain.size)
        fresh.paste(plain)
        return {"pages": pages, "width": width, "height": height}, png(fresh)


def drawn_pdf(data: bytes, page: int) -> tuple[dict[str, object], bytes]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    pages = len(document)
    if page > pages:
        raise ValueError("there is no such page")
    sheet = document[page - 1]
    width, height = sheet.get_size()
    if not (0 < width < 20_000 and 0 < height < 20_000):
        raise ValueError("the page has an impossible size")
    image = sheet.render(scale=min(1.6, MAX_SIDE / max(width, height)), may_draw_forms=False).to_pil()
    return {"pages": pages, "width": round(width), "height": round(height)}, png(image.convert("RGB"))


def png(image: object) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", optimize=False)  # type: ignore[attr-defined]
    return target.getvalue()


def main() -> int:
    draw = {"image": drawn_image, "pdf": drawn_pdf}[sys.argv[1]]
    data = sys.stdin.buffer.read()
    limit()
    try:
        facts, picture = draw(data, int(sys.argv[2]))
    except (Exception, MemoryError) as error:
        facts, picture = {"error": f"{type(error).__name__}: {error}"[:200]}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
