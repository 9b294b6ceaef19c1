"""The models' pages in a real browser: read, decided on by keyboard, on a phone, in both themes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from tests.accessibility import THEMES, for_everyone
from tests.accounts.factories import make_person
from tests.browser import PASSWORD
from tests.browser import sign_in as fill_in
from tests.web.model_cards import small_model

pytestmark = [pytest.mark.browser, pytest.mark.any_database]


@pytest.fixture
def models(transactional_db, live_server, quick_passwords, settings):
    """The bundled model is active; another one, with everything and a long name, is not."""
    settings.ALLOWED_HOSTS = ["*"]
    bundled = artifact.load(registry.BUNDLED_FOLDER)
    files = artifact.read(registry.BUNDLED_FOLDER)
    first = services.register(files=files, origin=Origin.BUNDLED)
    services.activate(version=first, reason="for the test")
    full = small_model(bundled)
    title = {
        "en": "Employees of all plants in Northern and Southern Europe " * 2,
        "fr": "Collaborateurs de tous les sites d’Europe du Nord et du Sud " * 2,
    }
    card = full.card | {"name": "a-very-long-name-of-a-model-of-one-plant", "title": title}
    files = artifact.files_of(replace(full, card=card))
    second = services.register(files=files, origin=Origin.TRAINED)
    for name in ("carol", "frank"):
        person = make_person("administrator", username=name)
        person.set_password(PASSWORD)
        person.save()
    return live_server.url, first, second


def sign_in(page, site, name="carol"):
    page.goto(f"{site}/accounts/login/")
    fill_in(page, name)
    page.wait_for_url(f"{site}/")


def test_a_model_is_proposed_approved_and_rolled_back(page, browser, models, console):
    site, first, second = models
    sign_in(page, site)
    page.get_by_role("link", name="Models").click()
    page.locator(f'a[href="/models/{second}/activate/"]').click()
    page.get_by_role("button", name="Propose this model").click()
    # Nothing was given: the error is read first, and leads to its field.
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link", name="Reason").click()
    page.keyboard.type("It knows our plants")
    page.get_by_role("button", name="Propose this model").click()
    expect(page.get_by_role("status")).to_contain_text("is proposed")

    context = browser.new_context()
    other = context.new_page()
    sign_in(other, site, "frank")
    other.goto(f"{site}/models/")
    other.get_by_role("link", name="Look at it and answer").click()
    expect(other.get_by_text("It knows our plants")).to_be_visible()
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_role("status")).to_contain_text("is active now")
    context.close()

    page.goto(f"{site}/models/")
    page.locator("summary", has_text="Roll back to").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name=f"Roll back to {first}").click()
    expect(page.get_by_role("status")).to_contain_text(f"{first} is active again")


def test_a_point_is_tried_out_and_saved_by_keyboard_alone(page, models, console):
    site, _first, second = models
    sign_in(page, site)
    page.goto(f"{site}/models/{second}/operating-point/")
    page.get_by_label("By what a missed leaver costs").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("By how many conversations we can hold")).to_be_checked()
    page.get_by_label("We can hold", exact=True).focus()
    page.keyboard.type("90")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A list that begins at")).to_be_visible()
    assert "capacity=90" in page.url
    page.get_by_label("Reason").focus()
    page.keyboard.type("Two people, three days a week")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.get_by_role("cell", name="Two people, three days a week")).to_be_visible()


def addresses(first, second):
    return [
        "/models/",
        "/models/?on=2026-13-45",
        f"/models/{second}/",
        f"/models/{second}/operating-point/?basis=cost&cost=4&workforce=2000",
        f"/models/{second}/operating-point/?basis=capacity&capacity=0&workforce=x",
        "/models/compare/",
        f"/models/compare/?champion={first}&challenger={second}",
        f"/models/{second}/activate/",
        "/models/import/",
    ]


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_every_page_is_for_everyone(browser, models, language, theme):
    site, first, second = models
    context = browser.new_context(locale=language, color_scheme=theme)
    page = context.new_page()
    sign_in(page, site)
    for address in addresses(first, second):
        page.goto(f"{site}{address}")
        for details in page.locator("details").all():
            details.evaluate("element => element.open = true")
        for_everyone(page)
    context.close()
