"""What is said to the web server in bytes, over a connection of its own."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time

from accounts.demo import PUBLISHED_PASSWORD

HOST = b"Host: 127.0.0.1\r\n"


class Line:
    """A connection that is spoken over in bytes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 15)
        self.heard = self.socket.makefile("rb")

    def close(self):
        self.heard.close()
        self.socket.close()

    def say(self, *pieces, pause=0.0):
        for piece in pieces:
            self.socket.sendall(piece)
            time.sleep(pause)

    def hear(self, *, body=True):
        """The status, the headers and the body of the next answer; status 0 after the last."""
        first = self.heard.readline()
        if not first:
            return 0, {}, b""
        headers = http.client.parse_headers(self.heard)
        length = int(headers.get("Content-Length", 0))
        return int(first.split()[1]), headers, self.heard.read(length) if body else b""

    def status(self):
        return self.hear()[0]


class Person:
    """Someone signed in, whose form with a file is spoken in bytes."""

    def __init__(self, port, name="hr"):
        self.cookies = {}
        self.port = port
        token = self._token("/accounts/login/")
        body = f"csrfmiddlewaretoken={token}&username={name}&password={PUBLISHED_PASSWORD}"
        head = b"Content-Type: application/x-www-form-urlencoded\r\n"
        assert self._exchange(b"POST /accounts/login/", head, body.encode())[0] == 302
        self.token = self._token("/batches/new/")

    def _token(self, page):
        page = self._exchange(b"GET " + page.encode())[1]
        return re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page)[1].decode()

    def _exchange(self, first, head=b"", body=b""):
        with contextlib.closing(Line(self.port)) as line:
            line.say(self.head(first, head, len(body)) + body)
            status, headers, found = line.hear()
        for cookie in headers.get_all("Set-Cookie", []):
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name] = value
        return status, found

    def head(self, first, head, length):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode()
        size = b"Content-Length: %d\r\n" % length
        return (
            first
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Cookie: "
            + cookies
            + b"\r\n"
            + head
            + size
            + b"\r\n"
        )

    def form(self, content):
        """Head and body of a form with a file of people."""
        parts = (
            b'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n'
            + self.token.encode()
            + b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n'
            + b"Content-Type: text/csv\r\n\r\n"
            + content
            + b"\r\n--x--\r\n"
        )
        head = b"Content-Type: multipart/form-data; boundary=x\r\n"
        return self.head(b"POST /batches/new/", head, len(parts)), parts


def people(megabytes):
    row = b"%07d,41,Sales,5000\r\n"
    return b"employee_id,age,department,monthly_income\r\n" + b"".join(
        row % number for number in range(megabytes * 1_000_000 // 26)
    )
