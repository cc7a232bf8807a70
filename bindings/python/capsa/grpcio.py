# SPDX-License-Identifier: Apache-2.0
"""Calling servers with grpcio, which is imported here and nowhere else.

    channel = capsa.grpcio.secure_channel("host:50051", verifier)

grpcio cannot be told how to judge a certificate. So the server is judged on a connection of its own,
and then exactly that certificate is pinned: grpcio talks to whoever has its key and to nobody else.
When the server renews its certificate, connections that run go on and new ones fail as UNAVAILABLE:
Reconnecting judges the new one, and tries again.

UNBOUND (tls.py).
"""

from __future__ import annotations

import ssl
import threading
from typing import Any, Callable, Generic, Iterator, NamedTuple, Optional, Sequence, TypeVar

import grpc

from .client import fetch_certificate
from .errors import Malformed
from .verify import Verdict, Verifier

Stub = TypeVar("Stub")
Answer = TypeVar("Answer")
Options = Sequence[tuple[str, Any]]


class Pin(NamedTuple):
    """What grpc.secure_channel needs so that it talks to the server that was judged.

    credentials  grpc.ChannelCredentials that trust this one certificate
    options      the name in it, in place of the target's
    certificate  DER
    verdict      what it proves
    """

    credentials: Any
    options: Options
    certificate: bytes
    verdict: Verdict


def grpc_credentials(target: str, verifier: Verifier, *, timeout: Optional[float] = 10.0) -> Pin:
    """Judge the server at `target` ("host:port"), and pin its certificate. Refused; OSError."""
    host, _, port = target.removeprefix("dns:///").rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"a target of the form host:port is needed, not {target!r}")
    certificate, verdict = fetch_certificate(
        host.strip("[]"), int(port), verifier, alpn=["h2"], timeout=timeout
    )
    pem = ssl.DER_cert_to_PEM_cert(certificate).encode()
    credentials = grpc.ssl_channel_credentials(root_certificates=pem)
    options = (("grpc.ssl_target_name_override", name_in(certificate)),)
    return Pin(credentials, options, certificate, verdict)


def secure_channel(
    target: str,
    verifier: Verifier,
    options: Options = (),
    *,
    timeout: Optional[float] = 10.0,
) -> Any:
    """A grpc.Channel to the server at `target`, which has been judged. Refused; OSError."""
    pin = grpc_credentials(target, verifier, timeout=timeout)
    return grpc.secure_channel(target, pin.credentials, options=[*options, *pin.options])


class Reconnecting(Generic[Stub]):
    """A stub that follows the server's renewals.

    greeter = Reconnecting("host:50051", verifier, GreeterStub)
    greeter.call(lambda stub: stub.SayHello(request))
    """

    def __init__(
        self,
        target: str,
        verifier: Verifier,
        make_stub: Callable[[Any], Stub],
        options: Options = (),
    ) -> None:
        """`make_stub`: of a grpc.Channel. Judges the server at once: Refused; OSError."""
        self._target, self._verifier = target, verifier
        self._make_stub, self._options = make_stub, options
        self._lock = threading.Lock()
        self._connect()

    def _connect(self) -> None:
        pin = grpc_credentials(self._target, self._verifier)
        self._channel = grpc.secure_channel(
            self._target, pin.credentials, options=[*self._options, *pin.options]
        )
        self._stub, self.verdict, self.certificate = (
            self._make_stub(self._channel),
            pin.verdict,
            pin.certificate,
        )

    def call(self, use: Callable[[Stub], Answer]) -> Answer:
        """`use` is called with the stub; once more when the server could not be reached and shows
        another certificate by now, which is judged first. Refused; grpc.RpcError.

        UNAVAILABLE may have been said of a call that was carried out: `use` has to bear that.
        """
        stub, seen = self._stub, self.certificate
        try:
            return use(stub)
        except grpc.RpcError as error:
            if getattr(error, "code", lambda: None)() != grpc.StatusCode.UNAVAILABLE:
                raise
            with self._lock:
                if self.certificate == seen:  # nobody else has done it meanwhile
                    old = self._channel
                    try:
                        self._connect()
                    except OSError:  # gone, or not back yet: grpcio has said so already
                        raise error from None
                    if self.certificate == seen:
                        self._channel.close()
                        self._channel, self._stub = old, stub
                        raise
                    old.close()
        return use(self._stub)

    def close(self) -> None:
        self._channel.close()


# ---- The name in a certificate -------------------------------------------------------------------
# ssl shows the fields of no certificate that it has not verified by an authority.

_OID, _VERSION, _EXTENSIONS, _DNS_NAME = 0x06, 0xA0, 0xA3, 0x82
_COMMON_NAME, _ALT_NAMES = bytes.fromhex("550403"), bytes.fromhex("551d11")


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of DER: (tag, content). Malformed."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise Malformed(-102, "the certificate ends within an element")
        tag, size, at = der[at], der[at + 1], at + 2
        if size >= 0x80:
            width = size & 0x7F
            if not 1 <= width <= 3 or at + width > len(der):
                raise Malformed(
                    -100, "an element of the certificate has no length that can be read"
                )
            size, at = int.from_bytes(der[at : at + width], "big"), at + width
        if at + size > len(der):
            raise Malformed(-102, "an element of the certificate is longer than what is left")
        yield tag, der[at : at + size]
        at += size


def _inside(der: bytes) -> list[tuple[int, bytes]]:
    return list(_parts(der))


def name_in(certificate: bytes) -> str:
    """The first DNS name of a certificate, else its common name, as gRPC looks for it. Malformed."""
    try:
        name = _name_in(certificate)
    except (IndexError, UnicodeDecodeError):
        raise Malformed(-100, "the certificate lacks elements that every one has") from None
    if name is None:
        raise Malformed(-100, "the certificate has no DNS name and no common name to pin it by")
    return name


def _name_in(certificate: bytes) -> Optional[str]:
    fields = _inside(_inside(_inside(certificate)[0][1])[0][1])
    if fields[0][0] == _VERSION:
        del fields[0]
    subject = fields[4][1]  # behind serial, algorithm, issuer and validity
    for tag, content in fields[6:]:
        if tag == _EXTENSIONS:
            name = _dns_name(_inside(_inside(content)[0][1]))
            if name is not None:
                return name
    for _, names in _inside(subject):
        for _, attribute in _inside(names):
            kind, value = _inside(attribute)[0], _inside(attribute)[1]
            if kind == (_OID, _COMMON_NAME):
                return value[1].decode("utf-8")
    return None


def _dns_name(extensions: list[tuple[int, bytes]]) -> Optional[str]:
    for _, extension in extensions:
        parts = _inside(extension)
        if parts[0] == (_OID, _ALT_NAMES):
            for kind, name in _inside(_inside(parts[-1][1])[0][1]):
                if kind == _DNS_NAME:
                    return name.decode("ascii")
    return None
