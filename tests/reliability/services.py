"""What starts the product on a server, and starts it again when it has ended, as systemd and Docker
do. They also end what the dead process left behind; this one does not, which is harder."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
from django.conf import settings

from tests.reliability.installation import Installed

_MARK = "RELIABILITY_SERVICE"


class Service:
    """One command of the product, and every process that came of it."""

    def __init__(self, place: Installed, command: list[str], environment: dict[str, str]):
        self._mark = uuid.uuid4().hex
        self._command = [sys.executable, *command]
        self._environment = {**place.environment, **environment, _MARK: self._mark}
        self._log: Path = place.folder / f"service-{self._mark}.log"
        self.ended: list[int] = []
        """The status of each process that was started here and has ended, the first one first."""
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as output:
            self.process = psutil.Popen(
                self._command,
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def look(self) -> bool:
        """Whether it has ended."""
        status = self.process.poll()
        if status is not None:
            self.ended.append(status)
        return status is not None

    def below(self) -> list[psutil.Process]:
        """The processes that the first one has started, and theirs; the oldest first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            found = self.process.children(recursive=True)
            return sorted(found, key=lambda process: process.create_time())
        return []

    def left(self) -> list[psutil.Process]:
        """Every process of it that runs, whoever its parent is by now."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(_MARK) == self._mark:
                    found.append(process)
        return found

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(psutil.TimeoutExpired):
                self.process.wait(15)
        while left := self.left():
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=5)


@contextlib.contextmanager
def started(place: Installed, *command: str, **environment: str) -> Iterator[Service]:
    """`python command…`, once; nothing of it is left after the block."""
    service = Service(place, list(command), environment)
    try:
        yield service
    finally:
        service.end()


@contextlib.contextmanager
def kept_started(
    place: Installed, *command: str, pause: float = 1.0, **environment: str
) -> Iterator[Service]:
    """The same, started again `pause` seconds after each end."""
    over = threading.Event()
    with started(place, *command, **environment) as service:

        def watch() -> None:
            while not over.wait(0.02):
                if service.look() and not over.wait(pause):
                    service.start()

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield service
        finally:
            over.set()
            watching.join()
