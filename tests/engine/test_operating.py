from __future__ import annotations

import math

import pytest

from mlcore.engine.operating import BANDS, OperatingPoint

POINT = OperatingPoint((0.1, 0.25, 0.5))


@pytest.mark.parametrize(
    ("probability", "band"),
    [
        (0.0, "low"),
        (math.nextafter(0.1, 0), "low"),
        (0.1, "moderate"),
        (math.nextafter(0.25, 0), "moderate"),
        (0.25, "high"),
        (0.5, "very_high"),
        (1.0, "very_high"),
    ],
)
def test_a_bound_belongs_to_the_band_that_it_begins(probability, band):
    assert POINT.band(probability) == band


@pytest.mark.parametrize("probability", [0, 0.1, 0.2499999, 0.25, 0.3, 0.7, 1])
def test_the_bands_never_contradict_the_threshold(probability):
    elevated = probability >= POINT.threshold
    assert (POINT.band(probability) in ("high", "very_high")) == elevated


def test_bands_are_named_from_the_lowest():
    assert BANDS == ("low", "moderate", "high", "very_high")


@pytest.mark.parametrize(
    "bounds",
    [(0, 0.2, 0.5), (0.2, 0.2, 0.5), (0.3, 0.2, 0.5), (0.1, 0.2, 1), (0.1, math.nan, 0.5)],
)
def test_bounds_rise_within_0_and_1(bounds):
    with pytest.raises(ValueError, match="rise"):
        OperatingPoint(bounds)


@pytest.mark.parametrize(("conversations", "threshold"), [(1, 1 / 2), (3, 1 / 4), (9, 1 / 10)])
def test_the_threshold_follows_from_what_a_missed_leaver_costs(conversations, threshold):
    assert OperatingPoint.from_costs(conversations).threshold == pytest.approx(threshold)


@pytest.mark.parametrize("conversations", [0.01, 0.5, 1, 3, 20, 1000])
def test_any_cost_gives_four_bands(conversations):
    point = OperatingPoint.from_costs(conversations)
    assert {point.band(p) for p in (0.0, *point.bounds)} == set(BANDS)


def test_the_cost_is_least_at_the_threshold(bundled, employees):
    """What is promised for calibrated probabilities: no other threshold is cheaper by much."""
    probability = bundled.model.score_frame(employees).probability

    def expected_cost(threshold):
        talked_to = probability >= threshold
        needless = (1 - probability)[talked_to].sum()
        missed = probability[~talked_to].sum()
        return needless + 3 * missed

    best = expected_cost(OperatingPoint.from_costs(3).threshold)
    assert all(best <= expected_cost(n / 100) for n in range(1, 100))


def test_a_point_survives_json():
    assert OperatingPoint.from_json(POINT.to_json()) == POINT


@pytest.mark.parametrize(
    "junk", [{}, [], {"bounds": [0.1]}, {"bounds": "abc"}, {"bounds": [0.5, 0.2, 0.1]}], ids=repr
)
def test_what_is_no_point_is_refused(junk):
    with pytest.raises((ValueError, KeyError, TypeError)):
        OperatingPoint.from_json(junk)
