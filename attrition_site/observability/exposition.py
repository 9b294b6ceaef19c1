"""Metrics on a port of their own, of all processes that serve together, asked at any one of them.

The first process opens the port and makes a folder, in memory where the system has such a place;
those that it forks count in files there, and each answers for all. So the port answers as long as
one process lives, and it takes neither another process nor a thread in one that forks.

A process takes a *place*, the lowest number that nobody holds, and counts in that place's files:
who replaces a dead process goes on counting where it ended. The kernel frees a place with its
process. So there are never more files than there were processes at once, and no counter goes back.
All of them together hold the folder in the same way: one that nobody holds was left by processes
that were killed, and goes when the port is opened again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import resource
import shutil
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.conf import settings

logger = logging.getLogger("attrition.metrics")

_SAMPLED = 1.0  # seconds between two looks at a process's memory, its pool, and what it counts
_PATIENCE = 5.0  # seconds that an asker may leave us waiting
_PLACE = re.compile(r"place-(\d+)\Z")
_HELD = "held"  # the file that all processes of a folder hold


class Exposition:
    """An open port and a folder: made before the processes are forked that share them."""

    def __init__(self, port: int) -> None:
        """Raises `OSError` when the port cannot be had."""
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.METRICS_HOST, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
            self._socket.listen(16)
        except OSError:
            self._socket.close()
            raise
        # All processes are told of an asker, and one gets it: the others must not wait.
        self._socket.setblocking(False)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        begins, place = f"attrition-metrics-{port}-", _memory()
        for left in place.glob(f"{begins}*"):
            _remove_unless_held(left)
        self.folder = Path(tempfile.mkdtemp(prefix=begins, dir=place))
        _lock(self.folder / _HELD)

    def close(self) -> None:
        self._socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self) -> None:
        """Count in this process from now on, and answer for all. Call it once, after the fork."""
        _count_in(self.folder, take_place(self.folder))
        server = _Server(self._socket, self.folder)
        thread = threading.Thread(target=server.serve_forever, args=(_SAMPLED,), daemon=True)
        thread.name = "metrics"
        thread.start()


def _memory() -> Path:
    """Where files lie in memory, or else the system's temporary directory.

    A process that counts in a mapped file for which the disk has no room is killed (SIGBUS).
    """
    place = "/dev/shm"  # noqa: S108 (a folder of our own is made in it)
    return Path(place if os.access(place, os.W_OK) else tempfile.gettempdir())


def _remove_unless_held(folder: Path) -> None:
    with suppress(OSError):  # it is another user's
        if (descriptor := _lock(folder / _HELD)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def opened(port: int) -> Exposition | None:
    """Metrics on `port`; None for port 0, or when it cannot be had.

    The product goes on without: whoever asks for the metrics sees that they are gone.
    """
    if not port:
        return None
    try:
        return Exposition(port)
    except OSError as error:
        logger.error("No metrics on port %s: %s", port, error.strerror or type(error).__name__)
        return None


# ------------------------------------------------------------------ places


def take_place(folder: Path) -> int:
    """The lowest place that no living process holds; this one holds it until it ends."""
    number = 0
    while _lock(folder / f"place-{number}") is None:
        number += 1
    _forget_living(folder, number)
    return number


def _lock(file: Path) -> int | None:
    """Its descriptor, which holds it until this process and those forked from it have closed it or
    have ended; None when somebody else holds it.
    """
    # Not inherited by the programs that this process starts.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def forget_dead(folder: Path) -> None:
    """Take away what tells of the memory and the pool of processes that are no more."""
    for file in folder.iterdir():
        found = _PLACE.match(file.name)
        if found and (descriptor := _lock(file)) is not None:
            try:
                _forget_living(folder, int(found[1]))
            finally:
                os.close(descriptor)


def _forget_living(folder: Path, place: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    with suppress(FileNotFoundError):  # another process was quicker
        mark_process_dead(place, str(folder))  # type: ignore[no-untyped-call]


def _count_in(folder: Path, place: int) -> None:
    """Have this process count in its place's files, and begin to count."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
    from attrition_site.observability import receivers

    receivers.connect_metrics()


# ------------------------------------------------------------------ answering


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
        """Nothing is written: it is asked several times a minute."""


class _Server(WSGIServer):
    """Answers on a socket that several processes listen at; between, looks at its own process."""

    def __init__(self, listening: socket.socket, folder: Path) -> None:
        from prometheus_client import CollectorRegistry, make_wsgi_app
        from prometheus_client.multiprocess import MultiProcessCollector

        from attrition_site.observability.installation import InstallationCollector

        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = "metrics", listening.getsockname()[1]
        self.setup_environ()
        self._folder = folder
        registry = CollectorRegistry(auto_describe=False)
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
        registry.register(InstallationCollector())
        self.set_app(make_wsgi_app(registry))
        self.service_actions()

    def verify_request(self, request: object, client_address: object) -> bool:
        forget_dead(self._folder)
        self.service_actions()
        return True

    def service_actions(self) -> None:
        from attrition_site.observability import metrics
        from attrition_site.observability.installation import pool_use

        metrics.count_pending()
        metrics.MEMORY.set(_resident_bytes())
        if use := pool_use():
            kept, idle = use.get("pool_size", 0), use.get("pool_available", 0)
            metrics.POOL.labels("idle").set(idle)
            metrics.POOL.labels("in_use").set(kept - idle)
            metrics.POOL_WAITING.set(use.get("requests_waiting", 0))

    def handle_error(self, request: object, client_address: object) -> None:
        logger.warning("The metrics could not be told.", exc_info=True)


def _resident_bytes() -> int:
    """Memory that this process holds."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no Linux: the most that it ever held
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()
