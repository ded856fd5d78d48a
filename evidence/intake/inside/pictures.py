"""Run in a limited process: makes of a stranger's picture a small PNG of our own, on white, without metadata.

What is not one of these two raster formats, or has more pixels than a mark needs, is refused with a word for why.
"""

import io
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG")
MOST_PIXELS = 12_000_000


def main(file: BinaryIO, size: int, *, width: int, height: int) -> tuple[dict[str, Any], bytes]:
    """Facts and the PNG, at most `width` × `height` pixels; `refused` in the facts says why there is none."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError:
        return {"refused": "pixels"}, b""
    except UnidentifiedImageError:
        return {"refused": "format"}, b""
    with image:
        if image.size[0] * image.size[1] > MOST_PIXELS:
            return {"refused": "pixels"}, b""
        try:
            image.load()
        except (OSError, SyntaxError, ValueError):
            return {"refused": "broken"}, b""
        seen = image.convert("RGBA")
    seen.thumbnail((width, height))
    paper = Image.new("RGB", seen.size, "white")
    paper.paste(seen, mask=seen.getchannel("A"))
    out = io.BytesIO()
    paper.save(out, "PNG", optimize=True)
    return {"width": paper.size[0], "height": paper.size[1]}, out.getvalue()
