"""What tests need that run the product's processes: a port and patience."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time

PATIENCE = 60  # seconds; only a failure takes that long


def until(holds, *, patience=PATIENCE, alive=(), said=str):
    """Wait for something to be so. Who does not answer yet is asked again.

    It fails, with what was `said`, when that takes too long or a process is not `alive` any more.
    """
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        assert all(process.poll() is None for process in alive), said()
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
