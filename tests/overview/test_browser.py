"""The dashboard in a real browser: read, compared by another choice, narrow, dark, in French."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.models import Batch
from tests.accessibility import THEMES, no_serious_fault
from tests.accounts.factories import make_person
from tests.browser import PASSWORD
from tests.browser import sign_in as fill_in
from tests.overview.conftest import LEAVING, STAYING

pytestmark = [pytest.mark.browser, pytest.mark.any_database]

LONG = "Extraction_SIRH_tous_sites_et_filiales_France_et_international_2026-11_définitif.xlsx"
UNBROKEN = "Recherche_et_Développement_sans_aucune_espace_" * 4


@pytest.fixture
def active_model(transactional_db):
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    return registry.active()


@pytest.fixture
def site(active_model, live_server, quick_passwords, settings):
    settings.ALLOWED_HOSTS = ["*"]
    return live_server.url


@pytest.fixture
def alice(active_model, quick_passwords):
    person = make_person("analyst", username="alice")
    person.set_password(PASSWORD)
    person.save()
    return person


@pytest.fixture
def two_files(alice, bring):
    """Twelve people in each of two departments, before and now."""
    people = [f"E-{number}" for number in range(24)]
    groups = {"Département": ["Ventes"] * 12 + [UNBROKEN] * 12}
    bring(alice, dict.fromkeys(people, STAYING), groups=groups, name="octobre.csv")
    now = {one: LEAVING if place < 8 else STAYING for place, one in enumerate(people)}
    return bring(alice, now, groups=groups, name=LONG)


def sign_in(page, site):
    page.goto(f"{site}/")
    fill_in(page, "alice")
    page.wait_for_url(f"{site}/")


def test_a_person_reads_it_and_compares_by_another_choice(page, site, two_files, console):
    sign_in(page, site)
    expect(page.get_by_role("heading", name="8 of 24 people are at high")).to_be_visible()
    expect(page.get_by_role("heading", name="8 moved up, 0 moved down")).to_be_visible()
    expect(page.get_by_role("img", name="8 moved up, 0 moved down, 16 stayed.")).to_be_visible()
    expect(page.get_by_role("row", name="Ventes")).to_contain_text("8 of 12 people")
    page.get_by_label("Compare by").select_option(label="Works overtime")
    page.get_by_role("button", name="Compare").press("Enter")
    expect(page.get_by_role("heading", name="by: Works overtime")).to_be_in_viewport()
    groups = page.get_by_role("region", name="by: Works overtime")
    expect(groups.get_by_role("row", name="Yes")).to_contain_text("8 of 8 people")
    page.locator("summary", has_text="The numbers of every condition").click()
    expect(page.get_by_role("row", name="Years at the company").last).to_be_visible()
    page.get_by_role("link", name="How the model was made").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_person_who_was_never_here_knows_where_to_click(page, site, alice):
    sign_in(page, site)
    page.get_by_role("main").get_by_role("link", name="Assess an employee").click()
    page.get_by_label("Employee reference").fill("E-1")
    page.get_by_role("group", name="Works overtime").get_by_text("Yes").click()
    page.get_by_role("button", name="Assess the risk").click()
    expect(page.get_by_role("heading", name="Employee E-1")).to_be_visible()
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="The one person assessed so far")).to_be_visible()


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_it_has_no_serious_fault_of_accessibility(
    browser, site, alice, bring, request, language, theme
):
    context = browser.new_context(locale=language, color_scheme=theme)
    page = context.new_page()
    sign_in(page, site)
    no_serious_fault(page)
    request.getfixturevalue("two_files")
    page.goto(f"{site}/")
    page.wait_for_selector(".flows")
    for details in page.locator("details > summary").all():
        details.click()
    no_serious_fault(page)
    context.close()


def test_it_never_scrolls_sideways(page, site, two_files):
    sign_in(page, site)
    page.wait_for_selector(".flows")
    for details in page.locator("details > summary").all():
        details.click()
    for width in (1600, 768, 360):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_it_is_no_wider_than_the_page(browser, site, two_files):
    context = browser.new_context(viewport={"width": 718, "height": 1040})  # A4 with margins
    page = context.new_page()
    sign_in(page, site)
    Batch.objects.create(
        name="next.csv", sha256="0" * 64, size=1, uploaded_by=two_files.uploaded_by, state="draft"
    )
    page.goto(f"{site}/")
    page.wait_for_selector(".flows")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    expect(page.get_by_text("the file is waiting for you.")).to_be_hidden()
    context.close()
