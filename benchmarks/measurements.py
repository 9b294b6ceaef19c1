"""What is measured, one function per benchmark. Each says what it found, line by line."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import beside, files, growth, pages, processes, profiling, warehouse
from benchmarks import engine as measured_engine
from benchmarks.installation import Installation, Server, employees, serving
from benchmarks.load import Load, drive, post

PREDICT = "/api/v1/predict/attrition"
PREDICT_MANY = "/api/v1/predict/attrition/batch"
MANY = 1000
# Bounds a run on a machine that is faster than anyone thought.
_MOST_REQUESTS = 200_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to measure."""

    seconds: float
    """Of each round at 8 connections, and half of it at one."""
    rounds: int
    repeats: int
    """Of what is called directly."""
    rows: int = 1_000_000
    """Scored at once."""
    predictions: int = 10_000_000
    """Stored, when growth is measured."""
    quick: bool = False
    """Only to see that it works."""


QUICK = Plan(seconds=0.4, rounds=1, repeats=8, rows=50_000, quick=True)


class Measured:
    """Lines to print, and whether everything was answered and recorded as it must be."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failures: list[str] = []

    def say(self, line: str = "") -> None:
        self.lines.append(line)

    def must(self, held: bool, failure: str) -> None:
        if not held:
            self.failures.append(failure)


# ------------------------------------------------------------------ over HTTP


def api(place: Installation, plan: Plan, found: Measured) -> None:
    """One employee per request, on two workers, at one connection and at eight."""
    with serving(place, workers=2) as server:
        requests = _requests(server, PREDICT, employees())
        _load(server, requests, connections=8, seconds=plan.seconds / 2)  # warms both workers up
        before = place.records()
        loads: dict[int, list[Load]] = {1: [], 8: []}
        shares = _Shares(place, server)
        # In turn, so that a disturbance falls upon both.
        for _ in range(plan.rounds):
            loads[1].append(_load(server, requests, connections=1, seconds=plan.seconds / 2))
            with shares:
                loads[8].append(_load(server, requests, connections=8, seconds=plan.seconds))
        recorded = place.records() - before
        after = [processes.memory(worker) for worker in server.workers]
    everything = [load for several in loads.values() for load in several]
    created = sum(load.statuses.get(201, 0) for load in everything)
    errors = sum(load.errors for load in everything)
    found.say("One employee per request: JWT, validation, explanation, committed record; 2 workers")
    found.say(f"(median of {plan.rounds} rounds; latency in ms)")
    found.say(_HEADER)
    for connections, several in loads.items():
        found.say(_line(connections, several))
    found.say(f"  recorded: {recorded} rows for {created} answers with status 201")
    found.say(f"  processor time at 8 connections, in % of one core: {shares}")
    found.say(
        "  each round at 8 connections, and how much of a core anything else took meanwhile: "
        + ", ".join(
            f"{load.per_second:.0f} ({others:.0%})"
            for load, others in zip(loads[8], shares.others, strict=True)
        )
    )
    found.say(
        "  memory of each worker after it: "
        + ", ".join(f"{one.rss:.0f} MB RSS ({one.pss:.0f} MB PSS)" for one in after)
    )
    _must_be_whole(found, everything, recorded, created)
    found.must(errors == 0, f"{errors} requests were not answered with 201")


_HEADER = (
    f"  {'connections':>11} {'requests/s':>11} {'lowest':>7} {'highest':>8}"
    f" {'median':>7} {'p95':>6} {'p99':>6} {'errors':>7} {'answers':>8}"
)


def _line(connections: int, several: list[Load]) -> str:
    rates = [load.per_second for load in several]

    def quantile(share: float) -> float:
        return statistics.median(load.quantile(share) * 1000 for load in several)

    return (
        f"  {connections:>11} {statistics.median(rates):>11.0f} {min(rates):>7.0f}"
        f" {max(rates):>8.0f} {quantile(0.5):>7.2f} {quantile(0.95):>6.2f} {quantile(0.99):>6.2f}"
        f" {sum(load.errors for load in several):>7}"
        f" {sum(len(load.latencies) for load in several):>8}"
    )


def batch(place: Installation, plan: Plan, found: Measured) -> None:
    """A thousand employees per request, one request at a time."""
    with serving(place, workers=2) as server:
        many = {"employees": employees()[:MANY]}
        requests = _requests(server, PREDICT_MANY, [many])
        _load(server, requests, connections=2, seconds=0, expect=200)
        before = place.records()
        load = _load(server, requests, connections=1, seconds=plan.seconds, expect=200)
        recorded = place.records() - before
    answered = len(load.latencies) * MANY
    found.say(f"Batches of {MANY} employees, one connection")
    found.say(
        f"  {load.per_second * MANY:.0f} employees/s; median {load.quantile(0.5) * 1000:.0f} ms per"
        f" batch; {len(load.latencies)} batches, {load.errors} errors"
    )
    found.say(f"  recorded: {recorded} rows for {answered} employees answered")
    _must_be_whole(found, [load], recorded, answered)
    found.must(load.errors == 0, f"{load.errors} batches were not answered with 200")


def memory(place: Installation, plan: Plan, found: Measured) -> None:
    """One worker, fresh: before anything but sign-in, and after its first prediction."""
    with serving(place, workers=1) as server:
        [worker] = server.workers
        before = processes.memory(worker)
        requests = _requests(server, PREDICT, employees()[:1])
        load = _load(server, requests, connections=1, seconds=0)
        after = processes.memory(worker)
        loaded = processes.loaded_packages(worker)
    heavy = sorted(loaded & set(processes.HEAVY))
    found.say("Memory of one worker")
    found.say(f"  after sign-in and before any prediction: {before.rss:.1f} MB RSS")
    found.say(
        f"  after its first prediction: {after.rss:.1f} MB RSS ({after.pss:.1f} MB PSS, its share"
        " of what it shares with gunicorn's master)"
    )
    found.say(
        f"  in its memory map: {processes.EXPECTED} {'yes' if loaded - set(heavy) else 'no'}, "
        + ", ".join(f"{name} {'YES' if name in heavy else 'no'}" for name in processes.HEAVY)
    )
    found.must(load.errors == 0, f"the first prediction was refused: {load.unexpected[:500]!r}")
    found.must(not heavy, f"the web process has imported {', '.join(heavy)}")
    found.must(processes.EXPECTED in loaded, "the memory map shows no numpy: the proof is void")


def _requests(server: Server, path: str, bodies: list[Any]) -> list[bytes]:
    return [
        post(path, json.dumps(body).encode(), host=server.authority, token=server.token)
        for body in bodies
    ]


def _load(
    server: Server, requests: list[bytes], *, connections: int, seconds: float, expect: int = 201
) -> Load:
    """Load for these seconds; for 0, one request per connection."""
    at_most = _MOST_REQUESTS if seconds else connections
    return drive(
        server.address,
        requests,
        connections=connections,
        seconds=seconds,
        at_most=at_most,
        expect=expect,
    )


def _must_be_whole(found: Measured, loads: list[Load], recorded: int, answered: int) -> None:
    found.must(answered > 0, "nothing was answered")
    found.must(recorded == answered, f"{answered} answers, but {recorded} records")
    for load in loads:
        if load.unexpected:
            found.must(False, f"an answer that was not expected: {load.unexpected[:500]!r}")
            return


_OTHERS = "anything else"


class _Shares:
    """Who took the processor's time in the blocks that this watched.

    Someone else's work on the machine makes every figure worse; this is how a reader sees it.
    """

    def __init__(self, place: Installation, server: Server) -> None:
        self._groups = {
            "web workers": server.workers,
            "database": place.database_processes(),
        }
        self._taken: dict[str, float] = dict.fromkeys([*self._groups, "load", _OTHERS], 0.0)
        self.others: list[float] = []
        """By block, the cores that were busy with neither the product nor the load."""
        self._seconds = 0.0

    def _now(self) -> dict[str, float]:
        now = {name: processes.cpu_seconds(pids) for name, pids in self._groups.items()}
        now["load"] = time.process_time()
        now[_OTHERS] = processes.machine_cpu_seconds() - sum(now.values())
        return now

    def __enter__(self) -> None:
        self._begun, self._before = time.perf_counter(), self._now()

    def __exit__(self, *exception: object) -> None:
        seconds = time.perf_counter() - self._begun
        taken = {name: now - self._before[name] for name, now in self._now().items()}
        for name, share in taken.items():
            self._taken[name] += share
        self._seconds += seconds
        self.others.append(max(0.0, taken[_OTHERS]) / seconds)

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {max(0.0, taken) / self._seconds:.0%}" for name, taken in self._taken.items()
        ).replace("%", "")


# ------------------------------------------------------------------ inside one process


def engine(place: Installation, plan: Plan, found: Measured) -> None:
    """One prediction without web and database, a million of them, and the model's tables."""
    from mlcore import registry

    active = registry.active()
    rows = employees()[:200]
    clean = [active.schema.clean(row) for row in rows]
    large = measured_engine.large()
    found.say("One employee inside one process (median of a pass over 200 employees)")
    for name, step, subjects, goal in (
        ("validate", active.schema.clean, rows, ""),
        ("score and explain", active.model.score, clean, "; goal: at most 40 µs"),
        ("the same with 2,048 knots and 10 pairs", large.model.score, clean, "; goal: the same"),
    ):
        microseconds = measured_engine.seconds_each(step, subjects, plan.repeats) * 1e6
        found.say(f"  {name}: {microseconds:.1f} µs{goal}")
    found.say("Loading a model, hashes checked (median)")
    for name, made in (("the active one", active.artifact), ("2,048 knots and 10 pairs", large)):
        milliseconds = measured_engine.loading(made, plan.repeats) * 1000
        found.say(f"  {name}: {milliseconds:.1f} ms; goal: at most 20 ms")
    found.say(f"{plan.rows:,} employees scored and explained at once, each time in a fresh process")
    for name in measured_engine.MODELS:
        scored = measured_engine.score_many(name, plan.rows)
        found.say(
            f"  {name}: {scored.seconds:.2f} s ({scored.processor:.2f} s of one core's time),"
            f" {scored.megabytes:.0f} MB beyond the input;"
            " goal for 1,000,000: at most 3 s, 600 MB"
        )
    found.say("The bundled model's tables against the learners they were compiled from")
    compiled = measured_engine.bundled().card.get("compiled", {})
    for name, label, goal in (
        ("largest_probability_gap", "largest difference in probability", 0.002),
        ("roc_auc_gap", "difference in ROC AUC", 0.0005),
    ):
        gap = f"{compiled[name]:.1g}" if name in compiled else "not on its card"
        found.say(f"  {label}, on the training data: {gap}; goal: at most {goal}")


BENCHMARKS: dict[str, Callable[[Installation, Plan, Measured], None]] = {
    "memory": memory,
    "api": api,
    "batch": batch,
    "engine": engine,
    "profile": profiling.profile,
    "beside": beside.beside,
    "files": files.files,
    "warehouse": warehouse.warehouse,
    "pages": pages.pages,
    "growth": growth.growth,
}
ONLY_NAMED = frozenset({"beside", "files", "growth", "pages", "profile", "warehouse"})
"""Those that take minutes, or gigabytes of disk: not among all."""
