from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlcore.engine.glassbox import GlassBoxModel, sigmoid
from mlcore.engine.schema import CleanFrame
from mlcore.engine.shapes import Axis, Curve, Pair, Table
from tests import other_model
from tests.engine.strategies import rows

reasonable = st.floats(-1e6, 1e6)


@st.composite
def curves(draw):
    knots = sorted(draw(st.sets(reasonable, min_size=1, max_size=6)))
    values = draw(st.lists(reasonable, min_size=len(knots), max_size=len(knots)))
    return Curve(tuple(knots), tuple(values), draw(reasonable))


def agree(shape, column):
    """One value at a time and all at once: the same bits, signs of zero included."""
    alone = [shape.at(value) for value in column]
    assert [x.hex() for x in alone] == [float(x).hex() for x in shape.over(column)]
    return alone


class TestCurves:
    CURVE = Curve((1.0, 2.0, 4.0), (0.5, 1.5, -0.5), 0.25)

    @pytest.mark.parametrize(
        ("value", "log_odds"),
        [(1, 0.5), (1.5, 1.0), (2, 1.5), (3, 0.5), (4, -0.5), (None, 0.25)],
    )
    def test_lines_join_the_knots(self, value, log_odds):
        assert agree(self.CURVE, [value]) == [log_odds]

    @pytest.mark.parametrize("value", [0.999, 0, -5, -1e300, -(10**30)])
    def test_the_curve_is_flat_before_its_first_knot(self, value):
        assert agree(self.CURVE, [value]) == [0.5]

    @pytest.mark.parametrize("value", [4.0001, 100, 1e300, 10**30, 1.7976931348623157e308])
    def test_the_curve_is_flat_after_its_last_knot(self, value):
        assert agree(self.CURVE, [value]) == [-0.5]

    @pytest.mark.parametrize("value", [-1e308, 6.9, 7, 7.1, 1e308])
    def test_one_knot_makes_a_constant(self, value):
        assert agree(Curve((7.0,), (0.75,)), [value]) == [0.75]

    def test_a_blank_contributes_nothing_unless_the_model_learned_otherwise(self):
        assert agree(Curve((0.0, 1.0), (-3.0, 3.0)), [None]) == [0.0]

    @given(curves(), st.data())
    def test_one_value_and_many_agree_to_the_last_bit(self, curve, draw):
        near = [math.nextafter(knot, way) for knot in curve.knots for way in (-math.inf, math.inf)]
        value = st.sampled_from([None, *curve.knots, *near]) | st.floats(allow_nan=False,
            allow_infinity=False) | st.integers(-(10**18), 10**18)  # fmt: skip
        agree(curve, draw.draw(st.lists(value, max_size=20)))

    @given(curves(), reasonable)
    def test_a_curve_stays_between_the_values_of_its_knots(self, curve, value):
        low, high = min(curve.values), max(curve.values)
        slack = 1e-9 * max(abs(low), abs(high), 1)
        assert low - slack <= curve.at(value) <= high + slack

    @pytest.mark.parametrize(
        ("knots", "values", "missing"),
        [
            ((), (), 0.0),
            ((1.0, 2.0), (1.0,), 0.0),
            ((2.0, 1.0), (0.0, 0.0), 0.0),
            ((1.0, 1.0), (0.0, 0.0), 0.0),
            ((1.0, math.nan), (0.0, 0.0), 0.0),
            ((1.0, math.inf), (0.0, 0.0), 0.0),
            ((1.0, 2.0), (0.0, math.nan), 0.0),
            ((1.0, 2.0), (0.0, 0.0), math.inf),
        ],
    )
    def test_knots_rise_and_everything_is_finite(self, knots, values, missing):
        with pytest.raises(ValueError, match="curve"):
            Curve(knots, values, missing)


class TestTables:
    TABLE = Table({0: -1.0, 3: 0.5, "Sales": 2.0}, 0.125)

    def test_each_answer_has_its_value_and_so_has_a_blank(self):
        assert agree(self.TABLE, [0, 3, "Sales", None, 0]) == [-1.0, 0.5, 2.0, 0.125, -1.0]

    @pytest.mark.parametrize("stranger", [1, "", "Kitchen"])
    def test_what_is_no_answer_has_no_value(self, stranger):
        with pytest.raises(KeyError):
            self.TABLE.at(stranger)
        with pytest.raises(KeyError):
            self.TABLE.over([0, stranger])

    def test_everything_is_finite(self):
        with pytest.raises(ValueError, match="finite"):
            Table({"A": math.nan})


class TestProbability:
    @pytest.mark.parametrize(
        ("log_odds", "probability"),
        [(0.0, 0.5), (math.log(3), 0.75), (-math.log(3), 0.25), (800.0, 1.0), (-800.0, 0.0)],
    )
    def test_log_odds_become_a_probability_without_overflow(self, log_odds, probability):
        assert sigmoid(log_odds) == pytest.approx(probability, abs=1e-15)

    @given(st.floats(-50, 50))
    def test_a_probability_lies_within_0_and_1_and_turns_back_into_log_odds(self, log_odds):
        probability = sigmoid(log_odds)
        assert 0 < probability <= 1
        if abs(log_odds) < 15:
            assert math.log(probability / (1 - probability)) == pytest.approx(log_odds, abs=1e-8)


@pytest.fixture(params=["bundled", "other"])
def made(request, bundled):
    """The bundled model, and one with pairs, a floor, and blanks that tell something."""
    return bundled if request.param == "bundled" else other_model.ARTIFACT


anew = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def summed(model, score):
    """Intercept and contributions, added in the model's order."""
    total = model.intercept
    for name in (*model.shapes, *(pair.name for pair in model.pairs)):
        total += score.contributions[name]
    return total


@anew
@given(data=st.data())
def test_the_contributions_are_the_prediction(made, data):
    model = made.model
    score = model.score(made.schema.clean(data.draw(rows(made.schema))))
    assert tuple(score.contributions) == model.terms
    assert score.log_odds == summed(model, score)
    # In any order they sum to the same, but for rounding.
    parts = [model.intercept, *score.contributions.values()]
    assert abs(math.fsum(parts) - score.log_odds) < 1e-9
    assert score.probability == model.floor + (1 - model.floor) * sigmoid(score.log_odds)


@anew
@given(data=st.data())
def test_a_row_alone_and_in_a_frame_agree_to_the_last_bit(made, data):
    raw = data.draw(st.lists(rows(made.schema), min_size=1, max_size=6))
    cleaned = [made.schema.clean(row) for row in raw]
    scores = made.model.score_frame(CleanFrame.from_rows(made.schema, cleaned))
    for index, row in enumerate(cleaned):
        assert scores.row(index) == made.model.score(row)


def test_portions_of_a_frame_join_without_a_seam(made):
    """More rows than are scored at once, in portions whose sizes numpy treats differently."""
    rng = random.Random(3)
    count = 16_384 + 7
    columns = {}
    for feature in made.schema.features:
        some = [choice.value for choice in feature.choices]
        some = some or [feature.minimum, feature.maximum, *feature.seen, 3_000, 17]
        columns[feature.name] = rng.choices([None, *some], k=count)
    frame = CleanFrame([""] * count, columns, {}, list(range(count)), {})
    scores = made.model.score_frame(frame)
    for index in (0, 1, 16_382, 16_383, 16_384, 16_385, count - 1):
        assert scores.row(index) == made.model.score(frame.row(index))


class TestPairsAndFloor:
    SCHEMA, MODEL = other_model.SCHEMA, other_model.MODEL

    def score(self, **values):
        return self.MODEL.score(self.SCHEMA.clean(other_model.EMPLOYEE | values))

    def test_a_pair_contributes_beside_its_features(self):
        score = self.score(salaire_base=1_900, teletravail="Non")
        assert score.contributions["salaire_base:teletravail"] == 1.1
        assert score.contributions["teletravail"] == 0.3

    def test_a_blank_has_a_place_of_its_own_in_a_pair(self):
        score = self.score(salaire_base=None)
        assert score.contributions["salaire_base:teletravail"] == 0.25
        assert score.contributions["salaire_base"] == 0.35

    def test_no_risk_lies_below_the_floor(self):
        model = replace(self.MODEL, intercept=-800.0)
        assert model.score(self.SCHEMA.clean(other_model.EMPLOYEE)).probability == 0.03
        assert self.MODEL.probability(800.0) == 1.0

    def test_whether_blanks_tell_something(self, bundled):
        assert self.MODEL.learns_from_blanks
        plain = GlassBoxModel(0.0, {"a": Curve((0.0,), (1.0,)), "b": Table({"x": 1.0})}, 0.5)
        assert not plain.learns_from_blanks
        axes = (Axis(cuts=(0.0,)), Axis(answers=("x",)))
        for values, learns in (
            (((1.0, 0.0), (1.0, 0.0), (0.0, 0.0)), False),
            (((1.0, 0.0), (1.0, 0.5), (0.0, 0.0)), True),
            (((1.0, 0.0), (1.0, 0.0), (0.5, 0.0)), True),
        ):
            paired = replace(plain, pairs=(Pair(("a", "b"), axes, values),))
            assert paired.learns_from_blanks == learns

    @pytest.mark.parametrize(
        "wrong",
        [
            {"floor": -0.01},
            {"floor": 1.0},
            {"floor": math.nan},
            {"pairs": (MODEL.pairs[0], MODEL.pairs[0])},
            {"shapes": {"teletravail": MODEL.shapes["teletravail"]}},
            {"shapes": dict(MODEL.shapes) | {"a:b": Table({"x": 0.0})}},
        ],
        ids=["negative", "certain", "nan", "twice", "without its feature", "colon"],
    )
    def test_what_cannot_be_summed_is_refused(self, wrong):
        with pytest.raises(ValueError, match=r"floor|pair|colon"):
            replace(self.MODEL, **wrong)

    def test_they_survive_json(self):
        again = GlassBoxModel.from_json(json.loads(json.dumps(self.MODEL.to_json())))
        assert again == self.MODEL


def test_the_whole_public_file_agrees_to_the_last_bit(bundled, employees):
    scores = bundled.model.score_frame(employees)
    for index in range(len(employees)):
        alone = bundled.model.score(employees.row(index))
        assert scores.row(index) == alone
        assert summed(bundled.model, alone) == alone.log_odds


def test_a_frame_without_rows_has_no_scores(bundled):
    scores = bundled.model.score_frame(bundled.schema.clean_frame({}))
    assert scores.log_odds.shape == scores.probability.shape == (0,)


class TestBlanks:
    def test_a_blank_contributes_what_the_average_employee_does_which_is_nothing(self, bundled):
        """The public file has no blanks, so nothing could be learned from them."""
        row = bundled.schema.clean({"over_time": "Yes"})
        contributions = bundled.model.score(row).contributions
        assert contributions.pop("over_time") > 0
        alone = [contributions[name] for name in bundled.model.shapes if name != "over_time"]
        assert set(alone) == {0.0}

    def test_a_blank_contributes_what_was_learned_from_blanks(self):
        model = other_model.MODEL
        row = other_model.SCHEMA.clean({"teletravail": "Oui"})
        contributions = model.score(row).contributions
        for name, shape in model.shapes.items():
            if name != "teletravail":
                assert contributions[name] == shape.missing

    def test_a_blank_is_never_read_as_zero(self, bundled):
        first, second, *_ = bundled.schema.features
        for feature in bundled.schema.features:
            if feature.kind == "number" and feature.minimum <= 0:
                other = second if feature is first else first
                known = {other.name: other.typical}
                blank = bundled.schema.clean(known)
                zero = bundled.schema.clean(known | {feature.name: 0})
                assert blank.inputs[feature.name] is None
                assert bundled.model.score(blank) != bundled.model.score(zero), feature.name

    def test_contributions_are_measured_from_the_average_employee(self, bundled, employees):
        scores = bundled.model.score_frame(employees)
        for name, column in scores.contributions.items():
            assert column.mean() == pytest.approx(0, abs=1e-9), name
        assert scores.log_odds.mean() == pytest.approx(bundled.model.intercept, abs=1e-9)

    def test_the_probabilities_meet_the_base_rate(self, bundled, employees):
        predicted = bundled.model.score_frame(employees).probability.mean()
        assert bundled.model.base_rate == pytest.approx(237 / 1470, abs=1e-12)
        assert predicted == pytest.approx(bundled.model.base_rate, abs=0.005)


class TestStorage:
    def test_a_model_survives_json_to_the_last_bit(self, bundled):
        again = GlassBoxModel.from_json(json.loads(json.dumps(bundled.model.to_json())))
        assert again == bundled.model
        assert list(again.shapes) == list(bundled.model.shapes)

    @given(curves(), st.dictionaries(st.integers() | st.text(), reasonable, min_size=1))
    def test_shapes_survive_json_and_the_steps_of_a_scale_stay_numbers(self, curve, table):
        model = GlassBoxModel(0.5, {"a": curve, "b": Table(table, 0.25)}, 0.2)
        again = GlassBoxModel.from_json(json.loads(json.dumps(model.to_json())))
        assert again == model
        assert [type(key) for key in again.shapes["b"].values] == [type(key) for key in table]

    @pytest.mark.parametrize(
        "junk",
        [
            {},
            [],
            {"intercept": 0, "base_rate": 0.2},
            {"intercept": "x", "base_rate": 0.2, "shapes": {}},
            {"intercept": math.nan, "base_rate": 0.2, "shapes": {}},
            {"intercept": 0, "base_rate": 0, "shapes": {}},
            {"intercept": 0, "base_rate": 1.5, "shapes": {}},
            {"intercept": 0, "base_rate": 0.2, "shapes": {"a": {}}},
            {"intercept": 0, "base_rate": 0.2, "shapes": {"a": {"table": [["A"]], "missing": 0}}},
            {"intercept": 0, "base_rate": 0.2, "shapes": {"a": {"table": [[[], 1]], "missing": 0}}},
            {
                "intercept": 0,
                "base_rate": 0.2,
                "shapes": {"a": {"table": [["A", 1], ["A", 2]], "missing": 0}},
            },
        ],
        ids=repr,
    )
    def test_what_is_no_model_is_refused(self, junk):
        with pytest.raises((ValueError, KeyError, TypeError)):
            GlassBoxModel.from_json(junk)


def test_the_bundled_curves_are_flat_beyond_what_was_seen(bundled):
    for feature in bundled.schema.features:
        if feature.kind == "number":
            shape, (low, high) = bundled.model.shapes[feature.name], feature.seen
            assert (shape.knots[0], shape.knots[-1]) == (low, high)
            assert shape.at(feature.minimum) == shape.at(low)
            assert shape.at(feature.maximum) == shape.at(high)
            assert all(a < b for a, b in pairwise(shape.knots))


def test_scores_are_python_floats_that_json_can_hold(bundled, employees):
    score = bundled.model.score_frame(employees).row(0)
    assert type(score.probability) is type(score.log_odds) is float
    assert not any(isinstance(value, np.generic) for value in score.contributions.values())
    assert json.loads(json.dumps(score.contributions)) == score.contributions
