# SPDX-License-Identifier: Apache-2.0
"""For the library requests, which is imported here and nowhere else.

    session = requests.Session()
    session.mount("https://host:8000/", capsa.adapters.RequestsAdapter(verifier))

UNBOUND (tls.py). httpx, urllib, http.client and asyncio take capsa.client_context as it is.
"""

from __future__ import annotations

from typing import Any, Optional

from requests.adapters import HTTPAdapter

from .identity import Identity
from .tls import ClientContext
from .verify import Verifier


class RequestsAdapter(HTTPAdapter):
    """Judges every connection; `verify` and `cert` of a request mean nothing here."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        identity: Optional[Identity] = None,
        tls12: bool = False,
        **more: Any,
    ) -> None:
        self._context = ClientContext(verifier, identity=identity, tls12=tls12)
        super().__init__(**more)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> Any:
        named.update(ssl_context=self._context, assert_hostname=False)
        return super().init_poolmanager(*arguments, **named)

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        named.update(ssl_context=self._context, assert_hostname=False)
        return super().proxy_manager_for(*arguments, **named)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host, {"ssl_context": self._context, "assert_hostname": False}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: no authority counts here, and what does is not up to the request."""
