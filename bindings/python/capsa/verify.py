# SPDX-License-Identifier: Apache-2.0
"""Is this evidence authentic, and is it what a policy wants?

    verifier = capsa.Verifier(capsa.Policy.sgx(mr_enclave="77e4..."), source=capsa.Source())
    verdict = verifier.verify(quote)             # Refused: .check, .text, .verdict
    verdict.claims["sgx.mr_enclave"].value
"""

from __future__ import annotations

import ctypes
import functools
import json
import time as clock
from typing import Any, Callable, Mapping, NamedTuple, Optional, Union

from . import _native, errors
from ._native import Handle, functions, text
from .evidence import REPORT_DATA, Collateral, Evidence, Path
from .policy import Policy
from .source import Source

PLATFORMS = ("sgx", "tdx", "snp", "csv")
_PARTS = {"all": 0, "platform": 1, "module": 2, "qe": 3}
_RULE_NATIVE, _RULE_OLD_X509 = 1, 2

# What a verifier asks when collateral is missing: platform and raw evidence to collateral.
Getter = Callable[[str, bytes], Collateral]


class Claim(NamedTuple):
    """One thing that evidence says.

    value       bytes, int or str
    provenance  who speaks for it: "measured", "host", "guest", "endorsed" or "asserted"
    text        for people: hex digits, a decimal number, the text
    """

    value: Union[bytes, int, str]
    provenance: str
    text: str


class Verdict(Handle):
    """What was found. It never changes, and any thread may look at it."""

    def __init__(self, pointer: Optional[int]) -> None:
        super().__init__(pointer, "verdict_free")

    @property
    def accepted(self) -> bool:
        return bool(functions.verdict_accepted(self.pointer))

    @property
    def authentic(self) -> bool:
        """True when everything up to the policy held: then the claims are proved, also of a refusal."""
        return bool(functions.verdict_authentic(self.pointer))

    @property
    def failed_check(self) -> str:
        """The check that failed; "" when it is accepted."""
        return text(functions.verdict_failed_check(self.pointer))

    @property
    def reason(self) -> str:
        return text(functions.verdict_reason(self.pointer))

    @property
    def note(self) -> str:
        """Of accepted evidence: what it does not prove; "" nothing."""
        return text(functions.verdict_note(self.pointer))

    @property
    def platform(self) -> str:
        return text(functions.verdict_platform(self.pointer))

    @property
    def anchor(self) -> str:
        """The root it stands under: "intel-sgx-root", "custom:<sha256>", ..."""
        return text(functions.verdict_anchor(self.pointer))

    @property
    def anchor_kind(self) -> str:
        """ "vendor", "custom" or "simulation"."""
        return text(functions.verdict_anchor_kind(self.pointer))

    @property
    def debug(self) -> bool:
        return bool(functions.verdict_debug(self.pointer))

    def tcb_status(self, part: str = "all") -> str:
        """Intel's name, of "all", "platform", "module" or "qe"; "" of other platforms."""
        return text(functions.verdict_tcb_status(self.pointer, _PARTS[part]))

    def advisories(self, part: str = "all") -> list[str]:
        """["INTEL-SA-00615", ...]."""
        count = functions.verdict_advisory_count(self.pointer, _PARTS[part])
        return [
            text(functions.verdict_advisory(self.pointer, _PARTS[part], i)) for i in range(count)
        ]

    @property
    def intel_result(self) -> int:
        """Intel's number (sgx_ql_qv_result_t), which no policy has judged."""
        return int(functions.verdict_intel_result(self.pointer))

    @property
    def collateral_expired(self) -> bool:
        return bool(functions.verdict_collateral_expired(self.pointer))

    @property
    def issued(self) -> int:
        """Seconds since 1970: the latest start of validity of all that was used; 0: unknown."""
        return int(functions.verdict_issued(self.pointer))

    @property
    def expires(self) -> int:
        """Seconds since 1970: the earliest end of validity of all that was used; 0: unknown."""
        return int(functions.verdict_expires(self.pointer))

    @property
    def tcb_date(self) -> int:
        return int(functions.verdict_tcb_date(self.pointer))

    @property
    def tcb_evaluation(self) -> int:
        return int(functions.verdict_tcb_evaluation(self.pointer))

    @functools.cached_property
    def claims(self) -> Mapping[str, Claim]:
        """By name ("sgx.mr_enclave"). Proved only if `authentic`."""
        found: dict[str, Claim] = {}
        for index in range(functions.verdict_claim_count(self.pointer)):
            claim = functions.verdict_claim_at(self.pointer, index)
            shown = text(functions.claim_text(claim))
            value: Union[bytes, int, str] = shown
            kind = functions.claim_kind(claim)
            if kind == 0:
                value = _native.lent("claim_bytes", claim) or b""
            elif kind == 1:
                value = int(functions.claim_number(claim))
            provenance = text(functions.claim_provenance(claim))
            found[text(functions.claim_name(claim))] = Claim(value, provenance, shown)
        return found

    def json(self) -> dict[str, Any]:
        """The whole, with the members of `capsa verify -o json`."""
        whole: dict[str, Any] = json.loads(_native.handed_text("verdict_json", self.pointer))
        return whole

    def __repr__(self) -> str:
        told = "accepted" if self.accepted else f"refused: {self.failed_check}: {self.reason}"
        return f"<capsa.Verdict {self.platform or 'of no platform'}, {told}>"


class Verifier(Handle):
    """Anchors, a policy, a cache, and where collateral comes from. Shared by any number of threads."""

    def __init__(
        self,
        policy: Optional[Union[Policy, str, Mapping[str, Any]]] = None,
        *,
        source: Optional[Source] = None,
        getter: Optional[Getter] = None,
        root: Optional[bytes] = None,
        vendor_only: bool = False,
        cache_entries: int = 256,
        insecure_any_code: bool = False,
        insecure_simulation: Optional[Path] = None,
    ) -> None:
        """policy               a Policy, its text, or its members
        source               asked for collateral that is missing or too old
        getter               the same as a function of Python's: (platform, evidence) to Collateral
        root                 trust this root alone (PEM, DER) instead of the makers'
        vendor_only          refuse whatever does not stand under a maker's root
        cache_entries        signature checks that are remembered; 0: none
        insecure_any_code    accept a policy that identifies no code
        insecure_simulation  a folder of `capsa sim init`: trust its root as well, which proves
                             nothing, and take collateral from there

        ValueError: the policy identifies no code, so that any program on genuine hardware would
        pass, and insecure_any_code does not ask for that. Malformed: the policy, with the place.
        """
        if insecure_simulation is not None and (root is not None or vendor_only):
            raise ValueError(
                "a simulation's root is trusted beside the makers': neither a root alone"
                " nor vendor_only goes with it"
            )
        out = ctypes.c_void_p()
        _native.call("verifier_new", ctypes.byref(out))
        super().__init__(out.value, "verifier_free")
        if policy is not None:
            policy = policy if isinstance(policy, Policy) else Policy(policy)
            encoded = policy.text.encode()
            _native.call("verifier_set_policy", self.pointer, encoded, len(encoded))
        if not insecure_any_code and not any(map(self.pins_code, PLATFORMS)):
            raise ValueError(
                "the policy identifies no code, so that any program on genuine hardware would pass:"
                " give it reference_values, or ask for that with insecure_any_code=True"
            )
        if root is not None:
            root = _native.data_of(root)
            _native.call("verifier_set_root", self.pointer, root, len(root))
        if vendor_only:
            _native.call("verifier_set_vendor_only", self.pointer, 1)
        self._cache: Optional[Handle] = None
        if cache_entries:
            self._cache = _native.made("cache_free", "cache_new", cache_entries)
            _native.call("verifier_set_cache", self.pointer, self._cache.pointer)
        self._set_getter(source, getter, insecure_simulation)

    def _set_getter(
        self,
        source: Optional[Source],
        getter: Optional[Getter],
        simulation: Optional[Path],
    ) -> None:
        if sum(given is not None for given in (source, getter, simulation)) > 1:
            raise ValueError(
                "collateral comes from a source, a getter or a simulation: one of them"
            )
        if simulation is not None:
            folder = _native.path_bytes(simulation)
            _native.call("verifier_insecure_set_simulation", self.pointer, folder)
        elif source is not None:
            _native.call("verifier_set_source", self.pointer, source.pointer)
        elif getter is not None:
            # Whatever judges by this verifier refers to it, so the callback lives long enough.
            self._getter = _callback(getter)
            _native.call("verifier_set_getter", self.pointer, self._getter, None)

    def pins_code(self, platform: str) -> bool:
        """Has the policy values that identify code on "sgx", "tdx", "snp" or "csv"?"""
        return bool(functions.verifier_pins_code(self.pointer, platform.encode()))

    def verify(
        self,
        evidence: Union[Evidence, bytes],
        *,
        collateral: Optional[Collateral] = None,
        report_data: Optional[bytes] = None,
        time: Optional[int] = None,
    ) -> Verdict:
        """collateral   None: what came with the evidence, else what source or getter find
        report_data  the 64 bytes that must be bound; None: not asked, and then the evidence may be
                     anybody's, of any day
        time         seconds since 1970, as of when; None: now

        Returns the verdict of accepted evidence. Refused has `check`, and `verdict` on it.
        """
        report_data = None if report_data is None else _native.data_of(report_data)
        if report_data is not None and len(report_data) != REPORT_DATA:
            raise ValueError(f"report_data has {len(report_data)} bytes, not {REPORT_DATA}")
        bound = (report_data, len(report_data or b""))
        rest = (_native.pointer_of(collateral), _now(time), *bound)
        if isinstance(evidence, Evidence):
            return _judged("verifier_judge", self.pointer, evidence.pointer, *rest)
        data = bytes(evidence)
        return _judged("verifier_judge_bytes", self.pointer, data, len(data), *rest)

    def verify_certificate(
        self,
        certificate: Union[bytes, str],
        *,
        native: bool = False,
        collateral: Optional[Collateral] = None,
        time: Optional[int] = None,
        insecure_old_x509: bool = False,
    ) -> Verdict:
        """The certificate (DER or PEM), then its evidence.

        native             a life of over a year is refused; else the verdict's note tells it
        insecure_old_x509  take X.509 version 1 and SHA-1, as grpc-ra-tls makes them

        That the peer *has* the key of the certificate, a TLS handshake proves, and this does not.
        """
        data = certificate.encode() if isinstance(certificate, str) else bytes(certificate)
        rules = (_RULE_NATIVE if native else 0) | (_RULE_OLD_X509 if insecure_old_x509 else 0)
        where = (_native.pointer_of(collateral), _now(time))
        return _judged("verifier_judge_certificate", self.pointer, data, len(data), rules, *where)


def verify_quote(
    quote: bytes,
    *,
    collateral: Optional[Union[Collateral, bytes]] = None,
    policy: Optional[Union[Policy, str, Mapping[str, Any]]] = None,
    report_data: Optional[bytes] = None,
    time: Optional[int] = None,
) -> Verdict:
    """In one go, offline, by the makers' roots: is this evidence authentic, and what does it say?

    Without a policy any program on genuine, healthy hardware is accepted: look at verdict.claims.
    """
    if isinstance(collateral, (bytes, bytearray)):
        collateral = Collateral(bytes(collateral))
    verifier = Verifier(policy, insecure_any_code=policy is None, cache_entries=0)
    return verifier.verify(quote, collateral=collateral, report_data=report_data, time=time)


def what_is_checked(check: str) -> str:
    """In words: "qe-report-binding" to "the quoting enclave bound the attestation key"."""
    return text(functions.check_what(check.encode()))


def _callback(getter: Getter) -> Any:
    def get(
        _context: Any, platform: bytes, evidence: int, length: int, collateral: int, error: int
    ) -> int:
        try:
            name = platform.decode()
            found = getter(name, ctypes.string_at(evidence, length)).json(name).encode()
            return int(functions.collateral_add(collateral, None, found, len(found), error))
        except errors.CapsaError as failure:
            functions.error_set(error, failure.code, str(failure).encode())
            return failure.code
        except BaseException as failure:  # nothing may fly through C
            told = f"{type(failure).__name__}: {failure}"
            functions.error_set(error, -300, told.encode())
            return -300

    return _native.GETTER(get)


def _now(time: Optional[int]) -> int:
    return int(clock.time()) if time is None else int(time)


def _judged(name: str, *arguments: Any) -> Verdict:
    out = ctypes.c_void_p()
    failure = _native.attempt(name, *arguments, ctypes.byref(out))
    return verdict_or_raise(failure, out)


def verdict_or_raise(failure: Optional[errors.CapsaError], out: ctypes.c_void_p) -> Verdict:
    """The verdict of a call that brings one also when it refuses."""
    verdict = Verdict(out.value) if out.value else None
    if failure is not None:
        failure.verdict = verdict
        raise failure
    if verdict is None:  # success has a verdict: anything else is no success
        raise errors.CapsaError(-3, "the library accepted, and gave no verdict")
    return verdict
