"""Take the files out of a PDF, so that the scanner gets them as files of their own.

Measured with ClamAV 1.4.3: an attachment whose dictionary has another one before its /Filter is scanned packed, as if
it had no filter, and EICAR in it goes through as clean.
"""

from typing import Any, BinaryIO

MAX_OBJECTS = 50_000


def main(file: BinaryIO, size: int, *, most_bytes: int) -> tuple[dict[str, Any], bytes]:
    """The lengths of the attachments and their bytes, one after another; `left_out` when they are more than asked."""
    import pikepdf

    lengths: list[int] = []
    parts: list[bytes] = []
    left_out = False
    with pikepdf.open(file, suppress_warnings=True) as pdf:
        for objects, each in enumerate(pdf.objects):
            if objects > MAX_OBJECTS:
                left_out = True
                break
            if not isinstance(each, pikepdf.Stream) or each.get("/Type") != "/EmbeddedFile":
                continue
            data = bytes(each.read_bytes())
            if sum(lengths) + len(data) > most_bytes:
                left_out = True
                continue
            lengths.append(len(data))
            parts.append(data)
    return {"lengths": lengths, "left_out": left_out}, b"".join(parts)
