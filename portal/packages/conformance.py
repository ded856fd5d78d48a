"""What a package declares of itself: PDF/A-3a and PDF/UA-1 in one, its title, author and dates, the colours it means."""

from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import weasyprint

from portal.packages import writing
from portal.packages.writing import Writer

if TYPE_CHECKING:
    from portal.packages.assembly import About

CREATOR = "Clearhold"
PRODUCER = f"Clearhold with WeasyPrint {weasyprint.__version__}"
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">{}</x:xmpmeta>
<?xpacket end="w"?>"""
METADATA = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>application/pdf</dc:format><dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator><dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:CreatorTool>{creator}</xmp:CreatorTool><xmp:CreateDate>{when}</xmp:CreateDate><xmp:ModifyDate>{when}</xmp:ModifyDate></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"><pdf:Producer>{producer}</pdf:Producer></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema><pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI><pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category><pdfaProperty:description>Part of ISO 14289 that the document follows</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
</rdf:RDF>"""


def declared(writer: Writer, about: "About") -> bytes:
    """The catalog's entries for metadata and for the colours that pages mean."""
    profile = writer.add_stream(files("weasyprint.pdf").joinpath("sRGB2014.icc").read_bytes(), b"/N 3")
    stream = writer.number()
    told = metadata(about.title, about.author, about.subject, about.when)
    writer.put_plain(stream, PACKET.format(told).encode(), b"/Type /Metadata /Subtype /XML")
    return (
        b"/Metadata %d 0 R/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB2014)"
        b"/Info(sRGB2014)/DestOutputProfile %d 0 R>>]" % (stream, profile)
    )


def metadata(title: str, author: str, subject: str, when: datetime, producer: str = PRODUCER) -> str:
    """What an XMP packet says of the file, as RDF."""
    return METADATA.format(
        title=escape(title),
        author=escape(author),
        subject=escape(subject),
        creator=CREATOR,
        producer=producer,
        when=when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def information(about: "About") -> bytes:
    """The same in the old form; the two must agree."""
    when = pdf_date(about.when)
    return b"<</Title%s/Author%s/Subject%s/Creator%s/Producer%s/CreationDate%s/ModDate%s>>" % (
        *(writing.text(value) for value in (about.title, about.author, about.subject, CREATOR, PRODUCER)),
        when,
        when,
    )


def pdf_date(value: datetime) -> bytes:
    return value.astimezone(UTC).strftime("(D:%Y%m%d%H%M%SZ)").encode()
