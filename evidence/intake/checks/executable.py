"""Programs and scripts: kept, but in quarantine until a reviewer releases them."""

from collections.abc import Iterator

from evidence.intake import names
from evidence.intake.checks import Incoming, Note

MIMES = frozenset(
    {
        "application/x-dosexec",
        "application/vnd.microsoft.portable-executable",
        "application/x-executable",
        "application/x-pie-executable",
        "application/x-sharedlib",
        "application/x-mach-binary",
        "application/x-msi",
        "application/java-archive",
        "application/x-java-applet",
        "application/vnd.android.package-archive",
        "application/x-ms-shortcut",
        "text/x-msdos-batch",
    }
)
EXTENSIONS = frozenset(
    [
        "exe",
        "dll",
        "com",
        "scr",
        "pif",
        "msi",
        "msp",
        "bat",
        "cmd",
        "ps1",
        "psm1",
        "vbs",
        "vbe",
        "jse",
        "wsf",
        "wsh",
        "hta",
        "lnk",
        "jar",
        "apk",
        "app",
        "command",
        "cpl",
        "reg",
    ]
)
STARTS = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def check(incoming: Incoming) -> Iterator[Note]:
    by_content = incoming.mime in MIMES or incoming.head.startswith(STARTS[1:])
    by_content = by_content or (incoming.head.startswith(b"MZ") and incoming.mime != "text/plain")
    if by_content or incoming.extension in EXTENSIONS:
        why = f"its content is {incoming.mime}" if by_content else f"its name ends in .{incoming.extension}"
        yield Note(
            "executable", f"This is a program or script ({why}); it waits for a reviewer's decision.", blocks=True
        )
        return
    for fact in incoming.look.all("program.inside")[:1]:
        place = " → ".join(names.cleaned(name) for name in fact.where)
        yield Note("executable", f"It holds a program, “{place}”; it waits for a reviewer's decision.", blocks=True)
