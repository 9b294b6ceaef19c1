"""Pairs that are in the truth are found; where there are none, none are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from mlcore.engine.features import Choice, Feature
from mlcore.engine.learning import training
from mlcore.engine.learning.pairs import MOST_ANSWERS, MOST_CUTS, grid, purify, screen
from tests.engine.simulated import NOISE, PAIRS, history


@pytest.fixture(scope="module")
def made():
    return history(6000, seed=1)


@pytest.fixture(scope="module")
def rows(made):
    return training.folds(made.data, 3, 0)[0]


@pytest.fixture(scope="module")
def trained(made, rows):
    return training.train(made.data.part(rows[0]))


class TestAHistoryWithStrongPairs:
    def test_the_pairs_of_the_truth_are_found_and_no_others(self, trained):
        found = {frozenset(pair["features"]) for pair in trained.report["pairs"]}
        assert len(found & {frozenset(pair) for pair in PAIRS}) >= 4
        assert not any(set(pair) & set(NOISE) for pair in found)
        assert trained.report["pairs_tried"] == 24 * 23 / 2

    def test_each_kept_pair_lowers_the_log_loss(self, trained):
        assert all(pair["log_loss"] > 0 for pair in trained.report["pairs"])
        assert [pair.name for pair in trained.model.pairs] == [
            ":".join(pair["features"]) for pair in trained.report["pairs"]
        ]

    def test_employees_not_seen_are_ranked_nearly_as_the_truth_ranks_them(
        self, made, rows, trained
    ):
        data, unseen = made.data, rows[1]
        served = trained.model.score_frame(data.part(unseen).frame).probability
        left, truth = data.left[unseen], made.probability[unseen]
        assert roc_auc_score(left, served) > roc_auc_score(left, truth) - 0.03
        assert log_loss(left, served) < log_loss(left, truth) + 0.02

    def test_the_tables_agree_with_the_learners(self, trained):
        assert trained.report["compiled"]["largest_probability_gap"] < 0.002
        assert trained.report["compiled"]["roc_auc_gap"] < 0.0005

    def test_a_pair_holds_nothing_of_either_feature_alone(self, made, rows, trained):
        frame = made.data.part(rows[0]).frame
        for pair in trained.model.pairs:
            columns = [frame.inputs[name] for name in pair.features]
            values = pair.over(*columns)
            for axis, column in zip(pair.axes, columns, strict=True):
                places = axis.place_all(column)
                means = np.bincount(places, values) / np.maximum(np.bincount(places), 1)
                assert np.abs(means).max() < 1e-6, pair.name

    def test_a_floor_that_is_not_there_is_not_found(self, trained):
        assert trained.model.floor < 0.03

    def test_noise_columns_weigh_little(self, made, trained):
        inputs = made.data.frame.inputs
        weight = {n: shape.over(inputs[n]).std() for n, shape in trained.model.shapes.items()}
        assert max((weight[name] for name in NOISE if name in weight), default=0) < 0.15
        assert max(weight.values()) > 0.3

    def test_inputs_of_pairs_are_kept(self, trained):
        kept = {feature.name for feature in trained.schema.features}
        assert {name for pair in trained.report["pairs"] for name in pair["features"]} <= kept


def number(name="x"):
    return Feature(
        name=name, column=name, kind="number", label={"en": name}, minimum=-1e15, maximum=1e15
    )


class TestScreening:
    def test_chance_finds_little(self):
        dice = np.random.default_rng(0)
        found = 0
        for _ in range(20):
            grids = [grid(number(), dice.normal(size=1500)) for _ in range(8)]
            left = (dice.random(1500) < 0.16).astype(float)
            found += len(screen(grids, np.full(1500, np.log(0.16 / 0.84)), left)[0])
        assert found < 0.15 * 20 * 28  # the inner folds judge these

    def test_what_each_does_alone_is_no_pair(self):
        """However strong: a contrast compares what is left when both are taken out."""
        dice = np.random.default_rng(1)
        found = 0
        for _ in range(20):
            x, y = dice.normal(size=(2, 2000))
            left = (dice.random(2000) < 1 / (1 + np.exp(2 - x - y))).astype(float)
            found += len(screen([grid(number(), x), grid(number(), y)], x + y - 2, left)[0])
        assert found <= 2

    def test_a_pair_without_any_effect_alone_is_found(self):
        dice = np.random.default_rng(2)
        x, y, z = dice.normal(size=(3, 3000))
        left = (dice.random(3000) < np.where(x * y > 0, 0.3, 0.1)).astype(float)
        grids = [grid(number(), column) for column in (z, x, y)]
        found, tried = screen(grids, np.full(3000, np.log(0.2 / 0.8)), left)
        assert (found[0].first, found[0].second) == (1, 2)
        assert tried == 3


class TestGrids:
    @settings(max_examples=60)
    @given(
        st.lists(
            st.one_of(st.just(np.nan), st.floats(-1e12, 1e12), st.integers(0, 3).map(float)),
            min_size=1,
            max_size=120,
        )
    )
    def test_places_are_the_axis_own(self, column):
        column = np.array(column)
        made = grid(number(), column)
        if made is None:
            assert len(np.unique(column[~np.isnan(column)])) < 2
            return
        assert len(made.axis.cuts) <= MOST_CUTS
        values = [None if np.isnan(v) else v for v in column]
        assert made.places.tolist() == [made.axis.place(value) for value in values]
        assert made.cuts.shape[1] == made.axis.places

    @pytest.mark.parametrize("kind", ["scale", "choice"])
    def test_answers_in_any_order_have_their_places(self, kind):
        steps = (3, 1, 2) if kind == "scale" else ("c", "a", "b")
        choices = tuple(Choice(value=step, label={"en": str(step)}) for step in steps)
        feature = Feature(name="f", column="f", kind=kind, label={"en": "f"}, choices=choices)
        column = np.array([3.0, 1, 2, np.nan] if kind == "scale" else [0.0, 1, 2, np.nan])
        made = grid(feature, column)
        assert made.places.tolist() == [made.axis.place(v) for v in (*steps, None)]
        if kind == "scale":
            assert made.axis.answers == (1, 2, 3)

    def test_a_choice_of_many_answers_takes_no_part(self):
        choices = tuple(Choice(value=str(i), label={"en": str(i)}) for i in range(MOST_ANSWERS + 1))
        feature = Feature(name="f", column="f", kind="choice", label={"en": "f"}, choices=choices)
        assert grid(feature, np.arange(17.0)) is None


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
def test_purifying_moves_and_loses_nothing(seed, rows, columns):
    dice = np.random.default_rng(seed)
    table = dice.normal(size=(rows, columns))
    counts = dice.integers(0, 30, size=(rows, columns)).astype(float)
    pure, by_row, by_column, constant = purify(table, counts)
    whole = pure + by_row[:, None] + by_column[None, :] + constant
    known = counts > 0
    assert np.allclose(whole[known], table[known], atol=1e-6)
    assert (pure[~known] == 0).all()
    assert np.abs((pure * counts).sum(axis=0)).max() < 1e-5
    assert np.abs((pure * counts).sum(axis=1)).max() < 1e-5


def test_purifying_arrives_where_few_people_connect_two_parts_of_the_table():
    """Taking means in turn would need thousands of rounds."""
    dice = np.random.default_rng(0)
    for _ in range(50):
        counts = np.zeros((6, 6))
        counts[:3, :3], counts[3:, 3:] = dice.integers(1, 500, size=(2, 3, 3))
        counts[2, 3] = 1
        table = dice.normal(size=(6, 6))
        pure, by_row, by_column, constant = purify(table, counts)
        assert np.abs((pure * counts).sum(axis=0) / counts.sum(axis=0)).max() < 1e-9
        assert np.abs((pure * counts).sum(axis=1) / counts.sum(axis=1)).max() < 1e-9
        whole = pure + by_row[:, None] + by_column[None, :] + constant
        assert np.abs(whole - table)[counts > 0].max() < 1e-9
