"""Champion and challenger, on the same employees."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlcore import comparison, services
from mlcore.engine import artifact
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Curve, Table
from mlcore.engine.tabular import Table as FileTable
from mlcore.engine.values import fold
from mlcore.models import Basis, Origin, RunState, TrainingRun
from mlcore.public_data import ibm_columns
from mlcore.services import RefusedError
from mlcore.trainings import files as training_files


@pytest.fixture(scope="session")
def columns():
    """A third of the public file, and the columns as a file would hold them: as texts."""
    return {header: [str(cell) for cell in cells[:500]] for header, cells in ibm_columns().items()}


@pytest.fixture(scope="session")
def worse(bundled):
    """The bundled model without what it knows of overtime, income and stock options."""
    blunted = {
        name: Curve((0.0,), (0.0,)) if isinstance(shape, Curve) else Table(
            dict.fromkeys(shape.values, 0.0)
        )
        for name, shape in bundled.model.shapes.items()
        if name in {"over_time", "monthly_income", "stock_option_level", "job_level"}
    }  # fmt: skip
    shapes = {name: blunted.get(name, shape) for name, shape in bundled.model.shapes.items()}
    return replace(bundled, model=replace(bundled.model, shapes=shapes, pairs=()))


@pytest.fixture(scope="session")
def compare(bundled, worse, columns):
    def compare(champion=None, challenger=None, columns=columns, **more):
        return comparison.compare(
            champion or bundled, challenger or worse, columns, "Attrition", "Yes", **more
        )

    return compare


def test_a_worse_model_is_found_worse(compare):
    found = compare()
    assert (found.rows, found.leavers) == (500, sum(a == "Yes" for a in compared_answers()))
    assert found.champion.metrics["roc_auc"].value > found.challenger.metrics["roc_auc"].value
    difference = found.differences["roc_auc"]
    assert difference.value == pytest.approx(
        found.challenger.metrics["roc_auc"].value - found.champion.metrics["roc_auc"].value
    )
    assert difference.low < difference.value < difference.high < 0
    assert found.surely_differs("roc_auc")
    assert found.surely_differs("log_loss")
    assert found.differences["log_loss"].low > 0
    # Both stand on the same resamples: their difference is surer than either of them.
    width = difference.high - difference.low
    alone = found.champion.metrics["roc_auc"]
    assert width < alone.high - alone.low


def compared_answers():
    return ibm_columns()["Attrition"][:500]


def test_a_model_does_not_differ_from_itself(compare, bundled):
    found = compare(challenger=bundled)
    for name, difference in found.differences.items():
        assert (difference.value, difference.low, difference.high) == (0, 0, 0), name
        assert not found.surely_differs(name)
    assert found.moved == found.leavers_onto == found.leavers_off == 0
    assert found.champion == found.challenger


def test_the_same_rows_give_the_same_figures(compare):
    assert compare() == compare()


def test_who_changes_side_of_the_threshold(compare, bundled):
    low, high = OperatingPoint.at(0.2), OperatingPoint.at(0.5)
    found = compare(challenger=bundled, points=(low, high))
    assert (found.champion.threshold, found.challenger.threshold) == (0.2, 0.5)
    assert found.moved_onto == 0
    assert found.moved == found.moved_off == found.champion.listed - found.challenger.listed > 0
    assert found.leavers_off == found.champion.leavers_listed - found.challenger.leavers_listed
    back = compare(challenger=bundled, points=(high, low))
    assert (back.moved_onto, back.leavers_onto) == (found.moved_off, found.leavers_off)


def test_columns_are_found_by_their_other_names(compare, bundled, columns):
    renamed = {
        {"OverTime": "over time", "MonthlyIncome": "monthly_income"}.get(header, header): cells
        for header, cells in columns.items()
    }
    assert compare(challenger=bundled, columns=renamed) == compare(challenger=bundled)


def test_an_input_that_the_file_lacks_is_blank_for_everyone(compare, bundled, columns):
    without = {header: cells for header, cells in columns.items() if header != "OverTime"}
    found = compare(columns=without)
    label = bundled.schema.by_name["over_time"].label
    assert found.champion.missing == {"over_time": label}
    assert not found.decides
    assert found.rows == 500
    assert abs(found.differences["roc_auc"].value) < abs(compare().differences["roc_auc"].value)


def test_rows_without_answer_or_with_what_a_model_refuses_are_counted(compare, bundled, columns):
    spoilt = {header: list(cells) for header, cells in columns.items()}
    spoilt["Attrition"][0] = spoilt["Attrition"][1] = " "
    spoilt["OverTime"][1] = spoilt["OverTime"][2] = "perhaps"
    spoilt["Gender"][3] = "spoilt as well, but no input"
    spoilt["EmployeeNumber"][4] = "x" * 500
    found = compare(challenger=bundled, columns=spoilt)
    assert (found.rows, found.no_answer, found.refused) == (497, 2, 1)
    assert found.champion.refused == found.challenger.refused == 1


def test_models_of_different_columns_are_compared_on_what_both_accept(compare, bundled, columns):
    """The challenger knows nothing of overtime, and cannot read one job."""
    stored = bundled.schema.to_json()
    stored["features"] = [f for f in stored["features"] if f["name"] != "over_time"]
    [role] = [f for f in stored["features"] if f["name"] == "job_role"]
    gone = role["choices"].pop()["value"]
    schema = FeatureSchema.from_json(json.loads(json.dumps(stored)))
    shapes = {n: s for n, s in bundled.model.shapes.items() if n != "over_time"}
    shapes["job_role"] = Table({c["value"]: 0.0 for c in role["choices"]})
    other = replace(bundled, schema=schema, model=replace(bundled.model, shapes=shapes, pairs=()))
    found = compare(challenger=other)
    refused = sum(fold(job) == fold(gone) for job in columns["JobRole"])
    assert refused > 0
    assert (found.champion.refused, found.challenger.refused) == (0, refused)
    assert (found.rows, found.refused) == (500 - refused, refused)


def test_who_learned_from_the_rows_is_named(compare, bundled, worse):
    strange = replace(worse, card={**worse.card, "rows": 500, "leavers": 1})
    found = compare(challenger=strange, trained_here=(True, False))
    assert (found.champion.knows_the_rows, found.challenger.knows_the_rows) == (True, False)
    alike = {**worse.card, "rows": 500, "leavers": found.leavers}
    assert compare(challenger=replace(worse, card=alike)).challenger.knows_the_rows


@pytest.mark.parametrize(
    ("answers", "why"),
    [(["Yes"] * 500, "500 left and 0 stayed"), (["No"] * 495 + ["Yes"] * 5, "5 left"),
     ([""] * 500, "0 left and 0 stayed")],
)  # fmt: skip
def test_too_few_to_tell(compare, columns, answers, why):
    with pytest.raises(RefusedError, match=why):
        compare(columns=columns | {"Attrition": answers})


def test_a_file_without_the_answers(compare, columns):
    with pytest.raises(RefusedError, match="no column “Attrition”"):
        compare(columns={h: c for h, c in columns.items() if h != "Attrition"})


def test_a_file_with_none_of_the_columns(compare, columns):
    with pytest.raises(RefusedError, match="0 left and 0 stayed"):
        compare(columns={"Attrition": columns["Attrition"]})


class TestOnAKeptFile:
    @pytest.fixture
    def file(self, columns, carol):
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return training_files.keep(
            table=FileTable(list(columns), rows), content=b"rows", name="people.csv", by=carol
        )

    @pytest.fixture
    def versions(self, make_model):
        return make_model("spring"), make_model("summer")

    def run(self, file, versions):
        return comparison.compare_on(file, champion=versions[0], challenger=versions[1])

    def test_by_the_operating_point_that_holds(self, file, versions, carol):
        services.decide_operating_point(
            version=versions[1],
            point=OperatingPoint.at(0.6),
            basis=Basis.COST,
            basis_value=1,
            reason="few conversations",
            by=carol,
        )
        found = self.run(file, versions)
        assert found.challenger.threshold == 0.6
        assert found.champion.threshold != 0.6
        assert found.moved_off > 0

    def test_the_model_that_was_trained_on_it_is_known(self, file, versions):
        TrainingRun.objects.create(
            file=file, plan={}, state=RunState.DONE, model_version=versions[1]
        )
        found = self.run(file, versions)
        assert (found.champion.knows_the_rows, found.challenger.knows_the_rows) == (False, True)

    def test_an_erased_file_tells_nothing(self, file, versions):
        training_files.erase(file)
        with pytest.raises(training_files.FileErasedError):
            self.run(file, versions)

    def test_models_that_do_not_say_who_left(self, file, bundled):
        card = {name: value for name, value in bundled.card.items() if name != "target"}
        files = artifact.files_of(replace(bundled, card=card))
        version = services.register(files=files, origin=Origin.IMPORTED)
        with pytest.raises(RefusedError, match="who left"):
            self.run(file, (version, version))
