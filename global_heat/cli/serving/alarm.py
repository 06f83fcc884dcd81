"""The hard alarm: the kernel ends a process that did not get to run before its lease ended.

Between "the lease is good" and the first byte on the wire lies code, and the process may be stopped there
for as long as anybody likes: by SIGSTOP, by a debugger, by a machine without time for it. When it goes on it
would send what another replica has long since taken over. No check of its own can help, since it may be
stopped right after the check. So it has the kernel set a clock at each renewal of the lease. The signal's
default disposition is to end the process, and a stopped process that is let go on gets it before its next
instruction: a handler of ours would need the interpreter, which may be the one thing that does not run.

The alarm must not punish an outage of the store. As long as the event loop runs, the soft deadline is kept
without it: from then on no changing call is begun, and those in flight are cut. Once the last is gone there
is nothing left that the alarm would have to prevent, so it is switched off; the process waits for the store
however long it takes, and is armed again by the next renewal.

What is left: the clock stands still while the whole machine is suspended, and bytes that the kernel has
already put in a socket's buffer still go out.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

CHECK_SECONDS = 0.05


def default_disposition() -> None:
    """Let SIGALRM end this process, whatever it inherited from who started it."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


def _set_timer(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


class HardAlarm:
    """Armed by renewals, switched off by a loop that lives."""

    def __init__(self, in_flight: Callable[[], int], set_timer: Callable[[float], None] = _set_timer) -> None:
        """`in_flight` tells how many changing calls there are. `set_timer` has SIGALRM sent after so many
        seconds of real time; 0: never."""
        self._in_flight = in_flight
        self._set_timer = set_timer
        self._check: asyncio.TimerHandle | None = None

    def renewed(self, soft: float, hard: float) -> None:
        """The lease was renewed: until `soft` calls may be sent, at `hard` it ends (the loop's time)."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now >= soft:
            # The answer came too late to begin anything on its strength. An alarm still set stays set.
            return
        self._set_timer(hard - now)
        if self._check is not None:
            self._check.cancel()
        self._check = loop.call_at(soft, self._rest)

    def off(self) -> None:
        """Switch it off: nothing will be sent any more."""
        if self._check is not None:
            self._check.cancel()
            self._check = None
        self._set_timer(0.0)

    def _rest(self) -> None:
        """The soft deadline has passed unrenewed and the loop runs: wait for the calls that are being cut."""
        if self._in_flight():
            self._check = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._rest)
        else:
            self.off()
