"""A file of employees in a real browser: brought, matched, tried, watched, its list reached."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.batches import jobs
from predictions.models import Batch, BatchState, Prediction
from tests.accessibility import no_serious_fault
from tests.accounts.factories import make_person
from tests.batches.exports_of_hr import export
from tests.browser import PASSWORD
from tests.browser import sign_in as fill_in
from tests.training.test_jobs import database_url

pytestmark = [pytest.mark.browser, pytest.mark.any_database]

PHONE = {"width": 390, "height": 800}
DESK = {"width": 1280, "height": 900}


@pytest.fixture
def alice(transactional_db, quick_passwords):
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    alice = make_person("analyst", username="alice")
    alice.set_password(PASSWORD)
    alice.save()
    return alice


@pytest.fixture
def site(alice, page, live_server, settings):
    """Where alice is signed in, at her list of files."""
    settings.ALLOWED_HOSTS = ["*"]
    page.goto(f"{live_server.url}/batches/")
    fill_in(page, "alice")
    expect(page.get_by_role("heading", name="Files of employees")).to_be_visible()
    return live_server.url


@pytest.fixture
def worker(transactional_db):
    """A real background worker, in a process of its own, on this database."""
    environment = {**os.environ, "DATABASE_URL": database_url()}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"],
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield process
    process.terminate()
    process.wait(timeout=30)


def a_file(content, name="employees.csv"):
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def bring(page, content, name="employees.csv"):
    page.get_by_role("link", name="Bring a file").first.click()
    page.get_by_label("Your file").set_input_files(a_file(content, name))
    page.get_by_role("button", name="Look at its columns").click()
    expect(page.get_by_role("heading", name="What the columns are")).to_be_visible()


def sound(page):
    """Nothing serious is wrong with the page in the dark, nor sideways on a phone."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    no_serious_fault(page)
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")


def test_the_public_file_from_the_upload_to_the_list_of_people(
    page, site, console, ibm_file, worker
):
    no_serious_fault(page)
    page.get_by_role("link", name="Bring a file").first.click()
    expect(page.get_by_role("heading", name="Bring a file of employees")).to_be_visible()
    sound(page)
    page.get_by_label("Your file").set_input_files(a_file(ibm_file, "ibm.csv"))
    page.get_by_role("button", name="Look at its columns").click()

    # The columns: all that is asked is found; a match is corrected, a group is kept.
    expect(page.get_by_text("19 of the model’s 19 questions were found.")).to_be_visible()
    no_serious_fault(page)
    page.get_by_label("“Department” is read as").select_option("Kept to compare groups")
    page.get_by_label("“PerformanceRating” is read as").select_option("Satisfaction with the job")
    page.get_by_role("button", name="Try it first").click()

    # Two columns for one field: read first, it leads to the field; what was chosen stays.
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="PerformanceRating").click()
    wrong = page.get_by_label("“PerformanceRating” is read as")
    expect(wrong).to_be_in_viewport()
    wrong.select_option("Not stored")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("select[name=column-4]")).to_have_value("@group")
    sound(page)
    page.get_by_role("button", name="English").click()

    page.get_by_role("button", name="Try it first").click()
    expect(page.get_by_role("heading", name="1,470 people would be assessed")).to_be_visible(
        timeout=60_000
    )
    assert not Prediction.objects.exists()
    sound(page)
    page.get_by_role("button", name="Assess 1,470 people now").click()
    expect(page.get_by_role("heading", name="The people of this file")).to_be_visible(
        timeout=60_000
    )
    batch = Batch.objects.get()
    assert (batch.state, batch.rows) == (BatchState.DONE, 1470)
    assert Prediction.objects.filter(batch=batch).count() == 1470
    assert Prediction.objects.filter(batch=batch, groups__Department="Sales").count() == 446

    page.get_by_role("link", name="Files").first.click()
    row = page.get_by_role("row", name="ibm.csv")
    expect(row).to_contain_text("Done")
    expect(row).to_contain_text("1,470")
    sound(page)


def test_progress_is_seen_as_it_is_made_and_the_work_can_be_stopped(page, site, console):
    """The work is done by the test itself, a little at a time: so the page is seen in between."""
    bring(page, export(9_000))
    page.get_by_role("button", name="Assess about 9,000 people").click()
    expect(page.get_by_role("heading", name="Waiting for the background worker")).to_be_visible()
    expect(page.get_by_role("link", name="Look again")).to_be_hidden()
    no_serious_fault(page)
    batch = Batch.objects.get()
    for _ in range(20):
        jobs.work(batch.pk, seconds=0)
        if batch.chunks.filter(done_at__isnull=False).exists():
            break
    expect(page.get_by_role("heading", name="Assessing the employees")).to_be_visible()
    expect(page.get_by_text("rows of 9,000 done")).to_be_visible()
    bar = page.get_by_role("progressbar")
    assert 10 < float(bar.get_attribute("value")) < 100
    sound(page)
    page.get_by_role("link", name="Stop here").click()
    expect(page.get_by_role("heading", name="Stop the work?")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Stop here").click()
    expect(page.get_by_role("heading", name="The work on this file was stopped")).to_be_visible()
    sound(page)
    while jobs.work(batch.pk):
        pass
    expect(page.get_by_text("was stopped before its end")).to_be_visible()


def test_a_page_that_is_watched_leads_to_the_results_by_itself(page, site, console):
    bring(page, export(30))
    page.get_by_role("button", name="Assess about 30 people").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    while jobs.work(Batch.objects.get().pk):
        pass
    expect(page.get_by_role("heading", name="The people of this file")).to_be_visible()


def test_without_the_script_the_page_looks_again_by_itself(
    browser, site, alice, live_server, page, settings
):
    bring(page, export(30))
    page.get_by_role("button", name="Assess about 30 people").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    context = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()
    plain.goto(page.url)
    expect(plain.get_by_role("link", name="Look again")).to_be_visible()
    while jobs.work(Batch.objects.get().pk):
        pass
    expect(plain.get_by_role("heading", name="The people of this file")).to_be_visible()
    context.close()


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(page, site, console, settings):
    settings.BATCH_MAX_BODY = 1000
    page.get_by_role("link", name="Bring a file").first.click()
    expect(page.get_by_role("heading", name="Bring a file of employees")).to_be_visible()
    page.get_by_label("Your file").set_input_files(a_file(b"x" * 2000))
    expect(page.get_by_text("This file is too large")).to_be_visible()
    page.get_by_role("button", name="Look at its columns").click()
    expect(page.get_by_label("Your file")).to_be_focused()
    no_serious_fault(page)
    assert not Batch.objects.exists()


def test_all_of_it_by_the_keyboard_alone(page, site, console):
    page.get_by_role("link", name="Bring a file").first.focus()
    page.keyboard.press("Enter")
    field = page.get_by_label("Your file")
    field.set_input_files(a_file(export(30)))
    field.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What the columns are")).to_be_visible()
    # Enter in the form looks again, and begins nothing.
    page.get_by_label("“Department” is read as").focus()
    page.keyboard.press("K")
    page.keyboard.press("Enter")
    expect(page.get_by_label("“Department” is read as")).to_have_value("@group")
    assert Batch.objects.get().state == BatchState.DRAFT
    page.get_by_role("button", name="Assess about 30 people").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("progressbar")).to_be_visible()
