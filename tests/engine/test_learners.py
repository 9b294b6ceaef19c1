"""A shape that is there is found; noise is not; a blank is learned as a blank."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from mlcore.engine import artifact
from mlcore.engine.learning import pairs, training
from mlcore.engine.learning.calibration import Link
from mlcore.engine.learning.compilation import ALL_KNOTS, compile_model, knots
from mlcore.engine.learning.designs import codes, spline_design
from mlcore.engine.learning.learners import Bins, Seen, fit_additive, fit_stumps
from mlcore.engine.learning.logistic import fit_ridge
from mlcore.engine.plan import TrainingError
from mlcore.engine.schema import FeatureSchema
from tests.engine.simulated import history, plan_of

TRUTH = {
    "step": lambda x: np.where(x < 4, 0.8, -0.8),
    "line": lambda x: 0.3 * (x - 5),
    "valley": lambda x: 0.12 * (x - 5) ** 2 - 1.0,
    "nothing": lambda x: 0 * x,
}


def simulate(n, truth, seed=0):
    """Columns that are uniform from 0 to 10, each with its own true shape."""
    dice = np.random.default_rng(seed)
    columns = {name: np.round(dice.uniform(0, 10, n), 2) for name in truth}
    log_odds = sum(shape(columns[name]) for name, shape in truth.items()) - 1.2
    left = np.where(dice.random(n) < 1 / (1 + np.exp(-log_odds)), "Yes", "No")
    return {name: column.tolist() for name, column in columns.items()} | {"Left": left.tolist()}


def prepared(columns):
    """By employees that a reference tells apart, however alike they are."""
    badges = {"Badge": list(range(len(columns["Left"])))}
    return training.prepare(plan_of(columns), columns | badges)


@pytest.fixture(scope="module")
def trained():
    return training.train(prepared(simulate(4000, TRUTH)))


class TestShapes:
    @pytest.mark.parametrize("name", ["step", "line", "valley"])
    def test_a_shape_that_is_there_is_found(self, trained, name):
        x = np.linspace(0.5, 9.5, 91)
        found = trained.model.shapes[name].over(x.tolist())
        truth = TRUTH[name](x)
        away = np.abs(x - 4) > 0.4 if name == "step" else x > 0  # a step is never met to the hair
        gap = (found - found.mean()) - (truth - truth.mean())
        assert np.abs(gap[away]).mean() < 0.2
        assert np.corrcoef(found, truth)[0, 1] > 0.95

    def test_noise_is_left_out_or_nearly_flat(self, trained):
        shape = trained.model.shapes.get("nothing")
        assert shape is None or np.abs(shape.over(np.linspace(0, 10, 50).tolist())).mean() < 0.12

    def test_an_additive_history_gets_no_pairs(self, trained):
        assert trained.model.pairs == ()
        assert trained.report["pairs"] == []

    def test_each_shape_is_centred_on_the_training_employees(self, trained):
        data = prepared(simulate(4000, TRUTH))
        for name, shape in trained.model.shapes.items():
            assert abs(shape.over(data.frame.inputs[name]).mean()) < 1e-9


@pytest.fixture(scope="module")
def blanks():
    """Who has no review on file leaves more often; who has no phone does not."""
    dice = np.random.default_rng(3)
    n = 4000
    review, phone, pay = dice.uniform(0, 10, n), dice.integers(0, 9, n), dice.normal(size=n)
    no_review, no_phone = dice.random(n) < 0.2, dice.random(n) < 0.2
    log_odds = -1.8 + 0.8 * pay + 1.5 * no_review
    columns = {
        "Review": [None if b else round(v, 1) for b, v in zip(no_review, review, strict=True)],
        "Phone": [None if b else int(v) for b, v in zip(no_phone, phone, strict=True)],
        "Pay": np.round(pay, 2).tolist(),
        "Left": np.where(dice.random(n) < 1 / (1 + np.exp(-log_odds)), "Yes", "No").tolist(),
    }
    return training.train(prepared(columns)).model


class TestBlanks:
    def test_a_blank_that_tells_is_learned(self, blanks):
        known = blanks.shapes["review"].over(np.linspace(0, 10, 20).tolist()).mean()
        assert blanks.shapes["review"].missing - known == pytest.approx(1.5, abs=0.3)

    def test_a_blank_that_tells_nothing_is_left_out_or_nearly_average(self, blanks):
        assert "phone" not in blanks.shapes or abs(blanks.shapes["phone"].missing) < 0.2

    def test_a_blank_that_never_occurred_is_the_average(self, blanks):
        assert blanks.shapes["pay"].missing == 0


@pytest.fixture(scope="module")
def sites():
    dice = np.random.default_rng(0)
    drawn = dice.choice(3, 1200, p=[0.4, 0.4, 0.2])
    left = np.where(drawn == 2, 0.8, 0.1) > dice.random(1200)
    site = [("Lyon", "Paris", None)[place] for place in drawn]
    columns = {"site": site, "pay": dice.normal(size=1200).tolist()}
    plan = plan_of(columns | {"site": [*site, "Nice"], "Left": ["Yes"]})
    return plan.schema, columns, left.astype(np.int64)


class TestAnswersThatNobodyGave:
    """Blanks leave far more often: an answer that was not seen must not be taken for one."""

    def test_such_an_answer_is_the_average(self, sites):
        schema, columns, left = sites
        seen = Seen.of(schema, codes(schema, columns))
        fitted = fit_additive(seen, left)
        shape = compile_model(seen, left, fitted, Link(shift=0, scale=1, floor=0)).shapes["site"]
        assert shape.values["Nice"] == 0
        assert shape.values["Lyon"] < -0.5
        assert shape.missing > 1.5

    def test_stumps_do_not_take_it_for_a_blank(self, sites):
        schema, columns, left = sites
        seen = Seen.of(schema, codes(schema, columns))
        place = [feature.name for feature in schema.features].index("site")
        stumps = fit_stumps(seen, left)
        of = {
            code: float(stumps.main(place, seen.bins[place](np.array([code])))[0])
            for code in (0.0, 1.0, 2.0, np.nan)
        }
        employees = stumps.main(place, seen.bins[place](seen.matrix[:, place]))
        assert of[1.0] == pytest.approx(employees.mean())
        assert stumps.main(place, np.array([np.nan]))[0] - of[1.0] > 1

    def test_nor_where_the_answer_is_missing_in_a_fold_alone(self, sites):
        schema, columns, left = sites
        seen = Seen.of(schema, codes(schema, columns))
        place = [feature.name for feature in schema.features].index("site")
        without = np.flatnonzero(seen.matrix[:, place] != 0.0)
        stumps = fit_stumps(seen.part(without), left[without])
        lyon, blank = stumps.main(place, seen.bins[place](np.array([0.0, np.nan])))
        assert blank - lyon > 0.5


class TestVeryManyNumbers:
    def test_their_shapes_have_fewer_knots(self):
        dice = np.random.default_rng(0)
        names = [f"n{place}" for place in range(200)]
        schema = plan_of({name: [0.5, 1.5] for name in names} | {"Left": ["Yes"]}).schema
        column = dice.normal(size=3000) * 1e6
        matrix = np.tile(column[:, None], 200)
        bins = Bins.of("number", column)
        axis = pairs.grid(schema.features[0], column)
        seen = Seen(
            schema=schema, matrix=matrix, designs=(), columns=(),
            bins=(bins,) * 200, grids=(axis,) * 200,
        )  # fmt: skip
        found = knots(seen, 0)
        assert len(found) <= ALL_KNOTS // 200
        assert {*bins.cuts, *axis.axis.cuts} <= set(found)
        curve = {"knots": found, "values": dice.normal(size=len(found)).round(12).tolist()}
        stored = {"shapes": dict.fromkeys(names, curve)}
        assert len(json.dumps(stored, indent=1)) < 0.9 * artifact.LARGEST_FILE
        few = replace(seen, schema=FeatureSchema(features=schema.features[:20]))
        assert len(knots(few, 0)) > 1000


class TestRidge:
    def test_it_is_where_the_gradient_vanishes(self):
        dice = np.random.default_rng(1)
        x = dice.normal(size=(300, 4))
        left = (dice.random(300) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
        weights, offset = dice.uniform(0.2, 1, 300), dice.normal(size=300) / 4
        found = fit_ridge(x, left, penalty=2.0, offset=offset, weights=weights)
        p = 1 / (1 + np.exp(-(found.log_odds(x) + offset)))
        gradient = x.T @ (weights * (p - left)) + 2.0 * found.slopes
        assert np.abs(gradient).max() < 1e-4
        assert abs(weights @ (p - left)) < 1e-4

    def test_columns_that_tell_everything_do_not_run_away(self):
        x = np.repeat([[-1.0], [1.0]], 50, axis=0)
        found = fit_ridge(x, (x[:, 0] > 0).astype(float), penalty=2.0)
        assert 1 < found.slopes[0] < 10


class TestUnfolding:
    def test_a_spline_is_flat_beyond_what_was_seen(self):
        data = prepared(simulate(300, {"line": TRUTH["line"]}))
        design = spline_design(data.schema, codes(data.schema, data.frame.inputs), 5)
        near, far = design.block(0, np.array([10.0])), design.block(0, np.array([1e12]))
        assert np.allclose(near, far)

    @pytest.mark.parametrize("kind", ["number", "choice"])
    def test_bins_keep_apart_what_they_can(self, kind):
        column = np.arange(1000.0) % 300
        bins = Bins.of(kind, column)
        # And one more for the answers that are not told apart.
        assert bins.count <= 201
        found = bins(column)
        assert np.nanmin(found) == 0
        assert np.nanmax(found) == bins.count - 1
        assert np.isnan(bins(np.array([np.nan]))).all()

    def test_learners_without_a_value_or_a_feature_still_sum(self):
        made = history(400, seed=4).data
        seen = Seen.of(made.schema, codes(made.schema, made.frame.inputs))
        with threadpool_limits(1):
            fitted = fit_additive(seen, made.left)
        total = fitted.intercept + sum(
            fitted.main(seen, j, seen.matrix[:, j]) for j in range(seen.matrix.shape[1])
        )
        assert np.allclose(total, fitted.log_odds(seen), atol=1e-9)


numbers = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([0, 1, 10**12, -(10**12), 10**6]),
    st.floats(-1e15, 1e15, allow_nan=False),
)
words = st.one_of(st.none(), st.sampled_from("ABCDE"), st.integers(0, 199).map(lambda i: f"w{i}"))


@st.composite
def tables(draw):
    """A hundred and more employees, each column drawn from a few values, often nearly constant."""
    n = 130
    columns = {}
    for name in ("one", "two", "three"):
        pool = draw(st.lists(draw(st.sampled_from([numbers, words])), min_size=1, max_size=12))
        if {type(v) for v in pool} >= {str} and any(isinstance(v, int | float) for v in pool):
            pool = [v for v in pool if v is None or isinstance(v, str)]
        dice = np.random.default_rng(draw(st.integers(0, 99)))
        share = draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
        picked = np.where(dice.random(n) < share, dice.integers(0, len(pool), n), 0)
        columns[name] = [pool[i] for i in picked]
    dice = np.random.default_rng(draw(st.integers(0, 99)))
    columns["Left"] = np.where(dice.permutation(n) < 60, "Yes", "No").tolist()
    if draw(st.booleans()):
        # Something that can be learned, so that not every table is refused.
        columns["told"] = [4 + (a == "Yes") + i % 3 for i, a in enumerate(columns["Left"])]
    return columns


@settings(max_examples=30)
@given(tables())
def test_any_table_is_learned_or_refused_with_the_reason(columns):
    refused = None
    try:
        data = prepared(columns)
        trained = training.train(data)
    except TrainingError as error:
        refused = error
    if refused is not None:
        assert set(refused.words) == {"en", "fr"}
        return
    probability = trained.model.score_frame(data.frame).probability
    assert np.isfinite(probability).all()
    assert (probability > 0).all()
    assert (probability < 1).all()
    assert trained.report["compiled"]["largest_probability_gap"] < 0.002
