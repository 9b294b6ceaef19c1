"""The model by itself: how fast it loads and scores, and what memory a million rows take.

Knows neither Django nor a database. As a command it scores many rows in a process of its own and
prints one line of JSON: `python -m benchmarks.engine bundled 1000000`.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import processes
from mlcore.engine import artifact
from mlcore.engine.artifact import Artifact
from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.schema import CleanFrame, FeatureSchema
from mlcore.engine.shapes import Axis, Curve, Pair, Shape
from mlcore.engine.values import Value

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ROOT / "mlcore" / "bundled" / "ibm"

# What a model may grow to: as many knots as training writes, and the most pairs that it keeps.
_KNOTS, _PAIRS = 2048, 10
_BLANKS = 0.02  # share of the values


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What scoring many rows took."""

    seconds: float
    processor: float
    """Seconds of one core; less than `seconds` where others took the machine meanwhile."""
    megabytes: float
    """At the most, beyond the input; of 1,000,000 bytes."""


def bundled() -> Artifact:
    return artifact.load(BUNDLED)


def large() -> Artifact:
    """The bundled model's inputs, with curves of 2,048 knots and ten pairs, drawn at random."""
    rng = np.random.default_rng(0)
    original = bundled()
    features = original.schema.features

    def shape(feature: Feature, old: Shape) -> Shape:
        if not isinstance(old, Curve):
            return old
        knots = np.linspace(*_seen(feature), _KNOTS)
        steps = rng.normal(scale=0.02, size=_KNOTS)
        return Curve(tuple(knots.tolist()), tuple(np.cumsum(steps).tolist()), 0.1)

    def axis(feature: Feature) -> Axis:
        if feature.choices:
            return Axis(answers=tuple(choice.value for choice in feature.choices))
        return Axis(cuts=tuple(np.linspace(*_seen(feature), 33)[1:-1].tolist()))

    def pair(first: Feature, second: Feature) -> Pair:
        axes = (axis(first), axis(second))
        values = rng.normal(scale=0.05, size=(axes[0].places, axes[1].places))
        rows = tuple(tuple(row) for row in values.tolist())
        return Pair((first.name, second.name), axes, rows)

    couples = [(one, two) for one in features for two in features if one.name < two.name]
    model = GlassBoxModel(
        original.model.intercept,
        {feature.name: shape(feature, original.model.shapes[feature.name]) for feature in features},
        original.model.base_rate,
        tuple(pair(*couple) for couple in random.Random(0).sample(couples, _PAIRS)),
        0.02,
    )
    return replace(original, model=model)


MODELS: dict[str, Callable[[], Artifact]] = {"bundled": bundled, "large": large}
"""By name; the file of `bundled` is read, and `large` is made."""


def _seen(feature: Feature) -> tuple[float, float]:
    return feature.seen or (feature.minimum, feature.maximum)


def workforce(schema: FeatureSchema, count: int) -> CleanFrame:
    """`count` clean employees with an object of its own for each value, as a reader makes them."""
    rng = np.random.default_rng(0)

    def column(feature: Feature) -> list[Value]:
        values: list[Any]
        if feature.choices:
            answers = [choice.value for choice in feature.choices]
            values = [answers[place] for place in rng.integers(0, len(answers), count)]
        elif feature.integer:
            low, high = map(int, _seen(feature))
            values = rng.integers(low, high + 1, count).tolist()
        else:
            values = rng.uniform(*_seen(feature), count).tolist()
        for place in rng.integers(0, count, int(count * _BLANKS)).tolist():
            values[place] = None
        return values

    inputs = {feature.name: column(feature) for feature in schema.features}
    return CleanFrame([""] * count, inputs, {}, list(range(count)), {})


def loading(made: Artifact, repeats: int) -> float:
    """Seconds that it takes to make a model of its files, their hashes checked (median)."""
    files = artifact.files_of(made)
    sha256 = artifact.parse(files).sha256
    return seconds_each(
        lambda given: artifact.parse(given, expected_sha256=sha256), [files], repeats
    )


def seconds_each(step: Callable[[Any], object], subjects: list[Any], repeats: int) -> float:
    """Median over repeats of the mean time that `step` takes for one of the subjects.

    Time of the processor, which is all that these steps wait for: what others do with the machine
    meanwhile does not count.
    """
    means = []
    for _ in range(repeats):
        begun = time.process_time()
        for subject in subjects:
            step(subject)
        means.append((time.process_time() - begun) / len(subjects))
    return statistics.median(means)


def score_many(name: str, rows: int) -> Scored:
    """Score and explain `rows` employees with the model `name`, in a fresh process.

    Raises `subprocess.CalledProcessError` when it fails.
    """
    command = [sys.executable, "-m", "benchmarks.engine", name, str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Scored(**json.loads(done.stdout))


def _score_many(name: str, rows: int) -> Scored:
    made = MODELS[name]()
    frame = workforce(made.schema, rows)
    made.model.score(frame.row(0))  # what is made once for each model is made
    before = processes.memory_now_and_most()[0]
    processes.forget_most_memory()
    begun, taken = time.perf_counter(), time.process_time()
    scores = made.model.score_frame(frame)
    seconds, processor = time.perf_counter() - begun, time.process_time() - taken
    most = processes.memory_now_and_most()[1]
    for index in range(0, rows, max(1, rows // 1000)):
        if scores.row(index) != made.model.score(frame.row(index)):
            raise AssertionError(f"row {index} alone is not what it is among the others")
    return Scored(seconds=seconds, processor=processor, megabytes=most - before)


if __name__ == "__main__":
    found = _score_many(sys.argv[1], int(sys.argv[2]))
    print(json.dumps(asdict(found)))
