"""Two models beside each other: what they ask, and when rows can tell which one is better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcore import services
from mlcore.cards.asked import changes
from mlcore.engine import artifact
from mlcore.engine.features import Choice
from mlcore.engine.tabular import Table
from mlcore.models import ModelVersion, Origin, RunState, TrainingRun
from mlcore.public_data import ibm_columns
from mlcore.trainings import files as training_files
from tests.web.model_cards import full_model
from tests.web.test_models_pages import text_of

COMPARE = "/models/compare/"


@pytest.fixture
def bundled(active_model):
    return ModelVersion.objects.get()


@pytest.fixture
def register(active_model):
    """Registers a model with every part of a card, its features put through `change`."""

    def make(change=lambda feature: feature, name="everything", **parts):
        full = full_model(active_model.artifact)
        features = tuple(map(change, full.schema.features))
        made = replace(
            full,
            schema=replace(full.schema, features=features),
            card=full.card | {"name": name},
            **parts,
        )
        return services.register(files=artifact.files_of(made), origin=Origin.TRAINED)

    return make


@pytest.fixture
def keep(carol):
    """Keeps the first 400 rows of the public file, without some columns."""

    def make(*without):
        columns = {h: c[:400] for h, c in ibm_columns().items() if h not in without}
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return training_files.keep(
            table=Table(list(columns), rows), content=b"x", name="exits.csv", by=carol
        )

    return make


def changed(name, **values):
    return lambda feature: replace(feature, **values) if feature.name == name else feature


# ------------------------------------------------------------------ what they ask


def test_without_being_asked_the_active_and_the_newest_other_stand_side_by_side(
    as_carol, bundled, register
):
    assert "There is only one model so far." in text_of(as_carol.get(COMPARE))
    register(name="older")
    newest = register(name="newest")
    for address in (COMPARE, f"{COMPARE}?champion={bundled}", f"{COMPARE}?challenger={newest}"):
        answer = as_carol.get(address)
        sides = answer.context["sides"]
        assert (sides.champion.version, sides.challenger.version) == (str(bundled), str(newest))
        assert "0.857 (0.837 to 0.877)" in text_of(answer)
    # The active one may be the one that is looked at: then the newest other is its champion.
    sides = as_carol.get(f"{COMPARE}?challenger={bundled}").context["sides"]
    assert (sides.champion.version, sides.challenger.version) == (str(newest), str(bundled))


def test_nothing_changes_only_where_the_descriptions_are_the_same(as_carol, register):
    same = register()
    promise = "nothing changes in the form, the API or files"
    assert promise in text_of(as_carol.get(f"/models/{same}/activate/"))
    assert "Both ask for the same." in text_of(as_carol.get(f"{COMPARE}?challenger={same}"))
    # What a training learns of a feature is no part of what it asks.
    seen = register(changed("monthly_income", seen=(1.0, 2.0), typical=2.0), name="seen")
    assert promise in text_of(as_carol.get(f"/models/{seen}/activate/"))
    header = register(changed("monthly_income", column="Pay"), name="header")
    page = text_of(as_carol.get(f"/models/{header}/activate/"))
    assert promise not in page
    assert "look at the form and at the headers of your files" in page
    compared = text_of(as_carol.get(f"{COMPARE}?challenger={header}"))
    assert "Both ask for the same." not in compared
    assert "Some words of their description differ" in compared


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("monthly_income", {"maximum": 3000.0}, "from 0 to 3,000; before, from 0 to 1,000,000"),
        ("monthly_income", {"integer": True}, "whole numbers only"),
        ("monthly_income", {"unit": {"en": "EUR"}}, "in “EUR”; before, in “USD per month”"),
        ("monthly_income", {"label": {"en": "Pay"}}, "before, it was called “Monthly income”"),
    ],
)
def test_what_is_asked_differently_is_said_on_both_pages(as_carol, register, name, values, said):
    version = register(changed(name, **values))
    for address in (f"/models/{version}/activate/", f"{COMPARE}?challenger={version}"):
        page = text_of(as_carol.get(address))
        assert "1 field is asked differently" in page
        assert said in page
        assert "nothing changes" not in page


def with_feature(schema, name, **values):
    features = tuple(replace(f, **values) if f.name == name else f for f in schema.features)
    return replace(schema, features=features)


def test_answers_that_come_and_go_are_named(active_model):
    before = active_model.schema
    clerk = Choice(value="Clerk", label={"en": "Clerk", "fr": "Employé"})
    first, *others = before.by_name["job_role"].choices
    after = with_feature(before, "job_role", choices=(*others, clerk))
    found = changes(before, after, "en")
    gone = before.by_name["job_role"].choice_label(first.value, "en")
    assert found.differently == [
        ("Job", [f"answer no longer accepted: “{gone}”", "new answer: “Clerk”"])
    ]
    assert (found.added, found.removed, found.nothing) == ([], [], False)
    assert changes(before, before, "en").nothing


def test_another_kind_of_field_is_told(active_model):
    before = active_model.schema
    after = with_feature(before, "over_time", kind="number", choices=(), typical=None, maximum=80.0)
    assert changes(before, after, "en").differently == [
        (after.by_name["over_time"].label["en"], ["a choice among answers before, a number now"])
    ]


def test_an_attribute_for_fairness_that_becomes_an_input_is_told(active_model):
    before = active_model.schema
    age = before.by_name["age"]
    audit = tuple(f for f in before.audit if f is not age)
    after = replace(before, features=(*before.features, age), audit=audit)
    ((label, words),) = changes(before, after, "en").differently
    assert label == age.label["en"]
    assert "the model uses it now" in words[0]


# ------------------------------------------------------------------ on the same rows


def test_on_rows_that_one_of_them_learned_from_nothing_is_decided(
    as_carol, bundled, register, keep
):
    challenger, file = register(), keep()
    TrainingRun.objects.create(file=file, plan={}, state=RunState.DONE, model_version=challenger)
    answer = as_carol.get(f"{COMPARE}?champion={bundled}&challenger={challenger}&file={file.pk}")
    page, same = text_of(answer), answer.context["same"]
    assert (
        "Which of the two is better cannot be told on these rows, because the challenger was"
        " trained on them" in page
    )
    assert "The challenger is" not in page
    assert "percentages are better" not in page
    assert {line.verdict for line in same.lines} == {""}
    # Its figures are those that were measured on people whom it had not seen.
    assert same.lines[0].challenger == "0.857 (0.837 to 0.877)"
    assert same.lines[0].champion != "0.857 (0.837 to 0.877)"
    assert "those of its card" in page
    assert f"{challenger} from its card" in page
    assert f"{bundled} from its card" not in page


def test_what_the_file_lacks_is_said_by_its_label_and_nothing_is_decided(
    as_carol, bundled, register, keep
):
    challenger, file = register(), keep("OverTime", "JobRole")
    address = f"{COMPARE}?champion={bundled}&challenger={challenger}&file={file.pk}"
    answer = as_carol.get(address)
    page = text_of(answer)
    assert "because the file lacks inputs of both" in page
    schema = artifact.FeatureSchema.from_json(bundled.schema)
    labels = [schema.by_name[name].label["en"] for name in ("over_time", "job_role")]
    assert f"misses inputs that this file does not hold: {', '.join(labels)}." in page
    assert "over_time" not in page
    assert {line.verdict for line in answer.context["same"].lines} == {""}


def test_on_rows_that_are_new_to_both_it_is_decided(as_carol, bundled, register, keep):
    answer = as_carol.get(f"{COMPARE}?challenger={register()}&file={keep().pk}")
    assert "The challenger is" in text_of(answer)
    assert all(line.verdict for line in answer.context["same"].lines)
