"""gunicorn's threaded worker, fair among workers and quicker on a kept-alive connection.

A program that assesses many employees sends its next request the moment it has an answer. gunicorn
hands each of them from the thread that listens to one that answers, and back: the dearest step of a
prediction that is neither the database's nor Django's.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

# Milliseconds that a thread waits for a connection's next request before it gives it back.
LINGER = 1
# Seconds by which a worker holds back from a new connection, for each one that it has, and at most.
_DEFERENCE, _MOST_DEFERENCE = 0.0005, 0.003


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers a connection's requests in one thread for as long as they come at once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._queued: deque[TConn] = deque()

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, unless a worker that has fewer was quicker.

        All workers wake up for it. In a plain race one often gets all of a program's connections,
        and the others' cores stand idle.
        """
        if self.cfg.workers > 1 and self.nr_conns:
            time.sleep(min(self.nr_conns * _DEFERENCE, _MOST_DEFERENCE))
        super().accept(listener)

    def enqueue_req(self, conn: TConn) -> None:
        self._queued.append(conn)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Runs in a thread. What is returned says what becomes of the connection."""
        self._queued.popleft()
        while True:
            result = super().handle(conn)
            if result is not True or not self._more_at_once(conn):
                return result

    def _more_at_once(self, conn: TConn) -> bool:
        """Whether the next request is there, or comes before anyone else needs this thread."""
        if self._queued or not self.alive or conn.is_http2 or conn.parser.unreader.buf.getvalue():
            return False
        poller = select.poll()
        poller.register(conn.sock, select.POLLIN)
        return bool(poller.poll(LINGER))
