"""An auditor's work in a real browser: no script or style is stopped, nothing is out of reach."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.models import Source
from predictions.services import Request, predict
from tests.accessibility import no_serious_fault
from tests.accounts.factories import make_person
from tests.browser import PASSWORD
from tests.browser import sign_in as fill_in
from tests.conftest import EMPLOYEE

pytestmark = [pytest.mark.browser, pytest.mark.any_database]

LONGEST = "E" * 64


@pytest.fixture
def site(transactional_db, live_server, quick_passwords, settings):
    settings.ALLOWED_HOSTS = ["*"]
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    make_person("auditor", username="bob", password=PASSWORD)
    alice = make_person("analyst", username="alice", password=PASSWORD)
    active = registry.active()
    for changes in ({}, {"employee_id": LONGEST, "job_satisfaction": None, "gender": "Female"}):
        predict(
            active.schema.clean(EMPLOYEE | changes),
            using=active,
            request=Request(requested_by=alice, source=Source.FORM, request_id="r"),
        )
    return live_server.url


def sign_in(page, site, person):
    page.goto(f"{site}/admin/predictions/prediction/")
    fill_in(page, person)


def fits(page):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_an_auditor_finds_and_reads_a_record(page, site, console, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, site, "bob")
    expect(page.get_by_role("heading", name="Predictions", exact=True)).to_be_visible()
    no_serious_fault(page)
    fits(page)

    page.get_by_label("Search").fill(LONGEST[:10])
    page.get_by_role("button", name="Search").click()
    page.locator("#result_list .field-employee a").click()
    expect(page.get_by_role("heading", name=f"Employee {LONGEST}")).to_be_visible()
    expect(page.get_by_text("The sum is the recorded log-odds")).to_be_visible()
    raw = page.locator("pre")
    expect(raw).to_be_hidden()
    page.locator("summary", has_text="The record as it is stored").click()
    expect(raw).to_be_visible()
    no_serious_fault(page)
    fits(page)

    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("row", name="Fait des heures supplémentaires")).to_be_visible()


def test_an_auditor_exports_what_was_found(page, site, console):
    sign_in(page, site, "bob")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("export_xlsx")
    with page.expect_download() as download:
        page.locator("button[name=index]").click()
    assert download.value.suggested_filename.endswith(".xlsx")


def test_an_auditor_reads_a_model_s_card(page, site, console):
    sign_in(page, site, "bob")
    page.get_by_role("link", name="Home").click()
    page.get_by_role("link", name="Model versions").click()
    page.wait_for_url(f"{site}/admin/mlcore/modelversion/")
    no_serious_fault(page)
    page.locator("#result_list .field-version a").click()
    expect(page.get_by_text("ROC AUC", exact=True)).to_be_visible()
    no_serious_fault(page)
    fits(page)


def test_an_analyst_is_told_and_not_sent_in_circles(page, site):
    sign_in(page, site, "alice")
    expect(page.get_by_text("This part is not open to you").first).to_be_visible()
    no_serious_fault(page)
    page.get_by_role("button", name="Sign in as someone else").click()
    expect(page.get_by_label("Username")).to_be_visible()
