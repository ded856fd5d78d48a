"""The fonts' programs as layout reads them. Apart from their list, so that only processes that paint load what reads them."""

import io
from functools import cache

from fontTools.ttLib import woff2

from portal.packages import typefaces


@cache
def program(file: str) -> bytes:
    """The font as layout reads it, decompressed."""
    data = (typefaces.FOLDER / file).read_bytes()
    if data[:4] != b"wOF2":
        return data
    plain = io.BytesIO()
    woff2.decompress(io.BytesIO(data), plain)
    return plain.getvalue()
