# SPDX-License-Identifier: Apache-2.0
"""Renewing an identity in time: in a thread, or as a task of asyncio."""

from __future__ import annotations

import asyncio
import threading
import time as clock
from typing import Callable, Optional, Protocol

# After a failure, and between two renewals at least: an interface that fails is not hammered.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
# Waiting does not follow a clock that is set, or a machine that slept: so look now and then.
LONGEST_WAIT = 60.0


class Renewable(Protocol):
    """An Identity, or a ServerContext (tls.py), which renews its identity and shows the new one."""

    @property
    def renew_at(self) -> int: ...

    def renew(self) -> None: ...


class _Turn:
    """What both helpers do: when to renew next, and what a renewal is."""

    def __init__(
        self,
        renewable: Renewable,
        on_renew: Optional[Callable[[], None]],
        on_error: Optional[Callable[[Exception], None]],
    ) -> None:
        self.renewable, self.on_renew, self.on_error = renewable, on_renew, on_error
        self.pause = 0.0
        self.untold = False  # renewed, and on_renew has not succeeded yet

    def wait(self) -> float:
        """Seconds until the next look, which is at the next renewal or before it."""
        left = 0.0 if self.untold else self.renewable.renew_at - clock.time()
        return min(LONGEST_WAIT, max(self.pause, left))

    def due(self) -> bool:
        return self.untold or self.renewable.renew_at <= clock.time()

    def renew(self) -> None:
        try:
            if not self.untold:
                self.renewable.renew()
            self.untold = self.on_renew is not None
            if self.on_renew is not None:
                self.on_renew()
            self.untold, self.pause = False, FIRST_PAUSE
        except Exception as error:  # the old certificate is still good: tell, and try again
            self.pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self.pause))
            if self.on_error is None:
                raise
            self.on_error(error)


class KeepRenewed:
    """A thread that renews at two thirds of the certificate's life, until it is stopped.

        with capsa.KeepRenewed(identity, on_renew=reload, on_error=print): ...

    on_renew is called after each renewal, in the thread: to write files, to reload a server. When it
    fails, it alone is called again.
    on_error is told of failures, which are tried again; without it the first one ends the thread,
    and `failure` keeps it.
    """

    def __init__(
        self,
        renewable: Renewable,
        *,
        on_renew: Optional[Callable[[], None]] = None,
        on_error: Optional[Callable[[Exception], None]] = None,
    ) -> None:
        self.failure: Optional[Exception] = None
        self._turn = _Turn(renewable, on_renew, on_error)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capsa-renew", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(self._turn.wait()):
            if not self._turn.due():
                continue
            try:
                self._turn.renew()
            except Exception as error:
                self.failure = error
                return

    def stop(self) -> None:
        """Waits for a renewal that is under way."""
        self._stopping.set()
        self._thread.join()

    def __enter__(self) -> KeepRenewed:
        return self

    def __exit__(self, *_why: object) -> None:
        self.stop()


async def keep_renewed(
    renewable: Renewable,
    *,
    on_renew: Optional[Callable[[], None]] = None,
    on_error: Optional[Callable[[Exception], None]] = None,
) -> None:
    """The same as a coroutine, for asyncio.create_task; cancel the task to end it. Evidence is made
    in a thread, so that the loop goes on."""
    turn = _Turn(renewable, on_renew, on_error)
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(turn.wait())
        if turn.due():
            await loop.run_in_executor(None, turn.renew)
