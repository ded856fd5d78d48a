"""Programs of the system that some tests run. A missing one skips its tests, and fails them where CI=true."""

import os

import pytest

import bootstrap


def program(command: str) -> str:
    """The path of a program that `bootstrap.py` installs for the tests."""
    found = bootstrap.find_program(command)
    if found is None:
        words = f"no {command} on this machine; bootstrap.py browser says how to get it"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    return found
