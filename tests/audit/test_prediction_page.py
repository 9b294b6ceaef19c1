"""An auditor reads one prediction: the result in words, what went in, what made it, who asked."""

from __future__ import annotations

import html
import json
import math
import re

import pytest
from django.utils.html import strip_tags

from mlcore.models import ModelVersion
from predictions.models import Prediction
from tests.audit.reading import words


@pytest.fixture
def read(as_bob):
    """The page of a prediction as its reader has it: words and single spaces."""

    def get(prediction, language="en"):
        answer = as_bob.get(address(prediction), headers={"Accept-Language": language})
        assert answer.status_code == 200
        return words(answer.text)

    return get


def address(prediction) -> str:
    return f"/admin/predictions/prediction/{prediction.pk}/change/"


def rows(page: str) -> dict[str, tuple[str, str]]:
    """Value and contribution by label, as the table of inputs shows them."""
    found = re.findall(
        r'<tr><th scope="row">(.*?)</th><td class="value[^"]*">(.*?)</td>.*?'
        r'<td class="number">(.*?)</td></tr>',
        page,
    )
    return {label: (strip_tags(value).strip(), number) for label, value, number in found}


def test_the_result_stands_first_in_words(read, record, alice):
    prediction = record(alice, employee_id="E-1")
    text = read(prediction)
    people = round(prediction.probability * 100)
    assert "Employee E-1" in text
    assert f"{prediction.get_band_display()} risk of leaving" in text
    assert f"About {people} of 100 people with a profile like this left." in text
    assert "it is 16 of 100." in text
    assert f"A risk of {people}% reaches the threshold of 25%, from which" in text


def test_a_record_without_a_reference_says_so(read, record, alice):
    assert "Assessment without a reference" in read(record(alice, employee_id=""))


def test_who_by_which_door_and_by_which_model(read, record, alice):
    prediction = record(alice)
    text = read(prediction)
    version = ModelVersion.objects.get()
    assert "Requested by Alice (alice)" in text
    assert "Source Form" in text
    assert "Number of the request test-request" in text
    assert f"Number of the prediction {prediction.pk}" in text
    assert f"Model {version.version}" in text
    assert f"{version.sha256} ✓ the registered model’s" in text
    assert "Threshold 25.0%" in text
    assert "Share of leavers in the training data 16.1%" in text
    assert f"Risk of leaving {prediction.probability * 100:.4f}%" in text


def test_every_input_by_its_label_with_its_value_and_contribution(as_bob, record, alice):
    prediction = record(alice, over_time="Yes", monthly_income=5993, job_satisfaction=4)
    shown = rows(as_bob.get(address(prediction)).text)
    assert shown["Works overtime"][0] == "Yes"
    assert shown["Monthly income"][0] == "5,993\u00a0USD per month"
    assert shown["Satisfaction with the job"][0] == "Very high"
    given = prediction.contributions["over_time"]
    assert shown["Works overtime"][1] == f"+{given:.3f}"
    # Every input, the average employee, and the sum.
    assert len(shown) == len(prediction.inputs) + 2


def test_the_strongest_stand_first(as_bob, record, alice):
    prediction = record(alice)
    shown = [
        abs(float(number.replace("−", "-")))
        for _value, number in rows(as_bob.get(address(prediction)).text).values()
    ]
    inputs = shown[:-2]
    assert inputs == sorted(inputs, reverse=True)


def test_blanks_are_listed_as_blanks(read, record, alice):
    text = read(record(alice, monthly_income="", job_satisfaction=None))
    blanks = text.split(" Left blank ")[-1]
    assert "Monthly income" in blanks.split("Audit attributes")[0]
    assert "Satisfaction with the job" in blanks.split("Audit attributes")[0]
    assert "Nothing: every input was given." in read(record(alice))


def test_audit_attributes_stand_apart(read, as_bob, record, alice):
    prediction = record(alice, gender="Female", age=41)
    apart = read(prediction).split("Audit attributes")[1]
    assert "Gender Female" in apart
    assert "Age 41" in apart
    assert "The model does not use them." in apart
    assert "Gender" not in rows(as_bob.get(address(prediction)).text)


def test_a_value_beyond_the_training_data_says_so(read, record, alice):
    assert "beyond the training data" in read(record(alice, distance_from_home=300))
    assert "beyond the training data" not in read(record(alice))


def test_the_sum_is_checked(read, record, alice):
    prediction = record(alice)
    total = math.fsum([prediction.intercept, *prediction.contributions.values()])
    assert abs(total - prediction.log_odds) < 1e-9
    text = read(prediction)
    assert "✓ The sum is the recorded log-odds" in text
    assert re.search(r"✓ The log-odds (stand for \S+, and )?give the recorded risk", text)
    assert "✗" not in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"intercept": 1.0}, "✗ The sum is not the recorded log-odds"),
        ({"probability": 0.5}, "✗ The log-odds do not give the recorded risk"),
        ({"model_sha256": "0" * 64}, "✗ not the registered model’s"),
    ],
)
def test_a_record_that_does_not_add_up_is_pointed_at(read, record, alice, wrong, said):
    template = record(alice)
    fields = {
        field.attname: getattr(template, field.attname)
        for field in Prediction._meta.concrete_fields
        if field.name != "id"
    }
    forged = Prediction(**fields | wrong)
    forged.save()
    assert said in read(forged)


def test_the_raw_record_is_one_step_away(as_bob, record, alice):
    prediction = record(alice, employee_id="<script>", gender="Female")
    page = as_bob.get(address(prediction)).text
    assert "<script>" not in page.split("</head>")[1]
    stored = json.loads(html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1]))
    assert stored["inputs"] == prediction.inputs
    assert stored["contributions"] == prediction.contributions
    assert stored["probability"] == prediction.probability
    assert stored["employee_id"] == "<script>"
    assert stored["audit_attributes"] == {"gender": "Female"}
    assert set(stored) == {field.attname for field in Prediction._meta.concrete_fields}


def test_in_french_everything_from_the_model_is_in_french(read, record, alice):
    text = read(record(alice, over_time="Yes", monthly_income=12345, gender="Female"), "fr")
    assert "Fait des heures supplémentaires Oui" in text
    assert "Rémunération mensuelle 12 345 USD par mois" in text
    assert "Sexe Femme" in text


def test_a_prediction_is_read_by_the_model_that_made_it(read, record_with, alice):
    text = read(record_with(alice, commute=12))
    assert "=Commute 12" in text
    assert "Works overtime" not in text


def test_one_page_takes_three_queries(as_bob, record, alice, django_assert_num_queries):
    prediction = record(alice)
    as_bob.get(address(prediction))
    with django_assert_num_queries(3):  # the session, the person, the record with its model
        as_bob.get(address(prediction))


@pytest.mark.parametrize("junk", ["junk", "0", "00000000-0000-0000-0000-000000000000", "%00"])
def test_a_number_that_is_nobody_s_leads_back_to_the_start(as_bob, active_model, junk):
    answer = as_bob.get(f"/admin/predictions/prediction/{junk}/change/")
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/"
