# SPDX-License-Identifier: Apache-2.0
"""Does the manager open what the clients seal, and nothing else?

The certificate of the manager, chains and signatures, every field of the envelope: scenarios 1 to 4
of the interoperation list. What lies inside is test_text.py's business and that of the others.
"""

import base64
import datetime
import json
import os

import parties
from harness import Suite, equal, holds
from parties import certificate, key
from protocol import (
    DENIED,
    MALFORMED,
    TEE,
    UNAUTHENTIC,
    UNSUPPORTED,
    b64,
    b64u,
    fresh,
    manager_message,
    new_key,
    oaep,
)
from scene import PACKAGES, alice, running

suite = Suite()
suite.needs(*PACKAGES)

# For whatever stands in a chain or in a signature. An expired certificate may say "denied".
NOT_AUTHENTIC = (UNAUTHENTIC,)
EXPIRED = (UNAUTHENTIC, DENIED)


def client():
    return running(suite).client


def put(party, **knobs):
    """Register one key under a uuid of its own."""
    return client().create_keys(party, {fresh(): new_key()}, **knobs)


def still_works():
    put(alice()).ok()


# ---- 1. The manager's certificate -------------------------------------------------------------


@suite.test
def ra_cert_is_an_rsa_certificate_that_stays_the_same():
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    first, second = client().ra_cert("a" * 64), client().ra_cert("b" * 64)
    equal((first.status.code, first.status.message), (0, "success"), "status")
    equal(first.cert, second.cert, "the certificate of a second call")
    cert = x509.load_pem_x509_certificate(first.cert.encode())
    holds(isinstance(cert.public_key(), rsa.RSAPublicKey), "the key is not RSA")
    holds(cert.public_key().key_size >= 2048, "the key is small")
    holds(not first.HasField("attestation_report"), "there is a report in simulation")


@suite.test
def D28_manager_certificate_is_well_formed_and_lives_a_day():
    from cryptography import x509

    cert = x509.load_pem_x509_certificate(client().ra_cert().cert.encode())
    holds(cert.serial_number > 0, "the serial number is zero")
    equal(cert.subject.rfc4514_string(), "CN=CapsuleManager", "subject")
    equal(cert.issuer, cert.subject, "issuer")
    cert.verify_directly_issued_by(cert)
    now = datetime.datetime.now(datetime.timezone.utc)
    holds(cert.not_valid_before_utc <= now, "not valid yet")
    left = cert.not_valid_after_utc - now
    holds(datetime.timedelta(hours=23) < left < datetime.timedelta(hours=25), "ends in %s" % left)


@suite.test
def any_nonce_is_taken_as_text():
    for nonce in ("", "0" * 64, b64u(os.urandom(16)), "späť 你好 \U0001f512", "n" * 1000000):
        equal(client().ra_cert(nonce).status.code, 0, "code for a nonce of %d" % len(nonce))


@suite.test
def nonce_with_control_bytes_is_refused():
    # Such a nonce could be a serialized request, and its report evidence for it.
    for nonce in ("\x12\x40aa", "a\nb", "\x00", "a\x1f"):
        response = client().ra_cert(nonce)
        equal(response.status.code, MALFORMED, "code for %r" % nonce)
        equal(response.cert, "", "certificate with a refusal")


# ---- 2. Chains --------------------------------------------------------------------------------


@suite.test
def chains_of_every_good_kind_are_accepted():
    for party in (
        parties.plain("alice"),  # empty subject, no extensions
        parties.plain("alice", "capsule-manager"),
        parties.plain("big", kind="rsa3072"),
        parties.under_root("leaf"),
        parties.under_two("leaf"),
        parties.under_root("leaf", root="ec-root", root_kind="ec"),
        parties.under_root("leaf", root="ec384-root", root_kind="ec384"),
        parties.plain("ec", kind="ec"),  # ES256
        parties.under_root("ec", kind="ec"),
        parties.under_root("ec", root="ec-root", kind="ec", root_kind="ec"),
        parties.long_chain("leaf", 8),
    ):
        put(party).ok()


@suite.test
def party_is_the_last_certificate_of_the_chain():
    leaf = parties.under_root("leaf")
    holds(leaf.id != parties.plain("leaf").id, "the party is the leaf")
    body = {
        "owner_party_id": parties.plain("leaf").id,
        "data_keys": [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}],
    }
    client().ask("CreateDataKeys", body, leaf).is_refused(NOT_AUTHENTIC)


@suite.test
def D14_broken_chains_are_refused():
    leaf, root, other = key("leaf"), key("root"), key("other")
    good = parties.under_two("leaf")
    root_cert = good.chain[-1]
    bad = {
        "wrong order": good.with_chain(*reversed(good.chain)),
        "root first": good.with_chain(good.chain[2], good.chain[0], good.chain[1]),
        "middle left out": good.with_chain(good.chain[0], good.chain[2]),
        "signed by another key": good.with_chain(
            certificate(leaf.public_key(), other, "leaf", "root", ca=False), root_cert
        ),
        "issuer has another name": good.with_chain(
            certificate(leaf.public_key(), root, "leaf", "somebody", ca=False), root_cert
        ),
        "middle is no CA": parties.under_two("leaf", middle_ca=False),
        "middle does not say it is a CA": parties.under_two("leaf", middle_ca=None),
        "root is no CA": good.with_chain(
            certificate(leaf.public_key(), root, "leaf", "root", ca=False),
            certificate(root.public_key(), root, "root", ca=False),
        ),
        "root may not sign": good.with_chain(
            certificate(leaf.public_key(), root, "leaf", "root", ca=False),
            certificate(root.public_key(), root, "root", ca=True, sign_use=False),
        ),
        "signature by another key than the leaf's": parties.Party(other, good.chain),
    }
    for what, party in bad.items():
        answer = put(party)
        holds(answer.code == UNAUTHENTIC, "%s: %r" % (what, answer))
    still_works()


@suite.test
def D14_certificates_outside_their_validity_are_refused():
    for what, party in {
        "self-signed, ended": parties.plain("alice", days=(-10, -1)),
        "self-signed, not yet": parties.plain("alice", days=(1, 10)),
        "leaf ended": parties.under_root("leaf", days=(-10, -1)),
        "root ended": parties.under_root("leaf", root_days=(-10, -1)),
        "middle not yet": parties.under_two("leaf", middle_days=(1, 10)),
    }.items():
        answer = put(party)
        holds(answer.code in EXPIRED, "%s: %r" % (what, answer))


@suite.test
def chains_that_are_too_long_or_no_certificates_are_refused():
    put(parties.long_chain("leaf", 9)).is_refused((MALFORMED, UNAUTHENTIC))
    good = alice().x5c[0]
    der = base64.b64decode(good)
    for what, x5c in {
        "empty text": [""],
        "no DER": [b64(b"hello")],
        "cut": [b64(der[:-1])],
        "bytes behind": [b64(der + b"\0")],
        "url alphabet": [
            base64.urlsafe_b64encode(der).decode().replace("/", "_").replace("+", "-") + "_"
        ],
        "line break": [good[:64] + "\n" + good[64:]],
        "PEM": [alice().pem],
        "number": [1],
        "null": [None],
        "text instead of list": good,
        "object": {"0": good},
    }.items():
        answer = put(alice(), x5c=x5c)
        holds(answer.code in (MALFORMED, UNAUTHENTIC), "%s: %r" % (what, answer))
    still_works()


@suite.test
def x5c_without_its_padding_is_refused():
    # Certificates whose length is no multiple of three have padding.
    for attempt in range(10):
        party = parties.plain("alice", "a" * attempt)
        if party.x5c[0].endswith("="):
            put(party).ok()
            put(party, x5c=[party.x5c[0].rstrip("=")]).is_refused((MALFORMED, UNAUTHENTIC))
            return
    raise AssertionError("no certificate with padding")


# ---- 3. Signatures ----------------------------------------------------------------------------


@suite.test
def party_id_that_is_not_the_signers_is_refused():
    for wrong in (
        parties.plain("bob").id,
        alice().id.lower(),
        alice().id + "=",
        alice().id[:-1],
        "*",
    ):
        body = {
            "owner_party_id": wrong,
            "data_keys": [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}],
        }
        client().ask("CreateDataKeys", body, alice()).is_refused(NOT_AUTHENTIC)


@suite.test
def x5c_is_needed():
    put(alice(), x5c=None).is_refused(UNAUTHENTIC)
    put(alice(), x5c=[]).is_refused((MALFORMED, UNAUTHENTIC))


@suite.test
def signature_is_needed_whatever_the_caller_says():
    body = {
        "owner_party_id": alice().id,
        "data_keys": [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}],
    }
    client().ask("CreateDataKeys", body).is_refused(MALFORMED, "must be signed")
    client().ask("CreateDataKeys", body, alice(), has_signature=False).is_refused(
        MALFORMED, "must be signed"
    )
    # has_signature true over something that is no JWS.
    client().ask("CreateDataKeys", body, has_signature=True).is_refused(MALFORMED)


@suite.test
def every_rsa_signature_algorithm_is_accepted():
    for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
        put(alice(), jws_alg=alg).ok()


@suite.test
def other_signature_algorithms_are_refused_by_name():
    for alg in ("none", "HS256", "HS512", "SM2SM3", "EdDSA", "ES384", "rs256", "RS1", ""):
        answer = put(alice(), jws_alg=alg, signed_alg=alg if alg in ("none", "HS256") else "RS256")
        holds(answer.code in (UNSUPPORTED, MALFORMED), "%r: %r" % (alg, answer))
        holds(alg in ("",) or answer.code == UNSUPPORTED, "%r: %r" % (alg, answer))
    put(alice(), jws_header=json.dumps({"x5c": alice().x5c})).is_refused(MALFORMED)


@suite.test
def signature_by_another_algorithm_than_the_header_says_is_refused():
    for said, made in (
        ("RS512", "RS256"),
        ("PS256", "RS256"),
        ("RS256", "PS256"),
        ("ES256", "RS256"),
    ):
        put(alice(), jws_alg=said, signed_alg=made).is_refused(NOT_AUTHENTIC)
    ec = parties.plain("ec", kind="ec")
    put(ec, jws_alg="RS256", signed_alg="ES256").is_refused(NOT_AUTHENTIC)


@suite.test
def tampered_signatures_are_refused():
    def flip(member):
        def change(members):
            raw = bytearray(base64.urlsafe_b64decode(members[member] + "=="))
            raw[len(raw) // 2] ^= 1
            members[member] = b64u(bytes(raw))

        return change

    put(alice(), tamper_jws=flip("signature")).is_refused(NOT_AUTHENTIC)
    put(alice(), tamper_jws=lambda m: m.update(signature="")).is_refused((MALFORMED, UNAUTHENTIC))
    put(alice(), tamper_jws=lambda m: m.update(signature=b64u(bytes(256)))).is_refused(
        NOT_AUTHENTIC
    )
    put(alice(), tamper_jws=lambda m: m.update(signature=m["signature"][:-2])).is_refused(
        NOT_AUTHENTIC
    )

    other = b64u(json.dumps({"owner_party_id": alice().id, "data_keys": []}).encode())
    put(alice(), tamper_jws=lambda m: m.update(payload=other)).is_refused(NOT_AUTHENTIC)
    header = b64u(json.dumps({"alg": "RS256", "x5c": alice().x5c}, indent=1).encode())
    put(alice(), tamper_jws=lambda m: m.update(protected=header)).is_refused(NOT_AUTHENTIC)


@suite.test
def malformed_jws_is_refused():
    def without(member):
        return lambda members: members.pop(member)

    for change in (
        without("protected"),
        without("payload"),
        without("signature"),
        lambda m: m.update(payload=m["payload"] + "="),
        lambda m: m.update(payload=None),
        lambda m: m.update(protected="e30"),
        lambda m: m.update(protected=b64u(b"[]")),
        lambda m: m.update(protected=b64u(b"{")),
    ):
        put(alice(), tamper_jws=change).is_refused(MALFORMED)
    for header in ({"crit": ["exp"]}, {"crit": []}):
        put(alice(), jws_header=header).is_refused((MALFORMED, UNSUPPORTED))
    double = '{"alg":"RS256","alg":"RS256","x5c":%s}' % json.dumps(alice().x5c)
    put(alice(), jws_header=double).is_refused(MALFORMED)


@suite.test
def further_members_of_a_jws_are_ignored():
    # Keys and addresses in a header are never used.
    put(
        alice(), jws_header={"typ": "JWT", "kid": "1", "jku": "http://127.0.0.1:1/", "jwk": {}}
    ).ok()
    put(alice(), tamper_jws=lambda m: m.update(extra="x")).ok()


@suite.test
def weak_keys_are_refused():
    put(parties.plain("weak", kind="rsa1024")).is_refused((MALFORMED, UNSUPPORTED, UNAUTHENTIC))
    put(parties.plain("ec384", kind="ec384"), jws_alg="ES256").is_refused(
        (MALFORMED, UNSUPPORTED, UNAUTHENTIC)
    )


# ---- 4. Envelopes -----------------------------------------------------------------------------


@suite.test
def envelopes_of_every_good_kind_are_opened():
    for knobs in (
        {},
        TEE,
        {"iv": 12},
        {"iv": 16},
        {"iv": 32},
        {"alg": "RSA-OAEP"},
        {"alg": "RSA-OAEP-256"},
        {"enc": "A256GCM"},
        {"pretty": False},
        {"aad": b"something more"},
        {"jwe_header": {"typ": "JOSE", "kid": "x"}},
    ):
        put(alice(), **knobs).ok()


@suite.test
def answers_mirror_the_algorithm_of_the_request():
    body = {"owner_party_id": alice().id, "scope": "default"}
    for alg in ("RSA-OAEP", "RSA-OAEP-256"):
        for enc in ("A128GCM", "A256GCM"):
            answer = client().ask("ListDataPolicy", body, alice(), alg=alg, enc=enc).ok()
            equal(answer.alg, alg, "alg of the answer")


@suite.test
def D06_other_key_and_content_algorithms_are_refused_by_name():
    for alg in (
        "RSA1_5",
        "dir",
        "ECDH-ES",
        "ECDH-ES+A256KW",
        "RSA-OAEP-384",
        "RSA-OAEP-512",
        "A128KW",
        "PBES2-HS256+A128KW",
        "SM2",
        "rsa-oaep",
        "none",
    ):
        put(alice(), alg=alg).is_refused(UNSUPPORTED, alg)
    for enc in ("A192GCM", "A128CBC-HS256", "A256CBC-HS512", "SM4GCM", "none"):
        put(alice(), enc=enc).is_refused(UNSUPPORTED, enc)
    still_works()


@suite.test
def D07_tags_that_are_cut_are_refused():
    for tag_bytes in list(range(0, 16)):
        put(alice(), tag_bytes=tag_bytes).is_refused(MALFORMED)
    put(alice(), tamper_jwe=lambda m: m.update(tag=b64u(bytes(17)))).is_refused(MALFORMED)


@suite.test
def ivs_of_other_sizes_are_refused():
    for size in (0, 1, 8, 11, 13, 15, 17, 31, 33, 64):
        put(alice(), iv=size).is_refused(MALFORMED)


@suite.test
def base64url_is_strict():
    def change(member, how):
        return lambda members: members.update({member: how(members[member])})

    def trailing_bit(text):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]

    for member in ("protected_header", "encrypted_key", "iv", "ciphertext", "tag"):
        for how in (
            lambda text: text + "=",
            lambda text: text + "==",
            lambda text: " " + text,
            lambda text: text + "\n",
            lambda text: "+" + text[1:],
            lambda text: "/" + text[1:],
            lambda text: text[0] + "!" + text[2:],
        ):
            put(alice(), tamper_jwe=change(member, how)).is_refused(MALFORMED)
    # 16 and 256 bytes end in four and two bits that must be zero; the cipher text is made to.
    put(alice(), tamper_jwe=change("tag", trailing_bit)).is_refused(MALFORMED)
    put(alice(), tamper_jwe=change("encrypted_key", trailing_bit)).is_refused(MALFORMED)
    put(alice(), tamper_jwe=change("aad", lambda text: "=")).is_refused(MALFORMED)
    still_works()


@suite.test
def header_of_an_envelope_is_strict():
    good = {"alg": "RSA-OAEP-256", "enc": "A128GCM"}
    for header in (
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"alg":"RSA-OAEP-256"}',
        '{"enc":"A128GCM"}',
        '{"alg":1,"enc":"A128GCM"}',
        '{"alg":null,"enc":"A128GCM"}',
        json.dumps(good) + "x",
        json.dumps(good) + json.dumps(good),
        b"\xff" + json.dumps(good).encode(),
        '{"alg":"RSA-OAEP-256","enc":"A128GCM","enc":"A128GCM"}',
        json.dumps({**good, "crit": ["exp"]}),
        json.dumps({**good, "zip": "DEF"}),
    ):
        put(alice(), jwe_header=header).is_refused((MALFORMED, UNSUPPORTED))
    put(alice(), tamper_jwe=lambda m: m.update(protected_header="")).is_refused(MALFORMED)


@suite.test
def D06_whatever_fails_to_open_fails_alike():
    # A difference would be an oracle about the key: one code, one text, for every wrong secret.
    from cryptography.hazmat.primitives.asymmetric import padding

    def corrupt(member):
        def change(members):
            raw = bytearray(base64.urlsafe_b64decode(members[member] + "=="))
            raw[-1] ^= 1
            members[member] = b64u(bytes(raw))

        return change

    manager = client().manager_key()
    size = manager.key_size // 8
    cases = {
        "wrong tag": {"tamper_jwe": corrupt("tag")},
        "wrong cipher text": {"tamper_jwe": corrupt("ciphertext")},
        "wrong key bytes": {"encrypted_key": b"\0" + os.urandom(size - 1)},
        "zero key bytes": {"encrypted_key": bytes(size)},
        "PKCS#1 v1.5 padding": {"encrypted_key": manager.encrypt(bytes(16), padding.PKCS1v15())},
        "key of 0 bytes": {"cek": b""},
        "key of 15 bytes": {"cek": bytes(15)},
        "key of 24 bytes": {"cek": bytes(24)},
        "key of 32 bytes for A128GCM": {"cek": bytes(32)},
        "key of 16 bytes for A256GCM": {"enc": "A256GCM", "cek": bytes(16)},
        "SHA-1 padding under RSA-OAEP-256": {"wrapped_alg": "RSA-OAEP"},
        "SHA-256 padding under RSA-OAEP": {"alg": "RSA-OAEP", "wrapped_alg": "RSA-OAEP-256"},
        "wrong aad": {"aad": b"one", "said_aad": b"two"},
        "aad that the tag does not cover": {"said_aad": b"two"},
        "aad that was left out": {"aad": b"one", "said_aad": b""},
        "wrong IV": {"tamper_jwe": corrupt("iv")},
        "another manager's key": {
            "encrypted_key": key("other").public_key().encrypt(bytes(16), oaep("RSA-OAEP-256"))
        },
    }
    seen = {}
    for what, knobs in cases.items():
        answer = put(alice(), **knobs)
        seen.setdefault((answer.code, answer.message), []).append(what)
    equal(len(seen), 1, "number of different failures: %r" % seen)
    equal(list(seen)[0][0], UNAUTHENTIC, "code")
    still_works()


@suite.test
def encrypted_keys_of_another_size_are_refused():
    size = client().manager_key().key_size // 8
    for length in (0, 1, size - 1, size + 1, 4 * size):
        put(alice(), encrypted_key=os.urandom(length)).is_refused((MALFORMED, UNAUTHENTIC))


@suite.test
def S7_header_that_was_changed_on_its_way_is_noticed():
    for said, wrapped in (("RSA-OAEP", "RSA-OAEP-256"), ("RSA-OAEP-256", "RSA-OAEP")):
        put(alice(), alg=said, wrapped_alg=wrapped).is_refused(UNAUTHENTIC)
    put(alice(), enc="A256GCM", cek=os.urandom(16)).is_refused(UNAUTHENTIC)


@suite.test
def P17_short_cipher_texts_are_refused():
    for size in range(0, 65):
        put(
            alice(), tamper_jwe=lambda m, n=size: m.update(ciphertext=b64u(os.urandom(n)))
        ).is_refused((MALFORMED, UNAUTHENTIC))
    still_works()


@suite.test
def envelope_without_a_message_is_refused():
    request = manager_message("EncryptedRequest")
    client().send("CreateDataKeys", request()).is_refused(MALFORMED)
    client().send("CreateDataKeys", request(has_signature=True)).is_refused(MALFORMED)
    empty = request(has_signature=True)
    empty.message.SetInParent()
    client().send("CreateDataKeys", empty).is_refused(MALFORMED)


@suite.test
def plaintexts_that_are_no_json_are_refused():
    for text in (
        b"",
        b"\0",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b'{"owner_party_id":"\xc3"}',
        b"[" * 100000,
        b'{"a":' * 5000,
        b"<xml/>",
        b"nul",
        b"{'owner_party_id':'x'}",
        b'{"owner_party_id":"x",}',
        b"{//x\n}",
    ):
        client().ask("CreateDataKeys", text, alice()).is_refused(MALFORMED)
        client().ask("CreateDataKeys", text, has_signature=True).is_refused(MALFORMED)
    still_works()


suite.main()
