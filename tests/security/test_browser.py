"""In a real browser: what is left of a page after signing out, and of a session that has ended."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import expect

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from tests.accounts.factories import make_person

pytestmark = [pytest.mark.browser, pytest.mark.any_database]

PASSWORD = "a long enough password"


@pytest.fixture
def site(transactional_db, live_server, quick_passwords, settings):
    settings.ALLOWED_HOSTS = ["*"]
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    make_person("analyst", username="alice", password=PASSWORD)
    return live_server.url


def sign_in(page):
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_going_back_after_signing_out_shows_nothing(page, site):
    page.goto(f"{site}/predictions/")
    sign_in(page)
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.get_by_role("heading", name="History").count() == 0


def test_what_was_typed_is_gone_after_signing_out(page, site):
    page.goto(f"{site}/predictions/new/")
    sign_in(page)
    page.get_by_label("Monthly income").fill("4321")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "4321" not in page.content()


def test_a_session_that_has_ended_leads_to_sign_in_and_back(page, site):
    page.goto(f"{site}/predictions/new/")
    sign_in(page)
    expect(page.get_by_role("heading", name="Assess an employee")).to_be_visible()
    Session.objects.update(expire_date=timezone.now())
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("heading", name="History")).to_be_visible()


def test_no_page_of_another_site_holds_ours_in_a_frame(page, site):
    page.set_content(f'<iframe src="{site}/accounts/login/"></iframe>')
    page.wait_for_timeout(500)
    assert "Sign in" not in "".join(frame.content() for frame in page.frames)
