from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mlcore.engine import artifact
from mlcore.engine.evaluation import FOLDS, REPEATS
from mlcore.engine.making import make
from mlcore.engine.training import (
    TrainingError,
    TrainingPlan,
    compile_model,
    fit,
    prepare,
)
from tests.engine.conftest import BUNDLED


@pytest.fixture(scope="session")
def training_set(plan, columns):
    return prepare(plan, columns)


@pytest.fixture(scope="session")
def pipeline(training_set):
    return fit(training_set.schema, training_set.features, training_set.left)


@pytest.fixture(scope="session")
def made(plan, columns):
    """The bundled model, trained again."""
    return make(plan, columns)


class TestCompilation:
    def test_the_served_probability_is_the_trained_pipelines_for_every_employee(
        self, bundled, employees, pipeline, training_set
    ):
        served = bundled.model.score_frame(employees).probability
        trained = pipeline.probability(training_set.features)
        assert served.shape == (1470,)
        assert np.abs(served - trained).max() < 1e-9

    def test_each_shape_moves_the_log_odds_as_the_pipeline_does(
        self, bundled, pipeline, training_set
    ):
        """Also away from the training data, where one feature alone is moved to its ends."""
        frame, row = training_set.features, training_set.frame.row(7)
        moves = [
            (feature.name, end)
            for feature in bundled.schema.features
            for end in ([c.value for c in feature.choices] or feature.seen)
        ]
        moved = frame.iloc[[7] * (len(moves) + 1)].reset_index(drop=True)
        for place, (name, end) in enumerate(moves, start=1):
            moved.loc[place, name] = end
        origin, *expected = pipeline.log_odds(moved)
        for (name, end), log_odds in zip(moves, expected, strict=True):
            shape = bundled.model.shapes[name]
            found = shape.at(end) - shape.at(row.inputs[name])
            assert found == pytest.approx(log_odds - origin, abs=1e-9), (name, end)

    def test_a_pipeline_can_be_compiled_on_other_employees_than_it_was_trained_on(
        self, pipeline, training_set
    ):
        few = training_set.part(np.arange(0, 1470, 10))
        model = compile_model(training_set.schema, pipeline, few)
        served = model.score_frame(few.frame).probability
        assert np.abs(served - pipeline.probability(few.features)).max() < 1e-9

    def test_numbers_with_too_many_values_are_compiled_on_their_quantiles(
        self, pipeline, training_set, monkeypatch
    ):
        monkeypatch.setattr("mlcore.engine.training.MOST_KNOTS", 64)
        model = compile_model(training_set.schema, pipeline, training_set)
        curve = model.shapes["monthly_income"]
        assert len(curve.knots) <= 64
        assert (curve.knots[0], curve.knots[-1]) == (1009, 19999)
        served = model.score_frame(training_set.frame).probability
        assert np.abs(served - pipeline.probability(training_set.features)).max() < 0.05


class TestRepetition:
    """The same table gives the same artifact.

    Byte for byte on one machine. Another processor may add in another order: there the figures
    are the same for every purpose, and the last decimals are not promised.
    """

    def test_another_process_makes_the_same_bytes(self, made, tmp_path):
        here = artifact.save(made, tmp_path / "here")
        there = tmp_path / "there"
        subprocess.run(
            [sys.executable, "manage.py", "train_model", "--out", str(there)],
            cwd=BUNDLED.parents[1],
            env={**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"},
            check=True,
            capture_output=True,
        )
        assert artifact.load(there, expected_sha256=here)

    def test_the_committed_artifact_is_what_training_gives(self, made, bundled, employees):
        assert made.schema == bundled.schema
        assert made.operating_point == bundled.operating_point
        again = made.model.score_frame(employees)
        committed = bundled.model.score_frame(employees)
        assert np.abs(again.log_odds - committed.log_odds).max() < 1e-6
        for name, column in committed.contributions.items():
            assert np.abs(again.contributions[name] - column).max() < 1e-6, name

    def test_the_committed_card_tells_what_is_measured_again(self, made, bundled):
        figures = ("evaluation", "compiled_largest_probability_gap")
        for card in (made.card, bundled.card):
            assert card["compiled_largest_probability_gap"] < 1e-9
            assert set(card["evaluation"]["metrics"]) == {
                "roc_auc", "average_precision", "brier", "log_loss", "calibration_error",
            }  # fmt: skip
        for metric, value in bundled.card["evaluation"]["metrics"].items():
            assert made.card["evaluation"]["metrics"][metric] == pytest.approx(value, abs=1e-6)
        assert {k: v for k, v in made.card.items() if k not in figures} == {
            k: v for k, v in bundled.card.items() if k not in figures
        }


class TestTheCard:
    def test_the_model_is_good_enough_to_ship(self, bundled):
        """Without gender, marital status and age among its inputs."""
        metrics = bundled.card["evaluation"]["metrics"]
        assert metrics["roc_auc"]["mean"] >= 0.85
        assert metrics["calibration_error"]["mean"] <= 0.05

    def test_it_names_the_data_and_the_inputs(self, bundled, plan):
        assert bundled.card["rows"] == 1470
        assert bundled.card["leavers"] == 237
        assert bundled.card["inputs"] == [feature.name for feature in bundled.schema.features]
        assert bundled.card["audit_attributes"] == ["age", "gender", "marital_status"]
        assert bundled.card["left_out"] == plan.left_out
        assert f"{FOLDS} folds x {REPEATS} repeats" in bundled.card["evaluation"]["protocol"]


class TestPreparation:
    @pytest.fixture
    def few(self, columns):
        """Every fourth employee."""
        return {header: column[::4] for header, column in columns.items()}

    def refusal(self, plan, columns):
        with pytest.raises(TrainingError) as refused:
            prepare(plan, columns)
        return str(refused.value)

    def test_the_schema_learns_what_is_typical_and_what_was_seen(self, plan, few):
        schema = prepare(plan, few).schema
        income = sorted(few["MonthlyIncome"])
        assert schema.by_name["monthly_income"].seen == (income[0], income[-1])
        assert income[0] < schema.by_name["monthly_income"].typical < income[-1]
        assert schema.by_name["over_time"].typical == "No"
        assert schema.by_name["over_time"].seen is None
        assert schema.by_name["age"].seen[0] >= 18

    @pytest.mark.parametrize("header", ["Attrition", "MonthlyIncome", "Gender"])
    def test_a_missing_column_is_named(self, plan, few, header):
        del few[header]
        assert self.refusal(plan, few) == f"The file lacks these columns: {header}."

    def test_rows_that_cannot_be_read_are_set_aside_and_counted(self, plan, few):
        before = prepare(plan, few)
        few["JobLevel"][2] = few["JobLevel"][5] = "9"
        data = prepare(plan, few)
        assert data.unreadable == 2
        assert len(data.left) == len(data.frame) == len(data.groups) == len(before.left) - 2
        assert data.frame.positions[:4] == [0, 1, 3, 4]
        assert (data.left == np.delete(before.left, [2, 5])).all()

    def test_a_file_of_which_much_cannot_be_read_is_refused_with_the_first_place(self, plan, few):
        few["JobLevel"][2:42] = ["9"] * 40
        assert self.refusal(plan, few) == (
            "40 employees cannot be read. The first is number 3, JobLevel: “9” is not one of the "
            "choices: Level 1, Level 2, Level 3, Level 4, Level 5."
        )

    @pytest.mark.parametrize("blank", [None, "", "  "])
    def test_a_blank_input_is_kept_as_a_blank(self, plan, few, blank):
        few["JobLevel"][2] = blank
        assert prepare(plan, few).frame.inputs["job_level"][2] is None

    def test_an_input_that_is_blank_for_nearly_everyone_is_dropped_with_the_reason(self, plan, few):
        few["JobLevel"][19:] = [None] * (len(few["JobLevel"]) - 19)
        data = prepare(plan, few)
        assert "job_level" not in data.schema.by_name
        assert "job_level" not in data.frame.inputs
        assert data.dropped["JobLevel"]["en"] == "Blank for nearly everyone."

    def test_a_blank_audit_attribute_is_not(self, plan, few):
        few["Age"] = [None] * len(few["Age"])
        assert prepare(plan, few).schema.by_name["age"].seen is None

    def test_an_input_that_is_the_same_for_everyone_is_dropped_with_the_reason(self, plan, few):
        few["OverTime"] = ["No"] * len(few["OverTime"])
        data = prepare(plan, few)
        assert "over_time" not in data.schema.by_name
        assert data.dropped["OverTime"]["fr"] == "Identique pour tous."

    def test_a_file_from_which_nothing_can_be_learned_is_refused(self, plan, few):
        for feature in plan.schema.features:
            few[feature.column] = [None] * len(few["Attrition"])
        few["OverTime"] = ["No"] * len(few["OverTime"])
        assert "nothing can be learned" in self.refusal(plan, few)

    @pytest.mark.parametrize(
        ("answers", "found"),
        [
            (["No"], "“No”"),
            (["Yes"], "“Yes”"),
            (["Yes", "No", "Perhaps"], "“Yes”, “No”, “Perhaps”"),
            (["No", "Perhaps"], "“No”, “Perhaps”"),
            ([None], "blanks alone"),
            (list("abcdef"), "“a”, “b”, “c”, “d”, …"),
        ],
    )
    def test_there_are_two_answers_and_one_of_them_is_leaving(self, plan, few, answers, found):
        count = len(few["Attrition"])
        few["Attrition"] = (answers * count)[:count]
        assert self.refusal(plan, few) == (
            "“Attrition” must hold “Yes” for who left and one other answer for who stayed;"
            f" it holds {found}."
        )

    def test_a_refusal_is_said_in_both_languages(self, plan, few):
        few["Attrition"] = ["No"] * len(few["Attrition"])
        with pytest.raises(TrainingError) as refused:
            prepare(plan, few)
        assert refused.value.words["en"] == str(refused.value)
        assert refused.value.words["fr"].startswith("«\u00a0Attrition\u00a0» doit contenir")

    def test_a_blank_answer_does_not_count_as_staying(self, plan, few):
        before = prepare(plan, few)
        few["Attrition"][4] = " "
        data = prepare(plan, few)
        assert (data.no_answer, before.no_answer) == (1, 0)
        assert data.frame.positions[:5] == [0, 1, 2, 3, 5]
        assert (data.left == np.delete(before.left, 4)).all()

    @pytest.mark.parametrize("leavers", [0, 1, 49])
    def test_too_few_leavers_make_no_model(self, plan, few, leavers):
        few["Attrition"] = ["Yes"] * leavers + ["No"] * (len(few["Attrition"]) - leavers)
        refused = self.refusal(plan, few)
        assert "at least 50 of each" in refused or leavers == 0

    def test_exact_duplicates_are_one_group(self, plan, few):
        doubled = {header: [*column, *column[:7]] for header, column in few.items()}
        data = prepare(plan, doubled)
        assert data.duplicates == 7
        assert (data.groups[-7:] == data.groups[:7]).all()

    @pytest.mark.parametrize(
        ("leaver", "yes", "no"),
        [("Yes", " YES ", "no"), ("1", 1.0, 0.0), ("1", 1, 0), ("true", True, False)],
    )
    def test_the_answer_is_known_however_the_file_writes_it(self, plan, few, leaver, yes, no):
        expected = prepare(plan, few).left
        few["Attrition"] = [yes if answer == "Yes" else no for answer in few["Attrition"]]
        assert (prepare(replace(plan, leaver=leaver), few).left == expected).all()


class TestPlans:
    @pytest.mark.parametrize(
        "content",
        [b"", b"[]", b"{}", b"null", b"\xff", b'{"name": 3}', b'{"schema": {"features": 3}}'],
    )
    def test_a_file_that_is_no_plan_is_refused(self, tmp_path, content):
        (tmp_path / "plan.json").write_bytes(content)
        with pytest.raises(TrainingError, match="is not a training plan"):
            TrainingPlan.load(tmp_path / "plan.json")

    @pytest.mark.parametrize("name", ["", "IBM", "a b", "x" * 41, "../x", "é"])
    def test_a_name_is_fit_for_a_version(self, tmp_path, name):
        stored = json.loads((BUNDLED / "ibm_plan.json").read_bytes()) | {"name": name}
        (tmp_path / "plan.json").write_text(json.dumps(stored))
        with pytest.raises(TrainingError, match="name"):
            TrainingPlan.load(tmp_path / "plan.json")
