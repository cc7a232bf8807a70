# SPDX-License-Identifier: Apache-2.0
"""Capsa: attested TLS, and verification of evidence of trusted environments, on libcapsa.

    Verifier, Policy, verify_quote    is this evidence authentic, and what I want?
    Identity, KeepRenewed             a key, and a certificate that carries evidence of it
    ChannelClient, ChannelServer      connections, bound to their session
    client_context, server_context    for programs that use Python's ssl: unbound (tls.py)
    Client                            HTTPS: nothing is sent to a server that proved nothing
    capsa.adapters, capsa.grpcio      for requests and grpcio, when they are installed
    capsa.compat.gramine_ratls        the names of the package gramine-ratls

ImportError: libcapsa.so.0 was not found; CAPSA_LIBRARY says where it is.
"""

from __future__ import annotations

from . import _native
from .channel import Channel, ChannelClient, ChannelServer
from .client import Client, Response, fetch_certificate
from .errors import (
    CapsaError,
    EvidenceRefused,
    Malformed,
    NetworkFailed,
    PolicyRefused,
    Refused,
    TcbRefused,
    TimedOut,
    Unsupported,
    refusal_of,
)
from .evidence import Certificate, Collateral, Evidence, report_data
from .identity import Identity, attesters, write_key_and_certificate
from .policy import Policy
from .renew import KeepRenewed, keep_renewed
from .source import Source
from .tls import ClientContext, ServerContext, client_context, server_context
from .verify import Claim, Verdict, Verifier, verify_quote, what_is_checked

__version__ = "0.1.0"


def library_version() -> str:
    """Of libcapsa."""
    return _native.text(_native.functions.version())


__all__ = [
    "CapsaError",
    "Certificate",
    "Channel",
    "ChannelClient",
    "ChannelServer",
    "Claim",
    "Client",
    "ClientContext",
    "Collateral",
    "Evidence",
    "EvidenceRefused",
    "Identity",
    "KeepRenewed",
    "Malformed",
    "NetworkFailed",
    "Policy",
    "PolicyRefused",
    "Refused",
    "Response",
    "ServerContext",
    "Source",
    "TcbRefused",
    "TimedOut",
    "Unsupported",
    "Verdict",
    "Verifier",
    "attesters",
    "client_context",
    "fetch_certificate",
    "keep_renewed",
    "library_version",
    "refusal_of",
    "report_data",
    "server_context",
    "verify_quote",
    "what_is_checked",
    "write_key_and_certificate",
]
