# SPDX-License-Identifier: Apache-2.0
"""Where collateral comes from: the makers' servers, a PCCS, or a bundle that lies here."""

from __future__ import annotations

import ctypes
from typing import Optional, Union

from . import _native
from ._native import Handle
from .evidence import Collateral, Evidence, Path


class Source(Handle):
    """Fetches collateral, and keeps answers in memory. Shared by any number of threads."""

    def __init__(
        self,
        *,
        pccs_url: Optional[str] = None,
        root_crl_url: Optional[str] = None,
        kds_url: Optional[str] = None,
        hygon_url: Optional[str] = None,
        ca_file: Optional[Path] = None,
        bundle: Optional[Path] = None,
        cache_dir: Optional[Path] = None,
        timeout_seconds: Optional[int] = None,
        qcnl: Optional[Path] = None,
        insecure_tls: bool = False,
    ) -> None:
        """bundle           a file or folder; then nothing is ever fetched
        ca_file          certificates (PEM) for the TLS of these servers
        qcnl             Intel's sgx_default_qcnl.conf: its pccs_url and use_secure_cert
        insecure_tls     servers need not show a certificate that holds

        The rest: as in capsad's configuration (docs/reference/config.md). None: the default.
        """
        out = ctypes.c_void_p()
        _native.call("source_new", ctypes.byref(out))
        super().__init__(out.value, "source_free")
        settings: dict[str, Optional[Union[str, Path, int]]] = {
            "pccs-url": pccs_url,
            "root-crl-url": root_crl_url,
            "kds-url": kds_url,
            "hygon-url": hygon_url,
            "ca-file": ca_file,
            "bundle": bundle,
            "cache-dir": cache_dir,
            "timeout-seconds": timeout_seconds,
        }
        if qcnl is not None:
            _native.call("source_load_qcnl", self.pointer, _native.path_bytes(qcnl))
        for name, value in settings.items():
            if value is None:
                continue
            encoded = str(value).encode() if isinstance(value, int) else _native.path_bytes(value)
            _native.call("source_set", self.pointer, name.encode(), encoded)
        if insecure_tls:
            _native.call("source_insecure_set_tls", self.pointer, 1)

    def get(self, evidence: Union[Evidence, bytes]) -> Collateral:
        """What proves this evidence. Blocks; NetworkFailed, TimedOut, CapsaError say which server."""
        wanted = evidence if isinstance(evidence, Evidence) else Evidence(bytes(evidence))
        out = ctypes.c_void_p()
        _native.call("source_get", self.pointer, wanted.pointer, ctypes.byref(out))
        return Collateral._of(out.value)
