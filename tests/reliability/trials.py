"""The judge of bad inputs: what every answer must be, whatever was sent; and how many were sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import psutil
import psycopg
from schemathesis.engine.recorder import Interaction

from tests.reliability.installation import Installed, Web
from tests.reliability.traffic import PROBLEM
from tests.reliability.wire import Answer, Line, Request, tell

MOST_SECONDS = 5.0
"""Within which everything is answered, right or wrong, unless it is made to cost something."""
_MOST_SHOWN = 3000  # bytes of a request, in a message
_API = (b"/api/", b"/predict/", b"/health")
_RESULT = re.compile(r"/predictions/[0-9a-f-]{36}/\Z")
_BACK = b"POST /i18n/"
"""What leads to wherever one came from, were it a result."""
_BATCH = {"accepted", "refused", "results"}
# A coding that a server does not know is one that it has not implemented, says RFC 9112.
_CODED = re.compile(rb"transfer-encoding", re.IGNORECASE)
# Django calls a host that is not ours an error; it is the sender's.
_FAULT = re.compile(r"\b(ERROR|CRITICAL) (?!django\.security\.)|Exception (in|ignored)")


@dataclass(kw_only=True)
class Trials:
    """Sends what is bad to a web server, judges each answer, and counts."""

    place: Installed
    web: Web
    tried: int = 0
    refused: int = 0
    slowest: float = 0.0
    patience: float = MOST_SECONDS

    def __post_init__(self) -> None:
        self._line = Line(self.web.port)
        self._database = psycopg.connect(self.place.database_url, autocommit=True)
        self._told = self._recorded = self._count()
        self._log = len(self.web.errors())

    def close(self) -> None:
        self._line.close()
        self._database.close()

    def look(self, request: Request) -> Answer:
        """Send one request that is not counted. Raises AssertionError, with the request in it, for
        an answer that is none, or late, or a fault."""
        try:
            answer = self._line.ask(request)
        except (OSError, HTTPException) as error:
            self._line.close()
            raise AssertionError(f"no answer ({error!r}): {shown(request.sent)}") from error
        self._judge(request.sent, [answer], answer.seconds)
        if answer.headers.get("X-Request-ID") and request.target.startswith(_API):
            _judge_problem(request.sent, answer)
        return answer

    def ask(self, request: Request) -> Answer:
        """As `look`, and counted."""
        answer = self.look(request)
        self.tried += 1
        self.refused += 400 <= answer.status < 500
        return answer

    def tell(self, sent: bytes) -> list[Answer]:
        """Send bytes that need not be a request; a connection that is closed is an answer too."""
        try:
            answers, seconds = tell(self.web.port, sent)
        except (OSError, HTTPException) as error:
            raise AssertionError(f"no answer ({error!r}): {shown(sent)}") from error
        self._judge(sent, answers, seconds)
        self.tried += 1
        self.refused += not answers or answers[0].status >= 400
        return answers

    def note(self, sent: Interaction) -> None:
        """Judge and count what Schemathesis has sent."""
        request, response = sent.request, sent.response
        said = f"{request.method} {request.uri} {request.body!r}"
        assert response is not None, f"no answer: {said}"
        self.slowest = max(self.slowest, response.elapsed)
        assert response.status_code < 500, f"{response.status_code}: {said}"
        assert response.elapsed < self.patience, f"answered after {response.elapsed:.1f} s: {said}"
        self.tried += 1
        self.refused += response.status_code >= 400
        if request.method == "POST" and response.status_code < 300:
            self._told += _assessed(response.status_code, response.json())

    def _judge(self, sent: bytes, answers: list[Answer], seconds: float) -> None:
        self.slowest = max(self.slowest, seconds)
        assert seconds < self.patience, f"answered after {seconds:.1f} s: {shown(sent)}"
        for answer in answers:
            understood = answer.status < 500 or (answer.status == 501 and _CODED.search(sent))
            assert understood, f"{answer.status}: {shown(sent)}"
            if b"POST " in sent:
                where = answer.headers.get("Location", "")
                if answer.status == 302 and not sent.startswith(_BACK):
                    self._told += bool(_RESULT.search(where))
                self._told += _assessed(answer.status, answer.json)
        self.as_many_recorded_as_told(shown(sent))

    def as_many_recorded_as_told(self, said: str = "") -> None:
        """Whoever was told of an assessment has it recorded, and nothing else is."""
        told, recorded = self._told - self._recorded, self._count() - self._recorded
        self._recorded += recorded
        self._told = self._recorded
        assert told == recorded, f"{told} employees assessed, {recorded} recorded: {said}"

    def _count(self) -> int:
        found = self._database.execute("SELECT count(*) FROM predictions_prediction").fetchone()
        assert found is not None
        return int(found[0])

    def faults(self) -> list[str]:
        """What the server has written of faults of its own since the beginning."""
        return [line for line in self.web.errors()[self._log :].splitlines() if _FAULT.search(line)]

    def memory(self) -> int:
        """Bytes that the server's processes hold."""
        return sum(psutil.Process(pid).memory_info().rss for pid in self.web.workers())


def _assessed(status: int, found: Any) -> int:
    """How many employees an answer of the API says were assessed."""
    if not isinstance(found, dict):
        return 0
    if status == 201:
        return int("prediction_id" in found)
    return found["accepted"] if status == 200 and found.keys() == _BATCH else 0


def _judge_problem(sent: bytes, answer: Answer) -> None:
    """What the API refuses is told as RFC 9457 has it."""
    if answer.status < 400 or sent.startswith(b"HEAD "):
        return
    assert answer.headers.get("Content-Type") == PROBLEM, f"{answer.status}: {shown(sent)}"
    assert answer.json["status"] == answer.status, shown(sent)
    assert answer.json["type"].startswith("urn:"), shown(sent)
    assert answer.json["title"], shown(sent)


def shown(sent: bytes) -> str:
    """Bytes as Python reads them again."""
    rest = f" and {len(sent) - _MOST_SHOWN} bytes more" if len(sent) > _MOST_SHOWN else ""
    return f"{sent[:_MOST_SHOWN]!r}{rest}"
