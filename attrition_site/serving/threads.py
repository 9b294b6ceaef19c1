"""The threads that answer requests.

The standard library's executor makes a future of every call, which nobody asks for here, and which
takes as long as reading a request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

logger = logging.getLogger(__name__)

_Call = tuple[Callable[[Any], None], Any]


class Threads:
    """So many threads, that do what they are given, first come, first served."""

    def __init__(self, number: int) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # A process that has been asked to stop does not wait for them for ever.
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[[Any], None], argument: Any) -> None:
        self._calls.put((function, argument))

    def shutdown(self, wait: bool = True) -> None:
        """Have them end, once they have done what was given to them before."""
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, argument = call
            try:
                function(argument)
            except BaseException:  # a call that wants to end the process ends nothing but itself
                logger.exception("A thread goes on after an error.")
