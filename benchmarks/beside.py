"""The product beside a service in the usual manner, on one machine, in one run: the ratios."""

from __future__ import annotations

import contextlib
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import filling, processes
from benchmarks.installation import (
    USERNAME,
    BenchmarkError,
    Installation,
    Server,
    employees,
    serving,
)
from benchmarks.load import Load, drive, get, post
from benchmarks.pages import DEPTHS, deep
from benchmarks.peer import pipeline
from benchmarks.peer.server import peer

if TYPE_CHECKING:
    from benchmarks.measurements import Measured, Plan

CONNECTIONS = (1, 8, 32)
AT_ONCE = 1000
SIZES, QUICK_SIZES = (10_000, 5_000_000), (3_000, 60_000)
"""Predictions that are stored when pages of the history are asked for."""
_MONTHS = 48
_WORKERS = 2
_MOST_REQUESTS = 200_000
# The other one takes a minute for a thousand employees.
_BATCH_PATIENCE, _BATCH_ROUNDS = 300.0, 5
_COPIED = """
INSERT INTO peer_predictions
    (id, created_at, username, employee_id, inputs, probability, prediction)
SELECT
    id, created_at, 'benchmark', employee_id, inputs::json, probability,
    (probability >= threshold)::int
FROM predictions_prediction
"""


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One of the services."""

    name: str
    server: Server
    root: str
    """What its addresses begin with."""
    people: list[dict[str, Any]]
    sign_in: Callable[[], str]
    """Gives a token: those of the product last for minutes, and the benchmark longer."""
    loads: dict[str, list[Load]] = field(default_factory=dict)
    """What came back, by what was asked; one of each round."""
    memory: list[float] = field(default_factory=list)
    """Of each worker, once it has done its work: MB, what it shares counted by its share."""

    def one(self, token: str) -> list[bytes]:
        """A request for each employee."""
        return [self._request("/predict/attrition", person, token) for person in self.people]

    def many(self, token: str) -> list[bytes]:
        """One request for a thousand of them."""
        body = {"employees": self.people[:AT_ONCE]}
        return [self._request("/predict/attrition/batch", body, token)]

    def _request(self, path: str, body: Any, token: str) -> bytes:
        sent = json.dumps(body).encode()
        return post(f"{self.root}{path}", sent, host=self.server.authority, token=token)

    def drive(self, what: str, requests: list[bytes], **load: Any) -> None:
        self.loads.setdefault(what, []).append(drive(self.server.address, requests, **load))

    def rate(self, what: str) -> float:
        return statistics.median(load.per_second for load in self.loads[what])

    def best_rate(self, what: str) -> float:
        return max(load.per_second for load in self.loads[what])

    def milliseconds(self, what: str, quantile: float) -> float:
        return statistics.median(load.quantile(quantile) * 1000 for load in self.loads[what])


def beside(place: Installation, plan: Plan, found: Measured) -> None:
    """Single predictions, batches, pages of the history, starting and memory."""
    from accounts.models import User

    people = _clean(employees())
    small, large = QUICK_SIZES if plan.quick else SIZES
    analyst, program = User.objects.create_user("analyst"), User.objects.get(username=USERNAME)
    history = filling.begin(analyst, program)
    filling.fill(history, small, months=2)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(serving(place, workers=_WORKERS))
        compiled, regression = (
            stack.enter_context(peer(people, classifier, workers=_WORKERS))
            for classifier in (pipeline.as_compiled, pipeline.one_regression)
        )
        sides = [
            _Side(
                name="this product",
                server=ours,
                root="/api/v1",
                people=people,
                sign_in=partial(place.sign_in, *ours.address),
            ),
            *(
                _Side(
                    name=name,
                    server=server,
                    root="",
                    people=people,
                    sign_in=partial(str, server.token),
                )
                for name, server in (("usual manner", compiled), ("one regression", regression))
            ),
        ]
        product, *others = sides
        _copy(small)
        _history(sides, small, plan)
        stored = _stored()
        _assess(sides, plan)
        answered = [_answered(side) for side in sides]
        recorded = [after - before for before, after in zip(stored, _stored(), strict=True)]
        for side in sides:
            side.memory.extend(processes.memory(worker).pss for worker in side.server.workers)
        filling.fill(history, large, months=_MONTHS, recent=2)
        _copy(large)
        _history(sides, large, plan)
    _tell(found, product, others, (small, large))
    expected = [answered[0], sum(answered[1:])]
    found.must(recorded == expected, f"{expected} answers, but {recorded} records")
    for side in sides:
        for what, loads in side.loads.items():
            for load in loads:
                found.must(load.errors == 0, f"{side.name}, {what}: {load.unexpected[:300]!r}")


def _clean(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Employees in the model's own words, which the other ones take and no others."""
    from mlcore import registry

    schema = registry.active().schema
    rows = [schema.clean(person) for person in people]
    return [{"employee_id": row.employee_id, **row.inputs} for row in rows]


# ------------------------------------------------------------------ what is asked


def _assess(sides: Sequence[_Side], plan: Plan) -> None:
    """Assess employees: one by one at several connections, then a thousand at once.

    The sides take turns, so that a disturbance falls upon all of them.
    """
    for side in sides:
        side.drive(
            "warming up",
            side.one(side.sign_in()),
            connections=8,
            seconds=plan.seconds / 2,
            at_most=_MOST_REQUESTS,
            expect=201,
        )
    for _ in range(plan.rounds):
        for connections in CONNECTIONS:
            for side in sides:
                side.drive(
                    _singles(connections),
                    side.one(side.sign_in()),
                    connections=connections,
                    seconds=plan.seconds,
                    at_most=_MOST_REQUESTS,
                    expect=201,
                )
    for _ in range(min(plan.rounds, _BATCH_ROUNDS)):
        for side in sides:
            side.drive(
                "batches",
                side.many(side.sign_in()),
                connections=_WORKERS,
                seconds=plan.seconds,
                at_most=_MOST_REQUESTS,
                expect=200,
                patience=_BATCH_PATIENCE,
            )


def _singles(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"


def _history(sides: Sequence[_Side], total: int, plan: Plan) -> None:
    """Read pages of fifty: the newest, those at several depths, and one employee's."""
    for _ in range(plan.rounds):
        for side in sides:
            head = f"Authorization: Bearer {side.sign_in()}\r\nAccept: application/json"
            for name, addresses in _pages(side, total).items():
                side.drive(
                    f"{name}, {total:,}",
                    [get(each, host=side.server.authority, head=head) for each in addresses],
                    connections=1,
                    seconds=60,
                    at_most=max(len(addresses), plan.repeats // 10),
                    expect=200,
                )


def _pages(side: _Side, total: int) -> dict[str, list[str]]:
    address = f"{side.root}/predict/history"
    if side.root:
        deep_ones = deep(address, {})
    else:
        deep_ones = [f"{address}?offset={int(total * depth)}" for depth in DEPTHS]
    one = [f"{address}?employee_id=E-{number:06}" for number in (11, 47, 101)]
    return {"newest": [address], "deep": deep_ones, "one employee": one}


# ------------------------------------------------------------------ what is stored


def _copy(total: int) -> None:
    """Store in the other ones' table what the product has stored, and `total` of it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE peer_predictions")
        cursor.execute(_COPIED)
        cursor.execute("VACUUM (ANALYZE) peer_predictions")
        cursor.execute("CHECKPOINT")
    if _stored() != [total, total]:
        raise BenchmarkError(f"{_stored()} predictions are stored instead of {total} each.")


def _stored() -> list[int]:
    """The product's records, and the other ones'."""
    from django.db import connection

    with connection.cursor() as cursor:
        counts = []
        for table in ("predictions_prediction", "peer_predictions"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts.append(cursor.fetchone()[0])
    return counts


def _answered(side: _Side) -> int:
    """Employees for whom it gave the expected answer."""
    asked = ("warming up", *map(_singles, CONNECTIONS))
    alone = sum(len(load.latencies) for what in asked for load in side.loads[what])
    return alone + AT_ONCE * sum(len(load.latencies) for load in side.loads["batches"])


# ------------------------------------------------------------------ what is told


def _tell(found: Measured, product: _Side, others: Sequence[_Side], sizes: Sequence[int]) -> None:
    for line in (
        "This product beside FastAPI, SQLAlchemy and scikit-learn pipelines on one-row DataFrames:",
        "the three learners of which the bundled model is made, and one logistic regression.",
        f"{_WORKERS} workers each, one database server, in turn, medians of the rounds. The other",
        "ones explain nothing.",
    ):
        found.say(line)
    head = "".join(f"{other.name:>18} {'ratio':>8}" for other in others)
    found.say(f"  {'':36} {product.name:>14}{head}")
    for name, figure, text, goal in _lines(sizes):
        own = figure(product)
        columns = []
        for other in others:
            theirs = figure(other)
            columns.append(f"{theirs:>18{text}} {own / theirs if theirs else float('nan'):>8.2f}")
        found.say(f"  {name:36} {own:>14{text}}{''.join(columns)}{goal}")


def _lines(
    sizes: Sequence[int],
) -> Iterator[tuple[str, Callable[[_Side], float], str, str]]:
    """Each line's name, its figure for a side, the figure's format and the goal."""
    for connections in CONNECTIONS:
        what = _singles(connections)
        goal = "   goal: at least 8 times" if connections == 8 else ""
        yield f"requests/s, {what}", partial(_Side.rate, what=what), ",.0f", goal
        for quantile, name in ((0.5, "median"), (0.95, "p95")):
            latency = partial(_Side.milliseconds, what=what, quantile=quantile)
            yield f"  {name}, ms", latency, ",.1f", ""
    yield (
        f"rows/s, batches of {AT_ONCE:,}",
        lambda side: side.rate("batches") * AT_ONCE,
        ",.0f",
        "   goal: at least 200 times, and 15,000 rows/s",
    )
    # A round depends on which workers the connections come to.
    yield "  in the best round", lambda side: side.best_rate("batches") * AT_ONCE, ",.0f", ""
    for name in ("newest", "deep", "one employee"):
        for size in sizes:
            latency = partial(_Side.milliseconds, what=f"{name}, {size:,}", quantile=0.5)
            yield f"history of {size:,}, {name}: ms", latency, ",.1f", ""
    yield "starting, until it answers, s", lambda side: side.server.starting, ".2f", ""
    yield "memory of a worker, MB", lambda side: statistics.median(side.memory), ",.0f", ""
