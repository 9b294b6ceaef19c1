from __future__ import annotations

import csv
import io

import pytest
from django.core.management import CommandError, call_command

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Activation, ModelVersion, Origin
from mlcore.public_data import ibm_columns


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


class TestTrainModel:
    @pytest.fixture(autouse=True)
    def _few_folds(self, monkeypatch):
        monkeypatch.setattr("mlcore.engine.evaluation.FOLDS", 2)

    @pytest.fixture
    def write(self, tmp_path):
        """Writes the public file, by its own headers, as a CSV."""

        def write(**changed):
            columns = {k: v for k, v in (ibm_columns() | changed).items() if v is not None}
            with (tmp_path / "employees.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, delimiter=";").writerows(
                    [columns, *zip(*columns.values(), strict=True)]
                )
            return tmp_path / "employees.csv"

        return write

    @pytest.fixture
    def out(self, tmp_path):
        return tmp_path / "trained" / "model"

    def refuse(self, *args):
        with pytest.raises(CommandError) as refused:
            run("train_model", *map(str, args))
        return str(refused.value)

    def test_a_file_is_made_into_a_model_that_can_be_registered(self, write, out, db):
        told = run("train_model", str(write()), "--out", str(out))
        assert "1470 employees, 237 leavers, 24 inputs" in told
        version = services.register(files=artifact.read(out), origin=Origin.BUNDLED)
        services.activate(version=version, reason="trained")
        assert version.sha256 in told
        row = registry.active().schema.clean({"over_time": "Yes"})
        assert registry.active().model.score(row).contributions["over_time"] > 0

    def test_a_file_and_the_package_of_the_same_rows_give_the_same_model(
        self, write, out, tmp_path
    ):
        run("train_model", str(write()), "--out", str(out))
        run("train_model", "--out", str(tmp_path / "packaged"))
        assert artifact.load(out) == artifact.load(tmp_path / "packaged")

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"OverTime": None}, "lacks these columns: OverTime"),
            ({"Attrition": ["No"] * 1470}, "must hold 'Yes' and one other answer"),
            ({"Attrition": ["Yes", ""] * 735}, "is blank for employee 2"),
            ({"JobLevel": [""] * 1470}, "have blanks: job_level"),
            ({"JobLevel": ["9"] * 1470}, "1470 employees cannot be read"),
        ],
        ids=["missing column", "one answer", "blank answer", "blank input", "unreadable input"],
    )
    def test_a_table_without_a_model_in_it_leaves_nothing_behind(self, write, out, changed, why):
        assert why in self.refuse(write(**changed), "--out", out)
        assert not out.parent.exists()

    def test_a_failure_leaves_the_model_that_was_there(self, write, make_folder):
        folder = make_folder("spring")
        before = artifact.load(folder)
        self.refuse(write(OverTime=None), "--out", folder)
        assert artifact.load(folder) == before

    def test_a_folder_that_holds_anything_else_is_left_alone(self, out):
        out.mkdir(parents=True)
        (out / "thesis.docx").write_text("years of work")
        assert "holds more than a model" in self.refuse("--out", out)
        assert [entry.name for entry in out.iterdir()] == ["thesis.docx"]

    def test_what_cannot_be_read_is_told_in_a_sentence(self, tmp_path, out):
        junk = tmp_path / "junk"
        junk.write_bytes(b"\x89PNG\x00")
        assert "No such file" in self.refuse(tmp_path / "nowhere.csv", "--out", out)
        assert "neither a CSV nor an XLSX" in self.refuse(junk, "--out", out)
        assert "is not a training plan" in self.refuse("--plan", junk, "--out", out)
        assert "No such file" in self.refuse("--plan", tmp_path / "nowhere.json", "--out", out)
