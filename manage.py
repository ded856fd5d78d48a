#!/usr/bin/env python3
"""Runs a management command; without DATABASE_URL it finds the embedded servers running or starts them for its time."""

import gc
import os
import sys
from pathlib import Path

import django

# These read no table, so no server is started for them.
WITHOUT_SERVERS = frozenset(
    {
        "help",
        "version",
        "--help",
        "--version",
        "-h",
        "collectstatic",
        "iconsprite",
        "spectacular",
        "prepare_database",
        "vendor",
        "verify_package",
    }
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.development")
    words = sys.argv[1:]
    if words and words[0] not in WITHOUT_SERVERS and not {"--help", "-h"} & set(words):
        from portal.embedded import servers

        var = Path(os.environ.get("CLEARHOLD_VAR", Path(__file__).resolve().parent / "var"))
        try:
            servers.export_environment(var)
        except servers.ServersFailed as failure:
            sys.exit(str(failure))
    from django.core.management import execute_from_command_line

    # What is loaded to start stays: looking for garbage in it would take a sixth of the start.
    gc.disable()
    try:
        django.setup()
    finally:
        gc.freeze()
        gc.enable()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
