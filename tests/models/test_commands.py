from __future__ import annotations

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command

from mlcore import activation_reasons, registry, services
from mlcore.engine import artifact
from mlcore.engine.plan import TrainingPlan
from mlcore.models import Activation, ModelVersion, Origin
from tests.engine.small_history import PLAN, few_stumps, history


def run(*args):
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


class TestRegisterBundledModel:
    def test_an_installation_has_a_model_from_its_first_minute(self, db, bundled):
        assert run("register_bundled_model").startswith("Activated the bundled model ibm-")
        assert registry.active().artifact == bundled

    def test_running_it_at_every_start_changes_nothing(self, db):
        run("register_bundled_model")
        assert run("register_bundled_model") == ""
        assert ModelVersion.objects.count() == Activation.objects.count() == 1

    def test_a_model_that_was_chosen_stays_active(self, make_model):
        chosen = make_model("spring")
        services.activate(version=chosen, reason="trained on our own history")
        assert run("register_bundled_model") == ""
        assert registry.active().version == chosen.version
        assert ModelVersion.objects.count() == 2

    def test_an_upgrade_brings_its_model_in_place_of_the_last_releases(
        self, make_folder, monkeypatch, db
    ):
        monkeypatch.setattr(registry, "BUNDLED_FOLDER", make_folder("old"))
        run("register_bundled_model")
        old = registry.active()
        monkeypatch.setattr(registry, "BUNDLED_FOLDER", make_folder("new"))
        run("register_bundled_model")
        assert registry.active().version.startswith("new-")
        reason = Activation.objects.get(is_current=True).reason
        assert reason == f"The bundled model of this release, in place of {old.version}."

    def test_its_reason_is_shown_in_the_readers_language_and_a_persons_as_written(
        self, alice, make_model, monkeypatch
    ):
        monkeypatch.setattr(activation_reasons, "_", str.upper)
        run("register_bundled_model")
        first = Activation.objects.get(is_current=True)
        assert first.reason == "The bundled model, at installation."
        assert first.why == first.reason.upper()
        services.activate(version=make_model("spring"), reason=first.reason, by=alice)
        assert Activation.objects.get(is_current=True).why == first.reason


class TestTrainModel:
    @pytest.fixture(autouse=True)
    def _few_folds(self, monkeypatch):
        monkeypatch.setattr("mlcore.engine.judging.evaluation.FOLDS", 2)
        monkeypatch.setattr("mlcore.engine.judging.evaluation.REPEATS", 1)
        with few_stumps():
            yield

    @pytest.fixture
    def write(self, tmp_path):
        """Writes a small history, by its own headers, as a CSV."""

        def write(**changed):
            columns = {k: v for k, v in (history() | changed).items() if v is not None}
            with (tmp_path / "employees.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, delimiter=";").writerows(
                    [columns, *zip(*columns.values(), strict=True)]
                )
            return tmp_path / "employees.csv"

        return write

    @pytest.fixture
    def plan(self, tmp_path):
        (tmp_path / "plan.json").write_text(json.dumps(PLAN.to_json()))
        return tmp_path / "plan.json"

    @pytest.fixture
    def out(self, tmp_path):
        return tmp_path / "trained" / "model"

    def train(self, *args):
        return run("train_model", "--jobs", "1", *map(str, args))

    def refuse(self, *args):
        with pytest.raises(CommandError) as refused:
            self.train(*args)
        return str(refused.value)

    def test_a_file_is_made_into_a_model_that_can_be_registered(self, write, out, db):
        told = self.train(write(), "--out", out)
        assert "300 employees, 113 leavers, 2 inputs" in told
        version = services.register(files=artifact.read(out), origin=Origin.TRAINED)
        assert version.sha256 in told
        services.activate(version=version, reason="trained")
        row = registry.active().schema.clean({"overtime": "Yes"})
        assert registry.active().model.score(row).contributions["overtime"] > 0

    def test_it_tells_what_the_columns_seem_to_be_and_how_good_the_model_is(self, write, out):
        told = " ".join(self.train(write(), "--out", out).split())
        assert "Badge identifier identifier It holds the employee’s reference" in told
        assert "Gone target choice It says who left: “yes” means leaving." in told
        assert "Gender audit choice" in told
        card = artifact.load(out).card
        area = card["evaluation"]["metrics"]["roc_auc"]
        plain = card["evaluation"]["baselines"]["logistic_regression"]["roc_auc"]
        assert (
            f"roc_auc {area['mean']:.4f} {area['low']:.4f} to {area['high']:.4f} {area['sd']:.4f}"
            f" 0.5000 {plain:.4f}"
        ) in told

    def test_the_inferred_plan_is_written_down_and_can_be_given_back(self, write, out, tmp_path):
        file, plan = write(), out.with_name("model-plan.json")
        told = self.train(file, "--out", out)
        assert f"The plan is in {plan}" in told
        again = self.train(file, "--plan", plan, "--out", tmp_path / "again")
        assert "The plan is in" not in again
        assert artifact.load(tmp_path / "again") == artifact.load(out)

    def test_a_draft_trains_nothing(self, write, tmp_path):
        told = self.train(write(), "--draft", "--plan-out", tmp_path / "new" / "plan.json")
        assert "leavers" not in told
        assert TrainingPlan.load(tmp_path / "new" / "plan.json").target == "Gone"

    def test_what_only_a_person_can_say_is_asked(self, write, out):
        file = write(Gone=None, State=["a" if gone == "yes" else "b" for gone in history()["Gone"]])
        assert "Say it with --target" in self.refuse(file, "--out", out)
        assert "Say it with --leaver" in self.refuse(file, "--target", "State", "--out", out)
        assert "Elsewhere" in self.refuse(file, "--target", "Elsewhere", "--out", out)
        told = self.train(file, "--target", "State", "--leaver", "a", "--out", out)
        assert "300 employees, 113 leavers, 2 inputs" in told

    def test_a_model_can_go_straight_into_the_registry_and_waits_there(self, write, plan, db):
        told = self.train(write(), "--plan", plan, "--register")
        version = ModelVersion.objects.get()
        assert f"Registered as {version}." in told
        assert version.origin == Origin.TRAINED
        assert not version.activations.exists()

    def test_a_model_of_ones_own_file_does_not_go_where_the_bundled_one_is(self, write, plan):
        before = artifact.load(registry.BUNDLED_FOLDER)
        for options in ((), ("--plan", plan)):
            assert "Say where the model goes" in self.refuse(write(), *options)
        assert artifact.load(registry.BUNDLED_FOLDER) == before

    @pytest.mark.parametrize(
        "options", [("--target", "Gone"), ("--leaver", "yes"), ("--draft",), ("--plan-out", "x")]
    )
    def test_what_the_plan_says_is_not_said_twice(self, write, plan, out, options):
        why = self.refuse(write(), "--plan", plan, "--out", out, *options)
        assert why == f"{options[0]} is for a file without a plan: the plan says it."

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"Overtime": None}, "lacks these columns: Overtime"),
            ({"Gone": ["no"] * 300}, "must hold “yes” for who left and one other answer"),
            ({"Gone": ["yes"] * 30 + ["no"] * 270}, "30 left and 270 stayed"),
            ({"Pay": ["plenty"] * 300}, "300 employees cannot be read"),
            ({"Pay": [3] * 300, "Overtime": [""] * 300}, "nothing can be learned"),
        ],
        ids=["missing column", "one answer", "few leavers", "unreadable", "all the same"],
    )
    def test_a_table_without_a_model_in_it_leaves_nothing_behind(
        self, write, plan, out, changed, why
    ):
        assert why in self.refuse(write(**changed), "--plan", plan, "--out", out)
        assert not out.parent.exists()

    def test_chance_is_not_made_into_a_model(self, write, plan, out):
        gone = ["yes", "no", "no"] * 100
        why = self.refuse(write(Gone=gone), "--plan", plan, "--out", out)
        assert "who leaves" in why  # no column is worth asking for, or all together tell nothing
        assert not out.parent.exists()

    def test_a_failure_leaves_the_model_that_was_there(self, write, plan, make_folder):
        folder = make_folder("spring")
        before = artifact.load(folder)
        self.refuse(write(Overtime=None), "--plan", plan, "--out", folder)
        assert artifact.load(folder) == before

    def test_a_folder_that_holds_anything_else_is_left_alone(self, write, plan, out):
        out.mkdir(parents=True)
        (out / "thesis.docx").write_text("years of work")
        why = self.refuse(write(), "--plan", plan, "--out", out)
        assert "holds more than a model" in why
        assert [entry.name for entry in out.iterdir()] == ["thesis.docx"]

    def test_what_cannot_be_read_is_told_in_a_sentence(self, tmp_path, out):
        junk = tmp_path / "junk"
        junk.write_bytes(b"\x89PNG\x00")
        assert "No such file" in self.refuse(tmp_path / "nowhere.csv", "--out", out)
        assert "neither a CSV nor an XLSX" in self.refuse(junk, "--out", out)
        assert "is not a training plan" in self.refuse("--plan", junk, "--out", out)
        assert "No such file" in self.refuse("--plan", tmp_path / "nowhere.json", "--out", out)
        assert "1 or more" in self.refuse("--jobs", "0", "--out", out)
