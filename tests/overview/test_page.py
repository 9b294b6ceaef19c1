"""The dashboard as each role reads it."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from predictions.models import Batch
from tests.overview.conftest import LEAVING, STAYING

PAGE = "/"


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).replace(" .", ".")


def bars(answer):
    return [
        (bar.label, bar.group.people, bar.group.high) for bar in answer.context["comparison"].bars
    ]


# ------------------------------------------------------------------ who sees what


@pytest.mark.parametrize(
    ("person", "expected", "offers", "withholds"),
    [
        ("alice", 200, ["Bring a file", "Assess an employee"], ["Open the audit"]),
        ("bob", 200, ["Open the audit", "Analysts bring files"], ["Bring a file<"]),
        ("carol", 200, ["Bring a file", "Assess an employee", "Open the audit"], []),
        ("dave", 200, ["Read the API’s documentation"], ["Bring a file", "three steps"]),
        ("erin", 403, ["You have no role yet"], ["Bring a file"]),
    ],
)
def test_a_page_offers_what_the_role_allows(
    client, request, active_model, person, expected, offers, withholds
):
    client.force_login(request.getfixturevalue(person))
    answer = client.get(PAGE)
    assert answer.status_code == expected
    main = re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL).group()
    for words in offers:
        assert words in main
    for words in withholds:
        assert words not in main


@pytest.mark.parametrize("person", ["dave", "erin"])
def test_who_may_not_read_of_anyone_sees_no_number(client, request, alice, record, person):
    record(alice, employee_id="E-SECRET")
    client.force_login(request.getfixturevalue(person))
    answer = client.get(PAGE)
    assert "E-SECRET" not in answer.content.decode()
    assert "levels" not in answer.context


def test_without_a_model_it_says_so_and_offers_nothing_that_needs_one(client, alice, carol):
    client.force_login(alice)
    page = text_of(client.get(PAGE))
    assert "no model can be used" in page
    assert "Ask an administrator to activate a model." in page
    assert "Bring a file" not in page.replace("Bring a file, or assess one employee", "")
    client.force_login(carol)
    assert "Activate one of the registered models" in text_of(client.get(PAGE))


def test_it_is_never_kept_by_a_shared_browser(as_alice, active_model):
    assert "no-store" in as_alice.get(PAGE)["Cache-Control"]


# ------------------------------------------------------------------ first use, and the files


def test_whoever_was_never_here_is_told_where_to_begin(as_alice, active_model):
    answer = as_alice.get(PAGE)
    page = text_of(answer)
    for step in ("Bring a file, or assess one employee", "Read the list", "Talk"):
        assert step in page
    assert reverse("batches:new") in answer.content.decode()
    assert reverse("predictions:new") in answer.content.decode()


def test_the_last_file_s_list_is_one_click_away(as_alice, alice, bring):
    bring(alice, {"E-1": LEAVING}, name="october.csv")
    last = bring(alice, {"E-1": LEAVING}, name="<november>.csv")
    answer = as_alice.get(PAGE)
    assert "&lt;november&gt;.csv" in answer.content.decode()
    assert f'href="{last.get_absolute_url()}">Open the list' in answer.content.decode()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "See how far it is"),
        ("checking", "See how far it is"),
        ("draft", "Go on with it"),
        ("checked", "Go on with it"),
        ("discarded", None),
    ],
)
def test_one_s_own_file_that_is_not_done_is_not_forgotten(
    client, alice, carol, bring, state, words
):
    bring(alice, {"E-1": LEAVING})
    Batch.objects.create(name="next.csv", sha256="0" * 64, size=1, uploaded_by=alice, state=state)
    client.force_login(alice)
    assert (words or "next.csv") in text_of(client.get(PAGE)) or words is None
    client.force_login(carol)
    assert "next.csv" not in text_of(client.get(PAGE))


def test_of_several_files_that_are_not_done_it_says_how_many(as_alice, alice, bring):
    bring(alice, {"E-1": LEAVING})
    for state in ("draft", "checked", "running"):
        Batch.objects.create(
            name="next.csv", sha256="0" * 64, size=1, uploaded_by=alice, state=state
        )
    answer = as_alice.get(PAGE)
    assert "3 files are at work, or waiting for you. See the files" in text_of(answer)
    assert "next.csv" not in text_of(answer)


def test_neither_a_correction_nor_a_small_file_is_the_last_file(as_alice, alice, many, bring):
    last = many(12, "E", STAYING, name="november.csv")
    bring(alice, {"E-20": STAYING}, name="corrected.csv", corrects=last)
    bring(alice, {"E-1": LEAVING, "E-2": LEAVING}, name="two.csv")
    answer = as_alice.get(PAGE)
    assert f'href="{last.get_absolute_url()}">Open the list' in answer.content.decode()
    page = text_of(answer)
    assert "Last file: november.csv" in page
    assert "1 other file came after it." in page


# ------------------------------------------------------------------ how many, at which level


@pytest.fixture
def two_files(alice, bring):
    """Eight people; then six of them, and one more assessed by another small file."""
    people = {f"E-{number}": STAYING for number in range(6)}
    bring(
        alice,
        people | {"GONE-1": LEAVING, "GONE-2": LEAVING},
        groups={"Department": ["Sales"] * 6 + ["Legal"] * 2},
    )
    last = bring(alice, people, groups={"Department": ["Sales"] * 6}, name="november.csv")
    bring(alice, {"NEW": LEAVING})
    return last


def test_who_was_not_in_the_last_file_is_said_apart(as_alice, two_files):
    answer = as_alice.get(PAGE)
    page = text_of(answer)
    assert "1 of 7 people are at high or very high risk" in page
    assert "2 more were assessed before, but not with november.csv or since" in page
    assert "Legal" not in page
    assert "?people=all" in answer.content.decode()


def test_the_address_counts_them_too(as_alice, two_files):
    answer = as_alice.get(PAGE, {"people": "all", "by": "group:Department"})
    page = text_of(answer)
    assert "3 of 9 people are at high or very high risk" in page
    assert "Of these, 2 were not assessed with november.csv or since" in page
    assert 'name="people" value="all"' in answer.content.decode()
    assert "?band=" not in answer.content.decode()


def test_where_everyone_was_in_the_last_file_nothing_is_asked(as_alice, many):
    many(6, "E", LEAVING)
    page = as_alice.get(PAGE).content.decode()
    assert "people=all" not in page
    assert "may have left" not in page


def test_levels_and_groups_lead_to_these_people(as_alice, many):
    last = many(6, "E", LEAVING, groups={"Department": "Research & more"})
    many(6, "F", STAYING, groups={"Department": "Sales"})
    page = as_alice.get(PAGE).content.decode()
    assert f'href="{last.get_absolute_url()}?band=very_high#list"' in page
    assert f'href="{last.get_absolute_url()}?g.Department=Research+%26+more#list"' in page
    page = as_alice.get(PAGE, {"by": "input:over_time"}).content.decode()
    assert f'href="{last.get_absolute_url()}?f.over_time=Yes#list"' in page


def test_how_many_people_are_at_each_level(as_alice, many):
    many(3, "E", LEAVING)
    many(21, "F", STAYING)
    answer = as_alice.get(PAGE)
    page = text_of(answer)
    assert "3 of 24 people are at high or very high risk of leaving" in page
    assert "12 of 100 are at high or very high risk now" in page
    assert "16 of 100 left, among those the model learned from" in page
    assert answer.context["levels"].rows[0].people == 3


def test_one_person_is_spoken_of_as_one(as_alice, alice, record):
    record(alice, employee_id="E-1", **LEAVING)
    page = text_of(as_alice.get(PAGE))
    assert "The one person assessed so far is at high or very high risk" in page
    assert "of 100 are at" not in page
    assert "What drives the risk" not in page


def test_assessments_without_a_reference_are_told_of(as_alice, alice, record):
    record(alice, employee_id="")
    assert "Nobody can be counted yet" in text_of(as_alice.get(PAGE))
    record(alice, employee_id="E-1")
    assert "1 assessment without an employee reference is not counted" in text_of(
        as_alice.get(PAGE)
    )


# ------------------------------------------------------------------ what moved


def test_with_one_file_it_says_what_will_be_here(as_alice, many):
    many(5, "E", LEAVING)
    assert "After the next file this shows" in text_of(as_alice.get(PAGE))


@pytest.fixture
def moved(as_alice, alice, bring):
    """The page after two files: so many people moved up, moved down, stayed, came and went."""

    def make(up=0, down=0, low=0, high=0, new=0, gone=0):
        ways = [
            (up, STAYING, LEAVING),
            (down, LEAVING, STAYING),
            (low, STAYING, STAYING),
            (high, LEAVING, LEAVING),
            (new, None, STAYING),
            (gone, STAYING, None),
        ]
        everyone = [(before, now) for people, before, now in ways for _ in range(people)]
        for side, name in enumerate(("october.csv", "november.csv")):
            people = {f"E-{n}": both[side] for n, both in enumerate(everyone) if both[side]}
            bring(alice, people, name=name)
        return as_alice.get(PAGE)

    return make


def moves(answer):
    """The numbers beside the picture: up, down, same, new, gone."""
    shown = re.search(r'<dl class="moves">.*?</dl>', answer.content.decode(), re.DOTALL).group()
    return re.findall(r"<dd>(.*?)</dd>", shown)


def cells(answer):
    """From each level to each that is not nobody, as the table tells."""
    return {told for _, row in answer.context["movement"].table for told in row} - {"0"}


def test_what_moved_since_the_last_file(moved):
    answer = moved(up=6, low=21, new=7, gone=5)
    page = text_of(answer)
    assert "Since the last file: 6 moved up, 0 moved down" in page
    assert moves(answer) == ["6", "0", "21", "7", "5"]
    assert cells(answer) == {"6", "21"}
    assert "In october.csv , and no longer in this one" in page
    last = Batch.objects.get(name="november.csv")
    assert f'href="{last.get_absolute_url()}">Open the list of this file' in answer.content.decode()
    assert "6 moved up, 0 moved down, 21 stayed." in answer.content.decode()  # said of the picture


def test_how_few_moved_is_not_told(moved):
    answer = moved(up=1, down=4, low=21, gone=2)
    few = "fewer than 5"
    assert f"Since the last file: {few} moved up, {few} moved down" in text_of(answer)
    # Together they are five: of neither the others tell.
    assert moves(answer) == [few, few, "21", "0", few]
    assert cells(answer) == {few, "21"}


def test_nor_can_it_be_worked_out_from_how_many_there_are_in_all(moved):
    answer = moved(up=1, low=21, new=8)
    assert moves(answer) == ["fewer than 5", "0", "about 20", "about 10", "0"]
    assert cells(answer) == {"fewer than 5", "about 20"}


def test_nor_from_how_many_went_the_same_way(moved):
    answer = moved(up=6, low=21, high=3)
    assert moves(answer) == ["6", "0", "24", "0", "0"]
    assert cells(answer) == {"6", "fewer than 5", "about 20"}
    picture = re.search(r'<svg class="flows".*?</svg>', answer.content.decode(), re.DOTALL).group()
    beside_the_levels = set(re.findall(r">([a-z ]*[0-9]+)<", picture)) - {"0"}
    assert beside_the_levels == {"about 10", "about 20", "about 30", "fewer than 5"}


# ------------------------------------------------------------------ by group


def test_groups_stand_by_the_share_at_high_risk(as_alice, many):
    many(8, "A", STAYING, groups={"Department": "Sales"})
    many(6, "B", LEAVING, groups={"Department": "Research"})
    answer = as_alice.get(PAGE)
    assert answer.context["comparison"].chosen.label == "Department"
    assert bars(answer) == [("Research", 6, 6), ("Sales", 8, 0)]
    assert "6 of 6 people" in text_of(answer)


@pytest.mark.parametrize("by", ["input:over_time", "input%3Aover_time&x=1"])
def test_any_other_choice_is_in_the_address(as_alice, many, by):
    many(8, "A", STAYING, groups={"Department": "Sales"})
    many(6, "B", LEAVING, groups={"Department": "Research"})
    answer = as_alice.get(f"{PAGE}?by={by}")
    assert answer.context["comparison"].chosen.label == "Works overtime"
    assert bars(answer) == [("Yes", 6, 6), ("No", 8, 0)]


@pytest.mark.parametrize("by", ["input:gender", "input:age", "group:Nowhere", "'", "input:"])
def test_what_does_not_divide_people_is_ignored(as_alice, many, by):
    many(8, "A", STAYING, groups={"Department": "Sales"})
    many(6, "B", LEAVING, groups={"Department": "Research"})
    answer = as_alice.get(PAGE, {"by": by})
    assert answer.context["comparison"].chosen.label == "Department"
    page = answer.content.decode()
    assert "Gender" not in page
    assert "marital" not in page.lower()


def test_a_small_group_is_not_shown_and_cannot_be_worked_out(as_alice, many):
    many(9, "A", STAYING, groups={"Department": "Sales"})
    many(6, "B", LEAVING, groups={"Department": "Research"})
    many(4, "C", LEAVING, groups={"Department": "Legal"})
    answer = as_alice.get(PAGE)
    assert [bar.label for bar in answer.context["comparison"].bars] == ["Research", "Sales"]
    groups = text_of(answer).partition("Compare by")[2].partition("What drives")[0]
    assert "1 group of fewer than 5 people is not shown. The figures of the others are" in groups
    assert "about 10 people" in groups
    assert "9 people" not in groups
    assert "6 of" not in groups
    assert "Legal" not in groups


def test_several_small_groups_leave_the_others_as_they_are(as_alice, many):
    many(9, "A", STAYING, groups={"Department": "Sales"})
    many(6, "D", STAYING, groups={"Department": "Finance"})
    many(3, "B", LEAVING, groups={"Department": "Research"})
    many(4, "C", LEAVING, groups={"Department": "Legal"})
    page = text_of(as_alice.get(PAGE))
    assert "0 of 9 people" in page
    assert "2 groups of fewer than 5 people are not shown." in page
    assert "rounded" not in page


def test_one_unknown_answer_hides_no_large_group(as_alice, many):
    many(9, "A", STAYING)
    many(16, "B", LEAVING)
    many(1, "C", {**LEAVING, "over_time": None})
    answer = as_alice.get(PAGE, {"by": "input:over_time"})
    assert [bar.label for bar in answer.context["comparison"].bars] == ["Yes", "No"]
    drivers = {driver.label: driver for driver in answer.context["drivers"].everything}
    overtime = drivers["Works overtime"]
    assert overtime.reason.value_text == "Yes"
    assert "Yes : about 20 people, +" in text_of(answer)
    assert overtime.counts == ("about 20", "about 10")


def test_who_has_no_group_stands_last(as_alice, many):
    many(8, "A", STAYING, groups={"Department": "Sales"})
    many(6, "B", LEAVING, groups={"Department": "Research"})
    many(5, "C", LEAVING)
    assert [bar[0] for bar in bars(as_alice.get(PAGE))] == ["Research", "Sales", "Not known"]


# ------------------------------------------------------------------ what drives it


def test_what_raises_the_risk_of_how_many(as_alice, many):
    many(6, "A", LEAVING)
    many(9, "B", STAYING)
    answer = as_alice.get(PAGE)
    drivers = {driver.label: driver for driver in answer.context["drivers"].everything}
    assert drivers["Works overtime"].reason.value_text == "Yes"
    assert drivers["Works overtime"].people == 6
    assert re.search(r"Yes : 6 people, \+\d+ points", text_of(answer))
    raising = [driver.up for driver in answer.context["drivers"].everything]
    assert raising == sorted(raising, reverse=True)
    assert reverse("models:card", args=[answer.context["model_version"]]) in answer.content.decode()


def test_an_answer_of_few_is_not_told_of(as_alice, many):
    many(4, "A", LEAVING)
    many(9, "B", STAYING)
    answer = as_alice.get(PAGE)
    drivers = {driver.label: driver for driver in answer.context["drivers"].everything}
    assert drivers["Works overtime"].reason is None
    assert "an answer of fewer than 5 people" in text_of(answer)


# ------------------------------------------------------------------ what it costs


def test_queries_do_not_grow_with_what_is_stored(
    as_alice, many, django_assert_num_queries, active_model
):
    many(5, "A", LEAVING, groups={"Department": "Sales"})
    many(5, "A", STAYING, groups={"Department": "Sales"})
    as_alice.get(PAGE)
    # session, person, latest rows, last to end, account, how many are stored, own files at work,
    # file of the workforce
    with django_assert_num_queries(8):
        as_alice.get(PAGE)
    many(20, "B", LEAVING, groups={"Department": "Research"})
    as_alice.get(PAGE)
    with django_assert_num_queries(8):
        as_alice.get(PAGE)
