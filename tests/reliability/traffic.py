"""Programs that ask for assessments all the time, and one judge of what they were answered.

The benchmarks have a load generator that looks at nothing but the status, to cost next to nothing.
This one keeps every answer, goes on when its connection breaks, and is in no hurry.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import EMPLOYEE
from tests.reliability.installation import ASSESS, Installed, Web, exchange

PROBLEM = "application/problem+json"
PATIENCE = 30.0  # seconds that an answer may take before it counts as none


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request and its answer."""

    employee_id: str
    """Sent with this request and no other."""
    connection: int
    began: float
    ended: float
    """Seconds, as `time.monotonic` counts them."""
    status: int | None
    """None: the connection broke, or was refused, before the answer was whole."""
    headers: Any = None
    body: Any = None

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(kw_only=True)
class Traffic:
    """What was asked and answered so far; all of it, once the block has ended."""

    name: str = field(default_factory=lambda: f"R-{uuid.uuid4().hex[:12]}")
    """What the reference of each of its employees begins with."""
    connections: int
    answers: list[Asked] = field(default_factory=list)
    expired: list[Asked] = field(default_factory=list)
    """Answered 401 to who signed in again then: not among the answers."""

    def assessed(self) -> list[Asked]:
        return [one for one in self.answers if one.status == 201]

    def refused(self) -> list[Asked]:
        """What was answered, and not by an assessment."""
        return [one for one in self.answers if one.status not in (201, None)]

    def broken(self) -> list[Asked]:
        return [one for one in self.answers if one.status is None]

    def statuses(self) -> dict[int | None, int]:
        return dict(Counter(one.status for one in self.answers))

    def until_assessed_again(self, since: float, *, patience: float = 30) -> float:
        """Seconds from `since` until every connection was assessed again, and refused no more.

        Within the block this waits for that; after it, the whole traffic counts.
        """
        deadline = time.monotonic() + patience
        while (moment := self._all_assessed_since(since)) is None:
            assert time.monotonic() < deadline, f"not assessed again: {self.statuses()}"
            time.sleep(0.02)
        return max(0.0, moment - since)

    def _all_assessed_since(self, since: float) -> float | None:
        first: dict[int, float] = {}
        for one in list(self.answers):
            if one.status != 201:
                if one.ended >= since:
                    first.pop(one.connection, None)
            elif one.began >= since:
                first.setdefault(one.connection, one.ended)
        return max(first.values()) if len(first) == self.connections else None


@contextlib.contextmanager
def traffic(
    web: Web,
    connections: int = 8,
    *,
    pause: float = 0.01,
    seconds: float = 300,
    signing_in_again: bool = False,
) -> Iterator[Traffic]:
    """Ask over so many keep-alive connections, `pause` seconds after each answer, until the block
    or `seconds` have ended. Every request that was sent is waited for.

    Who is `signing_in_again` asks for a new token whenever theirs is refused.
    """
    flow = Traffic(connections=connections)
    token = web.token
    over = threading.Event()
    deadline = time.monotonic() + seconds

    signing_in = threading.Lock()

    def sign_in_again(refused: str) -> None:
        """Once, for all who were refused by the same token."""
        nonlocal token
        with signing_in:
            if token == refused:
                token = web.sign_in()

    def ask(number: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE)
        count = 0
        while not over.is_set() and time.monotonic() < deadline:
            count += 1
            employee = f"{flow.name}-{number}-{count}"
            began, used = time.monotonic(), token
            status = headers = body = None
            try:
                answer = exchange(line, ASSESS, EMPLOYEE | {"employee_id": employee}, used)
                status, headers, body = answer.status, answer.headers, answer.body
            except (OSError, http.client.HTTPException):
                line.close()
            asked = Asked(
                employee_id=employee,
                connection=number,
                began=began,
                ended=time.monotonic(),
                status=status,
                headers=headers,
                body=body,
            )
            if status == 401 and signing_in_again:
                flow.expired.append(asked)
                sign_in_again(used)
            else:
                flow.answers.append(asked)
            over.wait(pause)
        line.close()

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    for thread in asking:
        thread.start()
    try:
        yield flow
    finally:
        over.set()
        for thread in asking:
            thread.join()


def judge(flow: Traffic, place: Installed) -> None:
    """No prediction is shown without its record, whatever was broken meanwhile.

    - What was answered 201 is recorded: the same id, employee and probability.
    - What was answered otherwise is a 503, as a problem with Retry-After and no probability.
    - Nothing is recorded twice, and nothing that nobody asked for. A record whose answer did not
      arrive belongs to a request whose connection broke, or to one that was told that it may have
      been recorded.
    """
    recorded = {
        str(uuid.UUID(str(key))): (employee, probability)
        for key, employee, probability in place.query(
            "SELECT id, employee_id, probability FROM predictions_prediction"
            " WHERE employee_id LIKE %s",
            f"{flow.name}-%",
        )
    }
    for one in flow.assessed():
        shown = one.employee_id, one.body["probability"]
        stored = recorded.pop(one.body["prediction_id"], None)
        assert stored == shown, f"shown: {shown}, recorded: {stored}"
    for one in flow.refused():
        assert one.status == 503, f"{one.status}: {one.body}"
        assert one.headers["Content-Type"].startswith(PROBLEM), one.headers.items()
        assert int(one.headers["Retry-After"]) > 0
        assert "probability" not in one.body
    unanswered = Counter(employee for employee, _ in recorded.values())
    undecided = Counter(
        one.employee_id
        for one in flow.broken() + flow.refused()
        if one.body is None or "Whether it was recorded is not known" in one.body["detail"]
    )
    assert unanswered <= undecided, f"recorded, and not shown: {unanswered - undecided}"
