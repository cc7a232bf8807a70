# SPDX-License-Identifier: Apache-2.0
"""Evidence, the collateral that proves it, and certificates that carry it. Reading proves nothing:
verify.py does."""

from __future__ import annotations

import ctypes
import json
import os
from typing import Any, Optional, Sequence, Union

from . import _native
from ._native import Handle, functions, text

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
REPORT_DATA = 64  # bytes that evidence of every platform binds


class Evidence(Handle):
    """What a trusted environment says of itself, signed: a quote, a report, or a unified report."""

    def __init__(self, data: bytes) -> None:
        """`data`: any form that libcapsa reads (docs/reference/evidence-formats.md).

        Malformed: it is none.
        """
        out, data = ctypes.c_void_p(), _native.data_of(data)
        _native.call("evidence_parse", data, len(data), ctypes.byref(out))
        super().__init__(out.value, "evidence_free")

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Of a file. OSError as Python's open."""
        with open(path, "rb") as file:
            return cls(file.read())

    @classmethod
    def _of(cls, pointer: Optional[int]) -> Evidence:
        made = cls.__new__(cls)
        Handle.__init__(made, pointer, "evidence_free")
        return made

    @property
    def platform(self) -> str:
        """ "sgx", "tdx", "snp" or "csv"."""
        return text(functions.evidence_platform(self.pointer))

    def __bytes__(self) -> bytes:
        """The raw quote or report."""
        return _native.lent("evidence_bytes", self.pointer) or b""

    def report_data(self) -> bytes:
        """The 64 bytes that it binds, unverified."""
        room = ctypes.create_string_buffer(REPORT_DATA)
        _native.call("evidence_report_data", self.pointer, room)
        return room.raw

    def show(self) -> dict[str, Any]:
        """Every field, unverified: for people."""
        shown: dict[str, Any] = json.loads(_native.handed_text("evidence_show", self.pointer))
        return shown

    def report(self, collateral: Optional[Collateral] = None) -> str:
        """As a unified attestation report (JSON), with `collateral` as a Passport."""
        return _native.handed_text("evidence_report", self.pointer, _native.pointer_of(collateral))


class Collateral(Handle):
    """What proves evidence beside itself: certificates, revocation lists, TCB Info, identities."""

    def __init__(self, *parts: Union[bytes, str]) -> None:
        """`parts`: what files hold, in any form that libcapsa reads. Malformed names the part."""
        super().__init__(functions.collateral_new(), "collateral_free")
        for part in parts:
            self.add(part)

    @classmethod
    def load(cls, *paths: Path) -> Collateral:
        """Of files, or of all files of folders."""
        made = cls()
        for path in paths:
            _native.call("collateral_load", made.pointer, _native.path_bytes(path))
        return made

    @classmethod
    def _of(cls, pointer: Optional[int]) -> Collateral:
        made = cls.__new__(cls)
        Handle.__init__(made, pointer, "collateral_free")
        return made

    def add(self, part: Union[bytes, str], name: Optional[str] = None) -> None:
        """`name`: of the file it came from, which decides only where content cannot."""
        data = part.encode() if isinstance(part, str) else bytes(part)
        _native.call(
            "collateral_add", self.pointer, name.encode() if name else None, data, len(data)
        )

    def __bool__(self) -> bool:
        return not functions.collateral_is_empty(self.pointer)

    def json(self, platform: str) -> str:
        """What `platform` needs of it, as one JSON text. Malformed names what is missing."""
        return _native.handed_text("collateral_json", self.pointer, platform.encode())


class Certificate(Handle):
    """A certificate that carries evidence, read and not judged."""

    def __init__(self, data: Union[bytes, str]) -> None:
        """`data`: DER, or one PEM block. Malformed: no certificate, or not exactly one evidence."""
        given = data.encode() if isinstance(data, str) else bytes(data)
        out = ctypes.c_void_p()
        _native.call("certificate_parse", given, len(given), ctypes.byref(out))
        super().__init__(out.value, "certificate_free")

    @property
    def form(self) -> str:
        """ "dice", "gramine", "intel-sdk", "openenclave-v1", ..."""
        return text(functions.certificate_form(self.pointer))

    @property
    def der(self) -> bytes:
        return _native.lent("certificate_der", self.pointer) or b""

    @property
    def not_before(self) -> int:
        """Seconds since 1970."""
        return int(functions.certificate_not_before(self.pointer))

    @property
    def not_after(self) -> int:
        return int(functions.certificate_not_after(self.pointer))

    def evidence(self) -> Evidence:
        """A copy of what it carries."""
        borrowed = functions.certificate_evidence(self.pointer)
        return Evidence(_native.lent("evidence_bytes", borrowed) or b"")

    def show(self) -> dict[str, Any]:
        """Every field of it and of its evidence, unverified: for people."""
        shown: dict[str, Any] = json.loads(_native.handed_text("certificate_show", self.pointer))
        return shown


def report_data(purpose: str, fields: Sequence[bytes]) -> bytes:
    """The 64 bytes that Capsa's own protocols bind for `purpose` and at most 16 fields."""
    room = ctypes.create_string_buffer(REPORT_DATA)
    _native.call("report_data", purpose.encode(), _native.fields(list(fields)), len(fields), room)
    return room.raw


def hex_of(value: Union[str, bytes], length: int, what: str) -> str:
    """A measurement as lower-case hex digits. ValueError: not `length` bytes."""
    digits = bytes(value).hex() if isinstance(value, (bytes, bytearray)) else value
    if len(digits) != 2 * length or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise ValueError(f"{what}: {2 * length} hex digits are wanted, not {value!r}")
    return digits.lower()
