# SPDX-License-Identifier: Apache-2.0
"""The client's half: requests that are sent to no server whose enclave was not accepted."""

from __future__ import annotations

import os
import socket
import urllib.parse
import warnings
from http.client import HTTPResponse
from typing import Any, Mapping, Optional, Union

from ...client import Client as _Client
from ...errors import CapsaError, Refused
from ...evidence import Collateral
from ...policy import Policy
from ...source import Source
from ...verify import Verdict, Verifier

_QCNL = "/etc/sgx_default_qcnl.conf"


class AttestationError(Exception):
    """The server's evidence was refused. `check` names the check that failed, `verdict` has more."""

    def __init__(self, message: str, check: str = "", verdict: Optional[Verdict] = None) -> None:
        super().__init__(message)
        self.check = check
        self.verdict = verdict


class Client:
    """An HTTPS client of one server. Each request is a new connection, judged before it is used.

    UNBOUND, as every plain RA-TLS (capsa.tls); capsa.ChannelClient is bound to its session.
    """

    def __init__(
        self,
        url: str,
        mr_enclave: Optional[Union[str, bytes]],
        mr_signer: Optional[Union[str, bytes]],
        isv_prod_id: Optional[Union[int, str]],
        isv_svn: Optional[Union[int, str]],
        allow_debug_enclave_insecure: bool,
        allow_outdated_tcb_insecure: bool,
        allow_hw_config_needed: bool,
        allow_sw_hardening_needed: bool,
        protocol: str = "dcap",
    ) -> None:
        """mr_enclave, mr_signer  64 hex digits; None (or "any"): not compared, the other one is
        isv_prod_id            a number, 0 as well; None, False or "any": not compared
        isv_svn                the smallest number that is taken; None, False or "any": not compared
        allow_...              what is taken beside UpToDate: debug enclaves; OutOfDate and expired
                               collateral; ConfigurationNeeded; SWHardeningNeeded. Two together also
                               take what needs both

        ValueError: no https URL, a protocol other than "dcap", or a value that is none. TypeError:
        neither mr_enclave nor mr_signer, so that any enclave would do.
        """
        scheme = urllib.parse.urlsplit(url).scheme
        if scheme != "https":
            raise ValueError(f"Needs https:// URI, found {scheme}")
        if protocol != "dcap":
            raise ValueError("Only dcap verification supported")
        policy = Policy.sgx(
            mr_enclave=_measurement(mr_enclave),
            mr_signer=_measurement(mr_signer),
            isv_prod_id=_number("isv_prod_id", isv_prod_id),
            min_isv_svn=_number("isv_svn", isv_svn),
            accepted_tcb_statuses=_statuses(
                bool(allow_outdated_tcb_insecure),
                bool(allow_hw_config_needed),
                bool(allow_sw_hardening_needed),
            ),
            insecure_allow_debug=bool(allow_debug_enclave_insecure),
            insecure_allow_expired=bool(allow_outdated_tcb_insecure),
            # Gramine's libraries ask the same of every enclave.
            sgx={
                "required_attributes": ["mode64bit"],
                "denied_attributes": ["provision_key", "einittoken_key"],
            },
        )
        # As http.client waits, which the original uses: an answer may take minutes.
        timeout = socket.getdefaulttimeout()
        self._client = _Client(url, _verifier(policy), tls12=True, timeout=timeout)

    def get(self, endpoint: str, headers: Mapping[str, str] = {}) -> HTTPResponse:
        """AttestationError: nothing was sent."""
        return self._request("GET", endpoint, headers, None)

    def post(
        self, endpoint: str, headers: Mapping[str, str] = {}, data: Any = None
    ) -> HTTPResponse:
        """`data`: the body: bytes, text, or what http.client takes. AttestationError."""
        return self._request("POST", endpoint, headers, data)

    def _request(
        self, method: str, endpoint: str, headers: Mapping[str, str], data: Any
    ) -> HTTPResponse:
        try:
            return self._client.request(method, endpoint, headers, data)
        except Refused as refusal:
            raise AttestationError(str(refusal), refusal.check, refusal.verdict) from refusal
        except CapsaError as error:  # judging was impossible: no collateral, no memory
            raise AttestationError(str(error)) from error


def _measurement(value: Any) -> Optional[Union[str, bytes]]:
    if value is None or value is False or value == "any":
        return None
    if not isinstance(value, (str, bytes)):
        raise ValueError(f"a measurement is 64 hex digits, not {value!r}")
    return value


def _number(what: str, value: Optional[Union[int, str]]) -> Optional[int]:
    if value is None or value is False or value == "any":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFFFF:
        raise ValueError(f"{what}: a number from 0 to 65535 is wanted, not {value!r}")
    return value


def _statuses(outdated: bool, hw_config: bool, sw_hardening: bool) -> list[str]:
    """Intel's names of what Gramine's flags allow."""
    table = (
        ("UpToDate", True),
        ("SWHardeningNeeded", sw_hardening),
        ("ConfigurationNeeded", hw_config),
        ("ConfigurationAndSWHardeningNeeded", hw_config and sw_hardening),
        ("OutOfDate", outdated),
        ("OutOfDateConfigurationNeeded", outdated and hw_config),
    )
    return [name for name, allowed in table if allowed]


class _Verifier(Verifier):
    """By collateral of our own alone, as the original: what a certificate brings along is the choice
    of a platform that has reasons to bring what was said of it before."""

    def verify_certificate(
        self, certificate: Union[bytes, str], **more: Any
    ) -> Verdict:
        return super().verify_certificate(certificate, collateral=Collateral(), **more)


def _verifier(policy: Policy) -> Verifier:
    # "any code" is what a signer without product and version is: the original's callers do that.
    simulation = os.environ.get("CAPSA_INSECURE_SIMULATION")
    if simulation:
        warnings.warn(f"evidence of {simulation} is accepted: it proves nothing", stacklevel=3)
        return _Verifier(policy, insecure_any_code=True, insecure_simulation=simulation)
    bundle = os.environ.get("CAPSA_COLLATERAL_BUNDLE")
    if bundle:
        return _Verifier(policy, insecure_any_code=True, source=Source(bundle=bundle))
    named = os.environ.get("QCNL_CONF_PATH")
    path = named or (_QCNL if os.path.exists(_QCNL) else None)
    return _Verifier(policy, insecure_any_code=True, source=Source(qcnl=path))
