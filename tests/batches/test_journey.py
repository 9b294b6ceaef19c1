"""An analyst's hour with a file, as a person spends it; and every page of it for everyone.

The hour is spent on both databases, for all that is done in a browser: from there to the table
and back.
"""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect

from predictions.batches import jobs
from predictions.models import Batch, Prediction
from tests.accessibility import THEMES, for_everyone
from tests.batches.conftest import bring_matched, work_to_the_end
from tests.batches.test_browser import a_file, alice, site, worker  # noqa: F401

pytestmark = pytest.mark.browser


def test_from_the_export_to_a_conversation(page, site, console, ibm_file, worker):  # noqa: F811
    """Bring the export, correct a match, watch, open the worst case, try a change, download."""
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("link", name="Bring a file").first.click()
    page.get_by_label("Your file").set_input_files(a_file(ibm_file, "ibm.csv"))
    page.get_by_role("button", name="Look at its columns").click()
    page.get_by_label("“Department” is read as").select_option("Kept to compare groups")
    page.get_by_role("button", name="Assess about 1,470 people").click()
    expect(page.get_by_role("heading", name="The people of this file")).to_be_visible(
        timeout=60_000
    )
    batch = Batch.objects.get()
    worst = Prediction.objects.filter(batch=batch).order_by("-probability", "row").first()

    with page.expect_download() as download:
        page.get_by_role("link", name="Excel").click()
    book = load_workbook(io.BytesIO(download.value.path().read_bytes()))
    header, *rows = book.worksheets[0].iter_rows(values_only=True)
    assert len(rows) == 1470
    risk = rows[0][header.index("Risk of leaving")]
    assert risk == worst.probability
    assert isinstance(rows[0][header.index("Monthly income (USD per month)")], int | float)
    assert book.worksheets[0].freeze_panes
    assert not any(cell.data_type == "f" for row in book.worksheets[0].iter_rows() for cell in row)
    about = [str(cell) for row in book.worksheets[-1].iter_rows(values_only=True) for cell in row]
    assert any(worst.model_version.version in text for text in about)

    page.get_by_role("link", name=worst.employee_id, exact=True).first.click()
    expect(page.get_by_role("heading", name=f"Employee {worst.employee_id}")).to_be_visible()
    assert worst.inputs["over_time"] == "Yes"
    tried = page.locator("form[data-what-if]").get_by_role("group", name="Works overtime")
    tried.get_by_text("No", exact=True).click()
    expect(page.locator("[data-outcome]")).to_contain_text("Works overtime: Yes → No")
    expect(page.get_by_text("It does not say what will follow")).to_be_visible()
    assert Prediction.objects.filter(employee_id=worst.employee_id).count() == 1

    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="of 1,470 people are at high")).to_be_visible()


@pytest.fixture
def pages(alice, ibm_file):  # noqa: F811
    """The address of each page about files, with people on it and a row that is wrong.

    Those of the dashboard, of the form and of what is tried have their own (`tests/overview` and
    `tests/web`)."""
    wrong = ibm_file.replace(b",5993,", b",lots,", 1)
    done, tried, draft = (
        bring_matched(alice, wrong, name=f"{name}.csv") for name in ("done", "tried", "draft")
    )
    for batch, record in ((done, True), (tried, False)):
        assert jobs.begin(batch, record=record, by=alice)
        work_to_the_end(batch)
    person = Prediction.objects.filter(batch=done).order_by("-probability").first()
    return [
        "/batches/",
        "/batches/new/",
        f"/batches/{draft.pk}/columns/",
        f"/batches/{tried.pk}/",
        f"/batches/{done.pk}/",
        f"/batches/{done.pk}/refused/",
        f"/predictions/{person.pk}/",
        "/predictions/",
    ]


@pytest.mark.any_database
@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_every_page_is_for_everyone(page, site, console, pages, language, theme):  # noqa: F811
    page.context.add_cookies([{"name": "django_language", "value": language, "url": site}])
    page.emulate_media(color_scheme=theme)
    for address in pages:
        page.goto(f"{site}{address}")
        assert page.locator("html").get_attribute("lang") == language
        for_everyone(page)
