"""The tree against an independent implementation and the published values of RFC 6962's reference tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from evidence.ledger import tree

# The eight inputs and the roots over the first n of them that every implementation of RFC 6962 is tested with.
INPUTS = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Grown:
    """A tree grown in memory, some leaves at a time."""

    def __init__(self, *batches):
        self.tiles, self.size = {}, 0
        for batch in batches:
            self.add(batch)

    def add(self, leaves):
        changed = tree.append(self.read, self.size, b"".join(leaves))
        for place, hashes in changed.items():
            assert hashes.startswith(self.tiles.get(place, b"")), "a tile only grows"
        self.tiles.update(changed)
        self.size += len(leaves)

    def read(self, level, index):
        return self.tiles.get((level, index), b"")


def leaves(count):
    return [tree.leaf_hash(b"event %d" % number) for number in range(count)]


def oracle(count):
    other = InmemoryTree(algorithm="sha256")
    for number in range(count):
        other.append_entry(b"event %d" % number)
    return other


def test_the_published_roots_come_out():
    grown = Grown()
    assert tree.root(grown.read, 0).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for entry, expected in zip(INPUTS, ROOTS, strict=True):
        grown.add([tree.leaf_hash(entry)])
        assert tree.root(grown.read, grown.size).hex() == expected


@pytest.mark.parametrize(
    ("index", "size", "expected"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            3,
            ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
    ],
)
def test_the_published_inclusion_proofs_come_out(index, size, expected):
    grown = Grown([tree.leaf_hash(entry) for entry in INPUTS])
    proof = tree.inclusion_proof(grown.read, index, size)
    assert [each.hex() for each in proof] == expected
    assert tree.verify_inclusion(tree.leaf_hash(INPUTS[index]), index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 1, []),
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_the_published_consistency_proofs_come_out(old, new, expected):
    grown = Grown([tree.leaf_hash(entry) for entry in INPUTS])
    proof = tree.consistency_proof(grown.read, old, new)
    assert [each.hex() for each in proof] == expected
    assert tree.verify_consistency(old, new, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]), proof)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 255, 256, 257, 511, 512, 1000])
def test_another_implementation_finds_the_same_roots(count):
    assert tree.root(Grown(leaves(count)).read, count) == oracle(count).get_root()


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_the_way_of_growing_does_not_matter(steps):
    everything = leaves(sum(steps))
    by_steps, at = Grown(), 0
    for step in steps:
        by_steps.add(everything[at : at + step])
        at += step
    assert by_steps.tiles == Grown(everything).tiles


@given(st.integers(1, 700), st.data())
def test_every_inclusion_proof_holds_and_no_altered_one_does(size, data):
    index = data.draw(st.integers(0, size - 1))
    grown = Grown(leaves(700))
    root, leaf = tree.root(grown.read, size), leaves(700)[index]
    proof = tree.inclusion_proof(grown.read, index, size)
    assert tree.verify_inclusion(leaf, index, size, proof, root)
    assert not tree.verify_inclusion(tree.leaf_hash(b"other"), index, size, proof, root)
    assert not tree.verify_inclusion(leaf, index, size, [*proof, leaf], root)
    if proof:
        assert not tree.verify_inclusion(leaf, index, size, proof[:-1], root)
        broken = data.draw(st.integers(0, len(proof) - 1))
        assert not tree.verify_inclusion(leaf, index, size, [*proof[:broken], leaf, *proof[broken + 1 :]], root)
    if size > 1:
        assert not tree.verify_inclusion(leaf, (index + 1) % size, size, proof, root)


@given(st.integers(0, 700), st.integers(0, 700), st.data())
def test_every_consistency_proof_holds_and_no_altered_one_does(one, other, data):
    old, new = sorted((one, other))
    grown = Grown(leaves(700))
    old_root, new_root = tree.root(grown.read, old), tree.root(grown.read, new)
    proof = tree.consistency_proof(grown.read, old, new)
    assert tree.verify_consistency(old, new, old_root, new_root, proof)
    if 0 < old < new:
        assert not tree.verify_consistency(old, new, new_root, new_root, proof)
        assert not tree.verify_consistency(old, new, old_root, old_root, proof)
        broken = data.draw(st.integers(0, len(proof) - 1))
        altered = [*proof[:broken], tree.leaf_hash(b"other"), *proof[broken + 1 :]]
        assert not tree.verify_consistency(old, new, old_root, new_root, altered)
        assert not tree.verify_consistency(old, new, old_root, new_root, proof[:-1])
    assert not tree.verify_consistency(new + 1, new, new_root, new_root, [])


@given(st.integers(1, 300), st.data())
def test_another_implementation_gives_the_same_proofs(size, data):
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    grown, other = Grown(leaves(size)), oracle(size)
    leaf, root = other.get_leaf(index + 1), tree.root(grown.read, size)
    theirs = other.prove_inclusion(index + 1, size)
    verify_inclusion(leaf, root, theirs)
    assert set(theirs.path) - {leaf} == set(tree.inclusion_proof(grown.read, index, size))
    # Its consistency proofs are cut otherwise, but lead to the same two roots.
    verify_consistency(tree.root(grown.read, old), root, other.prove_consistency(old, size))


def test_a_missing_hash_is_noticed():
    grown = Grown(leaves(300))
    grown.tiles[0, 1] = grown.tiles[0, 1][:-32]
    with pytest.raises(tree.Damaged, match="tile 0/1 lacks"):
        tree.root(grown.read, 300)


def test_there_is_no_proof_outside_the_tree():
    grown = Grown(leaves(3))
    with pytest.raises(ValueError, match="no leaf 3"):
        tree.inclusion_proof(grown.read, 3, 3)
    with pytest.raises(ValueError, match="no earlier size 4"):
        tree.consistency_proof(grown.read, 4, 3)
