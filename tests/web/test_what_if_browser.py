"""Trying a change as a person does: by mouse, by keyboard alone, and without any script."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.models import Prediction, Source
from predictions.services import Request, predict
from tests import other_model
from tests.accessibility import THEMES, for_everyone
from tests.accounts.factories import make_person
from tests.conftest import EMPLOYEE

pytestmark = [pytest.mark.browser, pytest.mark.any_database]


@pytest.fixture
def analyst(transactional_db, settings):
    settings.ALLOWED_HOSTS = ["*"]
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    return make_person("analyst", username="alice")


@pytest.fixture
def assessed(analyst):
    """Records an assessment by the active model: `assessed(over_time="No")`."""

    def make(employee=EMPLOYEE, **values):
        using = registry.active()
        row = using.schema.clean(employee | values)
        request = Request(requested_by=analyst, source=Source.FORM)
        return predict(row, using=using, request=request)

    return make


@pytest.fixture
def enter(live_server, analyst):
    """Signs the analyst in to a browser's context, without the sign-in page."""

    def into(context):
        client = Client()
        client.force_login(analyst)
        name = django_settings.SESSION_COOKIE_NAME
        cookie = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
        context.add_cookies([cookie])

    return into


def percent(prediction):
    return f"{prediction.probability * 100:.0f}%"


def test_what_is_moved_is_followed_at_once(page, context, live_server, assessed, enter, console):
    overtime, without = assessed(), assessed(over_time="No")
    better = assessed(over_time="No", monthly_income=6200)
    before = Prediction.objects.count()
    enter(context)
    page.goto(f"{live_server.url}{overtime.get_absolute_url()}")
    tried = page.get_by_role("row", name="With what is tried")
    expect(tried).to_contain_text(percent(overtime))
    expect(page.get_by_role("button", name="Show the risk")).to_be_hidden()

    form = page.get_by_role("form", name="Try changes yourself")
    form.get_by_role("group", name="Works overtime").get_by_text("No", exact=True).click()
    expect(tried).to_contain_text(percent(without))
    said = page.locator("[data-said]")
    expect(said).to_have_text(
        f"With these changes: {percent(without)}, {without.get_band_display()},"
        f" instead of {percent(overtime)}."
    )
    expect(page.get_by_text("Works overtime: Yes → No").last).to_be_visible()

    form.get_by_label("Monthly income").first.fill("6,200")
    expect(tried).to_contain_text(percent(better))
    expect(page.get_by_text("Monthly income: 5,993 → 6,200 USD per month")).to_be_visible()

    # The address of the trial shows the same, without what was done here.
    page.get_by_role("link", name="Address of this trial, to share").click()
    page.wait_for_url("**/what-if/?*")
    expect(tried).to_contain_text(percent(better))
    page.get_by_role("link", name="Back to the values as assessed").click()
    expect(tried).to_contain_text(percent(overtime))
    expect(page).to_have_url(re.compile(r"/what-if/$"))
    page.get_by_role("link", name="Back to the assessment").click()
    expect(page.get_by_role("heading", name="Employee E-1024")).to_be_visible()
    assert Prediction.objects.count() == before


def test_a_change_that_helps_is_tried_by_its_link(page, context, live_server, assessed, enter):
    overtime, without = assessed(), assessed(over_time="No")
    enter(context)
    page.goto(f"{live_server.url}{overtime.get_absolute_url()}")
    page.get_by_role("link", name="Try it: Works overtime, No").click()
    tried = page.get_by_role("row", name="With what is tried")
    expect(tried).to_contain_text(percent(without))
    expect(tried).to_be_in_viewport()
    answer = page.get_by_role("group", name="Works overtime").get_by_label("No", exact=True)
    expect(answer).to_be_checked()
    expect(answer).to_be_focused()


def test_a_change_is_tried_by_keyboard_alone(page, context, live_server, assessed, enter, console):
    prediction, less = assessed(), assessed(monthly_income=5983)
    enter(context)
    page.goto(f"{live_server.url}{prediction.get_absolute_url()}what-if/")
    page.get_by_role("link", name="Back to the assessment").focus()
    overtime = page.get_by_role("group", name="Works overtime")
    for _ in range(40):
        page.keyboard.press("Tab")
        if overtime.get_by_label("Yes").evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("ArrowLeft")
    expect(overtime.get_by_label("No", exact=True)).to_be_checked()
    expect(page.get_by_text("Works overtime: Yes → No").last).to_be_visible()
    expect(page).to_have_url(re.compile(r"/what-if/\?over_time=No$"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Nothing is changed yet.")).to_be_visible()

    slider = page.get_by_role("slider", name="Monthly income")
    slider.focus()
    page.keyboard.press("ArrowRight")
    field = page.get_by_role("textbox", name="Monthly income")
    expect(field).not_to_have_value("5993")
    expect(page.get_by_text("Monthly income: 5,993 → ")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(field).to_be_focused()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("5983")
    tried = page.get_by_role("row", name="With what is tried")
    expect(tried).to_contain_text(percent(less))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Monthly income: 5,993 → 5,983 USD per month")).to_be_visible()


def test_an_error_stands_at_its_field_and_goes(
    page, context, live_server, assessed, enter, console
):
    enter(context)
    page.goto(f"{live_server.url}{assessed().get_absolute_url()}")
    field = page.get_by_role("textbox", name="Monthly income")
    field.fill("a lot")
    error = page.get_by_text("“a lot” is not a number.")
    expect(error).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(
        "Gross. The training data are in US dollars. USD per month"
        " The model has seen 1,009 to 19,999."
        " “a lot” is not a number. Write it in digits, for example 4,919."
    )
    expect(page.get_by_text("A value cannot be read yet: see the field")).to_be_visible()
    field.fill("6000")
    expect(error).to_have_count(0)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    field.fill("")
    expect(page.get_by_text("Nothing is changed yet.")).to_be_visible()
    field.blur()
    expect(field).to_have_value("5993")


def test_what_is_tried_is_found_again_by_going_back_and_by_reloading(
    page, context, live_server, assessed, enter, console
):
    overtime, without = assessed(), assessed(over_time="No")
    enter(context)
    page.goto(f"{live_server.url}{overtime.get_absolute_url()}")
    tried = page.get_by_role("row", name="With what is tried")
    page.get_by_role("group", name="Works overtime").get_by_text("No", exact=True).click()
    expect(page).to_have_url(re.compile(r"/predictions/[0-9a-f-]+/\?over_time=No$"))
    page.get_by_role("link", name="Address of this trial, to share").click()
    page.wait_for_url("**/what-if/?*")
    page.go_back()
    expect(tried).to_contain_text(percent(without))
    page.reload()
    expect(tried).to_contain_text(percent(without))
    answer = page.get_by_role("group", name="Works overtime").get_by_label("No", exact=True)
    expect(answer).to_be_checked()
    page.get_by_role("link", name="Back to the values as assessed").click()
    expect(tried).to_contain_text(percent(overtime))
    expect(page).to_have_url(re.compile(r"/predictions/[0-9a-f-]+/$"))


def test_without_a_script_the_form_does_the_same(browser, live_server, assessed, enter):
    overtime, without = assessed(), assessed(over_time="No")
    context = browser.new_context(java_script_enabled=False)
    enter(context)
    page = context.new_page()
    page.goto(f"{live_server.url}{overtime.get_absolute_url()}")
    page.get_by_role("group", name="Works overtime").get_by_text("No", exact=True).click()
    page.get_by_role("button", name="Show the risk").click()
    page.wait_for_url("**/what-if/?*over_time=No*")
    tried = page.get_by_role("row", name="With what is tried")
    expect(tried).to_contain_text(percent(without))
    context.close()


def test_who_was_signed_out_meanwhile_is_led_to_the_sign_in(
    page, context, live_server, assessed, enter
):
    enter(context)
    page.goto(f"{live_server.url}{assessed().get_absolute_url()}")
    context.clear_cookies()
    page.get_by_role("group", name="Works overtime").get_by_text("No", exact=True).click()
    page.wait_for_url("**/accounts/login/**")


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_every_page_about_a_person_is_for_everyone(
    browser, live_server, assessed, enter, language, theme
):
    longest = "E" * 64
    made = [assessed(over_time="No", employee_id=longest), assessed(employee_id=longest)]
    other = services.register(files=artifact.files_of(other_model.ARTIFACT), origin=Origin.TRAINED)
    services.activate(version=other, reason="our own")
    made += [assessed(other_model.EMPLOYEE, employee_id=longest)]
    context = browser.new_context(locale=language, color_scheme=theme)
    enter(context)
    page = context.new_page()
    for address in (
        made[1].get_absolute_url(),
        f"{made[1].get_absolute_url()}what-if/?over_time=No&monthly_income=beaucoup",
        f"{made[2].get_absolute_url()}what-if/?teletravail=Oui",
        f"/predictions/employee/?reference={longest}",
        "/predictions/employee/?reference=nobody",
        "/predictions/employee/?reference=%00",
    ):
        page.goto(f"{live_server.url}{address}")
        for details in page.locator("main details > summary").all():
            details.click()
        for_everyone(page)
    context.close()


def test_a_result_fits_two_pages_of_paper(browser, live_server, assessed, enter):
    made = assessed()
    for language in ("en", "fr"):
        context = browser.new_context(locale=language)
        enter(context)
        page = context.new_page()
        page.goto(f"{live_server.url}{made.get_absolute_url()}")
        paper = page.pdf(format="A4")
        assert 1 <= paper.count(b"/Type /Page\n") <= 2
        page.emulate_media(media="print")
        expect(page.locator(".print-only")).to_have_count(2)
        expect(page.locator(".print-only").last).to_be_visible()
        expect(page.locator(".bench")).to_be_hidden()
        expect(page.locator(".reasons").first).to_be_visible()
        context.close()
