# SPDX-License-Identifier: Apache-2.0
"""Certificates with evidence in them, as genuine ones are and in every way wrong, made byte by byte.

A DER and a CBOR writer of its own, written from the formats' specifications: what is made wrong
here must be wrong on purpose, so no library stands in between. Keys and signatures are OpenSSL's
(`openssl` on the command line), quotes are `capsa sim quote`'s. Times are seconds since 1970."""
import base64
import hashlib
import os
import subprocess
import time

from harness import CAPSA

# ---- DER ------------------------------------------------------------------------------------------


def tlv(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*contents):
    return tlv(0x30, *contents)


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    octets = b""
    for arc in (40 * first + second, *rest):
        low = [arc & 0x7F]
        while arc > 0x7F:
            arc >>= 7
            low.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(low))
    return tlv(6, octets)


def moment(seconds):
    """UTCTime up to 2049, GeneralizedTime beyond, as RFC 5280 has it."""
    date = time.gmtime(seconds)
    if date.tm_year < 2050:
        return tlv(0x17, time.strftime("%y%m%d%H%M%SZ", date).encode())
    return tlv(0x18, time.strftime("%Y%m%d%H%M%SZ", date).encode())


def common_name(text):
    return sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0C, text.encode()))))


# ---- CBOR -----------------------------------------------------------------------------------------


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | code]) + value.to_bytes(size, "big")
    raise ValueError(value)


def bstr(content):
    return head(2, len(content)) + content


def text(content):
    return head(3, len(content)) + content.encode()


def array(*items):
    return head(4, len(items)) + b"".join(items)


def pairs(*items):
    """A map of (key, value), both encoded."""
    return head(5, len(items)) + b"".join(key + value for key, value in items)


QUOTE_TAG = head(6, 60000)
HASHES = {1: "sha256", 7: "sha384", 8: "sha512"}


def key_claim(spki, algorithm=1, digest=None):
    """The value of "pubkey-hash"."""
    digest = hashlib.new(HASHES.get(algorithm, "sha256"), spki).digest() if digest is None else digest
    return bstr(array(head(0, algorithm), bstr(digest)))


def claims_of(spki, algorithm=1):
    return pairs((text("pubkey-hash"), key_claim(spki, algorithm)))


# ---- Certificates ---------------------------------------------------------------------------------

DICE = oid("2.23.133.5.4.9")
ENDORSEMENTS = oid("2.23.133.5.4.2")
GRAMINE = bytes.fromhex("060b06092a864886f84d8a3906")  # with an OID in an OID, as Gramine writes it
GRAMINE_MEANT = oid("1.2.840.113741.1337.6")
INTEL_SDK = oid("1.2.840.113741.1.13.1")
GRPC = oid("1.2.840.113741.1")
COMMENT = oid("2.16.840.1.113730.1.13")  # Netscape's: nobody's business
ALGORITHMS = {
    ("ec", "sha256"): sequence(oid("1.2.840.10045.4.3.2")),
    ("ec", "sha1"): sequence(oid("1.2.840.10045.4.1")),
    ("rsa", "sha256"): sequence(oid("1.2.840.113549.1.1.11"), tlv(5)),
    ("rsa", "sha1"): sequence(oid("1.2.840.113549.1.1.5"), tlv(5)),
}
KEYS = {
    "p256": ("ec", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    "p384": ("ec", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    "rsa2048": ("rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
}


def openssl(*words, stdin=b""):
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError("openssl %s: %s" % (words, done.stderr.decode()))
    return done.stdout


class Key:
    """A private key in a PEM file, and its SubjectPublicKeyInfo."""

    def __init__(self, folder, name, kind="p256"):
        self.family, words = KEYS[kind]
        self.path = os.path.join(folder, name + ".key.pem")
        openssl("genpkey", *words, "-out", self.path)
        self.spki = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")

    def sign(self, digest, message):
        return openssl("dgst", "-" + digest, "-sign", self.path, stdin=message)


def extension(identifier, value, critical=None):
    """`critical` None: the BOOLEAN is left out, as its default wants it."""
    flag = b"" if critical is None else tlv(1, b"\xff" if critical else b"\0")
    return sequence(identifier, flag, tlv(4, value))


BASIC = extension(oid("2.5.29.19"), sequence())
DAY = 86400


def certificate(key, extensions, not_before=-60, not_after=DAY, version=3, digest="sha256", signer=None, name="Capsa RA-TLS"):
    """Signed by itself unless `signer` is another key; the dates are relative to now. As DER."""
    signer, now = signer or key, int(time.time())
    algorithm = ALGORITHMS[signer.family, digest]
    body = sequence(
        tlv(0xA0, integer(version - 1)) if version > 1 else b"",
        integer(int.from_bytes(os.urandom(8), "big")),
        algorithm,
        common_name(name),
        sequence(moment(now + not_before), moment(now + not_after)),
        common_name(name),
        key.spki,
        tlv(0xA3, sequence(*extensions)) if extensions else b"",
    )
    return sequence(body, algorithm, tlv(3, b"\0", signer.sign(digest, body)))


def pem(der):
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


# ---- A platform, and what it proves ---------------------------------------------------------------


class Maker:
    """Quotes and certificates of one simulated enclave; `capsa sim init` made the folder `sim`."""

    def __init__(self, folder, sim, code):
        self.folder, self.sim, self.code = folder, sim, code
        self.keys, self.quotes = {}, {}

    def key(self, name="own", kind="p256"):
        if name not in self.keys:
            self.keys[name] = Key(self.folder, name, kind)
        return self.keys[name]

    def quote(self, report_data, *words):
        """A quote that binds 64 bytes; `words` are further ones of `capsa sim quote`."""
        wanted = (report_data, words)
        if wanted not in self.quotes:
            done = subprocess.run(
                [CAPSA, "sim", "quote", self.sim, "--platform", "sgx", "--out", "-", "--insecure-raw-report-data", report_data.hex(),
                 *([] if "--mr-enclave" in words else ["--code", self.code]), *words], capture_output=True, timeout=60)
            if done.returncode != 0:
                raise AssertionError(done.stderr.decode())
            self.quotes[wanted] = done.stdout
        return self.quotes[wanted]

    def bound(self, content, *words):
        """A quote whose report data are SHA-256 over `content`, then zeros."""
        return self.quote(hashlib.sha256(content).digest() + bytes(32), *words)

    def evidence(self, key, claims=None, quote=None):
        """The content of DICE's extension."""
        claims = claims_of(key.spki) if claims is None else claims
        return QUOTE_TAG + array(bstr(self.bound(claims) if quote is None else quote), bstr(claims))

    def dice(self, key, **more):
        return extension(DICE, self.evidence(key, **more))

    def legacy(self, key, identifier=GRAMINE):
        return extension(identifier, self.bound(key.spki))
