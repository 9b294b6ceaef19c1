"""Bytes sent to a web server as they are, and whatever comes back.

A client library would put right, or refuse to send, most of what is to be tried.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import Any

PATIENCE = 10.0
"""Seconds after which nothing more is expected to come."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request in bytes, right or wrong. Its body's length is added unless a header tells one."""

    method: bytes = b"GET"
    target: bytes = b"/"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    @property
    def sent(self) -> bytes:
        headers = self.headers
        if self.body and not {name.lower() for name, _ in headers} & _LENGTHS:
            headers = (*headers, (b"Content-Length", b"%d" % len(self.body)))
        lines = [self.method + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, b"", self.body])


_LENGTHS = {b"content-length", b"transfer-encoding"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: HTTPMessage
    content: bytes
    seconds: float

    @property
    def json(self) -> Any:
        """What it says, where that is JSON; None otherwise."""
        if "json" not in self.headers.get("Content-Type", ""):
            return None
        return json.loads(self.content) if self.content else None


class Line:
    """A connection that is kept from one request to the next, and made again when it is closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: Request) -> Answer:
        """Raises OSError or HTTPException when there is no answer."""
        if self._socket is not None:
            # One that has stood idle may be closed by now, which is nobody's fault.
            with contextlib.suppress(ConnectionError, HTTPException):
                return self._ask(self._socket, request)
            self.close()
        self._socket = _connection(self._port)
        return self._ask(self._socket, request)

    def _ask(self, connection: socket.socket, request: Request) -> Answer:
        began = time.monotonic()
        # Who refuses a body may answer, and close, before all of it was sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request.sent)
        response = HTTPResponse(connection, method=_method(request.sent))
        with contextlib.closing(response):
            answer = _read(response, began)
        if response.will_close:
            self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def tell(port: int, sent: bytes) -> tuple[list[Answer], float]:
    """Send these bytes and nothing more: all answers, and the seconds until the server closed.

    Raises TimeoutError when it does not, and HTTPException when what it says is not HTTP.
    """
    began = time.monotonic()
    heard = b""
    with _connection(port) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        # One that closes on bytes it never read resets the connection, after its answer.
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            while time.monotonic() - began < PATIENCE and (part := connection.recv(64 * 1024)):
                heard += part
    took = time.monotonic() - began
    if took >= PATIENCE:
        raise TimeoutError(f"the server did not close within {PATIENCE:.0f} s")
    stream = _Heard(heard)
    answers = []
    while stream.tell() < len(heard):
        response = HTTPResponse(stream, method=_method(sent))  # type: ignore[arg-type]
        answers.append(_read(response, began))
    return answers, took


def _connection(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _method(sent: bytes) -> str:
    return "HEAD" if sent.startswith(b"HEAD ") else "GET"


def _read(response: HTTPResponse, began: float) -> Answer:
    response.begin()
    content = response.read()
    return Answer(
        status=response.status,
        headers=response.headers,
        content=content,
        seconds=time.monotonic() - began,
    )


class _Heard(io.BytesIO):
    """What was heard, to be read one answer after the other."""

    def makefile(self, *_args: object) -> _Heard:
        return self

    def close(self) -> None:
        """An answer that was read leaves the next ones open."""
