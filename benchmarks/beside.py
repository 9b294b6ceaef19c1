"""The product beside a service in the usual manner, on one machine, in one run: the ratios."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.installation import (
    START_PATIENCE,
    BenchmarkError,
    Installation,
    Server,
    ask,
    employees,
    free_port,
    serving,
)
from benchmarks.load import Load, drive, post

if TYPE_CHECKING:
    from benchmarks.measurements import Measured, Plan

CONNECTIONS = (1, 8, 32)
AT_ONCE = 1000
_WORKERS = 2
_MOST_REQUESTS = 200_000


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One of the two services."""

    name: str
    server: Server
    one: list[bytes]
    many: list[bytes]
    starting: float
    """Seconds from the command to the first answer."""
    singles: dict[int, list[Load]] = field(default_factory=dict)
    batches: list[Load] = field(default_factory=list)


def beside(place: Installation, plan: Plan, found: Measured) -> None:
    """Single predictions at 1, 8 and 32 connections, batches of 1,000, starting and memory."""
    people = _clean(employees())
    seconds = plan.seconds
    with contextlib.ExitStack() as stack:
        begun = time.perf_counter()
        ours = stack.enter_context(serving(place, workers=_WORKERS))
        product = _side("this product", ours, people, "/api/v1", time.perf_counter() - begun)
        begun = time.perf_counter()
        theirs = stack.enter_context(peer(people))
        other = _side("the usual manner", theirs, people, "", time.perf_counter() - begun)
        sides = (product, other)
        for side in sides:
            _drive(side, side.one, connections=8, seconds=seconds / 2, expect=201)
            _drive(side, side.many, connections=2, seconds=0, expect=200)
        stored = {side.name: _stored(side) for side in sides}
        # In turn, so that a disturbance falls upon both.
        for _ in range(plan.rounds):
            for connections in CONNECTIONS:
                for side in sides:
                    load = _drive(
                        side, side.one, connections=connections, seconds=seconds, expect=201
                    )
                    side.singles.setdefault(connections, []).append(load)
            for side in sides:
                side.batches.append(
                    _drive(side, side.many, connections=2, seconds=seconds, expect=200)
                )
        recorded = {side.name: _stored(side) - stored[side.name] for side in sides}
        memory = {
            side.name: [processes.memory(worker) for worker in side.server.workers]
            for side in sides
        }
    _tell(found, product, other, memory)
    for side in sides:
        loads = [load for several in side.singles.values() for load in several]
        answered = sum(len(load.latencies) for load in loads)
        answered += AT_ONCE * sum(len(load.latencies) for load in side.batches)
        found.must(
            recorded[side.name] == answered,
            f"{side.name}: {answered} answers, but {recorded[side.name]} records",
        )
        for load in (*loads, *side.batches):
            found.must(load.errors == 0, f"{side.name}: {load.unexpected[:300]!r}")


def _clean(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Employees in the model's own words, which the other one takes and no others."""
    from mlcore import registry

    schema = registry.active().schema
    rows = [schema.clean(person) for person in people]
    return [{"employee_id": row.employee_id, **row.inputs} for row in rows]


def _side(
    name: str, server: Server, people: list[dict[str, Any]], root: str, starting: float
) -> _Side:
    def request(path: str, body: Any) -> bytes:
        return post(
            f"{root}{path}",
            json.dumps(body).encode(),
            host=server.authority,
            token=server.token,
        )

    one = [request("/predict/attrition", person) for person in people]
    many = [request("/predict/attrition/batch", {"employees": people[:AT_ONCE]})]
    return _Side(name=name, server=server, one=one, many=many, starting=starting)


def _drive(
    side: _Side, requests: list[bytes], *, connections: int, seconds: float, expect: int
) -> Load:
    return drive(
        side.server.address,
        requests,
        connections=connections,
        seconds=seconds,
        at_most=_MOST_REQUESTS if seconds else connections,
        expect=expect,
    )


def _stored(side: _Side) -> int:
    from django.db import connection

    table = "predictions_prediction" if side.name == "this product" else "peer_predictions"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        (count,) = cursor.fetchone()
    return int(count)


def _tell(
    found: Measured, product: _Side, other: _Side, memory: dict[str, list[processes.Memory]]
) -> None:
    found.say(
        "This product beside FastAPI, SQLAlchemy and a scikit-learn pipeline on one-row DataFrames;"
    )
    found.say(
        "two workers each, the same database server, medians of the rounds, which took turns."
        " The other one explains nothing."
    )
    found.say(f"  {'':34} {product.name:>16} {other.name:>18} {'ratio':>8}")

    def line(what: str, mine: float, theirs: float, *, text: str = ",.0f", goal: str = "") -> None:
        ratio = mine / theirs if theirs else float("nan")
        found.say(f"  {what:34} {mine:>16{text}} {theirs:>18{text}} {ratio:>8.1f}{goal}")

    for connections in CONNECTIONS:
        what = f"requests/s, {connections} connection{'s' if connections > 1 else ''}"
        goal = "   goal: at least 8" if connections == 8 else ""
        line(what, *(_rate(side.singles[connections]) for side in (product, other)), goal=goal)
        for quantile, name in ((0.5, "median"), (0.95, "p95")):
            line(
                f"  {name} in ms",
                *(_quantile(side.singles[connections], quantile) for side in (product, other)),
                text=".1f",
            )
    line(
        f"rows/s, batches of {AT_ONCE:,}",
        *(_rate(side.batches) * AT_ONCE for side in (product, other)),
        goal="   goal: at least 200, and 15,000 rows/s",
    )
    line("starting, until it answers, in s", product.starting, other.starting, text=".2f")
    line(
        "memory of a worker after it, in MB",
        *(statistics.median(one.pss for one in memory[side.name]) for side in (product, other)),
    )


def _rate(several: list[Load]) -> float:
    return statistics.median(load.per_second for load in several)


def _quantile(several: list[Load], share: float) -> float:
    return statistics.median(load.quantile(share) * 1000 for load in several)


# ------------------------------------------------------------------ the other one


@contextlib.contextmanager
def peer(people: list[dict[str, Any]]) -> Iterator[Server]:
    """The other service, over the same database server; it has ended when the block has."""
    import jwt

    from benchmarks.peer import pipeline
    from mlcore import registry

    secret, port = secrets.token_hex(32), free_port()
    with tempfile.TemporaryDirectory(prefix="attrition-peer-") as folder:
        path = Path(folder) / "pipeline.joblib"
        pipeline.write(path, registry.active().schema, people)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "benchmarks.peer.app:app"),
                *(f"--port={port}", f"--workers={_WORKERS}"),
                *("--log-level=warning", "--no-access-log"),
            ],
            env={
                **os.environ,
                "PEER_SECRET": secret,
                "PEER_PIPELINE": str(path),
                "PEER_DATABASE": os.environ["DATABASE_URL"].replace(
                    "postgresql://", "postgresql+psycopg://"
                ),
                # A worker is one core's, as the product's is.
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
        try:
            _wait(process, port)
            token = jwt.encode({"sub": "benchmark"}, secret, algorithm="HS256")
            workers = [
                child
                for child in processes.children(process.pid)
                if "spawn_main" in _command(child)
            ]
            yield Server(address=("127.0.0.1", port), token=token, workers=workers)
        finally:
            process.terminate()
            process.wait(20)


def _command(pid: int) -> str:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while True:
        if process.poll() is not None:
            raise BenchmarkError("The other service ended by itself.")
        with contextlib.suppress(OSError, BenchmarkError):
            ask("127.0.0.1", port, "/health")
            return
        if time.monotonic() > deadline:
            raise BenchmarkError("The other service did not answer.")
        time.sleep(0.05)
