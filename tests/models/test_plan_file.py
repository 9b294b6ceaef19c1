"""The plan that is written down reads the same on every machine."""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings

from mlcore.engine.plan import TrainingPlan
from tests.training.histories import as_csv, history


def test_the_plan_is_written_in_one_encoding_whatever_the_machine_prefers(tmp_path):
    headers = ["Matricule", "Équipe", "Trajet km", "Salaire", "Satisfaction", "Sexe", "Parti"]
    file, plan = tmp_path / "départs.csv", tmp_path / "plan.json"
    file.write_bytes(as_csv(history(), headers))
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # it prefers ASCII
    done = subprocess.run(
        [sys.executable, "manage.py", "train_model", file, "--draft", "--plan-out", plan],
        cwd=settings.BASE_DIR,
        env=os.environ | plain | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "Équipe" in plan.read_text(encoding="utf-8")
    assert "Équipe" in {feature.column for feature in TrainingPlan.load(plan).schema.features}
