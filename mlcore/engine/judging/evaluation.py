"""How good a model is, measured on employees that it has not seen.

Repeated cross-validation: everything that learns is fitted inside the folds, one employee's rows
stay on one side, and what is scored is the compiled model. `figures` makes the card's figures of
the result.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from mlcore.engine.judging.figures import OutOfFold
from mlcore.engine.learning import training
from mlcore.engine.learning.folding import deal_again
from mlcore.engine.learning.preparation import TrainingSet
from mlcore.engine.plan import TrainingError

FOLDS, REPEATS, SEED = 10, 2, 0
# A large history needs fewer folds for the same certainty, and each of them takes longer.
LARGE = 5_000  # employees
LARGE_FOLDS, LARGE_REPEATS = 5, 1
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Progress = Callable[[str, int, int], None]
"""Told of a step, how much of it is done and of how much; raises to cancel."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The model of all the data, and how good models made the same way are."""

    trained: training.Trained
    out_of_fold: OutOfFold


def protocol(rows: int) -> tuple[int, int]:
    """Folds and repeats for so many employees."""
    return (LARGE_FOLDS, LARGE_REPEATS) if rows > LARGE else (FOLDS, REPEATS)


def evaluate(data: TrainingSet, *, progress: Progress | None = None, jobs: int = 1) -> Evaluation:
    """Train on all of `data`, and cross-validate that training, in `jobs` processes.

    The result does not depend on `jobs`. What `progress` raises ends the work, and the processes
    with it. Raises `TrainingError` when nothing can be learned.
    """
    tell = progress or (lambda step, done, total: None)
    most, repeats = protocol(len(data.left))
    dealt = deal_again(data.left, data.groups, most, repeats, SEED)
    folds, splits = len(dealt[0]), [split for repeat in dealt for split in repeat]
    shape = (repeats, len(data.left))
    fold = np.zeros(shape, dtype=np.int64)
    said = {name: np.zeros(shape) for name in ("model", "base_rate", "logistic_regression")}
    trained: training.Trained | None = None
    tell("training", 0, 1)
    done = 0
    # The training on everything goes first, beside the folds: what cannot be learned ends at once.
    parent = os.getpid()
    tasks = [delayed(_train)(parent, data)]
    tasks += [delayed(_fold)(parent, data, place, *split) for place, split in enumerate(splits)]
    with _results(tasks, jobs) as results:
        for place, found in results:
            if isinstance(found, training.Trained):
                trained = found
                tell("training", 1, 1)
            else:
                done += 1
                unseen = splits[place][1]
                fold[place // folds, unseen] = place
                for name, probability in found.items():
                    said[name][place // folds, unseen] = probability
            if trained:
                tell("evaluating", done, len(splits))
            else:
                tell("training", 0, 1)
    assert trained  # noqa: S101 - the tasks held it
    return Evaluation(
        trained=trained,
        out_of_fold=OutOfFold(
            left=data.left,
            groups=data.groups,
            fold=fold,
            probability=said.pop("model"),
            baselines=said,
        ),
    )


@contextmanager
def _results(tasks: Sequence[Any], jobs: int) -> Iterator[Iterator[Any]]:
    """The results of tasks as they come; whoever leaves early ends the processes."""
    # A daemonic process, as a task queue's workers may be, cannot have children.
    if multiprocessing.current_process().daemon:
        jobs = 1
    # No task waits in a process's queue: ending the processes is clean, and nothing is lost by it.
    parallel = Parallel(
        n_jobs=jobs, backend="loky", return_as="generator_unordered", pre_dispatch="n_jobs"
    )
    results = parallel(tasks)
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            # joblib warns of what was not waited for: that is meant.
            warnings.simplefilter("ignore")
            results.close()


def _end_with(parent: int) -> None:
    """Let this process end when its parent does: one that is killed cannot end its children."""
    global _watching
    if _watching or os.getpid() == parent:
        return
    _watching = True

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_watching = False


def _train(parent: int, data: TrainingSet) -> tuple[int, training.Trained]:
    _end_with(parent)
    # Sums in another order differ in their last bits: one thread gives one order.
    with threadpool_limits(1):
        return -1, training.train(data)


def _fold(
    parent: int, data: TrainingSet, place: int, seen: Ints, unseen: Ints
) -> tuple[int, dict[str, Floats]]:
    """What models of some employees say of the others."""
    _end_with(parent)
    with threadpool_limits(1):
        known, held_out = data.part(seen), data.part(unseen)
        base_rate = np.full(len(unseen), known.left.mean())
        try:
            model = training.train(known).model.score_frame(held_out.frame).probability
        except TrainingError:
            # Nothing to be learned from these: then nothing but the base rate can be said.
            model = base_rate
        plain = _plain(known).predict_proba(held_out.features)[:, 1]
    return place, {"model": model, "base_rate": base_rate, "logistic_regression": plain}


def _plain(data: TrainingSet) -> Any:
    """What a careful beginner would do: a logistic regression of all inputs as they stand."""
    choices = [f.name for f in data.schema.features if f.kind == "choice"]
    numbers = [f.name for f in data.schema.features if f.kind != "choice"]
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
                ),
                numbers,
            ),
            # A blank answer is an answer of its own.
            ("choices", OneHotEncoder(handle_unknown="ignore", sparse_output=False), choices),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=5000)).fit(data.features, data.left)
