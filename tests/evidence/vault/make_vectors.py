"""Writes vectors.json: fixed keys and salts, so that any change of the format shows. Run only for a new format."""

import hashlib
import json
from pathlib import Path

from evidence.vault.sealing import Sealer, sealed_length

SIZES = [0, 1, 65535, 65536, 65537, 131072, 200000]


def plain(size: int) -> bytes:
    """Bytes that any language can make: SHA-256 of 0, 1, 2 … as 8 big-endian bytes, joined and cut."""
    blocks = (hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def vectors() -> list[dict[str, object]]:
    rows = []
    for number, size in enumerate(SIZES):
        data_key = hashlib.sha256(b"data key %d" % number).digest()
        salt = hashlib.sha256(b"salt %d" % number).digest()[:24]
        context = hashlib.sha256(b"context %d" % number).digest()[:16]
        sealer = Sealer(data_key, context, salt=salt)
        sealed = sealer.header + bytes(sealer.update(plain(size))) + sealer.finish()
        assert len(sealed) == sealed_length(size)
        rows.append(
            {
                "size": size,
                "data_key": data_key.hex(),
                "salt": salt.hex(),
                "context": context.hex(),
                "plain_sha256": hashlib.sha256(plain(size)).hexdigest(),
                "header": sealer.header.hex(),
                "sealed_length": len(sealed),
                "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
                "sealed_tail": sealed[-24:].hex(),
            }
        )
    return rows


if __name__ == "__main__":
    Path(__file__).with_name("vectors.json").write_text(json.dumps(vectors(), indent=1) + "\n")
