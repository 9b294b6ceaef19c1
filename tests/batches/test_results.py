"""The results of a file: the answer, the list to act on, how it is narrowed and compared."""

from __future__ import annotations

import csv
import html
import re
from collections import Counter
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from predictions.explanation import explain
from predictions.models import Prediction
from predictions.models.batch import BatchState
from tests.batches.conftest import decide, first_rows
from tests.batches.workforces import workforce

ROWS = 120


@pytest.fixture
def done(assessed, alice, ibm_file):
    return assessed(alice, first_rows(ibm_file, ROWS), name="October.csv")


@pytest.fixture
def page(as_alice, done):
    """The page as alice sees it: `page("?band=high")`."""

    def get(query=""):
        answer = as_alice.get(done.get_absolute_url() + query)
        assert answer.status_code == 200
        return answer

    return get


def text_of(answer):
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", html.unescape(plain))


def listed(answer):
    return [person.prediction.employee_id for person in answer.context["people"]]


def ids(predictions):
    return [prediction.employee_id for prediction in predictions]


def recorded(batch, **only):
    found = Prediction.objects.filter(batch=batch, **only).order_by("-probability", "row")
    return list(found.values_list("employee_id", flat=True))


class TestTheAnswer:
    def test_it_says_where_to_begin(self, page, done):
        very_high, high = (len(recorded(done, band=band)) for band in ("very_high", "high"))
        assert very_high > 1
        assert high > 1
        assert (
            f"{very_high} of {ROWS} people are at very high risk of leaving, and {high}"
            " at high risk: begin with these." in text_of(page())
        )

    def test_every_level_has_its_people_and_its_share(self, page, done):
        levels = page().context["found"].levels
        assert [level.band for level in levels] == ["very_high", "high", "moderate", "low"]
        assert [level.people for level in levels] == [
            len(recorded(done, band=level.band)) for level in levels
        ]
        assert sum(level.share for level in levels) == pytest.approx(1)

    def test_the_model_the_day_and_the_person_are_named(self, page, done):
        text = text_of(page())
        assert done.model_version.version in text
        assert "at the request of Alice" in text

    @pytest.mark.parametrize(
        ("point", "told"),
        [
            ((0.01, 0.02, 0.99), "1 of 1 people is at high risk of leaving, nobody at very high"),
            ((0.01, 0.02, 0.03), "1 of 1 people is at very high risk of leaving: begin with"),
        ],
    )
    def test_of_one_person_it_speaks_as_of_one(self, as_alice, assessed, alice, carol, point, told):
        decide(carol, point)
        batch = assessed(alice, b"EmployeeNumber,OverTime\n1,Yes\n")
        text = text_of(as_alice.get(batch.get_absolute_url()))
        assert told in text
        assert "begin with this person." in text

    def test_a_filter_does_not_repeat_its_question_in_every_answer(self, page):
        text = page().content.decode()
        assert '<optgroup label="Works overtime"><option value="over_time:' in text
        assert "Works overtime: " not in text.partition('id="add"')[2].partition("</select>")[0]

    def test_nobody_at_high_risk_is_said_too(self, as_alice, assessed, alice):
        calm = (
            b"EmployeeNumber,OverTime,JobLevel,MonthlyIncome,TotalWorkingYears\n1,No,5,19000,30\n"
        )
        batch = assessed(alice, calm)
        answer = as_alice.get(batch.get_absolute_url())
        assert "The 1 person of this file is not at high risk of leaving." in text_of(answer)

    def test_nobody_assessed_leads_to_what_to_correct(self, as_alice, assessed, alice):
        batch = assessed(alice, b"EmployeeNumber,OverTime\n1,perhaps\n")
        answer = as_alice.get(batch.get_absolute_url())
        assert "Nobody in this file could be assessed." in text_of(answer)
        assert reverse("batches:refused", args=[batch.pk]) in answer.content.decode()

    def test_rows_with_errors_are_apart(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=(3, 17)))
        answer = as_alice.get(batch.get_absolute_url())
        assert "of 28 people" in text_of(answer)
        assert "2 rows could not be assessed. See what to correct" in text_of(answer)

    def test_what_was_stopped_shows_what_was_done(self, as_alice, done):
        type(done).objects.filter(pk=done.pk).update(state=BatchState.CANCELLED)
        text = text_of(as_alice.get(done.get_absolute_url()))
        assert "This file was stopped before its end." in text
        assert f"of {ROWS} people" in text


class TestWhatWasBroughtAgain:
    @pytest.fixture
    def pages(self, as_alice):
        """The pages on which a file says what became of its refused rows."""

        def texts(batch):
            refused = reverse("batches:refused", args=[batch.pk])
            return [
                text_of(as_alice.get(address)) for address in (batch.get_absolute_url(), refused)
            ]

        return texts

    def test_it_is_linked_and_what_is_left_is_said(self, pages, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)), name="October.csv")
        assert "See what to correct" in pages(batch)[0]
        assert not any("corrected in" in text for text in pages(batch))
        some = workforce(ibm_file, 4, wrong=(0,))
        first = assessed(alice, some, name="corrected.csv", corrects=batch)
        results, refused = pages(batch)
        for text in (results, refused):
            assert "3 were corrected in corrected.csv and are in the list of October.csv." in text
        assert "1 is left." in results
        assert "1 row of 4 is left to correct." in refused
        assert "October.csv" in pages(first)[0]
        assessed(alice, workforce(ibm_file, 1), name="last.csv", corrects=first)
        results, refused = pages(batch)
        for text in (results, refused):
            assert "1 was corrected in last.csv and is in the list of October.csv." in text
        assert "None is left." in results
        assert "No row is left to correct." in refused
        assert "See these rows" in pages(batch)[0]
        assert "Its people are in the list there too, among everyone." in pages(first)[0]

    def test_the_first_page_says_how_many_of_them_were_corrected(
        self, as_alice, assessed, alice, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)))
        assessed(alice, workforce(ibm_file, 4, wrong=(0,)), corrects=batch)
        assert "3 of its 4 refused rows were corrected since." in text_of(as_alice.get("/"))

    def test_everyone_is_in_one_list(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)), name="October.csv")
        first = assessed(alice, workforce(ibm_file, 4, wrong=(0,)), name="1.csv", corrects=batch)
        last = assessed(alice, workforce(ibm_file, 1), name="2.csv", corrects=first)
        answer = as_alice.get(batch.get_absolute_url())
        found = answer.context["found"]
        everyone = Prediction.objects.filter(batch__in=[batch, first, last])
        assert listed(answer) == ids(everyone.order_by("-probability", "batch_id", "row"))
        assert found.people == 30
        assert sum(level.people for level in found.levels) == 30
        assert f"of {30} people" in text_of(answer)
        from_where = {p.prediction.batch_id: p.file for p in answer.context["people"]}
        assert from_where == {batch.pk: None, first.pk: first, last.pk: last}
        assert text_of(answer).count("corrected in 1.csv") == 1 + 3
        sales = everyone.filter(groups__Department="Sales")
        narrowed = as_alice.get(batch.get_absolute_url() + "?g.Department=Sales&sort=lowest")
        assert listed(narrowed) == ids(sales.order_by("probability", "-batch_id", "-row"))
        in_order = as_alice.get(batch.get_absolute_url() + "?sort=line")
        assert listed(in_order) == ids(everyone.order_by("batch_id", "row"))
        someone = everyone.get(batch=last)
        by_name = as_alice.get(f"{batch.get_absolute_url()}?employee={someone.employee_id}")
        assert someone.employee_id in listed(by_name)

    def test_the_files_own_numbers_and_the_next_comparison_count_them(
        self, as_alice, assessed, alice, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)))
        assessed(alice, workforce(ibm_file, 4), corrects=batch)
        answer = as_alice.get(reverse("batches:list"))
        (totals,) = [totals for row, totals, _again in answer.context["rows"] if row == batch]
        assert totals.people == 30
        now = as_alice.get(batch.get_absolute_url()).context["found"]
        shares = [level.share for level in now.levels]
        later = as_alice.get(assessed(alice, first_rows(ibm_file, 30)).get_absolute_url())
        assert [level.before for level in later.context["found"].levels] == shares

    def test_a_column_that_only_the_corrected_file_has_compares_nobody(
        self, as_alice, assessed, alice, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)), grouped=())
        assessed(alice, workforce(ibm_file, 4), corrects=batch)
        found = as_alice.get(batch.get_absolute_url()).context["found"]
        assert (found.group_headers, found.people) == ([], 30)

    def test_a_column_that_the_corrected_file_lacks_is_not_given(
        self, as_alice, assessed, alice, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)))
        assessed(alice, workforce(ibm_file, 4), corrects=batch, grouped=())
        page = as_alice.get(batch.get_absolute_url() + "?g.Department=")
        assert len(listed(page)) == 4

    def test_what_another_model_judged_is_in_its_own_list(
        self, pages, assessed, alice, move_levels, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)))
        move_levels()
        assessed(alice, workforce(ibm_file, 4), name="later.csv", corrects=batch)
        text = pages(batch)[0]
        assert "4 were corrected in later.csv , and judged by another model or other levels" in text
        assert "of 26 people" in text

    def test_refused_rows_that_are_done_are_marked_and_not_downloaded_again(
        self, as_alice, assessed, alice, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)))
        again = assessed(alice, workforce(ibm_file, 4, wrong=(0,)), name="1.csv", corrects=batch)
        refused = reverse("batches:refused", args=[batch.pk])
        page = as_alice.get(refused)
        assert text_of(page).count("assessed , corrected in 1.csv") == 3
        for prediction in Prediction.objects.filter(batch=again):
            assert f'href="{prediction.get_absolute_url()}"' in page.content.decode()
        left = b"".join(as_alice.get(refused + "?export=csv").streaming_content).decode()
        assert len(left.splitlines()) == 1 + 1
        assessed(alice, workforce(ibm_file, 1), corrects=again)
        done = text_of(as_alice.get(refused))
        assert "No row is left to correct." in done
        assert "Download" not in done

    def test_its_downloads_say_which_file_each_is_from(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)), name="October.csv")
        assessed(alice, workforce(ibm_file, 4), name="again.csv", corrects=batch)
        answer = as_alice.get(batch.get_absolute_url() + "?export=csv")
        lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
        assert Counter(row["File"] for row in csv.DictReader(lines)) == {
            "October.csv": 26,
            "again.csv": 4,
        }

    def test_the_list_of_files_says_it_too(self, as_alice, assessed, alice, ibm_file):
        batch = assessed(alice, workforce(ibm_file, 30, wrong=range(4)))
        again = assessed(alice, workforce(ibm_file, 4), name="corrected.csv", corrects=batch)
        answer = as_alice.get(reverse("batches:list"))
        assert "4 brought again" in text_of(answer)
        assert answer.content.decode().count(f'href="{again.get_absolute_url()}"') == 2

    def test_an_employee_who_is_in_a_file_twice_is_said(self, as_alice, assessed, alice):
        batch = assessed(alice, b"EmployeeNumber,OverTime\n1,Yes\n2,No\n1,No\n1,Yes\n")
        text = text_of(as_alice.get(batch.get_absolute_url()))
        assert "2 rows have the reference of an employee above them" in text


class TestTheFileBefore:
    def test_there_may_be_none(self, page):
        assert "File before" not in text_of(page())

    def test_it_is_compared_with(self, as_alice, done, assessed, alice, ibm_file):
        later = assessed(alice, first_rows(ibm_file, 60), name="November.csv")
        answer = as_alice.get(later.get_absolute_url())
        text = text_of(answer)
        assert "The lines in the other bars are the shares in the file before, October.csv" in text
        assert f'href="{done.get_absolute_url()}"' in answer.content.decode()
        before = {level.band: level.before for level in answer.context["found"].levels}
        assert before["high"] == len(recorded(done, band="high")) / ROWS

    def test_rows_brought_again_are_no_file_to_compare_with(
        self, as_alice, done, assessed, alice, ibm_file
    ):
        again = assessed(alice, first_rows(ibm_file, 5), name="again.csv", corrects=done)
        answer = as_alice.get(again.get_absolute_url())
        assert "This file brings again rows of October.csv , corrected." in text_of(answer)
        assert answer.context["found"].before is None
        assert "5 were corrected in again.csv and are in the list of October.csv." in text_of(
            as_alice.get(done.get_absolute_url())
        )
        later = assessed(alice, first_rows(ibm_file, 6))
        assert as_alice.get(later.get_absolute_url()).context["found"].before == done

    def test_a_far_smaller_file_is_none_to_compare_with(
        self, as_alice, done, assessed, alice, ibm_file
    ):
        assessed(alice, first_rows(ibm_file, 6))
        later = assessed(alice, first_rows(ibm_file, ROWS))
        assert as_alice.get(later.get_absolute_url()).context["found"].before == done


class TestTheList:
    def test_the_highest_risk_is_first(self, page, done):
        assert listed(page()) == recorded(done)[:50]

    def test_each_person_has_the_two_strongest_reasons_in_words(self, page):
        answer = page()
        person = answer.context["people"][0]
        expected = explain(person.prediction, "en").reasons[:2]
        assert person.reasons == expected
        text = text_of(answer)
        for reason in expected:
            assert f"{reason.label} : {reason.value_text} {reason.effect}" in text.replace(
                ": ", " : "
            )

    def test_a_row_is_a_link_to_its_assessment(self, page):
        answer = page()
        body = answer.content.decode()
        for person in answer.context["people"]:
            assert f'<a class="whole" href="{person.prediction.get_absolute_url()}">' in body

    def test_someone_without_a_reference_is_named_by_their_line(self, as_alice, assessed, alice):
        batch = assessed(alice, b"OverTime,MonthlyIncome\nYes,2000\n")
        assert "Line 2" in text_of(as_alice.get(batch.get_absolute_url()))

    def test_pages_follow_each_other(self, page, done):
        everyone = [*listed(page()), *listed(page("?page=2")), *listed(page("?page=3"))]
        assert everyone == recorded(done)
        assert "120 people, 51 to 100" in text_of(page("?page=2"))
        links = set(
            re.findall(r'href="(\?[^"]*page=[^"]*)"', page("?page=2&band=low").content.decode())
        )
        assert all("band=low" in link and link.endswith("#list") for link in links)

    def test_a_page_beyond_the_last_is_the_last(self, page):
        assert listed(page("?page=999")) == listed(page("?page=3"))
        assert listed(page("?page=x")) == listed(page())

    def test_other_orders(self, page, done):
        assert listed(page("?sort=lowest")) == recorded(done)[::-1][:50]
        by_line = Prediction.objects.filter(batch=done).order_by("row")
        assert listed(page("?sort=line")) == [p.employee_id for p in by_line[:50]]


class TestNarrowing:
    @pytest.mark.parametrize(
        ("query", "only"),
        [
            ("?band=high", {"band": "high"}),
            ("?band=high&band=very_high", {"band__in": ["high", "very_high"]}),
            ("?g.Department=Sales", {"groups__Department": "Sales"}),
            ("?f.over_time=Yes", {"inputs__over_time": "Yes"}),
            ("?f.job_level=1", {"inputs__job_level": 1}),
            (
                "?f.over_time=Yes&g.Department=Sales&band=very_high",
                {"inputs__over_time": "Yes", "groups__Department": "Sales", "band": "very_high"},
            ),
        ],
    )
    def test_by_level_group_and_answer(self, page, done, query, only):
        found = recorded(done, **only)
        answer = page(query)
        assert listed(answer) == found[:50]
        assert answer.context["page"].paginator.count == len(found) > 0

    def test_values_of_one_column_widen(self, page, done):
        both = recorded(done, inputs__job_level__in=[1, 2])
        assert listed(page("?f.job_level=1&f.job_level=2")) == both[:50]

    def test_the_number_beside_a_value_is_what_choosing_it_finds(self, page):
        query = "?f.over_time=Yes&band=low&band=high"
        found = page(query).context["found"]
        for facet in [*found.group_facets, *found.answer_facets[1:4]]:
            for option in facet.options:
                chosen = page(f"{query}&{urlencode({facet.key: option.value})}")
                assert chosen.context["page"].paginator.count == option.people

    def test_a_form_without_a_script_leads_to_a_short_address(self, as_alice, done):
        address = done.get_absolute_url()
        sent = "?band=high&g.Department=*&add=job_role%3ASales+Executive&employee=&f.over_time=Yes"
        answer = as_alice.get(address + sent)
        assert answer.status_code == 302
        leads = urlsplit(answer["Location"])
        assert leads.path == address
        assert leads.fragment == "list"
        assert parse_qs(leads.query) == {
            "band": ["high"],
            "f.over_time": ["Yes"],
            "f.job_role": ["Sales Executive"],
        }

    def test_a_filter_in_force_can_be_taken_away_alone(self, page):
        answer = page("?f.over_time=Yes&g.Department=Sales&band=high&sort=lowest")
        [overtime, department] = answer.context["found"].chips
        assert (overtime.label, overtime.value) == ("Works overtime", "Yes")
        assert parse_qs(overtime.address) == {
            "band": ["high"],
            "g.Department": ["Sales"],
            "sort": ["lowest"],
        }
        assert "f.over_time" in department.address

    def test_someone_is_found_by_the_beginning_of_the_reference(
        self, as_alice, assessed, alice, ibm_file
    ):
        batch = assessed(alice, workforce(ibm_file, 30))
        found = as_alice.get(f"{batch.get_absolute_url()}?employee=E000001")
        assert sorted(listed(found)) == [f"E00000{n}" for n in range(10, 20)]
        one = as_alice.get(f"{batch.get_absolute_url()}?employee=E0000013")
        assert listed(one) == ["E0000013"]

    def test_another_files_people_are_not_found(self, page, assessed, alice, ibm_file):
        assessed(alice, workforce(ibm_file, 10))
        assert listed(page("?employee=E00")) == []

    @pytest.mark.parametrize(
        "query",
        [
            "?g.Department=Catering",
            "?f.gender=Female",
            "?employee=nobody",
            "?employee=%00",
            "?employee=" + "x" * 300,
            "?g.=%00",
        ],
    )
    def test_what_matches_nobody_says_so(self, page, query):
        answer = page(query)
        assert "Nobody in this file matches." in text_of(answer)
        assert listed(answer) == []

    @pytest.mark.parametrize("query", ["?band=purple", "?sort=x", "?by=f.gender", "?add=nonsense"])
    def test_what_cannot_be_read_is_left_out(self, as_alice, done, query):
        answer = as_alice.get(done.get_absolute_url() + query, follow=True)
        assert listed(answer) == recorded(done)[:50]

    def test_nobody_is_listed_by_an_audit_attribute(self, page):
        found = page().context["found"]
        offered = {facet.key for facet in found.answer_facets} | {
            key for key, _ in found.dimensions
        }
        assert not offered & {"f.gender", "f.marital_status", "f.age"}

    def test_what_a_file_says_is_shown_and_not_run(self, as_alice, assessed, alice, ibm_file):
        row = b"EmployeeNumber,OverTime,Department\n<b>1</b>,Yes,<script>alert(1)</script>\n"
        batch = assessed(alice, row, name="<i>.csv")
        body = as_alice.get(batch.get_absolute_url()).content.decode()
        assert "<script>alert" not in body
        assert "<b>1" not in body
        assert "<i>.csv" not in body


class TestManyValues:
    """A group that tells people almost apart makes no page that nobody can read."""

    @pytest.fixture
    def many(self, assessed, alice):
        teams = [*(f"Team {n:03}" for n in range(80)), *["Team 070"] * 2]
        rows = [f"{number},Yes,{team}" for number, team in enumerate(teams)]
        return assessed(alice, "\n".join(["EmployeeNumber,OverTime,Department", *rows]).encode())

    def test_those_that_most_people_have_are_offered(self, as_alice, many):
        answer = as_alice.get(many.get_absolute_url())
        [facet] = answer.context["found"].group_facets
        assert (len(facet.options), facet.more) == (50, 30)
        assert [(option.label, option.people) for option in facet.options if option.people > 1] == [
            ("Team 070", 3)
        ]
        assert "one of 30 others, as in the file" in text_of(answer)

    def test_another_is_typed_and_then_offered(self, as_alice, many):
        address = many.get_absolute_url()
        answer = as_alice.get(f"{address}?g.Department=*&typed.g.Department=+Team+079&add=")
        assert answer["Location"] == f"{address}?g.Department=Team+079#list"
        answer = as_alice.get(answer["Location"])
        assert listed(answer) == ["79"]
        [facet] = answer.context["found"].group_facets
        assert [option.label for option in facet.options if option.chosen] == ["Team 079"]

    def test_nothing_typed_narrows_nothing(self, as_alice, many):
        address = many.get_absolute_url()
        answer = as_alice.get(f"{address}?g.Department=*&typed.g.Department=", follow=True)
        assert answer.context["page"].paginator.count == 82


class TestGroups:
    def test_the_share_at_high_risk_of_each(self, page, done):
        comparison = page().context["found"].comparison
        assert comparison.key == "g.Department"
        for group in comparison.groups:
            people = recorded(done, groups__Department=group.label)
            at_risk = recorded(done, groups__Department=group.label, band__in=["high", "very_high"])
            assert (group.group.people, group.group.high) == (len(people), len(at_risk))
        shares = [group.share for group in comparison.groups]
        assert shares == sorted(shares, reverse=True)

    @pytest.fixture
    def compared(self, as_alice, assessed, alice):
        """The groups that are shown of a file with so many people at each site."""

        def compare(**sites):
            lines = [site for site, people in sites.items() for _ in range(people)]
            rows = [f"{number},Yes,{site}" for number, site in enumerate(lines)]
            batch = assessed(
                alice, "\n".join(["EmployeeNumber,OverTime,Department", *rows]).encode()
            )
            return as_alice.get(f"{batch.get_absolute_url()}?by=g.Department")

        return compare

    def test_groups_under_five_people_are_not_shown(self, compared):
        answer = compared(Lyon=20, Lille=8, Pau=4, Nice=2, Metz=5)
        comparison = answer.context["found"].comparison
        assert {one.label: one.group.people for one in comparison.groups} == {
            "Lyon": 20,
            "Lille": 8,
            "Metz": 5,
        }
        assert "2 groups of fewer than 5 people are not shown." in text_of(answer)
        assert "rounded" not in text_of(answer)

    def test_one_alone_cannot_be_worked_out_from_the_others(self, compared):
        text = text_of(compared(Lyon=23, Lille=8, Pau=4))
        assert "Lyon about 20" in text
        assert "Lille about 10" in text
        assert "The figures of the others are rounded" in text

    def test_where_nothing_can_be_shown_it_is_said(self, compared):
        answer = compared(Lyon=2, Pau=4)
        assert answer.context["found"].comparison.groups == []
        assert "Every group has fewer than 5 people: nothing is shown." in text_of(answer)

    def test_they_follow_the_filters_but_the_level(self, page, done):
        comparison = page("?f.over_time=Yes&band=low").context["found"].comparison
        assert sum(one.group.people for one in comparison.groups) <= len(
            recorded(done, inputs__over_time="Yes")
        )
        sales = next(group for group in comparison.groups if group.label == "Sales")
        at_overtime = {"groups__Department": "Sales", "inputs__over_time": "Yes"}
        assert sales.group.people == len(recorded(done, **at_overtime))
        assert "g.Department=Sales" in sales.address


class TestWho:
    @pytest.mark.parametrize(
        ("who", "status"),
        [("alice", 200), ("bob", 200), ("carol", 200), ("dave", 403), ("erin", 403)],
    )
    def test_may_read_it(self, client, request, done, who, status):
        client.force_login(request.getfixturevalue(who))
        answer = client.get(done.get_absolute_url())
        assert answer.status_code == status

    def test_a_browser_keeps_nothing(self, page):
        assert "no-store" in page()["Cache-Control"]


class TestSpeed:
    def test_a_page_asks_the_database_as_often_whatever_the_files_size(
        self, as_alice, assessed, alice, ibm_file
    ):
        def queries_of(batch, query):
            as_alice.get(batch.get_absolute_url())
            with CaptureQueriesContext(connection) as queries:
                answer = as_alice.get(batch.get_absolute_url() + query)
            assert answer.status_code == 200
            return len(queries)

        small = assessed(alice, workforce(ibm_file, 55))
        large = assessed(alice, workforce(ibm_file, 9_000))
        assert large.chunks.count() > 1
        for query in ("", "?page=2", "?f.over_time=Yes&sort=line", "?employee=E00"):
            assert queries_of(large, query) == queries_of(small, query)

    def test_a_page_costs_eight_queries(self, as_alice, done, django_assert_num_queries):
        as_alice.get(done.get_absolute_url())
        with django_assert_num_queries(8):
            as_alice.get(done.get_absolute_url())
