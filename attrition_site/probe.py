"""A question to the database that is answered in time or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, connection

Answer = TypeVar("Answer")


class Probe:
    """Asks the database something, and does not wait for ever.

    A server that is gone refuses at once; one that hangs, or whose network swallows everything,
    never answers. So it is asked in a thread that can be left behind, one at a time.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()

    def ask(self, question: Callable[[], Answer], patience: float) -> Answer | None:
        """What `question` returns; None when the database failed it, or `patience` seconds passed.

        An earlier question that still hangs counts against the patience too.
        """
        deadline = time.monotonic() + patience
        if not self._asking.acquire(timeout=patience):
            return None
        answered: list[Answer] = []
        # A daemon: one that hangs must not keep the process from ending.
        thread = threading.Thread(target=self._ask, args=(question, answered), daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        return answered[0] if answered else None

    def _ask(self, question: Callable[[], Answer], answered: list[Answer]) -> None:
        try:
            answered.append(question())
        except DatabaseError:
            pass
        finally:
            connection.close()  # this thread's own
            self._asking.release()


def answers() -> bool:
    """Whether the database answers: a question for a `Probe`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return True
