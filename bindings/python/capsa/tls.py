# SPDX-License-Identifier: Apache-2.0
"""Plain RA-TLS for programs that use Python's ssl: contexts for a client and for a server.

    http.client.HTTPSConnection(host, context=capsa.client_context(verifier))
    httpx.Client(verify=capsa.client_context(verifier))
    asyncio.start_server(..., ssl=capsa.server_context(identity))

A connection of a client's context is judged after its handshake and before any byte of the
application: nothing can be sent or read on a session whose peer was not accepted.

UNBOUND. Evidence is bound to the TLS key here and not to the session, because Python's ssl has no
exporter. Whoever steals the key of one genuine instance can stand between two peers and read along
(docs/explanation/ra-tls.md). Channels (channel.py) and `capsa ratls proxy` are bound.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
from typing import Any, Iterator, Optional, Union

from . import errors
from .identity import Identity
from .verify import Verdict, Verifier

Buffer = Any  # what ssl takes: bytes, bytearray, memoryview, array


# ---- A client ------------------------------------------------------------------------------------


class _Judged:
    """What sessions of a ClientContext share: the judgement, once, right after the handshake."""

    verdict: Optional[Verdict] = None  # of the peer; None until it is accepted
    _refusal: Optional[errors.CapsaError] = None

    def _judge(self, context: Any, certificate: Optional[bytes]) -> None:
        if self.verdict is not None:
            return
        try:
            if not isinstance(context, ClientContext):
                raise errors.EvidenceRefused(-207, "the session left its context", "certificate")
            if not certificate:
                raise errors.EvidenceRefused(-207, "the peer showed no certificate", "certificate")
            self.verdict = context.judge(certificate)
        except errors.CapsaError as error:
            self._refusal = error
            raise

    def _not_refused(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    @property
    def session(self) -> Any:
        """Of this connection. It cannot be set: a resumed session shows no certificate."""
        return super().session  # type: ignore[misc]

    @session.setter
    def session(self, session: Any) -> None:
        raise ValueError(_NO_RESUMPTION)


class VerifiedSocket(_Judged, ssl.SSLSocket):
    """An ssl.SSLSocket whose peer has proved what the verifier wants. `verdict` has what it proved.

    do_handshake raises Refused and closes. Reading and writing do the handshake first where nobody
    has done it, and never fall back to the bare socket, as ssl's own do after shutdown and unwrap.
    """

    def do_handshake(self, block: bool = False) -> None:
        self._not_refused()
        super().do_handshake(block)
        try:
            self._judge(self.context, self.getpeercert(binary_form=True))
        except errors.CapsaError:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self, socket.SHUT_RDWR)
            self.close()
            raise

    def _ready(self) -> None:
        self._not_refused()
        if self._sslobj is None:  # type: ignore[attr-defined]
            raise OSError(errno.ENOTCONN, "no TLS session: nothing goes in the clear")
        if self.verdict is None:
            self.do_handshake()

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        self._ready()
        return super().read(len, buffer)

    def write(self, data: Buffer) -> int:
        self._ready()
        return super().write(data)

    def send(self, data: Buffer, flags: int = 0) -> int:
        self._ready()
        return super().send(data, flags)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        self._ready()
        super().sendall(data, flags)

    def sendto(self, *arguments: Any) -> Any:
        self._ready()
        return super().sendto(*arguments)

    def sendfile(self, file: Any, offset: int = 0, count: Optional[int] = None) -> int:
        self._ready()
        return super().sendfile(file, offset, count)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self._ready()
        return super().recv(buflen, flags)

    def recv_into(self, buffer: Any, nbytes: Optional[int] = None, flags: int = 0) -> int:
        self._ready()
        return super().recv_into(buffer, nbytes, flags)

    def recvfrom(self, buflen: int = 1024, flags: int = 0) -> Any:
        self._ready()
        return super().recvfrom(buflen, flags)

    def recvfrom_into(self, buffer: Any, nbytes: Optional[int] = None, flags: int = 0) -> Any:
        self._ready()
        return super().recvfrom_into(buffer, nbytes, flags)


class VerifiedObject(_Judged, ssl.SSLObject):
    """The same without a socket, as asyncio and httpx use it. What it raises is an ssl.SSLError too,
    because such callers clean up after no other."""

    def do_handshake(self) -> None:
        self._not_refused()
        super().do_handshake()
        try:
            self._judge(self.context, self.getpeercert(binary_form=True))
        except errors.CapsaError as error:
            self._refusal = _as_ssl_error(error)
            raise self._refusal from error

    def _ready(self) -> None:
        self._not_refused()
        if self.verdict is None:
            self.do_handshake()

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        self._ready()
        return super().read(len, buffer)

    def write(self, data: Buffer) -> int:
        self._ready()
        return super().write(data)


_NO_RESUMPTION = "sessions are not resumed: one that is shows no certificate, and so no evidence"


def _stranger(wrapped: object, wanted: type) -> TypeError:
    """Somebody put a class of his own in the place of ssl's, which judges nobody."""
    return TypeError(f"ssl made a {type(wrapped).__name__}, and no {wanted.__name__}")


def _as_ssl_error(error: errors.CapsaError) -> errors.CapsaError:
    kind = type(error)
    members = {
        "__module__": __name__,
        # To another process the refusal goes by itself: this class is found nowhere there.
        "__reduce__": lambda self: (kind, (self.code, self.text, self.check)),
    }
    both = type(kind.__name__, (kind, ssl.SSLCertVerificationError), members)
    made: errors.CapsaError = both(error.code, error.text, error.check)
    made.verdict = error.verdict
    return made


class ClientContext(ssl.SSLContext):
    """An ssl.SSLContext for clients whose servers prove themselves by evidence in their certificate.

    No certificate authority and no name counts: check_hostname is False and cannot be set. Reading
    verify_mode gives CERT_REQUIRED, which is what holds; setting it changes nothing, so that
    libraries that insist on setting it weaken nothing.
    """

    _verifier: Verifier
    _native: bool

    def __new__(
        cls,
        verifier: Verifier,
        *,
        identity: Optional[Identity] = None,
        tls12: bool = False,
        native: bool = False,
    ) -> ClientContext:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        for name, value in (("check_hostname", False), ("verify_mode", ssl.CERT_NONE)):
            getattr(ssl.SSLContext, name).__set__(self, value)  # OpenSSL's own, hidden below
        _harden(self, tls12)
        self._verifier, self._native = verifier, native
        if identity is not None:
            _load(self, identity)
        return self

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        super().__init__()

    def judge(self, certificate: bytes) -> Verdict:
        """As every connection does. Refused."""
        return self._verifier.verify_certificate(certificate, native=self._native)

    @property
    def sslsocket_class(self) -> type[VerifiedSocket]:  # type: ignore[override]
        return VerifiedSocket

    @property
    def sslobject_class(self) -> type[VerifiedObject]:  # type: ignore[override]
        return VerifiedObject

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        return ssl.CERT_REQUIRED

    @verify_mode.setter
    def verify_mode(self, value: Union[ssl.VerifyMode, int]) -> None:
        pass

    @property
    def check_hostname(self) -> bool:
        return False

    @check_hostname.setter
    def check_hostname(self, value: bool) -> None:
        if value:
            raise ValueError("names in RA-TLS certificates mean nothing: the policy says who it is")

    def wrap_socket(self, *arguments: Any, **named: Any) -> VerifiedSocket:
        if named.get("session") is not None or len(arguments) > 5 and arguments[5] is not None:
            raise ValueError(_NO_RESUMPTION)
        wrapped = super().wrap_socket(*arguments, **named)
        if not isinstance(wrapped, VerifiedSocket):
            wrapped.close()
            raise _stranger(wrapped, VerifiedSocket)
        return wrapped

    def wrap_bio(self, *arguments: Any, **named: Any) -> VerifiedObject:
        if named.get("session") is not None or len(arguments) > 4 and arguments[4] is not None:
            raise ValueError(_NO_RESUMPTION)
        wrapped = super().wrap_bio(*arguments, **named)
        if not isinstance(wrapped, VerifiedObject):
            raise _stranger(wrapped, VerifiedObject)
        return wrapped


def client_context(
    verifier: Verifier,
    *,
    identity: Optional[Identity] = None,
    tls12: bool = False,
    native: bool = False,
) -> ClientContext:
    """UNBOUND (see above). A context whose connections are judged by `verifier`.

    identity  shown to servers that ask for evidence; of the moment when the context is made
    tls12     TLS 1.2 too, for old peers; else 1.3 alone
    native    certificates that live longer than a year are refused, which Gramine's do

    Judging takes about a millisecond when all collateral is at hand. When the verifier has to fetch
    it, the handshake waits for that, and so does an event loop in which it happens.
    """
    return ClientContext(verifier, identity=identity, tls12=tls12, native=native)


# ---- A server ------------------------------------------------------------------------------------


class _Shown:
    """The context whose certificate is shown now, exchanged as a whole."""

    context: ssl.SSLContext


class ServerContext(ssl.SSLContext):
    """An ssl.SSLContext that shows an identity. renew() makes and shows the next; connections that
    run go on. For capsa.KeepRenewed.

    It sends no session tickets. It cannot ask clients for evidence: Python's ssl refuses any
    certificate that no authority signed. ChannelServer can, and `capsa ratls serve`.
    """

    _identity: Identity
    _alpn: Optional[list[str]]
    _shown: _Shown

    def __new__(cls, identity: Identity, *, tls12: bool = False) -> ServerContext:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        _harden(self, tls12)
        self.num_tickets = 0
        self._identity, self._alpn, self._shown = identity, None, _Shown()
        _load(self, identity)
        self.show()
        shown = self._shown  # and not self, which would never be freed

        def choose(session: Any, _name: Any, _context: Any) -> None:
            session.context = shown.context

        self.sni_callback = choose
        return self

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        super().__init__()

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        super().set_alpn_protocols(alpn_protocols)
        self._alpn = list(alpn_protocols)
        self._shown.context.set_alpn_protocols(alpn_protocols)

    def show(self) -> None:
        """Show what the identity is now, after somebody else renewed it."""
        fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _load(fresh, self._identity)
        if self._alpn is not None:
            fresh.set_alpn_protocols(self._alpn)
        self._shown.context = fresh

    @property
    def renew_at(self) -> int:
        return self._identity.renew_at

    def renew(self) -> None:
        """A new key and certificate for connections from now on. After a failure the old ones stay."""
        self._identity.make()
        self.show()


def server_context(identity: Identity, *, tls12: bool = False) -> ServerContext:
    """UNBOUND (see above). A context for servers that shows `identity`.

    tls12  TLS 1.2 too, for old peers; else 1.3 alone

    The key goes from libcapsa to OpenSSL through memory, and into no file.
    """
    return ServerContext(identity, tls12=tls12)


# ---- Both ----------------------------------------------------------------------------------------


def _harden(context: ssl.SSLContext, tls12: bool) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if tls12 else ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    certificate, key = b"", b""
    while not certificate or certificate != identity.certificate():  # renewed in between
        certificate, key = identity.certificate(), identity.key()
    with _readable(certificate) as cert_path, _readable(key) as key_path:
        context.load_cert_chain(cert_path, key_path)


@contextlib.contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path for these bytes, which lie in memory: ssl loads keys from paths alone."""
    try:
        fd = os.memfd_create("capsa", os.MFD_CLOEXEC)
        writer = None
    except (AttributeError, OSError):  # a kernel, or Gramine, that has none
        fd, writer = os.pipe()
    try:
        target = fd if writer is None else writer
        os.set_blocking(target, False)  # a pipe that is too small is an error, no deadlock
        if os.write(target, content) != len(content):
            raise OSError(errno.EFBIG, "certificate or key do not fit into a pipe")
        if writer is not None:
            os.close(writer)
            writer = None
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
        if writer is not None:
            os.close(writer)
