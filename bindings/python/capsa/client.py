# SPDX-License-Identifier: Apache-2.0
"""An HTTPS client that sends nothing to a server that has not proved what it is.

    client = capsa.Client("https://host:8000", verifier)
    client.get("get_headers").read()
    client.post("log_body", json={"message": "hello"})

UNBOUND as it is made, because every web server speaks plain RA-TLS (tls.py says what that cannot
stop). bound=True talks to a server behind `capsa ratls serve`, bound to the session.
"""

from __future__ import annotations

import http.client
import json as codec
import socket
import urllib.parse
from typing import Any, Mapping, Optional, Union, cast

from .channel import ChannelClient
from .errors import CapsaError
from .identity import Identity
from .tls import ClientContext
from .verify import Verdict, Verifier

Body = Any  # what http.client takes: bytes, str, a file, an iterable of bytes


class Response(http.client.HTTPResponse):
    """http.client.HTTPResponse, and what the server proved."""

    verdict: Verdict

    def json(self) -> Any:
        """The rest of the body, as JSON. ValueError."""
        return codec.loads(self.read())


class _Connection(http.client.HTTPConnection):
    """HTTP over whatever proves the peer: connect() has judged it when it returns."""

    response_class = Response
    default_port = 443
    verdict: Optional[Verdict] = None

    def __init__(
        self,
        host: str,
        port: int,
        timeout: Optional[float],
        how: Union[ClientContext, ChannelClient],
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        self._how = how

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(self._how, ClientContext):
            wrapped = self._how.wrap_socket(plain, server_hostname=self.host)
            self.sock, self.verdict = wrapped, wrapped.verdict
        else:
            channel = self._how.wrap(plain)
            channel.settimeout(self.timeout)
            self.sock, self.verdict = channel, channel.verdict
        _judged(self.verdict)


def _judged(verdict: Optional[Verdict]) -> Verdict:
    """Of whoever is talked to there is always one: without, nothing is sent."""
    if verdict is None:
        raise CapsaError(-3, "a connection was made, and nobody judged its peer")
    return verdict


class Client:
    """Of one server. A new connection, and a new judgement, for each request; with keep=True one
    connection for all, used by one thread, whose answers are read before the next request."""

    def __init__(
        self,
        url: str,
        verifier: Verifier,
        *,
        identity: Optional[Identity] = None,
        bound: bool = False,
        keep: bool = False,
        tls12: bool = False,
        timeout: Optional[float] = 60.0,
        headers: Optional[Mapping[str, str]] = None,
    ) -> None:
        """url       "https://host[:port][/path][?query]"; path and query stay with every request
        verifier  of the server
        identity  what this client proves; None: nothing
        bound     to the session: the server is behind `capsa ratls serve`, or is a ChannelServer
        tls12     TLS 1.2 too, for old servers
        timeout   seconds for each step; None: for ever
        headers   of every request

        ValueError: the URL is not https, or has none of what is needed.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"a URL of the form https://host is needed, not {url!r}")
        if parts.username is not None or parts.fragment:
            raise ValueError("a URL of a server has no user and no fragment")
        self._host, self._port = parts.hostname, parts.port or 443
        self._path, self._query = parts.path.rstrip("/"), parts.query
        self._timeout, self._headers, self._keep = timeout, dict(headers or {}), keep
        self._how: Union[ClientContext, ChannelClient]
        if bound:
            if tls12:
                raise ValueError("bound channels are TLS 1.3")
            self._how = ChannelClient(verifier, identity)
        else:
            self._how = ClientContext(verifier, identity=identity, tls12=tls12)
        self._kept: Optional[_Connection] = None

    def request(
        self,
        method: str,
        endpoint: str = "",
        headers: Optional[Mapping[str, str]] = None,
        data: Body = None,
        json: Any = None,
    ) -> Response:
        """endpoint  behind the URL's path; may have a query of its own, which is added
        data      the body: bytes, text (as UTF-8), or what http.client takes
        json      a value to be sent as JSON instead

        Refused: nothing was sent. The response has `verdict`. Redirections are not followed.
        """
        if data is not None and json is not None:
            raise ValueError("a request has one body: data or json")
        sent = {**self._headers, **(headers or {})}
        if json is not None:
            data = codec.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        if isinstance(data, str):
            data = data.encode()
        connection = self._connection()
        if not self._keep:
            sent.setdefault("Connection", "close")
        try:
            connection.request(method, self._target(endpoint), body=data, headers=sent)
            response = cast(Response, connection.getresponse())
        except BaseException:
            self.close()
            connection.close()
            raise
        response.verdict = _judged(connection.verdict)
        return response

    def get(self, endpoint: str = "", headers: Optional[Mapping[str, str]] = None) -> Response:
        return self.request("GET", endpoint, headers)

    def post(
        self,
        endpoint: str = "",
        headers: Optional[Mapping[str, str]] = None,
        data: Body = None,
        json: Any = None,
    ) -> Response:
        return self.request("POST", endpoint, headers, data, json)

    def close(self) -> None:
        """The connection that is kept."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_why: Any) -> None:
        self.close()

    def _connection(self) -> _Connection:
        if self._keep and self._kept is not None:
            return self._kept
        made = _Connection(self._host, self._port, self._timeout, self._how)
        if self._keep:
            self._kept = made
        return made

    def _target(self, endpoint: str) -> str:
        path, _, query = endpoint.partition("?")
        whole = "&".join(part for part in (self._query, query) if part)
        target = f"{self._path}/{path.lstrip('/')}"
        return f"{target}?{whole}" if whole else target


def fetch_certificate(
    host: str,
    port: int,
    verifier: Verifier,
    *,
    alpn: Optional[list[str]] = None,
    tls12: bool = False,
    timeout: Optional[float] = 10.0,
) -> tuple[bytes, Verdict]:
    """Connect, judge, and close: the certificate (DER) that this server has the key of, and what it
    proves. For pinning it where a library can do nothing else. UNBOUND. Refused."""
    context = ClientContext(verifier, tls12=tls12)
    if alpn:
        context.set_alpn_protocols(alpn)
    with socket.create_connection((host, port), timeout) as plain:
        with context.wrap_socket(plain, server_hostname=host) as wrapped:
            certificate = wrapped.getpeercert(binary_form=True)
            return certificate or b"", _judged(wrapped.verdict)
