"""Numbers of two readings and signs beside numbers, settled by their whole column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.engine.features import Feature
from mlcore.engine.ingest.decimals import Evidence, rewrite
from mlcore.engine.ingest.marks import adapted, note


def evidence(*columns):
    found = Evidence()
    for place, texts in enumerate(columns):
        found.look(place, texts)
    return found


def settled(*columns, delimiter=""):
    signs = evidence(*columns).settled(delimiter)
    return [[rewrite(text, signs.get(n, "")) for text in texts] for n, texts in enumerate(columns)]


class TestEvidence:
    @pytest.mark.parametrize(
        ("column", "read"),
        [
            (["12,5", "5,993"], ["12,5", "5.993"]),
            (["0,125", "-1,250"], ["0,125", "-1.250"]),
            (["2 500,50", "1,250"], ["2 500,50", "1.250"]),
            (["2,500.50", "5,993"], ["2,500.50", "5993"]),
            (["1.234.567", "5.993"], ["1.234.567", "5993"]),
            (["12,50 €", "5,993 €"], ["12,50 €", "5.993 €"]),
            (["$2,500.50", "$5,993"], ["$2,500.50", "$5993"]),
            (["5.993", "12"], ["5.993", "12"]),
            (["5,993", "12,5", "12.5"], ["5,993", "12,5", "12.5"]),
            (["Fr. 5,993", "Fr. 2,5"], ["Fr. 5.993", "Fr. 2,5"]),
        ],
        ids=range(10),
    )
    def test_a_column_tells(self, column, read):
        assert settled(column) == [read]

    def test_other_columns_tell_where_they_agree(self):
        assert settled(["5,993"], ["2,5"])[0] == ["5.993"]
        assert settled(["5,993"], ["2.5"])[0] == ["5993"]
        assert settled(["5,993"], ["2.5"], ["2,5"])[0] == ["5,993"]

    def test_at_last_the_delimiter_tells_of_commas(self):
        assert settled(["5,993", "5.993"], delimiter=";")[0] == ["5.993", "5.993"]
        assert settled(["5,993"], delimiter=",")[0] == ["5,993"]

    @given(
        st.lists(
            st.sampled_from(["5,993", "12,5", "12.5", "1 €", "2,5 €", "x", "", "3", "$4"]),
            max_size=40,
        ),
        st.integers(1, 7),
    )
    def test_it_is_the_same_however_the_column_is_cut(self, column, size):
        parts = Evidence()
        for begin in range(0, len(column), size):
            parts.look(0, column[begin : begin + size])
        assert parts.settled(";") == evidence(column).settled(";")

    @pytest.mark.parametrize("rows", [1, 100, 4_000, 9_000])
    def test_every_number_counts_wherever_it_stands(self, rows):
        plain = [str(3_000 + n % 500) for n in range(8_000)]
        euros = [f"{4_000 + n} €" for n in range(100)]
        for column, sign in (
            (plain + euros, {}),
            (euros + plain, {}),
            (euros * 80 + plain[:100], {0: "|€"}),
            (["n.c."] * 4_000 + euros, {0: "|€"}),
        ):
            found = Evidence()
            for begin in range(0, len(column), rows):
                found.look(0, column[begin : begin + rows])
            assert found.settled() == sign

    def test_a_sign_of_nearly_all_numbers_is_told(self):
        euros = [f"{n} €" for n in range(19)]
        assert evidence(euros).settled() == {0: "|€"}
        assert evidence([*euros, "20"]).settled() == {0: "|€"}
        assert evidence([*euros, "1", "2", "3"]).settled() == {}
        assert evidence([*euros, "$20"]).settled() == {}
        assert evidence(["11 %", "12%"]).settled() == {0: "|%"}
        assert evidence(["12,50 €", "5,993 €"]).settled() == {0: ",|€"}

    def test_words_are_no_numbers(self):
        assert evidence(["R&D", "Sales", "E-5,993"]).settled(";") == {}


def number(**known):
    known = {"name": "x", "column": "x", "label": {}, "maximum": 10**6, "integer": False} | known
    return Feature(kind="number", **known)


PAY = number(unit={"en": "USD per month", "fr": "USD par mois"}, integer=True)
EUROS = number(unit={"en": "€", "fr": "€"}, marks=("€", "EUR"))
YEARS = number(unit={"en": "year|years", "fr": "an|ans"})
PERCENT = number(unit={"en": "%", "fr": "%"}, maximum=100, seen=(0, 25))
HIKE = number(column="PercentSalaryHike", maximum=100, seen=(0, 25))
SHARE = number(column="FTE", maximum=1, seen=(0.5, 1.0))
COUNT = number(maximum=100)


def read(feature, *column):
    found = evidence(column).settled()
    return [feature.read(text) for text in adapted(column, found.get(0, ""), feature)]


class TestMarks:
    """A sign that a whole column carries is taken off where it tells nothing of one employee."""

    @pytest.mark.parametrize(
        ("feature", "column", "values"),
        [
            (PAY, ["$5,993", "$2,090"], [5993, 2090]),
            (PAY, ["5 993,00 €", "2 090,00 €"], [5993, 2090]),
            (PAY, ["5 993 USD", "2 090 USD"], [5993, 2090]),
            (EUROS, ["5.993,50 €", "2.090,00 €"], [5993.5, 2090]),
            (EUROS, ["$5993", "$2090"], [5993, 2090]),
            (EUROS, ["€5993", "2090 €", "5 130 EUR"], [5993, 2090, 5130]),
            (PAY, ["€5993", "2090 €", "5 130,00 EUR"], [5993, 2090, 5130]),
            (YEARS, ["3 ans", "1 an", ""], [3, 1, None]),
            (YEARS, ["3 years", "4 yrs"], [3, 4]),
            (PERCENT, ["11 %", "12,5 %"], [11, 12.5]),
            (HIKE, ["11 %", "12%"], [11, 12]),
            (SHARE, ["80 %", "100%"], [0.8, 1]),
            (COUNT, ["8 km", "12 km"], [8, 12]),
        ],
        ids=range(13),
    )
    def test_it_is_read_without_it(self, feature, column, values):
        assert read(feature, *column) == values

    @pytest.mark.parametrize(
        ("feature", "column"),
        [
            (YEARS, ["12 mois", "18 mois"]),
            (COUNT, ["11 %", "12 %"]),
            (PAY, ["5993 km", "10 km"]),
            (PAY, ["5993 €", "$2090"]),
        ],
        ids=range(4),
    )
    def test_but_not_where_the_feature_counts_in_something_else(self, feature, column):
        found = evidence(column).settled()
        assert adapted(column, found.get(0, ""), feature) == column

    def test_references_and_choices_are_never_touched(self):
        column = ["5,993", "2,5"]
        found = evidence(column).settled()[0]
        assert adapted(column, found, None) == column

    def test_what_keeps_a_cell_from_being_a_formula_is_no_part_of_it(self):
        column = ["'=1+1", "'-3", '="00123"', "l'an", "'x", "="]
        assert adapted(column, "", None) == ["=1+1", "-3", "00123", "l'an", "'x", "="]

    def test_another_currency_is_told(self):
        assert note("|€", PAY) == "€"
        assert note("|$", EUROS) == "$"
        assert note("|$", PAY) == note("|%", PERCENT) == note("", PAY) == note("|€", None) == ""

    def test_percentages_of_the_bundled_model_are_read(self, bundled):
        pay = bundled.schema.by_name["monthly_income"]
        assert read(pay, "5 993,00 €", "2 090,00 €") == [5993, 2090]
        assert read(pay, "€5130", "5130,50 €", "5 130 EUR") == [5130, 5130.5, 5130]
        assert read(bundled.schema.by_name["distance_from_home"], "8 km", "10 km") == [8, 10]
