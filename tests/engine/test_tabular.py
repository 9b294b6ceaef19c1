from __future__ import annotations

import contextlib
import datetime
import io
import random
import re
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.tabular import SENTENCES, Limits, TableError, match_columns, read_table

CSV = "Employé,Over Time,Pay\nZoë,Yes,5993\nÉlise,No,2090\n"
ROWS = [["Zoë", "Yes", "5993"], ["Élise", "No", "2090"]]


def workbook(*rows, sheets=()):
    """An XLSX file, as bytes."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title in sheets:
        book.create_sheet(title).append(["not", "read"])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def archive(**parts):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    return content.getvalue()


def refusal(content):
    with pytest.raises(TableError) as refused:
        read_table(content)
    return str(refused.value)


class TestCSV:
    @pytest.mark.parametrize(
        "encoding",
        ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"],
    )
    @pytest.mark.parametrize(
        "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"]
    )
    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
    def test_any_usual_encoding_delimiter_and_line_end(self, encoding, delimiter, line_end):
        text = CSV.replace(",", delimiter).replace("\n", line_end)
        table = read_table(text.encode(encoding))
        assert table.headers == ["Employé", "Over Time", "Pay"]
        assert table.rows == ROWS

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["marked", "unmarked"])
    def test_either_byte_order(self, encoding, mark):
        assert read_table((mark + CSV).encode(encoding)).rows == ROWS

    def test_the_euro_sign_of_windows(self):
        assert read_table("Pay;€\n1;2\n".encode("cp1252")).headers == ["Pay", "€"]

    def test_quoted_cells_hold_delimiters_quotes_and_line_ends(self):
        table = read_table(b'a,b\n"x, ""y""\nz",2\n')
        assert table.rows == [['x, "y"\nz', "2"]]

    def test_decimal_commas_are_left_for_the_schema_to_judge(self):
        assert read_table(b"a;b\n1,5;2\n").rows == [["1,5", "2"]]

    def test_rows_and_columns_without_any_value_are_left_out(self):
        table = read_table(b"\n\na; b ;;\n;;;\n1;2;;\n  ; ;;\n")
        assert table.headers == ["a", "b"]
        assert table.rows == [["1", "2"]]

    @pytest.mark.parametrize(
        "text",
        [
            '"Nom, prénom";"a,b,c,d";Left\n1;2;3\n',
            '"Nom, ""x"", prénom";"a,b,\nc,d";Left\n1;2;3\n',
            "sep=;\na,b,c;d,e,f;Left\n1;2;3\n",
            '\ufeff"sep=;"\r\na,b,c;d,e,f;Left\r\n1;2;3\r\n',
            "sep=\t\na,b,c\td,e,f\tLeft\n1\t2\t3\n",
            "a;b;Left\n1;2;3;\n",
            "a;b;Left\n1;2;3; ;;\n",
        ],
        ids=range(7),
    )
    def test_what_spreadsheets_add_to_it(self, text):
        table = read_table(text.encode())
        assert (len(table.headers), table.headers[-1]) == (3, "Left")
        assert table.rows == [["1", "2", "3"]]

    def test_a_row_keeps_its_number_below_the_line_that_names_the_delimiter(self):
        assert refusal(b"sep=;\na;b\n1;2\n1;2;3\n").startswith("Row 4 has 3 cells")

    def test_a_header_alone_is_a_table_without_rows(self):
        table = read_table(b"a,b\n")
        assert table.rows == []
        assert table.columns() == {"a": [], "b": []}

    def test_the_cells_can_be_had_by_header(self):
        assert read_table(b"a,b\n1,2\n3,4\n").columns() == {"a": ["1", "3"], "b": ["2", "4"]}


class TestWorkbooks:
    def test_the_first_sheet_is_read_with_its_numbers(self):
        content = workbook(
            ["Name", "Pay", "Over"], ["Zoë", 5993, True], ["É", 1.5, None], sheets="x"
        )
        table = read_table(content)
        assert table.headers == ["Name", "Pay", "Over"]
        assert table.rows == [["Zoë", 5993.0, True], ["É", 1.5, ""]]

    def test_dates_are_texts(self):
        table = read_table(workbook(["Hired"], [datetime.date(2024, 2, 29)]))
        assert table.rows == [["2024-02-29"]]

    def test_a_table_may_begin_anywhere_on_the_sheet(self):
        assert read_table(workbook([], [None, None], [None, "a"], [None, 3])).columns() == {
            "a": [3.0]
        }

    def test_a_number_may_be_a_header(self):
        assert read_table(workbook([2024, "b"], [1, 2])).headers == ["2024.0", "b"]

    def test_a_small_file_that_claims_a_huge_sheet_is_refused(self):
        book = openpyxl.Workbook()
        book.active["A1"] = "a"
        book.active["XFD1048576"] = 1  # 17 thousand million cells
        content = io.BytesIO()
        book.save(content)
        assert len(content.getvalue()) < 10_000
        assert refusal(content.getvalue()).startswith(
            "The workbook cannot be read: it is too large."
        )


class TestRefusal:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "The file is empty."),
            (b"\n \n;;\n", "The file is empty."),
            (b"\xef\xbb\xbf", "The file is empty."),
            (b"a,b,a\n1,2,3\n", "The file has columns of the same name: a."),
            (b"a, b,b ,a\n1,2,3,4\n", "The file has columns of the same name: a, b."),
            (b"a,b\n1,2\n\n1,2,3\n", "Row 4 has 3 cells, but the header has 2."),
            (b"a,b\n1\n", "Row 2 has 1 cells, but the header has 2."),
            (b"a,,b\n1,2,3\n", "Column 2 has values but no name in the first row."),
            (b'a,b\n"1,2\n', "The file is not a readable CSV: unexpected end of data."),
            (b"a\n" + b"x" * 200_000, "The file is not a readable CSV: field larger than"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "This is neither a CSV nor an XLSX file."),
            (b"<html><table><tr><td>a</td>", "This is neither a CSV nor an XLSX file but a web"),
            (b'[{"a": 1, "b": 2}]', "This is neither a CSV nor an XLSX file."),
            (b"%PDF-1.7\x01\x02", "This is neither a CSV nor an XLSX file."),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00",
                "This is an old Excel file (XLS), or one with",
            ),
            (b"a\x00b,c\n1,2\n", "This is neither a CSV nor an XLSX file."),
            (b"\xff\xfea", "The file’s text cannot be decoded. Save it again as CSV UTF-8."),
            (b"a\x81\n1\n", "The file’s text cannot be decoded. Save it again as CSV UTF-8."),
            (b"PK\x03\x04", "The workbook cannot be read: "),
            (b"PK\x03\x04" + b"\x00" * 1000, "The workbook cannot be read: "),
            (archive(**{"notes.txt": "hello"}), "The workbook cannot be read: "),
            (archive(**{"xl/workbook.xml": "<junk"}), "The workbook cannot be read: "),
            (workbook()[:-200], "The workbook cannot be read: "),
            (workbook(), "The file is empty."),
            (workbook(["a", "a"], [1, 2]), "The file has columns of the same name: a."),
            (b"41,Yes,1,1\n36,No,2,1\n", "The first row holds values where the names of"),
            (b"12/05/2024;3,5;x\n13/05/2024;4;y\n", "The first row holds values where the names"),
            (
                workbook([41, "Yes", 1.5], [36, "No", 2]),
                "The first row holds values where the name",
            ),
        ],
        ids=range(28),
    )
    def test_what_is_no_table_is_told_in_a_sentence(self, content, sentence):
        assert refusal(content).startswith(sentence)

    def test_every_sentence_is_there_in_both_languages_with_the_same_blanks_to_fill(self):
        for code, words in SENTENCES.items():
            english, french = (set(re.findall(r"{\w+}", words[lang])) for lang in ("en", "fr"))
            assert english - {"{error}"} == french - {"{error}"}, code
            assert words["en"] != words["fr"]
            # What stands before these in French is a no-break space.
            assert not re.search(r" [:;?!»]|« ", words["fr"]), code

    def test_a_refusal_speaks_both_languages_with_their_numbers(self):
        with pytest.raises(TableError) as refused:
            read_table(b"a\n" + b"1\n" * 100_001)
        assert refused.value.code == "too_many_rows"
        assert str(refused.value) == refused.value.words["en"]
        assert "100,000 rows" in refused.value.words["en"]
        assert "100\u202f000 lignes" in refused.value.words["fr"]


SMALL = Limits(megabytes=1, rows=3, columns=2)


class TestLimits:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"a,b\n" + b"1,2\n" * 3, None),
            (b"a,b,,\n" + b"1,2,,\n" * 3, None),
            (b"a,b\n" + b"1,2\n" * 4, "too_many_rows"),
            (b"a,b\n\n" + b'1,"2\n"\n' * 3, None),
            (b"a,b,c\n1,2,3\n", "too_many_columns"),
            (b"a,b\n1," + b"x" * 2**20, "too_many_bytes"),
            (workbook(["a", "b"], *[[1, 2]] * 4), "too_many_rows"),
            (workbook(["a", "b", "c"], [1, 2, 3]), "too_many_columns"),
        ],
        ids=range(8),
    )
    def test_a_file_within_its_limits_is_read_and_another_is_told_so(self, content, code):
        if code is None:
            assert len(read_table(content, SMALL).rows) == 3
            return
        with pytest.raises(TableError) as refused:
            read_table(content, SMALL)
        assert refused.value.code == code

    def test_a_file_of_too_many_rows_is_not_read_to_its_end(self):
        content = b"a,b\n" + b"1,2\n" * 4 + b'"never closed'
        with pytest.raises(TableError) as refused:
            read_table(content, SMALL)
        assert refused.value.code == "too_many_rows"


class TestNumbersThatCanBeReadInTwoWays:
    """A column of a CSV settles what one of its cells leaves open."""

    @pytest.mark.parametrize(
        ("cells", "settled"),
        [
            (["12,5", "5,993"], ["12,5", "5.993"]),
            (["0,125", "1,250", "-1,250"], ["0,125", "1.250", "-1.250"]),
            (["2 500,50", "1,250"], ["2 500,50", "1.250"]),
            (["2,500.50", "5,993"], ["2,500.50", "5993"]),
            (["1,234,567", "5,993"], ["1,234,567", "5993"]),
            (["2.500,50", "5.993"], ["2.500,50", "5993"]),
            (["1.234.567", "5.993"], ["1.234.567", "5993"]),
            (["0.125", "5.993"], ["0.125", "5.993"]),
            # Nothing tells, or not the same: they are left for the schema to judge.
            (["5.993", "12"], ["5.993", "12"]),
            (["5,993", "12,5", "12.5"], ["5,993", "12,5", "12.5"]),
            # Who separates columns by semicolons writes a decimal comma.
            (["5,993", "12"], ["5.993", "12"]),
            (["5,993", "word", ""], ["5.993", "word", ""]),
            (["5,993", "a, b", "12,5 km"], ["5.993", "a, b", "12,5 km"]),
        ],
        ids=range(13),
    )
    def test_a_column_tells(self, cells, settled):
        content = "x;y\n" + "".join(f"{cell};other\n" for cell in cells)
        assert read_table(content.encode()).columns()["x"] == settled

    def test_each_column_by_itself(self):
        table = read_table(b"x;y\n12,5;2,500.50\n5,993;5,993\n")
        assert table.rows[1] == ["5.993", "5993"]

    @pytest.mark.parametrize(
        ("text", "settled"),
        [
            ("x;y\n5,993;2,5\n", "5.993"),
            ("x;y\n5,993;2.5\n", "5993"),
            ("x;y;z\n5,993;2.5;2,5\n", "5,993"),
            ("x\ty\n5,993\ta\n", "5.993"),
            ("x|y\n5,993|a\n", "5,993"),
            ('x,y\n"5,993",a\n', "5,993"),
            ('x,y\n"5,993",2.5\n', "5993"),
        ],
        ids=range(7),
    )
    def test_where_it_does_not_tell_the_rest_of_the_file_may(self, text, settled):
        assert read_table(text.encode()).rows[0][0] == settled

    def test_the_numbers_of_a_workbook_are_numbers(self):
        table = read_table(workbook(["x", "y"], ["12,5", 1.5], ["5,993", 2.25]))
        assert table.columns() == {"x": ["12,5", "5,993"], "y": [1.5, 2.25]}

    @settings(max_examples=300)
    @given(
        st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace"))
    )
    def test_bytes_are_a_table_or_a_sentence_and_never_an_exception(self, content):
        if content.startswith(b"PK\x03\x04"):
            return  # read in a process each: below
        try:
            table = read_table(content)
        except TableError:
            return
        assert all(len(row) == len(table.headers) for row in table.rows)
        assert len(set(table.headers)) == len(table.headers)
        assert all(table.headers)

    def test_a_damaged_workbook_is_a_table_or_a_sentence_and_never_an_exception(self):
        intact = workbook(["a", "b"], [1, "x"], [2, "y"])
        dice = random.Random(0)
        for _ in range(10):
            damaged = bytearray(intact)
            for _ in range(4):
                damaged[dice.randrange(4, len(damaged))] = dice.randrange(256)
            with contextlib.suppress(TableError):
                read_table(bytes(damaged))


class TestMatching:
    @pytest.mark.parametrize(
        "header",
        ["monthly_income", "MonthlyIncome", "Monthly income", "MONTHLY INCOME", " monthly-income ",
         "Rémunération mensuelle", "remuneration mensuelle", "Salary", "SALAIRE"],
    )  # fmt: skip
    def test_a_column_is_known_by_any_of_its_names(self, schema, header):
        match = match_columns(["x", header], schema)
        assert match.headers == {"monthly_income": header}
        assert match.unused == ["x"]
        assert match.missing == ["commute", "satisfaction", "department", "over_time"]

    @pytest.mark.parametrize(
        "header", ["employee_id", "Employee ID", "EmployeeNumber", "matricule"]
    )
    def test_so_is_the_employees_reference(self, schema, header):
        assert match_columns([header], schema).headers == {"employee_id": header}

    def test_the_first_of_two_columns_for_one_field_is_taken(self, schema):
        match = match_columns(["Salary", "Monthly Income"], schema)
        assert match.headers == {"monthly_income": "Salary"}
        assert match.unused == ["Monthly Income"]

    def test_but_the_very_header_of_the_training_file_goes_first(self, schema):
        match = match_columns(["Salary", "monthlyincome", "MonthlyIncome"], schema)
        assert match.headers == {"monthly_income": "MonthlyIncome"}
        assert match.unused == ["Salary", "monthlyincome"]
        assert match_columns(["id", "Matricule", "EmployeeNumber"], schema).headers == {
            "employee_id": "EmployeeNumber"
        }

    @pytest.mark.parametrize("header", ["", "  ", "&", "Zodiac"])
    def test_other_columns_are_unused(self, schema, header):
        assert match_columns([header], schema).headers == {}

    def test_a_fields_own_name_goes_before_anothers_alias(self, schema):
        assert match_columns(["age"], schema).headers == {"age": "age"}

    def test_the_original_header_of_the_public_file_is_matched_completely(self, bundled):
        match = match_columns(IBM_HEADER, bundled.schema)
        assert len(IBM_HEADER) == 35
        assert match.missing == []
        assert set(match.headers) == {"employee_id", *bundled.schema.by_name}
        not_needed = set(bundled.card["selection"]["cost"])
        assert not_needed
        assert {snake(header) for header in match.unused} == not_needed | {
            "attrition", "daily_rate", "employee_count", "hourly_rate", "monthly_rate", "over18",
            "standard_hours",
        }  # fmt: skip

    def test_labels_match_in_both_languages(self, bundled):
        for language in ("en", "fr"):
            labels = [feature.label[language] for feature in bundled.schema.everything]
            match = match_columns(labels, bundled.schema)
            assert match.headers == dict(zip(bundled.schema.by_name, labels, strict=True))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_public_file_in_its_original_form_is_read_whole(bundled, kind):
    """The first row of the original file: words for choices, numbers for scales."""
    content = (
        "\n".join(",".join(map(str, row)) for row in (IBM_HEADER, IBM_ROW)).encode()
        if kind == "csv"
        else workbook(IBM_HEADER, IBM_ROW)
    )
    table = read_table(content)
    match = match_columns(table.headers, bundled.schema)
    columns = table.columns()
    frame = bundled.schema.clean_frame({n: columns[h] for n, h in match.headers.items()})
    assert not frame.problems
    row = frame.row(0)
    assert row.employee_id == "1"
    assert row.inputs["job_role"] == "Sales Executive"
    assert row.inputs["monthly_income"] == 5993
    assert row.inputs["job_satisfaction"] == 4
    assert row.audit == {"age": 41, "gender": "Female", "marital_status": "Single"}
    assert None not in row.inputs.values()


def snake(header):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", header).lower()


IBM_HEADER = (  # noqa: SIM905
    "Age,Attrition,BusinessTravel,DailyRate,Department,DistanceFromHome,Education,EducationField,"
    "EmployeeCount,EmployeeNumber,EnvironmentSatisfaction,Gender,HourlyRate,JobInvolvement,"
    "JobLevel,JobRole,JobSatisfaction,MaritalStatus,MonthlyIncome,MonthlyRate,NumCompaniesWorked,"
    "Over18,OverTime,PercentSalaryHike,PerformanceRating,RelationshipSatisfaction,StandardHours,"
    "StockOptionLevel,TotalWorkingYears,TrainingTimesLastYear,WorkLifeBalance,YearsAtCompany,"
    "YearsInCurrentRole,YearsSinceLastPromotion,YearsWithCurrManager"
).split(",")
IBM_ROW = [
    41, "Yes", "Travel_Rarely", 1102, "Research & Development", 1, 2, "Life Sciences", 1, 1, 2,
    "Female", 94, 3, 2, "Sales Executive", 4, "Single", 5993, 19479, 8, "Y", "Yes", 11, 3, 1, 80,
    0, 8, 0, 1, 6, 4, 0, 5,
]  # fmt: skip
