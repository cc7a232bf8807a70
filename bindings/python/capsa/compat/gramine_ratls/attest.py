# SPDX-License-Identifier: Apache-2.0
"""The server's half: a key and a certificate as Gramine 1.8 and later make them, in two files."""

from __future__ import annotations

import base64
import ctypes
import os
import tempfile
import warnings
from typing import Any

from ...identity import Identity

# The certificate of a server that was written for the original is made once, at its start.
_LIFETIME = 364 * 24 * 3600
_KEY, _CERTIFICATE = "EC PRIVATE KEY", "TRUSTED CERTIFICATE"


def get_pem_bytes_from_der(
    header: str, footer: str, ctypes_der_ptr: Any, ctypes_der_size: Any
) -> bytes:
    """`ctypes_der_size` bytes at `ctypes_der_ptr` (a ctypes pointer, or bytes) as PEM between
    `header` and `footer`, which end their lines themselves. A NUL follows, as in the original."""
    size = int(getattr(ctypes_der_size, "value", ctypes_der_size))
    if isinstance(ctypes_der_ptr, (bytes, bytearray)):
        der = bytes(ctypes_der_ptr[:size])
    else:
        der = ctypes.string_at(ctypes_der_ptr, size)
    digits = base64.b64encode(der).decode()
    lines = "".join(digits[i : i + 64] + "\n" for i in range(0, len(digits), 64))
    return (header + lines + footer).encode() + b"\x00"


def write_ra_tls_key_and_crt(key_file_path: str, cert_file_path: str, format: str = "pem") -> None:
    """Make a key (P-384) and a certificate with evidence in Gramine's form and in DICE's; write both.

    format  "pem" or "der"; ValueError: anything else

    The key's file gets mode 0600, and neither has a NUL at its end. The certificate lives 364 days:
    what was written for the original never renews it. capsa.Identity and KeepRenewed do.
    CapsaError: which interface failed.
    """
    if format not in ("pem", "der"):
        raise ValueError(f'Format should be either "der" or "pem", but was {format}.')
    identity = _identity()
    key, certificate = identity.key("der"), identity.certificate("der")
    if format == "pem":
        key, certificate = _pem(_KEY, key), _pem(_CERTIFICATE, certificate)
    _write(key_file_path, key, 0o600)
    _write(cert_file_path, certificate, 0o644)


def _identity() -> Identity:
    simulation = os.environ.get("CAPSA_INSECURE_SIMULATION")
    if simulation:
        warnings.warn(f"evidence is simulated by {simulation}: it proves nothing", stacklevel=3)
    code = os.environ.get("CAPSA_INSECURE_SIMULATION_CODE") if simulation else None
    return Identity(
        "sim-sgx" if simulation else "sgx",
        key="p384",
        forms="gramine,dice",
        lifetime=_LIFETIME,
        simulation=simulation or None,
        code=code,
    )


def _pem(label: str, der: bytes) -> bytes:
    made = get_pem_bytes_from_der(
        f"-----BEGIN {label}-----\n", f"-----END {label}-----\n", der, len(der)
    )
    return made[:-1]


def _write(path: str, content: bytes, mode: int) -> None:
    """Beside its place, and renamed: who finds it finds all of it."""
    folder, name = os.path.split(os.fspath(path))
    fd, beside = tempfile.mkstemp(prefix=f".{name}.", dir=folder or ".")
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
