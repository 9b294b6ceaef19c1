"""Tables over pairs of features, and columns given as arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.engine.shapes import Axis, Curve, Pair

reasonable = st.floats(-1e6, 1e6)
anything = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18)


@st.composite
def axes(draw):
    """An axis, and the values that it has a place for, near its cuts above all."""
    if draw(st.booleans()):
        cuts = sorted(draw(st.sets(reasonable, min_size=1, max_size=5)))
        near = [math.nextafter(cut, way) for cut in cuts for way in (-math.inf, math.inf)]
        return Axis(cuts=tuple(cuts)), st.sampled_from([None, *cuts, *near]) | anything
    answers = draw(st.lists(st.integers(0, 9) | st.text(max_size=3), min_size=1, unique=True))
    return Axis(answers=tuple(answers)), st.sampled_from([None, *answers])


@st.composite
def pairs(draw):
    """A pair, and pairs of values for it."""
    (first, firsts), (second, seconds) = draw(axes()), draw(axes())
    row = st.lists(reasonable, min_size=second.places, max_size=second.places).map(tuple)
    values = draw(st.lists(row, min_size=first.places, max_size=first.places))
    pair = Pair(("a", "b"), (first, second), tuple(values))
    return pair, draw(st.lists(st.tuples(firsts, seconds), max_size=15))


class TestPlaces:
    NUMBER = Axis(cuts=(10.0, 20.0))
    CHOICE = Axis(answers=("Sales", 3))

    @pytest.mark.parametrize(
        ("value", "place"), [(-1e308, 0), (9.99, 0), (10, 1), (19, 1), (20.0, 2), (1e308, 2)]
    )
    def test_a_number_equal_to_a_cut_lies_above_it(self, value, place):
        assert self.NUMBER.place(value) == place
        assert self.NUMBER.place_all([value]).tolist() == [place]

    def test_the_last_place_is_a_blanks(self):
        assert self.NUMBER.places == 4
        assert self.NUMBER.place(None) == self.NUMBER.place_all([None])[0] == 3
        assert self.CHOICE.places == 3
        assert self.CHOICE.place_all([None, 3, "Sales"]).tolist() == [2, 1, 0]

    def test_what_is_no_answer_has_no_place(self):
        with pytest.raises(KeyError):
            self.CHOICE.place("Kitchen")
        with pytest.raises(KeyError):
            self.CHOICE.place_all(["Sales", "Kitchen"])

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"cuts": (1.0,), "answers": ("A",)},
            {"cuts": (2.0, 1.0)},
            {"cuts": (1.0, 1.0)},
            {"cuts": (math.nan,)},
            {"cuts": (1.0, math.inf)},
            {"answers": ("A", "A")},
        ],
        ids=repr,
    )
    def test_an_axis_that_divides_nothing_is_refused(self, wrong):
        with pytest.raises(ValueError, match="axis"):
            Axis(**wrong)


class TestPairs:
    @given(pairs())
    def test_two_values_and_two_columns_agree_to_the_last_bit(self, drawn):
        pair, values = drawn
        alone = [pair.at(first, second).hex() for first, second in values]
        firsts, seconds = ([both[side] for both in values] for side in (0, 1))
        assert alone == [float(x).hex() for x in pair.over(firsts, seconds)]

    @given(pairs())
    def test_a_pair_survives_json(self, drawn):
        pair, _values = drawn
        assert Pair.from_json(pair.to_json()) == pair

    @pytest.mark.parametrize(
        ("features", "values"),
        [
            (("a", "a"), ((0.0, 0.0),) * 3),
            (("a", "b"), ((0.0, 0.0),) * 2),
            (("a", "b"), ((0.0,),) * 3),
            (("a", "b"), ((0.0, 0.0), (0.0, 0.0, 0.0), (0.0,))),
            (("a", "b"), ((0.0, 0.0), (0.0, math.nan), (0.0, 0.0))),
        ],
    )
    def test_a_pair_has_one_finite_value_per_two_places(self, features, values):
        with pytest.raises(ValueError, match="pair"):
            Pair(features, (Axis(cuts=(1.0,)), Axis(answers=("A",))), values)


class TestArrays:
    """What trains hands over arrays, in which a blank is NaN."""

    CURVE = Curve((1.0, 2.0, 4.0), (0.5, 1.5, -0.5), 0.25)
    PAIR = Pair(
        ("a", "b"), (Axis(cuts=(1.0,)), Axis(cuts=(5.0,))), ((1.0, 2, 3), (4, 5, 6), (7, 8, 9))
    )

    def test_an_array_counts_as_the_list_does(self):
        column = [None, 0, 1.5, 2, 99, None]
        array = np.array([math.nan if v is None else v for v in column])
        given = array.copy()
        assert self.CURVE.over(array).tolist() == self.CURVE.over(column).tolist()
        assert self.PAIR.over(array, array).tolist() == self.PAIR.over(column, column).tolist()
        assert np.array_equal(array, given, equal_nan=True)

    def test_without_rows(self):
        assert self.CURVE.over([]).shape == self.PAIR.over([], []).shape == (0,)


@pytest.mark.parametrize("knots", [(-1.7e308, 1.7e308), (0.0, 1.0)])
def test_a_curve_whose_steps_overflow_is_refused(knots):
    with pytest.raises(ValueError, match="curve"):
        Curve(knots, (-1.7e308, 1.7e308))
