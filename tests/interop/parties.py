# SPDX-License-Identifier: Apache-2.0
"""Parties with keys and certificate chains, good ones and every kind of bad one.

Keys are RSA-2048 unless something else is asked for, and made once a run: `key("alice")` is always
the same. Certificates are made as often as they are asked for. Nothing is written anywhere; tests
that need files use Party.write().
"""

import base64
import datetime
import hashlib
import itertools
import os

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID
except ImportError:  # the script says skipped
    pass

_keys = {}
_numbers = itertools.count(1)


def key(name, kind="rsa"):
    """The key of this name; kind: rsa, rsa1024, rsa3072, ec (P-256), ec384."""
    if (name, kind) not in _keys:
        if kind.startswith("rsa"):
            made = rsa.generate_private_key(65537, int(kind[3:] or 2048))
        else:
            made = ec.generate_private_key(ec.SECP384R1() if kind == "ec384" else ec.SECP256R1())
        _keys[(name, kind)] = made
    return _keys[(name, kind)]


def unique(stem):
    """A name that nothing else in this run has."""
    return "%s-%d" % (stem, next(_numbers))


def party_id_of_key(public_key):
    der = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b32encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def name_of(text):
    """Subject with this common name; "" is the empty subject that the original's guide makes."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def certificate(
    public_key, signer_key, subject="", issuer=None, ca=None, days=(-1, 30), sign_use=None
):
    """One certificate. ca: None leaves basicConstraints out. sign_use: keyUsage keyCertSign."""
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(subject if issuer is None else issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if sign_use is not None:
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=sign_use,
                crl_sign=sign_use,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    return builder.sign(signer_key, hashes.SHA256())


def der_of(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def pem_of(cert):
    return cert.public_bytes(serialization.Encoding.PEM).decode()


def key_pem_of(private_key):
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class Party:
    """A private key and the chain that it presents, leaf first; its id is that of the last key."""

    def __init__(self, private_key, chain):
        self.key = private_key
        self.chain = chain
        self.id = party_id_of_key(chain[-1].public_key())

    @property
    def pems(self):
        return [pem_of(cert) for cert in self.chain]

    @property
    def pem(self):
        """What GetDataKeys has in `cert`."""
        return pem_of(self.chain[0])

    @property
    def key_pem(self):
        return key_pem_of(self.key)

    @property
    def x5c(self):
        return [base64.b64encode(der_of(cert)).decode() for cert in self.chain]

    def with_chain(self, *chain):
        """The same key behind another chain."""
        return Party(self.key, list(chain))

    def write(self, folder, name):
        """Files for command lines: (key file, [certificate files, leaf first])."""
        key_file = os.path.join(folder, name + ".key")
        with open(key_file, "w") as file:
            file.write(self.key_pem)
        cert_files = []
        for number, pem in enumerate(self.pems):
            cert_files.append(os.path.join(folder, "%s.%d.crt" % (name, number)))
            with open(cert_files[-1], "w") as file:
                file.write(pem)
        return key_file, cert_files


def plain(name, subject="", kind="rsa", days=(-1, 30)):
    """Self-signed, no extensions: what the original's tools make."""
    own = key(name, kind)
    return Party(own, [certificate(own.public_key(), own, subject, days=days)])


def under_root(name, root="root", kind="rsa", root_kind="rsa", days=(-1, 30), root_days=(-1, 30)):
    """Leaf and root."""
    own, top = key(name, kind), key(root, root_kind)
    return Party(
        own,
        [
            certificate(own.public_key(), top, name, root, ca=False, days=days),
            certificate(top.public_key(), top, root, ca=True, sign_use=True, days=root_days),
        ],
    )


def under_two(name, root="root", middle="middle", middle_ca=True, middle_days=(-1, 30)):
    """Leaf, intermediate and root."""
    own, between, top = key(name), key(middle), key(root)
    return Party(
        own,
        [
            certificate(own.public_key(), between, name, middle, ca=False),
            certificate(between.public_key(), top, middle, root, ca=middle_ca, days=middle_days),
            certificate(top.public_key(), top, root, ca=True, sign_use=True),
        ],
    )


def long_chain(name, length):
    """A good chain of this many certificates."""
    signers = [key("level")] * length
    chain = [certificate(signers[-1].public_key(), signers[-1], "level %d" % length, ca=True)]
    for depth in range(length - 1, 0, -1):
        own = key(name) if depth == 1 else signers[depth]
        chain.insert(
            0,
            certificate(
                own.public_key(),
                signers[depth],
                "level %d" % depth,
                "level %d" % (depth + 1),
                ca=depth > 1,
            ),
        )
    return Party(key(name), chain)
