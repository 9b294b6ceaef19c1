"""Whether a server that was just started works: signs in by the page, and predicts by the API.

    SMOKE_USERNAME=… SMOKE_PASSWORD=… python3 deploy/smoke_test.py http://127.0.0.1:8000

It records a prediction, which nothing can remove again: for servers that are thrown away. It speaks
as the proxy in front of the server would, which ended HTTPS. Only Python itself is needed.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

EMPLOYEE = {"employee_id": "SMOKE-1", "over_time": "Yes", "monthly_income": 2300, "job_level": 1}
PATIENCE = 30  # seconds for each answer


class SmokeError(Exception):
    """What the server did not do."""


class Visitor:
    """A browser without a face: it keeps cookies and says that it came by HTTPS."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.host = urllib.parse.urlsplit(origin).netloc
        # A cookie for HTTPS alone comes over HTTP here, where the proxy would be.
        policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("https", "http"))
        self.cookies = http.cookiejar.CookieJar(policy)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, str]:
        """Status, text and final address of an answer. Redirects are followed."""
        request = urllib.request.Request(  # noqa: S310 (the address was given to us)
            self.origin + path,
            data=body,
            headers={"X-Forwarded-Proto": "https", "Origin": f"https://{self.host}"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode(), answer.url
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace"), self.origin + path
        except OSError as error:
            raise SmokeError(f"{path} does not answer: {error}") from error

    def post_json(self, path: str, document: dict[str, Any], **headers: str) -> dict[str, Any]:
        status, text, _ = self.ask(
            path, json.dumps(document).encode(), Content_Type="application/json", **headers
        )
        if status not in {200, 201}:
            raise SmokeError(f"{path} answers {status}: {text[:300]}")
        answer: dict[str, Any] = json.loads(text)
        return answer


def check_health(visitor: Visitor) -> None:
    status, text, _ = visitor.ask("/health")
    if status != 200 or json.loads(text)["status"] != "healthy":
        raise SmokeError(f"/health answers {status}: {text[:300]}")


def check_page(visitor: Visitor, username: str, password: str) -> None:
    """Sign in as a person does, and find the dashboard with its style sheet."""
    _, form, _ = visitor.ask("/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    if not token:
        raise SmokeError("The sign-in page has no form.")
    fields = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
    status, page, address = visitor.ask("/accounts/login/", urllib.parse.urlencode(fields).encode())
    if status != 200 or "/accounts/login/" in address:
        raise SmokeError(f"The sign-in page answers {status}, and nobody is signed in.")
    styles = re.findall(r'<link[^>]+href="(/[^"]+\.css)"', page)
    if not styles:
        raise SmokeError("The page names no style sheet.")
    for style in styles:
        if visitor.ask(style)[0] != 200:
            raise SmokeError(f"{style} is not served.")


def check_api(visitor: Visitor, username: str, password: str) -> None:
    """Predict, and read back what was recorded."""
    token = visitor.post_json("/api/v1/auth/token", {"username": username, "password": password})[
        "access"
    ]
    bearer = f"Bearer {token}"
    made = visitor.post_json("/api/v1/predict/attrition", EMPLOYEE, Authorization=bearer)
    if not 0 < made["probability"] < 1:
        raise SmokeError(f"A probability of {made['probability']}.")
    status, text, _ = visitor.ask(
        f"/api/v1/predict/history/{made['prediction_id']}", Authorization=bearer
    )
    if status != 200 or json.loads(text)["probability"] != made["probability"]:
        raise SmokeError(f"The record of the prediction answers {status}: {text[:300]}")


def main() -> int:
    origin = sys.argv[1].rstrip("/")
    username, password = os.environ["SMOKE_USERNAME"], os.environ["SMOKE_PASSWORD"]
    try:
        check_health(Visitor(origin))
        check_page(Visitor(origin), username, password)
        check_api(Visitor(origin), username, password)
    except SmokeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("Healthy, signed in, predicted, and found the record.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
