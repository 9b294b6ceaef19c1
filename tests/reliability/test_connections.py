"""What a client may say to the web server, in which pieces, and how either may end it."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import pytest

from tests.conftest import EMPLOYEE
from tests.reliability.installation import ASSESS, serving
from tests.reliability.spoken import HOST, Line, Person, people

HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
LARGE_FILE = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


@pytest.fixture
def line(web):
    with contextlib.closing(Line(web.port)) as speaking:
        yield speaking


def assessing(web, *headers, reference="R-pieces"):
    """Head and body of a request for an assessment."""
    body = json.dumps(EMPLOYEE | {"employee_id": reference}).encode()
    head = [
        b"POST %s HTTP/1.1" % ASSESS.encode(),
        HOST.strip(),
        b"Authorization: Bearer " + web.token.encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *headers,
        b"\r\n",
    ]
    return b"\r\n".join(head), body


def test_several_requests_over_one_connection(line):
    for _ in range(3):
        line.say(HEALTH)
        assert line.status() == 200


def test_several_requests_at_once_are_answered_in_their_order(line, web):
    head, body = assessing(web)
    line.say(HEALTH + head + body + b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + HEALTH)
    assert [line.status() for _ in range(4)] == [200, 201, 404, 200]


def test_a_request_in_pieces_of_any_size(line, web):
    head, body = assessing(web)
    whole = HEALTH + head + body
    line.say(*(whole[at : at + 7] for at in range(0, len(whole), 7)))
    assert [line.status(), line.status()] == [200, 201]


def test_an_empty_line_before_a_request(line):
    line.say(HEALTH, b"\r\n" + HEALTH)
    assert [line.status(), line.status()] == [200, 200]


def test_who_asks_whether_to_go_on_is_told_to(line, web):
    head, body = assessing(web, b"Expect: 100-continue")
    line.say(head)
    assert line.hear()[0] == 100
    line.say(body)
    assert line.status() == 201


@pytest.mark.parametrize("last", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nConnection: close\r\n"])
def test_the_server_hangs_up_when_it_was_asked_to(line, last):
    line.say(b"GET /health " + last + HOST + b"\r\n")
    assert line.status() == 200
    assert line.status() == 0


def test_a_head_without_a_body(line):
    line.say(b"HEAD /health HTTP/1.1\r\n" + HOST + b"\r\n")
    status, headers, _ = line.hear(body=False)
    assert status == 200
    assert int(headers["Content-Length"]) > 0
    line.say(HEALTH)
    assert line.status() == 200


def test_a_body_that_does_not_tell_its_length(line):
    """Where the next request begins is not looked for."""
    line.say(
        b"POST %s HTTP/1.1\r\n" % ASSESS.encode() + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n" + HEALTH,
    )
    assert line.status() == 411
    assert b"HTTP/1.1" not in line.heard.read()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n\r\n",
        b"\n\n",
        b"GET /health HTTP/1.1\nHost: 127.0.0.1\n\n",
        b"GET /health HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
        b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: many\r\n\r\n",
        b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
        b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + HOST + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
    ],
    ids=lambda said: f"{said[:12]!r}, {len(said)} bytes",
)
def test_what_is_no_request(line, web, nonsense):
    """It is answered so at once, nothing after it is taken for one, and nothing is a fault."""
    line.say(nonsense + HEALTH)
    assert 400 <= line.status() < 500
    assert line.status() == 0
    assert web.ask("/health").status == 200


def test_a_header_that_names_the_product_s_place(line):
    """gunicorn would believe it, from a proxy on the same machine."""
    line.say(b"GET /health HTTP/1.1\r\n" + HOST + b"SCRIPT_NAME: /elsewhere\r\n\r\n")
    assert line.status() == 200


def test_a_file_that_is_refused_unread_is_answered_while_it_is_being_sent(line, web):
    """Whoever is told does not lose the answer by what was still on its way."""
    size = 30_000_000
    line.say(b"POST %s HTTP/1.1\r\n" % ASSESS.encode() + HOST)
    line.say(b"Authorization: Bearer " + web.token.encode() + b"\r\n")
    line.say(b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(size // 100_000):
        line.say(b"x" * 100_000)
    assert line.status() == 413
    assert line.status() == 0


def test_a_large_answer_arrives_whole_however_it_is_taken(line, web):
    """At the pace of a poor line: many times slower than the server has it ready."""
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    line.say(b"GET " + LARGE_FILE + b" HTTP/1.1\r\n" + HOST + b"\r\n" + HEALTH)
    status, headers, _ = line.hear(body=False)
    assert status == 200
    left, taken = int(headers["Content-Length"]), b""
    assert left > 1_000_000
    while len(taken) < left:
        taken += line.heard.read(min(50_000, left - len(taken)))
        time.sleep(0.01)
    assert taken.decode() == web.ask(LARGE_FILE.decode()).body
    assert line.status() == 200


@pytest.fixture(scope="module")
def person(web):
    return Person(web.port)


def test_a_file_arrives_whole(line, person, place):
    """Larger than what is collected before a thread has it; the connection goes on."""
    content = people(12)
    head, body = person.form(content)
    line.say(head, body)
    status, headers, _ = line.hear()
    assert (status, headers["Location"][:9]) == (302, "/batches/")
    line.say(HEALTH)
    assert line.status() == 200
    assert (len(content),) in place.query("SELECT size FROM predictions_batch")


def test_a_file_that_lacks_its_end_is_none(line, person, web, place):
    [(before,)] = place.query("SELECT count(*) FROM predictions_batch")
    head, body = person.form(people(4))
    line.say(head, body[:3_000_000])
    line.socket.shutdown(socket.SHUT_WR)
    assert line.status() == 408
    assert place.query("SELECT count(*) FROM predictions_batch") == [(before,)]
    assert "Traceback" not in web.errors()


def test_a_server_that_is_stopped_answers_what_it_was_asked(place):
    """And waits neither for those who say nothing nor for those who do not hang up."""
    with serving(place, workers=1) as web, contextlib.ExitStack() as open_lines:
        silent, kept, begun = (Line(web.port) for _ in range(3))
        for one in (silent, kept, begun):
            open_lines.enter_context(contextlib.closing(one))
        head, body = assessing(web)
        kept.say(HEALTH)
        assert kept.status() == 200
        begun.say(head, body[:-1])
        time.sleep(0.2)
        stopped = time.monotonic()
        web.process.terminate()
        time.sleep(0.2)
        begun.say(body[-1:])
        assert begun.status() == 201
        assert kept.status() == 0
        web.process.wait(10)
        assert time.monotonic() - stopped < 3
