"""gunicorn's worker of threads, made so that no client can keep a thread waiting.

gunicorn gives a thread to each connection that says something, and the thread waits for the rest as
long as the client likes: as many slow clients as there are threads, and nobody else is answered.
Here the main loop, which waits for all clients at once, collects each request, and a thread is
given to it when it is whole. What a client does not take of its answer at once, the main loop sends
on. Two are waited for by a thread: who brings a file, since whoever may not bring one is refused
before it is read, and who takes an answer of more than some megabytes. Of several threads, one is
always left.

Who stays behind the pace is given up: answered 408, where an answer is possible. When there are
more connections, or more of what they have sent and not taken, than there is room for, whoever is
closest to being given up gives way.
"""

from __future__ import annotations

import math
import resource
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.utils.translation import gettext as _
from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped]
from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from attrition_site.serving.connection import PATIENCE, Connection
from attrition_site.serving.threads import Threads

# Bytes that one process keeps for all its clients together.
MAX_HELD = 64 * 1024 * 1024
# Seconds that a file may wait until others have been read.
TURN = 30.0
# Seconds that a stopping server leaves a client for the request that it may be sending.
LINGER = 1.0
# Files that a process has open besides its connections.
_OTHER_FILES = 128

_AT_ONCE = 64 * 1024
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Answers those who have said what they want."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = max(1, min(self.cfg.worker_connections, files - _OTHER_FILES))
        self.connections: set[Connection] = set()
        # Files: those that threads read, and those that wait for their turn.
        self.most_uploads = max(1, self.cfg.threads // 2)
        self.uploads: set[Connection] = set()
        self.queue: deque[Connection] = deque()
        # Whose threads wait for them: these, and those who take a very large answer. One thread is
        # left to everyone else.
        self.most_waiting = max(1, self.cfg.threads - 1)
        self.readers: set[Connection] = set()
        self.readers_lock = threading.Lock()
        self.given_up = 0
        self.next_look = 0.0

    def get_thread_pool(self) -> Threads:
        return Threads(self.cfg.threads)

    # -------------------------------------------------------------- the main loop

    def run(self) -> None:
        self.poller.register(self.method_queue.fileno(), _READ, self.method_queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive:
            self.turn(1.0)
        self.set_accept_enabled(False)
        over, self.next_look = time.monotonic() + self.cfg.graceful_timeout, 0.0
        for connection in self.connections:
            if not connection.answering:
                connection.deadline = min(connection.deadline, time.monotonic() + LINGER)
        while self.connections and time.monotonic() < over:
            self.turn(0.1)
        for connection in self.connections:
            connection.give_up()
        self.tpool.shutdown(wait=False)
        for listener in self.sockets:
            listener.close()

    def turn(self, seconds: float) -> None:
        """See to whatever happens within so many seconds."""
        for key, events in self.poller.select(max(0.0, self.next_look - time.monotonic())):
            if isinstance(key.data, Connection):
                self.see_to(key.data, events)
            else:
                key.data(key.fileobj)  # gunicorn's own: a new connection, or `served`
        now = time.monotonic()
        if now >= self.next_look:
            self.next_look = now + seconds
            self.look_around(now)

    def look_around(self, now: float) -> None:
        """Say that this process lives, and give up whose time is over."""
        self.notify()
        if not self.is_parent_alive():
            self.alive = False
        for connection in [one for one in self.connections if one.deadline <= now]:
            self.give_up(connection)
        if self.alive:
            self.set_accept_enabled(True)
        if self.given_up:
            self.log.warning("Gave up %s clients that were too slow, or gone.", self.given_up)
            self.given_up = 0

    def accept(self, listener: socket.socket) -> None:
        if len(self.connections) >= self.most and not self.make_room():
            self.set_accept_enabled(False)  # until the next look around
            return
        try:
            line, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # no file is left, or no memory
            if not self.make_room():
                self.set_accept_enabled(False)
            return
        line.setblocking(False)
        connection = Connection(line, client, line.getsockname(), self)
        self.connections.add(connection)
        self.listen(connection, _READ)

    def listen(self, connection: Connection, events: int) -> None:
        if connection.events == events:
            return
        if not connection.events:
            self.poller.register(connection.line, events, connection)
        elif events:
            self.poller.modify(connection.line, events, connection)
        else:
            self.poller.unregister(connection.line)
        connection.events = events

    def see_to(self, connection: Connection, events: int) -> None:
        try:
            if events & _WRITE:
                connection.sock.send_on()
                if not connection.sock.unsent:
                    self.listen(connection, connection.events & ~_WRITE)
                    if not connection.answering:
                        self.go_on(connection)
            elif connection.answering or connection.sock.unsent:
                # Whoever is being answered is listened to afterwards.
                self.listen(connection, connection.events & ~_READ)
            else:
                self.receive(connection)
        except OSError:
            self.lose(connection)

    def receive(self, connection: Connection) -> None:
        try:
            data = connection.line.recv(_AT_ONCE)
        except BlockingIOError:
            return
        if not data:
            self.lose(connection)
            return
        if connection.closing:
            return
        begins = not connection.received
        connection.received += data
        if self.hand_over_if_whole(connection):
            return
        if begins:
            connection.deadline = time.monotonic() + PATIENCE
        if len(connection.received) > _AT_ONCE:
            self.keep_within_bounds()
        connection.keep_pace(len(data))

    # -------------------------------------------------------------- to a thread, and back

    def hand_over_if_whole(self, connection: Connection) -> bool:
        if not connection.whole():
            return False
        if connection.lacking:
            self.listen(connection, 0)
            connection.deadline = time.monotonic() + TURN
            self.queue.append(connection)
            self.call_next_upload()
        elif len(connection.received) > _AT_ONCE and self.held() > MAX_HELD:
            self.give_up(connection, full=True)  # as much waits for a thread already
        else:
            self.hand_over(connection)
        return True

    def held(self) -> int:
        """Bytes that are kept for all clients together."""
        return sum(one.held for one in self.connections)

    def hand_over(self, connection: Connection) -> None:
        connection.hand_over()
        self.tpool.submit(self.serve, connection)

    def call_next_upload(self) -> None:
        while (
            self.queue
            and len(self.uploads) < self.most_uploads
            and len(self.uploads) + len(self.readers) < self.most_waiting
        ):
            connection = self.queue.popleft()
            self.uploads.add(connection)
            self.hand_over(connection)

    def serve(self, connection: Connection) -> None:
        """Answer one request, in a thread."""
        request = None
        keep = False
        try:
            request = Request(self.cfg, connection.arrived, connection.client)
            request._expected_100_continue = False  # the body has come
            keep = self.handle_request(request, connection)
            connection.sock.finish()
        except (ConnectionError, NoMoreData, StopIteration):
            pass  # the client is gone, or an answer broke off and was logged
        except Exception as error:
            if connection.sock.written:
                self.log.exception("An answer broke off.")
            else:
                self.handle_error(request, connection.sock, connection.client, error)
                with suppress(OSError):
                    connection.sock.finish()
        finally:
            connection.keep = keep and connection.arrived.complete
            self.method_queue.defer(self.served, connection)

    def served(self, connection: Connection) -> None:
        """The thread has let go of it."""
        connection.answering = False
        connection.arrived.begin(b"", b"", 0)
        self.uploads.discard(connection)
        self.call_next_upload()
        if connection not in self.connections:
            connection.line.close()
        elif connection.given_up:
            self.give_up(connection)
        elif not connection.sock.unsent:
            try:
                self.go_on(connection)
            except OSError:
                self.lose(connection)

    def go_on(self, connection: Connection) -> None:
        """The answer is sent. Raises OSError when the client is gone."""
        if not connection.keep:
            self.hang_up(connection)
            return
        connection.deadline = time.monotonic() + (self.cfg.keepalive if self.alive else LINGER)
        self.listen(connection, _READ)
        if connection.received:
            self.hand_over_if_whole(connection)

    def hang_up(self, connection: Connection) -> None:
        """Once the client does: whoever closes on what has not been read cuts off his own answer.
        Until then what comes is taken, and not looked at.
        """
        connection.closing = True
        connection.received.clear()
        connection.deadline = time.monotonic() + (PATIENCE if self.alive else LINGER)
        connection.line.shutdown(socket.SHUT_WR)
        self.listen(connection, _READ)

    # -------------------------------------------------------------- what is too slow, or too much

    def take_unsent(self, connection: Connection) -> None:
        self.method_queue.defer(self.send_on, connection)

    def send_on(self, connection: Connection) -> None:
        if connection.sock.unsent and connection in self.connections:
            self.listen(connection, connection.events | _WRITE)
            self.keep_within_bounds()

    @contextmanager
    def waiting(self, connection: Connection) -> Iterator[None]:
        with self.readers_lock:
            self.readers.add(connection)
            if len(self.readers) + len(self.uploads) > self.most_waiting:
                min(self.readers, key=_deadline).give_up()
        try:
            yield
        finally:
            with self.readers_lock:
                self.readers.discard(connection)

    def keep_within_bounds(self) -> None:
        """Have room for what clients have sent, and have not taken."""
        while self.held() > MAX_HELD:
            if not self.make_room(among=[one for one in self.connections if one.held]):
                return

    def make_room(self, among: Iterable[Connection] = ()) -> bool:
        """Give up whoever is closest to it; False when all are being answered."""
        slowest = min(among or self.connections, key=_deadline, default=None)
        if slowest is None or slowest.deadline == math.inf:
            return False
        self.give_up(slowest, full=True)
        return True

    def give_up(self, connection: Connection, *, full: bool = False) -> None:
        """Wait no longer for this client, and say why where an answer is possible."""
        waited = connection in self.queue
        if waited:
            self.queue.remove(connection)
        half_answered = connection.sock.begun or connection.sock.unsent
        half_asked = connection.received or connection.given_up
        self.given_up += bool(half_answered or half_asked)
        with suppress(OSError):
            if half_asked and not half_answered and not connection.closing:
                connection.send(_refusal(full=full or waited))
                if not full:
                    self.hang_up(connection)
                    return
        self.lose(connection)

    def lose(self, connection: Connection) -> None:
        """Be done with a client. Its socket is closed by nobody else, and never under a thread:
        the next client would get its number.
        """
        self.listen(connection, 0)
        self.connections.discard(connection)
        if connection.answering:
            connection.give_up()
        else:
            connection.line.close()


def _deadline(connection: Connection) -> float:
    return connection.deadline


def _refusal(*, full: bool) -> bytes:
    """What is answered to a client that is given up, as a problem document."""
    # This module is read by the process that starts the workers, and never loads the product.
    from attrition_site.requests.problems import RETRY_AFTER, problem

    if full:
        answer = problem(
            503,
            instance="",
            code="unavailable",
            detail=_("Too many are asking at the moment. Nothing was recorded. Try again."),
            headers={"Retry-After": str(RETRY_AFTER)},
        )
    else:
        answer = problem(
            408,
            instance="",
            code="too_slow",
            detail=_("The request came too slowly to be waited for. Nothing was recorded."),
        )
    answer["Cache-Control"] = "no-store"
    answer["Content-Length"] = str(len(answer.content))
    answer["Connection"] = "close"
    status = f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\r\n".encode()
    return b"%s%s\r\n\r\n%s" % (status, answer.serialize_headers(), answer.content)
