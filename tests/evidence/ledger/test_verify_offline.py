"""verify.py against published vectors and independent implementations, and what keeps it one file that anybody can run."""

import ast
import base64
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from evidence.ledger import proofs, tree, verify
from tests.evidence.ledger.test_notes import NOTE, PETER, TEXT
from tests.evidence.ledger.test_tree import INPUTS, ROOTS, Grown, leaves

SOURCE = Path(verify.__file__)

# RFC 8032, 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


class TestEd25519:
    @pytest.mark.parametrize("vector", RFC_8032, ids=["empty", "one byte", "two bytes"])
    def test_the_published_signatures_hold_and_altered_ones_do_not(self, vector):
        secret, public, message, signature = map(bytes.fromhex, vector)
        # The vectors are typed here by hand: another implementation says that they are those of the RFC.
        assert Ed25519PrivateKey.from_private_bytes(secret).sign(message) == signature
        assert verify.is_signed(public, message, signature)
        assert not verify.is_signed(public, message + b"x", signature)
        for place in (0, 31, 32, 63):
            altered = bytearray(signature)
            altered[place] ^= 1
            assert not verify.is_signed(public, message, bytes(altered))

    def test_a_signature_has_one_spelling(self):
        _, public, message, signature = map(bytes.fromhex, RFC_8032[1])
        scalar = int.from_bytes(signature[32:], "little") + verify.ORDER
        assert not verify.is_signed(public, message, signature[:32] + scalar.to_bytes(32, "little"))
        assert not verify.is_signed(public, message, signature + b"\x00")
        assert not verify.is_signed(b"\xff" * 32, message, signature)

    @given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
    def test_it_agrees_with_another_implementation(self, secret, message):
        private = Ed25519PrivateKey.from_private_bytes(secret)
        public, signature = private.public_key().public_bytes_raw(), private.sign(message)
        assert verify.is_signed(public, message, signature)
        assert not verify.is_signed(public, message + b"\x00", signature)


class TestKeysAndNotes:
    def test_the_published_note_verifies(self):
        key = verify.parse_key(str(PETER))
        assert key.public == PETER.public
        # It is a note, not a checkpoint: its signature holds, and only then is its text found to be no checkpoint.
        with pytest.raises(ValueError, match="unpack"):
            verify.open_checkpoint(NOTE, [key])
        with pytest.raises(verify.Altered, match="PeterNeumann"):
            verify.open_checkpoint(NOTE.replace("problem is", "answer is"), [key])
        name, signature = "PeterNeumann", NOTE.rpartition(" ")[2]
        assert verify.is_signed(key.public, TEXT.encode(), base64.b64decode(signature)[4:])
        assert key.id(name) == base64.b64decode(signature)[:4]

    def test_signatures_of_unknown_keys_are_passed_over_and_none_at_all_is_not_enough(self):
        private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
        known = verify.Key("log", private.public_key().public_bytes_raw())
        text = f"log\n3\n{base64.b64encode(b'r' * 32).decode()}\n"
        line = base64.b64encode(known.id("log") + private.sign(text.encode())).decode()
        stranger = NOTE.rpartition("\n\n")[2]
        for note in (
            f"{text}\n— log {line}\n",
            f"{text}\n{stranger}— log {line}\n",
            f"{text}\n— log {line}\n{stranger}",
        ):
            assert verify.open_checkpoint(note, [known]) == ("log", 3, b"r" * 32)
        with pytest.raises(verify.Altered, match="no key"):
            verify.open_checkpoint(f"{text}\n{stranger}", [known])

    def test_a_key_may_be_given_as_text_as_a_file_or_by_its_fingerprint(self, tmp_path):
        private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
        public = private.public_key()
        stated = [verify.Key("log/1", public.public_bytes_raw())]
        encoded = base64.b64encode(b"\x01" + stated[0].public).decode()
        text = f"log/1+{stated[0].id('log/1').hex()}+{encoded}"
        (tmp_path / "key.txt").write_text(f"{text}\n")
        (tmp_path / "key.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert stated[0].fingerprint == verify.sha256(der[-32:]).hex()
        assert verify.chosen_keys([text], []) == stated
        assert verify.chosen_keys([str(tmp_path / "key.txt")], []) == stated
        assert verify.chosen_keys([str(tmp_path / "key.pub")], []) == [verify.Key("", stated[0].public)]
        print_ = stated[0].fingerprint
        for spelled in (
            print_,
            print_.upper(),
            f"SHA256:{print_}",
            ":".join(print_[n : n + 2] for n in range(0, 64, 2)),
        ):
            assert verify.chosen_keys([spelled], stated) == stated
        with pytest.raises(verify.Altered, match="fingerprint"):
            verify.chosen_keys(["0" * 64], stated)
        (tmp_path / "nothing").write_text("no key here\n")
        for wrong in (tmp_path / "nothing", tmp_path / "absent"):
            with pytest.raises((verify.Unreadable, OSError)):
                verify.chosen_keys([str(wrong)], stated)


def head_of(grown: Grown, size: int) -> verify.Checkpoint:
    return verify.Checkpoint("log", size, tree.root(grown.read, size))


class TestTree:
    def test_the_published_roots_come_out_of_leaves_alone(self):
        for size, root in enumerate(ROOTS, 1):
            everything = [(index, verify.sha256(b"\x00", entry)) for index, entry in enumerate(INPUTS[:size])]
            assert verify.stand_in(verify.Checkpoint("log", size, bytes.fromhex(root)), everything, [])

    @given(st.integers(1, 700), st.data())
    def test_many_events_are_proven_by_one_proof_and_no_altered_one_holds(self, size, data):
        grown, everything = Grown(leaves(700)), leaves(700)
        wanted = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=40)))
        proof = tree.multi_proof(grown.read, wanted, size)
        told = [(index, everything[index]) for index in wanted]
        head = head_of(grown, size)
        assert verify.stand_in(head, told, proof)
        assert tree.verify_multi(told, size, proof, head.root)
        altered = data.draw(st.integers(0, len(told) - 1))
        wrong = [*told[:altered], (told[altered][0], tree.leaf_hash(b"other")), *told[altered + 1 :]]
        broken = [told[1:] or [(size, told[0][1])], [*told, told[-1]], wrong]
        for each in broken:
            assert not verify.stand_in(head, each, proof)
            assert not tree.verify_multi(each, size, proof, head.root)
        for hashes in ([*proof, proof[0] if proof else head.root], proof[1:] if proof else [head.root]):
            assert not verify.stand_in(head, told, hashes)
            assert not tree.verify_multi(told, size, hashes, head.root)
        if size > 1 and len(wanted) < size:
            moved = next(index for index in range(size) if index not in wanted)
            assert not verify.stand_in(head, sorted([*told[1:], (moved, told[0][1])]), proof)

    @given(st.integers(1, 400), st.data())
    def test_for_one_event_it_is_the_proof_that_another_implementation_gives(self, size, data):
        index = data.draw(st.integers(0, size - 1))
        grown, oracle = Grown(leaves(size)), InmemoryTree(algorithm="sha256")
        for number in range(size):
            oracle.append_entry(b"event %d" % number)
        single = tree.inclusion_proof(grown.read, index, size)
        assert tree.multi_proof(grown.read, [index], size) == single
        assert set(oracle.prove_inclusion(index + 1, size).path) - {oracle.get_leaf(index + 1)} == set(single)
        head = verify.Checkpoint("log", size, oracle.get_root())
        assert verify.stand_in(head, [(index, oracle.get_leaf(index + 1))], single)

    @given(st.sets(st.integers(0, 999), min_size=2, max_size=200))
    def test_sharing_never_costs_more_than_single_proofs(self, wanted):
        grown = Grown(leaves(1000))
        singles = {each for index in wanted for each in tree.inclusion_proof(grown.read, index, 1000)}
        shared = tree.multi_proof(grown.read, sorted(wanted), 1000)
        assert set(shared) <= singles
        assert len(shared) == len(set(shared))

    @given(st.integers(1, 700), st.integers(1, 700), st.data())
    def test_consistency_holds_between_the_roots_of_another_implementation_and_nowhere_else(self, one, other, data):
        old, new = sorted((one, other))
        grown = Grown(leaves(new))
        before, after = head_of(grown, old), head_of(grown, new)
        proof = tree.consistency_proof(grown.read, old, new)
        assert verify.is_continued(before, after, proof)
        stranger = tree.leaf_hash(b"other")
        assert not verify.is_continued(before._replace(root=stranger), after, proof)
        assert not verify.is_continued(before, after._replace(root=stranger), proof)
        assert not verify.is_continued(before, after, [*proof, stranger])
        if proof:
            broken = data.draw(st.integers(0, len(proof) - 1))
            assert not verify.is_continued(before, after, [*proof[:broken], stranger, *proof[broken + 1 :]])
            assert not verify.is_continued(before, after, proof[:-1])
        assert old == new or not verify.is_continued(after, before, proof)

    @pytest.mark.parametrize("size", [1, 2, 7, 256, 257, 600])
    def test_roots_are_those_of_another_implementation(self, size):
        oracle = InmemoryTree(algorithm="sha256")
        for number in range(size):
            oracle.append_entry(b"event %d" % number)
        everything = [(index, oracle.get_leaf(index + 1)) for index in range(size)]
        assert verify.stand_in(verify.Checkpoint("log", size, oracle.get_root()), everything, [])

    def test_there_is_no_proof_of_what_is_not_in_the_tree(self):
        grown = Grown(leaves(3))
        for wanted in ([], [3], [-1]):
            with pytest.raises(ValueError, match="does not have"):
                tree.multi_proof(grown.read, wanted, 3)


class TestProofsAsText:
    @given(st.sets(st.integers(0, 10_000), min_size=1, max_size=60))
    def test_a_proof_of_many_reads_back_as_it_was_written_here_and_there(self, indexes):
        rising = tuple(sorted(indexes))
        written = proofs.Inclusions(rising, (tree.leaf_hash(b"a"), tree.leaf_hash(b"b")), NOTE)
        assert proofs.Inclusions.parse(str(written)) == written
        said, hashes, note = verify.read_proof(str(written), proofs.MANY_HEADER, "indexes ")
        assert (tuple(verify.spread(said[1])), tuple(hashes), note) == (rising, written.hashes, NOTE)

    def test_an_event_goes_along_in_the_extra_line(self):
        proof = str(proofs.Inclusion(5, (tree.leaf_hash(b"a"),), NOTE))
        said, hashes, note = verify.read_proof(proofs.with_event(proof, b"body"), proofs.HEADER, "extra ", "index ")
        assert (verify.unbase64(said[1]), said[2], hashes, note) == (b"body", "5", [tree.leaf_hash(b"a")], NOTE)

    @pytest.mark.parametrize(
        "text",
        ["", "x\n\ny", "clearhold/tlog-multi-proof@v1\nindexes 1-\n\nx", "clearhold/tlog-multi-proof@v1\nindexes 2 1\n\nx",
         "clearhold/tlog-multi-proof@v1\nindexes 1 1\n\nx", "clearhold/tlog-multi-proof@v1\nindexes a\n\nx",
         "clearhold/tlog-multi-proof@v1\nindexes 1\nAAAA\n\nx", "clearhold/tlog-multi-proof@v1\n\nx"],
    )  # fmt: skip
    def test_what_is_no_proof_of_many_is_unreadable(self, text):
        with pytest.raises(proofs.Unreadable):
            proofs.Inclusions.parse(text)


class TestOneFileThatAnybodyCanRun:
    def test_it_stays_within_six_hundred_lines(self):
        assert len(SOURCE.read_text().splitlines()) < 600

    def test_it_is_python_3_9(self):
        ast.parse(SOURCE.read_text(), feature_version=(3, 9))

    def test_it_uses_nothing_but_what_python_3_9_brings(self):
        known = {
            "__future__": {"annotations"}, "argparse": {"ArgumentParser"}, "base64": {"b64decode"},
            "bisect": {"bisect_left"}, "collections": {"defaultdict"}, "functools": {"partial"},
            "collections.abc": {"Callable", "Iterator", "Sequence"}, "hashlib": {"sha256", "sha512"},
            "json": {"dumps", "loads"}, "pathlib": {"Path"}, "re": {"DOTALL", "compile", "fullmatch", "match", "search", "sub"},
            "sys": {"exit", "stdout"}, "typing": {"Any", "NamedTuple"}, "zipfile": {"BadZipFile", "Path"},
            "zlib": {"decompress", "decompressobj", "error"},
        }  # fmt: skip
        used: dict[str, set[str]] = {}
        modules = set()
        for node in ast.walk(ast.parse(SOURCE.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                used.setdefault(node.value.id, set()).add(node.attr)
        assert modules | used.keys() <= known.keys() <= sys.stdlib_module_names | {"collections.abc", "__future__"}
        assert {name: words - known[name] for name, words in used.items() if words - known[name]} == {}

    def test_annotations_are_never_evaluated_so_that_new_forms_of_types_do_no_harm(self):
        assert "from __future__ import annotations" in SOURCE.read_text()
