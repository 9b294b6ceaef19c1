"""Probabilities that happen as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from mlcore.engine.learning.calibration import Link, fit_link


def drawn(link, n=20_000, seed=0):
    """Log-odds of n employees, and answers as `link` makes them."""
    dice = np.random.default_rng(seed)
    log_odds = dice.normal(-1, 1.5, n)
    return log_odds, (dice.random(n) < link.probability(log_odds)).astype(np.int64)


def calibration_error(left, probability):
    groups = np.array_split(np.argsort(probability, kind="stable"), 10)
    return sum(len(g) * abs(left[g].mean() - probability[g].mean()) for g in groups) / len(left)


@pytest.mark.parametrize(
    "truth",
    [
        Link(shift=0.0, scale=1.0, floor=0.0),
        Link(shift=-1.0, scale=1.6, floor=0.04),
        Link(shift=-0.5, scale=1.2, floor=0.1),
        Link(shift=-40.0, scale=0.8, floor=0.0),
    ],
)
def test_the_link_behind_the_answers_is_found(truth):
    if truth.shift == -40:
        # Log-odds far from 0 are no reason to lose one's way.
        log_odds, left = drawn(Link(shift=0.0, scale=0.8, floor=0.0))
        log_odds = log_odds + 50
    else:
        log_odds, left = drawn(truth)
    found = fit_link(log_odds, left)
    assert found.scale == pytest.approx(truth.scale, rel=0.12)
    assert found.shift == pytest.approx(truth.shift, abs=0.15, rel=0.12)
    assert found.floor == pytest.approx(truth.floor, abs=0.012)


def test_a_floor_that_is_not_there_is_exactly_zero_more_often_than_not():
    truth = Link(shift=0.0, scale=1.0, floor=0.0)
    found = [fit_link(*drawn(truth, 1500, seed)).floor for seed in range(20)]
    assert sum(floor == 0 for floor in found) >= 16
    assert max(found) < 0.05


def test_a_floor_stays_well_below_the_base_rate():
    dice = np.random.default_rng(0)
    log_odds, left = dice.normal(size=1000), (dice.random(1000) < 0.3).astype(np.int64)
    assert fit_link(log_odds, left).floor <= left.mean() / 2


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_calibration_lowers_the_calibration_error(scale):
    truth = Link(shift=0.0, scale=scale, floor=0.05)
    log_odds, left = drawn(truth, 6000)
    fresh, answers = drawn(truth, 6000, seed=1)
    found = fit_link(log_odds, left)
    before = calibration_error(answers, expit(fresh))
    after = calibration_error(answers, found.probability(fresh))
    assert after < 0.02
    assert after < before / 2


def test_order_is_kept_even_where_the_learners_are_wrong_way_round():
    log_odds, left = drawn(Link(shift=0.0, scale=1.0, floor=0.0), 2000)
    assert fit_link(-log_odds, left).scale > 0


def test_losses_are_those_of_the_probabilities():
    link = Link(shift=-0.3, scale=1.4, floor=0.03)
    log_odds, left = drawn(link, 500)
    p = link.probability(log_odds)
    assert np.allclose(link.losses(log_odds, left), -np.where(left, np.log(p), np.log1p(-p)))
    assert np.isfinite(link.losses(np.array([-900.0, 900.0]), np.array([0, 1]))).all()


def test_a_leaver_against_all_odds_is_explained_by_the_floor():
    link = Link(shift=0.0, scale=1.0, floor=0.05)
    explained = link.explained(np.array([-6.0, 3.0, -6.0]), np.array([1, 1, 0]))
    assert explained[0] < 0.1
    assert explained[1] > 0.9
    assert explained[2] == 1
