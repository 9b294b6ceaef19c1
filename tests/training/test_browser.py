"""The pages of a training in a real browser: nothing is lost, and what happens is seen."""

from __future__ import annotations

import os

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.judging import evaluation
from mlcore.models import Origin, RunState, TrainingRun
from mlcore.trainings import jobs as training_jobs
from predictions.models import Prediction
from tests.accessibility import no_serious_fault
from tests.accounts.factories import make_person
from tests.browser import PASSWORD
from tests.browser import sign_in as fill_in
from tests.training.conftest import make_draft
from tests.training.histories import as_csv, history

pytestmark = [pytest.mark.browser, pytest.mark.any_database]


@pytest.fixture
def carol(transactional_db, quick_passwords):
    carol = make_person("administrator", username="carol")
    carol.set_password(PASSWORD)
    carol.save()
    return carol


@pytest.fixture
def site(carol, page, live_server, settings):
    """Where carol is signed in."""
    settings.ALLOWED_HOSTS = ["*"]
    page.goto(f"{live_server.url}/models/training/new/")
    fill_in(page, "carol")
    expect(page.get_by_role("heading", name="Train a model on your own history")).to_be_visible()
    return live_server.url


def a_file(content, name="history.csv"):
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def test_a_file_is_brought_corrected_and_sent_to_training(page, site, console):
    no_serious_fault(page)
    page.get_by_label("Your file").set_input_files(a_file(as_csv(history())))
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", name="What the columns mean")).to_be_visible()
    no_serious_fault(page)

    # A reason is asked for only where the model is to learn from what the law protects.
    why = page.get_by_label("Why the model needs Sexe")
    expect(why).to_be_hidden()
    page.get_by_label("Use of Sexe").select_option("Learned from")
    expect(why).to_be_visible()
    page.get_by_label("English name of Trajet km").fill("Way to work")
    page.get_by_role("button", name="Train the model").click()

    # The error is read first, leads to its field, and nothing typed is lost.
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Why the model needs Sexe").click()
    expect(why).to_be_in_viewport()
    expect(page.get_by_label("English name of Trajet km")).to_have_value("Way to work")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("[name=en-2]")).to_have_value("Way to work")
    page.get_by_role("button", name="English").click()

    page.get_by_label("Use of Sexe").select_option("Fairness only")
    page.get_by_role("button", name="Train the model").click()
    expect(page.get_by_role("heading", name="Waiting for the background worker")).to_be_visible()
    assert TrainingRun.objects.get().state == RunState.QUEUED
    no_serious_fault(page)


def test_progress_is_seen_as_it_is_made_and_the_end_too(page, site, console, carol):
    run = make_draft(carol)
    training_jobs.start(run, by=carol)
    page.goto(site + reverse("models:training", args=[run.pk]))
    training_jobs.claim(run.pk)
    TrainingRun.objects.update(step="evaluating", done=10, total=20)
    expect(page.get_by_role("heading", name="Step 3 of 4")).to_be_visible()
    expect(page.locator("[data-step=reading]")).to_have_attribute("data-place", "before")
    page.get_by_role("button", name="Stop the training").click()
    expect(page.get_by_role("heading", name="The training was stopped")).to_be_visible()
    no_serious_fault(page)
    page.get_by_role("button", name="Correct and train again").click()
    expect(page.get_by_role("heading", name="What the columns mean")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    no_serious_fault(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390

    page.get_by_role("link", name="Erase this one").click()
    no_serious_fault(page)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("The content of the file is erased.")).to_be_visible()
    no_serious_fault(page)


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(page, site, console, settings):
    settings.TRAINING_MAX_BODY = 1000
    page.reload()
    page.get_by_label("Your file").set_input_files(a_file(b"x" * 2000))
    expect(page.get_by_text("This file is too large")).to_be_visible()
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_label("Your file")).to_be_focused()
    page.get_by_label("Your file").set_input_files(a_file(b"x" * 500))
    expect(page.get_by_text("This file is too large")).to_be_hidden()


def assess(page, answers):
    """Fill the form that the active model draws, and read the result."""
    page.get_by_role("link", name="Assess an employee").first.click()
    for label, value in answers.items():
        if isinstance(value, str):
            page.get_by_role("group", name=label).get_by_text(value, exact=True).click()
        else:
            page.get_by_label(label).fill(str(value))
    page.get_by_role("button", name="Assess the risk").click()
    expect(page.locator(".answer")).to_be_visible()
    return Prediction.objects.latest("created_at")


def test_other_columns_are_learned_put_to_work_scored_with_and_rolled_back(
    page, site, console, monkeypatch
):
    bundled = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=bundled, reason="for the test")
    page.get_by_label("Your file").set_input_files(a_file(as_csv(history(400))))
    page.get_by_role("button", name="Read the file").click()
    page.get_by_label("English name of Equipe").fill("Team")
    for column in ("Satisfaction", "Trajet km"):
        page.get_by_label(f"Use of {column}").select_option("Left out")
    page.get_by_role("button", name="Train the model").click()
    expect(page.get_by_role("heading", name="Waiting for the background worker")).to_be_visible()

    # What the process does that the background worker starts (`test_jobs`), here and in few folds.
    monkeypatch.setattr(evaluation, "FOLDS", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    run = TrainingRun.objects.get()
    assert training_jobs.work(run.pk)
    expect(page.get_by_role("heading", name="The model is trained")).to_be_visible()
    run.refresh_from_db()
    page.get_by_role("link", name="Read how good it is").click()
    expect(page.get_by_role("heading", name="How good it is")).to_be_visible()
    page.get_by_role("link", name="Activate").first.click()
    page.get_by_label("Reason").fill("It knows our teams")
    page.get_by_role("button", name="Put it to work now").click()
    expect(page.get_by_role("status")).to_contain_text("is active now")

    made = assess(page, {"Team": "Nuit", "Salary": 1900})
    assert made.model_version == run.model_version
    assert made.inputs["equipe"] == "Nuit"
    expect(page.get_by_role("row", name="Team: Nuit")).to_contain_text("raises the risk")

    page.get_by_role("link", name="Models").click()
    page.locator("summary", has_text="Roll back to").click()
    page.get_by_role("button", name=f"Roll back to {bundled}").click()
    expect(page.get_by_role("status")).to_contain_text(f"{bundled} is active again")
    after = assess(page, {"Works overtime": "Yes", "Monthly income": 2300})
    assert after.model_version == bundled
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("row")).to_have_count(3)  # the head, and both models' results
