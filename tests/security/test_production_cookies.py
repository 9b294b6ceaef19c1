"""What a browser is told outside development: read from a process that runs there."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys

import pytest

_SCRIPT = """
import json, django
django.setup()
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in (
    "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "SECURE_SSL_REDIRECT",
    "SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_HTTPONLY", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME",
    "SECURE_HSTS_SECONDS", "SESSION_COOKIE_AGE", "SESSION_LIFETIME_SECONDS", "DEBUG",
)}))
"""


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    answer = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "",
            "DJANGO_SETTINGS_MODULE": "attrition_site.settings",
            "ATTRITION_ENV": "production",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "attrition.example.org",
            "DATABASE_URL": "sqlite:///:memory:",
            "VAR_DIR": str(tmp_path_factory.mktemp("var")),
        },
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_cookies_travel_over_https_alone_and_belong_to_this_host(production):
    assert production["SESSION_COOKIE_SECURE"]
    assert production["CSRF_COOKIE_SECURE"]
    assert production["LANGUAGE_COOKIE_SECURE"]
    assert production["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    assert production["CSRF_COOKIE_NAME"] == "__Host-csrftoken"


def test_http_is_sent_on_and_not_taken_again(production):
    assert production["SECURE_SSL_REDIRECT"]
    assert production["SECURE_HSTS_SECONDS"] >= 3600
    assert not production["DEBUG"]


def test_a_session_ends_after_thirty_idle_minutes_and_twelve_hours(production):
    assert production["SESSION_COOKIE_AGE"] == 30 * 60
    assert production["SESSION_LIFETIME_SECONDS"] == 12 * 60 * 60
