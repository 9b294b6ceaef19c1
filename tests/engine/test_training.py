from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import nullcontext, suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from mlcore.engine.learning.folding import deal, deal_again
from mlcore.engine.learning.training import folds, prepare, train
from mlcore.engine.plan import TrainingError, TrainingPlan
from tests.engine.conftest import BUNDLED
from tests.engine.simulated import history


@pytest.fixture(scope="session")
def training_set(plan, columns):
    return prepare(plan, columns)


@pytest.fixture(scope="session")
def trained(training_set):
    return train(training_set)


def small():
    return history(500, seed=8).data


class TestTheBundledModel:
    def test_training_again_gives_it(self, trained, bundled, employees):
        """Another processor may add in another order: the last decimals are not promised."""
        assert trained.schema == bundled.schema
        again = trained.model.score_frame(employees)
        committed = bundled.model.score_frame(employees)
        assert np.abs(again.log_odds - committed.log_odds).max() < 1e-6
        for name, column in committed.contributions.items():
            assert np.abs(again.contributions[name] - column).max() < 1e-6, name

    def test_its_tables_are_what_the_learners_say(self, trained):
        assert trained.report["compiled"]["largest_probability_gap"] < 1e-9
        assert trained.report["compiled"]["roc_auc_gap"] < 1e-9

    def test_small_data_stays_additive(self, trained):
        assert trained.model.pairs == ()
        assert trained.report["pairs"] == []
        assert trained.report["pairs_tried"] > 200

    def test_some_leave_whatever_the_conditions(self, trained):
        assert 0.01 < trained.model.floor < 0.08

    def test_its_probabilities_sum_to_the_leavers(self, trained, training_set):
        served = trained.model.score_frame(training_set.frame).probability
        assert served.mean() == pytest.approx(training_set.left.mean(), abs=0.02)


class TestSelection:
    def test_inputs_that_add_nothing_are_not_asked(self, trained, training_set):
        selection = trained.report["selection"]
        kept = [feature.name for feature in trained.schema.features]
        assert list(trained.model.shapes) == kept
        assert selection["kept"] == len(kept) < len(training_set.schema.features)
        assert {*selection["cost"], *kept} == {f.name for f in training_set.schema.features}
        assert trained.schema.audit == training_set.schema.audit

    def test_each_left_out_input_has_its_cost_and_it_is_small(self, trained):
        for cost in trained.report["selection"]["cost"].values():
            assert cost["log_loss"] < 0.005
            assert cost["label"]["fr"]

    def test_the_path_tells_what_every_length_of_the_form_would_cost(self, trained):
        path = trained.report["selection"]["path"]
        assert [step["inputs"] for step in path] == list(range(24, 0, -1))
        assert path[0]["removed"] is None
        assert path[-1]["log_loss"] > path[0]["log_loss"] + 0.05
        assert all(0.005 < step["se"] < 0.05 for step in path)

    def test_the_report_is_json(self, trained):
        assert json.loads(json.dumps(trained.report)) == trained.report


class TestNothingToLearn:
    def test_columns_that_tell_nothing_are_refused(self, training_set):
        dice = np.random.default_rng(1)
        shuffled = replace(training_set, left=dice.permutation(training_set.left))
        with pytest.raises(TrainingError) as refused:
            train(shuffled)
        assert "tell nothing about who leaves" in str(refused.value)
        assert refused.value.words["fr"].startswith("Ces colonnes n’apprennent rien")

    def test_one_answer_alone_is_refused(self, training_set):
        with pytest.raises(TrainingError):
            train(training_set.part(np.flatnonzero(training_set.left == 1)))


class TestVeryManyEmployees:
    def test_as_many_as_are_needed_are_drawn(self, training_set, monkeypatch):
        monkeypatch.setattr("mlcore.engine.learning.training.MOST_EMPLOYEES", 1000)
        made = train(training_set)
        assert made.report["drawn"] == 1000
        assert made.model.base_rate == pytest.approx(237 / 1470, abs=0.02)


class TestFolds:
    def test_without_duplicates_they_are_scikit_learns(self, training_set):
        splitter = StratifiedKFold(10, shuffle=True, random_state=3)
        expected = splitter.split(training_set.left, training_set.left)
        for ours, theirs in zip(folds(training_set, 10, 3), expected, strict=True):
            assert (ours[0] == theirs[0]).all()
            assert (ours[1] == theirs[1]).all()

    @settings(max_examples=50)
    @given(
        st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=60, max_size=120),
        st.integers(0, 5),
    )
    def test_duplicates_never_sit_on_both_sides(self, rows, seed):
        groups = np.array([number for number, _ in rows])
        left = np.array([int(answer) for _, answer in rows])
        # Both answers on both sides: with three groups of either answer there is a way.
        fewest = min(len(set(groups[left == answer])) for answer in (0, 1))
        with nullcontext() if fewest >= 3 else suppress(TrainingError):
            self.hold_apart(deal(left, groups, 5, seed), left, groups)

    @staticmethod
    def hold_apart(dealt, left, groups):
        assert 2 <= len(dealt) <= 5
        tested = []
        for training, test in dealt:
            assert not set(groups[training]) & set(groups[test])
            assert sorted([*training, *test]) == list(range(len(left)))
            assert set(left[training].tolist()) == set(left[test].tolist()) == {0, 1}
            tested += test.tolist()
        assert sorted(tested) == list(range(len(left)))

    def test_groups_of_very_unequal_size_make_folds_of_nearly_equal_ones(self):
        """Few ways to be, for many people: the largest group is a tenth of them."""
        dice = np.random.default_rng(0)
        groups = np.minimum(dice.geometric(0.08, 800), 60)
        left = (dice.random(800) < 0.15).astype(np.int64)
        for dealt in deal_again(left, groups, 10, 2, 0):
            assert len(dealt) == 10
            sizes = [len(test) for _, test in dealt]
            leavers = [int(left[test].sum()) for _, test in dealt]
            assert max(sizes) - min(sizes) <= 10
            assert max(leavers) - min(leavers) <= 4

    def test_where_few_can_be_held_back_there_are_fewer_folds(self):
        groups = np.repeat(np.arange(40), 20)
        left = np.repeat([1, 1, 1, *[0] * 37], 20)
        assert [len(each) for each in deal_again(left, groups, 10, 2, 0)] == [3, 3]
        with pytest.raises(TrainingError, match="different employees"):
            deal(left, np.where(left == 1, 0, groups), 10, 0)

    def test_both_answers_are_in_each_fold_in_the_same_share(self, training_set):
        doubled = training_set.part(np.repeat(np.arange(1470), 2))
        for training, test in folds(doubled, 10, 0):
            assert not set(doubled.groups[training]) & set(doubled.groups[test])
            assert doubled.left[test].mean() == pytest.approx(doubled.left.mean(), abs=0.01)


def test_another_process_trains_the_same_bytes():
    def fingerprint(made):
        content = json.dumps([made.model.to_json(), made.schema.to_json(), made.report])
        return hashlib.sha256(content.encode()).hexdigest()

    program = (
        "from mlcore.engine.learning.training import train;"
        "from tests.engine.test_training import small; import json, hashlib;"
        "made = train(small());"
        "content = json.dumps([made.model.to_json(), made.schema.to_json(), made.report]);"
        "print(hashlib.sha256(content.encode()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BUNDLED.parents[1],
        env={**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert there.stdout.strip() == fingerprint(train(small()))


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

    def test_rows_that_differ_in_any_column_of_the_file_are_no_duplicates(self, plan, few):
        doubled = {header: [*column, *column[:7]] for header, column in few.items()}
        doubled["EmployeeNumber"] = list(range(len(doubled["Age"])))
        data = prepare(plan, doubled)
        assert data.duplicates == 0
        assert len(set(data.groups.tolist())) == len(data.groups)

    def test_rows_of_one_employee_are_one_group_however_the_file_writes_the_reference(
        self, plan, few
    ):
        plan = replace(plan, identifier="EmployeeNumber", left_out={})
        few["EmployeeNumber"] = [f"E{row}" for row in range(len(few["Age"]))]
        few["EmployeeNumber"][:5] = ["7", 7, 7.0, " 7 ", None]
        few["EmployeeNumber"][5] = ""
        data = prepare(plan, few)
        assert len(set(data.groups[:4].tolist())) == 1
        assert len(set(data.groups[3:].tolist())) == len(data.groups) - 3
        assert (data.duplicates, data.repeated_employees) == (0, 1)

    def test_rows_of_one_employee_that_repeat_one_another_are_counted(self, plan, few):
        plan = replace(plan, identifier="EmployeeNumber", left_out={})
        doubled = {header: [*column, *column[:7]] for header, column in few.items()}
        data = prepare(plan, doubled)
        assert (data.duplicates, data.repeated_employees) == (7, 7)

    def test_the_column_of_references_must_be_there(self, plan, few):
        del few["EmployeeNumber"]
        refused = self.refusal(replace(plan, identifier="EmployeeNumber", left_out={}), few)
        assert refused == "The file lacks these columns: EmployeeNumber."

    def test_few_leavers_are_not_more_for_being_in_several_rows(self, plan, few):
        plan = replace(plan, identifier="EmployeeNumber", left_out={})
        few["EmployeeNumber"] = [
            f"L{row % 40}" if answer == "Yes" else f"S{row}"
            for row, answer in enumerate(few["Attrition"])
        ]
        refused = self.refusal(plan, few)
        assert "at least 50 of each" in refused
        assert "count once" in refused

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
