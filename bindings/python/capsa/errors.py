# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, as exceptions. The text of each is one sentence: what was wrong, and where.

CapsaError
    Refused              the peer, or evidence, is not what was asked for; trying again is no use
        EvidenceRefused    not authentic, not parsable, of another key, or debug
        TcbRefused         its platform is not up to date, or what proves it has expired or is missing
        PolicyRefused      authentic, and not what the policy allows
    Unsupported          this build, or this library, has no such thing
    Malformed            bytes that cannot be read (ValueError)
    TimedOut             (TimeoutError)
    NetworkFailed        (ConnectionError)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from .verify import Verdict


class CapsaError(Exception):
    """A failure that libcapsa reported.

    code     its number (include/capsa/capsa.h: -2 USAGE, -207 EVIDENCE, ...)
    check    the name of the check that failed ("reference-values"); "" if it is no refusal
    text     the sentence alone
    verdict  what was found nevertheless; None: nothing
    """

    def __init__(self, code: int, text: str, check: str = "") -> None:
        named = f"{check}: {text}" if check and not text.startswith(check) else text
        super().__init__(named)
        self.code = code
        self.text = text
        self.check = check
        self.verdict: Optional[Verdict] = None
        self._told = named

    def __str__(self) -> str:
        return self._told

    def __reduce__(self) -> Any:  # a verdict does not travel to another process
        return type(self), (self.code, self.text, self.check)


class Refused(CapsaError):
    """The evidence was judged, and is not accepted. `check` names the check, `verdict` has the rest."""


class EvidenceRefused(Refused):
    """It cannot be parsed, is not authentic, does not bind the peer's key, or is debug."""


class TcbRefused(Refused):
    """Its TCB status is not accepted, or what proves it is missing or has expired."""


class PolicyRefused(Refused):
    """It is authentic, and the policy does not allow it: another program, other report data, ..."""


class Unsupported(CapsaError):
    """This build does not have it."""


class Malformed(CapsaError, ValueError):
    """Bytes or a text that cannot be read; the sentence says where."""


class TimedOut(CapsaError, TimeoutError):
    """The time was up."""


class NetworkFailed(CapsaError, ConnectionError):
    """A connection that failed, or ended before it should."""


_BY_CODE: dict[int, type[CapsaError]] = {
    -4: Unsupported,
    -100: Malformed,
    -101: Malformed,
    -102: Malformed,
    -103: Malformed,
    -200: PolicyRefused,
    -207: EvidenceRefused,
    -208: TcbRefused,
    -301: NetworkFailed,
    -302: TimedOut,
}


def of_code(code: int, text: str, check: str = "") -> CapsaError:
    """The exception of a number. Numbers that are not known are a CapsaError."""
    return _BY_CODE.get(code, CapsaError)(code, text, check)


def refusal_of(error: Optional[BaseException]) -> Optional[Refused]:
    """The refusal behind an exception of another library, which may have wrapped it; None: none.

    It looks through causes, contexts, `reason` (urllib, urllib3) and arguments.
    """
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        if isinstance(one, Refused):
            return one
        seen.add(id(one))
        waiting += [one.__context__, one.__cause__, getattr(one, "reason", None), *one.args]
    return None
