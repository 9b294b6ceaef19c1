"""The making of an artifact, and the card that tells of it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from mlcore.engine import artifact
from mlcore.engine.judging import evaluation, fairness, figures
from mlcore.engine.making import NOT_FOR, make
from mlcore.engine.operating import for_capacity, outcome
from mlcore.engine.plan import TrainingError
from mlcore.engine.words import LANGUAGES
from tests.engine.small_history import PLAN, history


@pytest.fixture(autouse=True, scope="module")
def _few_folds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "FOLDS", 2)
        patch.setattr(evaluation, "REPEATS", 2)
        yield


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def made(told):
    return make(PLAN, history(), progress=lambda *step: told.append(step))


@pytest.fixture(scope="module")
def card(made):
    return made.card


def test_the_same_table_gives_the_same_bytes_whatever_the_number_of_processes(made):
    again = make(PLAN, history(), jobs=2)
    assert artifact.files_of(again) == artifact.files_of(made)


def test_the_card_is_plain_json_and_small(made):
    files = artifact.files_of(made)
    assert json.loads(files["card.json"]) == made.card
    assert len(files["card.json"]) < 100_000


def test_a_person_can_watch(told, made):
    assert [step for step in told if step[0] != "evaluating"] == [
        ("reading", 0, 1), ("reading", 1, 1),
        ("training", 0, 1), ("training", 1, 1),
        ("describing", 0, 1), ("describing", 1, 1),
    ]  # fmt: skip
    assert ("evaluating", 4, 4) in told


class TestTheCard:
    def test_it_says_where_the_model_comes_from(self, card):
        assert (card["name"], card["rows"], card["leavers"]) == ("small", 300, 113)
        assert card["base_rate"] == pytest.approx(113 / 300, abs=1e-6)
        assert card["target"] == {"column": "Gone", "leaver": "yes"}
        assert card["inputs"] == ["pay", "overtime"]
        assert card["audit_attributes"] == ["age", "gender"]
        assert card["left_out"]["Badge"]["en"] == "Identifies a person."
        assert card["duplicates"] == {"rows": 0}
        assert card["repeated_employees"] == 0
        assert card["set_aside"] == {"no_answer": 0, "unreadable": 0}

    @pytest.mark.usefixtures("few_stumps")
    def test_it_counts_what_was_set_aside(self):
        columns = {header: [*column, *column[:10]] for header, column in history().items()}
        columns["Gone"][20] = columns["Gone"][21] = ""
        columns["Pay"][22] = "plenty"
        card = make(PLAN, columns).card
        assert card["rows"] == 307
        assert card["duplicates"] == {"rows": 10}
        assert card["set_aside"] == {"no_answer": 2, "unreadable": 1}

    @pytest.mark.usefixtures("few_stumps")
    def test_what_nobody_could_learn_from_is_left_out_with_the_reason(self):
        plan = replace(PLAN, left_out={})
        card = make(plan, history() | {"Overtime": ["No"] * 300}).card
        assert card["inputs"] == ["pay"]
        assert "same for everyone" in card["left_out"]["Overtime"]["en"]

    def test_each_metric_has_its_spread_and_its_interval(self, card):
        metrics = card["evaluation"]["metrics"]
        assert set(metrics) == {
            "roc_auc", "average_precision", "brier", "log_loss", "calibration_error",
        }  # fmt: skip
        for name, figures_of in metrics.items():
            assert figures_of["low"] < figures_of["mean"] < figures_of["high"], name
            assert figures_of["sd"] > 0, name

    def test_it_is_better_than_saying_the_same_of_everyone(self, card):
        metrics, baselines = (card["evaluation"][part] for part in ("metrics", "baselines"))
        assert set(baselines) == {"base_rate", "logistic_regression"}
        assert baselines["base_rate"]["roc_auc"] == 0.5
        assert metrics["log_loss"]["mean"] < baselines["base_rate"]["log_loss"]

    def test_its_curves_hold_together(self, card):
        curves = card["evaluation"]["curves"]
        roc = curves["roc"]
        assert (roc[0]["x"], roc[-1]["x"], roc[-1]["y"], len(roc)) == (0, 1, 1, 101)
        assert [point["y"] for point in roc] == sorted(point["y"] for point in roc)
        assert curves["precision_recall"][-1]["x"] == 1
        for point in (*roc, *curves["precision_recall"], *curves["calibration"]):
            height = point.get("y", point.get("observed"))
            assert 0 <= point["low"] <= height <= point["high"] <= 1
        assert sum(each["people"] for each in curves["calibration"]) == 300
        spread = curves["distribution"]
        assert sum(spread["left"]) == 113
        assert sum(spread["stayed"]) == 187
        assert len(spread["edges"]) == len(spread["left"]) + 1

    def test_its_operating_curve_begins_with_everyone_and_ends_with_nobody(self, card):
        operating = card["evaluation"]["operating"]
        assert operating["thresholds"] == sorted(set(operating["thresholds"]))
        assert len(operating["thresholds"]) <= 200
        assert outcome(operating, 0).listed == 300
        assert outcome(operating, 0).leavers_listed == 113
        assert (operating["listed"][-1], operating["leavers"][-1]) == (0, 0)
        assert 0.18 < outcome(operating, for_capacity(operating, 0.2)).share <= 0.2

    def test_its_groups_add_up_to_everyone(self, card):
        operating = card["evaluation"]["operating"]
        age, gender = fairness.at_threshold(card, 0.25)
        assert (age.hidden, gender.hidden) == (0, 0)
        assert sum(group.people for group in age.groups) == 300
        assert sum(group.leavers for group in age.groups) == 113
        # Three people more would be told of by what is missing: they are shown with others.
        assert [group.value for group in gender.groups] == ["F + X", "M"]
        for attribute in card["fairness"].values():
            stored = attribute["groups"]
            listed = np.sum([group["listed"] for group in stored], axis=0)
            assert listed.tolist() == operating["listed"]
            assert sum(group["leavers"] for group in stored) == card["leavers"]

    def test_it_says_how_the_inputs_are_spread(self, card):
        assert sum(card["density"]["pay"]["counts"]) == 300
        overtime = dict(card["density"]["overtime"]["answers"])
        assert overtime == {"No": 222, "Yes": 78}

    def test_it_says_what_it_is_not_for_in_every_language(self, card):
        assert card["not_for"] == [dict(words) for words in NOT_FOR]
        assert all(set(words) == set(LANGUAGES) for words in NOT_FOR)


@pytest.mark.usefixtures("few_stumps")
class TestWhoIsTwice:
    """Three years of the same people, and columns that tell nothing but who somebody is."""

    @staticmethod
    def years(people=150):
        dice = np.random.default_rng(1)
        pay = dice.integers(1_500, 8_000, people)
        gone = dice.uniform(size=people) < 0.4
        return {
            "Badge": [f"{n:03}" for n in range(people)] * 3,
            "Pay": np.concatenate([pay + year for year in range(3)]).tolist(),
            "Overtime": dice.choice(["No", "Yes"], 3 * people).tolist(),
            "Age": np.concatenate([pay % 40 + 20 + year for year in range(3)]).tolist(),
            "Gender": dice.choice(["F", "M"], 3 * people).tolist(),
            "Gone": ["yes" if left else "no" for left in gone] * 3,
        }

    def test_nobody_is_foretold_by_their_own_other_year(self):
        plan = replace(PLAN, identifier="Badge", left_out={})
        with pytest.raises(TrainingError):
            make(plan, self.years())

    def test_the_card_counts_them(self):
        columns = {header: [*column, *column[:10]] for header, column in history().items()}
        columns["Pay"][-10:] = [pay + 1 for pay in columns["Pay"][-10:]]
        card = make(replace(PLAN, identifier="Badge", left_out={}), columns).card
        assert card["repeated_employees"] == 10
        assert card["duplicates"] == {"rows": 0}


@pytest.mark.usefixtures("few_stumps")
class TestCoarseHistories:
    def coarse(self, seed):
        """Many people, few ways to be: with the badge as a reference they are told apart."""
        dice = np.random.default_rng(seed)
        overtime = dice.choice(["No", "Yes"], 600, p=[0.8, 0.2])
        pay = dice.choice([2_000, 3_000, 4_000], 600, p=[0.85, 0.12, 0.03])
        gone = dice.uniform(size=600) < np.where(overtime == "Yes", 0.6, 0.05)
        return {
            "Badge": [f"E{number}" for number in range(600)],
            "Pay": pay.tolist(),
            "Overtime": overtime.tolist(),
            "Age": [40] * 600,
            "Gender": ["F"] * 600,
            "Gone": ["yes" if left else "no" for left in gone],
        }

    def test_people_who_look_alike_are_still_different_people(self):
        made = make(replace(PLAN, identifier="Badge", left_out={}), self.coarse(0))
        assert made.card["duplicates"] == {"rows": 0}
        for name, found in made.card["evaluation"]["metrics"].items():
            assert found["low"] <= found["mean"] <= found["high"], name
        artifact.parse(artifact.files_of(made))

    def test_without_a_reference_rows_that_repeat_one_another_count_once(self):
        columns = self.coarse(0)
        del columns["Badge"]
        with pytest.raises(TrainingError, match="tells them apart"):
            make(replace(PLAN, left_out={}), columns)


@pytest.mark.usefixtures("few_stumps")
class TestRefusals:
    def test_a_model_that_could_not_be_read_again_is_refused(self, monkeypatch):
        monkeypatch.setattr(artifact, "LARGEST_FILE", 5_000)
        with pytest.raises(TrainingError, match="cannot be kept") as refused:
            make(PLAN, history())
        assert "ne peut pas être conservé" in refused.value.words["fr"]

    def test_numbers_that_no_model_may_hold_are_refused_before_anything_is_learned(self):
        columns = history()
        columns["Pay"][7] = 10**16
        pay = replace(PLAN.schema.features[0], maximum=1e17)
        schema = replace(PLAN.schema, features=(pay, *PLAN.schema.features[1:]))
        told = []
        with pytest.raises(TrainingError, match="“Pay” holds numbers of more than 15 digits"):
            make(replace(PLAN, schema=schema), columns, progress=lambda *step: told.append(step))
        assert told == [("reading", 0, 1)]

    @pytest.mark.parametrize(
        ("strength", "why"),
        [(0.0, "Ces colonnes n’apprennent rien"), (0.3, "Rien dans ces colonnes")],
        ids=["chance alone", "too little for people it has not seen"],
    )
    def test_chance_is_not_made_into_a_model(self, strength, why):
        with pytest.raises(TrainingError) as refused:
            make(PLAN, history(strength=strength))
        assert refused.value.words["fr"].startswith(why)

    def test_a_refusal_keeps_its_languages_on_its_way_from_another_process(self):
        refusal = TrainingError({"en": "No.", "fr": "Non."})
        assert pickle.loads(pickle.dumps(refusal)).words == refusal.words

    def test_cancelling_ends_the_work_at_any_step(self):
        for cancelled in ("reading", "training", "describing"):

            def cancel(step, done, total, cancelled=cancelled):
                if step == cancelled:
                    raise InterruptedError

            with pytest.raises(InterruptedError):
                make(PLAN, history(), progress=cancel)


def test_figures_of_calibrated_probabilities_show_them_as_calibrated():
    """Simulated people whose true risks are known."""
    dice = np.random.default_rng(0)
    risk = 1 / (1 + np.exp(-dice.normal(-1.5, 1.2, 4_000)))
    found = figures.OutOfFold(
        left=(dice.uniform(size=4_000) < risk).astype(int),
        groups=np.arange(4_000),
        fold=np.arange(4_000)[None] % 10,
        probability=risk[None],
        baselines={},
    )
    described = figures.describe(found)
    assert described["metrics"]["calibration_error"]["mean"] < 0.02
    bins = described["curves"]["calibration"]
    assert len(bins) == 10
    assert sum(each["low"] <= each["predicted"] <= each["high"] for each in bins) >= 9
    # One repeat has one calibration error; its spread is that of the resamples.
    assert described["metrics"]["calibration_error"]["sd"] > 0
