"""The cross-validation: who is held out when, in which processes, and what ends it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import RepeatedStratifiedKFold

from mlcore.engine.judging import evaluation, figures
from mlcore.engine.judging.evaluation import evaluate, protocol
from mlcore.engine.learning.preparation import prepare
from tests.engine.small_history import PLAN, few_stumps, history


class CancelledError(Exception):
    """What a progress raises when a person cancels."""


@pytest.fixture(autouse=True)
def _few_folds(monkeypatch, few_stumps):
    monkeypatch.setattr(evaluation, "FOLDS", 2)


@pytest.fixture(scope="module")
def data():
    return prepare(PLAN, history())


@pytest.fixture(scope="module")
def evaluated(data):
    told = []
    with pytest.MonkeyPatch.context() as patch, few_stumps():
        patch.setattr(evaluation, "FOLDS", 2)
        found = evaluate(data, progress=lambda *step: told.append(step))
    return found, told


def test_everyone_is_judged_once_in_each_repeat_by_a_model_that_did_not_see_them(evaluated):
    found = evaluated[0].out_of_fold
    assert found.probability.shape == found.fold.shape == (2, 300)
    assert [sorted(set(folds)) for folds in found.fold.tolist()] == [[0, 1], [2, 3]]
    assert ((found.probability > 0) & (found.probability < 1)).all()


def test_the_folds_are_scikit_learn_s_where_nobody_is_twice(evaluated, data):
    splits = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    expected = np.zeros((2, 300), dtype=int)
    for place, (_, unseen) in enumerate(splits.split(data.left, data.left)):
        expected[place // 2, unseen] = place
    assert (evaluated[0].out_of_fold.fold == expected).all()


def test_duplicates_are_never_on_both_sides():
    columns = {header: column[:150] * 2 for header, column in history().items()}
    found = evaluate(prepare(PLAN, columns)).out_of_fold
    assert (found.fold[:, :150] == found.fold[:, 150:]).all()
    assert (found.probability[:, :150] == found.probability[:, 150:]).all()


def test_people_who_look_alike_are_judged_by_folds_that_hold_both_answers(data):
    """Twenty groups of fifteen rows, as a file with few columns and no reference has them."""
    alike = replace(data, groups=np.arange(300) % 20)
    found = evaluate(alike).out_of_fold
    for folds in found.fold:
        for fold in set(folds.tolist()):
            unseen = folds == fold
            assert set(data.left[unseen].tolist()) == {0, 1}
            assert not set(alike.groups[unseen]) & set(alike.groups[~unseen])
    for metric in figures.describe(found)["metrics"].values():
        assert metric["low"] <= metric["mean"] <= metric["high"]


def test_a_fold_without_leavers_is_not_measured(evaluated):
    found = evaluated[0].out_of_fold
    fold = np.where(found.left == 0, np.minimum(np.cumsum(found.left == 0) // 60, 1), 1)[None]
    one = replace(found, fold=fold, probability=found.probability[:1], baselines={})
    assert len(set(fold[0].tolist())) == 2
    described = figures.describe(one)["metrics"]
    assert all(np.isfinite([*metric.values()]).all() for metric in described.values())
    assert len(figures.by_fold(one, one.probability)["roc_auc"]) == 1


def test_the_baselines_are_measured_on_the_same_folds(evaluated, data):
    found = evaluated[0].out_of_fold
    assert set(found.baselines) == {"base_rate", "logistic_regression"}
    for fold in range(4):
        repeat, unseen = fold // 2, found.fold[fold // 2] == fold
        assert (found.baselines["base_rate"][repeat, unseen] == data.left[~unseen].mean()).all()


def test_progress_is_told_as_the_folds_end(evaluated):
    assert evaluated[1] == [
        ("training", 0, 1),
        ("training", 1, 1),
        *(("evaluating", done, 4) for done in range(5)),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_cancelling_ends_the_work(data, jobs):
    told = []

    def cancel(step, done, total):
        told.append((step, done))
        # Where two share the work, folds may end before the training on everyone does.
        if step == "evaluating" and done:
            raise CancelledError

    with pytest.raises(CancelledError):
        evaluate(data, progress=cancel, jobs=jobs)
    assert [step for step, done in told if step == "evaluating" and done] == ["evaluating"]
    assert told[-1][0] == "evaluating"


def test_blanks_are_judged_too():
    columns = history()
    columns["Pay"][::7] = [None] * len(columns["Pay"][::7])
    columns["Overtime"][::5] = [""] * len(columns["Overtime"][::5])
    found = evaluate(prepare(PLAN, columns)).out_of_fold
    for said in (found.probability, *found.baselines.values()):
        assert np.isfinite(said).all()


def test_a_large_history_is_judged_by_fewer_and_larger_folds(monkeypatch):
    assert protocol(5_000) == (2, 2)
    assert protocol(5_001) == (5, 1)
    monkeypatch.setattr(evaluation, "LARGE", 299)
    monkeypatch.setattr(evaluation, "LARGE_FOLDS", 3)
    found = evaluate(prepare(PLAN, history())).out_of_fold
    assert found.repeats == 1
    assert set(found.fold[0].tolist()) == {0, 1, 2}


def test_a_process_ends_when_its_parent_was_killed():
    """Whoever is killed cannot end the processes that share the work."""
    child = (
        "import os, sys, time; from mlcore.engine.judging.evaluation import _end_with;"
        "_end_with(os.getppid()); print('ready', file=sys.stderr, flush=True); time.sleep(60)"
    )
    parent = (
        "import os, subprocess, sys;"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stderr=subprocess.PIPE);"
        "child.stderr.readline(); os._exit(9)"
    )
    # Its output ends when nobody holds it any more: neither the parent nor the child.
    done = subprocess.run([sys.executable, "-c", parent], stdout=subprocess.PIPE, timeout=40)
    assert done.returncode == 9
