"""Keys of rows: UUIDv7 (RFC 9562), so that new rows land side by side in an index."""

import uuid

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> uuid.UUID:
    """A new time-ordered key."""
    return _uuid7()
