"""The measures against scikit-learn's and against figures known by hand; intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from mlcore.engine.judging.metrics import LIMITS, METRICS, Ranking, band, centred, resamples

LEFT = np.array([0, 0, 0, 1, 0, 1, 1, 0])
THEIRS = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "brier": brier_score_loss,
    "log_loss": log_loss,
}


def people(count, seed=0, digits=3):
    """Calibrated probabilities, with ties, and the answers that came of them."""
    dice = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(-dice.normal(-2, 1.3, count)))
    return Ranking((dice.uniform(size=count) < risk).astype(int), np.round(risk, digits))


@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_measures_are_scikit_learn_s(digits, weighted):
    ranking = people(400, digits=digits)
    ranking.probability[:] = np.clip(ranking.probability, 0.01, 0.99)
    weights = np.random.default_rng(5).poisson(1, 400).astype(float) if weighted else None
    found = ranking.measure(weights)
    for name, theirs in THEIRS.items():
        expected = theirs(ranking.left, ranking.probability, sample_weight=weights)
        assert found[name] == pytest.approx(expected, abs=1e-12), name


def test_perfect_probabilities_are_measured_as_perfect():
    metrics = Ranking(LEFT, LEFT.astype(float)).measure()
    assert metrics["roc_auc"] == metrics["average_precision"] == 1
    assert metrics["brier"] == metrics["log_loss"] == 0


def test_saying_the_base_rate_to_everyone_ranks_nobody():
    ranking = Ranking(LEFT, np.full(8, 3 / 8))
    assert ranking.measure()["roc_auc"] == 0.5
    assert ranking.measure()["average_precision"] == pytest.approx(3 / 8)
    assert ranking.measure()["brier"] == pytest.approx(3 / 8 * 5 / 8)


def test_the_calibration_error_is_the_mean_gap_between_promise_and_fact():
    # Two groups of four: 10 % promised and none left; 60 % promised and three of four left.
    probability = np.array([0.1, 0.1, 0.1, 0.6, 0.1, 0.6, 0.6, 0.6])
    assert Ranking(LEFT, probability).calibration_error(bins=2) == pytest.approx((0.1 + 0.15) / 2)


def test_calibrated_probabilities_have_little_calibration_error():
    dice = np.random.default_rng(0)
    probability = dice.uniform(0, 1, 20_000)
    left = (dice.uniform(0, 1, 20_000) < probability).astype(int)
    assert Ranking(left, probability).calibration_error() < 0.01
    assert Ranking(left, probability**2).calibration_error() > 0.1


def test_who_stands_first_among_equals_is_no_calibration_error():
    """A file that is sorted by who left is as good as one that is not."""
    left = np.repeat([1, 0], [300, 700])
    assert Ranking(left, np.full(1000, 0.3)).calibration_error() == pytest.approx(0)


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_of_two_is_the_same_person_twice(name):
    ranking = people(200)
    weights = np.random.default_rng(3).integers(0, 3, 200).astype(float)
    rows = np.repeat(np.arange(200), weights.astype(int))
    again = Ranking(ranking.left[rows], ranking.probability[rows])

    def value(ranking, *weights):
        if name == "calibration_error":
            return ranking.calibration_error(*weights)
        return ranking.measure(*weights)[name]

    assert value(ranking, weights) == pytest.approx(value(again), abs=1e-12)


class TestCurves:
    def test_the_roc_curve_is_scikit_learn_s(self):
        ranking, at = people(300), np.linspace(0, 1, 101)
        stayers, leavers, _ = roc_curve(ranking.left, ranking.probability)
        found = ranking.roc(at, np.ones(300))
        assert found[1:] == pytest.approx(np.interp(at, stayers, leavers)[1:])
        assert found[-1] == 1
        area = np.trapezoid(found, at)
        assert area == pytest.approx(ranking.measure()["roc_auc"], abs=0.005)

    def test_precision_is_that_of_the_shortest_list_that_holds_enough_leavers(self):
        ranking = people(300)
        precision, recall, _ = precision_recall_curve(ranking.left, ranking.probability)
        for share in (0.05, 0.3, 0.5, 0.99, 1.0):
            place = np.flatnonzero(recall >= share)[-1]
            found = ranking.precision(np.array([share]), np.ones(300))[0]
            assert found == pytest.approx(precision[place]), share


class TestResamples:
    def test_as_many_are_drawn_as_there_are(self):
        ranking = people(100)
        drawn = resamples(np.arange(100), ranking.left, 20, seed=0)
        assert {weights.sum() for weights in drawn} == {100}
        assert len({weights.tobytes() for weights in drawn}) == 20
        again = resamples(np.arange(100), ranking.left, 20, seed=0)
        assert all((a == b).all() for a, b in zip(drawn, again, strict=True))

    def test_duplicates_are_drawn_together(self):
        groups = np.arange(100) // 2
        for weights in resamples(groups, people(100).left, 10, seed=0):
            assert (weights[::2] == weights[1::2]).all()

    def test_a_resample_has_leavers_and_stayers(self):
        left = np.array([1] + [0] * 9)
        assert all(0 < w @ left < w.sum() for w in resamples(np.arange(10), left, 50, seed=0))
        with pytest.raises(ValueError, match="must have left"):
            resamples(np.arange(10), np.zeros(10, dtype=int), 5, seed=0)

    def test_the_intervals_cover_the_truth(self):
        """95 % of the time, as far as 60 samples can tell."""
        truth = people(200_000, seed=99, digits=9).measure()
        covered = dict.fromkeys(truth, 0)
        for seed in range(60):
            ranking = people(400, seed, digits=9)
            drawn = resamples(np.arange(400), ranking.left, 100, seed=0)
            measured = [ranking.measure(weights) for weights in drawn]
            for name, value in ranking.measure().items():
                values = np.array([each[name] for each in measured])
                low, high = centred(value, values, LIMITS[name])
                assert low < value < high
                covered[name] += low <= truth[name] <= high
        assert min(covered.values()) >= 50, covered

    def test_an_interval_keeps_to_what_is_possible(self):
        assert centred(0.99, np.array([0.97, 0.99, 1.0]), (0.0, 1.0))[1] == 1
        assert centred(0.01, np.array([0.0, 0.01, 0.05]), (0.0, 1.0))[0] == 0

    def test_a_band_holds_the_curve(self):
        ranking, at = people(300), np.linspace(0, 1, 11)
        drawn = resamples(np.arange(300), ranking.left, 50, seed=0)
        low, high = band(lambda weights: ranking.roc(at, weights), drawn)
        curve = ranking.roc(at, np.ones(300))
        assert (low[1:] <= curve[1:]).all()
        assert (curve[1:] <= high[1:]).all()
