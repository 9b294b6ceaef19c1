"""One client's connection: what has come of its requests, what is still to be sent of an answer,
and until when that may take.

HTTP/1 without TLS: whatever ends HTTPS stands in front of the product.
"""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from contextlib import AbstractContextManager
from typing import Any, Protocol

from django.conf import settings
from gunicorn.http.errors import LimitRequestHeaders  # type: ignore[import-untyped]

# Bytes a second that a client must send or take in the long run, as any line does that people work
# with; and the seconds that it may be behind that, or stand still.
PACE = 16 * 1024
PATIENCE = 10.0

# Bytes of a request's head. Those of browsers and proxies stay far below.
MAX_HEAD = 64 * 1024
# Bytes of one answer that are kept for a client that is slow to take them; the largest of the
# pages' own files fits. Whatever answers with more waits for the client.
MAX_UNSENT = 4 * 1024 * 1024

_AT_ONCE = 1024 * 1024
_LENGTH_NAME = b"\r\ncontent-length:"
_LENGTH = re.compile(rb"[ \t]*(\d{1,18})[ \t]*\r\n")
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")


class Keeper(Protocol):
    """Who keeps the connections. Called by the thread that answers."""

    def take_unsent(self, connection: Connection) -> None:
        """Send what the client did not take at once, when it takes it."""

    def waiting(self, connection: Connection) -> AbstractContextManager[None]:
        """The thread waits meanwhile for the client to take something."""


class Connection:
    """Of one client. The main loop has it; the thread that answers has `arrived` and `sock`."""

    def __init__(self, line: socket.socket, client: Any, server: Any, keeper: Keeper) -> None:
        self.line = line
        self.client, self.server = client, server
        """Addresses, as gunicorn wants them."""
        self.received = bytearray()
        """What has come and was not given to a thread."""
        self.deadline = time.monotonic() + PATIENCE
        """When it is given up, on the monotonic clock."""
        self.events = 0
        """What the main loop listens for, of selectors.EVENT_READ and EVENT_WRITE."""
        self.answering = False
        """Whether a thread has it."""
        self.keep = False
        """Whether another request may follow once the answer is sent."""
        self.closing = False
        """Whether all is said, and only the client's hanging up is waited for."""
        self.given_up = False
        """Whether a thread that waits for this client must not wait any longer."""
        self.arrived = Arrived(self)
        self.sock = Answer(self, keeper)
        self._searched = 0
        self._head = 0
        self._length = 0
        self._endless = False

    def whole(self) -> bool:
        """Whether a thread can be given what has come: a request; of one that brings a file, as
        much as others may bring at most; or what will never be a head.
        """
        if not self._head and not self._find_head():
            return False
        return len(self.received) >= self._head + min(self._length, settings.API_MAX_BODY)

    def _find_head(self) -> bool:
        received = self.received
        # One empty line may stand before a request.
        since = max(2 if received.startswith(b"\r\n") else 0, self._searched - 3)
        end = received.find(b"\r\n\r\n", since)
        if end < 0:
            broken = _BARE_NEWLINE.search(received, self._searched)
            self._searched = len(received)
            if not broken and len(received) <= MAX_HEAD:
                return False
            # gunicorn's parser says what is wrong with it.
            self._head, self._length, self._endless = len(received), 0, True
            return True
        self._head = end + 4
        head = received[: self._head].lower()
        named = head.find(_LENGTH_NAME)
        length = _LENGTH.match(head, named + len(_LENGTH_NAME)) if named >= 0 else None
        self._length = int(length[1]) if length else 0
        # gunicorn refuses most such lengths; where the next request begins is not known after any.
        self._endless = b"\r\ntransfer-encoding:" in head or (named >= 0 and not length)
        if self.lacking and b"\r\nexpect: 100-continue" in head and b" http/1.1\r\n" in head:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    @property
    def lacking(self) -> int:
        """Bytes of the request, its head found, that have not come."""
        return max(0, self._head + self._length - len(self.received))

    @property
    def held(self) -> int:
        """Bytes that are kept for this client."""
        return len(self.received) + self.arrived.held + self.sock.unsent

    def hand_over(self) -> None:
        """Let the thread that answers have this request, and nothing of the next."""
        lacking, end = self.lacking, self._head + self._length
        head, body = bytes(self.received[: self._head]), bytes(self.received[self._head : end])
        del self.received[:end]
        self.arrived.begin(head, body, lacking, endless=self._endless)
        self._searched = self._head = 0
        self.answering, self.deadline = True, math.inf

    def keep_pace(self, moved: int) -> None:
        """Put the deadline off by what so many bytes may take."""
        self.deadline = min(time.monotonic() + PATIENCE, self.deadline + moved / PACE)

    def send(self, data: bytes | bytearray) -> int:
        """How many bytes of it the kernel took at once. Raises OSError when the client is gone."""
        try:
            return self.line.send(data)
        except BlockingIOError:
            return 0

    def give_up(self) -> None:
        """Have the thread that answers wait for the client no longer."""
        self.given_up = True
        self.sock.stir()


class Arrived:
    """What has come of one request, as gunicorn's parsers ask for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.begin(b"", b"", 0)

    def begin(self, head: bytes, body: bytes, lacking: int, *, endless: bool = False) -> None:
        """A request; `lacking` bytes of its body are on their way. Of an endless one nothing is
        read that has not come yet.
        """
        self._head, self._body, self._at = head, body, 0
        self._lacking, self._endless = lacking, endless
        self._credit = PATIENCE

    @property
    def held(self) -> int:
        """Bytes of the body that are kept."""
        return len(self._body)

    @property
    def complete(self) -> bool:
        """Whether whatever comes next belongs to another request."""
        return not self._lacking and not self._endless

    def read(self, size: int | None = None, read_ahead: int | None = None) -> bytes:
        """So many bytes of the body, fewer where it ends; without a size, the whole head.

        Raises ConnectionError when the client hung up or was given up.
        """
        if size is None:
            head, self._head = self._head, b""
            if not head and self._endless:
                raise LimitRequestHeaders("it has no end")
            return head
        found = self._body[self._at : self._at + size]
        self._at += len(found)
        while len(found) < size and self._lacking:
            wanted = max(size - len(found), read_ahead or 0)
            self._body = self._receive(min(wanted, self._lacking, _AT_ONCE))
            self._at = min(size - len(found), len(self._body))
            found += self._body[: self._at]
        return found

    def unread(self, data: bytes) -> None:
        """Take back what a parser had no use for."""
        if data:
            self._body, self._at = data + self._body[self._at :], 0

    def _receive(self, most: int) -> bytes:
        """Wait for the client, whose clock runs only here."""
        line, began = self._connection.line, time.monotonic()
        line.settimeout(0.5)
        try:
            while not self._connection.given_up:
                try:
                    data = line.recv(most)
                except TimeoutError:
                    if time.monotonic() > began + self._credit:
                        self._connection.give_up()
                    continue
                if not data:
                    # A file that lacks its end must not be taken for a whole one.
                    self._connection.give_up()
                    raise ConnectionResetError("The client hung up before all had come.")
                self._lacking -= len(data)
                waited = time.monotonic() - began
                self._credit = min(PATIENCE, self._credit - waited + len(data) / PACE)
                if self._credit < 0 and self._lacking:
                    self._connection.give_up()
                return data
            raise ConnectionAbortedError("The client was too slow.")
        finally:
            line.settimeout(0)


class Answer:
    """Where gunicorn writes an answer: looks like a socket, and waits for no client unless a very
    large answer is not taken.
    """

    def __init__(self, connection: Connection, keeper: Keeper) -> None:
        self._connection, self._keeper = connection, keeper
        self._head = b""
        self.begun = False
        """Whether some of an answer is sent, and not yet all of it written."""
        self._unsent = bytearray()
        self._changed = threading.Condition(threading.Lock())

    @property
    def written(self) -> bool:
        """Whether gunicorn has begun to write an answer, and not ended."""
        return self.begun or bool(self._head)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the client to take them."""
        return len(self._unsent)

    def sendall(self, data: bytes) -> None:
        """Send it, or keep it to be sent. Raises OSError when the client is gone or given up."""
        if not self.begun:
            if not self._head:
                self._head = data  # gunicorn writes it by itself; it goes with what follows
                return
            data, self._head = self._head + data, b""
        self._send(data)

    def sendfile(self, file: Any, offset: int, count: int) -> None:
        """So many bytes of a file."""
        file.seek(offset)
        while count > 0 and (data := file.read(min(count, _AT_ONCE))):
            self.sendall(data)
            count -= len(data)

    def finish(self) -> None:
        """The answer is complete."""
        head, self._head = self._head, b""
        if head:
            self._send(head)
        self.begun = False

    def _send(self, data: bytes) -> None:
        connection = self._connection
        if connection.given_up:
            raise ConnectionAbortedError("The client was too slow.")
        self.begun = True
        if not self._unsent:  # nobody else adds to it
            sent = connection.send(data)
            if sent == len(data):
                return
            data = data[sent:]
        with self._changed:
            if not self._unsent:
                connection.deadline = time.monotonic() + PATIENCE
            self._unsent += data
        self._keeper.take_unsent(connection)
        if len(self._unsent) > MAX_UNSENT:
            with self._keeper.waiting(connection), self._changed:
                self._changed.wait_for(
                    lambda: connection.given_up or len(self._unsent) <= MAX_UNSENT // 2
                )
            if connection.given_up:
                raise ConnectionAbortedError("The client was too slow.")

    def send_on(self) -> None:
        """Send what the kernel takes at once of what was kept. Raises OSError."""
        with self._changed:
            sent = self._connection.send(self._unsent)
            del self._unsent[:sent]
            self._connection.keep_pace(sent)
            if self._connection.answering and not self._unsent:
                self._connection.deadline = math.inf  # it is not the client that is waited for
            self._changed.notify_all()

    def stir(self) -> None:
        """Have a thread that waits look whether it still has to."""
        with self._changed:
            self._changed.notify_all()

    # gunicorn hangs up by itself when an answer breaks off in its middle. The main loop will, once
    # the thread has let go.

    def gettimeout(self) -> float:
        return 0.0

    def settimeout(self, seconds: float | None) -> None: ...

    def shutdown(self, how: int) -> None: ...

    def recv(self, most: int) -> bytes:
        return b""

    def close(self) -> None: ...
