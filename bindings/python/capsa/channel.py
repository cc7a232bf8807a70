# SPDX-License-Identifier: Apache-2.0
"""Connections whose peer has proved itself for this very session: attested TLS, bound.

    client = capsa.ChannelClient(verifier)
    with client.connect("host", 4443) as channel:
        channel.sendall(b"...")
        answer = channel.recv(4096)

    server = capsa.ChannelServer(identity)                 # clients need not prove anything
    server = capsa.ChannelServer(identity, verifier)       # they do
    connection, address = listener.accept()
    with server.accept(connection) as channel: ...

Both ends are Capsa's: these, `capsa ratls`, libcapsa. The TLS is libcapsa's own, not Python's.
"""

from __future__ import annotations

import ctypes
import io
import socket
import threading
from typing import Any, Optional, Union, cast

from . import _native, errors
from ._native import Handle, functions
from .identity import Identity
from .verify import Verdict, Verifier

_TRUNCATED, _USAGE = -102, -2
_CHUNK = 65536


class _Settings(Handle):
    """A libcapsa_ratls: what its channels have in common. Shared by any number of threads."""

    def __init__(self, pointer: Optional[int], needs: tuple[Any, ...]) -> None:
        super().__init__(pointer, "ratls_free")
        self._needs = needs  # a getter in Python lives as long as what may call it

    def _set(
        self,
        insecure_unbound: bool,
        tls12: bool,
        handshake_timeout: Optional[float],
        evidence_timeout: Optional[float],
    ) -> None:
        if tls12 and not insecure_unbound:
            raise ValueError("TLS 1.2 is for unbound channels alone: old peers know no others")
        if insecure_unbound:
            _native.call("ratls_insecure_set_unbound", self.pointer, 1)
        if tls12:
            _native.call("ratls_set_tls12", self.pointer, 1)
        limits = (_limit(handshake_timeout), _limit(evidence_timeout))
        if any(limits):
            _native.call("ratls_set_timeouts", self.pointer, *limits)

    def _open(self, function: str, connected: socket.socket) -> Channel:
        connected.settimeout(None)
        waker = connected.dup()
        channel, verdict = ctypes.c_void_p(), ctypes.c_void_p()
        failure = _native.attempt(
            function,
            self.pointer,
            connected.detach(),
            ctypes.byref(channel),
            ctypes.byref(verdict),
        )
        found = Verdict(verdict.value) if verdict.value else None
        if failure is not None:
            waker.close()
            failure = _as_network(failure)
            failure.verdict = found
            raise failure
        return Channel(channel.value, found, waker, self)


class ChannelClient(_Settings):
    def __init__(
        self,
        verifier: Verifier,
        identity: Optional[Identity] = None,
        *,
        insecure_unbound: bool = False,
        tls12: bool = False,
        handshake_timeout: Optional[float] = None,
        evidence_timeout: Optional[float] = None,
    ) -> None:
        """verifier          of the servers
        identity          what this end proves; None: nothing
        insecure_unbound  plain RA-TLS, for servers that know nothing else
        tls12             TLS 1.2 too; unbound alone
        handshake_timeout, evidence_timeout   seconds; None: 10 and 30
        """
        made = ctypes.c_void_p()
        _native.call(
            "ratls_client_new",
            verifier.pointer,
            _native.pointer_of(identity),
            ctypes.byref(made),
        )
        super().__init__(made.value, (verifier, identity))
        self._set(insecure_unbound, tls12, handshake_timeout, evidence_timeout)

    def connect(self, host: str, port: int, timeout: Optional[float] = 10.0) -> Channel:
        """`timeout`: seconds for the connection itself. Refused, with its verdict; OSError."""
        return self.wrap(socket.create_connection((host, port), timeout))

    def wrap(self, connected: socket.socket) -> Channel:
        """The same on a connected socket, which is taken over, also on failure."""
        return self._open("ratls_connect_fd", connected)


class ChannelServer(_Settings):
    def __init__(
        self,
        identity: Identity,
        verifier: Optional[Verifier] = None,
        *,
        insecure_unbound: bool = False,
        tls12: bool = False,
        handshake_timeout: Optional[float] = None,
        evidence_timeout: Optional[float] = None,
    ) -> None:
        """verifier  of the clients; None: they need not prove anything

        The rest as of ChannelClient. What the identity is at each accept is shown: renew it, and
        nothing else is to be done.
        """
        made = ctypes.c_void_p()
        _native.call(
            "ratls_server_new",
            identity.pointer,
            _native.pointer_of(verifier),
            ctypes.byref(made),
        )
        super().__init__(made.value, (verifier, identity))
        self._set(insecure_unbound, tls12, handshake_timeout, evidence_timeout)

    def accept(self, connected: socket.socket) -> Channel:
        """The handshake and all proofs on a socket that a listener accepted, which is taken over.

        Blocks, in a thread of the caller's. Refused: the client proved nothing that is accepted."""
        return self._open("ratls_accept", connected)


class Channel:
    """A connection, used like a socket; of one thread at a time, but for close()."""

    def __init__(
        self,
        pointer: Optional[int],
        verdict: Optional[Verdict],
        waker: socket.socket,
        settings: _Settings,
    ) -> None:
        self._handle = Handle(pointer, "channel_free")
        self._waker = waker
        self._settings = settings
        self._timeout_ms = -1
        self._busy = threading.Lock()
        self._closing = False
        self._files = 0
        self.verdict = verdict  # of the peer; None: it proved nothing, and need not

    # ---- What it is

    @property
    def bound(self) -> bool:
        """True when evidence is bound to this session."""
        return bool(self._call_plain("channel_is_bound"))

    @property
    def certificate(self) -> Optional[bytes]:
        """The peer's, as DER; None: it showed none."""
        with _Turn(self):
            return _native.lent("channel_certificate", self._handle.pointer)

    def getpeername(self) -> Any:
        return self._waker.getpeername()

    # ---- Bytes

    def recv_into(self, buffer: Any, nbytes: int = 0) -> int:
        """Waits for at least one byte. 0: the peer closed, properly. NetworkFailed: it is gone
        without a word, and what came may not be all. TimedOut."""
        view = memoryview(buffer).cast("B")
        if nbytes < 0:
            raise ValueError(f"{nbytes} bytes: a size is not below 0")
        wanted = min(nbytes or len(view), len(view))
        if wanted == 0:
            return 0
        room = ctypes.c_char.from_buffer(view)
        got = ctypes.c_size_t()
        self._call("channel_read", ctypes.byref(room), wanted, self._timeout_ms, ctypes.byref(got))
        return got.value

    def recv(self, bufsize: int = _CHUNK, flags: int = 0) -> bytes:
        """As socket.recv. `flags` must be 0."""
        if flags:
            raise ValueError("a channel knows no flags")
        room = bytearray(min(bufsize, _CHUNK))
        return bytes(room[: self.recv_into(room)])

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, fewer only at the end; below 0: all until the peer's end."""
        found = bytearray()
        while size < 0 or len(found) < size:
            part = self.recv(_CHUNK if size < 0 else size - len(found))
            if not part:
                break
            found += part
        return bytes(found)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """All of it, or a failure."""
        if flags:
            raise ValueError("a channel knows no flags")
        content = data if isinstance(data, bytes) else bytes(memoryview(data).cast("B"))
        self._call("channel_write", content, len(content), self._timeout_ms)

    def write(self, data: Any) -> int:
        self.sendall(data)
        return memoryview(data).nbytes

    send = write

    def end(self) -> None:
        """Our direction is over; the peer's goes on."""
        self._call("channel_end", self._timeout_ms)

    def shutdown(self, how: int) -> None:
        """SHUT_WR alone, which is end()."""
        if how != socket.SHUT_WR:
            raise ValueError("a channel can end its own direction alone: SHUT_WR")
        self.end()

    def settimeout(self, seconds: Optional[float]) -> None:
        """Of each call from now on; None: for ever."""
        if seconds is not None and seconds < 0:
            raise ValueError(f"{seconds} seconds: a time limit is not below 0")
        self._timeout_ms = -1 if seconds is None else max(1, int(seconds * 1000))

    def gettimeout(self) -> Optional[float]:
        return None if self._timeout_ms < 0 else self._timeout_ms / 1000

    # ---- Files

    def makefile(
        self,
        mode: str = "r",
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> Any:
        """As socket.makefile: the channel stays open until its files are closed as well."""
        reading, writing = "r" in mode or "w" not in mode, "w" in mode
        raw = _ChannelFile(self, reading, writing)
        if buffering == 0:
            if "b" not in mode:
                raise ValueError("text without a buffer is impossible")
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        buffered: Union[io.BufferedRWPair, io.BufferedReader, io.BufferedWriter]
        if reading and writing:
            buffered = io.BufferedRWPair(raw, raw, size)
        elif reading:
            buffered = io.BufferedReader(raw, size)
        else:
            buffered = io.BufferedWriter(raw, size)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(cast(io.BufferedReader, buffered), encoding, errors, newline)

    # ---- The end

    def close(self) -> None:
        """From any thread: one that waits in a read or write is woken, and gets an OSError."""
        self._closing = True
        self._maybe_free()

    def _maybe_free(self) -> None:
        if not self._closing or self._files:
            return
        if self._busy.acquire(blocking=False):
            try:
                self._handle._free()
                self._waker.close()
            finally:
                self._busy.release()
            return
        try:  # whoever is inside comes out, and frees
            self._waker.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()

    def _call(self, name: str, *arguments: Any) -> None:
        with _Turn(self):
            failure = _native.attempt(name, self._handle.pointer, *arguments)
        if failure is not None:
            raise _as_network(failure)

    def _call_plain(self, name: str) -> Any:
        with _Turn(self):
            return getattr(functions, name)(self._handle.pointer)


class _Turn:
    """One thread in the channel; a second one is an error, because waiting for it could be for ever."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def __enter__(self) -> None:
        if not self.channel._busy.acquire(blocking=False):
            raise errors.CapsaError(_USAGE, "another thread is using this channel")
        if self.channel._closing and not self.channel._files:
            self.channel._busy.release()
            raise errors.NetworkFailed(_USAGE, "the channel is closed")

    def __exit__(self, *_why: Any) -> None:
        self.channel._busy.release()
        self.channel._maybe_free()


class _ChannelFile(io.RawIOBase):
    """The raw side of makefile."""

    def __init__(self, channel: Channel, reading: bool, writing: bool) -> None:
        super().__init__()
        self._channel, self._reading, self._writing = channel, reading, writing
        channel._files += 1

    def readable(self) -> bool:
        return self._reading

    def writable(self) -> bool:
        return self._writing

    def readinto(self, buffer: Any) -> int:
        return self._channel.recv_into(buffer)

    def write(self, data: Any) -> int:
        return self._channel.write(data)

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        self._channel._files -= 1
        self._channel._maybe_free()


def _limit(seconds: Optional[float]) -> int:
    return 0 if seconds is None else max(1, int(seconds * 1000))


def _as_network(failure: errors.CapsaError) -> errors.CapsaError:
    """Of a connection, "truncated" is a connection that ended too early, and no malformed text."""
    if failure.code == _TRUNCATED:
        return errors.NetworkFailed(failure.code, failure.text, failure.check)
    return failure
