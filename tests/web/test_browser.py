"""The main job in a real browser: sign in, fill, read, search, switch the language."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from tests.accessibility import THEMES, for_everyone
from tests.accounts.factories import make_person
from tests.browser import PASSWORD
from tests.browser import sign_in as fill_in

pytestmark = [pytest.mark.browser, pytest.mark.any_database]


@pytest.fixture
def site(transactional_db, live_server, quick_passwords, settings):
    settings.ALLOWED_HOSTS = ["*"]
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    alice = make_person("analyst", username="alice")
    alice.set_password(PASSWORD)
    alice.save()
    return live_server.url


def sign_in(page, site):
    page.goto(f"{site}/")
    fill_in(page, "alice")
    expect(page.get_by_role("heading", name="Who may leave")).to_be_visible()


def test_an_analyst_assesses_an_employee_and_finds_the_result_again(page, site, console):
    sign_in(page, site)
    page.get_by_role("main").get_by_role("link", name="Assess an employee").click()
    page.get_by_label("Employee reference").fill("E-77")
    page.get_by_role("group", name="Works overtime").get_by_text("Yes").click()
    page.get_by_label("Monthly income").fill("2,300 euros")
    page.get_by_role("button", name="Assess the risk").click()

    # The error is read first, leads to its field, and nothing typed is lost.
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Monthly income").click()
    income = page.get_by_label("Monthly income")
    expect(income).to_be_in_viewport()
    expect(income).to_have_value("2,300 euros")
    expect(page.get_by_label("Employee reference")).to_have_value("E-77")
    income.fill("2,300")
    page.get_by_role("button", name="Assess the risk").click()

    expect(page.get_by_role("heading", name="Employee E-77")).to_be_visible()
    expect(page.get_by_text("people with a profile like this left.")).to_be_visible()
    reasons = page.get_by_role("table", name="The strongest reasons")
    overtime = reasons.get_by_role("row", name="Works overtime: Yes")
    expect(overtime).to_contain_text("raises the risk")
    page.locator("summary", has_text="The exact sum, in log-odds").click()
    expect(page.get_by_role("row", name="The average employee")).to_be_visible()

    page.get_by_role("link", name="History").click()
    page.get_by_label("Employee reference").fill("E-7")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="E-77", exact=True).click()
    expect(page.get_by_role("heading", name="Employee E-77")).to_be_visible()

    page.get_by_role("link", name="Score another, starting from these values").click()
    expect(page.get_by_label("Monthly income")).to_have_value("2300")
    expect(page.get_by_label("Employee reference")).to_have_value("")


def test_the_language_follows_the_switch_and_the_address_stays(page, site, console):
    sign_in(page, site)
    page.goto(f"{site}/predictions/?employee_id=E-7")
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("heading", name="Historique")).to_be_visible()
    assert page.url == f"{site}/predictions/?employee_id=E-7"
    page.get_by_role("link", name="Estimer un risque").click()
    expect(page.get_by_label("Rémunération mensuelle")).to_be_visible()


def test_the_language_is_the_browsers_until_it_is_switched(browser, site):
    context = browser.new_context(locale="fr-FR")
    page = context.new_page()
    page.goto(f"{site}/predictions/")
    expect(page.get_by_role("main").get_by_role("button", name="Se connecter")).to_be_visible()
    page.get_by_role("button", name="English").click()
    fill_in(page, "alice")
    # Signed in, in the language that was chosen, where they wanted to go.
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    context.close()


def test_what_was_typed_outlives_a_switch_of_language(page, site, console):
    sign_in(page, site)
    page.goto(f"{site}/predictions/new/")
    page.get_by_label("Monthly income").fill("2300")
    page.get_by_role("group", name="Works overtime").get_by_text("Yes").click()
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_label("Rémunération mensuelle")).to_have_value("2300")
    group = page.get_by_role("group", name="Fait des heures supplémentaires")
    expect(group.get_by_label("Oui")).to_be_checked()


def test_the_form_can_be_filled_and_sent_by_keyboard_alone(page, site, console):
    sign_in(page, site)
    page.goto(f"{site}/predictions/new/?from=typical")
    page.get_by_label("Employee reference").focus()
    page.keyboard.type("E-KEYS")
    page.keyboard.press("Tab")  # the first group of answers
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("group", name="Works overtime").get_by_label("Yes")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Employee E-KEYS")).to_be_visible()


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_every_page_is_for_everyone(browser, site, language, theme):
    context = browser.new_context(locale=language, color_scheme=theme)
    page = context.new_page()
    page.goto(f"{site}/accounts/login/")
    for_everyone(page)
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url(f"{site}/")
    for_everyone(page)
    page.goto(f"{site}/predictions/new/?from=typical")
    for_everyone(page)
    page.locator("[name=monthly_income]").fill("?")
    page.locator(".sticky-actions button").click()
    page.wait_for_selector(".error-summary, [role=alert]")
    for_everyone(page)
    page.locator("[name=monthly_income]").fill("2300")
    page.locator("[name=distance_from_home]").fill("90")
    page.locator("[name=employee_id]").fill("E" * 64)
    page.locator(".sticky-actions button").click()
    page.wait_for_selector(".answer")
    for details in page.locator("details > summary").all():
        details.click()
    for_everyone(page)
    page.goto(f"{site}/predictions/")
    for_everyone(page)
    page.goto(f"{site}/predictions/?employee_id=zzz")
    for_everyone(page)
    page.goto(f"{site}/nothing-here")
    for_everyone(page)
    context.close()
