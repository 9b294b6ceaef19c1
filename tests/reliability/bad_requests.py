"""Requests that nobody should send: to every door of the product, by every way to be wrong."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

from hypothesis import strategies as st

from tests.reliability.bad_values import (
    ODD_TEXTS,
    altered,
    batches,
    employees,
    encoded,
    escaped,
    json_texts,
    many_employees,
    texts,
)
from tests.reliability.installation import ASSESS
from tests.reliability.wire import Request

HOST = (b"Host", b"127.0.0.1")
JSON = (b"Content-Type", b"application/json")
_URLENCODED = b"application/x-www-form-urlencoded"
_BOUNDARY = b"b0undary"

# ------------------------------------------------------------------ programs

_API_POSTS = (
    ASSESS,
    f"{ASSESS}/batch",
    "/predict/attrition",
    "/predict/attrition/batch",
    "/api/v1/auth/refresh",
    "/api/v1/auth/revoke",
)
_MEDIA_TYPES = (
    b"application/json",
    b"application/json; charset=utf-16",
    b"application/json; charset=none",
    b"application/json;;;=",
    b"application/problem+json",
    b"text/json",
    b"text/plain",
    b"application/xml",
    b"application/octet-stream",
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=" + b"x" * 300,
    b"multipart/form-data; boundary=\xff\xfe",
    _URLENCODED,
    b"application/x-www-form-urlencoded; charset=rot13",
    b"*/*",
    b"/",
    b"",
    b"\xff",
)
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252")


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A body for a program's door."""
    shape = draw(st.integers(0, 9))
    if shape == 0:
        return draw(st.binary(max_size=200))
    if shape == 1:
        return gzip.compress(draw(employees()).encode(errors="replace"))
    if shape == 2:
        return many_employees(draw(st.sampled_from([0, 1, 1001, 3000]))).encode()
    written = st.one_of(employees(), employees(), batches(), json_texts)
    whole = encoded(draw(written), draw(st.sampled_from(_ENCODINGS)))
    return draw(altered(whole)) if shape == 3 else whole


@st.composite
def program_requests(draw: st.DrawFn, token: str) -> Request:
    """What a program posts to the API."""
    body = draw(bodies())
    headers = [HOST, (b"Content-Type", draw(st.just(JSON[1]) | st.sampled_from(_MEDIA_TYPES)))]
    if draw(st.integers(0, 19)):
        headers.append((b"Authorization", b"Bearer " + token.encode()))
    elif draw(st.booleans()):
        headers.append(
            (b"Authorization", draw(altered(b"Bearer " + token.encode()).map(_one_line)))
        )
    headers += draw(st.lists(_odd_headers, max_size=2))
    target = draw(st.sampled_from(_API_POSTS[:2]) | st.sampled_from(_API_POSTS))
    return Request(method=b"POST", target=target.encode(), headers=tuple(headers), body=body)


def _one_line(value: bytes) -> bytes:
    return bytes(one for one in value if one not in b"\r\n\0")[:6000]


_header_values = st.one_of(
    texts.map(lambda text: _one_line(encoded(text))), st.binary(max_size=40).map(_one_line)
)
_odd_headers = st.tuples(
    st.sampled_from(
        [
            b"Accept",
            b"Accept-Language",
            b"Accept-Encoding",
            b"Accept-Charset",
            b"Content-Encoding",
            b"Content-Language",
            b"Cookie",
            b"Forwarded",
            b"If-Modified-Since",
            b"If-None-Match",
            b"If-Range",
            b"Origin",
            b"Range",
            b"Referer",
            b"User-Agent",
            b"X-CSRFToken",
            b"X-Forwarded-For",
            b"X-Forwarded-Host",
            b"X-Forwarded-Proto",
            b"X-HTTP-Method-Override",
            b"X-Request-ID",
            b"X-Requested-With",
            b"X-Unknown",
        ]
    ),
    st.one_of(
        _header_values,
        st.sampled_from(
            [
                b"application/xml",
                b"text/html;q=x",
                b"application/json;q=2;indent=" + b"9" * 30,
                b"fr;q=9e9, \xe9",
                b"x" * 600 + b"-" + b"y" * 600,
                b"bytes=9-1,0-,-" + b"9" * 40,
                b"Thu, 99 Feb 99999 99:99:99 GMT",
                b"1.2.3.4.5, [::, , \xff",
                b"sessionid=; sessionid=\xff; csrftoken=\0",
                b"null",
                b"http://[",
                b"gzip;q=0, *;q=0",
            ]
        ),
    ),
)

# ------------------------------------------------------------------ pages


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form as a page shows it."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]
    """Each field and the values that the page offers, as pairs."""
    file: str
    """The name of the field that takes a file; else empty."""


class _Page(HTMLParser):
    """The forms of a page, and the queries of its links."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self.links: set[tuple[str, str]] = set()
        self._action: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._action = urlsplit(given.get("action") or self.address).path or self.address
            self._method = given.get("method", "get").lower()
            self._fields: list[tuple[str, str]] = []
            self._file = ""
        elif tag == "a" and "?" in given.get("href", ""):
            link = urlsplit(given["href"])
            path = link.path or self.address
            if not link.netloc and path.startswith("/"):
                self.links |= {(path, key) for key, _ in parse_qsl(link.query, True)}
        elif self._action is None:
            return
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self._fields.append((self._select, given.get("value", "")))
        elif tag in ("input", "textarea", "button") and name:
            if given.get("type") == "file":
                self._file = name
            else:
                self._fields.append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "form" and self._action is not None:
            self.forms.append(
                Form(
                    action=self._action,
                    method=self._method,
                    fields=tuple(self._fields),
                    file=self._file,
                )
            )
            self._action = None


def read_page(address: str, html: str) -> tuple[list[Form], dict[str, set[str]]]:
    """A page's forms that post; and by address what may be asked of a page, by its links and forms
    that get."""
    page = _Page(address)
    page.feed(html)
    asked: dict[str, set[str]] = {}
    for path, name in page.links:
        asked.setdefault(path, set()).add(name)
    for form in page.forms:
        if form.method == "get":
            asked.setdefault(form.action, set()).update(name for name, _ in form.fields)
    return [form for form in page.forms if form.method == "post"], asked


@st.composite
def queries(draw: st.DrawFn, asked: dict[str, Sequence[str]], cookies: bytes) -> Request:
    """A page, or a list of the admin or the API, that is asked for what makes no sense."""
    address = draw(st.sampled_from(sorted(asked)))
    names = st.sampled_from(asked[address]) | st.sampled_from(_COMMON_NAMES)
    if "/admin/" in address:
        lookups = st.sampled_from(_LOOKUPS)
        names = names | st.builds("{}__{}".format, st.sampled_from(asked[address]), lookups)
    pairs = draw(st.lists(st.tuples(names, texts), min_size=1, max_size=4))
    query = b"&".join([draw(escaped(name)) + b"=" + draw(escaped(text)) for name, text in pairs])
    if draw(st.integers(0, 9)) == 0:
        query = draw(altered(query).map(_for_a_line))
    return Request(target=address.encode() + b"?" + query, headers=(HOST, (b"Cookie", cookies)))


HISTORY = (
    "band",
    "batch",
    "created_from",
    "created_to",
    "cursor",
    "employee_id",
    "model_version",
    "source",
)
"""What the history is asked for by a program."""
_COMMON_NAMES = ("page", "cursor", "export", "o", "p", "q", "e", "all", "from", "limit", "format")
_LOOKUPS = (
    "exact",
    "in",
    "gte",
    "isnull",
    "year",
    "regex",
    "iregex",
    "range",
    "contains",
    "id",
    "pk",
    "date",
    "a__b__c",
)


def _for_a_line(value: bytes) -> bytes:
    return bytes(one for one in value if one not in b" \r\n\0")[:6000]


@st.composite
def form_requests(draw: st.DrawFn, forms: Sequence[Form], cookies: bytes, secret: str) -> Request:
    """A form as a page shows it, filled in as no page would."""
    form = draw(st.sampled_from(forms))
    fields = [(name, value) for name, value in form.fields if name != "csrfmiddlewaretoken"]
    for _ in range(draw(st.integers(1, 5))):
        name = draw(st.sampled_from([name for name, _ in fields] or ["x"]) | texts)
        match draw(st.integers(0, 4)):
            case 0:
                fields = [field for field in fields if field[0] != name]
            case 1:
                fields.append((name, draw(texts)))
            case _:
                fields = [field for field in fields if field[0] != name] + [(name, draw(texts))]
    keys = [(b"Cookie", cookies)]
    if draw(st.integers(0, 19)):
        keys.append((b"X-CSRFToken", secret.encode()))
    if draw(st.integers(0, 3)):
        body = b"&".join(
            [draw(escaped(name)) + b"=" + draw(escaped(value)) for name, value in fields]
        )
        media_type = _URLENCODED
    else:
        body, media_type = multipart([(name, "", encoded(value)) for name, value in fields])
    if draw(st.integers(0, 9)) == 0:
        body = draw(altered(body))
    if draw(st.integers(0, 19)) == 0:
        media_type = draw(st.sampled_from(_MEDIA_TYPES))
    target = form.action
    if draw(st.integers(0, 9)) == 0:
        target += "?" + draw(escaped(draw(texts))).decode("latin-1")
    return Request(
        method=b"POST",
        target=target.encode("latin-1"),
        headers=(HOST, *keys, (b"Content-Type", media_type)),
        body=body,
    )


def multipart(parts: Sequence[tuple[str, str, bytes]]) -> tuple[bytes, bytes]:
    """A form's body and its media type; of each part its field, a file's name or nothing, and what
    it holds."""
    lines = []
    for name, file, content in parts:
        head = b'Content-Disposition: form-data; name="' + encoded(name) + b'"'
        if file:
            head += b'; filename="' + encoded(file) + b'"'
        lines += [b"--" + _BOUNDARY, head, b"", content]
    body = b"\r\n".join([*lines, b"--" + _BOUNDARY + b"--", b""])
    return body, b"multipart/form-data; boundary=" + _BOUNDARY


def upload(address: str, name: str, content: bytes, cookies: bytes, secret: str) -> Request:
    """The form by which a file is brought."""
    body, media_type = multipart([("file", name or "f", content)])
    keys = (b"Cookie", cookies), (b"X-CSRFToken", secret.encode())
    headers = (HOST, *keys, (b"Content-Type", media_type))
    return Request(method=b"POST", target=address.encode(), headers=headers, body=body)


# ------------------------------------------------------------------ any door

_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"QUERY")
_BLANKS = (*ODD_TEXTS, "0", "-1", "1.5", "add", "%2e%2e", "..;", "a/b", "_00_FF", "9" * 19)


@st.composite
def door_requests(
    draw: st.DrawFn, doors: dict[str, str], cookies: bytes, secret: str, token: str
) -> Request:
    """An address that leads nowhere or a door knocked at in a wrong way."""
    pattern = draw(st.sampled_from(sorted(doors)))
    target = doors[pattern].encode()
    if "<" in pattern and draw(st.integers(0, 2)):
        head, _, rest = pattern.partition("<")
        rest = rest.rpartition(">")[2]
        target = head.encode() + draw(escaped(draw(st.sampled_from(_BLANKS)))) + rest.encode()
    if draw(st.integers(0, 3)) == 0:
        target = draw(altered(target, most=2).map(_for_a_line))
        target = target if target.startswith(b"/") else b"/" + target
    headers = [(b"Host", draw(_hosts))]
    if draw(st.integers(0, 9)):
        headers.append((b"Cookie", cookies))
    else:
        headers.append((b"Cookie", draw(altered(cookies).map(_one_line))))
    if draw(st.booleans()):
        headers.append((b"Authorization", b"Bearer " + token.encode()))
    if draw(st.integers(0, 3)) == 0:
        headers.append((b"X-CSRFToken", secret.encode()))
    headers += draw(st.lists(_odd_headers, min_size=1, max_size=4))
    body = draw(st.just(b"") | st.binary(max_size=60))
    if body:
        headers.append((b"Content-Type", draw(st.sampled_from(_MEDIA_TYPES))))
    return Request(
        method=draw(st.sampled_from(_METHODS)), target=target, headers=tuple(headers), body=body
    )


_hosts = st.one_of(
    *[st.just(HOST[1])] * 9,
    st.sampled_from(
        [b"", b"example.com", b"[::1", b"a b", b"127.0.0.1:99999", b"\xff", b"..", b"@"]
    ),
)

# ------------------------------------------------------------------ no request at all

_LINES = (
    b"GET / HTTP/1.1",
    b"GET /health HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET / HTTP/2.0",
    b"GET / HTTP/9",
    b"GET /",
    b"GET",
    b"get / http/1.1",
    b"G\xc9T / HTTP/1.1",
    b"GET  /  HTTP/1.1",
    b"GET http://example.com/health HTTP/1.1",
    b"GET //health HTTP/1.1",
    b"GET * HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT 127.0.0.1:443 HTTP/1.1",
    b"PRI * HTTP/2.0",
    b"POST /api/v1/predict/attrition HTTP/1.1",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1",
    b"GET /\xff\xfe HTTP/1.1",
    b"GET /%ff%00 HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"",
)
_HEAD_LINES = (
    b"Host: 127.0.0.1",
    b"Host: 127.0.0.1",
    b"Host : 127.0.0.1",
    b"Host",
    b": value",
    b" folded: value",
    b"Na me: value",
    b"N\xe4me: value",
    b"Name: val\0ue",
    b"Name: " + b"v" * 9000,
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: -5",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length: 5_0",
    b"Content-Length: 0x5",
    b"Content-Length: " + b"9" * 30,
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: nonsense",
    b"Expect: 100-continue",
    b"Expect: the-unexpected",
    b"Connection: keep-alive, close, upgrade",
    b"Upgrade: h2c",
    b"Upgrade: websocket",
    b"Content-Type: application/json",
    b"Authorization: Basic ====",
    b"Script_Name: /x",
    b"X-Forwarded-Proto: \xff",
)
_BODIES = (
    b"",
    b"{}",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello",
    b"-1\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n",
    b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    b"0\r\nTrailer: \0\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
)


@st.composite
def streams(draw: st.DrawFn, good: Sequence[bytes]) -> bytes:
    """Bytes that are not, or not quite, a request; `good` are requests in bytes to begin from."""
    match draw(st.integers(0, 4)):
        case 0:
            return draw(st.binary(max_size=300))
        case 1 | 2:
            end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"]))
            lines = [draw(st.sampled_from(_LINES))]
            lines += draw(st.lists(st.sampled_from(_HEAD_LINES), max_size=6))
            return end.join([*lines, b"", draw(st.sampled_from(_BODIES))])
        case _:
            return draw(altered(draw(st.sampled_from(good)), most=6))
