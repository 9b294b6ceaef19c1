"""Another model with other columns is put to work: every door follows it, and back again.

Nothing is restarted in between, and nothing but the model's own schema knows its columns.
"""

from __future__ import annotations

import csv
import html
import io
import math
import re
import time

import pytest
from django.core.management import call_command
from django.utils import timezone

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.describe import json_schema
from mlcore.engine.glassbox import sigmoid
from mlcore.engine.tabular import match_columns, read_table
from mlcore.engine.words import say
from mlcore.models import Activation, Origin
from predictions import exports
from predictions.models import Prediction, Source
from predictions.services import Request, predict_frame
from tests import other_model
from tests.api.conftest import Api
from tests.api.test_openapi import conform
from tests.audit.test_exports import book_of
from tests.conftest import EMPLOYEE
from tests.other_model import MODEL, SCHEMA

NEW = "/predictions/new/"
PREDICT = "/api/v1/predict/attrition"
# As an HR system in France writes them: semicolons, decimal commas, cp1252.
FILE = """\
Matricule;Télétravail;Salaire de base;Agence;Niveau d'emploi;Engagement (0-4);Sexe;Remarque
M-1;oui;1 900,50;Agence de Nantes;ETAM;0;F;aucune
M-2;;2500,75;l'isle d'abeau;cadre;Degré 3;;
M-3;Non;beaucoup;Lyon;ETAM;2;H;
M-4;Non;;;ETAM;;H;
""".encode("cp1252")


def words(response):
    """A page as it is read: words and single spaces."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return re.sub(r"\s+", " ", text)


@pytest.fixture
def other(active_model):
    """The other model, registered and idle."""
    files = artifact.files_of(other_model.ARTIFACT)
    return services.register(files=files, origin=Origin.TRAINED)


@pytest.fixture
def activated(other):
    services.activate(version=other, reason="our own")
    return other


@pytest.fixture
def program(dave):
    return Api(dave)


@pytest.fixture
def assessed(activated, alice):
    """Records predictions of the other model: `assessed(agence=None)`."""

    def make(**values):
        active = registry.active()
        frame = active.schema.clean_frame(
            {name: [value] for name, value in (other_model.EMPLOYEE | values).items()}
        )
        assert frame.problems == {}
        request = Request(requested_by=alice, source=Source.FILE)
        [made] = predict_frame(frame, using=active, request=request).predictions()
        return Prediction.objects.get(pk=made.pk)

    return make


def check_doors(client, program, schema, employee, language):
    """The form, the API and its document are those of `schema`, and take `employee`."""
    said = {"Accept-Language": language}
    page = client.get(NEW, headers=said)
    form = page.context["form"]
    assert list(form.fields) == ["employee_id", *schema.by_name]
    text = words(page)
    for feature in schema.everything:
        assert say(feature.label, language) in text
    posted = client.post(NEW, {name: str(value) for name, value in employee.items()}, headers=said)
    assert posted.status_code == 302
    shown = client.get(posted.url, headers=said)
    assert f"{employee['employee_id']}" in words(shown)

    whole = program.get("/api/v1/schema", headers=said).json()
    described = whole["components"]["schemas"]["Employee"]
    assert described == json_schema(schema, language)
    example = whole["components"]["schemas"]["Batch"]["example"]
    for batch in (example, {"employees": [employee, employee | {"no_such": 1}]}):
        answer = program.post(f"{PREDICT}/batch", batch, expect=200, headers=said).json()
        conform(answer, "BatchResult", whole)
        assert answer["accepted"] + answer["refused"] == len(batch["employees"])
        assert answer["results"][0]["status"] == 201
    answer = program.post(PREDICT, described["example"], expect=201, headers=said).json()
    conform(answer, "Result", whole)
    assert answer["missing"] == []
    active = program.get("/api/v1/models/active", headers=said).json()
    assert active["schema"] == described
    assert active["version"] == answer["model_version"]
    history = program.get("/api/v1/predict/history", {"model_version": active["version"]}).json()
    assert history["results"][0]["prediction_id"] == answer["prediction_id"]
    again = program.get(f"/api/v1/predict/history/{answer['prediction_id']}", headers=said).json()
    conform(again, "HistoryDetail", whole)
    assert again["explanation"] == answer["explanation"]


def test_every_door_follows_the_active_model_and_follows_it_back(
    as_alice, program, bob, active_model, other
):
    first = active_model.schema
    check_doors(as_alice, program, first, EMPLOYEE, "en")
    services.activate(version=other, reason="our own columns")
    check_doors(as_alice, program, SCHEMA, other_model.EMPLOYEE, "fr")
    check_doors(as_alice, program, SCHEMA, other_model.EMPLOYEE, "en")
    refused = program.post(PREDICT, EMPLOYEE, expect=422).json()
    assert refused["errors"]["monthly_income"][0]["code"] == "unknown_field"

    services.activate(version=active_model_version(active_model), reason="back")
    check_doors(as_alice, program, first, EMPLOYEE, "fr")

    # Records of both stay readable, whichever is active.
    records = list(Prediction.objects.order_by("created_at"))
    assert {record.model_version.version for record in records} == {
        active_model.version,
        other.version,
    }
    listed = words(as_alice.get("/predictions/"))
    assert "E-1024" in listed
    assert "M-0071" in listed
    as_bob = as_alice
    as_bob.force_login(bob)
    for record in records:
        assert as_bob.get(record.get_absolute_url()).status_code == 200
        audited = as_bob.get(f"/admin/predictions/prediction/{record.pk}/change/")
        assert "✗" not in words(audited)


def active_model_version(active):
    return Activation.objects.filter(model_version=active.id).latest("activated_at").model_version


def test_a_process_that_is_told_nothing_follows_soon(as_alice, active_model, other, settings):
    """As another process activates it: by the database alone."""
    settings.MODEL_REFRESH_SECONDS = 0.2
    assert "monthly_income" in as_alice.get(NEW).context["form"].fields
    Activation.objects.filter(is_current=True).update(is_current=False)
    Activation.objects.create(model_version=other, reason="elsewhere", activated_at=timezone.now())
    time.sleep(0.25)
    assert "salaire_base" in as_alice.get(NEW).context["form"].fields


class TestTheForm:
    def test_many_answers_fold_into_a_list_and_few_are_buttons(self, as_alice, activated):
        page = as_alice.get(NEW, headers={"Accept-Language": "fr"}).content.decode()
        assert '<select name="agence"' in page
        assert "Agence de L&#x27;Isle-d&#x27;Abeau" in page
        assert page.count('type="radio" name="engagement"') == 6  # the blank too
        assert "<legend>Contrat</legend>" in page

    def test_numbers_have_their_unit_range_and_typical_value(self, as_alice, activated):
        page = words(as_alice.get(NEW, headers={"Accept-Language": "fr"}))
        assert "-500,5 à 25 000 · valeur courante" in page
        assert "2 450,75" in page
        assert "euros" in page

    def test_decimals_as_they_are_typed(self, as_alice, activated):
        as_alice.post(NEW, {"salaire_base": "1 900,5", "engagement": "Degré 0"})
        inputs = Prediction.objects.get().inputs
        assert inputs["salaire_base"] == 1900.5
        assert inputs["engagement"] == 0

    @pytest.mark.parametrize("language", ["en", "fr"])
    @pytest.mark.parametrize("salary", [2450.75, 2.345, -2.345, 0.345, 1e-7, 0.1 + 0.2, 12.0])
    def test_a_stored_decimal_comes_back_the_same(self, as_alice, assessed, language, salary):
        earlier = assessed(salaire_base=salary)
        said = {"Accept-Language": language}
        form = as_alice.get(f"{NEW}?from={earlier.pk}", headers=said).context["form"]
        values = {name: form[name].value() or "" for name in form.fields}
        assert ("," in values["salaire_base"]) == (language == "fr" and salary != 12)
        as_alice.post(NEW, values | {"employee_id": "again"}, headers=said)
        assert Prediction.objects.get(employee_id="again").inputs == earlier.inputs

    def test_it_says_that_a_blank_may_tell_something(self, as_alice, active_model, other):
        assert "counts as the average employee’s" in words(as_alice.get(NEW))
        services.activate(version=other, reason="blanks")
        assert "counts as not known, never as zero" in words(as_alice.get(NEW))

    def test_an_assessment_of_another_model_gives_what_can_be_read(
        self, as_alice, alice, record, other
    ):
        earlier = record(alice, job_level=2)
        services.activate(version=other, reason="our own")
        page = as_alice.get(f"{NEW}?from={earlier.pk}")
        assert page.context["form"].initial == {}
        assert "Another model made that assessment" in words(page)


class TestOneResult:
    def test_a_pair_is_a_reason_of_its_own(self, as_alice, assessed):
        page = words(as_alice.get(assessed().get_absolute_url()))
        assert "Base salary × Works from home: 1,900.5 euros × No raises the risk a lot" in page
        assert "Where two names stand together" in page
        french = as_alice.get(assessed().get_absolute_url(), headers={"Accept-Language": "fr"})
        assert "Salaire de base × Fait du télétravail" in words(french)
        assert "1 900,5 euros × Non" in words(french)

    def test_a_pair_is_no_second_lever(self, as_alice, assessed):
        page = words(as_alice.get(assessed().get_absolute_url()))
        sentence = re.search(
            r"What an employer can change or work towards, among what raises it: (.*?)\.", page
        )[1]
        assert set(re.split(r"\s*, ?", sentence.strip())) == {
            "Base salary",
            "Engagement",
            "Works from home",
        }

    def test_a_blank_that_tells_something_stands_with_the_reasons(self, as_alice, assessed):
        made = assessed(salaire_base=None, agence="")
        assert made.contributions["salaire_base"] == 0.35
        page = words(as_alice.get(made.get_absolute_url()))
        assert "Base salary: Not known raises the risk" in page
        assert "Base salary × Works from home: Not known × No" in page
        lever = re.search(
            r"What an employer can change or work towards, among what raises it: (.*?)\.", page
        )[1]
        assert "Base salary" not in lever.replace("Base salary × Works from home", "")
        assert "Not known: Base salary, Branch. That this is not known counts" in page
        assert "stands with the reasons: Base salary." in page
        assert "The others count as the average employee’s." in page

    def test_the_exact_sum_and_what_the_floor_adds(self, as_alice, assessed):
        made = assessed()
        assert made.floor == 0.03
        share = sigmoid(made.log_odds)
        assert made.probability == 0.03 + 0.97 * share
        page = words(as_alice.get(made.get_absolute_url()))
        assert "About 3 of 100 people leave whatever the conditions" in page
        assert f"3.0% + 97.0% × {share * 100:.1f}% {made.probability * 100:.1f}%" in page
        sum_ = page[page.index("The average employee") : page.index(" Sum stands for")]
        parts = [float(n.replace("−", "-")) for n in re.findall(r"[+−]\d+\.\d{3}", sum_)]
        assert len(parts) == 1 + len(SCHEMA.features) + len(MODEL.pairs)
        assert sum(parts) == pytest.approx(made.log_odds, abs=0.0005 * len(parts))

    def test_without_a_floor_none_is_spoken_of(self, as_alice, alice, record):
        made = record(alice)
        if made.floor:
            pytest.skip("the bundled model has a floor")
        assert "whatever the conditions" not in words(as_alice.get(made.get_absolute_url()))

    def test_the_auditor_checks_both_sums(self, client, bob, assessed):
        client.force_login(bob)
        made = assessed(salaire_base=None)
        page = words(client.get(f"/admin/predictions/prediction/{made.pk}/change/"))
        assert "✗" not in page
        assert "Share that leaves whatever the conditions 3.0000%" in page
        assert "Base salary × Works from home Not known × No" in page
        assert "= " + f"{made.probability * 100:.4f}%" in page
        assert "A blank contributes what it did among the people" in page

    def test_the_auditor_is_told_of_a_risk_that_ignores_the_floor(self, client, bob, assessed):
        client.force_login(bob)
        fields = Prediction.objects.filter(pk=assessed().pk).values().get()
        del fields["id"]
        forged = Prediction(**fields | {"probability": sigmoid(fields["log_odds"])})
        forged.save()
        page = words(client.get(f"/admin/predictions/prediction/{forged.pk}/change/"))
        assert "✗ The log-odds do not give the recorded risk" in page


class TestTheAPI:
    def test_a_pair_names_its_features_and_both_values(self, program, activated):
        answer = program.post(PREDICT, other_model.EMPLOYEE, expect=201).json()
        [pair] = [r for r in answer["explanation"] if r["feature"] == "salaire_base:teletravail"]
        assert pair == {
            "feature": "salaire_base:teletravail",
            "features": ["salaire_base", "teletravail"],
            "label": "Base salary × Works from home",
            "value": None,
            "values": [1900.5, "Non"],
            "contribution": 1.1,
        }

    def test_the_probability_follows_from_what_is_answered(self, program, activated):
        answer = program.post(PREDICT, {"engagement": "4"}, expect=201).json()
        total = answer["intercept"] + math.fsum(r["contribution"] for r in answer["explanation"])
        assert total == pytest.approx(answer["log_odds"], abs=1e-12)
        follows = answer["floor"] + (1 - answer["floor"]) / (1 + math.exp(-total))
        assert follows == pytest.approx(answer["probability"], abs=1e-12)
        # What is blank and yet counts is listed: the sum holds.
        blank = {r["feature"]: r["values"] for r in answer["explanation"]}
        assert blank["salaire_base"] == [None]
        assert "salaire_base" in answer["missing"]


class TestAFile:
    def test_its_headers_words_and_commas_are_understood(self, alice, as_alice, activated):
        table = read_table(FILE)
        active = registry.active()
        match = match_columns(table.headers, active.schema)
        assert match.missing == []
        assert match.unused == ["Remarque"]
        columns = table.columns()
        given = {name: columns[header] for name, header in match.headers.items()}
        frame = active.schema.clean_frame(given)
        assert list(frame.problems) == [2]
        request = Request(requested_by=alice, source=Source.FILE)
        made = predict_frame(frame, using=active, request=request).predictions()
        assert [p.employee_id for p in made] == ["M-1", "M-2", "M-4"]
        assert made[0].inputs == {
            "salaire_base": 1900.5,
            "agence": "Nantes",
            "job_level": "etam",
            "engagement": 0,
            "teletravail": "Oui",
        }
        assert made[1].inputs["agence"] == "L'Isle-d'Abeau"
        assert made[2].contributions["salaire_base:teletravail"] == 0.25
        assert made[0].audit_attributes == {"sexe": "F"}
        for prediction in made:
            assert as_alice.get(prediction.get_absolute_url()).status_code == 200

    def test_an_export_of_both_models_has_the_columns_of_both(self, alice, record, assessed):
        old = record_of_old(record, alice)
        new = assessed(agence=None)
        response = exports.csv_response(Prediction.objects.for_history(), "en", alice)
        text = response.getvalue().decode("utf-8-sig")
        second, first = csv.DictReader(io.StringIO(text, newline=""))
        pair = "Contribution: Base salary × Works from home"
        assert float(second[pair]) == new.contributions["salaire_base:teletravail"]
        assert first[pair] == ""
        assert (first["Monthly income (USD per month)"], second["Branch"]) == ("5993", "")
        floor = "Share that leaves whatever the conditions"
        assert (float(first[floor]), float(second[floor])) == (old.floor, 0.03)
        for row, made in ((first, old), (second, new)):
            parts = [float(c) for h, c in row.items() if h.startswith("Contribution: ") and c]
            total = float(row["Log-odds of the average employee"]) + sum(parts)
            assert total == pytest.approx(made.log_odds, abs=1e-9)

    def test_a_workbook_has_the_pairs_too(self, alice, assessed):
        made = assessed()
        response = exports.xlsx_response(Prediction.objects.for_history(), "fr", alice)
        book = book_of(response)
        header, row = ([c.value for c in cells] for cells in book.worksheets[1].iter_rows())
        cells = dict(zip(header, row, strict=True))
        [pair] = [h for h in header if "Salaire de base × Fait du télétravail" in h]
        assert cells[pair] == made.contributions["salaire_base:teletravail"]


def record_of_old(record, alice):
    """A prediction of the bundled model, made while another one is active."""
    return record(alice, monthly_income=5993)


def test_the_demo_workforce_is_the_bundled_models(activated, settings, capsys):
    from tests.accounts.factories import make_person

    make_person("analyst", username="hr")
    settings.DEVELOPMENT = True
    call_command("make_demo_workforce")
    assert f"{activated.version} is active" in capsys.readouterr().out
    assert not Prediction.objects.exists()
