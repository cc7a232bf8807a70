# SPDX-License-Identifier: Apache-2.0
"""A client of the capsule manager protocol in the raw: every layer of a request can be made wrong.

A request is JSON text; a JWS around it (`sign`); a JWE around that (`seal`); gRPC (`Client`).
`Client.ask` makes all layers at once; its keyword arguments are the knobs of both. `Client` has
verbs for the thirteen methods on top. The protobuf messages are compiled from proto/ when a script
starts, into a pool of their own, so that the original SDK's messages may live in the same process.
"""

import base64
import itertools
import json
import os
import re
import subprocess

try:
    import grpc
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, hmac
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError:  # the script says skipped
    pass

from harness import PATIENCE, ROOT, equal, holds, temporary_folder

PACKAGE = "secretflowapis.v2.sdc.capsule_manager"
SERVICE = "/" + PACKAGE + ".CapsuleManager/"

# Canonical status codes, as they stand in `status.code`.
MALFORMED, NOT_FOUND, EXISTS, DENIED, UNSUPPORTED, UNAUTHENTIC = 3, 5, 6, 7, 12, 16

# Methods whose payload names the party that asks, and the member that does.
PARTY_MEMBER = {
    "CreateDataKeys": "owner_party_id",
    "DeleteDataKey": "owner_party_id",
    "GetExportDataKey": "request_party_id",
    "CreateDataPolicy": "owner_party_id",
    "ListDataPolicy": "owner_party_id",
    "AddDataRule": "owner_party_id",
    "DeleteDataPolicy": "owner_party_id",
    "DeleteDataRule": "owner_party_id",
    "RegisterCert": "owner_party_id",
}
ENVELOPE_METHODS = list(PARTY_MEMBER) + ["GetDataKeys", "CreateResultDataKey", "GetTlsAsset"]


# ---- Messages ---------------------------------------------------------------------------------

_pool = None


def descriptors():
    """The descriptors of proto/, compiled by the compiler that the build uses."""
    out = os.path.join(temporary_folder("proto"), "descriptors")
    proto = os.path.join(ROOT, "proto")
    files = sorted(
        name for name in os.listdir(os.path.join(proto, "wire")) if name.endswith(".proto")
    )
    subprocess.run(
        [
            "protoc-c",
            "-I",
            proto,
            "--descriptor_set_out=" + out,
            "--include_imports",
            *("wire/" + name for name in files),
        ],
        check=True,
    )
    with open(out, "rb") as file:
        return descriptor_pb2.FileDescriptorSet.FromString(file.read())


def message_class(full_name):
    global _pool
    if _pool is None:
        _pool = descriptor_pool.DescriptorPool()
        for file in descriptors().file:
            _pool.Add(file)
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(full_name))


def manager_message(name):
    return message_class(PACKAGE + "." + name)


# ---- Base64 -----------------------------------------------------------------------------------


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def un_b64u(text):
    holds("=" not in text, "padding in an answer: " + text[-8:])
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    equal(b64u(data), text, "base64url that was encoded again")
    return data


def b64(data):
    return base64.b64encode(data).decode()


# ---- JSON, JWS, JWE ---------------------------------------------------------------------------


def json_text(value, pretty=True):
    """As the SDK writes JSON (2 spaces, \\u escapes), or compact as the C++ programs do."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if pretty:
        return json.dumps(value, indent=2).encode()
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _hash(alg):
    return {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:]]()


def sign_bytes(private_key, alg, data):
    if alg == "none":
        return b""
    if alg.startswith("HS"):
        mac = hmac.HMAC(b"secret", _hash(alg))
        mac.update(data)
        return mac.finalize()
    if alg.startswith("ES"):
        size = (private_key.key_size + 7) // 8
        r, s = utils.decode_dss_signature(private_key.sign(data, ec.ECDSA(_hash(alg))))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if alg.startswith("PS"):
        pss = padding.PSS(padding.MGF1(_hash(alg)), _hash(alg).digest_size)
        return private_key.sign(data, pss, _hash(alg))
    return private_key.sign(data, padding.PKCS1v15(), _hash(alg))


def natural_alg(private_key):
    return "ES256" if isinstance(private_key, ec.EllipticCurvePrivateKey) else "RS256"


_OWN = object()


def sign(
    payload,
    party,
    pretty=True,
    jws_alg=None,
    signed_alg=None,
    x5c=_OWN,
    jws_header=None,
    tamper_jws=None,
):
    """JWS text of the payload (bytes).

    jws_alg: what the header says. signed_alg: what the signature is, when different. x5c: the list
    in the header, None for none; the party's own by default. jws_header: further members, or the
    whole header as text. tamper_jws(members): change the three members before they are written.
    """
    said = natural_alg(party.key) if jws_alg is None else jws_alg
    header = {"alg": said}
    if x5c is _OWN:
        header["x5c"] = party.x5c
    elif x5c is not None:
        header["x5c"] = x5c
    if isinstance(jws_header, dict):
        header.update(jws_header)
    header_text = jws_header if isinstance(jws_header, (str, bytes)) else header
    members = {"protected": b64u(json_text(header_text, pretty)), "payload": b64u(payload)}
    signing_input = (members["protected"] + "." + members["payload"]).encode()
    members["signature"] = b64u(sign_bytes(party.key, signed_alg or said, signing_input))
    if tamper_jws:
        tamper_jws(members)
    return json_text(members, pretty)


def oaep(alg):
    """The padding that an alg names."""
    digest = hashes.SHA1() if alg == "RSA-OAEP" else hashes.SHA256()
    return padding.OAEP(padding.MGF1(digest), digest, None)


def seal(
    plaintext,
    manager_key,
    pretty=True,
    alg="RSA-OAEP-256",
    wrapped_alg=None,
    enc="A128GCM",
    cek=None,
    iv=32,
    aad=b"",
    said_aad=None,
    tag_bytes=16,
    jwe_header=None,
    encrypted_key=None,
    tamper_jwe=None,
):
    """The Jwe members of the plaintext, as a dictionary of text.

    alg, enc: what the header says; wrapped_alg: how the key is wrapped, when different. cek: bytes.
    iv: bytes or their number. aad: what the tag covers; said_aad: what is sent, when different.
    tag_bytes: how much of the tag is sent. jwe_header: further members, or the whole header as
    text.
    encrypted_key: bytes to send instead. tamper_jwe(members): last change.
    """
    cek = cek if cek is not None else os.urandom(32 if enc == "A256GCM" else 16)
    iv = os.urandom(iv) if isinstance(iv, int) else iv
    if 8 <= len(iv) and len(cek) in (16, 24, 32):
        sealer = Cipher(algorithms.AES(cek), modes.GCM(iv)).encryptor()
        sealer.authenticate_additional_data(aad)
        ciphertext, tag = sealer.update(plaintext) + sealer.finalize(), sealer.tag
    else:  # nothing that AES-GCM can do, so nothing that opens
        ciphertext, tag = plaintext, bytes(16)
    header = {"alg": alg, "enc": enc}
    if isinstance(jwe_header, dict):
        header.update(jwe_header)
    header_text = jwe_header if isinstance(jwe_header, (str, bytes)) else header
    if encrypted_key is None:
        wrap = padding.PKCS1v15() if alg == "RSA1_5" else oaep(wrapped_alg or alg)
        encrypted_key = manager_key.encrypt(cek, wrap)
    members = {
        "protected_header": b64u(json_text(header_text, pretty)),
        "encrypted_key": b64u(encrypted_key),
        "iv": b64u(iv),
        "ciphertext": b64u(ciphertext),
        "tag": b64u(tag[:tag_bytes]),
        "aad": b64u(aad if said_aad is None else said_aad),
    }
    if tamper_jwe:
        tamper_jwe(members)
    return members


SEAL_KNOBS = (
    "alg",
    "wrapped_alg",
    "enc",
    "cek",
    "iv",
    "aad",
    "said_aad",
    "tag_bytes",
    "jwe_header",
    "encrypted_key",
    "tamper_jwe",
)
SIGN_KNOBS = ("jws_alg", "signed_alg", "x5c", "jws_header", "tamper_jws")

# What the C++ TEE applications send: OAEP with SHA-1, a 12-byte IV, compact JSON.
TEE = {"alg": "RSA-OAEP", "iv": 12, "pretty": False}


def open_answer(jwe, private_key):
    """Plaintext bytes of an answer, opened as the strictest of the original clients would."""
    header = json.loads(un_b64u(jwe.protected_header))
    equal(sorted(header), ["alg", "enc"], "members of the answer's header")
    holds(header["alg"] in ("RSA-OAEP", "RSA-OAEP-256"), "answer's alg " + header["alg"])
    equal(header["enc"], "A128GCM", "answer's enc")
    cek = private_key.decrypt(un_b64u(jwe.encrypted_key), oaep(header["alg"]))
    equal(len(cek), 16, "bytes of the answer's key")
    iv, tag = un_b64u(jwe.iv), un_b64u(jwe.tag)
    equal((len(iv), len(tag)), (12, 16), "bytes of IV and tag")
    return AESGCM(cek).decrypt(iv, un_b64u(jwe.ciphertext) + tag, un_b64u(jwe.aad)), header["alg"]


def without_decision(message):
    """A refusal's text without the decision id, which is another each time."""
    return re.sub(r" \(decision [0-9a-f]{32}\)$", "", message)


class Answer:
    """What a call answered: code, message (text for people), body (dictionary or None), alg."""

    def __init__(self, response, opener):
        self.code = response.status.code
        self.message = response.status.message
        self.body = self.alg = None
        if response.HasField("message"):
            equal(self.code, 0, "code of an answer that has a body")
            plaintext, self.alg = open_answer(response.message, opener)
            self.body = json.loads(plaintext)

    def __repr__(self):
        return "code %d, %r" % (self.code, self.message)

    def ok(self):
        equal((self.code, self.message), (0, "success"), "answer")
        return self

    def is_refused(self, codes, *words):
        """Refused with one of the codes; returns the message, which has all of the words, without
        the decision id behind it."""
        codes = codes if isinstance(codes, tuple) else (codes,)
        holds(self.code in codes, "the answer is %r, not one of the codes %s" % (self, codes))
        holds(self.body is None, "a refusal has a body")
        holds(self.message and "\n" not in self.message, "the message is %r" % self.message)
        for word in words:
            holds(word in self.message, "the message %r does not say %r" % (self.message, word))
        return without_decision(self.message)


# ---- The client -------------------------------------------------------------------------------

OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
_fresh = itertools.count(1)

# Every data key that a test made; no server may log one (scene.py).
sent_keys = []


def fresh(stem="uuid"):
    """A uuid that no other test uses."""
    return "%s-%d" % (stem, next(_fresh))


def new_key(size=16):
    sent_keys.append(os.urandom(size))
    return sent_keys[-1]


class Client:
    """One channel to one manager. Its certificate is fetched once, unlike the SDK's."""

    def __init__(self, target, credentials=None, timeout=PATIENCE, options=()):
        self.timeout = timeout
        every = OPTIONS + list(options)
        self.channel = (
            grpc.secure_channel(target, credentials, every)
            if credentials
            else grpc.insecure_channel(target, every)
        )
        self._manager_key = None

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def method(self, name, answer="EncryptedResponse"):
        """The gRPC callable; takes a message or bytes."""
        path = name if name.startswith("/") else SERVICE + name
        return self.channel.unary_unary(
            path,
            lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            manager_message(answer).FromString,
        )

    def ra_cert(self, nonce="", **more):
        request = manager_message("GetRaCertRequest")(nonce=nonce)
        return self.method("GetRaCert", "GetRaCertResponse")(request, timeout=self.timeout, **more)

    def manager_key(self):
        if self._manager_key is None:
            cert = x509.load_pem_x509_certificate(self.ra_cert().cert.encode())
            self._manager_key = cert.public_key()
        return self._manager_key

    def build(self, body, party=None, **knobs):
        """The EncryptedRequest: bytes, text or a dictionary as body; no party, no JWS."""
        pretty = knobs.get("pretty", True)
        plaintext = json_text(body, pretty)
        if party is not None:
            plaintext = sign(
                plaintext, party, pretty, **{k: v for k, v in knobs.items() if k in SIGN_KNOBS}
            )
        members = seal(
            plaintext,
            self.manager_key(),
            pretty,
            **{k: v for k, v in knobs.items() if k in SEAL_KNOBS}
        )
        request = manager_message("EncryptedRequest")()
        for name, value in members.items():
            setattr(request.message, name, value)
        request.has_signature = knobs.get("has_signature", party is not None)
        return request

    def send(self, name, request, opener=None):
        return Answer(self.method(name)(request, timeout=self.timeout), opener)

    def ask(self, name, body, party=None, opener=None, **knobs):
        unknown = set(knobs) - set(SEAL_KNOBS) - set(SIGN_KNOBS) - {"pretty", "has_signature"}
        holds(not unknown, "no knob %s" % unknown)
        return self.send(name, self.build(body, party, **knobs), opener or (party and party.key))

    # ---- the methods, as a well-behaved client calls them ----

    def create_keys(self, party, keys, **knobs):
        """keys: {uri: bytes}, or the list as it stands in the request."""
        if isinstance(keys, dict):
            keys = [{"resource_uri": uri, "data_key_b64": b64(data)} for uri, data in keys.items()]
        return self.ask(
            "CreateDataKeys", {"owner_party_id": party.id, "data_keys": keys}, party, **knobs
        )

    def delete_key(self, party, uri, **knobs):
        return self.ask(
            "DeleteDataKey", {"owner_party_id": party.id, "resource_uri": uri}, party, **knobs
        )

    def create_policy(self, party, uuid, rules, scope="default", **knobs):
        body = {
            "owner_party_id": party.id,
            "scope": scope,
            "policy": {"data_uuid": uuid, "rules": rules},
        }
        return self.ask("CreateDataPolicy", body, party, **knobs)

    def add_rule(self, party, uuid, rule, scope="default", **knobs):
        body = {"owner_party_id": party.id, "data_uuid": uuid, "scope": scope, "rule": rule}
        return self.ask("AddDataRule", body, party, **knobs)

    def delete_rule(self, party, uuid, rule_id, scope="default", **knobs):
        body = {"owner_party_id": party.id, "scope": scope, "data_uuid": uuid, "rule_id": rule_id}
        return self.ask("DeleteDataRule", body, party, **knobs)

    def delete_policy(self, party, uuid, scope="default", **knobs):
        body = {"owner_party_id": party.id, "scope": scope, "data_uuid": uuid}
        return self.ask("DeleteDataPolicy", body, party, **knobs)

    def list_policies(self, party, scope="default", **knobs):
        """{uuid: rules} of the party in the scope."""
        answer = self.ask(
            "ListDataPolicy", {"owner_party_id": party.id, "scope": scope}, party, **knobs
        ).ok()
        equal(set(answer.body) - {"policies"}, set(), "unknown members of the answer")
        return {
            policy["data_uuid"]: policy.get("rules", [])
            for policy in answer.body.get("policies", [])
        }

    def register_cert(self, party, certs=None, owner=None, signer=None, **knobs):
        """As the SDK does: no x5c, signed by the leaf's key."""
        body = {
            "owner_party_id": party.id if owner is None else owner,
            "certs": party.pems if certs is None else certs,
            "scheme": "RSA",
        }
        knobs.setdefault("x5c", None)
        return self.ask("RegisterCert", body, signer or party, **knobs)

    def get_keys(
        self,
        party,
        resources,
        op="psi",
        scope="default",
        initiator=None,
        cert=None,
        env=None,
        method="GetDataKeys",
        **knobs
    ):
        """resources: {uri: columns} or a list of uris (column "id" each)."""
        if not isinstance(resources, dict):
            resources = {uri: ["id"] for uri in resources}
        request = {
            "initiator_party_id": party.id if initiator is None else initiator,
            "scope": scope,
            "op_name": op,
            "resources": [
                {"resource_uri": uri, "columns": columns} for uri, columns in resources.items()
            ],
        }
        if env is not None:
            request["env"] = env
        if not knobs.get("pretty", True):  # the C++ programs print what is empty
            request.setdefault("env", "")
            request["global_attrs"] = ""
            for resource in request["resources"]:
                resource["attrs"] = ""
        body = {"cert": party.pem if cert is None else cert, "resource_request": request}
        return self.ask(method, body, party, **knobs)

    def get_asset(self, party, resources, **more):
        """The same request for a TLS asset."""
        return self.get_keys(party, resources, method="GetTlsAsset", **more)

    def got_asset(self, party, resources, **more):
        """(certificate, private key) of an answer that must be a success."""
        asset = self.get_asset(party, resources, **more).ok().body["tls_asset"]
        equal(set(asset), {"cert", "private_key"}, "members of the asset")
        return asset["cert"], asset["private_key"]

    def got_keys(self, party, resources, **more):
        """{uri: key} of an answer that must be a success."""
        answer = self.get_keys(party, resources, **more).ok()
        equal(set(answer.body) - {"data_keys", "cert"}, set(), "unknown members of the answer")
        uris = [entry["resource_uri"] for entry in answer.body["data_keys"]]
        equal(uris, list(resources), "order of the keys")
        return {
            e["resource_uri"]: base64.b64decode(e["data_key_b64"], validate=True)
            for e in answer.body["data_keys"]
        }

    def create_result(
        self, party, uri, ancestors, data_key=None, owner="", scope="default", **knobs
    ):
        body = {
            "body": {
                "owner_id": owner,
                "resource_uri": uri,
                "scope": scope,
                "data_key_b64": b64(data_key or new_key()),
                "ancestor_uuids": ancestors,
            }
        }
        return self.ask("CreateResultDataKey", body, party, **{**TEE, **knobs})

    def export(self, party, uri, votes, **knobs):
        """votes: the vote result, as text or as a value."""
        text = votes if isinstance(votes, str) else json.dumps(votes)
        body = {"request_party_id": party.id, "resource_uri": uri, "data_export_certificate": text}
        return self.ask("GetExportDataKey", body, party, **knobs)

    def exported(self, party, uri, votes, **knobs):
        answer = self.export(party, uri, votes, **knobs).ok()
        equal(set(answer.body), {"data_key"}, "members of the answer")
        equal(answer.body["data_key"]["resource_uri"], uri, "resource_uri of the answer")
        return base64.b64decode(answer.body["data_key"]["data_key_b64"], validate=True)


# ---- Rules and votes --------------------------------------------------------------------------


def rule(grantees, ops=("*",), columns=("*",), constraints=(), rule_id=None, op_constraints=None):
    """A rule. ops: names without constraints; op_constraints: {name: [constraints]} instead."""
    entries = op_constraints if op_constraints is not None else {name: [] for name in ops}
    made = {
        "grantee_party_ids": [g if isinstance(g, str) else g.id for g in grantees],
        "columns": list(columns),
        "op_constraints": [
            {"op_name": name, "constraints": list(c)} for name, c in entries.items()
        ],
        "global_constraints": list(constraints),
    }
    if rule_id is not None:
        made["rule_id"] = rule_id
    return made


def vote_request(
    requester,
    uri,
    threshold=0,
    kind="TEE_DOWNLOAD",
    action="tee/download",
    chain=None,
    signer=None,
    body=None,
    **more
):
    """The signed request of a vote. body: text instead of the usual one; more: further members."""
    members = {
        "type": kind,
        "approved_threshold": threshold,
        "approved_action": "%s,%s" % (action, uri),
        **more,
    }
    members = {name: value for name, value in members.items() if value is not None}
    text = b64((body if body is not None else json.dumps(members)).encode())
    return {
        "cert_chain": requester.pems if chain is None else chain,
        "body": text,
        "vote_request_signature": b64(
            sign_bytes((signer or requester).key, "RS256", text.encode())
        ),
    }


def vote(voter, request, action="APPROVE", chain=None, signer=None, body=None, over=None):
    """One voter's invite. over: the text that is signed behind the body, when a wrong one."""
    text = b64((body if body is not None else json.dumps({"action": action})).encode())
    signed = text + (request["vote_request_signature"] if over is None else over)
    return {
        "cert_chain": voter.pems if chain is None else chain,
        "body": text,
        "voter_signature": b64(sign_bytes((signer or voter).key, "RS256", signed.encode())),
    }


def vote_result(requester, uri, voters=(), **more):
    request = vote_request(requester, uri, **more)
    return {"vote_request": request, "vote_invite": [vote(voter, request) for voter in voters]}
