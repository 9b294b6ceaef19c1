"""Raw values as they come through the doors, and whole tables: good ones, awkward ones and junk."""

from __future__ import annotations

import datetime
import random

import numpy as np
from hypothesis import strategies as st

from mlcore.engine.tabular import Table

AWKWARD = [
    None, "", "  ", "\u00a0", True, False, 0, 1, -0.0, 0.0, 1.0, 3, 3.0, 4.0, -3, "-3", "3", "3.0",
    "3,0", " 3 ", "+3", "3.5", 3.5, "5 993", "5\u202f993", "5\u00a0993,5", "5,993", "5,993.5",
    "5.993,5", "1,234,567", "0,500", "1_8", "1e3", "NaN", "nan", "Infinity", "-inf", float("nan"),
    float("inf"), float("-inf"), 10**30, -(10**30), 10**400, 10**5000, "1" * 400, "9" * 300, "٣",
    "３", "0x10", "--1", ".", ",", "-", "x" * 3000, "Yes", "yes", " oui ", "TRUE", "R&D", "r d",
    "research_development", "Très Élevée", "tres elevee", "null", "\x00", "\ud800", "a\u202eb",
    [], [1], {}, {"a": 1}, (), (1,), (True,), b"3", datetime.date(2024, 2, 29), object,
    np.float64(3.5), np.float32(2.5), np.int64(3), np.bool_(True), np.str_("Yes"), np.array([3]),
    np.array([1, 2]), np.datetime64("2024-01-01"), np.timedelta64(3, "D"), complex(1, 2),
]  # fmt: skip


def brief(raw):
    """The id of a raw value in a test's name; pytest's own where that is short."""
    if isinstance(raw, (str, bytes)):
        return ascii(raw)[:30]
    if isinstance(raw, int) and raw.bit_length() > 128:
        return f"{raw.bit_length()} bits"
    return None


raw_values = st.one_of(
    st.sampled_from(AWKWARD),
    st.integers(),
    st.floats(),
    st.text(max_size=70),
    st.integers(-2, 20_000).map(str),
    st.floats(-100, 10_000).map(str),
    st.booleans(),
)


def clean_values(feature):
    """What `clean` accepts for a feature, and the value that comes of it: pairs."""
    if feature.choices:
        return st.sampled_from([(choice.value, choice.value) for choice in feature.choices])
    if feature.integer:
        return st.integers(int(feature.minimum), int(feature.maximum)).map(lambda n: (n, n))
    return st.floats(feature.minimum, feature.maximum).map(lambda x: (x, x + 0.0))


def rows(schema, *, blanks=True):
    """Clean rows of a schema, with or without blanks, and never without any value."""
    values = {
        feature.name: clean_values(feature).map(lambda pair: pair[0])
        | (st.none() if blanks else st.nothing())
        for feature in schema.features
    }
    return st.fixed_dictionaries(values).filter(
        lambda row: any(v is not None for v in row.values())
    )


# ---------------------------------------------------------------- tables that people might bring

PLAUSIBLE_HEADERS = [
    "Attrition", "Left", "Statut", "Sorti", "Churn", "Age", "Sexe", "Gender", "Salaire brut (€)",
    "MonthlyIncome", "OverTime", "Date de sortie", "Motif de départ", "Matricule", "EmployeeNumber",
    "Employee ID", "employee_id", "Nom", "E-mail", "Service", "JobLevel", "Satisfaction",
    "YearsAtCompany", "Ancienneté", "% temps", "Over18", "class", "id", "Code postal",
    "csrfmiddlewaretoken",
]  # fmt: skip
STRANGE_HEADERS = [
    "!!!", "???", "年齢", "部門", "Ελλάδα", "a.b", "a b", "A_B", "a-b", "2024", "€", "x" * 200,
    "Âge", "  padded  ", "é", "É", "label", "None", "True", "\u200bzero", "🙂", "a,b;c",
]  # fmt: skip

_CELLS = {
    "whole": lambda dice: str(dice.randint(-20, 90)),
    "steps": lambda dice: str(dice.randint(1, 4)),
    "flag": lambda dice: dice.choice("01"),
    "decimal comma": lambda dice: f"{dice.uniform(0, 50):.1f}".replace(".", ","),
    "decimal point": lambda dice: f"{dice.uniform(-5, 5):.3f}",
    "three decimals, comma": lambda dice: f"{dice.uniform(0, 20):.3f}".replace(".", ","),
    "thousands": lambda dice: f"{dice.randint(0, 99_999):,}",
    "french thousands": lambda dice: f"{dice.uniform(0, 99_999):,.2f}".translate(
        {ord(","): "\u202f", ord("."): ","}
    ),
    "percent": lambda dice: f"{dice.randint(0, 120)} %",
    "euros": lambda dice: f"{dice.randint(0, 9_999)} €",
    "dollars": lambda dice: f"${dice.randint(1_000, 9_999):,}",
    "two currencies": lambda dice: f"{dice.choice('$€')}{dice.randint(0, 9_999)}",
    "huge": lambda dice: str(dice.randint(10**13, 10**18)),
    "tiny": lambda dice: f"{dice.uniform(0, 1e-9):.14f}",
    "excel number": lambda dice: dice.choice([1.0, 2.5, 3.0, 40_000.0, -0.0]),
    "excel whole": lambda dice: float(dice.randint(0, 9)),
    "json number": lambda dice: dice.choice([1, 2.5, 10**15, float("nan"), float("inf")]),
    "boolean": lambda dice: dice.random() < 0.5,
    "mixed": lambda dice: dice.choice([1, "1", 1.0, "1.0", True, "one", 2]),
    "yes no": lambda dice: dice.choice(["Yes", "No"]),
    "oui non": lambda dice: dice.choice(["Oui", "Non", "oui ", "NON"]),
    "left": lambda dice: dice.choice(["Sorti", "Présent"]),
    "grades": lambda dice: dice.choice(["A", "A+", "A-", "B", "b", "B ", "C"]),
    "levels": lambda dice: dice.choice(["Low", "Medium", "High", "Very_High"]),
    "signs": lambda dice: dice.choice(["+", "-", "?", "=", "…"]),
    "digits": lambda dice: dice.choice(["1", "01", "1.0", "1,0", "²", "３", "٣", "-1", "+1"]),
    "words": lambda dice: dice.choice(["R&D", "r & d", "R_D", "Sales", "sâles", "SALES", "HR"]),
    "many words": lambda dice: f"site {dice.randint(1, 90)}",
    "sentence": lambda dice: f"He said, {dice.random()}; then left.",
    "long": lambda dice: "x" * dice.choice([1, 90, 150, 250, 3000]),
    "code": lambda dice: f"E-{dice.randint(0, 10**6)}",
    "mail": lambda dice: f"p{dice.randint(0, 10**6)}@example.org",
    "iso date": lambda dice: (
        f"20{dice.randint(10, 24)}-0{dice.randint(1, 9)}-1{dice.randint(0, 9)}"
    ),
    "french date": lambda dice: f"1{dice.randint(0, 9)}/0{dice.randint(1, 9)}/2024",
    "date": lambda dice: datetime.date(2024, dice.randint(1, 12), 1),
    "constant": lambda dice: "Y",
    "blank": lambda dice: dice.choice(["", "  ", None, "\u00a0"]),
    "not known": lambda dice: dice.choice(["N/A", "-", "7", "12", "nan", "NULL"]),
    "control": lambda dice: dice.choice(["a\nb", "a\tb", "\x7f", "\u200b", "\ud800", "é"]),
    "awkward": lambda dice: dice.choice(AWKWARD),
}


@st.composite
def tables(draw):
    """Tables of up to eight columns and sixty rows, as people might bring them, or never would."""
    headers = draw(
        st.lists(
            st.sampled_from(PLAUSIBLE_HEADERS + STRANGE_HEADERS)
            | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=70),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    dice = random.Random(draw(st.integers(0, 2**32)))
    rows = draw(st.sampled_from([0, 1, 2, 5, 25, 25, 60, 60]))
    columns = []
    if draw(st.booleans()):
        headers = ["Quit", *(header for header in headers if header != "Quit")]
        columns.append([dice.choice(["Yes", "No", "no "]) for _ in range(rows)])
    for _ in headers[len(columns) :]:
        cell = _CELLS[draw(st.sampled_from(sorted(_CELLS)))]
        rare = _CELLS[draw(st.sampled_from(["blank", "blank", "not known", "awkward"]))]
        share = draw(st.sampled_from([0, 0, 0.03, 0.5]))
        columns.append([(rare if dice.random() < share else cell)(dice) for _ in range(rows)])
        if len(columns) > 1 and dice.random() < 0.05:
            columns[-1] = list(columns[0])
    return Table(headers, [list(row) for row in zip(*columns, strict=True)])
