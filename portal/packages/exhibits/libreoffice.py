"""LibreOffice, let loose on a stranger's document: closed in, limited, without macros and links, ended with all it started."""

import hashlib
import os
import resource
import select
import shutil
import signal
import subprocess
from contextlib import suppress
from html import escape
from pathlib import Path

from django.utils.translation import gettext

from portal.packages.exhibits import enclosing
from portal.packages.exhibits.enclosing import IOCTL, MAKE_SOCKET, READ, READ_FILE, WRITE, WRITE_FILE
from portal.packages.exhibits.pieces import NotLaidOut

PROGRAMS = ("soffice", "libreoffice")
SECONDS, CPU_SECONDS = 90, 60
#: It maps far more than it uses, so its limit on address space is another than a reader's.
MEMORY_BYTES = 3 << 30
ARGUMENTS = ("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo", "--nofirststartwizard")
#: What it reads of the system, its fonts and its own files, and no more: nothing of the portal, of homes or settings.
SYSTEM = (
    "/usr", "/bin", "/lib", "/lib64", "/lib32", "/sbin", "/etc/fonts", "/etc/libreoffice", "/etc/alternatives",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/papersize", "/var/cache/fontconfig",
    "/var/lib/libreoffice", "/var/spool/libreoffice", "/proc",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
#: Where it makes the socket by which a second start finds the first, whatever TMPDIR says.
SOCKETS = tuple(Path("/", name) for name in ("tmp", "var/tmp"))
#: What it ends with to be started again, as a script around it would: on a new profile it wants to.
AGAIN, STARTS = 81, 3
SLOW = 3

#: Section, name and value of its settings. A version that does not know one passes over it.
SETTINGS = (
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Office.Common/Misc", "FirstRun", "false"),
    ("Office.Recovery/AutoSave", "Enabled", "false"),
    ("Office.Recovery/CrashReporter", "Enabled", "false"),
    ("Office.Writer/Content/Update", "Link", "2"),
    ("Office.Calc/Content/Update", "Link", "2"),
    # 1 is “never”: values are those that the file holds, computed where it was written.
    ("Office.Calc/Formula/Load", "OOXMLRecalcMode", "1"),
    ("Office.Calc/Formula/Load", "ODFRecalcMode", "1"),
    # Slides that are kept out of a talk are evidence all the same; the tags of a copy are left behind anyway.
    ("Office.Common/Filter/PDF/Export", "ExportHiddenSlides", "true"),
    ("Office.Common/Filter/PDF/Export", "UseTaggedPDF", "false"),
    ("Office.Common/Filter/PDF/Export", "ExportFormFields", "false"),
)
PROFILE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items xmlns:oor="http://openoffice.org/2001/registry" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n%s</oor:items>\n'
)
ITEM = '<item oor:path="%s"><prop oor:name="%s" oor:op="fuse"><value>%s</value></prop></item>\n'


def program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def converted(source: Path, extension: str, room: Path, form: str) -> Path:
    """The file as `form` (“pdf”, “xlsx”), in the empty folder `room`. Raises NotLaidOut."""
    found = program()
    if found is None:
        raise NotLaidOut(gettext("It is an office document, and this installation has no LibreOffice to lay it out."))
    named, made = room / f"exhibit.{extension}", room / "made"
    shutil.copyfile(source, named)
    made.mkdir()
    binary = _binary(Path(found))
    _write_profile(room / "profile", _build_of(binary))
    words = [
        str(binary), *ARGUMENTS, f"-env:UserInstallation={(room / 'profile').as_uri()}",
        "--convert-to", form, "--outdir", str(made), str(named),
    ]  # fmt: skip
    ended = _run(words, room)
    target = made / f"exhibit.{form}"
    if ended == SLOW:
        raise NotLaidOut(gettext("LibreOffice did not lay it out within %(number)s seconds.") % {"number": SECONDS})
    if not target.is_file():
        raise NotLaidOut(
            gettext("LibreOffice could not lay it out: it may be damaged, or need more memory than it may have.")
        )
    return target


def _binary(found: Path) -> Path:
    """The program itself where it stands beside its script; the script starts it in ways of its own."""
    beside = found.resolve().with_name("soffice.bin")
    return beside if beside.is_file() else found


def _build_of(binary: Path) -> str:
    told = binary.with_name("versionrc")
    lines = told.read_text(errors="replace").splitlines() if told.is_file() else []
    return next((line.partition("=")[2] for line in lines if line.startswith("buildid=")), "")


def _write_profile(folder: Path, build: str) -> None:
    """Its settings, and a word that this version has already looked after its extensions: else it starts twice."""
    (folder / "user" / "extensions").mkdir(parents=True)
    (folder / "user" / "extensions" / "buildid").write_text(build)
    settings = [*SETTINGS, *([("Setup/Office", "LastCompatibilityCheckID", build)] if build else [])]
    items = (ITEM % (escape(f"/org.openoffice.{at}"), escape(name), escape(value)) for at, name, value in settings)
    (folder / "user" / "registrymodifications.xcu").write_text(PROFILE % "".join(items))


def _run(words: list[str], room: Path) -> int:
    """Its end, through a process that outlives us: however we end, LibreOffice and all it started end with us."""
    ours, theirs = os.pipe()
    keeper = os.fork()
    if not keeper:
        status = 1
        try:
            os.setsid()
            os.close(theirs)
            status = _keep(words, room, ours)
        finally:
            os._exit(status)
    os.close(ours)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
    finally:
        os.close(theirs)


def _keep(words: list[str], room: Path, other_end: int) -> int:
    for _ in range(STARTS):
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=room,
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(room),
                "TMPDIR": str(room),
                "LANG": "C.UTF-8",
                "TZ": "UTC",
            },
            start_new_session=True,
            preexec_fn=lambda: _close_in(Path(words[0]), room),
        )
        try:
            is_over = _waited(process, other_end)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            _remove_socket(room / "profile")
        if code != AGAIN:
            break
    return 0 if is_over and code != -signal.SIGXCPU else SLOW


def _waited(process: subprocess.Popen[bytes], other_end: int) -> bool:
    """Whether it ended by itself, in time and before the one that waits for it."""
    for _ in range(SECONDS * 20):
        if process.poll() is not None:
            return True
        if select.select([other_end], [], [], 0.05)[0]:
            return False
    return False


def socket_name(profile: Path) -> str:
    """The end of its name: it is called after the address of the profile."""
    digest = hashlib.md5(profile.as_uri().encode("utf-16-le"), usedforsecurity=False).digest()
    return "".join(f"{each:x}" for each in digest)


def _remove_socket(profile: Path) -> None:
    """It has leave to make its socket and none to remove a file outside of its room."""
    for folder in SOCKETS:
        for left in folder.glob(f"OSL_PIPE_*{socket_name(profile)}"):
            left.unlink(missing_ok=True)


def _close_in(found: Path, room: Path) -> None:
    for kind, amount in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))
    allowed = [(Path(path), READ) for path in SYSTEM]
    allowed += [(Path(path), READ_FILE | WRITE_FILE | IOCTL) for path in DEVICES]
    own = found.resolve().parent.parent
    if own != own.parent:
        allowed.append((own, READ))
    allowed += [(folder, MAKE_SOCKET) for folder in SOCKETS]
    enclosing.enclose([*allowed, (room, WRITE)])
