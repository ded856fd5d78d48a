"""Word documents of Office Open XML as lines of text: paragraphs and table rows, without pictures and comments."""

import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from defusedxml.ElementTree import iterparse

_MAIN = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BODY = "word/document.xml"


def lines(file: BinaryIO) -> Iterator[str]:
    """Raises KeyError, BadZipFile or a parse error when it is no document."""
    with zipfile.ZipFile(file) as archive, archive.open(BODY) as stream:
        cells: list[list[str]] = []
        for event, each in iterparse(stream, events=("start", "end")):
            name = each.tag.removeprefix(_MAIN)
            if event == "start" and name == "tr":
                cells.append([])
            elif event == "end" and name == "p":
                text = _text(each)
                each.clear()
                if cells:
                    cells[-1].append(text)
                else:
                    yield text
            elif event == "end" and name == "tr" and cells:
                row = cells.pop()
                if cells:
                    cells[-1] += row
                else:
                    yield "\t".join(row)


def _text(paragraph: Any) -> str:
    marks = {"tab": "\t", "br": " ", "cr": " "}
    return "".join(
        each.text or "" if each.tag == f"{_MAIN}t" else marks.get(each.tag.removeprefix(_MAIN), "")
        for each in paragraph.iter()
    )
