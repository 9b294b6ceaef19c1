"""Groups compared at a threshold: every figure against one made by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.features import Choice, Feature
from mlcore.engine.judging import fairness, figures
from mlcore.engine.judging.distributions import Group, density, groups
from mlcore.engine.judging.intervals import proportion, ratio
from mlcore.engine.judging.suppression import shown

FEMALE, MALE = ({"en": word, "fr": word} for word in ("Female", "Male"))
CARD = {
    "evaluation": {"operating": {"thresholds": [0.0, 0.25, 0.5]}},
    "fairness": {
        "gender": {
            "label": {"en": "Gender", "fr": "Genre"},
            "groups": [
                {
                    "value": "F", "label": FEMALE, "people": 100, "leavers": 20,
                    "mean_risk": 0.21, "listed": [100, 30, 10], "leavers_listed": [20, 12, 6],
                },
                {
                    "value": "M", "label": MALE, "people": 200, "leavers": 60,
                    "mean_risk": 0.2, "listed": [200, 90, 40], "leavers_listed": [60, 48, 25],
                },
            ],
            "hidden": 3,
        }
    },
}  # fmt: skip


class TestIntervals:
    def test_wilsons_interval_is_the_published_one(self):
        """81 of 263, from Newcombe (1998), "Two-sided confidence intervals", table I."""
        found = proportion(81, 263)
        assert round(found.low, 4) == 0.2553
        assert round(found.high, 4) == 0.3662

    @pytest.mark.parametrize(("count", "low", "high"), [(0, 0, 0.1135), (30, 0.8865, 1)])
    def test_none_and_all_of_thirty_leave_room(self, count, low, high):
        found = proportion(count, 30)
        assert (found.value, found.low, found.high) == (
            count / 30, pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4),
        )  # fmt: skip

    @given(st.integers(1, 10_000), st.floats(0, 1))
    def test_an_interval_holds_its_rate_and_keeps_to_what_is_possible(self, people, share):
        found = proportion(share * people, people)
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1

    def test_wilsons_interval_covers(self):
        dice = np.random.default_rng(0)
        for rate in (0.03, 0.2, 0.5):
            drawn = [proportion(int(n), 60) for n in dice.binomial(60, rate, 2_000)]
            assert np.mean([each.low <= rate <= each.high for each in drawn]) > 0.93

    def test_katzs_interval_is_the_worked_one(self):
        """30 of 100 against 45 of 100."""
        found = ratio(30, 100, 45, 100)
        spread = 1.959964 * math.sqrt(1 / 30 - 1 / 100 + 1 / 45 - 1 / 100)
        assert found.value == pytest.approx(2 / 3)
        assert found.low == pytest.approx(2 / 3 * math.exp(-spread), abs=1e-6)
        assert found.high == pytest.approx(2 / 3 * math.exp(spread), abs=1e-6)

    def test_a_ratio_of_nothing_has_an_interval_and_a_ratio_to_nothing_is_none(self):
        found = ratio(0, 20, 10, 20)
        assert found.value == found.low == 0
        assert 0 < found.high < 1.2
        assert ratio(3, 20, 0, 20) is None
        everyone = ratio(20, 20, 20, 20)
        assert everyone.low < everyone.value == 1 < everyone.high

    @pytest.mark.parametrize(("count", "people"), [(-1, 5), (6, 5), (0, 0)])
    def test_what_is_no_proportion_is_refused(self, count, people):
        with pytest.raises(ValueError, match="is no proportion"):
            proportion(count, people)


class TestAtAThreshold:
    def test_each_group_is_counted(self):
        [gender] = fairness.at_threshold(CARD, 0.25)
        assert (gender.name, gender.label["fr"], gender.hidden) == ("gender", "Genre", 3)
        female, male = gender.groups
        assert (female.value, female.label, female.people, female.leavers) == (
            "F", FEMALE, 100, 20,
        )  # fmt: skip
        assert female.listed == proportion(30, 100)
        assert female.observed == proportion(20, 100)
        assert female.true_positive == proportion(12, 20)
        assert female.false_positive == proportion(18, 80)
        assert male.listed == proportion(90, 200)
        assert male.true_positive == proportion(48, 60)
        assert male.false_positive == proportion(42, 140)

    def test_rates_are_compared_with_the_group_that_is_listed_most(self):
        female, male = fairness.at_threshold(CARD, 0.25)[0].groups
        assert male.is_reference
        assert (male.impact_ratio.value, male.below_four_fifths) == (1, False)
        assert female.impact_ratio == ratio(30, 100, 90, 200)
        assert female.impact_ratio.value == pytest.approx(2 / 3)
        assert female.below_four_fifths
        # 30 of 100 against 90 of 200 may still be chance, as far as four fifths go.
        assert not female.surely_below_four_fifths

    def test_calibration_is_judged_by_what_chance_allows(self):
        female, male = fairness.at_threshold(CARD, 0.25)[0].groups
        assert female.calibrated  # 21 % promised, 20 of 100 left
        assert not male.calibrated  # 20 % promised, 60 of 200 left

    def test_a_threshold_between_two_stored_ones_lies_between(self):
        found = fairness.at_threshold(CARD, 0.4)[0].groups[0]
        assert 10 < found.listed.value * 100 < 30

    def test_where_nobody_is_listed_nothing_is_compared(self):
        stored = json.loads(json.dumps(CARD))
        for group in stored["fairness"]["gender"]["groups"]:
            group["listed"][2] = group["leavers_listed"][2] = 0
        for group in fairness.at_threshold(stored, 0.5)[0].groups:
            assert group.impact_ratio is None
            assert not group.below_four_fifths

    def test_a_group_without_leavers_has_no_true_positive_rate(self):
        stored = json.loads(json.dumps(CARD))
        stored["fairness"]["gender"]["groups"][0] |= {"leavers": 0, "leavers_listed": [0, 0, 0]}
        assert fairness.at_threshold(stored, 0.25)[0].groups[0].true_positive is None

    def test_a_handful_of_people_is_no_yardstick(self):
        stored = json.loads(json.dumps(CARD))
        few = {"value": "X", "label": FEMALE, "people": 5, "leavers": 5, "mean_risk": 0.9,
               "listed": [5, 5, 5], "leavers_listed": [5, 5, 5]}  # fmt: skip
        stored["fairness"]["gender"]["groups"].append(few)
        _, male, third = fairness.at_threshold(stored, 0.25)[0].groups
        assert male.is_reference
        assert third.impact_ratio.value == pytest.approx(1 / 0.45)

    def test_a_model_without_audit_attributes_compares_nobody(self):
        assert fairness.at_threshold({}, 0.25) == []
        assert fairness.at_threshold({"fairness": {}}, 0.25) == []

    @given(st.floats(0, 1))
    def test_any_threshold_gives_rates(self, threshold):
        for group in fairness.at_threshold(CARD, threshold)[0].groups:
            for rate in (group.listed, group.true_positive, group.false_positive):
                assert 0 <= rate.low <= rate.value + 1e-12 <= rate.high + 2e-12 <= 1 + 3e-12


def number(**more):
    return Feature(
        name="age", column="Age", kind="number", label={"en": "Age"}, maximum=1e9, **more
    )


SCALE = Feature(
    name="grade",
    column="Grade",
    kind="scale",
    label={"en": "Grade"},
    choices=tuple(Choice(value=step, label={"en": f"Grade {step}"}) for step in (1, 2, 3)),
)


class TestGroups:
    def labels(self, feature, column, language="en"):
        return [group.label[language] for group in groups(feature, column)]

    def test_ages_are_cut_as_people_cut_them(self, columns):
        ages = columns["Age"]
        assert self.labels(number(), ages) == ["Under 30", "30–39", "40–49", "50 and over"]
        french = ["Moins de 30", "30–39", "40–49", "50 et plus"]
        assert self.labels(number(), ages, "fr") == french
        young = groups(number(), ages)[0]
        assert young.rows == [row for row, age in enumerate(ages) if age < 30]

    def test_few_whole_numbers_are_groups_of_their_own(self):
        children = [0, 0, 1, 1, 2, 2, 3]
        assert self.labels(number(), children) == ["Under 1", "1", "2 and over"]
        assert self.labels(number(), [0, 1] * 9) == ["Under 1", "1 and over"]

    def test_fractions_are_cut_without_gaps(self):
        labels = self.labels(number(integer=False), [x / 100 for x in range(100)])
        assert labels[0] == "Under 0.2"
        assert labels[1] == "0.2 to under 0.4"

    def test_a_number_that_is_the_same_for_everyone_is_one_group(self):
        assert self.labels(number(), [40] * 9) == ["All"]

    def test_blanks_are_a_group_of_their_own(self):
        found = groups(SCALE, [3, None, 1, None])
        assert [(group.value, group.rows) for group in found] == [
            (1, [2]), (3, [0]), (None, [1, 3]),
        ]  # fmt: skip
        assert found[-1].label == {"en": "Not given", "fr": "Non renseigné"}
        assert [group.value for group in groups(number(), [None, None])] == [None]

    @given(
        st.lists(st.none() | st.integers(0, 10**6), min_size=1, max_size=60),
        st.booleans(),
    )
    def test_everyone_is_in_one_group(self, column, whole):
        found = groups(number(integer=whole), column)
        assert sorted(row for group in found for row in group.rows) == list(range(len(column)))
        assert len({group.value for group in found}) == len(found) <= 6


class TestDensity:
    def test_answers_are_counted_in_their_order(self):
        assert density(SCALE, [3, None, 1, 3]) == {"answers": [[1, 1], [2, 0], [3, 2]], "blank": 1}

    def test_whole_numbers_fall_into_bars_of_the_same_width(self, columns):
        found = density(number(), columns["MonthlyIncome"])
        assert sum(found["counts"]) == 1470
        assert len(found["counts"]) == len(found["edges"]) - 1 <= 24
        assert len(set(np.diff(found["edges"]))) == 1
        assert density(number(), [1, 2, 2, 3]) == {
            "edges": [1, 2, 3, 4], "counts": [1, 2, 1], "blank": 0,
        }  # fmt: skip

    @given(st.lists(st.none() | st.floats(0, 1e9), max_size=60))
    def test_everyone_is_counted_once(self, column):
        found = density(number(integer=False), column)
        assert sum(found["counts"]) + found["blank"] == len(column)
        assert found["edges"] == sorted(set(found["edges"]))


@st.composite
def counted(draw):
    """A group's counts at a few thresholds, averaged over two repeats."""
    thresholds = draw(
        st.lists(st.floats(0.0001, 0.9999), min_size=2, max_size=6, unique=True).map(sorted)
    )
    halves = st.integers(0, 120).map(lambda n: n / 2)

    def falling(most):
        counts = draw(st.lists(halves, min_size=len(thresholds), max_size=len(thresholds)))
        return sorted((min(count, most) for count in counts), reverse=True)

    leavers, stayers = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    left, stayed = falling(leavers), falling(stayers)
    group = {
        "value": "F", "label": FEMALE, "people": max(leavers + stayers, 1), "leavers": leavers,
        "mean_risk": 0.2, "listed": [a + b for a, b in zip(left, stayed, strict=True)],
        "leavers_listed": left,
    }  # fmt: skip
    return thresholds, group


@settings(max_examples=300)
@given(counted(), st.floats(0, 1))
def test_rounding_never_makes_more_people_than_there_are(counts, way):
    thresholds, group = counts
    card = {
        "evaluation": {"operating": {"thresholds": thresholds}},
        "fairness": {"gender": {"label": FEMALE, "groups": [group], "hidden": 0}},
    }
    low, high = thresholds[0], thresholds[-1]
    [found] = fairness.at_threshold(card, low + way * (high - low))[0].groups
    for rate in (found.listed, found.true_positive, found.false_positive):
        assert rate is None or 0 <= rate.value <= 1


def test_a_count_that_rounding_made_too_large_is_the_whole():
    assert fairness.at_threshold(
        {
            "evaluation": {"operating": {"thresholds": [0.1, 0.3]}},
            "fairness": {
                "gender": {
                    "label": FEMALE,
                    "groups": [
                        {
                            "value": "F", "label": FEMALE, "people": 13, "leavers": 1,
                            "mean_risk": 0.2, "listed": [12.1, 12.1],
                            "leavers_listed": [0.1, 0.1 - 1e-15],
                        }
                    ],
                }
            },
        },
        0.2,
    )[0].groups[0].false_positive.value == 1  # fmt: skip


class TestSuppression:
    """What is hidden cannot be worked out from what is shown and from what is known of all."""

    @staticmethod
    def made(sizes, blank=0):
        named = {f"S{place}": size for place, size in enumerate(sizes)}
        place, found = 0, []
        for value, size in [*named.items(), *([(None, blank)] if blank else [])]:
            rows = list(range(place, place + size))
            found.append(Group(value, {"en": value or "Not given"}, rows))
            place += size
        return found

    def sizes(self, found, **more):
        rules = {"fewest": 5, "most": 12, "ordered": False} | more
        return {group.value: len(group.rows) for group in shown(found, **rules)}

    def test_a_few_are_shown_with_the_smallest_group_of_the_others(self):
        assert self.sizes(self.made([100, 60, 3])) == {"S0": 100, "S1 + S2": 63}
        merged = shown(self.made([100, 60, 3]), fewest=5, most=12, ordered=False)[1]
        assert merged.label["fr"] == "S1 + S2"

    def test_of_steps_that_have_an_order_with_a_neighbour(self):
        assert self.sizes(self.made([30, 60, 2, 50]), ordered=True) == {
            "S0": 30, "S1": 60, "S2 + S3": 52,
        }  # fmt: skip
        assert self.sizes(self.made([30, 60, 50], blank=1), ordered=True) == {
            "S0 + ": 31, "S1": 60, "S2": 50,
        }  # fmt: skip

    def test_together_they_may_be_enough_to_stay_hidden(self):
        assert self.sizes(self.made([100, 60, 3, 4])) == {"S0": 100, "S1": 60}

    def test_where_one_group_would_be_left_none_is_shown(self):
        assert self.sizes(self.made([100, 3])) == {}
        assert self.sizes(self.made([3, 1])) == {}

    @given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(0, 9), st.booleans())
    def test_nobody_can_be_worked_out(self, sizes, blank, ordered):
        found = self.made(sizes, blank)
        kept = shown(found, fewest=5, most=12, ordered=ordered)
        rows = [row for group in kept for row in group.rows]
        assert len(rows) == len(set(rows))
        assert all(len(group.rows) >= 5 for group in kept)
        hidden = sum(sizes) + blank - len(rows)
        assert hidden == 0 or hidden >= 5 or not kept


class TestWhatIsStored:
    """From out-of-fold probabilities to the card's fairness data."""

    @pytest.fixture
    def found(self):
        dice = np.random.default_rng(0)
        probability = np.round(dice.uniform(size=(2, 60)), 3)
        return figures.OutOfFold(
            left=(dice.uniform(size=60) < probability[0]).astype(int),
            groups=np.arange(60),
            fold=np.zeros((2, 60), dtype=int),
            probability=probability,
            baselines={},
        )

    def test_listed_people_are_counted_by_hand_the_same(self, found):
        grades = [1] * 30 + [2] * 27 + [3] * 3
        stored = figures.by_group([(SCALE, grades)], found, [0.0, 0.35, 0.8])["grade"]
        assert [group["value"] for group in stored["groups"]] == [1, "2 + 3"]
        assert stored["hidden"] == 0
        first = stored["groups"][0]
        for place, threshold in enumerate([0.0, 0.35, 0.8]):
            by_hand = sum(risk >= threshold for risk in found.probability[:, :30].ravel()) / 2
            assert first["listed"][place] == by_hand
        assert first["leavers_listed"][0] == first["leavers"] == found.left[:30].sum()

    def test_of_many_groups_the_largest_are_shown(self, found):
        many = Feature(
            name="site",
            column="Site",
            kind="choice",
            label={"en": "Site"},
            choices=tuple(Choice(value=f"S{n}", label={"en": f"S{n}"}) for n in range(20)),
        )
        found = figures.OutOfFold(
            left=np.tile(found.left, 3), groups=np.arange(180), fold=np.tile(found.fold, 3),
            probability=np.tile(found.probability, 3), baselines={},
        )  # fmt: skip
        sites = [f"S{n % 20}" for n in range(180)]
        stored = figures.by_group([(many, sites)], found, [0.0])["site"]
        assert len(stored["groups"]) == figures.MOST_GROUPS
        assert stored["hidden"] == 180 - 12 * 9
