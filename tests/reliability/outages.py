"""A database that is taken away in every way, and given back."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from tests.postgres import StoppableServer
from tests.processes import until

# What PostgreSQL takes a signal to its first process for.
FAST, IMMEDIATE, KILLED = signal.SIGINT, signal.SIGQUIT, signal.SIGKILL


def first_process(database: StoppableServer) -> psutil.Process:
    """The one that starts all others of a server that runs."""
    with psycopg.connect(database.url) as connection:
        [folder] = connection.execute("SHOW data_directory").fetchone()
    return psutil.Process(int((Path(folder) / "postmaster.pid").read_text().splitlines()[0]))


def take_away(database: StoppableServer, how: signal.Signals) -> None:
    """End the server, and return when no process of it is left."""
    first = first_process(database)
    others = first.children(recursive=True)
    first.send_signal(how)
    psutil.wait_procs([first, *others], timeout=10)


def give_back(database: StoppableServer) -> float:
    """Start the server; the moment from which it takes connections, by `time.monotonic`."""
    starting = threading.Thread(target=database.start)
    starting.start()
    until(lambda: takes_connections(database))
    moment = time.monotonic()
    starting.join()
    return moment


def takes_connections(database: StoppableServer) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(database.url):
        return True
    return False


@contextlib.contextmanager
def hanging(database: StoppableServer) -> Iterator[None]:
    """It takes connections and says nothing, as on a disk that is stuck."""
    first = first_process(database)
    stopped = []
    try:
        # The first begets the others: once it stands still, there are no more of them.
        first.send_signal(signal.SIGSTOP)
        stopped.append(first)
        for process in first.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
                stopped.append(process)
        yield
    finally:
        for process in reversed(stopped):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
