"""A person at a browser, as far as a benchmark needs one: cookies, pages, forms sent as drawn."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.installation import BenchmarkError

_PATIENCE = 300.0  # seconds
_PIECE = 1 << 18  # bytes


class Visitor:
    """Somebody who is signed in once `sign_in` was called. Not to be shared between threads."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=_PATIENCE)
        self._cookies: dict[str, str] = {}

    def close(self) -> None:
        self._connection.close()

    def sign_in(self, username: str, password: str) -> None:
        """Raises `BenchmarkError` when that is refused."""
        page = "/accounts/login/"
        self.send_form(page, {"username": username, "password": password}, drawn_at=page)

    def get(self, path: str) -> str:
        """A page's text. Raises `BenchmarkError` unless it answers with status 200."""
        status, _location, content = self._ask("GET", path)
        if status != http.client.OK:
            raise BenchmarkError(f"{path} answered {status}: {content[:500]!r}")
        return content.decode()

    def send_form(self, path: str, changes: Mapping[str, str], *, drawn_at: str) -> str:
        """Send the form that a page draws to `path`, and give where the answer leads."""
        drawn = _Fields(path)
        drawn.feed(self.get(drawn_at))
        body = urlencode(drawn.fields | changes).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._redirected(path, *self._ask("POST", path, body, kind))

    def send_file(self, path: str, field: str, file: Path) -> str:
        """Send a file in the form that the page `path` draws, and give where the answer leads."""
        drawn = _Fields(path)
        drawn.feed(self.get(path))
        boundary = secrets.token_hex(16)
        before = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in drawn.fields.items()
            if name != field
        ) + (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}";'
            f' filename="{file.name}"\r\nContent-Type: text/csv\r\n\r\n'
        )
        after = f"\r\n--{boundary}--\r\n"

        def body() -> Iterator[bytes]:
            yield before.encode()
            with file.open("rb") as opened:
                yield from iter(lambda: opened.read(_PIECE), b"")
            yield after.encode()

        length = len(before.encode()) + file.stat().st_size + len(after)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(length),
        }
        return self._redirected(path, *self._ask("POST", path, body(), headers))

    def _redirected(self, path: str, status: int, location: str, content: bytes) -> str:
        if status != http.client.FOUND:
            raise BenchmarkError(f"{path} answered {status}: {content[:2000]!r}")
        return location

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        self._connection.request(
            method,
            path,
            body,
            {"Cookie": cookies, "Accept": "text/html", "Accept-Language": "en", **(headers or {})},
        )
        response = self._connection.getresponse()
        content = response.read()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return response.status, response.getheader("Location", ""), content


class _Fields(HTMLParser):
    """What a browser would send of the form on a page whose action is `path`, or none is given."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._path = path
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            is_post = given.get("method", "").lower() == "post"
            self._inside = is_post and given.get("action") in (None, self._path)
        elif self._inside and tag == "input" and given.get("name"):
            if given.get("type") not in ("file", "submit", "checkbox", "radio"):
                self.fields[given["name"]] = given.get("value", "")
        elif self._inside and tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            value = given.get("value", "")
            if "selected" in given:
                self.fields[self._select] = value
            else:  # where none is selected, the first one is
                self.fields.setdefault(self._select, value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
