"""Clients that take their time, hundreds of them in one thread."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.reliability.spoken import HOST

ASSESS_HEAD = (
    b"POST /api/v1/predict/attrition HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: application/json\r\nContent-Length: 600\r\n"
)
FILE_HEAD = (
    b"POST /batches/new/ HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 20000000\r\n"
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a client behaves."""

    at_once: bytes = b""
    """What it sends as soon as it is connected; of the rest, a byte a second."""
    rest: bytes = b""
    reads: int = 0
    """Bytes that it takes of its answer each second; those that are told why they are given up
    listen for that."""
    stays: bool = False
    """Whether it stays when the server has hung up."""


KINDS = {
    "says nothing": Kind(),
    "in the request line": Kind(rest=b"GET /health HTTP/1.1\r\n" * 10),
    "in the head": Kind(at_once=b"GET /health HTTP/1.1\r\n", rest=b"X-Slow: yes\r\n" * 10),
    "in a JSON body": Kind(at_once=ASSESS_HEAD + b"\r\n", rest=b'{"age": 41, ' * 50),
    "waits to be told to go on": Kind(
        at_once=ASSESS_HEAD + b"Expect: 100-continue\r\n\r\n", rest=b'{"age": 41, ' * 50
    ),
    "in a file": Kind(
        at_once=FILE_HEAD + b"\r\n--x\r\n", rest=b"--x\r\nContent-Disposition: " * 50
    ),
    "reads a byte a second": Kind(
        at_once=b"GET /api/v1/docs HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
        reads=1,
        stays=True,
    ),
    "reads nothing": Kind(
        at_once=(
            b"GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js HTTP/1.1\r\n"
            + HOST
            + b"Connection: close\r\n\r\n"
        ),
        stays=True,
    ),
    "does not hang up": Kind(
        at_once=b"GET /health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", stays=True
    ),
}


@dataclass(kw_only=True)
class Client:
    """One of a crowd, and how it ended."""

    name: str
    kind: Kind
    line: socket.socket
    began: float
    sent: int = 0
    heard: bytes = b""
    ended: float | None = None

    @property
    def status(self) -> int:
        """What it was answered in the end; 0 when nothing was said."""
        answer = self.heard.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0

    @property
    def seconds(self) -> float:
        """How long it was borne."""
        return (self.ended or time.monotonic()) - self.began


@dataclass(kw_only=True)
class Crowd:
    clients: list[Client] = field(default_factory=list)

    def of(self, name: str) -> list[Client]:
        return [client for client in self.clients if client.name == name]

    def statuses(self, name: str) -> dict[int, int]:
        return dict(Counter(client.status for client in self.of(name)))

    def still_there(self) -> int:
        return sum(client.ended is None for client in self.clients)


@contextlib.contextmanager
def crowd(port: int, each: int, kinds: dict[str, Kind] = KINDS) -> Iterator[Crowd]:
    """So many clients of each kind, all connected; they go with the block, or after two minutes."""
    together = Crowd()
    selector = selectors.DefaultSelector()
    over = threading.Event()
    for _ in range(each):
        for name, kind in kinds.items():
            line = socket.socket()
            # The kernel would take a large answer off the server's hands.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(10)
            line.connect(("127.0.0.1", port))
            client = Client(name=name, kind=kind, line=line, began=time.monotonic())
            line.sendall(kind.at_once)
            line.setblocking(False)
            together.clients.append(client)
            if not kind.stays:
                selector.register(line, selectors.EVENT_READ, client)

    def end(client: Client) -> None:
        client.ended = time.monotonic()
        with contextlib.suppress(KeyError, ValueError):
            selector.unregister(client.line)
        client.line.close()

    def listen(seconds: float) -> None:
        for key, _ in selector.select(seconds):
            client = key.data
            try:
                heard = client.line.recv(4096)
            except OSError:
                heard = b""
            client.heard += heard
            if not heard:
                end(client)

    def say(client: Client) -> None:
        try:
            client.line.send(client.kind.rest[client.sent : client.sent + 1])
            client.sent += 1
            if client.kind.reads:
                client.line.recv(client.kind.reads)
        except BlockingIOError:
            pass
        except OSError:
            end(client)

    def be_slow() -> None:
        began = time.monotonic()
        while not over.is_set() and time.monotonic() < began + 120:
            second = time.monotonic() + 1
            for client in together.clients:
                if client.ended is None and (client.kind.rest or client.kind.reads):
                    say(client)
            while (left := second - time.monotonic()) > 0 and not over.is_set():
                listen(min(left, 0.1))

    being_slow = threading.Thread(target=be_slow)
    being_slow.start()
    try:
        yield together
    finally:
        over.set()
        being_slow.join()
        for client in together.clients:
            client.line.close()
        selector.close()
