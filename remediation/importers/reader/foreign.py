"""Files that people bring by mistake, recognised so that the refusal can say what they are and what to do."""

from .formats import Sample
from .refusals import NotReadable
from .source import Source

_MAGIC = (
    (
        b"%PDF",
        "a PDF",
        "An audit report's exceptions are entered in the template (CSV or XLSX); keep the PDF as evidence.",
    ),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and import the report inside."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and import the report inside."),
    (b"Rar!", "a RAR archive", "Unpack it and import the report inside."),
    (b"\x89PNG", "a picture", "Keep it as evidence."),
    (b"\xff\xd8\xff", "a picture", "Keep it as evidence."),
    (b"GIF8", "a picture", "Keep it as evidence."),
    (b"BM", "a picture", "Keep it as evidence."),
    (b"II*\x00", "a picture", "Keep it as evidence."),
    (b"MM\x00*", "a picture", "Keep it as evidence."),
    (b"RIFF", "a picture or sound", "Keep it as evidence."),
    (b"SQLite format 3", "a database", "Export the findings as CSV and import that."),
)
_OSCAL = (
    "catalog",
    "profile",
    "component-definition",
    "system-security-plan",
    "assessment-plan",
    "assessment-results",
    "mapping-collection",
)
_JSON_KINDS = (
    (("Records.item.eventName",), "a CloudTrail log"),
    (("item.eventName", "item.eventSource"), "a CloudTrail log"),
    (("server_scan_results",), "an SSLyze report"),
    (("item.RuleID", "item.Match"), "a Gitleaks report in its own JSON"),
    (("item.attributes.type",), "records of Salesforce"),
    (("item.event_type", "item.organization_id"), "a Salesforce event log"),
    (("results.failed_checks",), "a Checkov report"),
    (("DetectorName",), "a TruffleHog report"),
    (("plugins_used", "results"), "a detect-secrets baseline"),
    (("repository", "sender"), "a GitHub webhook"),
    (("$schema", "definitions"), "a JSON schema"),
    (("$schema", "$id"), "a JSON schema"),
    (("bomFormat",), "a CycloneDX SBOM"),
    (("spdxVersion",), "an SPDX SBOM"),
)
_HEADERS = (
    (
        {"id", "fqdnip", "port", "severity", "finding"},
        "a testssl.sh table",
        "It is evidence for a check, not a list of findings.",
    ),
    ({"eventtype", "timestamp", "requestid"}, "a Salesforce event log", "Upload it as evidence."),
)


def refuse_bytes(source: Source) -> None:
    """Before any parser sees it."""
    head = source.raw_head
    for magic, what, advice in _MAGIC:
        if head.startswith(magic):
            raise NotReadable(f"This is {what}, not a list of findings. {advice}", code="foreign_file")
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise NotReadable(
            "This is an old Office file (.xls, .doc, .msg) or one locked with a password. "
            "Save it as .xlsx without a password, or as CSV, and import that.",
            code="office_legacy_or_locked",
        )
    if not source.is_zip and source.is_binary:
        raise NotReadable(
            "This is a binary file: it holds NUL bytes. Importers read JSON, CSV and XLSX.", code="foreign_binary"
        )
    start = source.head.lstrip()[:256].lower()
    if start.startswith(b"<"):
        raise NotReadable(
            "This is XML or HTML. Importers read JSON, CSV and XLSX: most scanners write SARIF, import that.",
            code="foreign_xml",
        )
    if start.startswith(
        (
            b"from ",
            b"received:",
            b"return-path:",
            b"delivered-to:",
            b"message-id:",
            b"mime-version:",
            b"to:",
            b"subject:",
        )
    ) or (b"\nmime-version:" in source.head[:4096].lower() and b"\nfrom:" in source.head[:4096].lower()):
        raise NotReadable(
            "This is an e-mail. Keep it as evidence; import the report that it carries.", code="foreign_email"
        )


def refuse_sample(sample: Sample) -> None:
    """After the head was looked at."""
    if sample.outline is not None:
        for name in _OSCAL:
            if sample.outline.has(f"{name}.uuid") or sample.outline.has(f"{name}.metadata"):
                raise NotReadable(
                    f"This is an OSCAL {name.replace('-', ' ')}, which describes a programme, not results of a scan.",
                    code="foreign_oscal",
                )
        for paths, what in _JSON_KINDS:
            if sample.outline.has(*paths):
                raise NotReadable(
                    f"This looks like {what}, which has no importer. If the tool can write SARIF or OCSF, import that.",
                    code="foreign_json",
                )
    names = set(sample.header)
    for needed, what, advice in _HEADERS:
        if needed <= names:
            raise NotReadable(f"This looks like {what}. {advice}", code="foreign_table")
