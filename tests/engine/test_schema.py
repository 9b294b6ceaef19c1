from __future__ import annotations

import json
import time

import pytest

from mlcore.engine.features import Choice, Feature
from mlcore.engine.schema import ROW, CleanFrame, FeatureSchema, SchemaError

EMPLOYEE = {
    "employee_id": "E-1",
    "monthly_income": 5993,
    "commute": "7,5",
    "satisfaction": "Very high",
    "department": "r&d",
    "over_time": True,
    "age": "41",
}


def refuse(schema, raw, *, language="en"):
    """The sentences by field with which a row is refused."""
    with pytest.raises(SchemaError) as refused:
        schema.clean(raw)
    return {
        name: [problem.text(language) for problem in problems]
        for name, problems in refused.value.problems.items()
    }


class TestCleaning:
    def test_a_clean_row_holds_values_in_one_form_whatever_was_typed(self, schema):
        row = schema.clean(EMPLOYEE)
        assert row.employee_id == "E-1"
        assert row.inputs == {
            "monthly_income": 5993,
            "commute": 7.5,
            "satisfaction": 4,
            "department": "Research & Development",
            "over_time": "Yes",
        }
        assert list(row.inputs) == [feature.name for feature in schema.features]

    def test_audit_attributes_are_kept_apart_from_the_inputs(self, schema):
        assert schema.clean(EMPLOYEE).audit == {"age": 41}
        assert schema.clean({"commute": 1, "age": ""}).audit == {}

    def test_what_is_absent_is_a_blank_like_none_and_never_zero(self, schema):
        absent = schema.clean({"commute": 0})
        given = schema.clean({f.name: None for f in schema.everything} | {"commute": "0"})
        assert absent == given
        assert absent.inputs["monthly_income"] is None
        assert absent.inputs["commute"] == 0.0

    def test_every_error_is_told_at_once_at_its_field(self, schema):
        raw = {
            "employee_id": "x" * 65,
            "monthly_income": "1_8",
            "commute": 9999,
            "satisfaction": 2,
            "department": "Kitchen",
            "age": True,
            "over_time": "Yes",
            "salary_per_year": 3,
        }
        assert refuse(schema, raw) == {
            "employee_id": ["Shorten it to at most 64 characters; it has 65."],
            "monthly_income": ["“1_8” is not a number. Write it in digits, for example 4,919."],
            "commute": ["9999 is out of range. Enter a number from -50 to 5,000."],
            "satisfaction": ["“2” is not one of the choices: None, High, Very high."],
            "department": ["“Kitchen” is not one of the choices: Research and development, Sales."],
            "age": ["“True” is not a number. Write it in digits, for example 14."],
            "salary_per_year": ["The model has no such field."],
        }

    def test_errors_speak_french(self, schema):
        raw = {"monthly_income": "beaucoup", "commute": "1,5", "satisfaction": 2, "Salaire": 1}
        refused = refuse(schema, raw, language="fr")
        assert {name: said.replace("\u00a0", "~") for name, (said,) in refused.items()} == {
            "monthly_income": (
                "«~beaucoup~» n’est pas un nombre. Écrivez-le en chiffres, par exemple 4\u202f919."
            ),
            "satisfaction": "«~2~» ne fait pas partie des choix~: Aucune, Élevée, Très élevée.",
            "Salaire": "Le modèle ne connaît pas ce champ. Vouliez-vous dire «~monthly_income~»~?",
        }

    @pytest.mark.parametrize("raw", [None, [], "text", 3, [{"commute": 1}]])
    def test_an_employee_is_an_object(self, schema, raw):
        assert refuse(schema, raw) == {
            ROW: ["Give the employee as an object: one value per field."]
        }

    @pytest.mark.parametrize(
        "raw", [{}, {"employee_id": "E-1"}, {"age": 41}, {"commute": "", "over_time": None}]
    )
    def test_something_must_be_known_that_the_model_uses(self, schema, raw):
        assert refuse(schema, raw) == {
            ROW: ["Fill in at least one of the fields that the model uses."]
        }


class TestUnknownFields:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("MonthlyIncome", "monthly_income"),
            ("montly_income", "monthly_income"),
            ("MONTHLY INCOME", "monthly_income"),
            ("Rémunération mensuelle", "monthly_income"),
            ("JobSatisfaction", "satisfaction"),
            ("overtime", "over_time"),
            ("Employee_ID", "employee_id"),
            ("Matricule", "employee_id"),
            ("ages", "age"),
        ],
    )
    def test_the_field_that_was_meant_is_suggested(self, schema, name, meant):
        assert refuse(schema, {"commute": 1, name: 1}) == {
            name: [f"The model has no such field. Did you mean “{meant}”?"]
        }

    @pytest.mark.parametrize("name", ["zodiac", "x" * 1000, "\x00", "", 7, None])
    def test_nothing_is_suggested_where_nothing_is_like_it(self, schema, name):
        ((_, sentences),) = refuse(schema, {"commute": 1, name: 1}).items()
        assert sentences == ["The model has no such field."]

    @pytest.mark.parametrize(
        "raw",
        [
            {f"field {n}": n for n in range(100_000)},
            {"x" * 2_000_000: 1},
            {"monthly_incom" * 150_000: 1},
            {f"{n:064d}": 1 for n in range(1000)},
            {"monthly_income": "9" * 2_000_000},
            {"satisfaction": "é" * 2_000_000},
            {"department": [["x"] * 1000] * 1000},
            {"employee_id": "x" * 2_000_000},
        ],
        ids=[
            "many fields", "long name", "long likely name", "names of one length", "long number",
            "long answer", "large list", "long reference",
        ],
    )  # fmt: skip
    def test_monstrous_input_is_refused_quickly_and_shortly(self, bundled, raw):
        started = time.process_time()
        sentences = refuse(bundled.schema, {"over_time": "Yes"} | raw)
        assert time.process_time() - started < 0.5
        assert len(json.dumps(sentences)) < 10_000


class TestWords:
    @pytest.fixture
    def income(self, schema):
        return schema.by_name["monthly_income"]

    def test_a_value_is_written_with_its_unit(self, schema, income):
        assert income.value_text(5993, "en") == "5,993\u00a0dollars"
        assert schema.by_name["commute"].value_text(7.5, "fr") == "7,5\u00a0km"
        assert schema.by_name["satisfaction"].value_text(4, "fr") == "Très élevée"
        assert schema.by_name["department"].value_text("Sales", "fr") == "Commercial"

    def test_a_percentage_is_written_as_each_language_does(self):
        hike = Feature(
            name="x", column="x", kind="number", label={}, maximum=100, unit={"en": "%", "fr": "%"}
        )
        assert hike.value_text(11, "en") == "11%"
        assert hike.value_text(11, "fr") == "11\u00a0%"

    def test_a_unit_follows_its_number(self):
        tenure = Feature(
            name="tenure",
            column="Tenure",
            kind="number",
            label={"en": "Tenure"},
            unit={"en": "year|years", "fr": "an|ans"},
            integer=False,
            maximum=60,
        )
        english = [tenure.value_text(years, "en") for years in (0, 1, 1.5, 2)]
        french = [tenure.value_text(years, "fr") for years in (0, 1, 1.5, 2)]
        assert english == ["0\u00a0years", "1\u00a0year", "1.5\u00a0years", "2\u00a0years"]
        assert french == ["0\u00a0an", "1\u00a0an", "1,5\u00a0an", "2\u00a0ans"]
        assert tenure.units("fr") == "ans"

    def test_a_blank_has_no_words(self, income):
        assert income.value_text(None, "en") == ""

    def test_an_answer_that_the_schema_no_longer_has_is_written_as_it_is(self, schema):
        assert schema.by_name["department"].value_text("Kitchen", "en") == "Kitchen"

    def test_a_number_beyond_what_was_seen_in_training_is_noticed(self, schema, income):
        assert [income.beyond_seen(x) for x in (1_008, 1_009, 19_999, 20_000, None)] == [
            True, False, False, True, False,
        ]  # fmt: skip
        assert not schema.by_name["department"].beyond_seen("Sales")


class TestStorage:
    @pytest.fixture(params=["small", "bundled"])
    def stored(self, request, schema, bundled):
        return {"small": schema, "bundled": bundled.schema}[request.param]

    def test_a_schema_survives_json(self, stored):
        again = FeatureSchema.from_json(json.loads(json.dumps(stored.to_json())))
        assert again == stored

    def test_the_order_of_keys_does_not_matter_for_databases_do_not_keep_it(self, stored):
        shuffled = json.loads(json.dumps(stored.to_json(), sort_keys=True))
        assert FeatureSchema.from_json(shuffled) == stored

    @pytest.mark.parametrize(
        "junk",
        [
            {},
            [],
            None,
            "schema",
            {"features": None},
            {"features": [{}]},
            {"features": [{"name": "x", "column": "X", "label": {}, "kind": "colour"}]},
            {"features": [{"name": "x", "column": "X", "label": {}, "kind": []}]},
            {"features": [{"name": "x", "column": "X", "label": {}, "kind": "choice"}]},
            {"features": [{"name": "x", "column": "X", "label": {}, "kind": "number", "eval": 1}]},
        ],
        ids=repr,
    )
    def test_what_is_no_schema_is_refused(self, junk):
        with pytest.raises((ValueError, KeyError, TypeError)):
            FeatureSchema.from_json(junk)


class TestDefinition:
    def define(self, **given):
        return Feature(**{"name": "x", "column": "X", "label": {}} | given)

    def test_names_are_unique_and_none_is_the_references(self):
        feature = self.define(kind="number")
        with pytest.raises(ValueError, match="unique"):
            FeatureSchema(features=(feature,), audit=(feature,))
        with pytest.raises(ValueError, match="unique"):
            FeatureSchema(features=(self.define(kind="number", name="employee_id"),))

    @pytest.mark.parametrize(
        "given",
        [
            {"kind": "number", "minimum": 2, "maximum": 1},
            {"kind": "number", "maximum": float("inf")},
            {"kind": "number", "minimum": float("nan")},
            {"kind": "number", "choices": (Choice(value="A", label={}),)},
            {"kind": "scale"},
            {"kind": "choice", "choices": ()},
            {"kind": "choice", "choices": (Choice(value="1", label={}), Choice(value=1, label={}))},
        ],
    )
    def test_a_feature_that_cannot_be_asked_is_refused(self, given):
        with pytest.raises(ValueError, match="x: "):
            self.define(**given)


class TestTheBundledSchema:
    def test_protected_attributes_are_kept_for_audits_and_are_no_inputs(self, bundled):
        inputs = {feature.name for feature in bundled.schema.features}
        audit = {feature.name for feature in bundled.schema.audit}
        assert audit == {"age", "gender", "marital_status"}
        assert not inputs & audit

    def test_columns_without_information_are_asked_of_nobody(self, bundled, plan):
        asked = {feature.column for feature in bundled.schema.everything}
        left_out = set(bundled.card["left_out"])
        not_needed = set(bundled.card["selection"]["cost"])
        assert not set(bundled.schema.by_name) & not_needed
        assert left_out == {plan.schema.by_name[name].column for name in not_needed} | {
            "DailyRate", "HourlyRate", "MonthlyRate", "EmployeeCount", "StandardHours", "Over18",
            "EmployeeNumber",
        }  # fmt: skip
        assert not asked & left_out
        assert len(asked) + len(left_out) + 1 == 35  # and Attrition

    def test_everything_has_its_words_in_english_and_french(self, bundled):
        for feature in bundled.schema.everything:
            texts = [feature.label, *(choice.label for choice in feature.choices)]
            texts += [optional for optional in (feature.help, feature.unit) if optional]
            for text in texts:
                assert set(text) == {"en", "fr"}
                assert all(text.values())

    def test_every_input_stands_in_a_section(self, bundled):
        sections = {section.name for section in bundled.schema.sections}
        assert {feature.section for feature in bundled.schema.features} == sections

    def test_no_word_means_two_answers(self, bundled):
        for feature in bundled.schema.everything:
            for choice in feature.choices:
                for word in (choice.value, *choice.label.values(), *choice.aliases):
                    assert feature.read(word) == choice.value

    def test_the_public_file_lies_within_the_limits(self, bundled, employees, columns):
        assert not employees.problems
        assert len(employees) == 1470
        assert employees.inputs["monthly_income"] == columns["MonthlyIncome"]


def test_a_frame_of_clean_rows_gives_the_rows_back(schema):
    rows = [schema.clean(EMPLOYEE), schema.clean({"commute": 2})]
    frame = CleanFrame.from_rows(schema, rows)
    assert len(frame) == 2
    assert [frame.row(0), frame.row(1)] == rows
