"""Words that the model does not know, and what a person says that they mean."""

from __future__ import annotations

import pytest
from django.urls import reverse

from predictions.batches import answers
from predictions.models import Prediction
from tests.batches.conftest import work_to_the_end
from tests.batches.exports_of_hr import export
from tests.batches.pages import bring, chosen, columns_of, text_of

pytestmark = pytest.mark.usefixtures("active_model")

WORDS = ["Itinérant", "Deux fois l’an", "Non-Travel", "n.c."]
MEANT = {
    "Itinérant": "Travel_Frequently",
    "Deux fois l’an": "Travel_Rarely",
    "n.c.": "@blank",
}


def travelling(*words, rows=12, **changed):
    return export(rows, BusinessTravel=list(words or WORDS), **changed)


def means(word, field="business_travel"):
    return f"means-{field}-{answers.digest(word)}"


def asked(page, field="business_travel"):
    """The words that a page asks about, each with how often it was seen."""
    return {
        word.text: word.seen
        for row in page.context["rows"]
        for word in row.words
        if word.meaning.name.startswith(f"means-{field}-")
    }


@pytest.fixture
def told(as_alice):
    """A file brought, its words told, and worked on to its end."""

    def make(content, meanings, action="assess"):
        batch = bring(as_alice, content)
        sent = chosen(as_alice.get(columns_of(batch))) | {"action": action}
        sent |= {means(word): value for word, value in meanings.items()}
        answer = as_alice.post(columns_of(batch), sent)
        assert answer.status_code == 302, answer.context["form"].errors
        work_to_the_end(batch)
        return batch

    return make


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("header", "cells", "field", "unknown"),
        [
            ("Heures_supplémentaires", ["Oui", "Non"] * 49 + ["nsp"], "over_time", {"nsp": 2}),
            ("Poste", ["Acheteur", "Soudeur"], "job_role", {"Acheteur": 99, "Soudeur": 99}),
        ],
        ids=["one stray word", "words of another company"],
    )
    def test_a_column_of_a_known_name_is_proposed_with_its_unknown_words(
        self, as_alice, header, cells, field, unknown
    ):
        content = export(198, without=["OverTime", "JobRole"], **{header: cells})
        page = as_alice.get(columns_of(bring(as_alice, content)))
        assert asked(page, field) == unknown
        [row] = [row for row in page.context["rows"] if row.column.field == field]
        assert row.likely

    def test_words_that_are_no_answer_are_listed_with_how_often_they_were_seen(self, as_alice):
        page = as_alice.get(columns_of(bring(as_alice, travelling())))
        assert asked(page) == {"Itinérant": 3, "Deux fois l’an": 3, "n.c.": 3}
        assert "The model does not know these words." in text_of(page)
        (select,) = [
            str(word.meaning)
            for row in page.context["rows"]
            for word in row.words
            if word.text == "Itinérant"
        ]
        assert 'value="Travel_Frequently"' in select

    def test_nothing_is_asked_where_every_word_is_known(self, as_alice):
        page = as_alice.get(columns_of(bring(as_alice, travelling("Non-Travel"))))
        assert asked(page) == {}
        assert "The model does not know these words." not in text_of(page)

    def test_capitals_and_spaces_make_no_other_word(self, as_alice):
        content = travelling("Itinérant", "  ITINÉRANT", "Non-Travel")
        assert asked(as_alice.get(columns_of(bring(as_alice, content)))) == {"Itinérant": 8}

    def test_thirty_words_at_most(self, as_alice):
        content = travelling(*(f"word {n}" for n in range(40)), rows=40)
        page = as_alice.get(columns_of(bring(as_alice, content)))
        assert len(asked(page)) == 30
        assert "10 more words are not known. Is this the right question?" in text_of(page)

    def test_words_that_a_try_refused_are_asked_about_too(self, as_alice):
        content = travelling(*["Non-Travel"] * 249, "Itinérant", rows=250)
        batch = bring(as_alice, content)
        page = as_alice.get(columns_of(batch))
        assert asked(page) == {}
        as_alice.post(columns_of(batch), chosen(page) | {"action": "try"})
        work_to_the_end(batch)
        assert asked(as_alice.get(columns_of(batch))) == {"Itinérant": 1}

    def test_a_column_that_is_given_a_question_by_hand_is_asked_about_before_it_begins(
        self, as_alice
    ):
        batch = bring(as_alice, export(Mobilité=["Itinérant", "Deux fois l’an"]))
        sent = chosen(as_alice.get(columns_of(batch)), Mobilité="business_travel")
        answer = as_alice.post(columns_of(batch), sent | {"action": "assess"})
        assert answer.status_code == 200
        assert "Some of its words are not known as “Business travel”" in text_of(answer)
        assert asked(answer) == {"Itinérant": 6, "Deux fois l’an": 6}
        again = chosen(answer) | {"action": "assess"}
        assert as_alice.post(columns_of(batch), again).status_code == 302


class TestWhatBecomesOfIt:
    def test_the_model_reads_the_answer_that_was_meant(self, told):
        batch = told(travelling(), MEANT)
        found = {
            p.employee_id: (p.inputs["business_travel"], p.given)
            for p in Prediction.objects.filter(batch=batch)
        }
        assert len(found) == 12
        assert found["E-1"] == ("Travel_Frequently", {"business_travel": "Itinérant"})
        assert found["E-2"] == ("Travel_Rarely", {"business_travel": "Deux fois l’an"})
        assert found["E-3"] == ("Non-Travel", {})
        assert found["E-4"] == (None, {"business_travel": "n.c."})

    def test_the_first_rows_show_it_before_anything_begins(self, as_alice):
        batch = bring(as_alice, travelling())
        sent = chosen(as_alice.get(columns_of(batch))) | {"action": "look"}
        as_alice.post(columns_of(batch), sent | {means(w): v for w, v in MEANT.items()})
        page = as_alice.get(columns_of(batch))
        assert page.context["first"].refused == 0
        assert not Prediction.objects.exists()

    def test_what_was_not_told_is_refused_and_quoted_as_it_stands(self, as_alice, told):
        batch = told(travelling(), {"Itinérant": "Travel_Frequently"})
        assert batch.predictions.count() == 6
        refused = as_alice.get(reverse("batches:refused", args=[batch.pk]))
        assert "Deux fois l’an" in text_of(refused)

    def test_the_same_words_are_read_alike_in_the_next_file_of_these_columns(self, as_alice, told):
        told(travelling(), MEANT)
        page = as_alice.get(columns_of(bring(as_alice, travelling("ITINÉRANT", "loin"))))
        assert page.context["first"].unreadable["business_travel"].count == 6
        assert asked(page)["ITINÉRANT"] == 6
        assert asked(page)["Deux fois l’an"] == 0
        assert "told for an earlier file" in text_of(page)

    def test_corrected_rows_are_read_so_too(self, as_alice, told):
        batch = told(travelling(MonthlyIncome=["much", "2000"]), MEANT)
        address = reverse("batches:refused", args=[batch.pk]) + "?export=csv"
        content = b"".join(as_alice.get(address).streaming_content).replace(b"much", b"2100")
        again = bring(as_alice, content, query=f"?corrects={batch.pk}")
        page = as_alice.get(columns_of(again))
        assert page.context["first"].refused == 0

    def test_nothing_is_noted_where_nothing_was_told(self, told):
        batch = told(export(), {})
        assert set(batch.predictions.values_list("given", flat=True)) == {None}

    def test_what_is_no_answer_is_not_taken(self, as_alice):
        batch = bring(as_alice, travelling())
        sent = chosen(as_alice.get(columns_of(batch))) | {"action": "assess"}
        answer = as_alice.post(columns_of(batch), sent | {means("Itinérant"): "Sometimes"})
        assert answer.status_code == 200
        assert answer.context["form"].errors
        assert not Prediction.objects.exists()


class TestWhoLooksAtItLater:
    def test_the_results_say_what_was_told(self, as_alice, told):
        text = text_of(as_alice.get(told(travelling(), MEANT).get_absolute_url()))
        assert "3 words of the file were read as a person said" in text
        assert "Itinérant" in text

    def test_a_result_quotes_the_file(self, as_alice, told):
        batch = told(travelling(), MEANT)
        someone = batch.predictions.get(employee_id="E-1")
        text = text_of(as_alice.get(someone.get_absolute_url()))
        assert "Business travel, as the file said it" in text
        assert "Itinérant" in text
        other = batch.predictions.get(employee_id="E-3")
        assert "as the file said it" not in text_of(as_alice.get(other.get_absolute_url()))

    def test_an_auditor_finds_the_word_and_the_meaning(self, client, told, bob):
        batch = told(travelling(), MEANT)
        client.force_login(bob)
        page = client.get(reverse("admin:predictions_batch_change", args=[batch.pk]))
        assert "Business travel: “Itinérant” is " in text_of(page)
        someone = batch.predictions.get(employee_id="E-1")
        page = client.get(reverse("admin:predictions_prediction_change", args=[someone.pk]))
        assert "Business travel, as the file said it" in text_of(page)
