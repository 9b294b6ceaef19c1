"""A load generator that leaves the machine to what it measures.

It shares its cores with the server, so it does as little as can be: one thread, requests made
beforehand, answers read by their Content-Length and looked at no further than their status.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

# Seconds without any answer after which those that are waited for count as lost.
PATIENCE = 30.0

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_AT_ONCE = 1 << 18


class BrokenAnswerError(Exception):
    """The connection ended, or what came over it is no answer that can be read here."""


@dataclass(kw_only=True)
class Load:
    """What came back."""

    seconds: float = 0.0
    own_cpu: float = 0.0
    """Seconds of processor time that the load itself took."""
    latencies: list[float] = field(default_factory=list)
    """Seconds from the first byte sent to the last one read, of each expected answer."""
    statuses: dict[int, int] = field(default_factory=dict)
    """Answers by their status."""
    broken: int = 0
    """Requests without a readable answer."""
    unexpected: bytes = b""
    """The first answer that was not what was expected, to say what went wrong."""

    @property
    def errors(self) -> int:
        """Requests that were not answered as expected."""
        return sum(self.statuses.values()) + self.broken - len(self.latencies)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def add(self, other: Load) -> None:
        """Count what another load brought back as this one's."""
        self.seconds += other.seconds
        self.own_cpu += other.own_cpu
        self.latencies += other.latencies
        for status, answers in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + answers
        self.broken += other.broken
        self.unexpected = self.unexpected or other.unexpected

    def quantile(self, share: float) -> float:
        """The latency, in seconds, that this share of the requests did not exceed."""
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection:
    """One connection with at most one request on its way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._parts: list[bytes] = []
        self._missing = -1  # bytes of the answer still to come; -1 before its head is whole

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> int:
        """Read what is there; the answer's status once it is whole, else 0."""
        chunk = self.socket.recv(_AT_ONCE)
        if not chunk:
            raise BrokenAnswerError
        self._parts.append(chunk)
        if self._missing < 0:
            received = b"".join(self._parts)
            self._parts = [received]
            end = received.find(_HEAD_END)
            if end < 0:
                self._acknowledge()
                return 0
            self._missing = _content_length(received[:end]) - (len(received) - end - 4)
        else:
            self._missing -= len(chunk)
        if self._missing > 0:
            self._acknowledge()
            return 0
        return int(self._parts[0][9:12])

    def _acknowledge(self) -> None:
        """A server that holds its next part back until then gets no 40 ms for nothing."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def answer(self) -> bytes:
        """The whole answer; the connection is then ready for the next request."""
        whole = b"".join(self._parts)
        self._parts, self._missing = [], -1
        return whole


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.find(_LENGTH)
    if start < 0:
        raise BrokenAnswerError
    return int(lowered[start + len(_LENGTH) :].split(b"\r\n", 1)[0])


def post(path: str, body: bytes, *, host: str, token: str) -> bytes:
    """The bytes of a request that sends JSON."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Accept: application/json\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str, *, host: str, head: str) -> bytes:
    """The bytes of a request that reads; `head` are its other headers."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n\r\n".encode()


def drive(
    address: tuple[str, int],
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    at_most: int,
    expect: int,
    patience: float = PATIENCE,
) -> Load:
    """Send `requests` in turn, over and over, on keep-alive connections, each sending its next
    request when it has its answer: until `seconds` have passed or `at_most` were sent.

    Every request that was sent is waited for.
    """
    load = Load()
    turn = cycle(requests)
    poller = select.epoll()
    open_ones: dict[int, _Connection] = {}
    try:
        for _ in range(connections):
            connection = _Connection(address)
            open_ones[connection.socket.fileno()] = connection
            poller.register(connection.socket, select.EPOLLIN)
        _run(
            load,
            open_ones,
            poller,
            turn,
            seconds=seconds,
            at_most=at_most,
            expect=expect,
            patience=patience,
        )
    finally:
        for connection in open_ones.values():
            connection.socket.close()
        poller.close()
    return load


def _run(
    load: Load,
    open_ones: dict[int, _Connection],
    poller: select.epoll,
    turn: Iterator[bytes],
    *,
    seconds: float,
    at_most: int,
    expect: int,
    patience: float,
) -> None:
    cpu_before = time.process_time()
    begun = time.perf_counter()
    stop_at = begun + seconds
    sent = 0
    waiting: set[int] = set()
    for number, connection in open_ones.items():
        if sent < at_most:
            connection.send(next(turn))
            waiting.add(number)
            sent += 1
    while waiting:
        ready = poller.poll(patience)
        if not ready:
            load.broken += len(waiting)
            break
        for number, _event in ready:
            connection = open_ones[number]
            try:
                status = connection.receive()
                if not status:
                    continue
                now = time.perf_counter()
                answer = connection.answer()
                load.statuses[status] = load.statuses.get(status, 0) + 1
                if status == expect:
                    load.latencies.append(now - connection.sent_at)
                elif not load.unexpected:
                    load.unexpected = answer
                waiting.discard(number)
                if now < stop_at and sent < at_most:
                    sent += 1
                    waiting.add(number)
                    connection.send(next(turn))
            except (OSError, ValueError, BrokenAnswerError):
                load.broken += 1
                waiting.discard(number)
                poller.unregister(number)
    load.seconds = time.perf_counter() - begun
    load.own_cpu = time.process_time() - cpu_before
