"""Closes a process in before it runs a stranger's program on a stranger's file: some folders, no network, nothing more.

Both doors are the kernel's: Landlock for files and TCP, a network namespace for the rest. Where the system has neither,
or a service manager forbids them, what is left are the program's own settings and its limits.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# Numbers of linux/landlock.h, the same on every architecture that has been added to it.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_SOCKET, TRUNCATE, IOCTL = 1 << 9, 1 << 14, 1 << 15
TCP = 0b11
#: By version of Landlock: how many of the rights on files it knows.
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: What may be given on a file; the rest is about folders.
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
NO_NEW_PRIVILEGES = 38
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (1 << 16) - 1


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def enclose(allowed: Iterable[tuple[Path, int]]) -> None:
    """Leave this process, and what it starts, these paths with these rights, and no network. What can't be had is left."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _leave_network(libc)
    _leave_files(libc, allowed)


def _leave_network(libc: ctypes.CDLL) -> None:
    if libc.unshare(NEW_NETWORK) == 0:
        return
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_NETWORK):
        return
    # Whom the new namespace takes us for: the same as before.
    for name, words in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(words)


def _leave_files(libc: ctypes.CDLL, allowed: Iterable[tuple[Path, int]]) -> None:
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)
    if version < 1:
        return
    known = (1 << RIGHTS[min(version, max(RIGHTS))]) - 1
    handled = (ctypes.c_uint64 * 2)(known, TCP if version >= 4 else 0)
    rules = libc.syscall(CREATE_RULESET, handled, ctypes.c_size_t(16 if version >= 4 else 8), 0)
    if rules < 0:
        return
    for path, rights in allowed:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        given = rights & known & (WRITE if path.is_dir() else ON_FILES)
        libc.syscall(ADD_RULE, rules, PATH_BENEATH, ctypes.byref(_Beneath(given, opened)), 0)
        os.close(opened)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)
