"""What an authenticator app does, written down once more: RFC 4226 and 6238, so that the portal is not asked about itself."""

import base64
import hashlib
import hmac
import re
import struct

from evidence import clock


def code_of(secret: str, at=None) -> str:
    """The six digits that an app shows at a moment."""
    counter = int((at or clock.now()).timestamp()) // 30
    key = base64.b32decode(secret.replace(" ", ""))
    digest = hmac.new(key, struct.pack(">Q", counter), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def secret_on(page: str) -> str:
    return re.search(r'id="totp-key">([A-Z2-7 ]+)<', page).group(1).replace(" ", "")


def codes_on(page: str) -> list[str]:
    return re.findall(r"<li>(\d{5}-\d{5})</li>", page)
