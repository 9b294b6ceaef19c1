"""The engine runs without Django, and what serves runs without what trains."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlcore.engine

ROOT = Path(mlcore.engine.__file__).parents[2]
PREFIX = "mlcore.engine."
MODULES = [
    module.name.removeprefix(PREFIX)
    for module in pkgutil.walk_packages(mlcore.engine.__path__, PREFIX)
    if not module.ispkg
]
TRAIN = {name for name in MODULES if name.startswith("learning.")}
TRAIN |= {"judging.evaluation", "making"}

PROGRAM = """
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
for module in MODULES:
    importlib.import_module(f"mlcore.engine.{module}")
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
"""


def import_without(blocked, modules, then=""):
    program = f"BLOCKED = {blocked!r}\nMODULES = {modules!r}\n{PROGRAM}\n{then}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_module_of_the_engine_needs_django():
    import_without({"django", "rest_framework", "predictions", "accounts"}, MODULES)


@pytest.mark.parametrize("module", sorted(set(MODULES) - TRAIN))
def test_what_serves_needs_numpy_alone(module):
    import_without({"django", "sklearn", "pandas", "scipy", "joblib", "python_calamine"}, [module])


def test_a_prediction_is_made_and_explained_with_numpy_alone():
    import_without(
        {"django", "sklearn", "pandas", "scipy", "joblib"},
        ["artifact"],
        then="""
from pathlib import Path
model = importlib.import_module("mlcore.engine.artifact").load(Path("mlcore/bundled/ibm"))
row = model.schema.clean({"over_time": "Yes", "monthly_income": "5 993"})
assert 0 < model.model.score(row).probability < 1
assert len(model.model.score_frame(model.schema.clean_frame({"over_time": ["Yes"] * 3}))
           .probability) == 3
assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
""",
    )
