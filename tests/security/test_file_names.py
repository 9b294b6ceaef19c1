"""A file's name is what whoever sends it wrote: shown as harmless text, and trusted for nothing."""

from __future__ import annotations

import io
import logging
import re

import pytest

from attrition_site.observability.logs import JSONFormatter, PlainFormatter, RecordFilter
from predictions.batches.exports import filename
from predictions.models import Batch

NAMES = {
    "path": "../../../etc/passwd.csv",
    "windows path": r"..\..\windows\system32\x.csv",
    "absolute": "/etc/passwd.csv",
    "null": "a\0b.csv",
    "newline": "a\r\nSet-Cookie: x=1\r\n\r\n<h1>.csv",
    "right to left": "salaires\u202egpj.csv",
    "zero width": "a\u200bb\ufeff.csv",
    "long": "é" * 300 + ".csv",
    "formula": "=cmd|'/c calc'!A1.csv",
    "markup": "<img src=x onerror=alert(1)>.csv",
    "quotes": '"; filename="evil.exe',
    "emoji": "🦆.csv",
    "nothing": "...",
    "device": "CON.csv",
}
CONTENT = b"employee_id,over_time\nE-1,Yes\n"


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def brought(request, client, alice, active_model):
    """A file of that name, brought by alice as a browser that means ill would send it."""
    client.force_login(alice)
    name = request.param.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    raw = request.param.encode()
    for escaped in (name.encode(), raw):
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + escaped + b'"\r\n'
            b"Content-Type: text/csv\r\n\r\n" + CONTENT + b"\r\n--x--\r\n"
        )
        answer = client.post("/batches/new/", body, content_type="multipart/form-data; boundary=x")
        if answer.status_code == 302:
            return Batch.objects.latest("pk")
        # A name that breaks the form is a form without a file.
        assert answer.status_code in (200, 400)
    return None


def test_a_name_is_kept_as_harmless_text(brought):
    if brought is None:
        return
    name = brought.name
    assert 0 < len(name) <= 255
    assert "/" not in name
    assert name.isprintable()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\0\r\n]", name)


def test_a_name_is_shown_as_text_wherever_it_stands(client, brought, carol):
    if brought is None:
        return
    client.force_login(carol)
    for address in ("/batches/", f"/batches/{brought.pk}/columns/", "/admin/predictions/batch/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "<img src=x" not in answer.content.decode()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_download_is_called_by_letters_and_digits_alone(name):
    assert re.fullmatch(r"[a-z0-9_-]{1,60}-results\.xlsx", filename(name, "xlsx", kind="results"))


@pytest.mark.parametrize("formatter", [JSONFormatter, PlainFormatter])
def test_no_name_begins_a_line_of_a_log(client, alice, active_model, formatter):
    """Of a sign-in, an address, a header or a file: who reads the log reads our lines alone."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(formatter())
    handler.addFilter(RecordFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    forged = 'x\r\n2026-01-01 00:00:00,000 ERROR forged\n{"level": "ERROR"}'
    try:
        client.post("/accounts/login/", {"username": forged, "password": "x"})
        client.get("/nowhere/" + forged, headers={"X-Request-ID": forged, "User-Agent": forged})
        client.get("/accounts/login/", headers={"Host": forged})
        client.force_login(alice)
        client.post("/predictions/new/", {forged: forged})
        logging.getLogger("attrition").warning("A line with %s", forged)
    finally:
        root.removeHandler(handler)
    lines = handler.stream.getvalue().splitlines()
    assert lines
    assert not [line for line in lines if re.match(r"2026-01-01|\{\"level\": \"ERROR\"\}", line)]


def test_a_request_number_that_a_caller_makes_up_is_harmless_or_ours(client, db):
    for given in ("x\nforged", "<script>", "é", "a" * 65, "a b"):
        assert client.get("/health", headers={"X-Request-ID": given})["X-Request-ID"] != given
    assert client.get("/health", headers={"X-Request-ID": "abc-1"})["X-Request-ID"] == "abc-1"
