"""What people are compared by: one name for one thing, and columns that compare nobody."""

from __future__ import annotations

import pytest
from django.urls import reverse

from predictions.batches import groups
from predictions.models import Prediction
from tests.batches.conftest import work_to_the_end
from tests.batches.exports_of_hr import export
from tests.batches.pages import bring, chosen, columns_of, send, text_of

pytestmark = pytest.mark.usefixtures("active_model")


@pytest.fixture
def recorded(as_alice):
    """A file that is brought, assessed as its columns are proposed, and done."""

    def make(content, **changed):
        batch = bring(as_alice, content)
        assert send(as_alice, batch, "assess", **changed).url == batch.get_absolute_url()
        work_to_the_end(batch)
        return batch

    return make


def grouped_by(header, *values):
    return export(without=["Department"], **{header: list(values or ("Sales", "Finance"))})


def kept_of(batch):
    return {
        name for groups in batch.predictions.values_list("groups", flat=True) for name in groups
    }


class TestOneNameForOneThing:
    @pytest.mark.parametrize(
        "header",
        ["département", "DEPARTMENT", "Service", "Dept", "Libellé du service", "Departments"],
    )
    def test_what_an_earlier_file_calls_otherwise_is_kept_under_its_name(
        self, as_alice, recorded, header
    ):
        recorded(grouped_by("Department"))
        batch = bring(as_alice, grouped_by(header))
        text = text_of(as_alice.get(columns_of(batch)))
        assert "This column and “Department” of earlier files are one comparison." in text
        send(as_alice, batch, "assess")
        work_to_the_end(batch)
        assert kept_of(batch) == {"Department"}
        assert groups.kept(batch) == [f"Department (in the file: {header})"]

    @pytest.mark.parametrize(
        ("before", "header"),
        [("Site", "Lieu de travail"), ("Établissement", "Location"), ("Équipe", "TEAM")],
    )
    def test_sites_and_teams_too(self, recorded, before, header):
        recorded(grouped_by(before), **{before: "@group"})
        assert kept_of(recorded(grouped_by(header), **{header: "@group"})) == {before}

    @pytest.mark.parametrize("header", ["Équipe", "Site", "Couleur"])
    def test_another_thing_keeps_its_own_name(self, recorded, header):
        recorded(grouped_by("Department"))
        assert kept_of(recorded(grouped_by(header), **{header: "@group"})) == {header}

    def test_the_dashboard_compares_both_files_at_once(self, as_alice, recorded):
        recorded(grouped_by("Department"))
        batch = recorded(grouped_by("Service"))
        page = as_alice.get(reverse("home"))
        ways = [way.label for way in page.context["comparison"].from_files]
        assert ways == ["Department"]
        assert f"{batch.get_absolute_url()}?g.Department=Sales#list" in page.content.decode()

    def test_a_person_may_keep_them_apart_and_that_is_remembered(self, as_alice, recorded):
        recorded(grouped_by("Department"))
        batch = bring(as_alice, grouped_by("Service"))
        sent = chosen(as_alice.get(columns_of(batch))) | {"name-6": "Unit", "action": "assess"}
        as_alice.post(columns_of(batch), sent)
        work_to_the_end(batch)
        assert kept_of(batch) == {"Unit"}
        assert kept_of(recorded(grouped_by("service"))) == {"Unit"}

    def test_a_name_that_is_changed_after_a_try_is_tried_again(self, as_alice):
        batch = bring(as_alice, grouped_by("Service"))
        send(as_alice, batch, "try")
        work_to_the_end(batch)
        page = as_alice.get(columns_of(batch))
        as_alice.post(columns_of(batch), chosen(page) | {"name-6": "Unit", "action": "look"})
        batch.refresh_from_db()
        assert (batch.state, batch.group_name(6)) == ("draft", "Unit")

    def test_two_groups_of_one_name_are_an_error_at_both(self, as_alice):
        content = export(Site=["Lyon", "Nice"])
        batch = bring(as_alice, content)
        sent = chosen(as_alice.get(columns_of(batch))) | {"name-7": "Department"}
        answer = as_alice.post(columns_of(batch), sent | {"action": "assess"})
        headers = [header for _field, header, _error in answer.context["form"].problems()]
        assert headers == ["Department", "Site"]
        assert "“Department” and “Site” cannot both be kept as “Department”" in text_of(answer)
        assert not Prediction.objects.exists()

    def test_two_columns_of_one_file_never_share_a_name(self):
        headers = ["Service", "Département", "Department"]
        assert groups.proposed(headers, range(3), ["Department"]) == {
            0: "Service",
            1: "Département",
            2: "Department",
        }

    def test_the_list_and_its_downloads_call_it_so(self, as_alice, recorded):
        recorded(grouped_by("Department"))
        batch = recorded(grouped_by("Service"))
        text = text_of(as_alice.get(batch.get_absolute_url() + "?g.Department=Sales"))
        assert "(of 12 in the file)" in text
        assert "Service: kept as Department" in text
        history = as_alice.get(reverse("predictions:history") + "?export=csv")
        header = b"".join(history.streaming_content).decode().splitlines()[0]
        assert "Department" in header
        assert "Service" not in header


class TestTooManyValues:
    @pytest.fixture
    def crowded(self, as_alice):
        """A file of which one column has 201 values, kept to compare groups."""
        teams = [f"Team {n}" for n in range(25)] * 8 + [f"Squad {n}" for n in range(200)]
        batch = bring(as_alice, export(400, Team=teams))
        page = as_alice.get(columns_of(batch))
        return batch, chosen(page, Team="@group")

    def test_a_try_says_that_nobody_is_compared_by_it_and_so_do_the_columns(
        self, as_alice, crowded
    ):
        batch, sent = crowded
        as_alice.post(columns_of(batch), sent | {"action": "try"})
        work_to_the_end(batch)
        told = "People cannot be compared by Team: this column has more than 200 different values"
        assert told in text_of(as_alice.get(batch.get_absolute_url()))
        columns = text_of(as_alice.get(columns_of(batch)))
        assert columns.count("It has more than 200 different values in the whole file") == 1

    def test_the_results_say_it(self, as_alice, crowded):
        batch, sent = crowded
        as_alice.post(columns_of(batch), sent | {"action": "assess"})
        work_to_the_end(batch)
        text = text_of(as_alice.get(batch.get_absolute_url()))
        assert "People cannot be compared by Team" in text
        assert kept_of(batch) == {"Department"}

    def test_nothing_is_said_where_everything_is_kept(self, as_alice, recorded):
        text = text_of(as_alice.get(recorded(export()).get_absolute_url()))
        assert "cannot be compared" not in text
