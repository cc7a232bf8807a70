# SPDX-License-Identifier: Apache-2.0
"""A key that stays here, and the certificate that carries evidence of it.

    identity = capsa.Identity("sgx")
    identity.write(key_path="key.pem", cert_path="cert.pem")
"""

from __future__ import annotations

import ctypes
import time as clock
from typing import Optional, Sequence, Union

from . import _native
from ._native import Handle, functions, text
from .evidence import Path
from .source import Source


def attesters() -> list[str]:
    """The names that this build has: "sgx", "tdx", ...; "sim-sgx" and "sim-tdx" prove nothing."""
    found: list[str] = []
    while True:
        name = functions.attester_name_at(len(found))
        if name is None:
            return found
        found.append(text(name))


class Identity(Handle):
    """A key and its certificate, made anew by make(). Shared by any number of threads."""

    def __init__(
        self,
        attester: str,
        *,
        key: str = "p256",
        forms: Union[str, Sequence[str]] = "dice",
        hash: Optional[str] = None,
        nonce: Optional[bytes] = None,
        lifetime: Optional[int] = None,
        dates: Optional[tuple[int, int]] = None,
        endorsements: bool = False,
        source: Optional[Source] = None,
        root: Optional[Path] = None,
        quoting_service: Optional[str] = None,
        simulation: Optional[Path] = None,
        code: Optional[Path] = None,
        make: bool = True,
    ) -> None:
        """attester      which interface makes the evidence: one of attesters(); never guessed
        key           "p256", "p384" or "rsa3072"
        forms         "dice", "gramine", "intel-sdk": one, several with commas, or a sequence
        hash          of the key, in DICE's claims: "sha256", "sha384", "sha512"
        nonce         DICE's claim of that name, up to 4096 bytes
        lifetime      seconds, 60 to 366 days; None: 24 hours
        dates         (not before, not after) in seconds since 1970 instead
        endorsements  embed the collateral that the attester hands out, or the source has
        source        where collateral comes from that goes into the certificate and to the peers of
                      bound channels, which then need no source; on sgx and tdx the only one there is
        root          put before every path of the kernel's interfaces
        quoting_service  of tdx: "vsock:CID:PORT" or "unix:PATH"
        simulation    of sim-sgx and sim-tdx: the folder of `capsa sim init`; proves nothing
        code          in simulation: the file that counts as the program; None: what runs here
        make          make the first key and certificate right away

        Unsupported: this build has no such attester. Making blocks; CapsaError says which
        interface failed.
        """
        made = _native.made("attester_free", "attester_new", attester.encode())
        if root is not None:
            _native.call("attester_set_root", made.pointer, _native.path_bytes(root))
        if quoting_service is not None:
            service = quoting_service.encode()
            _native.call("attester_set_quoting_service", made.pointer, service)
        if simulation is not None:
            folder = _native.path_bytes(simulation)
            program = None if code is None else _native.path_bytes(code)
            _native.call("attester_insecure_set_simulation", made.pointer, folder, program)
        elif code is not None:
            raise ValueError("code is for simulations: real platforms measure what really runs")
        out = ctypes.c_void_p()
        _native.call("identity_new", made.pointer, ctypes.byref(out))
        super().__init__(out.value, "identity_free")
        self._set("key", key.encode())
        self._set("forms", (forms if isinstance(forms, str) else ",".join(forms)).encode())
        if hash is not None:
            self._set("hash", hash.encode())
        if nonce is not None:
            nonce = _native.data_of(nonce)
            self._set("nonce", nonce, len(nonce))
        if lifetime is not None:
            self._set("lifetime", int(lifetime))
        if dates is not None:
            self._set("dates", int(dates[0]), int(dates[1]))
        if endorsements:
            self._set("endorsements", 1)
        if source is not None:
            self._set("source", source.pointer)
        if make:
            self.make()

    def _set(self, what: str, *values: object) -> None:
        _native.call("identity_set_" + what, self.pointer, *values)

    def make(self, time: Optional[int] = None) -> None:
        """A new key and its certificate, as of `time` (None: now). After a failure the old ones stay."""
        _native.call(
            "identity_make", self.pointer, int(clock.time()) if time is None else int(time)
        )

    def renew(self) -> None:
        """make(), now: what KeepRenewed calls."""
        self.make()

    @property
    def renew_at(self) -> int:
        """Seconds since 1970: when two thirds of the certificate's life are over; 0: none was made."""
        return int(functions.identity_renew_at(self.pointer))

    def certificate(self, format: str = "pem") -> bytes:
        """ "pem" or "der"."""
        return _native.handed_bytes("identity_certificate", self.pointer, format.encode())

    def key(self, format: str = "pem") -> bytes:
        """ "pem" (PKCS#8) or "der" (SEC1, PKCS#1). It is secret, and Python cannot overwrite it."""
        return _native.handed_bytes("identity_key", self.pointer, format.encode(), secret=True)

    def write(self, *, key_path: Path, cert_path: Path) -> None:
        """Both as PEM files, each exchanged as a whole; the key with mode 0600, and first."""
        _native.call(
            "identity_write",
            self.pointer,
            _native.path_bytes(cert_path),
            _native.path_bytes(key_path),
        )


def write_key_and_certificate(
    key_path: Path,
    cert_path: Path,
    attester: str = "sgx",
    *,
    key: str = "p256",
    forms: Union[str, Sequence[str]] = "dice",
    lifetime: Optional[int] = None,
    simulation: Optional[Path] = None,
    code: Optional[Path] = None,
) -> Identity:
    """Make an identity and write it, for servers that read files. Arguments as of Identity."""
    identity = Identity(
        attester, key=key, forms=forms, lifetime=lifetime, simulation=simulation, code=code
    )
    identity.write(key_path=key_path, cert_path=cert_path)
    return identity
