from __future__ import annotations

import numpy as np
import pytest

from mlcore.engine.evaluation import Evaluation, calibration_error, measure

LEFT = np.array([0, 0, 0, 1, 0, 1, 1, 0])


def test_perfect_probabilities_are_measured_as_perfect():
    metrics = measure(LEFT, LEFT.astype(float))
    assert metrics["roc_auc"] == metrics["average_precision"] == 1
    assert metrics["brier"] == pytest.approx(0)
    assert metrics["log_loss"] == pytest.approx(0, abs=1e-9)


def test_saying_the_base_rate_to_everyone_ranks_nobody():
    rate = np.full(8, 3 / 8)
    metrics = measure(LEFT, rate)
    assert metrics["roc_auc"] == 0.5
    assert metrics["average_precision"] == pytest.approx(3 / 8)
    assert metrics["brier"] == pytest.approx(3 / 8 * 5 / 8)
    assert calibration_error(LEFT, rate, bins=1) == pytest.approx(0)


def test_the_calibration_error_is_the_mean_gap_between_promise_and_fact():
    # Two groups of four: 10 % promised and none left; 60 % promised and three of four left.
    probability = np.array([0.1, 0.1, 0.1, 0.6, 0.1, 0.6, 0.6, 0.6])
    left = np.array([0, 0, 0, 1, 0, 1, 1, 0])
    assert calibration_error(left, probability, bins=2) == pytest.approx((0.1 + 0.15) / 2)


def test_calibrated_probabilities_have_little_calibration_error():
    dice = np.random.default_rng(0)
    probability = dice.uniform(0, 1, 20_000)
    left = (dice.uniform(0, 1, 20_000) < probability).astype(int)
    assert calibration_error(left, probability) < 0.01
    assert calibration_error(left, probability**2) > 0.1


def test_a_summary_has_the_mean_and_the_spread_over_the_folds():
    summary = Evaluation(metrics={"roc_auc": [0.8, 0.9], "brier": [0.1, 0.1]}).summary()
    assert summary == {
        "roc_auc": {"mean": 0.85, "sd": 0.070711},
        "brier": {"mean": 0.1, "sd": 0.0},
    }
