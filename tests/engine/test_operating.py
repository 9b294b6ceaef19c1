from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.engine.operating import (
    BANDS,
    OperatingPoint,
    bands_from,
    count_at,
    for_capacity,
    outcome,
)

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


@given(threshold=st.floats(1e-6, 1 - 1e-6))
def test_any_threshold_gives_bands_of_which_the_third_begins_there(threshold):
    low, middle, high = bands_from(threshold)
    assert 0 < low < middle == threshold < high < 1
    assert OperatingPoint.at(threshold).bounds == (low, middle, high)


@pytest.mark.parametrize("threshold", [-0.1, 0, 1, 1.5, math.nan, math.inf])
def test_what_is_no_threshold_gives_no_bands(threshold):
    with pytest.raises(ValueError, match="rise"):
        bands_from(threshold)


OPERATING = {
    "thresholds": [0.0, 0.1, 0.25, 0.5, 0.9],
    "listed": [200, 120, 50, 12.5, 0],
    "leavers": [40, 38, 25, 10, 0],
}


class TestOutcomes:
    def test_a_threshold_says_how_long_the_list_gets_and_whom_it_holds(self):
        found = outcome(OPERATING, 0.25)
        assert (found.listed, found.leavers_listed, found.stayed) == (50, 25, 25)
        assert (found.share, found.leavers_held, found.precision) == (0.25, 0.625, 0.5)
        assert found.missed == 15

    def test_a_threshold_of_zero_lists_everyone_and_a_high_one_nobody(self):
        assert outcome(OPERATING, 0).listed == 200
        nobody = outcome(OPERATING, 0.95)
        assert (nobody.listed, nobody.share, nobody.leavers_held, nobody.precision) == (0, 0, 0, 0)

    def test_between_two_known_thresholds_the_counts_run_straight(self):
        assert outcome(OPERATING, 0.375).listed == pytest.approx(31.25)

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
    def test_a_higher_threshold_never_lists_more(self, thresholds):
        listed = [outcome(OPERATING, t).listed for t in sorted(thresholds)]
        assert listed == sorted(listed, reverse=True)
        for threshold in thresholds:
            found = outcome(OPERATING, threshold)
            assert 0 <= found.leavers_listed <= found.listed + 1e-9

    @given(st.integers(0, 4))
    def test_at_a_known_threshold_the_count_is_exact(self, place):
        thresholds, listed = OPERATING["thresholds"], OPERATING["listed"]
        assert count_at(thresholds, listed, thresholds[place]) == listed[place]


class TestCapacity:
    @given(st.floats(0, 1))
    def test_the_list_is_as_long_as_there_is_time_for_and_no_longer(self, share):
        threshold = for_capacity(OPERATING, share)
        assert outcome(OPERATING, threshold).share <= share + 1e-9
        lower = [t for t in OPERATING["thresholds"] if 0 < t < threshold]
        assert all(outcome(OPERATING, t).share > share for t in lower)
        assert OperatingPoint.at(threshold).threshold == threshold

    def test_a_capacity_that_was_computed_from_a_count_is_met(self):
        assert for_capacity(OPERATING, 50 / 200) == 0.25

    def test_some_lists_cannot_be_short_enough(self):
        certain = {"thresholds": [0.0, 0.5, 1.0], "listed": [9, 9, 9], "leavers": [9, 9, 9]}
        with pytest.raises(ValueError, match=r"no threshold lists as few as 10\.0%"):
            for_capacity(certain, 0.1)
