# SPDX-License-Identifier: Apache-2.0
"""A client of the native protocol in the raw, written from docs/explanation/PROTOCOL.md and
proto/wire alone: that it works is what shows that the page is enough. Nothing here was copied from
the sources of the manager, and nothing should be.

Numbers behind § are sections of that page. Every layer of a request can be made wrong on purpose:
`sign` (§4), `seal` (§3), `Client.ask` with the knobs of both. What the manager sends is checked by
`Manager` (§2), `open_answer` and `Client.keep` (§5) and nativelog.py (§6, §7); each check raises
Wrong with a sentence, and a test can see each of them fail.
"""

import os
import re
import time

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes, keywrap, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, x25519
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:  # the script says skipped
    pass

import protocol
from harness import ROOT
from nativelog import (
    Leaf,
    Note,
    Wrong,
    be32,
    check_consistency,
    check_inclusion,
    ed25519_verify,
    json_object,
    leaf_hash,
    need,
    proof_of,
    root_of,
    sha256,
    un_b64,
    un_b64u,
)
from protocol import b64u, json_text, manager_message, message_class, natural_alg, sign_bytes

SERVICE = "/capsa.v1.Manager/"


def _extension():
    """The object identifier of §2, from the page itself."""
    with open(os.path.join(ROOT, "docs", "explanation", "PROTOCOL.md"), encoding="utf-8") as page:
        return re.search(r"whose extension \*\*([0-9.]+)\*\*", page.read())[1]


EXTENSION = _extension()
ENVELOPE_ALG = "ECDH-ES+A256KW"
RSA_ALGS = ("RSA-OAEP", "RSA-OAEP-256")

# Canonical codes beside those of protocol.py.
CONFLICT, UNAVAILABLE = 10, 14


def native_message(name):
    return message_class("capsa.v1." + name)


def spki_of(public_key):
    return public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def kid_of(spki):
    """§2, Kid."""
    return b64u(sha256(spki))


# ---- §2. Who the manager is -------------------------------------------------------------------


def parsed(message, data, what):
    try:
        return message.FromString(data)
    except Exception as error:
        raise Wrong("%s is no %s: %s" % (what, message.DESCRIPTOR.name, error))


class Manager:
    """What a certificate says of its manager, checked as §2 wants it. `known`: the id that the
    client has, or None."""

    def __init__(self, cert, known=None):
        self.cert = cert
        try:
            found = cert.extensions.get_extension_for_oid(x509.ObjectIdentifier(EXTENSION))
        except x509.ExtensionNotFound:
            raise Wrong("the certificate has no extension %s" % EXTENSION)
        need(not found.critical, "the extension is critical")
        self.content = found.value.value
        signed = parsed(native_message("SignedManagerInfo"), self.content, "the extension")
        self.info_bytes, self.signature = signed.info, signed.signature
        self.info = parsed(native_message("ManagerInfo"), signed.info, "info")
        self.genesis = parsed(native_message("Genesis"), self.info.genesis, "the genesis")
        ed25519_verify(
            self.genesis.announce_key,
            signed.signature,
            b"capsa manager info v1\n" + signed.info,
            "the manager's info",
        )
        self.id = sha256(self.info.genesis).hex()
        self.keys = {key.kid: key for key in self.info.keys}
        self._check_keys()
        if known is None:
            need(
                self.genesis.mode == "simulation",
                "mode is %r: not to be trusted at first sight",
                self.genesis.mode,
            )
        else:
            need(self.id == known, "the manager is %s, not %s", self.id, known)

    def _check_keys(self):
        need(len(self.keys) == len(self.info.keys), "two envelope keys have one kid")
        for kid, key in self.keys.items():
            need(kid == kid_of(key.spki), "kid %s is not that of its key", kid)
        own = self.keys.get(kid_of(spki_of(self.cert.public_key())))
        need(own is not None, "the certificate's key is not among the envelope keys")
        need(own.alg in RSA_ALGS, "the certificate's key has the alg %r", own.alg)

    def envelope_keys(self, curve=None):
        """(kid, public key) of those that native requests may be sealed to. curve: "P-256" or
        "X25519"."""
        found = []
        for kid, key in self.keys.items():
            if key.alg == ENVELOPE_ALG:
                public = serialization.load_der_public_key(key.spki)
                if curve is None or curve_of(public) == curve:
                    found.append((kid, public))
        return found

    def rsa_kid(self):
        return kid_of(spki_of(self.cert.public_key()))


def curve_of(public):
    if isinstance(public, x25519.X25519PublicKey):
        return "X25519"
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1":
        return "P-256"
    raise Wrong("an envelope key on a curve that the page does not know")


# ---- §3. The request's envelope ---------------------------------------------------------------


def fresh_on(curve):
    return (
        x25519.X25519PrivateKey.generate()
        if curve == "X25519"
        else ec.generate_private_key(ec.SECP256R1())
    )


def jwk_of(public):
    """RFC 7518 §6.2 and RFC 8037 §2."""
    if isinstance(public, x25519.X25519PublicKey):
        return {"kty": "OKP", "crv": "X25519", "x": b64u(public.public_bytes_raw())}
    numbers = public.public_numbers()
    size = (public.curve.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": {"secp256r1": "P-256", "secp384r1": "P-384"}[public.curve.name],
        "x": b64u(numbers.x.to_bytes(size, "big")),
        "y": b64u(numbers.y.to_bytes(size, "big")),
    }


def agree(private, public):
    if isinstance(public, x25519.X25519PublicKey):
        return private.exchange(public)
    return private.exchange(ec.ECDH(), public)


def concat_kdf(secret, algorithm, size, apu=b"", apv=b""):
    """RFC 7518 §4.6.2."""
    info = b"".join(be32(len(part)) + part for part in (algorithm.encode(), apu, apv)) + be32(
        8 * size
    )
    return ConcatKDFHash(hashes.SHA256(), size, info).derive(secret)


class Sealed:
    """A request's envelope, and what its sender needs to open the answer."""

    def __init__(self, members, cek):
        self.members = members
        self.cek = cek
        self.hash = request_hash(members)


HASHED = ("protected_header", "encrypted_key", "iv", "ciphertext", "tag")


def request_hash(members):
    return sha256(".".join(members[name] for name in HASHED).encode())


def seal(
    plaintext,
    kid,
    public,
    alg=ENVELOPE_ALG,
    enc="A256GCM",
    header=None,
    header_text=None,
    ephemeral=None,
    epk=None,
    kdf_alg=ENVELOPE_ALG,
    apu=b"",
    cek=None,
    encrypted_key=None,
    iv=12,
    aad="",
    tag_bytes=16,
    tamper=None,
):
    """A Sealed, for the manager's key (kid, public).

    header: further members, None as a value takes one away; header_text: the whole of it instead.
    ephemeral: a private key; epk: what the header has in its place. kdf_alg, apu: for the KDF. cek:
    bytes. encrypted_key: bytes to send instead. iv: bytes or their number. aad: text that is sent
    and, as RFC 7516 §5.1 has it, authenticated. tamper(members): last change; the hash is made
    behind it.
    """
    own = ephemeral or fresh_on(curve_of(public))
    said = {"alg": alg, "enc": enc, "kid": kid, "epk": epk or jwk_of(own.public_key()), "capsa": 1}
    said.update(header or {})
    said = {name: value for name, value in said.items() if value is not None}
    protected = b64u(json_text(said if header_text is None else header_text, pretty=False))
    cek = os.urandom(32) if cek is None else cek
    if encrypted_key is None:
        same = curve_of(public) == curve_of(own.public_key())
        secret = agree(own, public) if same else os.urandom(32)
        encrypted_key = keywrap.aes_key_wrap(concat_kdf(secret, kdf_alg, 32, apu), cek)
    iv = os.urandom(iv) if isinstance(iv, int) else iv
    covered = (protected + "." + aad if aad else protected).encode()
    if len(iv) >= 8 and len(cek) in (16, 24, 32):
        sealed = AESGCM(cek).encrypt(iv, plaintext, covered)
    else:
        sealed = plaintext + bytes(16)
    members = {
        "protected_header": protected,
        "encrypted_key": b64u(encrypted_key),
        "iv": b64u(iv),
        "ciphertext": b64u(sealed[:-16]),
        "tag": b64u(sealed[-16:][:tag_bytes]),
        "aad": aad,
    }
    if tamper:
        tamper(members)
    return Sealed(members, cek)


def unseal(members, private, kid):
    """What a manager does; for trying this file on itself."""
    header = json_object(un_b64u(members["protected_header"], "protected"), "protected")
    need(header.get("kid") == kid and header.get("alg") == ENVELOPE_ALG, "not for this key")
    epk = header["epk"]
    x = un_b64u(epk["x"], "x")
    if epk["kty"] == "OKP":
        public = x25519.X25519PublicKey.from_public_bytes(x)
    else:
        y = un_b64u(epk["y"], "y")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    wrapping = concat_kdf(agree(private, public), ENVELOPE_ALG, 32)
    cek = keywrap.aes_key_unwrap(wrapping, un_b64u(members["encrypted_key"], "encrypted_key"))
    sealed = un_b64u(members["ciphertext"], "ciphertext") + un_b64u(members["tag"], "tag")
    protected = members["protected_header"].encode()
    return AESGCM(cek).decrypt(un_b64u(members["iv"], "iv"), sealed, protected), cek


# ---- §4. The request's signature --------------------------------------------------------------

_OWN = object()


def sign(
    payload,
    party,
    aud,
    method,
    jws_alg=None,
    signed_alg=None,
    x5c=_OWN,
    iat=None,
    jti=None,
    version=None,
    jws_header=None,
    jws_header_text=None,
    signer=None,
    tamper_jws=None,
):
    """JWS text of the payload (bytes).

    jws_alg: what the header says; signed_alg: what the signature is, when different. iat: seconds,
    or a function of the time now. jws_header: members to add or replace, None as a value takes one
    away; jws_header_text: the whole of it instead. signer: the private key, when not the party's.
    tamper_jws(members): last change.
    """
    said = jws_alg or natural_alg(party.key)
    now = int(time.time())
    header = {
        "alg": said,
        "x5c": party.x5c if x5c is _OWN else x5c,
        "aud": aud,
        "method": method,
        "iat": now if iat is None else iat(now) if callable(iat) else iat,
        "jti": b64u(os.urandom(16)) if jti is None else jti,
        "version": version,
    }
    header.update(jws_header or {})
    header = {name: value for name, value in header.items() if value is not None}
    text = json_text(header if jws_header_text is None else jws_header_text, pretty=False)
    members = {"protected": b64u(text), "payload": b64u(payload)}
    signed = (members["protected"] + "." + members["payload"]).encode()
    signature = sign_bytes(signer or party.key, signed_alg or said, signed)
    members["signature"] = b64u(signature)
    if tamper_jws:
        tamper_jws(members)
    return json_text(members, pretty=False)


# ---- §5. The answer ---------------------------------------------------------------------------


def answer_key(cek, hash_of_request):
    return HKDF(hashes.SHA256(), 32, hash_of_request, b"capsa response").derive(cek)


def seal_answer(plaintext, cek, hash_of_request):
    """What a manager does; for trying this file on itself."""
    protected = b64u(b'{"alg":"dir","enc":"A256GCM","capsa":1}')
    iv = os.urandom(12)
    sealed = AESGCM(answer_key(cek, hash_of_request)).encrypt(iv, plaintext, protected.encode())
    return {
        "protected_header": protected,
        "encrypted_key": "",
        "iv": b64u(iv),
        "ciphertext": b64u(sealed[:-16]),
        "tag": b64u(sealed[-16:]),
        "aad": "",
    }


def open_answer(jwe, sealed):
    """The plaintext of an answer's Jwe (a message)."""
    header = json_object(un_b64u(jwe.protected_header, "the answer's protected"), "protected")
    need(
        header == {"alg": "dir", "enc": "A256GCM", "capsa": 1} and header["capsa"] is not True,
        "the header of the answer is %r",
        header,
    )
    need(jwe.encrypted_key == "" and jwe.aad == "", "encrypted_key or aad of the answer is there")
    iv, tag = un_b64u(jwe.iv, "iv"), un_b64u(jwe.tag, "tag")
    need((len(iv), len(tag)) == (12, 16), "iv and tag have %d and %d bytes", len(iv), len(tag))
    ciphertext = un_b64u(jwe.ciphertext, "ciphertext")
    key = answer_key(sealed.cek, sealed.hash)
    try:
        return AESGCM(key).decrypt(iv, ciphertext + tag, jwe.protected_header.encode())
    except InvalidTag:
        raise Wrong("the answer does not open: it is not the manager's, or not to this request")


ANSWER_MEMBERS = {"status", "decision_id", "checkpoint", "leaf", "proof", "body"}


class Answer:
    """What a call answered. clear: in the clear, which proves nothing. body: the method's own, or
    None. leaf, note: parsed, or None. `raw` is the response, `members` the JSON of the answer."""

    def __init__(self, response, sealed):
        self.raw = response
        self.sealed = sealed
        self.clear = not response.HasField("message")
        self.decision_id, self.leaf, self.note, self.body, self.members = "", None, None, None, {}
        if self.clear:
            self.code, self.message = response.status.code, response.status.message
            need(self.code != 0, "success in the clear")
            return
        need(
            not response.HasField("status") or response.status == type(response.status)(),
            "a status in the clear beside a sealed answer: %r",
            response.status,
        )
        self._read(json_object(open_answer(response.message, sealed), "the answer"))

    def _read(self, members):
        unknown = set(members) - ANSWER_MEMBERS
        need(not unknown, "the answer has the members %s", unknown)
        self.members = members
        status = members.get("status") or {}
        self.code, self.message = int(status.get("code", 0)), status.get("message", "")
        self.decision_id = members.get("decision_id") or ""
        if self.decision_id:
            need(
                len(self.decision_id) == 32 and self.decision_id == self.decision_id.lower(),
                "decision_id is %r",
                self.decision_id,
            )
            bytes.fromhex(self.decision_id)
        if members.get("leaf"):
            self.leaf = Leaf(un_b64(members["leaf"], "leaf"))
        if members.get("body"):
            self.body = json_object(members["body"], "the body")

    def __repr__(self):
        return "%scode %d, %r" % ("in the clear, " if self.clear else "", self.code, self.message)

    def ok(self):
        if self.clear or self.code != 0:
            raise AssertionError("the answer is %r, not success" % self)
        return self

    def refused(self, codes, *words):
        """A refusal under the seal, with one of the codes; returns the message."""
        if self.clear:
            raise AssertionError("%r: a refusal of what was opened is to be sealed" % self)
        return self._refused(codes, words)

    def refused_clear(self, codes, *words):
        """A refusal in the clear, and nothing else."""
        if not self.clear:
            raise AssertionError("%r: sealed, though the envelope could not be opened" % self)
        return self._refused(codes, words)

    def _refused(self, codes, words):
        codes = codes if isinstance(codes, tuple) else (codes,)
        if self.code not in codes:
            raise AssertionError("the answer is %r, not one of the codes %s" % (self, codes))
        if self.body is not None:
            raise AssertionError("%r: a refusal with a body" % self)
        for word in words:
            if word not in self.message:
                raise AssertionError("the message %r does not say %r" % (self.message, word))
        return self.message


# ---- The client -------------------------------------------------------------------------------

SEAL_KNOBS = set(seal.__code__.co_varnames[3 : seal.__code__.co_argcount])
SIGN_KNOBS = set(sign.__code__.co_varnames[4 : sign.__code__.co_argcount])
OWN_KNOBS = {"curve", "key", "aud", "said_method", "has_signature", "keep", "tamper_answer"}


class Client(protocol.Client):
    """One channel to one manager. Keeps the manager's id and the last checkpoint, and checks each
    answer against both. The verbs of protocol.Client work as they are, in this protocol."""

    def __init__(self, target, known=None, **more):
        super().__init__(target, **more)
        self.known = known
        self.kept = None  # the newest checkpoint
        self._manager = None

    # ---- who it is ----

    def method(self, name, answer="EncryptedResponse"):
        path = name if name.startswith("/") else SERVICE + name
        return super().method(path, answer)

    def fetch(self):
        response = self.ra_cert()
        need(response.status.code == 0, "GetRaCert answers %r", response.status)
        cert = x509.load_pem_x509_certificate(response.cert.encode())
        self._manager = Manager(cert, self.known)
        self.known = self._manager.id
        return self._manager

    @property
    def manager(self):
        return self._manager or self.fetch()

    # ---- requests ----

    def make(self, method, body, party, **knobs):
        """(EncryptedRequest, Sealed). curve or key: which of the manager's. aud, said_method: what
        the signature says instead."""
        unknown = set(knobs) - SEAL_KNOBS - SIGN_KNOBS - OWN_KNOBS
        need(not unknown, "no knob %s", unknown)
        payload = json_text(body, pretty=False)
        text = sign(
            payload,
            party,
            knobs.get("aud", self.manager.id),
            knobs.get("said_method", method),
            **{k: v for k, v in knobs.items() if k in SIGN_KNOBS}
        )
        return self.envelope(text, **knobs)

    def envelope(self, text, **knobs):
        """The same of a plaintext that is ready."""
        keys = self.manager.envelope_keys(knobs.get("curve"))
        need(keys or "key" in knobs, "the manager has no envelope key on %s", knobs.get("curve"))
        kid, public = knobs["key"] if "key" in knobs else keys[0]
        sealed = seal(text, kid, public, **{k: v for k, v in knobs.items() if k in SEAL_KNOBS})
        request = manager_message("EncryptedRequest")()
        for name, value in sealed.members.items():
            setattr(request.message, name, value)
        request.has_signature = knobs.get("has_signature", True)
        return request, sealed

    def deliver(self, method, request, sealed, keep=True, tamper_answer=None):
        response = self.method(method)(request, timeout=self.timeout)
        if tamper_answer:
            tamper_answer(response)
        answer = Answer(response, sealed)
        if keep and not answer.clear:
            self.check(answer, method)
        return answer

    def ask(self, method, body, party=None, **knobs):
        """As protocol.Client.ask, so that its verbs go through here."""
        if knobs.get("pretty") is False:  # as the original's TEE programs send results
            knobs = {k: v for k, v in knobs.items() if k not in ("alg", "iv")}
        knobs = {k: v for k, v in knobs.items() if k not in ("pretty", "opener")}
        if method == "RegisterCert" and knobs.get("x5c", self) is None:
            del knobs["x5c"]  # §4: always there
        request, sealed = self.make(method, body, party, **knobs)
        return self.deliver(
            method, request, sealed, knobs.get("keep", True), knobs.get("tamper_answer")
        )

    # ---- §5: what a client checks ----

    def note(self, text):
        return Note(text, self.manager.id, self.manager.genesis.audit_key)

    def check(self, answer, method):
        answer.note = self.note(answer.members.get("checkpoint") or "")
        self.keep(answer.note)
        if answer.leaf is not None:
            need(answer.leaf.decision_id == answer.decision_id, "the leaf is of another decision")
            proof = answer.members.get("proof")
            need(proof is not None, "a leaf without a proof")
            index, steps = proof_of(proof)
            check_inclusion(
                leaf_hash(answer.leaf.data), index, answer.note.size, steps, answer.note.root
            )
            answer.index = index
        releases = method in ("GetDataKeys", "GetExportDataKey", "GetTlsAsset")
        need(not (releases and answer.code == 0) or answer.leaf, "a release without a leaf")

    def keep(self, note):
        """Not smaller than, nor inconsistent with, the last one."""
        last = self.kept
        if last is not None:
            need(note.size >= last.size, "a checkpoint of %d after one of %d", note.size, last.size)
            if note.size > last.size > 0:
                self.check_grown(last, note)
            need(note.size != last.size or note.root == last.root, "two logs of one size")
        self.kept = note

    def check_grown(self, last, note):
        answer = self.consistency(last.size, note.size)
        need(answer.status.code == 0, "GetConsistency answers %r", answer.status)
        check_consistency(last.size, last.root, note.size, note.root, answer.hashes)

    # ---- §6 to §8 ----

    def consistency(self, first, second=0):
        request = native_message("ConsistencyRequest")(first=first, second=second)
        return self._plain("GetConsistency", request, "ConsistencyResponse")

    def audit_log(self, start=0, limit=0):
        request = native_message("AuditLogRequest")(start=start, limit=limit)
        return self._plain("GetAuditLog", request, "AuditLogResponse")

    def _plain(self, name, request, answer):
        call = self.channel.unary_unary(
            SERVICE + name,
            lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            native_message(answer).FromString,
        )
        return call(request, timeout=self.timeout)

    def whole_log(self):
        """All leaves of the log, and the checkpoint that they were checked against."""
        leaves, note = [], None
        while note is None or len(leaves) < note.size:
            answer = self.audit_log(len(leaves))
            need(answer.status.code == 0, "GetAuditLog answers %r", answer.status)
            note = note or self.note(answer.checkpoint)
            need(answer.leaves or len(leaves) >= note.size, "GetAuditLog gives no more leaves")
            leaves += list(answer.leaves)
        leaves = leaves[: note.size]
        need(
            root_of([leaf_hash(leaf) for leaf in leaves]) == note.root,
            "the leaves have another root",
        )
        return [Leaf(leaf) for leaf in leaves], note

    def list_audit(self, party, before=0, limit=0, decision_id="", owner=None, **knobs):
        """The answer, whose `entries` are checked: each opens, is the party's, and is in the log."""
        body = {"party_id": party.id if owner is None else owner}
        body.update({"before": before} if before else {})
        body.update({"limit": limit} if limit else {})
        body.update({"decision_id": decision_id} if decision_id else {})
        answer = self.ask("ListAudit", body, party, **knobs)
        if answer.code == 0 and not answer.clear:
            answer.entries = self._entries(party, answer.body or {})
            answer.next = int((answer.body or {}).get("next", 0))
        return answer

    def _entries(self, party, body):
        entries, note = [], self.note(body["checkpoint"]) if body.get("checkpoint") else None
        if note is not None:
            self.keep(note)
        for entry in body.get("entries", []):
            leaf = Leaf(un_b64(entry["leaf"], "leaf"))
            leaf.opens_to(un_b64(entry["salt"], "salt"), entry["details"], party.id)
            need(note is not None, "entries without the checkpoint that their proofs lead to")
            leaf.index, steps = proof_of(entry["proof"])
            check_inclusion(leaf_hash(leaf.data), leaf.index, note.size, steps, note.root)
            leaf.details = json_object(entry["details"], "details")
            entries.append(leaf)
        places = [leaf.index for leaf in entries]
        need(places == sorted(places, reverse=True), "the entries are not newest first: %s", places)
        return entries

    def all_audit(self, party, limit=0):
        entries, before = [], 0
        while True:
            answer = self.list_audit(party, before, limit).ok()
            entries += answer.entries
            need(answer.next == 0 or before == 0 or answer.next < before, "next does not go on")
            if answer.next == 0:
                return entries
            before = answer.next

    def vote_terms(self, party, uri, **knobs):
        return self.ask("GetVoteTerms", {"party_id": party.id, "resource_uri": uri}, party, **knobs)
