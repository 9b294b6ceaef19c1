from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlcore.engine.plan import TrainingError, TrainingPlan


class TestPlan:
    def test_it_survives_json(self, plan):
        assert TrainingPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan

    @pytest.mark.parametrize("name", ["", "IBM", "a b", "-a", "é", "a" * 41, "a/b"])
    def test_its_name_can_stand_in_a_version_and_in_a_path(self, plan, name):
        with pytest.raises(ValueError, match="a plan's name"):
            replace(plan, name=name)

    @pytest.mark.parametrize("missing", ["target", "leaver"])
    def test_it_says_who_left(self, plan, missing):
        with pytest.raises(ValueError, match="the column that says who left"):
            replace(plan, **{missing: ""})

    @pytest.mark.parametrize(
        "roles",
        [{"target": "OverTime"}, {"identifier": "OverTime"}, {"identifier": "Attrition"},
         {"target": "Age"}],
    )  # fmt: skip
    def test_what_says_who_left_or_who_it_is_cannot_be_an_input(self, plan, roles):
        with pytest.raises(ValueError, match="no inputs, nor each other"):
            replace(plan, **roles)

    @pytest.mark.parametrize(
        "content",
        [b"", b"[]", b"{}", b"null", b'{"name": 3}', b"\xff", b'{"name": "a", "schema": []}'],
    )
    def test_a_file_that_is_no_plan_is_told_so(self, tmp_path, content):
        file = tmp_path / "plan.json"
        file.write_bytes(content)
        with pytest.raises(TrainingError, match="is not a training plan"):
            TrainingPlan.load(file)

    def test_a_file_that_is_missing_is_the_systems_to_tell(self, tmp_path):
        with pytest.raises(OSError, match="No such file"):
            TrainingPlan.load(tmp_path / "plan.json")
