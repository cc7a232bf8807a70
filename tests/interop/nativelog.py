# SPDX-License-Identifier: Apache-2.0
"""Leaves, proofs and checkpoints of the native protocol (docs/explanation/PROTOCOL.md, §6 and §7),
and how the page writes bytes. Written from that page and RFC 6962 alone. Each check raises Wrong
with a sentence; the makers are what a manager does, for trying the checks.
"""

import base64
import hashlib
import hmac
import json
import struct

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ed25519
except ImportError:  # the script says skipped
    pass

from protocol import b64, b64u

# Kinds of leaves, of docs/reference/audit.md; §6 names a file of the sources for them.
KIND = {
    "genesis": 1,
    "start": 2,
    "envelope-keys": 3,
    "key-create": 16,
    "key-delete": 17,
    "policy-put": 18,
    "policy-delete": 19,
    "rule-add": 20,
    "rule-delete": 21,
    "cert-register": 22,
    "result-create": 23,
    "key-release": 32,
    "key-export": 33,
    "denial": 48,
}


class Wrong(Exception):
    """What the manager sent is not what the page says."""


def need(condition, text, *arguments):
    if not condition:
        raise Wrong(text % arguments if arguments else text)


def be32(number):
    return struct.pack(">I", number)


def be64(number):
    return struct.pack(">Q", number)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def un_b64u(text, what):
    """§Notation: base64url without padding, and no other spelling of the same bytes."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Wrong("%s is no base64url: %r" % (what, text[:40]))
    need(b64u(data) == text, "%s is base64url in another spelling: %r", what, text[:40])
    return data


def un_b64(text, what):
    """Standard, with padding."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("%s is no base64: %r" % (what, text[:40]))
    need(b64(data) == text, "%s is base64 in another spelling: %r", what, text[:40])
    return data


def json_object(text, what):
    """§Notation: JSON without duplicate members."""

    def pairs(members):
        names = [name for name, _ in members]
        need(len(set(names)) == len(names), "%s has a member twice: %s", what, names)
        return dict(members)

    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except ValueError as error:
        raise Wrong("%s is no JSON: %s" % (what, error))
    need(isinstance(value, dict), "%s is no JSON object", what)
    return value


def ed25519_verify(public, signature, data, what):
    need(len(public) == 32, "the key of %s has %d bytes, not 32", what, len(public))
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        raise Wrong("the signature of %s does not hold" % what)


# ---- §6. The record ---------------------------------------------------------------------------

LEAF_BYTES = 106


class Leaf:
    """106 bytes in their parts."""

    def __init__(self, data):
        need(len(data) == LEAF_BYTES, "a leaf of %d bytes", len(data))
        need(data[0] == 1, "a leaf that begins with %d", data[0])
        self.data = data
        self.type = data[1]
        (self.time,) = struct.unpack(">Q", data[2:10])
        self.decision_id, self.owner = data[10:26].hex(), data[26:42]
        self.commitment, self.state = data[42:74], data[74:106]

    def own_decision_id(self):
        """What its decision id is if it is the first leaf of its decision."""
        return sha256(
            b"capsa decision v1",
            bytes([self.type]),
            be64(self.time),
            self.owner,
            self.commitment,
        )[:16].hex()

    def opens_to(self, salt, details, owner):
        """Raises unless these are what it commits to. owner: a party id, "" for none."""
        need(len(salt) == 32, "a salt of %d bytes", len(salt))
        made = hmac.digest(salt, b"\x01" + details.encode(), "sha256")
        need(made == self.commitment, "the leaf does not commit to these details")
        blinded = hmac.digest(salt, b"\x02" + owner.encode(), "sha256")[:16] if owner else bytes(16)
        need(blinded == self.owner, "the leaf is not of the owner %r", owner)


def make_leaf(kind, when, salt, details, owner, state=bytes(32), decision_id=None):
    """What a manager does; for trying this file on itself."""
    commitment = hmac.digest(salt, b"\x01" + details.encode(), "sha256")
    blinded = hmac.digest(salt, b"\x02" + owner.encode(), "sha256")[:16] if owner else bytes(16)
    parts = bytes([kind]), be64(when), blinded, commitment
    own = decision_id or sha256(b"capsa decision v1", *parts)[:16]
    return Leaf(b"\x01" + parts[0] + parts[1] + own + blinded + commitment + state)


# ---- §7. The log ------------------------------------------------------------------------------


def leaf_hash(leaf):
    return sha256(b"\x00", leaf)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def split(size):
    """The largest power of two below it."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(hashes_of_leaves):
    """RFC 6962 §2.1."""
    if not hashes_of_leaves:
        return sha256()
    if len(hashes_of_leaves) == 1:
        return hashes_of_leaves[0]
    at = split(len(hashes_of_leaves))
    return node_hash(root_of(hashes_of_leaves[:at]), root_of(hashes_of_leaves[at:]))


def inclusion_of(index, hashes_of_leaves):
    """RFC 6962 §2.1.1; for trying this file on itself."""
    if len(hashes_of_leaves) == 1:
        return []
    at = split(len(hashes_of_leaves))
    left, right = hashes_of_leaves[:at], hashes_of_leaves[at:]
    if index < at:
        return inclusion_of(index, left) + [root_of(right)]
    return inclusion_of(index - at, right) + [root_of(left)]


def consistency_of(first, hashes_of_leaves, whole=True):
    """RFC 6962 §2.1.2; for trying this file on itself."""
    if first == len(hashes_of_leaves):
        return [] if whole else [root_of(hashes_of_leaves)]
    at = split(len(hashes_of_leaves))
    left, right = hashes_of_leaves[:at], hashes_of_leaves[at:]
    if first <= at:
        return consistency_of(first, left, whole) + [root_of(right)]
    return consistency_of(first - at, right, False) + [root_of(left)]


def check_inclusion(hash_of_leaf, index, size, proof, root):
    """That the proof (nearest to the leaf first) leads from the leaf to the root."""
    need(0 <= index < size, "leaf %d of a tree of %d", index, size)

    def climb(index, size, proof):
        if size == 1:
            need(not proof, "the inclusion proof is too long")
            return hash_of_leaf
        need(proof, "the inclusion proof is too short")
        at = split(size)
        if index < at:
            return node_hash(climb(index, at, proof[:-1]), proof[-1])
        return node_hash(proof[-1], climb(index - at, size - at, proof[:-1]))

    need(all(len(part) == 32 for part in proof), "a hash of the proof has not 32 bytes")
    need(climb(index, size, list(proof)) == root, "the inclusion proof leads to another root")


def check_consistency(first, first_root, second, second_root, proof):
    """That the tree of `first` leaves is the beginning of that of `second`."""
    need(0 < first <= second, "%d is no beginning of %d", first, second)
    need(all(len(part) == 32 for part in proof), "a hash of the proof has not 32 bytes")
    if first == second:
        need(not proof and first_root == second_root, "two trees of %d leaves differ", first)
        return

    def climb(first, size, proof, whole):
        """(root of the first, root of the whole), of a subtree."""
        if first == size:
            if whole:
                need(not proof, "the consistency proof is too long")
                return first_root, first_root
            need(len(proof) == 1, "the consistency proof has a wrong length")
            return proof[0], proof[0]
        need(proof, "the consistency proof is too short")
        at = split(size)
        if first <= at:
            old, new = climb(first, at, proof[:-1], whole)
            return old, node_hash(new, proof[-1])
        old, new = climb(first - at, size - at, proof[:-1], False)
        return node_hash(proof[-1], old), node_hash(proof[-1], new)

    old, new = climb(first, second, list(proof), True)
    need(old == first_root, "the consistency proof does not begin with the first root")
    need(new == second_root, "the consistency proof leads to another root")


class Note:
    """A checkpoint, its signature checked."""

    def __init__(self, text, manager_id, audit_key):
        self.text = text
        lines = text.split("\n")
        need(len(lines) == 6 and lines[3] == "" and lines[5] == "", "the note is %r", text)
        need(lines[0] == manager_id, "a checkpoint of %r", lines[0])
        need(lines[1].isdigit() and str(int(lines[1])) == lines[1], "its size is %r", lines[1])
        self.size, self.root = int(lines[1]), un_b64(lines[2], "the root")
        need(len(self.root) == 32, "a root of %d bytes", len(self.root))
        dash, name, signature = (lines[4].split(" ") + ["", ""])[:3]
        need((dash, name) == ("\u2014", manager_id), "the signature line is %r", lines[4])
        need(lines[4].count(" ") == 2, "the signature line is %r", lines[4])
        data = un_b64(signature, "the note's signature")
        need(len(data) == 68, "a note's signature of %d bytes", len(data))
        need(data[:4] == key_hash(manager_id, audit_key), "the key hash of the note is wrong")
        signed = "".join(line + "\n" for line in lines[:3]).encode()
        ed25519_verify(audit_key, data[4:], signed, "the checkpoint")


def key_hash(name, public):
    return sha256(name.encode(), b"\x0a\x01", public)[:4]


def make_note(manager_id, size, root, private):
    """What a manager does; for trying this file on itself."""
    text = "%s\n%d\n%s\n" % (manager_id, size, b64(root))
    public = private.public_key().public_bytes_raw()
    signature = key_hash(manager_id, public) + private.sign(text.encode())
    return "%s\n\u2014 %s %s\n" % (text, manager_id, b64(signature))


def proof_of(members):
    """(index, hashes) of an InclusionProof as JSON. Integers of JSON may be text."""
    hashes_of_proof = [un_b64(text, "a hash of the proof") for text in members.get("hashes", [])]
    return int(members.get("index", 0)), hashes_of_proof
