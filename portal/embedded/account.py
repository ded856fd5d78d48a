"""Under whom the servers run: PostgreSQL refuses root, so root hands them to an account that owns nothing else.

It never widens the permissions of a directory: where the account can't walk to the files, it gets the one
capability to search directories instead.
"""

import ctypes
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NAME = "clearhold"
PR_SET_PDEATHSIG = 1


class CannotRun(RuntimeError):
    """The servers can't run here; the message says what would help."""


@dataclass(frozen=True)
class Account:
    """Whom to become (None: stay who we are) and the words that go before a command."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def own(self, *paths: Path) -> None:
        if self.uid is not None and self.gid is not None:
            for path in paths:
                os.chown(path, self.uid, self.gid)

    def become(self, *, dies_by: signal.Signals | None) -> Callable[[], None]:
        """What the child does between fork and exec. With a prefix, setpriv changes the user instead."""
        library = ctypes.CDLL(None) if sys.platform == "linux" else None
        uid, gid = (self.uid, self.gid) if not self.prefix else (None, None)

        def change() -> None:
            if uid is not None and gid is not None:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            os.umask(0o077)
            # After setuid: a change of user clears the signal.
            if library is not None and dies_by is not None:
                library.prctl(PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)

        return change

    def command(self, *words: str | Path, dies_by: signal.Signals | None = None) -> list[str]:
        prefix = list(self.prefix)
        if prefix and dies_by is not None:
            prefix += ["--pdeathsig", dies_by.name.removeprefix("SIG")]
        return [*prefix, *map(str, words)]


def for_servers(data: Path, binaries: tuple[Path, ...]) -> Account:
    """Who runs the servers that keep `data`: ourselves, or an unprivileged account when we are root."""
    if os.geteuid() != 0:
        return Account()
    owner = data.stat() if data.exists() else None
    if owner is not None and owner.st_uid != 0:
        entry = pwd.getpwuid(owner.st_uid)
    else:
        entry = _entry()
    account = Account(uid=entry.pw_uid, gid=entry.pw_gid)
    if all(_reaches(entry, path) for path in (data.parent, *binaries)):
        return account
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, prefix=_with_search(entry, (data.parent, *binaries)))


def _entry() -> pwd.struct_passwd:
    for _ in range(2):
        try:
            return pwd.getpwnam(NAME)
        except KeyError:
            useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
            if useradd is None:
                break
            subprocess.run(
                [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", NAME],
                check=False,
                capture_output=True,
            )
    return pwd.getpwnam("nobody")


def _reaches(entry: pwd.struct_passwd, path: Path) -> bool:
    def may(place: Path, *, read: bool) -> bool:
        status = place.stat()
        shift = 6 if status.st_uid == entry.pw_uid else 3 if status.st_gid == entry.pw_gid else 0
        wanted = (stat.S_IXOTH | stat.S_IROTH) if read else stat.S_IXOTH
        return (status.st_mode >> shift) & wanted == wanted

    path = path.resolve()
    return may(path, read=True) and all(may(parent, read=False) for parent in path.parents)


def _with_search(entry: pwd.struct_passwd, paths: tuple[Path, ...]) -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    user = ("--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups")
    for capability in ("dac_read_search", "dac_override"):
        if setpriv is None:
            break
        # The secure bit: without it access(2), by which PostgreSQL looks for its own programs, forgets capabilities.
        held = (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--securebits=+no_setuid_fixup")
        words = (setpriv, *user, *held)
        if all(_succeeds(*words, "test", "-x", str(path.resolve())) for path in paths):
            return words
    raise CannotRun(
        f"PostgreSQL refuses to run as root, and the account {entry.pw_name!r} can't reach {paths[0]}. "
        "Clone into a directory that others may enter (such as /srv or /opt), or run as an ordinary user."
    )


def _succeeds(*words: str) -> bool:
    return subprocess.run(words, check=False, capture_output=True).returncode == 0
