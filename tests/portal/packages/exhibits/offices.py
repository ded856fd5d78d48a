"""Small office documents, made here: of the kinds people attach, and with what some of them try to reach."""

import io
import struct
import zipfile
from xml.sax.saxutils import escape

_OOXML = "http://schemas.openxmlformats.org"
_WORD = f"{_OOXML}/wordprocessingml/2006/main"
_SLIDES = f"{_OOXML}/presentationml/2006/main"
_DRAWING = f"{_OOXML}/drawingml/2006/main"
_RELATED = f"{_OOXML}/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_FREE = "application/vnd.oasis.opendocument"


def packed(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return out.getvalue()


def _related(*targets: tuple[str, str]) -> str:
    each = (
        f'<Relationship Id="r{at}" Type="{_RELATED}/{kind}" Target="{to}"/>' for at, (kind, to) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_OOXML}/package/2006/relationships">{"".join(each)}</Relationships>'


def _content_types(**overrides: str) -> str:
    each = "".join(
        f'<Override PartName="/{path}" ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/>'
        for path, kind in overrides.items()
    )
    return (
        f'<Types xmlns="{_OOXML}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{each}</Types>'
    )


def docx(*paragraphs: str) -> bytes:
    words = "".join(f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in paragraphs)
    return packed(
        {
            "[Content_Types].xml": _content_types(**{"word/document.xml": "wordprocessingml.document.main"}),
            "_rels/.rels": _related(("officeDocument", "word/document.xml")),
            "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{words}</w:body></w:document>',
        }
    )


def pptx(*titles: str, hidden: int = -1) -> bytes:
    numbers = range(1, len(titles) + 1)
    overrides = {f"ppt/slides/slide{at}.xml": "presentationml.slide" for at in numbers}
    slides = "".join(f'<p:sldId id="{255 + at}" r:id="r{at}"/>' for at in numbers)
    spaces = f'xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}" xmlns:r="{_RELATED}"'
    parts = {
        "[Content_Types].xml": _content_types(
            **{"ppt/presentation.xml": "presentationml.presentation.main"}, **overrides
        ),
        "_rels/.rels": _related(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {spaces}><p:sldIdLst>{slides}</p:sldIdLst>"
        '<p:sldSz cx="9144000" cy="5143500"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": _related(*(("slide", f"slides/slide{at}.xml") for at in numbers)),
    }
    for at, title in enumerate(titles, 1):
        shown = ' show="0"' if at - 1 == hidden else ""
        parts[f"ppt/slides/slide{at}.xml"] = (
            f'<p:sld {spaces}{shown}><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/>'
            '</p:nvGrpSpPr><p:grpSpPr/><p:sp><p:nvSpPr><p:cNvPr id="2" name="t"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr>'
            '<p:spPr><a:xfrm><a:off x="900000" y="900000"/><a:ext cx="6000000" cy="900000"/></a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr/><a:p><a:r>'
            f"<a:t>{escape(title)}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
        )
    return packed(parts)


def _free(kind: str, body: str, **parts: str) -> bytes:
    spaces = " ".join(
        f'xmlns:{short}="{_ODF}:{long}:1.0"'
        for short, long in (
            ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
            ("svg", "svg-compatible"), ("script", "script"),
        )
    )  # fmt: skip
    content = (
        f'<office:document-content {spaces} xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xmlns:dom="http://www.w3.org/2001/xml-events" office:version="1.3">{body}</office:document-content>'
    )
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="text/xml"/>'
        for path in ("content.xml", *parts)
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
        f'manifest:media-type="{_FREE}.{kind}"/>{entries}</manifest:manifest>'
    )
    return packed({"mimetype": f"{_FREE}.{kind}", "content.xml": content, "META-INF/manifest.xml": manifest} | parts)


def odt(*paragraphs: str, before: str = "", inside: str = "", **parts: str) -> bytes:
    words = "".join(f"<text:p>{escape(text)}</text:p>" for text in paragraphs)
    body = f"{before}<office:body><office:text>{words}{inside}</office:text></office:body>"
    return _free("text", body, **parts)


def ods(rows: list[list[str]]) -> bytes:
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{escape(c)}</text:p></table:table-cell>' for c in row
        )
        + "</table:table-row>"
        for row in rows
    )
    body = f'<office:body><office:spreadsheet><table:table table:name="Leavers">{cells}</table:table></office:spreadsheet></office:body>'
    return _free("spreadsheet", body)


def reaching_odt(*addresses: str) -> bytes:
    """Its pictures lie elsewhere: on the machine that opens it, or behind an address."""
    pictures = (
        f'<text:p><draw:frame svg:width="5cm" svg:height="5cm"><draw:image xlink:href="{address}" xlink:type="simple"/>'
        "</draw:frame></text:p>"
        for address in addresses
    )
    return odt("Reaching out", inside="".join(pictures))


def acting_odt() -> bytes:
    """It has a program in Basic that writes into the document when it is opened."""
    library = "http://openoffice.org/2000/library"
    run = (
        '<office:scripts><office:event-listeners><script:event-listener script:language="ooo:script" '
        'script:event-name="dom:load" xlink:href="vnd.sun.star.script:Standard.Module1.Main?language=Basic&amp;'
        'location=document" xlink:type="simple"/></office:event-listeners></office:scripts>'
    )
    parts = {
        "Basic/script-lc.xml": f'<library:libraries xmlns:library="{library}" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<library:library library:name="Standard" library:link="false"/></library:libraries>',
        "Basic/Standard/script-lb.xml": f'<library:library xmlns:library="{library}" library:name="Standard" '
        'library:readonly="false" library:passwordprotected="false"><library:element library:name="Module1"/></library:library>',
        "Basic/Standard/Module1.xml": '<script:module xmlns:script="http://openoffice.org/2000/script" '
        'script:name="Module1" script:language="StarBasic">Sub Main\nThisComponent.Text.String = &quot;IT RAN&quot;\nEnd Sub'
        "</script:module>",
    }
    return odt("As written", before=run, **parts)


def rtf(words: str = "Rich words") -> bytes:
    return rb'{\rtf1\ansi {\fonttbl{\f0 "Sans";}}\f0\fs24 ' + words.encode("ascii") + rb"\par}"


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file of version 3 with these streams at its root, none of them among the small ones."""
    fat, sectors = [0xFFFFFFFD], [b""]
    entries = [_entry("Root Entry", 5, child=1 if streams else 0xFFFFFFFF)]

    def laid(data: bytes) -> int:
        first = len(sectors)
        parts = [data[at : at + 512].ljust(512, b"\0") for at in range(0, max(len(data), 1), 512)]
        fat.extend([first + at + 1 for at in range(len(parts) - 1)] + [0xFFFFFFFE])
        sectors.extend(parts)
        return first

    for at, (name, data) in enumerate(streams.items(), 2):
        right = at if at <= len(streams) else 0xFFFFFFFF
        entries.append(_entry(name, 2, right=right, start=laid(data), size=len(data)))
    directory = laid(b"".join(entries))
    assert len(fat) <= 128
    sectors[0] = struct.pack("<128I", *fat, *[0xFFFFFFFF] * (128 - len(fat)))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIIII", 0, 1, directory, 0, 0, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    return head + struct.pack("<108I", *[0xFFFFFFFF] * 108) + b"".join(sectors)


def _entry(name: str, kind: int, *, right=0xFFFFFFFF, child=0xFFFFFFFF, start=0xFFFFFFFE, size=0) -> bytes:
    letters = name.encode("utf-16-le") + b"\0\0"
    raw = letters.ljust(64, b"\0") + struct.pack("<HBB", len(letters), kind, 1)
    return raw + struct.pack("<III36xIQ", 0xFFFFFFFF, right, child, start, size)
