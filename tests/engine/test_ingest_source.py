"""What is found at the beginning of a file that somebody brings, or why it is refused."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.ingest import records, source
from mlcore.engine.ingest.limits import Limits
from mlcore.engine.ingest.refusals import SENTENCES, TableError
from mlcore.engine.ingest.source import Format

HEADER = "Matricule;Employé;Salaire;Taux\n"
ROWS = "A1;Zoë;5 993,00 €;11 %\nA2;Élise;2 090,00 €;12 %\n"
NAMES = ["Matricule", "Employé", "Salaire", "Taux"]
FIRST = ["A1", "Zoë", "5 993,00 €", "11 %"]
LINES = b"a;b\n" + b"1;2\n" * 300_000


def examine(content, **limits):
    return source.examine(io.BytesIO(content), **limits)


def brought(content):
    """The names of a file's columns, and its records with their lines."""
    incoming = examine(content if isinstance(content, bytes) else content.encode())
    return incoming.format.headers, read(incoming)


def refusal(content, **limits):
    with pytest.raises(TableError) as refused:
        read(examine(content, **limits))
    for sentence in refused.value.words.values():
        assert sentence.endswith(".")
        assert "{" not in sentence
    return refused.value.code


def read(incoming):
    return list(records.read(incoming.pieces(), incoming.format))


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "found"),
        [
            ("utf-8", "utf-8-sig"),
            ("utf-8-sig", "utf-8-sig"),
            ("utf-16", "utf-16"),
            ("utf-16-le", "utf-16-le"),
            ("utf-16-be", "utf-16-be"),
            ("cp1252", "cp1252"),
        ],
    )
    def test_it_is_told_by_the_bytes(self, encoding, found):
        content = (HEADER + ROWS).encode(encoding)
        assert examine(content).format.encoding == found
        names, rows = brought(content)
        assert names == NAMES
        assert rows[0] == (2, FIRST)

    def test_latin_1_is_read_as_windows_text(self):
        names, rows = brought((HEADER + ROWS.replace("€", "EUR")).encode("latin-1"))
        assert (names, rows[1][1][1]) == (NAMES, "Élise")

    def test_the_first_accent_may_stand_far_below(self):
        plain = "a;b\n" + "1;2\n" * 300_000
        assert examine((plain + "é;3\n").encode()).format.encoding == "utf-8-sig"
        assert examine((plain + "é;3\n").encode("cp1252")).format.encoding == "cp1252"

    def test_a_file_put_together_of_two_encodings_is_refused_before_it_garbles_names(self):
        content = (HEADER + ROWS * 3).encode() + ROWS.encode("cp1252")
        assert refusal(content) == "undecodable"
        assert refusal(HEADER.encode() * 3 + LINES + ROWS.encode("cp1252")) == "undecodable"

    def test_nor_does_it_matter_which_comes_first(self):
        content = HEADER.encode() + ROWS.encode("cp1252") + ROWS.encode() * 3
        assert refusal(content.replace(HEADER.encode(), b"a;b;c;d\n")) == "undecodable"
        assert refusal(b"a;b\nRen\xe9;1\n" + LINES + "Zoé;2\n".encode() * 3) == "undecodable"

    def test_a_french_colon_behind_capitals_is_windows_text(self):
        rows = "A1;CLÉ\u00a0: oui;«É»;1\n" * 50
        assert examine((HEADER + rows).encode("cp1252")).format.encoding == "cp1252"

    @pytest.mark.parametrize("between", [b"", LINES], ids=["near", "far"])
    def test_what_says_that_it_is_utf_8_is_nothing_else(self, between):
        content = b"\xef\xbb\xbfMatricule;Service\n1;Ventes\n" + between + b"2;D\xe9v\n3;x\n"
        line = 3 + between.count(b"\n")
        with pytest.raises(TableError, match=f"line {line:,} "):
            examine(content)
        assert refusal(b"\xef\xbb\xbfa;b\n1;\xc3") == "undecodable"

    def test_an_accent_may_be_cut_in_two(self):
        content = ("a;b\n" + "x" * (source.PIECE - 5) + "é;3\n").encode()
        assert content[source.PIECE - 1 : source.PIECE + 1] == "é".encode()
        assert examine(content[:4] + b"1;2\n" * 9 + content[4:]).format.encoding == "utf-8-sig"

    @pytest.mark.parametrize("shift", range(2))
    def test_rows_may_be_so_long_that_a_few_fill_the_beginning(self, shift):
        content = ("a;b\n" + "x" * shift + ("é" * 20_000 + ";2\n") * 60).encode()
        assert len(read(examine(content))) == 60


class TestDelimiters:
    @pytest.mark.parametrize(
        ("text", "delimiter"),
        [
            ("a,b,c\n1,2,3\n", ","),
            ("a;b;c\n1,5;2,5;3\n2,5;3,5;4\n", ";"),
            ("a\tb\n1,2\t3;4\n", "\t"),
            ("a|b\n1|2\n", "|"),
            ('"Nom, prénom, service";b\n"x, y, z";2\n', ";"),
            ("Export, RH, décembre\na;b;c\n1,5;2;3\n", ";"),
            ("sep=;\na,b;c,d\n1,5;2,5\n", ";"),
            ('\ufeff"sep=\t"\na\tb\n1\t2\n', "\t"),
        ],
        ids=range(8),
    )
    def test_it_is_the_one_that_the_rows_agree_on(self, text, delimiter):
        assert examine(text.encode()).format.delimiter == delimiter

    def test_the_line_that_names_it_counts_as_a_line(self):
        assert brought("sep=;\na;b\n1;2\n") == (["a", "b"], [(3, ["1", "2"])])


class TestTheRowsThatNameTheColumns:
    @pytest.mark.parametrize(
        ("above", "last"),
        [
            ("", 1),
            ("Export RH au 31/12/2025;;;\n;;;\n", 3),
            ("Export RH, décembre 2025\n\n", 3),
            ("Société : Exemple;;;\nÉdité le 12/01/2026;;;\n\n", 4),
            ("Identité;;Rémunération;\n", 2),
        ],
        ids=["alone", "title", "short title", "two titles", "groups"],
    )
    def test_a_title_and_groups_may_stand_above(self, above, last):
        incoming = examine((above + HEADER + ROWS).encode())
        assert incoming.format.headers == NAMES
        assert incoming.format.header_lines == last
        assert next(records.read(incoming.pieces(), incoming.format)) == (last + 1, FIRST)

    @pytest.mark.parametrize(
        "below",
        [";;(€);(%)\n", ";;€;%\n", ";texte;EUR;%\n", HEADER],
        ids=["brackets", "bare", "words", "the header again"],
    )
    def test_units_may_stand_below(self, below):
        names, rows = brought(HEADER + below + ROWS)
        assert names == NAMES
        assert rows[0] == (3, FIRST)

    def test_names_in_a_second_language_may_stand_below(self):
        names, rows = brought(
            "EmployeeNumber;Department;MonthlyIncome;Rate\nMatricule;Service;Salaire;Taux\n"
            "1;Ventes;5993;11\n2;R&D;2090;12\n"
        )
        assert names[0] in ("EmployeeNumber", "Matricule")
        assert [line for line, _ in rows] == [3, 4]

    def test_the_halves_of_a_merged_name_are_joined(self):
        names, rows = brought(
            "Identité;;Salaire;;Prime;\nMatricule;Nom;2023;2024;2023;2024\n"
            "A1;x;1;2;3;4\nA2;y;1;2;3;4\n"
        )
        assert names == [
            "Matricule", "Nom", "Salaire 2023", "Salaire 2024", "Prime 2023", "Prime 2024",
        ]  # fmt: skip
        assert rows[0][0] == 3

    def test_names_merged_downwards_are_kept(self):
        names, rows = brought(
            "Matricule;Nom;Salaire;;Prime\n;;2023;2024;\nA1;x;1;2;3\nA2;y;1;2;3\n"
        )
        assert names == ["Matricule", "Nom", "Salaire", "Salaire 2024", "Prime"]
        assert len(rows) == 2

    def test_an_employee_is_never_taken_for_a_row_of_names(self):
        for first in ("A0;Léa;;", "A0;;n/a;-", "A0;Léa;NC;NC", "A0;Léa;trente;12 %", "A0;Léa;12;x"):
            names, rows = brought(HEADER + first + "\n" + ROWS)
            assert names == NAMES
            assert rows[0] == (2, first.split(";")), first

    @pytest.mark.parametrize(
        ("header", "first", "others"),
        [
            ("id;Age;Pay;Role", "A-one;quarante;confidentiel;Manager", ["2;41;3000;Manager"]),
            ("id;Age;Pay;Role", "A-one;quarante;confidentiel;Manager", ["2;41;3000;Analyst"]),
            ("id;Team;Pay;Level", "A-one;confidentiel;quarante;Manager", ["2;x;3000;2"]),
            ("Nom;Age;Salaire", "Zoé;trente;confidentiel", ["A;41;2500", "B;42;2600"]),
            ("Employee;Age;Salary", "E1;n.d.;à définir", ["E2;41;2500", "E3;42;2600"]),
            ("id;;pay", ";12;", ["1;13;500", "2;14;600"]),
            ("id;Manager;pay", ";Manager;", ["1;x;500", "2;y;600"]),
            ("Contrat;Unité;Temps", "(CDI);(RH);(80%)", ["CDD;IT;100"]),
            ("id;dep;pay", "7;(Sales);", ["1;(HR);500"]),
            ("id;Civilité;pay", ";H;", ["1;F;500", "2;H;600"]),
            ("id;Entrée;;Sortie;", ";2001;2002;;", ["1;2001;2003;2004;2005"]),
        ],
        ids=range(11),
    )
    def test_nor_is_one_whose_cells_are_odd(self, header, first, others):
        _, rows = brought("\n".join([header, first, *others * 6]))
        assert len(rows) == 1 + 6 * len(others)
        assert rows[0] == (2, first.split(";"))

    def test_nor_where_columns_have_no_name(self):
        header = "Matricule;Employé;Salaire;Taux;Service;\n"
        rows = "A1;;;;;note\nA2;x;2;3;Paie;\nA3;y;3;4;Paie;\n"
        assert [line for line, _ in brought(header + rows)[1]] == [2, 3, 4]

    def test_nor_where_nobody_may_know(self):
        first = "A1;Léa;confidentiel;confidentiel\n"
        assert brought(HEADER + first + ROWS)[1][0][0] == 2

    def test_a_name_may_be_long_or_go_over_several_lines(self):
        names, rows = brought('"Salaire\nbrut\n(€)";' + "x" * 400 + "\n1;2\n")
        assert names == ["Salaire brut (€)", "x" * 400]
        assert rows == [(4, ["1", "2"])]

    def test_columns_without_a_name_or_of_the_same_name_can_be_told_apart(self):
        assert brought(",Pay,Pay,,x\n0,1,2,3,4\n")[0] == ["(A)", "Pay", "Pay (2)", "(D)", "x"]

    def test_a_delimiter_after_the_last_cell_makes_no_column(self):
        assert brought("a;b;;\n1;2;;\n3;4;\n") == (["a", "b"], [(2, ["1", "2"]), (3, ["3", "4"])])

    def test_blank_rows_are_left_out_and_counted(self):
        _, rows = brought("a;b\n\n1;2\n;;\n  ; \n3;4\n")
        assert rows == [(3, ["1", "2"]), (6, ["3", "4"])]


class TestFormat:
    def test_it_is_kept_as_json(self):
        layout = examine((HEADER + ROWS).encode("cp1252")).format
        assert Format.from_json(layout.to_json()) == layout
        assert layout == Format(
            kind="csv",
            encoding="cp1252",
            delimiter=";",
            header_lines=1,
            headers=NAMES,
            names_from=(1,),
        )

    def test_one_kept_without_the_rows_of_its_header_can_be_read(self):
        stored = examine((HEADER + ROWS).encode()).format.to_json()
        del stored["names_from"], stored["skipped"]
        assert Format.from_json(stored).headers == NAMES

    @pytest.mark.parametrize(
        ("header", "names_from", "skipped"),
        [
            (HEADER, (1,), ()),
            ("Export RH au 31/12/2025;;;\n\n" + HEADER, (3,), (1,)),
            ("sep=;\nExport\nRH\n" + HEADER + ";;€;%\n", (4, 5), (2, 3)),
            ("Identité;;Rémunération;\n" + HEADER, (2,), (1,)),
            ("Titre\n;;Paie;\nMatricule;Nom;2023;2024\n", (3,), (1, 2)),
            ("Titre\nQui;;Paie;\nMatricule;Nom;2023;2024\n", (2, 3), (1,)),
            ('Matricule;"Nom\nde famille";2023;2024\n;;(€);(€)\n', (1, 3), ()),
        ],
        ids=range(7),
    )
    def test_it_tells_the_lines_that_are_no_employees(self, header, names_from, skipped):
        layout = examine((header + "A1;x;1;2\nA2;y;3;4\n").encode()).format
        assert (layout.names_from, layout.skipped) == (names_from, skipped)

    def test_the_employees_are_estimated_by_the_lines(self):
        assert examine((HEADER + ROWS).encode()).about_rows == 2
        assert examine((HEADER + ROWS).rstrip().encode()).about_rows == 2
        assert examine(b"a;b\r" + b"1;2\r" * 5).about_rows == 5
        assert examine(("a;b\n" + "1;2\n" * 500_000).encode("utf-16")).about_rows == 500_000

    def test_pieces_are_small_and_all_of_it_and_can_be_had_again(self):
        content = b"a;b\n" + b"1;2\n" * 700_000
        incoming = examine(content)
        for _ in range(2):
            pieces = list(incoming.pieces())
            assert b"".join(pieces) == content
            assert max(map(len, pieces)) <= 2**20


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (b"\xef\xbb\xbf", "empty"),
            (b"\n;;\n \n", "empty"),
            (HEADER.encode(), "no_employees"),
            (b"a\n1\n2\n", "one_column_only"),
            (b"41;Yes;1;1\n36;No;2;1\n", "no_header"),
            (b"<html><table><tr><td>a</td>", "markup"),
            (b"<?xml version='1.0'?><Workbook>", "markup"),
            (b'[{"a": 1, "b": 2}]', "neither"),
            (b"%PDF-1.7\n1 0 obj\n", "neither"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "neither"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 999, "old_excel"),
            (b"\x00" * 1000, "neither"),
            (b"a;b\n1;\x00\n", "neither"),
            (LINES + b"\x00;1\n", "nuls"),
            (b"a;b\n\x81;1\n", "undecodable"),
            (b"\xff\xfea", "undecodable"),
            (b'a;b\n1;2\n"3;4\n5;6\n', "unreadable_csv"),
            (b'a;b\n1;2\n"3"x;4\n', "unreadable_csv"),
            (LINES + b'"3;4\n' + b"5;6\n" * 100_000, "unreadable_csv"),
            (b"=A1;=B1\n=1+1;=2\n", "formulas"),
            (b"<<<<<<< HEAD\na;b\n1;2\n=======\na;b\n3;4\n>>>>>>> x\n", "unfinished_merge"),
            (";".join(f"c{n}" for n in range(10_000)).encode() + b"\n1;2\n", "too_many_columns"),
            (b"a" * 3 * 2**20, "long_line"),
            (b"a;" * 3 * 2**20, "long_line"),
            (LINES + b"a" * 3 * 2**20, "long_line"),
        ],
        ids=range(26),
    )
    def test_what_is_no_table_is_told_in_a_sentence(self, content, code):
        assert refusal(content) == code

    def test_an_open_quotation_is_told_with_the_line_where_it_begins(self):
        with pytest.raises(TableError, match="Look at line 3"):
            brought('a;b\n"x\ny";2\n"3;4\n5;6\n'.replace('"x\ny"', "x"))

    def test_a_damaged_file_is_told_with_the_line(self):
        with pytest.raises(TableError, match="line 300,002"):
            examine(LINES + b"\x00;1\n")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_also_in_characters_of_two_bytes(self, encoding):
        text = LINES.decode() + "Ċ;ਊ\n"
        assert examine(text.encode(encoding)).about_rows == 300_001
        with pytest.raises(TableError, match="line 300,003"):
            examine((text + "\x00;1\n").encode(encoding))
        for broken in ("\ud800".encode("utf-16-le", "surrogatepass"), b"1"):
            with pytest.raises(TableError, match="cannot be decoded"):
                examine(text.encode("utf-16-le") + broken)

    def test_a_file_is_as_large_as_its_limits(self):
        small = Limits(megabytes=1, rows=5, columns=3)
        assert refusal(b"a;b\n" + b"1;2\n" * 300_000, limits=small) == "too_many_bytes"
        assert refusal(b"a;b\n" + b"1;2\n" * 6, limits=small) == "too_many_rows"
        assert refusal(b"a;b;c;d\n1;2;3;4\n", limits=small) == "too_many_columns"
        assert examine(b"a;b;c;;\n" + b"1;2;3;;\n" * 5, limits=small).about_rows == 5
        # Lines within cells, and blank ones, are no employees.
        assert examine(b"a;b\n" + b'1;"2\n\n"\n\n' * 5, limits=small).format.headers == ["a", "b"]

    def test_every_sentence_is_there_in_both_languages_with_the_same_blanks_to_fill(self):
        for code, words in SENTENCES.items():
            english, french = (set(re.findall(r"{\w+}", words[lang])) for lang in ("en", "fr"))
            assert english == french, code
            assert not re.search(r" [:;?!»%]|« ", words["fr"]), code

    @settings(max_examples=300, deadline=None)
    @given(
        st.binary(max_size=300) | st.text(max_size=150).map(lambda t: t.encode("utf-8", "replace"))
    )
    def test_bytes_are_a_table_or_a_sentence_and_never_an_exception(self, content):
        if content.startswith(b"PK\x03\x04"):
            return  # read in a process each
        try:
            names, _ = brought(content)
        except TableError:
            return
        assert all(names)
        assert len(set(names)) == len(names) > 1
