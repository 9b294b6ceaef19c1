"""What the first process of a container owes the others: signals passed on, the dead buried.

The kernel hands every process whose parent died to the first one, and gives that one no signal
that it does not ask for. The background worker starts trainings and whatever else may outlive the
process that started it; left unburied, each would stay in the table of processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, however it dies. Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def watch_over(work: Callable[[], int], *, stop_patience: int) -> int:
    """Do the work in a child process; its exit status, as a shell would give it.

    A signal to stop is passed on. What has not ended `stop_patience` seconds later is killed:
    whoever asked us to stop would kill us as well, a little later and without a word. What the work
    leaves behind when it fails is killed: nobody looks after it any more.
    In the child this returns what the work returns.
    """
    child = 0
    asked = killed = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            signal.setitimer(signal.ITIMER_REAL, stop_patience)
        # A signal may also come when the child has just been buried.
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    def kill(number: int, frame: FrameType | None) -> None:
        nonlocal killed
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
            killed = True

    if sys.platform == "linux":
        # Outside of a container it makes us what the first process is inside.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    handlers = dict.fromkeys(STOP_SIGNALS, stop) | {signal.SIGALRM: kill}
    # A signal that comes before there is a child to pass it on to waits until there is one.
    signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
    child = os.fork()
    if not child:
        os.setsid()
        end_with_parent()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handlers)
        return work()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handlers)
    ended, status = os.wait()
    while ended != child:
        ended, status = os.wait()
    for number in handlers:
        signal.signal(number, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(status)
    if code:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    if killed:
        sys.stderr.write(f"What was not done after {stop_patience} seconds was given up.\n")
    return 128 - code if code < 0 else code
