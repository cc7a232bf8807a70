# SPDX-License-Identifier: Apache-2.0
"""Certificate files for TLS: an authority, a server at 127.0.0.1 and a client."""

import datetime
import ipaddress
import os

import parties
from harness import temporary_folder

try:
    import grpc
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
except ImportError:  # the script says skipped
    pass


class Tls:
    """A folder with ca/root.crt, server.crt, server.key, client.crt and client.key."""

    def __init__(self, name="tls"):
        self.name = name
        self.folder = temporary_folder(name)
        self.root_key = parties.key(name + "-root", "ec")
        self.root = parties.certificate(
            self.root_key.public_key(), self.root_key, name + " root", ca=True, sign_use=True
        )
        os.mkdir(self.path("ca"))
        self.write("ca/root.crt", parties.pem_of(self.root))
        self.renew_server()
        own = parties.key(name + "-client", "ec")
        self.write("client.crt", parties.pem_of(self.issue(own.public_key(), "client")))
        self.write("client.key", parties.key_pem_of(own))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def issue(self, public_key, subject, address=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(parties.name_of(subject))
            .issuer_name(parties.name_of(self.name + " root"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=9))
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.root_key, hashes.SHA256())

    def renew_server(self):
        """Another server key and certificate under the same root; returns the certificate."""
        own = parties.key(parties.unique(self.name + "-server"), "ec")
        cert = self.issue(own.public_key(), "server", "127.0.0.1")
        self.write("server.crt", parties.pem_of(cert))
        self.write("server.key", parties.key_pem_of(own))
        return cert

    def flags(self, **more):
        return {
            "tls_config__enable_tls": "true",
            "tls_config__server_cert_path": self.path("server.crt"),
            "tls_config__server_private_key_path": self.path("server.key"),
            "tls_config__client_ca_cert_path": self.path("ca"),
            **more,
        }

    def files(self):
        """(root, key, chain), as the SDK takes them."""
        return self.read("ca/root.crt"), self.read("client.key"), self.read("client.crt")

    def credentials(self, root=None, client=True):
        """Of gRPC: with this client's certificate, or that of another Tls, or none."""
        own = self if client is True else client
        return grpc.ssl_channel_credentials(
            root or self.read("ca/root.crt"),
            own.read("client.key") if own else None,
            own.read("client.crt") if own else None,
        )
