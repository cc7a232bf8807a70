# SPDX-License-Identifier: Apache-2.0
"""libcapsa by ctypes: where it is, what its functions take, and how its failures become exceptions.

The one table below is what include/capsa/*.h say; tests/python/test_native.py compares them. Nothing
here knows what a function means. ctypes lets go of the interpreter's lock during each call.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any, Callable, Optional

from . import errors

LIBRARY = "libcapsa.so.0"

HANDLE = ctypes.c_void_p  # every opaque type, and pointers that are only passed on
DATA = ctypes.c_void_p  # const void *: bytes may be given as they are
TEXT = ctypes.c_char_p
INT, UNSIGNED, SIZE = ctypes.c_int, ctypes.c_uint, ctypes.c_size_t
INT64, UINT64, UINT32 = ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint32
OUT = ctypes.POINTER(ctypes.c_void_p)  # a handle, a text or bytes that the function hands over
OUT_SIZE = ctypes.POINTER(ctypes.c_size_t)


class Bytes(ctypes.Structure):
    """libcapsa_bytes."""

    _fields_ = [("data", ctypes.c_char_p), ("len", ctypes.c_size_t)]


FIELDS = ctypes.POINTER(Bytes)
# int getter(context, platform, evidence, len, collateral, error)
GETTER = ctypes.CFUNCTYPE(INT, HANDLE, TEXT, DATA, SIZE, HANDLE, HANDLE)

# name without "libcapsa_": (result, arguments)
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # capsa.h
    "code_name": (TEXT, [INT]),
    "code_text": (TEXT, [INT]),
    "version": (TEXT, []),
    "error_new": (HANDLE, []),
    "error_free": (None, [HANDLE]),
    "error_code": (INT, [HANDLE]),
    "error_text": (TEXT, [HANDLE]),
    "error_check": (TEXT, [HANDLE]),
    "error_set": (None, [HANDLE, INT, TEXT]),
    "free": (None, [HANDLE]),
    # evidence.h
    "evidence_parse": (INT, [DATA, SIZE, OUT, HANDLE]),
    "evidence_load": (INT, [TEXT, OUT, HANDLE]),
    "evidence_free": (None, [HANDLE]),
    "evidence_platform": (TEXT, [HANDLE]),
    "evidence_bytes": (DATA, [HANDLE, OUT_SIZE]),
    "evidence_show": (INT, [HANDLE, OUT, HANDLE]),
    "evidence_report_data": (INT, [HANDLE, DATA, HANDLE]),
    "evidence_report": (INT, [HANDLE, HANDLE, OUT, HANDLE]),
    "report_data": (INT, [TEXT, FIELDS, SIZE, DATA, HANDLE]),
    # collateral.h
    "collateral_new": (HANDLE, []),
    "collateral_free": (None, [HANDLE]),
    "collateral_add": (INT, [HANDLE, TEXT, DATA, SIZE, HANDLE]),
    "collateral_load": (INT, [HANDLE, TEXT, HANDLE]),
    "collateral_is_empty": (INT, [HANDLE]),
    "collateral_json": (INT, [HANDLE, TEXT, OUT, HANDLE]),
    # verify.h
    "cache_new": (INT, [SIZE, OUT, HANDLE]),
    "cache_free": (None, [HANDLE]),
    "verifier_new": (INT, [OUT, HANDLE]),
    "verifier_free": (None, [HANDLE]),
    "verifier_set_policy": (INT, [HANDLE, DATA, SIZE, HANDLE]),
    "verifier_pins_code": (INT, [HANDLE, TEXT]),
    "verifier_set_root": (INT, [HANDLE, DATA, SIZE, HANDLE]),
    "verifier_insecure_set_simulation": (INT, [HANDLE, TEXT, HANDLE]),
    "verifier_set_vendor_only": (INT, [HANDLE, INT, HANDLE]),
    "verifier_set_cache": (INT, [HANDLE, HANDLE, HANDLE]),
    "verifier_set_getter": (INT, [HANDLE, GETTER, HANDLE, HANDLE]),
    "verifier_judge": (
        INT,
        [HANDLE, HANDLE, HANDLE, INT64, DATA, SIZE, OUT, HANDLE],
    ),
    "verifier_judge_bytes": (
        INT,
        [HANDLE, DATA, SIZE, HANDLE, INT64, DATA, SIZE, OUT, HANDLE],
    ),
    "verdict_free": (None, [HANDLE]),
    "verdict_accepted": (INT, [HANDLE]),
    "verdict_authentic": (INT, [HANDLE]),
    "verdict_failed_check": (TEXT, [HANDLE]),
    "verdict_reason": (TEXT, [HANDLE]),
    "verdict_note": (TEXT, [HANDLE]),
    "check_what": (TEXT, [TEXT]),
    "verdict_platform": (TEXT, [HANDLE]),
    "verdict_anchor": (TEXT, [HANDLE]),
    "verdict_anchor_kind": (TEXT, [HANDLE]),
    "verdict_debug": (INT, [HANDLE]),
    "verdict_tcb_status": (TEXT, [HANDLE, INT]),
    "verdict_advisory_count": (SIZE, [HANDLE, INT]),
    "verdict_advisory": (TEXT, [HANDLE, INT, SIZE]),
    "verdict_intel_result": (UINT32, [HANDLE]),
    "verdict_collateral_expired": (INT, [HANDLE]),
    "verdict_issued": (INT64, [HANDLE]),
    "verdict_expires": (INT64, [HANDLE]),
    "verdict_signed_at": (INT64, [HANDLE]),
    "verdict_tcb_date": (INT64, [HANDLE]),
    "verdict_tcb_evaluation": (UINT32, [HANDLE]),
    "verdict_json": (INT, [HANDLE, OUT, HANDLE]),
    "verdict_claim_count": (SIZE, [HANDLE]),
    "verdict_claim_at": (HANDLE, [HANDLE, SIZE]),
    "claim_name": (TEXT, [HANDLE]),
    "claim_kind": (INT, [HANDLE]),
    "claim_provenance": (TEXT, [HANDLE]),
    "claim_bytes": (DATA, [HANDLE, OUT_SIZE]),
    "claim_number": (UINT64, [HANDLE]),
    "claim_text": (TEXT, [HANDLE]),
    # attest.h
    "attester_name_at": (TEXT, [SIZE]),
    "attester_new": (INT, [TEXT, OUT, HANDLE]),
    "attester_free": (None, [HANDLE]),
    "attester_set_root": (INT, [HANDLE, TEXT, HANDLE]),
    "attester_set_quoting_service": (INT, [HANDLE, TEXT, HANDLE]),
    "attester_insecure_set_simulation": (INT, [HANDLE, TEXT, TEXT, HANDLE]),
    "attester_name": (TEXT, [HANDLE]),
    "attester_platform": (TEXT, [HANDLE]),
    "attester_present": (INT, [HANDLE]),
    "attester_attest": (INT, [HANDLE, TEXT, FIELDS, SIZE, OUT, HANDLE]),
    # fetch.h
    "source_new": (INT, [OUT, HANDLE]),
    "source_free": (None, [HANDLE]),
    "source_set": (INT, [HANDLE, TEXT, TEXT, HANDLE]),
    "source_insecure_set_tls": (INT, [HANDLE, INT, HANDLE]),
    "source_load_qcnl": (INT, [HANDLE, TEXT, HANDLE]),
    "source_get": (INT, [HANDLE, HANDLE, OUT, HANDLE]),
    "verifier_set_source": (INT, [HANDLE, HANDLE, HANDLE]),
    "identity_set_source": (INT, [HANDLE, HANDLE, HANDLE]),
    # ratls.h
    "certificate_parse": (INT, [DATA, SIZE, OUT, HANDLE]),
    "certificate_free": (None, [HANDLE]),
    "certificate_form": (TEXT, [HANDLE]),
    "certificate_evidence": (HANDLE, [HANDLE]),
    "certificate_der": (DATA, [HANDLE, OUT_SIZE]),
    "certificate_not_before": (INT64, [HANDLE]),
    "certificate_not_after": (INT64, [HANDLE]),
    "certificate_show": (INT, [HANDLE, OUT, HANDLE]),
    "verifier_judge_certificate": (
        INT,
        [HANDLE, DATA, SIZE, UNSIGNED, HANDLE, INT64, OUT, HANDLE],
    ),
    "identity_new": (INT, [HANDLE, OUT, HANDLE]),
    "identity_free": (None, [HANDLE]),
    "identity_set_key": (INT, [HANDLE, TEXT, HANDLE]),
    "identity_set_forms": (INT, [HANDLE, TEXT, HANDLE]),
    "identity_set_hash": (INT, [HANDLE, TEXT, HANDLE]),
    "identity_set_nonce": (INT, [HANDLE, DATA, SIZE, HANDLE]),
    "identity_set_lifetime": (INT, [HANDLE, INT64, HANDLE]),
    "identity_set_dates": (INT, [HANDLE, INT64, INT64, HANDLE]),
    "identity_set_endorsements": (INT, [HANDLE, INT, HANDLE]),
    "identity_make": (INT, [HANDLE, INT64, HANDLE]),
    "identity_renew_at": (INT64, [HANDLE]),
    "identity_certificate": (INT, [HANDLE, TEXT, OUT, OUT_SIZE, HANDLE]),
    "identity_key": (INT, [HANDLE, TEXT, OUT, OUT_SIZE, HANDLE]),
    "identity_write": (INT, [HANDLE, TEXT, TEXT, HANDLE]),
    "ratls_server_new": (INT, [HANDLE, HANDLE, OUT, HANDLE]),
    "ratls_client_new": (INT, [HANDLE, HANDLE, OUT, HANDLE]),
    "ratls_free": (None, [HANDLE]),
    "ratls_insecure_set_unbound": (INT, [HANDLE, INT, HANDLE]),
    "ratls_set_tls12": (INT, [HANDLE, INT, HANDLE]),
    "ratls_set_timeouts": (INT, [HANDLE, INT64, INT64, HANDLE]),
    "ratls_connect_fd": (INT, [HANDLE, INT, OUT, OUT, HANDLE]),
    "ratls_accept": (INT, [HANDLE, INT, OUT, OUT, HANDLE]),
    "channel_read": (INT, [HANDLE, DATA, SIZE, INT64, OUT_SIZE, HANDLE]),
    "channel_write": (INT, [HANDLE, DATA, SIZE, INT64, HANDLE]),
    "channel_end": (INT, [HANDLE, INT64, HANDLE]),
    "channel_free": (None, [HANDLE]),
    "channel_certificate": (DATA, [HANDLE, OUT_SIZE]),
    "channel_is_bound": (INT, [HANDLE]),
}


def _load() -> ctypes.CDLL:
    named = os.environ.get("CAPSA_LIBRARY")
    wanted = named or LIBRARY
    try:
        return ctypes.CDLL(wanted)
    except OSError as error:
        told = (
            "CAPSA_LIBRARY names it"
            if named
            else "CAPSA_LIBRARY is not set, and the loader has it nowhere"
        )
        raise ImportError(
            f"capsa needs the library {wanted}, which cannot be loaded ({told}): {error}"
        ) from error


_library = _load()


def _bind(name: str) -> Callable[..., Any]:
    result, arguments = FUNCTIONS[name]
    try:
        function = getattr(_library, "libcapsa_" + name)
    except AttributeError:
        # libcapsa-verify.so is the same interface without attesters, network and channels.
        def absent(*_arguments: Any) -> Any:
            raise errors.Unsupported(
                -4,
                f"the library that was loaded ({_library._name}) has no libcapsa_{name}:"
                " it verifies, and does nothing else",
            )

        return absent
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]


class _Functions:
    """The table as attributes: functions.verdict_free(handle)."""

    def __init__(self) -> None:
        for name in FUNCTIONS:
            setattr(self, name, _bind(name))

    def __getattr__(self, name: str) -> Callable[..., Any]:  # for who reads types; never called
        raise AttributeError(name)


functions = _Functions()


def text(raw: Optional[bytes]) -> str:
    """What the library says, as str; NULL as ""."""
    return raw.decode("utf-8", "replace") if raw else ""


def attempt(name: str, *arguments: Any) -> Optional[errors.CapsaError]:
    """Call a function whose last argument is the place for errors. None: success."""
    error = functions.error_new()
    if not error:
        raise MemoryError
    try:
        code = getattr(functions, name)(*arguments, error)
        if code == 0:
            return None
        return errors.of_code(
            code, text(functions.error_text(error)), text(functions.error_check(error))
        )
    finally:
        functions.error_free(error)


def call(name: str, *arguments: Any) -> None:
    """The same, and a failure is raised."""
    failure = attempt(name, *arguments)
    if failure is not None:
        raise failure


class Handle:
    """One opaque object of the library, freed when nothing refers to it any more.

    Not at the end of the interpreter: threads may still be using it, and the process ends anyway.
    """

    def __init__(self, pointer: Optional[int], free: str) -> None:
        if not pointer:
            raise MemoryError
        self.pointer = pointer
        self._finalizer = weakref.finalize(self, getattr(functions, free), pointer)
        self._finalizer.atexit = False

    def _free(self) -> None:
        """Now; for who knows that nobody is using it. A second time is nothing."""
        self._finalizer()


def made(free: str, name: str, *before: Any) -> Handle:
    """Call a constructor: its arguments, then the place for the handle and that for errors."""
    out = ctypes.c_void_p()
    call(name, *before, ctypes.byref(out))
    return Handle(out.value, free)


def pointer_of(thing: Optional[Handle]) -> Optional[int]:
    return None if thing is None else thing.pointer


def lent(name: str, pointer: int) -> Optional[bytes]:
    """Bytes that a handle lends, copied; None: NULL."""
    length = ctypes.c_size_t()
    data = getattr(functions, name)(pointer, ctypes.byref(length))
    return None if data is None else ctypes.string_at(data, length.value)


def handed_text(name: str, *before: Any) -> str:
    """A text that a function hands over, freed here."""
    out = ctypes.c_void_p()
    call(name, *before, ctypes.byref(out))
    try:
        return ctypes.string_at(out.value or 0).decode("utf-8")
    finally:
        functions.free(out)


def handed_bytes(name: str, *before: Any, secret: bool = False) -> bytes:
    """Bytes that a function hands over, freed here; overwritten before, if they are secret."""
    out, length = ctypes.c_void_p(), ctypes.c_size_t()
    call(name, *before, ctypes.byref(out), ctypes.byref(length))
    try:
        return ctypes.string_at(out.value or 0, length.value)
    finally:
        if secret and out.value:
            ctypes.memset(out.value, 0, length.value)
        functions.free(out)


def data_of(value: Any) -> bytes:
    """The bytes of whatever has some. TypeError: text, which ctypes would pass as wide characters."""
    return bytes(memoryview(value))


def path_bytes(path: Any) -> bytes:
    """A path for the library: str, bytes or os.PathLike."""
    return os.fsencode(path)


def fields(values: list[bytes]) -> Any:
    """An array of libcapsa_bytes."""
    return (Bytes * len(values))(*(Bytes(value, len(value)) for value in values))
