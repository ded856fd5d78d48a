"""What an access token looks like: a prefix and a checksum, so that scanners of leaked secrets know a real one.

`clh_`, 43 characters of chance and 6 of checksum, all of 0-9A-Za-z: the expression is PATTERN, in docs/tokens.md too.
"""

import ipaddress
import secrets
import zlib

PREFIX = "clh_"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHANCE, CHECK = 43, 6
PATTERN = rf"\bclh_[0-9A-Za-z]{{{CHANCE + CHECK}}}\b"


def make() -> str:
    """A new secret of 256 bits."""
    body = _written(secrets.randbits(256), CHANCE)
    return PREFIX + body + checksum(body)


def checksum(body: str) -> str:
    """The CRC-32 of the part of chance, written in the same digits."""
    return _written(zlib.crc32(body.encode()), CHECK)


def is_one_of_ours(text: str) -> bool:
    """Whether a string that looks like a token was made here: what a scanner asks before it raises an alarm."""
    body = text.removeprefix(PREFIX)
    return text.startswith(PREFIX) and len(body) == CHANCE + CHECK and checksum(body[:CHANCE]) == body[CHANCE:]


def network(text: str) -> str:
    """An address or network in its canonical spelling, empty for what is neither."""
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        return ""


def _written(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, len(DIGITS))
        digits.append(DIGITS[rest])
    return "".join(reversed(digits))
