from __future__ import annotations

import string

import pytest

from mlcore.engine.words import LANGUAGES, PROBLEMS, Problem, number_text, say


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Age"), ("fr", "Âge"), ("fr-ca", "Âge"), ("de", "Age")]
)
def test_a_text_is_said_in_the_readers_language_or_else_in_english(language, text):
    assert say({"en": "Age", "fr": "Âge"}, language) == text


def test_a_text_in_one_language_alone_is_better_than_none():
    assert say({"fr": "Trajet"}, "en") == "Trajet"


def test_a_text_that_nobody_wrote_has_a_default():
    assert say({}, "fr", "age") == "age"
    assert say({"fr": ""}, "fr", "age") == "age"


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (5, "5", "5"),
        (5993, "5,993", "5\u202f993"),
        (5993.0, "5,993", "5\u202f993"),
        (12_345.5, "12,345.5", "12\u202f345,5"),
        (-1_234.25, "-1,234.25", "-1\u202f234,25"),
        (0.1 + 0.2, "0.3", "0,3"),
        (1e-7, "0.0000001", "0,0000001"),
        (10**12, "1,000,000,000,000", "1\u202f000\u202f000\u202f000\u202f000"),
        (-0.0, "0", "0"),
    ],
)
def test_a_number_is_written_as_people_write_it(value, english, french):
    assert number_text(value, "en") == english
    assert number_text(value, "fr") == french


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_told_in_every_language_with_the_same_facts(code):
    facts = {
        language: {fact for _, fact, _, _ in string.Formatter().parse(PROBLEMS[code][language])}
        for language in LANGUAGES
    }
    assert facts["en"] == facts["fr"]
    assert PROBLEMS[code]["en"] != PROBLEMS[code]["fr"]


def test_the_facts_of_a_problem_are_written_in_its_language_too():
    problem = Problem("out_of_range", {"given": "-1", "minimum": 0.5, "maximum": 1_000_000})
    assert problem.text("en") == "-1 is out of range. Enter a number from 0.5 to 1,000,000."
    assert problem.text("fr") == (
        "-1 est hors limites. Saisissez un nombre de 0,5 à 1\u202f000\u202f000."
    )


def test_what_was_typed_is_quoted_and_never_taken_for_a_pattern():
    problem = Problem("not_a_number", {"given": "{example.__class__}", "example": 7})
    assert problem.text("en").startswith("“{example.__class__}” is not a number.")
