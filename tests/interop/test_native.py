# SPDX-License-Identifier: Apache-2.0
"""Does a manager keep docs/explanation/PROTOCOL.md, sentence by sentence, whatever a client does?
Here: who it is, and envelopes (§1 to §3).

The client is native.py, which knows that page and proto/wire and nothing else. The first part tries
the client on itself, with vectors of the RFCs, so that a failure further down is the manager's.
"""

import datetime
import hashlib
import json
import os

import native
import nativelog
import parties
import protocol
from harness import equal, holds
from nativelog import Leaf, Note
from nativescene import (
    asked,
    BAD,
    client,
    every,
    flipped,
    is_wrong,
    manager,
    named,
    NativeRunning,
    suite,
)
from protocol import b64, b64u, fresh, new_key, rule, UNAUTHENTIC
from scene import alice, bob, owned

# ---- The client on itself ---------------------------------------------------------------------


@suite.test
def the_key_derivations_are_those_of_the_rfcs():
    from cryptography.hazmat.primitives import keywrap
    from cryptography.hazmat.primitives.asymmetric import ec

    def number(text):
        return int.from_bytes(nativelog.un_b64u(text, "number"), "big")

    # RFC 7518, appendix C
    own = ec.derive_private_key(
        number("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"), ec.SECP256R1()
    )
    theirs = ec.EllipticCurvePublicNumbers(
        number("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"),
        number("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"),
        ec.SECP256R1(),
    ).public_key()
    made = native.concat_kdf(native.agree(own, theirs), "A128GCM", 16, b"Alice", b"Bob")
    equal(b64u(made), "VqqN6vgjbSBcIijNcacQGg", "derived key")
    # RFC 3394, section 4.6
    wrapped = keywrap.aes_key_wrap(
        bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff") + bytes(range(16))
    )
    equal(
        wrapped.hex(),
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        "wrapped key",
    )


@suite.test
def envelopes_open_for_their_key_and_answers_for_their_request():
    class Jwe:
        def __init__(self, members):
            self.__dict__.update(members)

    for curve in ("P-256", "X25519"):
        private = native.fresh_on(curve)
        kid = native.kid_of(native.spki_of(private.public_key()))
        one, two = (native.seal(text, kid, private.public_key()) for text in (b"one", b"two"))
        equal(native.unseal(one.members, private, kid)[0], b"one", curve)
        equal(native.unseal(one.members, private, kid)[1], one.cek, curve)
        equal(len(nativelog.un_b64u(one.members["encrypted_key"], "key")), 40, "encrypted_key")
        answer = native.seal_answer(b"{}", one.cek, one.hash)
        equal(native.open_answer(Jwe(answer), one), b"{}", curve)
        is_wrong("another request's", native.open_answer, Jwe(answer), two)
        same_key = native.Sealed({**one.members, "iv": two.members["iv"]}, one.cek)
        is_wrong("another hash", native.open_answer, Jwe(answer), same_key)
        for name in ("protected_header", "iv", "ciphertext", "tag"):
            bad = {**answer, name: b64u(flipped(nativelog.un_b64u(answer[name], name), 0))}
            is_wrong("changed " + name, native.open_answer, Jwe(bad), one)
        is_wrong("an aad", native.open_answer, Jwe({**answer, "aad": "YQ"}), one)
        is_wrong("a key", native.open_answer, Jwe({**answer, "encrypted_key": "YQ"}), one)


@suite.test
def proofs_hold_for_the_right_tree_alone():
    leaves = [nativelog.leaf_hash(b"leaf %d" % number) for number in range(17)]
    roots = [nativelog.root_of(leaves[:size]) for size in range(18)]
    equal(roots[0].hex(), hashlib.sha256(b"").hexdigest(), "root of the empty tree")
    for size in range(1, 18):
        for index in range(size):
            proof = nativelog.inclusion_of(index, leaves[:size])
            nativelog.check_inclusion(leaves[index], index, size, proof, roots[size])
            check = nativelog.check_inclusion
            is_wrong("another leaf", check, bytes(32), index, size, proof, roots[size])
            is_wrong(
                "a hash more", check, leaves[index], index, size, proof + [bytes(32)], roots[size]
            )
            is_wrong("another place", check, leaves[index], size, size, proof, roots[size])
            for at in range(len(proof)):
                changed = proof[:at] + [flipped(proof[at], 31)] + proof[at + 1 :]
                is_wrong("changed", check, leaves[index], index, size, changed, roots[size])
                left = proof[:at] + proof[at + 1 :]
                is_wrong("shorter", check, leaves[index], index, size, left, roots[size])
        for first in range(1, size + 1):
            proof = nativelog.consistency_of(first, leaves[:size])
            check = nativelog.check_consistency
            check(first, roots[first], size, roots[size], proof)
            is_wrong("a fork", check, first, flipped(roots[first], 0), size, roots[size], proof)
            is_wrong("another end", check, first, roots[first], size, bytes(32), proof)
            is_wrong("longer", check, first, roots[first], size, roots[size], proof + [bytes(32)])
            for at in range(len(proof)):
                changed = proof[:at] + [flipped(proof[at], 31)] + proof[at + 1 :]
                is_wrong("changed", check, first, roots[first], size, roots[size], changed)


@suite.test
def checkpoints_and_leaves_are_checked_to_the_letter():
    from cryptography.hazmat.primitives.asymmetric import ed25519

    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    name = "ab" * 32
    text = nativelog.make_note(name, 7, bytes(range(32)), private)
    note = Note(text, name, public)
    equal((note.size, note.root), (7, bytes(range(32))), "note")
    for at in range(len(text)):
        changed = text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]
        is_wrong("note changed at %d" % at, Note, changed, name, public)
        is_wrong("note cut at %d" % at, Note, text[:at], name, public)
    is_wrong("another name", Note, text, "cd" * 32, public)
    is_wrong("another key", Note, text, name, flipped(public, 0))
    is_wrong("a size of 07", Note, text.replace("\n7\n", "\n07\n"), name, public)
    leaf = nativelog.make_leaf(16, 1700000000, bytes(32), '{"a":1}', "ALICE")
    equal((len(leaf.data), leaf.decision_id), (106, leaf.own_decision_id()), "leaf")
    leaf.opens_to(bytes(32), '{"a":1}', "ALICE")
    is_wrong("other details", leaf.opens_to, bytes(32), '{"a":2}', "ALICE")
    is_wrong("another owner", leaf.opens_to, bytes(32), '{"a":1}', "BOB")
    is_wrong("no owner", leaf.opens_to, bytes(32), '{"a":1}', "")
    is_wrong("another salt", leaf.opens_to, b"\x01" + bytes(31), '{"a":1}', "ALICE")
    is_wrong("a short leaf", Leaf, leaf.data[:-1])
    is_wrong("another version", Leaf, b"\x02" + leaf.data[1:])


def pretended_manager(change=None, critical=False, oid=native.EXTENSION, **genesis):
    """A certificate as a manager's. change(info, keys): before it is signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519

    announce = ed25519.Ed25519PrivateKey.generate()
    own, sealing = parties.key("pretended"), native.fresh_on("X25519")
    members = {"format": 1, "mode": "simulation", "audit_key": bytes(32), **genesis}
    members.setdefault("announce_key", announce.public_key().public_bytes_raw())
    info = native.native_message("ManagerInfo")(
        genesis=native.native_message("Genesis")(**members).SerializeToString()
    )
    for alg, key in (("RSA-OAEP-256", own), (native.ENVELOPE_ALG, sealing)):
        spki = native.spki_of(key.public_key())
        info.keys.add(kid=native.kid_of(spki), alg=alg, spki=spki, not_after=2**33)
    if change:
        change(info)
    data = info.SerializeToString()
    signed = native.native_message("SignedManagerInfo")(
        info=data, signature=announce.sign(b"capsa manager info v1\n" + data)
    )
    today = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(parties.name_of("manager"))
    builder = builder.issuer_name(parties.name_of("manager")).public_key(own.public_key())
    builder = builder.serial_number(1).not_valid_before(today).not_valid_after(today)
    content = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), signed.SerializeToString())
    return builder.add_extension(content, critical).sign(own, hashes.SHA256())


@suite.test
def a_client_refuses_a_manager_that_is_not_what_it_says():
    good = native.Manager(pretended_manager())
    native.Manager(good.cert, good.id)
    is_wrong("another id", native.Manager, good.cert, "00" * 32)
    is_wrong("no extension", native.Manager, alice().chain[0])
    is_wrong("another extension", native.Manager, pretended_manager(oid="2.25.1"))
    is_wrong("a critical extension", native.Manager, pretended_manager(critical=True))
    is_wrong("production at first sight", native.Manager, pretended_manager(mode="production"))
    is_wrong("no mode", native.Manager, pretended_manager(mode=""))
    is_wrong("another announce_key", native.Manager, pretended_manager(announce_key=bytes(32)))
    production = pretended_manager(mode="production")
    id_of = hashlib.sha256(
        native.native_message("ManagerInfo")
        .FromString(
            native.native_message("SignedManagerInfo")
            .FromString(production.extensions[0].value.value)
            .info
        )
        .genesis
    ).hexdigest()
    equal(native.Manager(production, id_of).id, id_of, "known manager")

    def change(name, value):
        return lambda info: setattr(info.keys[0], name, value)

    is_wrong("a wrong kid", native.Manager, pretended_manager(change("kid", "A" * 43)))
    is_wrong("another alg", native.Manager, pretended_manager(change("alg", native.ENVELOPE_ALG)))
    is_wrong("not its key", native.Manager, pretended_manager(lambda info: info.keys.pop(0)))


# ---- §1. Transport ----------------------------------------------------------------------------


@suite.test
def one_protocol_s_envelope_is_not_taken_by_the_other_s_service():
    owner, uuid = alice(), fresh()
    body = {
        "owner_party_id": owner.id,
        "data_keys": [{"resource_uri": uuid, "data_key_b64": b64(new_key())}],
    }
    request, sealed = client().make("CreateDataKeys", body, owner)
    answer = client().method(protocol.SERVICE + "CreateDataKeys")(request, timeout=60)
    holds(answer.status.code in BAD, "the original service took a native request: %r" % answer)
    holds(not answer.HasField("message"), "the original service answers with a message")
    original = manager().original.build(body, owner)
    client().deliver("CreateDataKeys", original, sealed).refused_clear(BAD)
    # Neither spent the other's, and neither registered anything.
    client().deliver("CreateDataKeys", request, sealed).ok()
    manager().original.delete_key(owner, uuid).ok()


@suite.test
def every_method_of_the_original_is_there():
    own = parties.plain("native-all")
    uuid, data = owned(client(), own, [rule([own], rule_id="one")])
    equal(client().got_keys(own, [uuid]), {uuid: data}, "keys")
    client().add_rule(own, uuid, rule([bob()], rule_id="two")).ok()
    equal(len(client().list_policies(own)[uuid]), 2, "rules")
    client().delete_rule(own, uuid, "two").ok()
    result = fresh("result")
    client().create_result(own, result, [uuid]).ok()
    client().delete_policy(own, uuid).ok()
    client().register_cert(own).ok()
    client().delete_key(own, uuid).ok()
    # What one protocol wrote the other reads.
    other, key = owned(manager().original, own, [rule([own])])
    equal(client().got_keys(own, [other]), {other: key}, "keys")


@suite.test
def get_ra_cert_is_the_same_at_both_services():
    here, there = client().ra_cert("n"), manager().original.ra_cert("n")
    equal((here.status.code, there.status.code), (0, 0), "codes")
    equal(here.cert, there.cert, "certificates")


# ---- §2. Who the manager is -------------------------------------------------------------------


@suite.test
def the_manager_says_who_it_is():
    info = client().fetch()
    equal(info.id, client().fetch().id, "the manager's id")
    equal(info.genesis.mode, "simulation", "mode")
    equal(info.genesis.format, 1, "format")
    holds(info.genesis.audit_key != info.genesis.announce_key, "one key for both")
    equal(list(info.genesis.insecure), sorted(set(info.genesis.insecure)), "insecure options")
    holds(info.envelope_keys(), "no key to seal native requests to: %s" % list(info.keys))
    now = int(datetime.datetime.now(datetime.timezone.utc).timestamp())
    for kid, key in info.keys.items():
        left = key.not_after - now
        # The page does not say whether the ten minutes of grace are in not_after; they are.
        most = 24 * 3600 + 600 + 60
        holds(0 < left <= most, "%s (%s) is good for %d s" % (kid, key.alg, left))
    holds(abs(info.info.issued_at - now) <= 24 * 3600, "issued at %d" % info.info.issued_at)
    holds(info.info.anchor, "no anchor is named")


@suite.test
def the_id_and_the_log_outlive_a_crash():
    with NativeRunning() as own:
        owned(own.client, alice())
        known, kept = own.client.known, own.client.kept
        own.restart(kill=True)
        equal(own.client.known, known, "the id that the client keeps")
        own.client.fetch()
        owned(own.client, alice())
        holds(own.client.kept.size > kept.size, "the log did not grow")


# ---- §3. The request's envelope ---------------------------------------------------------------


@suite.test
def every_envelope_key_opens_what_is_sealed_to_it():
    for key in client().manager.envelope_keys():
        asked(key=key).ok()


@suite.test
def members_of_the_header_may_stand_in_any_order():
    kid, public = client().manager.envelope_keys()[0]
    own = native.fresh_on(native.curve_of(public))
    for text in (
        '{"capsa":1,"epk":%s,"kid":"%s","enc":"A256GCM","alg":"ECDH-ES+A256KW"}',
        '{ "alg": "ECDH-ES+A256KW",\n "epk": %s, "kid": "%s", "capsa": 1, "enc": "A256GCM" }',
    ):
        header = text % (json.dumps(native.jwk_of(own.public_key())), kid)
        asked(header_text=header, ephemeral=own).ok()


def bad_headers():
    kid, public = client().manager.envelope_keys()[0]
    curve = native.curve_of(public)
    good = native.jwk_of(native.fresh_on(curve).public_key())
    other = native.jwk_of(native.fresh_on("P-256" if curve == "X25519" else "X25519").public_key())
    for name in ("alg", "enc", "epk", "capsa"):
        yield "without " + name, {"header": {name: None}}
    for alg in ("ECDH-ES", "ECDH-ES+A128KW", "RSA-OAEP-256", "dir", "none", "", 1):
        yield "alg %r" % alg, {"alg": alg}
    for enc in ("A128GCM", "A256CBC-HS512", "A256gcm", "", 1):
        yield "enc %r" % enc, {"enc": enc}
    for capsa in (0, 2, "1", True, [1]):
        yield "capsa %r" % capsa, {"header": {"capsa": capsa}}
    for name, value in (("zip", "DEF"), ("crit", ["exp"]), ("typ", "JOSE"), ("apu", "YQ")):
        yield "a member %s" % name, {"header": {name: value}}
    yield "epk of another curve", {"epk": other}
    yield "epk without x", {"epk": {k: v for k, v in good.items() if k != "x"}}
    yield "epk with a short x", {"epk": {**good, "x": good["x"][:-2]}}
    yield "epk with a long x", {"epk": {**good, "x": good["x"] + "AA"}}
    yield "epk with a padded x", {"epk": {**good, "x": good["x"] + "="}}
    yield "epk with a wrong crv", {"epk": {**good, "crv": "P-384"}}
    yield "epk with a wrong kty", {"epk": {**good, "kty": "oct"}}
    yield "epk that is text", {"epk": "x"}
    yield "epk that is null", {
        "header_text": '{"alg":"ECDH-ES+A256KW","enc":"A256GCM","kid":"%s","epk":null,"capsa":1}'
        % kid
    }
    yield "no JSON", {"header_text": "{"}
    yield "a list", {"header_text": "[]"}
    yield "a member twice", {
        "header_text": '{"alg":"ECDH-ES+A256KW","enc":"A256GCM","enc":"A256GCM",'
        '"kid":"%s","epk":%s,"capsa":1}' % (kid, json.dumps(good))
    }
    for curve, epk in weak_points():
        keys = client().manager.envelope_keys(curve)
        if keys:
            yield "weak %s %s" % (curve, epk["x"][:6]), {"key": keys[0], "epk": epk}


def weak_points():
    """Points of low order, and points that are on no curve."""
    for number in (0, 1, 2**255 - 19 - 1, 2**255 - 19, 2**255 - 19 + 1):
        x = number.to_bytes(32, "little")
        yield "X25519", {"kty": "OKP", "crv": "X25519", "x": b64u(x)}
    for x, y in ((0, 0), (1, 1), (2**256 - 1, 2**256 - 1)):
        point = {name: b64u(n.to_bytes(32, "big")) for name, n in (("x", x), ("y", y))}
        yield "P-256", {"kty": "EC", "crv": "P-256", **point}


@suite.test
def headers_that_are_not_to_the_letter_are_refused_in_the_clear():
    def check(_, knobs):
        message = asked(**knobs).refused_clear(BAD)
        holds(not message.startswith("kid:"), "%r, though the kid was good" % message)

    every(bad_headers(), check)


@suite.test
def a_kid_that_is_not_the_manager_s_is_told_so():
    _, public = client().manager.envelope_keys()[0]
    stranger = native.fresh_on("X25519").public_key()
    for what, kid, key in (
        ("an unknown key", native.kid_of(native.spki_of(stranger)), stranger),
        ("an unknown kid", "A" * 43, public),
        ("the RSA key's kid", client().manager.rsa_kid(), public),
    ):
        answer = asked(key=(kid, key))
        named(what, answer.refused_clear, UNAUTHENTIC if what != "the RSA key's kid" else BAD)
        if what != "the RSA key's kid":
            holds(
                answer.message.startswith("kid:"), "%s: the message is %r" % (what, answer.message)
            )
    for what, header in (
        ("no kid", {"kid": None}),
        ("an empty kid", {"kid": ""}),
        ("a number", {"kid": 1}),
        ("a list", {"kid": ["x"]}),
        ("a padded kid", {"kid": client().manager.envelope_keys()[0][0] + "="}),
        ("a long kid", {"kid": "A" * 100000}),
    ):
        named(what, asked(header=header).refused_clear, BAD)


@suite.test
def the_algorithm_belongs_to_the_kid_and_not_to_the_header():
    # An envelope for the RSA key as the original protocol has it, made to look native.
    manager_key = manager().original.manager_key()
    kid, _ = client().manager.envelope_keys()[0]

    def as_rsa(members):
        cek = os.urandom(32)
        wrapped = manager_key.encrypt(cek, protocol.oaep("RSA-OAEP-256"))
        members["encrypted_key"] = b64u(wrapped)

    for said in (kid, client().manager.rsa_kid()):
        header = {"kid": said, "epk": None}
        asked(alg="RSA-OAEP-256", header=header, tamper=as_rsa).refused_clear(BAD)
    # A key of the other curve, with an ephemeral key that fits the header and not the kid.
    keys = {native.curve_of(public): kid for kid, public in client().manager.envelope_keys()}
    for curve, kid in keys.items():
        other = native.fresh_on("P-256" if curve == "X25519" else "X25519")
        answer = asked(key=(kid, other.public_key()))
        named("kid of %s" % curve, answer.refused_clear, BAD)


def bad_members():
    def change(name, function):
        def tamper(members):
            members[name] = function(members[name])

        return {"tamper": tamper}

    def flip(at):
        return lambda text: b64u(flipped(nativelog.un_b64u(text, "member"), at))

    for name in ("encrypted_key", "iv", "ciphertext", "tag"):
        yield name + " changed at its beginning", change(name, flip(0))
        yield name + " changed at its end", change(name, flip(-1 % 8))
        yield name + " empty", change(name, lambda _: "")
        yield name + " padded", change(name, lambda text: text + "=")
        yield name + " no base64url", change(name, lambda text: "+/" + text[2:])
        yield name + " shorter", change(name, lambda text: text[:-4])
        yield name + " longer", change(name, lambda text: text + "AAAA")
    yield "protected with other bytes for the same header", change(
        "protected_header", lambda text: b64u(nativelog.un_b64u(text, "protected") + b" ")
    )
    yield "protected empty", change("protected_header", lambda _: "")
    yield "aad that is authenticated", {"aad": "YQ"}
    yield "aad that is not", change("aad", lambda _: "YQ")
    for size in (8, 11, 13, 16, 32):
        yield "iv of %d bytes" % size, {"iv": size}
    for size in (4, 12, 15):
        yield "tag of %d bytes" % size, {"tag_bytes": size}
    for size in (16, 24):
        yield "a key of %d bytes" % size, {"cek": os.urandom(size)}
    yield "a key of 40 bytes", {"cek": os.urandom(40)}
    yield "another name in the KDF", {"kdf_alg": "A256GCM"}
    yield "a PartyUInfo", {"apu": b"Alice"}


@suite.test
def envelopes_that_do_not_open_are_refused_in_the_clear():
    def check(_, knobs):
        message = asked(**knobs).refused_clear(BAD)
        holds(not message.startswith("kid:"), "%r, though the kid was good" % message)

    every(bad_members(), check)
    asked().ok()


@suite.test
def has_signature_is_true_or_nothing():
    answer = asked(has_signature=False)
    holds(answer.code in BAD, "has_signature: false is answered with %r" % answer)


suite.main()
