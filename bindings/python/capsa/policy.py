# SPDX-License-Identifier: Apache-2.0
"""Which evidence is accepted (docs/reference/appraisal-policy.md), as text, mapping, or by measurement."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional, Union

from .evidence import Path, hex_of

Measurement = Union[str, bytes]


class Policy:
    """A policy: YAML or JSON. It is checked when a Verifier takes it."""

    def __init__(self, policy: Union[str, bytes, Mapping[str, Any]]) -> None:
        """`policy`: the text, or its members as a mapping."""
        if isinstance(policy, Mapping):
            self.text = json.dumps(policy)
        else:
            self.text = policy.decode("utf-8") if isinstance(policy, bytes) else policy

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Of a file."""
        with open(path, encoding="utf-8") as file:
            return cls(file.read())

    @classmethod
    def sgx(
        cls,
        *,
        mr_enclave: Optional[Measurement] = None,
        mr_signer: Optional[Measurement] = None,
        isv_prod_id: Optional[int] = None,
        min_isv_svn: Optional[int] = None,
        **members: Any,
    ) -> Policy:
        """Enclaves with these values: hex digits or bytes; numbers also 0. None: not compared.

        `members`: more of the policy (accepted_tcb_statuses=[...], ...). TypeError: neither
        mr_enclave nor mr_signer, so that anybody's enclave would do.
        """
        if mr_enclave is None and mr_signer is None:
            raise TypeError("mr_enclave or mr_signer is needed: without, any enclave would do")
        wanted: dict[str, Any] = {}
        if mr_enclave is not None:
            wanted["mr_enclave"] = hex_of(mr_enclave, 32, "mr_enclave")
        if mr_signer is not None:
            wanted["mr_signer"] = hex_of(mr_signer, 32, "mr_signer")
        if isv_prod_id is not None:
            wanted["isv_prod_id"] = isv_prod_id
        if min_isv_svn is not None:
            wanted["min_isv_svn"] = min_isv_svn
        return cls({"platforms": ["sgx"], "reference_values": [{"sgx": wanted}], **members})

    def __repr__(self) -> str:
        return f"Policy({self.text!r})"
