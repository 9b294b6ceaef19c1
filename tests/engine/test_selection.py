"""As few inputs as do as well, and what each that was left out would add."""

from __future__ import annotations

import numpy as np
import pytest

from mlcore.engine.learning.selection import eliminate, fewest


@pytest.fixture
def columns():
    """Six inputs of two columns each: the first three matter, less and less."""
    dice = np.random.default_rng(0)
    x = dice.normal(size=(3000, 12))
    log_odds = 1.2 * x[:, 0] + 0.8 * x[:, 2] + 0.4 * x[:, 4] - 1
    left = (dice.random(3000) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    return x, [slice(i, i + 2) for i in range(0, 12, 2)], left


def test_what_matters_least_goes_first(columns):
    x, slices, left = columns
    order = eliminate(x, slices, left, penalty=2.0).order
    assert order[3:] == [2, 1, 0]
    assert set(order[:3]) == {3, 4, 5}


def test_protected_inputs_go_last(columns):
    x, slices, left = columns
    assert eliminate(x, slices, left, penalty=2.0, protected={5, 1}).order[-2:] == [5, 1]


def test_the_fewest_inputs_are_those_that_matter(columns):
    x, slices, left = columns
    half = np.arange(1500)
    found = eliminate(x[half], slices, left[half], penalty=2.0, held_out=(x[1500:], left[1500:]))
    assert found.losses.shape == (7, 1500)
    assert fewest(found.losses, paired=True) == 3
    means = found.losses.mean(axis=1)
    assert means[3] < means[4] < means[5] < means[6]
    # With none, everyone has the base rate.
    share = left[half].mean()
    assert found.losses[6].mean() == pytest.approx(
        -np.mean(left[1500:] * np.log(share) + (1 - left[1500:]) * np.log(1 - share)), rel=1e-6
    )


def test_the_standard_error_of_a_difference_gives_up_fewer_than_that_of_the_loss(columns):
    x, slices, left = columns
    half = np.arange(1500)
    losses = eliminate(
        x[half], slices, left[half], penalty=2.0, held_out=(x[1500:], left[1500:])
    ).losses
    assert fewest(losses, paired=False) >= fewest(losses, paired=True)


def test_one_input_always_stays():
    losses = np.tile(np.linspace(0.3, 0.5, 50), (5, 1))
    assert fewest(losses, paired=True) == 3
    assert fewest(losses, paired=False) == 3
