from __future__ import annotations

import datetime
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlcore.engine.features import Choice, Feature
from mlcore.engine.values import InvalidValueError, fold, read_identifier, shown
from mlcore.engine.words import number_text
from tests.engine.strategies import AWKWARD, brief, raw_values


def number(**limits):
    return Feature(
        name="x", column="X", kind="number", label={}, **({"minimum": -10_000_000} | limits)
    )


WHOLE = number(maximum=10_000_000, typical=7)
REAL = number(maximum=10_000_000, integer=False)


def refusal(feature, raw):
    with pytest.raises(InvalidValueError) as refused:
        feature.read(raw)
    return refused.value.problem


class TestNumbers:
    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            (5993, 5993),
            (5993.0, 5993),
            ("5993", 5993),
            (" 5993\t", 5993),
            ("+5993", 5993),
            ("-12", -12),
            ("007", 7),
            ("5993.0", 5993),
            ("5993,00", 5993),
            ("5993.", 5993),
            ("5 993", 5993),
            ("5\u00a0993", 5993),  # no-break space
            ("5\u202f993", 5993),  # narrow no-break space: French
            ("5\u2009993", 5993),  # thin space: ISO
            ("5'993", 5993),
            ("5’993", 5993),  # Swiss
            ("5,993", 5993),
            ("1,234,567", 1_234_567),
            ("1.234.567", 1_234_567),
            ("1 234 567,0", 1_234_567),
            ("-5,993.00", -5993),
            (np.int64(7), 7),
            (np.float64(7.0), 7),
            (np.uint8(7), 7),
            (-0.0, 0),
        ],
        ids=brief,
    )
    def test_a_whole_number_is_read_as_people_and_programs_write_it(self, raw, value):
        read = WHOLE.read(raw)
        assert read == value
        assert type(read) is int

    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            (7.25, 7.25),
            (7, 7.0),
            ("7.25", 7.25),
            ("7,25", 7.25),
            ("5 993,5", 5993.5),
            ("5\u202f993.5", 5993.5),
            ("5,993.5", 5993.5),
            ("5.993,5", 5993.5),
            ("1,234,567", 1_234_567.0),
            ("0,500", 0.5),
            ("0,125", 0.125),
            ("1234,567", 1234.567),
            ("-0.0", 0.0),
            (np.float32(0.5), 0.5),
        ],
        ids=brief,
    )
    def test_a_real_number_takes_a_point_or_a_comma(self, raw, value):
        read = REAL.read(raw)
        assert read == value
        assert type(read) is float

    @pytest.mark.parametrize("raw", [None, "", "  ", "\t\n", "\u00a0", " " * 5000], ids=brief)
    @pytest.mark.parametrize("feature", [WHOLE, REAL], ids=["whole", "real"])
    def test_nothing_is_a_blank_and_not_zero(self, feature, raw):
        assert feature.read(raw) is None

    @pytest.mark.parametrize(
        "raw",
        [
            "NaN",
            "nan",
            "Infinity",
            "-inf",
            math.nan,
            math.inf,
            -math.inf,
            np.float64("nan"),
            "1_8",
            "1e3",
            "1e400",
            "0x10",
            "٣",
            "３",
            "½",
            "five",
            "5 99",
            "5,99,3",
            "5 993 5",
            "1,234.567,8",
            "--5",
            "5-",
            "$5",
            "5%",
            ".",
            ",",
            "-",
            ".5",
            "1" * 301,
            "\x00",
            True,
            False,
            np.bool_(True),
            np.timedelta64(3, "D"),
            np.datetime64("2024-01-01"),
            np.array([5]),
            np.array([5, 6]),
            Decimal(5),
            datetime.date(2024, 1, 1),
            5j,
            [5],
            {"value": 5},
            b"5",
            object(),
        ],
        ids=brief,
    )
    @pytest.mark.parametrize("feature", [WHOLE, REAL], ids=["whole", "real"])
    def test_what_is_no_number_is_refused(self, feature, raw):
        assert refusal(feature, raw).code == "not_a_number"

    @pytest.mark.parametrize(
        "raw", [7.5, "7.5", "7,5", "0,500", "5 993,5", np.float64(7.5)], ids=brief
    )
    def test_decimals_are_refused_where_a_whole_number_is_asked(self, raw):
        assert refusal(WHOLE, raw).code == "not_whole"

    def test_a_comma_that_could_mean_either_is_refused(self):
        # 5993 in English, 5.993 in French.
        assert refusal(REAL, "5,993").code == "ambiguous_number"

    def test_unless_one_meaning_is_below_all_that_was_learned(self):
        pay = number(maximum=100_000, integer=False, seen=(1009.0, 19999.0))
        assert [pay.read(raw) for raw in ("5,993", "25,000", "5,993.5")] == [5993, 25000, 5993.5]
        # As a program writes it, it is small; as some people do, it is not.
        assert refusal(pay, "5.993").code == "ambiguous_number"
        assert pay.read(5.993) == 5.993
        grade = number(maximum=10, integer=False, seen=(2.0, 4.5))
        assert refusal(grade, "1,500").code == "ambiguous_number"
        assert grade.read("1.500") == 1.5

    @pytest.mark.parametrize(
        "raw", [10**30, 10**400, -(10**400), 10**5000, "9" * 300, 1e300], ids=brief
    )
    @pytest.mark.parametrize("feature", [WHOLE, REAL], ids=["whole", "real"])
    def test_a_number_of_any_size_is_out_of_range_and_quoted_shortly(self, feature, raw):
        problem = refusal(feature, raw)
        assert problem.code == "out_of_range"
        assert len(problem.text("en")) < 150

    def test_the_limits_themselves_are_within_the_range(self):
        feature = number(minimum=1, maximum=4)
        assert [feature.read(raw) for raw in (1, "4")] == [1, 4]
        assert refusal(feature, 0).code == refusal(feature, "5").code == "out_of_range"

    def test_the_refusal_shows_an_example(self):
        assert refusal(WHOLE, "many").text("en") == (
            "“many” is not a number. Write it in digits, for example 7."
        )

    @given(st.integers(-10_000_000, 10_000_000), st.sampled_from(["en", "fr"]))
    def test_a_whole_number_as_we_write_it_is_read_back(self, value, language):
        assert WHOLE.read(number_text(value, language)) == value

    @given(st.floats(-10_000_000, 10_000_000))
    def test_a_real_number_as_python_writes_it_is_read_back_exactly(self, value):
        assume("e" not in repr(value))  # 1e-05 is no way to write a number
        assert REAL.read(repr(value)) == value


MARKED = number(
    maximum=10_000_000, integer=False, marks=("€", "EUR", "%"), blank_words=("N/A", "-")
)


class TestMarks:
    """What may stand beside a number is what the feature knows."""

    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            ("11 %", 11.0),
            ("11%", 11.0),
            ("11,5\u202f%", 11.5),
            ("€ 2 500", 2500.0),
            ("€2,500.50", 2500.5),
            ("2\u00a0500,50 €", 2500.5),
            ("2500eur", 2500.0),
            ("EUR 2500", 2500.0),
            ("-€5", -5.0),
            ("€-5", -5.0),
            ("+5 %", 5.0),
            ("2500", 2500.0),
        ],
        ids=brief,
    )
    def test_it_is_set_aside(self, raw, value):
        assert MARKED.read(raw) == value

    @pytest.mark.parametrize(
        "raw",
        ["$5", "5 £", "€5%", "€€5", "€", "%", "5 % 6", "-€-5", "5%.", "%5,", "five %", "5 €uros",
         "5-€", "x" * 5000 + "5 %", "1" * 5000 + " %", "5" + " " * 5000 + "%"],
        ids=brief,
    )  # fmt: skip
    def test_others_are_refused_and_so_are_two(self, raw):
        assert refusal(MARKED, raw).code == "not_a_number"

    @pytest.mark.parametrize("raw", ["5 %", "€5", "€"], ids=brief)
    def test_a_feature_without_marks_takes_none(self, raw):
        assert refusal(REAL, raw).code == "not_a_number"
        assert refusal(number(maximum=9, marks=("",)), raw).code == "not_a_number"

    def test_a_percentage_may_always_say_so(self):
        feature = number(maximum=100, unit={"en": "%", "fr": "%"})
        assert [feature.read(raw) for raw in ("11 %", "11%", 11)] == [11, 11, 11]

    def test_what_can_be_read_in_two_ways_still_can(self):
        assert refusal(MARKED, "5,993 €").code == "ambiguous_number"
        assert number(maximum=10_000, marks=("€",)).read("5,993 €") == 5993
        assert refusal(number(maximum=10_000, marks=("€",)), "5,5 €").code == "not_whole"

    def test_the_refusal_quotes_what_was_given(self):
        assert refusal(MARKED, "€ 1.2.3").params["given"] == "€ 1.2.3"

    @pytest.mark.parametrize("raw", ["N/A", " n/a ", "-"])
    def test_the_words_of_the_training_file_for_nothing_are_blanks(self, raw):
        assert MARKED.read(raw) is None
        assert refusal(REAL, raw).code == "not_a_number"

    def test_so_is_what_is_no_number_to_a_program_where_the_file_says_so(self):
        feature = number(maximum=9, blank_words=("NaN",))
        assert feature.read(math.nan) is None
        assert refusal(feature, math.inf).code == "not_a_number"
        assert refusal(MARKED, math.nan).code == "not_a_number"


SCALE = Feature(
    name="satisfaction",
    column="S",
    kind="scale",
    label={},
    choices=(
        Choice(value=0, label={"en": "None", "fr": "Aucune"}),
        Choice(value=3, label={"en": "High", "fr": "Élevée"}),
        Choice(value=4, label={"en": "Very high", "fr": "Très élevée"}, aliases=("top",)),
    ),
)
CHOICE = Feature(
    name="department",
    column="D",
    kind="choice",
    label={},
    choices=(
        Choice(
            value="Research & Development",
            label={"en": "Research and development", "fr": "Recherche et développement"},
            aliases=("R&D",),
        ),
        Choice(value="Yes", label={"en": "Sales", "fr": "Commercial"}, aliases=("true",)),
    ),
)


class TestChoices:
    @pytest.mark.parametrize(
        "raw",
        [
            "Research & Development",
            "research_development",
            "RESEARCH-DEVELOPMENT",
            "  Research   &  Development ",
            "Research and development",
            "Recherche et développement",
            "recherche et developpement",
            "R&D",
            "r & d",
            np.str_("R&D"),
        ],
        ids=brief,
    )
    def test_an_answer_is_known_by_any_of_its_words_however_they_are_written(self, raw):
        assert CHOICE.read(raw) == "Research & Development"

    @pytest.mark.parametrize("raw", [True, np.bool_(True), "TRUE"], ids=brief)
    def test_a_boolean_is_an_answer_where_its_word_is_one(self, raw):
        assert CHOICE.read(raw) == "Yes"
        assert refusal(SCALE, raw).code == "not_a_choice"

    @pytest.mark.parametrize(
        "raw",
        [4, 4.0, "4", " 4 ", "4.0", "4,0", "+4", "04", "Very high", "very_high", "TRÈS ÉLEVÉE",
         "tres elevee", "top", np.int64(4), np.float64(4.0)], ids=brief
    )  # fmt: skip
    def test_a_step_is_known_by_its_number_or_its_words(self, raw):
        read = SCALE.read(raw)
        assert read == 4
        assert type(read) is int

    @pytest.mark.parametrize("raw", [0, "0", "0.0", -0.0, "none", "Aucune"], ids=brief)
    def test_zero_is_a_step_like_any_other(self, raw):
        assert SCALE.read(raw) == 0

    @pytest.mark.parametrize(
        "raw",
        [1, 5, -3, "-3", "−3", "3.5", 3.5, "(3)", "３", "³", "٣", 10**400, 10**5000, math.nan,
         math.inf, "3 4", "maybe", "&", "x" * 100_000, [3], {"value": 3}, b"3", np.array([3]),
         datetime.date(2024, 3, 3)], ids=brief
    )  # fmt: skip
    def test_what_is_no_answer_is_refused(self, raw):
        assert refusal(SCALE, raw).code == "not_a_choice"

    @pytest.mark.parametrize("raw", [None, "", "   ", "\u202f", " " * 5000], ids=brief)
    def test_nothing_is_a_blank(self, raw):
        assert SCALE.read(raw) is None
        assert CHOICE.read(raw) is None

    def test_the_words_of_the_training_file_for_nothing_are_blanks(self):
        feature = Feature(
            name="x",
            column="X",
            kind="choice",
            label={},
            choices=(Choice(value="A", label={"en": "A"}), Choice(value="A+", label={"en": "A+"})),
            blank_words=("?", "N/A"),
        )
        assert [feature.read(raw) for raw in ("?", "n/a", "a", "A+")] == [None, None, "A", "A+"]
        assert refusal(CHOICE, "N/A").code == "not_a_choice"

    def test_a_word_goes_before_what_is_left_of_it_without_its_signs(self):
        feature = Feature(
            name="x",
            column="X",
            kind="choice",
            label={},
            choices=(
                Choice(value="A", label={"en": "Good"}, aliases=("best",)),
                Choice(value="B", label={"en": "best!"}),
            ),
        )
        assert feature.read("best!") == "B"
        assert feature.read("best") == "A"
        assert feature.read("BEST!") == "A"

    def test_the_refusal_lists_the_choices_in_the_readers_language(self):
        problem = refusal(SCALE, "maybe")
        assert problem.text("en") == "“maybe” is not one of the choices: None, High, Very high."
        assert problem.text("fr") == (
            "«\u00a0maybe\u00a0» ne fait pas partie des choix\u00a0: Aucune, Élevée, Très élevée."
        )

    def test_the_datas_own_word_goes_before_anothers_label(self):
        feature = Feature(
            name="x",
            column="X",
            kind="choice",
            label={},
            choices=(
                Choice(value="A", label={"en": "B"}),
                Choice(value="B", label={"en": "C"}),
            ),
        )
        assert feature.read("B") == "B"


class TestIdentifiers:
    @pytest.mark.parametrize(
        ("raw", "reference"),
        [
            ("E-1024", "E-1024"),
            ("  E-1024 ", "E-1024"),
            ("Zoë Müller", "Zoë Müller"),
            (1024, "1024"),
            (1024.0, "1024"),
            (np.int64(1024), "1024"),
            (0, "0"),
            (None, ""),
            ("", ""),
            ("   ", ""),
            ("é" * 64, "é" * 64),
            (10**63, "1" + "0" * 63),
        ],
        ids=brief,
    )
    def test_a_reference_is_short_text(self, raw, reference):
        assert read_identifier(raw) == reference

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            ("x" * 65, "too_long"),
            (10**64, "too_long"),
            (10**5000, "too_long"),
            (1e300, "too_long"),
            ("a\x00b", "unprintable"),
            ("a\nb", "unprintable"),
            ("\ud800", "unprintable"),
            ("\ue000", "unprintable"),
            ("a\u202eb", "unprintable"),  # turns the reading direction
            ("a\u200bb", "unprintable"),  # a space without width
            ("a\u2028b", "unprintable"),
            (True, "not_text"),
            (12.5, "not_text"),
            (math.nan, "not_text"),
            (math.inf, "not_text"),
            ([], "not_text"),
            ({}, "not_text"),
            (b"E-1", "not_text"),
        ],
        ids=brief,
    )
    def test_anything_else_is_refused(self, raw, code):
        with pytest.raises(InvalidValueError) as refused:
            read_identifier(raw)
        assert refused.value.problem.code == code


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Research & Development", "research_development"),
        ("Très élevée", "TRES ELEVEE"),
        ("Straße", "STRASSE"),
        ("Travel_Rarely", "travel rarely"),
    ],
)
def test_words_that_people_write_differently_fold_into_one(left, right):
    assert fold(left) == fold(right)


@pytest.mark.parametrize("raw", AWKWARD, ids=brief)
def test_whatever_is_quoted_is_short_and_can_be_stored(raw):
    text = shown(raw)
    assert len(text) <= 40
    assert all(character.isprintable() or character.isspace() for character in text)


@given(raw_values)
def test_a_reader_answers_or_refuses_and_raises_nothing_else(raw):
    for read in (WHOLE.read, REAL.read, SCALE.read, CHOICE.read, read_identifier):
        try:
            value = read(raw)
        except InvalidValueError as refused:
            value = refused.problem.text("fr")
        assert type(value) in (int, float, str, type(None))
