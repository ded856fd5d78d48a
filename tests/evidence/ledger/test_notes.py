"""Signed notes and proofs: the published example verifies, and nothing that is not exactly one does."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.ledger import notes, proofs
from evidence.ledger.tree import leaf_hash

# From the Go sumdb/note documentation: a key, and a note that it and two unknown keys signed.
PETER = notes.VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture
def key():
    return notes.SigningKey("clearhold/log", Ed25519PrivateKey.from_private_bytes(b"k" * 32))


def test_the_published_note_verifies():
    assert notes.open_note(NOTE, [PETER]) == TEXT


def test_a_key_reads_back_as_it_was_written(key):
    assert notes.VerifierKey.parse(str(key.verifier)) == key.verifier
    assert str(PETER) == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_a_checkpoint_reads_back_as_it_was_signed(key):
    checkpoint = notes.Checkpoint("clearhold/log", 12, leaf_hash(b"x"))
    assert notes.open_checkpoint(notes.sign(str(checkpoint), key), [key.verifier]) == checkpoint


def test_signatures_of_unknown_keys_are_ignored(key):
    note = notes.sign("text\n", key) + NOTE.rpartition("\n\n")[2]
    assert notes.open_note(note, [key.verifier]) == "text\n"
    assert notes.open_note(NOTE, [key.verifier, PETER]) == TEXT
    with pytest.raises(notes.Unsigned, match="no known key"):
        notes.open_note(NOTE, [key.verifier])


def test_a_false_signature_of_a_known_key_spoils_the_note(key):
    for altered in (NOTE.replace("problem is", "answer is"), NOTE.replace("x08go/ZJ", "x08go/ZK")):
        with pytest.raises(notes.Unsigned, match="PeterNeumann"):
            notes.open_note(altered, [PETER])
    both = notes.sign("text\n", key) + NOTE.rpartition("\n\n")[2]
    with pytest.raises(notes.Unsigned, match="PeterNeumann"):
        notes.open_note(both, [key.verifier, PETER])


@pytest.mark.parametrize(
    "note",
    ["", "text\n", "text\n\n", "text\n\nno dash\n", "text\n\n— name\n", "text\n\n— name AAAA\n", "text\n\n— a+b AAAAAAAA\n",
     "te\txt\n\n— name AAAAAAAA\n", "text\n\n— name !!!!AAAA\n", NOTE[:-1], NOTE + "\n", "x" * 70_000 + NOTE],
)  # fmt: skip
def test_what_is_no_note_is_unreadable(note):
    with pytest.raises(notes.Unreadable):
        notes.open_note(note, [PETER])


@pytest.mark.parametrize(
    "text",
    ["", "log\n", "log\n1\n", "log\n01\nAAAA\n", "log\n-1\n" + "A" * 43 + "=\n", "log\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n",
     "log\n١\n" + "A" * 43 + "=\n", "log\n1\n" + "A" * 43 + "="],
)  # fmt: skip
def test_what_is_no_checkpoint_is_unreadable(text):
    with pytest.raises(notes.Unreadable):
        notes.Checkpoint.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "name", "name+00000000+AAAA", "name+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "a b+1+AQ=="],
)
def test_what_is_no_key_is_unreadable(text):
    with pytest.raises(notes.Unreadable):
        notes.VerifierKey.parse(text)


def test_a_note_refuses_text_that_could_not_be_read_back(key):
    for text in ("no newline", "a\tb\n"):
        with pytest.raises(notes.Unreadable):
            notes.sign(text, key)


def test_proofs_read_back_as_they_were_written():
    hashes = (leaf_hash(b"a"), leaf_hash(b"b"))
    for proof in (proofs.Inclusion(5, hashes, NOTE), proofs.Inclusion(0, (), NOTE)):
        assert proofs.Inclusion.parse(str(proof)) == proof
    for change in (proofs.Consistency(5, hashes, NOTE), proofs.Consistency(0, (), NOTE)):
        assert proofs.Consistency.parse(str(change)) == change


def test_extra_data_in_a_proof_is_passed_over():
    proof = proofs.Inclusion(5, (leaf_hash(b"a"),), NOTE)
    assert proofs.Inclusion.parse(str(proof).replace("\nindex", "\nextra AAAA\nindex")) == proof


@pytest.mark.parametrize(
    "text",
    ["", "c2sp.org/tlog-proof@v1\n\nx", "c2sp.org/tlog-proof@v1\nindex 01\n\nx", "c2sp.org/tlog-proof@v2\nindex 1\n\nx",
     "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx", "c2sp.org/tlog-proof@v1\nindex 1\n!!\n\nx"],
)  # fmt: skip
def test_what_is_no_proof_is_unreadable(text):
    with pytest.raises(notes.Unreadable):
        proofs.Inclusion.parse(text)
