"""Where the time of a prediction goes: one process, the whole way from the request to the answer.

A profiler makes each call of a Python function dearer, so its shares are a guide, not a measure.

python -m benchmarks profile
"""

from __future__ import annotations

import cProfile
import json
import pstats
import statistics
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.installation import USERNAME, BenchmarkError, Installation, employees

if TYPE_CHECKING:
    from benchmarks.measurements import Measured, Plan

AT_ONCE = 1000
_ONE, _MANY = "/api/v1/predict/attrition", "/api/v1/predict/attrition/batch"
_SHOWN = 8


class _Step(NamedTuple):
    """A function that does a step of the way, with all that it calls."""

    name: str
    module: str
    """The end of the path of its file."""
    function: str


_WHOLE = _Step("all of it", "django/core/handlers/wsgi.py", "__call__")
_VIEW = _Step("the view", "django/core/handlers/base.py", "_get_response")
_ASKING = (
    _Step("token checked", "accounts/tokens.py", "read"),
    _Step("its holder and their role, from the database", "accounts/models.py", "load"),
    _Step("JSON read", "requests/parsing.py", "parse"),
)
_OF_ONE = (
    *_ASKING,
    _Step("validated", "engine/schema.py", "clean"),
    _Step("scored and explained", "engine/glassbox.py", "score"),
    _Step("recorded, until it is committed", "predictions/services.py", "_insert"),
    _Step("answer put together", "predictions/serializers.py", "result"),
    _Step("answer as JSON", "predictions/api.py", "_json"),
)
_OF_MANY = (
    *_ASKING,
    _Step("validated", "engine/schema.py", "clean_many"),
    _Step("scored and explained", "engine/glassbox.py", "score_frame"),
    _Step("recorded, until it is committed", "predictions/services.py", "_write"),
    _Step("answers put together", "predictions/answers.py", "of_many"),
)


def profile(place: Installation, plan: Plan, found: Measured) -> None:
    """One employee per request, then a thousand."""
    from attrition_site.run import close_connections

    people = employees()
    try:
        ask = _application(place)
        singles = [(_ONE, json.dumps(person).encode()) for person in people[: plan.repeats]]
        many = [(_MANY, json.dumps({"employees": people[:AT_ONCE]}).encode())]
        for name, requests, steps in (
            ("One employee", singles, _OF_ONE),
            (f"{AT_ONCE:,} employees at once", many * max(3, plan.repeats // 20), _OF_MANY),
        ):
            _profiled(name, ask, requests, steps, found)
    finally:
        close_connections()


def _profiled(
    name: str,
    ask: Callable[[str, bytes], None],
    requests: list[tuple[str, bytes]],
    steps: Iterable[_Step],
    found: Measured,
) -> None:
    for request in requests[:3]:
        ask(*request)
    wall, processor = [], []
    for request in requests:
        begun, worked = time.perf_counter(), time.process_time()
        ask(*request)
        wall.append(time.perf_counter() - begun)
        processor.append(time.process_time() - worked)
    watched = cProfile.Profile(time.process_time)
    watched.enable()
    for request in requests:
        ask(*request)
    watched.disable()
    stats: dict[Any, Any] = pstats.Stats(watched).stats  # type: ignore[attr-defined]

    def share(step: _Step) -> float:
        return _seconds(stats, step) / _seconds(stats, _WHOLE)

    found.say(
        f"{name}: {statistics.median(wall) * 1000:.2f} ms a request, of which this process works"
        f" {statistics.median(processor) * 1000:.2f} ms and waits for the rest (medians)."
        " Of its work, under a profiler:"
    )
    rest = share(_VIEW)
    lines = [("before and after the view (middleware)", share(_WHOLE) - rest)]
    for step in steps:
        lines.append((step.name, share(step)))
        rest -= lines[-1][1]
    lines.append(("the rest of the view: routing, DRF, permissions, throttle", rest))
    for step_name, part in lines:
        found.say(f"  {step_name:58} {part:>5.0%}")
    own = sorted(stats.items(), key=lambda one: -one[1][2])[:_SHOWN]
    whole = _seconds(stats, _WHOLE)
    found.say("  most in themselves: " + ", ".join(_named(*each, whole) for each in own))


def _seconds(stats: dict[Any, Any], step: _Step) -> float:
    """Seconds within the step's function, with all that it calls."""
    return sum(
        cumulative
        for (file, _line, function), (_, _, _, cumulative, _) in stats.items()
        if function == step.function and file.endswith(step.module)
    )


def _named(place: tuple[str, int, str], figures: tuple[Any, ...], whole: float) -> str:
    file, _line, function = place
    module = "/".join(file.split("/")[-2:])
    at = function if file == "~" else f"{module} {function}"
    return f"{at} {figures[2] / whole:.0%}"


def _application(place: Installation) -> Callable[[str, bytes], None]:
    """Asks the product as gunicorn does, in this process; an answer of 4xx or 5xx is an error."""
    from django.test import RequestFactory

    from attrition_site.wsgi import application

    factory = RequestFactory()

    def answer(path: str, body: bytes, headers: dict[str, str]) -> bytes:
        request = factory.post(
            path, body, content_type="application/json", headers=headers, SERVER_NAME="127.0.0.1"
        )
        statuses: list[str] = []
        answered = application(request.environ, lambda status, *_: statuses.append(status))
        content = b"".join(answered)
        answered.close()
        if not statuses[0].startswith("2"):
            raise BenchmarkError(f"{path} answered {statuses[0]}: {content[:300]!r}")
        return content

    known = {"username": USERNAME, "password": place.password}
    token = json.loads(answer("/api/v1/auth/token", json.dumps(known).encode(), {}))["access"]
    head = {"authorization": f"Bearer {token}"}

    def ask(path: str, body: bytes) -> None:
        answer(path, body, head)

    return ask
