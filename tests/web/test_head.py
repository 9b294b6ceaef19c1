"""HEAD is answered with the headers of GET and with nothing after them.

Django's test client would cut off a body by itself, so the server's interface is asked here.
"""

from __future__ import annotations

import io

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from tests.people import bearer


@pytest.fixture
def application():
    """It leaves the connection of the test open, as Django's test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in signals:
        signal.connect(close_old_connections)


def ask(application, method, address, headers):
    """Status, headers and body, as a server gets them."""
    path, _, query = address.partition("?")
    told = {}

    def start_response(status, headers):
        told.update(status=status, headers=dict(headers))

    answer = application(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(),
            "wsgi.url_scheme": "http",
            **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        },
        start_response,
    )
    body = b"".join(answer)
    answer.close()
    return told["status"], told["headers"], body


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 200),
        ("/predictions/", 200),
        ("/predictions/?export=csv", 200),
        ("/predictions/?export=xlsx", 200),
        ("/models/", 200),
        ("/nowhere/", 404),
        ("/static/css/site.css", 200),
        ("/health", 200),
        ("/health/live", 200),
        ("/health/ready", 200),
        ("/api/v1/health", 200),
        ("/api/v1/docs", 200),
        ("/api/v1/nowhere", 404),
    ],
)
def test_a_person_s_browser(application, client, carol, record, address, status):
    record(carol)
    client.force_login(carol)
    headers = {"cookie": f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"}
    said, told, body = ask(application, "HEAD", address, headers)
    assert (int(said[:3]), body) == (status, b"")
    in_full, told_in_full, whole = ask(application, "GET", address, headers)
    assert in_full == said
    assert len(whole) > 0
    assert told.keys() == told_in_full.keys()


def test_a_stranger(application, db):
    said, told, body = ask(application, "HEAD", "/accounts/login/", {})
    assert (said, body) == ("200 OK", b"")
    assert int(told["Content-Length"]) > 1000


@pytest.mark.parametrize("address", ["/api/v1/predict/history", "/api/v1/models/active"])
def test_a_program(application, dave, active_model, address):
    headers = {"authorization": bearer(dave)["Authorization"]}
    said, told, body = ask(application, "HEAD", address, headers)
    assert (said, body) == ("200 OK", b"")
    _, told_in_full, whole = ask(application, "GET", address, headers)
    assert told["Content-Length"] == told_in_full["Content-Length"] == str(len(whole))
