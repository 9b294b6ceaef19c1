"""The web worker keeps gunicorn's promises: real workers, real connections."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from attrition_site.run import web_server

BASE_DIR = Path(__file__).resolve().parent.parent
PATIENCE = 30  # seconds; only a failure takes that long


def who_answers(environ, start_response):
    """A WSGI application: which process answers."""
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextlib.contextmanager
def serving(*, workers):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = web_server("127.0.0.1", port, workers=workers)
    command[command.index("attrition_site.wsgi")] = "tests.test_web_worker:who_answers"
    process = psutil.Popen([sys.executable, "-m", *command], cwd=BASE_DIR, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while len(process.children()) < workers or not listens(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def listens(port):
    try:
        ask(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), close=True)
    except OSError:
        return False
    return True


def ask(connection, *, close=False):
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200
    pid = answer.read()
    if close:
        connection.close()
    return pid


@pytest.fixture
def connections():
    """Makes connections, and closes them."""
    with contextlib.ExitStack() as stack:

        def make(port, count):
            made = [
                http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                for _ in range(count)
            ]
            for connection in made:
                stack.callback(connection.close)
                connection.connect()
            return made

        yield make


def test_requests_are_answered_at_once_and_after_a_pause(connections):
    with serving(workers=1) as port:
        [connection] = connections(port, 1)
        for pause in (0, 0, 0.02, 0, 0.1, 0):
            time.sleep(pause)
            ask(connection)


def test_more_connections_than_threads_are_all_answered(connections):
    with serving(workers=1) as port:
        many = connections(port, 12)
        for connection in many:
            connection.request("GET", "/")
        for _ in range(20):  # each asks again as soon as it is answered
            for connection in many:
                answer = connection.getresponse()
                assert answer.status == 200
                answer.read()
                connection.request("GET", "/")


def test_requests_sent_before_the_answer_are_answered_in_turn():
    with serving(workers=1) as port, socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        received = b""
        while received.count(b"200 OK") < 3:
            received += client.recv(65536)


def test_connections_are_dealt_out_fairly(connections):
    with serving(workers=2) as port:
        shares = Counter()
        for _ in range(10):
            many = connections(port, 8)
            shares.update(map(ask, many))
            for connection in many:
                connection.close()
            time.sleep(0.05)
        assert len(shares) == 2
        assert min(shares.values()) >= 20  # of 80; in a plain race one often has all of eight
