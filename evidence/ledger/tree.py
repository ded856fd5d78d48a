"""The Merkle tree of RFC 9162 in tiles of 256 hashes, as C2SP tlog-tiles cuts them: pure functions, no database.

A tile (level, index) holds up to 256 hashes of 32 bytes, each the root of a complete subtree of 256^level leaves.
Everything is computed from tiles through a `read` function that answers the bytes of a tile, or b"" when it has none.
Because tiles only grow, the root and the proofs of every earlier size can be computed from the same tiles.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise

HASH_BYTES = 32
TILE_HASHES = 256
TILE_BYTES = HASH_BYTES * TILE_HASHES
EMPTY_ROOT = sha256(b"").digest()

Read = Callable[[int, int], bytes]


class Damaged(Exception):
    """A tile does not hold the hashes that a tree of this size must have."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """The root over a whole power of two of hashes that stand side by side."""
    while len(hashes) > HASH_BYTES:
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)])
    return hashes


def append(read: Read, size: int, leaves: bytes) -> dict[tuple[int, int], bytes]:
    """The tiles that are new or longer after `leaves` (hashes side by side) are added to a tree of `size` leaves."""
    changed: dict[tuple[int, int], bytes] = {}
    level, start, added = 0, size, leaves
    while added:
        index, kept = divmod(start, TILE_HASHES)
        hashes = _part(read, level, index, 0, kept) + added
        full: list[bytes] = []
        for at in range(0, len(hashes), TILE_BYTES):
            tile = hashes[at : at + TILE_BYTES]
            changed[level, index] = tile
            index += 1
            if len(tile) == TILE_BYTES:
                full.append(fold(tile))
        level, start, added = level + 1, start // TILE_HASHES, b"".join(full)
    return changed


def root(read: Read, size: int) -> bytes:
    """The root over the first `size` leaves."""
    return _range(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: Read, index: int, size: int) -> list[bytes]:
    """The hashes from the leaf's sibling up to the root's child (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range(read, middle, end))
            end = middle
        else:
            proof.append(_range(read, start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(read: Read, old: int, new: int) -> list[bytes]:
    """The hashes that show the tree of `old` leaves inside the tree of `new` (RFC 9162, 2.1.4.1)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves has no earlier size {old}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end = 0, new
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range(read, middle, end))
            end = middle
        else:
            proof.append(_range(read, start, middle))
            start = middle
    if start:
        proof.append(_range(read, start, end))
    return proof[::-1]


def multi_proof(read: Read, indexes: Sequence[int], size: int) -> list[bytes]:
    """The hashes that lead from all these leaves to the root, those shared by several said once.

    For one leaf it is the inclusion proof. Read from its end it goes down the tree: where all leaves are on one side
    it names the other side's hash; where both sides have leaves, the left comes first.
    """
    wanted = sorted(set(indexes))
    if not wanted or wanted[0] < 0 or wanted[-1] >= size:
        raise ValueError(f"a tree of {size} leaves does not have all of these")
    proof: list[bytes] = []

    def descend(start: int, end: int, first: int, last: int) -> None:
        if end - start == 1:
            return
        middle = start + _split(end - start)
        cut = bisect_left(wanted, middle, first, last)
        if cut == first:
            proof.append(_range(read, start, middle))
        else:
            if cut == last:
                proof.append(_range(read, middle, end))
            descend(start, middle, first, cut)
        if cut < last:
            descend(middle, end, cut, last)

    descend(0, size, 0, len(wanted))
    return proof[::-1]


def verify_multi(leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof leads from these leaves, by rising index, to the root `expected`."""
    indexes = [index for index, _ in leaves]
    if not indexes or indexes[0] < 0 or indexes[-1] >= size or any(a >= b for a, b in pairwise(indexes)):
        return False
    rest = list(proof)

    def ascend(start: int, end: int, first: int, last: int) -> bytes:
        if end - start == 1:
            return leaves[first][1]
        middle = start + _split(end - start)
        cut = bisect_left(indexes, middle, first, last)
        if cut == first:
            return node_hash(rest.pop(), ascend(middle, end, cut, last))
        if cut == last:
            beside = rest.pop()
            return node_hash(ascend(start, middle, first, cut), beside)
        left = ascend(start, middle, first, cut)
        return node_hash(left, ascend(middle, end, cut, last))

    try:
        return ascend(0, size, 0, len(leaves)) == expected and not rest
    except IndexError:
        return False


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof leads from the leaf to the root `expected` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            reached = node_hash(sibling, reached)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and reached == expected


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `new` leaves begins with the tree of `old` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    # Where the old size is a power of two its root is a node of the new tree and is not repeated in the proof.
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    reached_old = reached_new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            reached_old = node_hash(sibling, reached_old)
            reached_new = node_hash(sibling, reached_new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            reached_new = node_hash(reached_new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and reached_old == old_root and reached_new == new_root


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _range(read: Read, start: int, end: int) -> bytes:
    count = end - start
    if count & (count - 1) == 0:
        return _complete(read, count.bit_length() - 1, start // count)
    middle = start + _split(count)
    return node_hash(_range(read, start, middle), _range(read, middle, end))


def _complete(read: Read, height: int, index: int) -> bytes:
    level, rest = divmod(height, 8)
    tile, offset = divmod(index << rest, TILE_HASHES)
    return fold(_part(read, level, tile, offset, 1 << rest))


def _part(read: Read, level: int, index: int, offset: int, count: int) -> bytes:
    if not count:
        return b""
    hashes = read(level, index)[HASH_BYTES * offset : HASH_BYTES * (offset + count)]
    if len(hashes) != HASH_BYTES * count:
        raise Damaged(f"tile {level}/{index} lacks hashes {offset} to {offset + count - 1}")
    return hashes
