"""The form: drawn from the active model's schema, judged by it, and never losing what was typed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import translation

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.features import Choice
from mlcore.engine.words import say
from mlcore.models import ModelVersion, Origin
from predictions.forms import LANGUAGE_FIELD, MODEL_FIELD
from predictions.models import Prediction, Source

NEW = "/predictions/new/"


@pytest.fixture
def as_alice(client, alice, active_model):
    client.force_login(alice)
    return client


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_input_is_asked_by_its_label_and_nothing_else_is(as_alice, active_model, language):
    page = as_alice.get(NEW, headers={"Accept-Language": language})
    form = page.context["form"]
    assert [*form.fields] == ["employee_id", *(f.name for f in active_model.schema.everything)]
    for feature in active_model.schema.everything:
        assert form.fields[feature.name].label == say(feature.label, language)
    asked = {field.name for section in form.sections() for field in section.fields}
    assert asked == {feature.name for feature in active_model.schema.features}
    assert [field.name for field in form.audit_fields()] == ["age", "gender", "marital_status"]


def test_a_valid_form_is_recorded_and_then_shown_at_its_own_address(
    as_alice, alice, employee, active_model
):
    answer = as_alice.post(NEW, employee, headers={"X-Request-ID": "seen-in-the-log"})
    prediction = Prediction.objects.get()
    assert answer.status_code == 302
    assert answer.url == reverse("predictions:detail", args=[prediction.pk])
    assert prediction.requested_by == alice
    assert prediction.source == Source.FORM
    assert prediction.request_id == "seen-in-the-log"
    assert prediction.employee_id == "E-1024"
    assert prediction.model_sha256 == active_model.artifact.sha256
    assert prediction.threshold == active_model.operating_point.threshold


def test_errors_stand_at_their_fields_with_what_was_typed(as_alice, employee):
    answer = as_alice.post(
        NEW, employee | {"monthly_income": "12 x", "distance_from_home": "900", "age": "seven"}
    )
    form = answer.context["form"]
    assert set(form.errors) == {"monthly_income", "distance_from_home", "age"}
    page = text_of(answer)
    assert 'value="12 x"' in page
    assert 'href="#id_monthly_income"' in page
    assert "Enter a number from 0 to 500." in page
    assert not Prediction.objects.exists()


def test_errors_are_in_the_readers_language(as_alice, employee):
    answer = as_alice.post(
        NEW, employee | {"monthly_income": "douze"}, headers={"Accept-Language": "fr"}
    )
    assert "« douze » n’est pas un nombre" in text_of(answer)


def test_words_of_either_language_and_thousands_with_spaces_are_understood(as_alice, employee):
    as_alice.post(NEW, employee | {"over_time": "oui", "monthly_income": "5 993"})
    stored = Prediction.objects.get().inputs
    assert stored["over_time"] == "Yes"
    assert stored["monthly_income"] == 5993


def test_an_empty_form_is_refused_with_a_sentence(as_alice):
    answer = as_alice.post(NEW, {"employee_id": "E-1"})
    assert "Fill in at least one of the fields" in text_of(answer)
    assert not Prediction.objects.exists()


def test_a_blank_is_stored_as_a_blank_and_said_on_the_result(as_alice, employee):
    answer = as_alice.post(NEW, employee | {"job_satisfaction": ""}, follow=True)
    prediction = Prediction.objects.get()
    assert prediction.inputs["job_satisfaction"] is None
    assert prediction.contributions["job_satisfaction"] == 0.0
    assert "Satisfaction with the job" in text_of(answer)
    assert "These count as the average employee’s." in text_of(answer)


def test_the_form_starts_from_an_earlier_assessment(as_alice, alice, record):
    earlier = record(alice, monthly_income=2345, gender="Female")
    form = as_alice.get(f"{NEW}?from={earlier.pk}").context["form"]
    assert form["monthly_income"].value() == "2345"
    # Another employee: neither the reference is kept, nor what no assessment asks.
    assert form["employee_id"].value() in (None, "")
    assert form["gender"].value() in (None, "")


def test_an_amount_stands_in_the_form_as_it_is_taken_back(as_alice, alice, record, active_model):
    for amount, text in ((5130.5, "5130.5"), (5.993, "5.9930"), (12345.0, "12345")):
        earlier = record(alice, monthly_income=amount)
        form = as_alice.get(f"{NEW}?from={earlier.pk}").context["form"]
        assert form["monthly_income"].value() == text
        assert active_model.schema.by_name["monthly_income"].read(text) == amount


@pytest.mark.parametrize("start", ["no-such-thing", "01a20859-937b-7290-9044-2df88a6b7cc7", "%00"])
def test_starting_from_something_unknown_is_not_found(as_alice, start):
    assert as_alice.get(f"{NEW}?from={start}").status_code == 404


def test_a_typical_employee_is_an_acceptable_one(as_alice):
    form = as_alice.get(f"{NEW}?from=typical").context["form"]
    values = {name: form[name].value() or "" for name in form.fields}
    assert as_alice.post(NEW, values).status_code == 302


def test_what_could_be_markup_is_shown_as_text(as_alice, employee):
    answer = as_alice.post(
        NEW, employee | {"employee_id": "<script>alert(1)</script>"}, follow=True
    )
    assert "<script>alert" not in answer.content.decode()
    assert "&lt;script&gt;alert" in answer.content.decode()


def test_without_an_active_model_nothing_is_assessed(client, alice, db):
    client.force_login(alice)
    client.raise_request_exception = False
    answer = client.get(NEW)
    assert answer.status_code == 503
    assert answer["Retry-After"]


@pytest.mark.parametrize(
    ("person", "expected"),
    [("alice", 200), ("bob", 403), ("carol", 200), ("dave", 403), ("erin", 403)],
)
def test_who_may_assess(client, request, active_model, person, expected):
    client.force_login(request.getfixturevalue(person))
    assert client.get(NEW).status_code == expected


def test_the_form_costs_two_queries_and_its_submission_three(
    as_alice, employee, django_assert_num_queries
):
    as_alice.get(NEW)
    with django_assert_num_queries(2):  # session, person
        as_alice.get(NEW)
    with django_assert_num_queries(3):  # and the record
        as_alice.post(NEW, employee)


def test_every_text_of_the_schema_exists_in_both_languages(active_model):
    for feature in active_model.schema.everything:
        for words in (feature.label, *(c.label for c in feature.choices)):
            assert words["en"]
            assert words["fr"]
        for words in (feature.help, feature.unit):
            assert set(words) in ({"en", "fr"}, set())
    with translation.override("fr"):
        assert say(active_model.schema.features[0].label, "fr").startswith("Fait des heures")


# ------------------------------------------------------------------ the model changes meanwhile


@pytest.fixture
def other(active_model):
    """A model that does not ask for overtime, for less income, and with one more answer."""
    changed = []
    for feature in active_model.schema.features:
        if feature.name == "over_time":
            continue
        if feature.name == "monthly_income":
            feature = replace(feature, maximum=3000.0)
        if feature.name == "job_role":
            choices = (*feature.choices, Choice(value="Clerk", label={"en": "Clerk"}))
            feature = replace(feature, choices=choices)
        changed.append(feature)
    full = active_model.artifact
    names = {feature.name for feature in changed}
    model = replace(
        full.model,
        shapes={n: shape for n, shape in full.model.shapes.items() if n in names},
        pairs=tuple(pair for pair in full.model.pairs if names.issuperset(pair.features)),
    )
    model.shapes["job_role"] = replace(
        model.shapes["job_role"], values=model.shapes["job_role"].values | {"Clerk": 0.0}
    )
    made = replace(
        full,
        schema=replace(full.schema, features=tuple(changed)),
        model=model,
        card=full.card | {"name": "other"},
        sha256="",
    )
    return services.register(files=artifact.files_of(made), origin=Origin.TRAINED)


def switched(other):
    """What a form that was opened before the switch carries."""
    carried = {MODEL_FIELD: registry.active().artifact.sha256}
    services.activate(version=other, reason="better")
    return carried


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["another model is active now", "5,993", "check your answer"]),
        ("fr", ["5 993"]),
    ],
)
def test_a_form_of_another_model_is_not_assessed_but_shown_anew(
    as_alice, employee, other, language, words
):
    assert MODEL_FIELD in as_alice.get(NEW).text
    before = switched(other)
    answer = as_alice.post(NEW, employee | before, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert not Prediction.objects.exists()
    carried = answer.context["carried"]
    schema = registry.schema_of(ModelVersion.objects.exclude(pk=other.pk).get())
    labels = [say(schema.by_name[n].label, language) for n in ("over_time", "monthly_income")]
    assert [label for label, _answer in carried.gone] == labels
    page = text_of(answer)
    assert [said for said in words if said not in page] == []
    for label, value in carried.gone:
        assert label in page
        assert re.sub(r"\s+", " ", value) in page
    assert carried.differently == [say(schema.by_name["job_role"].label, language)]
    # What still fits is kept, and the form says whose it is now: sent again, it is assessed.
    form = answer.context["form"]
    assert form["job_role"].value() == "Sales Executive"
    assert form["employee_id"].value() == "E-1024"
    assert form["monthly_income"].value() is None
    assert f'name="{MODEL_FIELD}" value="{other.sha256}"' in answer.text
    again = {name: form[name].value() or "" for name in form.fields}
    assert as_alice.post(NEW, again | {MODEL_FIELD: other.sha256}).status_code == 302
    assert Prediction.objects.get().model_sha256 == other.sha256


def test_a_switch_of_language_loses_nothing_without_a_word_either(as_alice, employee, other):
    answer = as_alice.post(NEW, employee | switched(other) | {LANGUAGE_FIELD: "fr"})
    assert len(answer.context["carried"].gone) == 2
    assert answer.cookies["django_language"].value == "fr"


def test_no_feature_can_be_taken_for_what_the_form_itself_sends():
    # A feature's name is an identifier: the artifact's reader insists on it.
    assert not any(name.isidentifier() for name in (MODEL_FIELD, LANGUAGE_FIELD))


def test_what_neither_model_reads_stays_to_be_corrected(as_alice, employee, other):
    typed = employee | switched(other) | {"distance_from_home": "far <b>"}
    answer = as_alice.post(NEW, typed)
    assert answer.context["form"]["distance_from_home"].value() == "far <b>"
    assert "<b>" not in answer.text


def test_a_model_that_no_database_could_name_is_no_fault(as_alice, employee):
    answer = as_alice.post(NEW, employee | {MODEL_FIELD: "0\x00"})
    assert answer.status_code == 200
    assert not Prediction.objects.exists()


def test_of_a_model_that_nobody_knows_the_names_of_its_fields_are_said(as_alice, employee):
    answer = as_alice.post(NEW, employee | {MODEL_FIELD: "0" * 64, "shoe_size": "43"})
    assert answer.context["carried"].gone == [("shoe_size", "43")]
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_without_the_mark_of_a_model_an_unknown_answer_is_an_error(as_alice, employee, language):
    answer = as_alice.post(
        NEW, employee | {"shoe_size": "43"}, headers={"Accept-Language": language}
    )
    assert answer.status_code == 200
    assert not Prediction.objects.exists()
    says = {
        "en": "“shoe_size”: The model has no such field.",
        "fr": "« shoe_size » : Le modèle ne connaît pas ce champ.",
    }
    assert says[language] in text_of(answer).replace("\u00a0", " ")
    # A blank one tells nothing that could be lost.
    assert as_alice.post(NEW, employee | {"shoe_size": ""}).status_code == 302
