"""Files as HR systems write them, read into columns, and their headers matched to a schema.

CSV in any usual encoding and with any usual delimiter, and XLSX. What a cell means is not judged
here: that is `FeatureSchema.clean_frame`'s.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcore.engine.decimals import settle
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import fold
from mlcore.engine.words import Words, number_text
from mlcore.engine.workbook import WorkbookError, first_sheet

_OLE = b"\xd0\xcf\x11\xe0"
_LONGEST_HEADER = 1_000  # characters: a survey's question may be one
_MARKUP = ("<", "{", "[")  # HTML and XML, JSON
_LONGEST_HEADER_ROW = 300_000  # characters that are looked at for the delimiter
_SEPARATOR_LINE = re.compile(
    r"\s*\"?sep=(?P<delimiter>[,;\t|])\"?[ ,;\t|]*(?:\r\n|\r|\n)", re.IGNORECASE
)
_QUOTED = re.compile(r"(?<![^,;\t|\r\n])\"(?:[^\"]|\"\")*\"")
"""A quoted cell: what is in it separates nothing."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class TableError(ValueError):
    """A file that cannot be read as a table; the text says why and what to do.

    `words` holds the sentence in every language, `str()` gives the English one.
    """

    def __init__(self, code: str, **params: object) -> None:
        self.code = code
        self.words: Words = {
            language: text.format_map(
                {name: _in_language(value, language) for name, value in params.items()}
            )
            for language, text in SENTENCES[code].items()
        }
        super().__init__(self.words["en"])


def _in_language(value: object, language: str) -> str:
    return number_text(value, language) if isinstance(value, (int, float)) else str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How large a file may be."""

    megabytes: int
    rows: int
    columns: int


HISTORY = Limits(megabytes=50, rows=100_000, columns=200)
"""Of a labelled file that a model is trained on."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header row and its columns."""

    headers: list[str]
    rows: list[list[Any]]
    """Cells as the file gives them: texts from CSV, texts and numbers from XLSX."""

    def columns(self) -> dict[str, list[Any]]:
        """The cells by header."""
        turned: Iterable[Sequence[Any]] = (
            zip(*self.rows, strict=True) if self.rows else [()] * len(self.headers)
        )
        return {header: list(cells) for header, cells in zip(self.headers, turned, strict=True)}


@dataclass(frozen=True, slots=True)
class Match:
    """Which column of a file holds which field of a schema."""

    headers: dict[str, str]
    """By field name (`employee_id` included), the header of its column."""
    unused: list[str]
    """Headers that no field asked for."""
    missing: list[str]
    """Features of the model that no column holds; they are blanks for everyone."""


def read_table(content: bytes, limits: Limits = HISTORY) -> Table:
    """Read a CSV or XLSX file. Rows without any value are left out. Raises `TableError`.

    A column whose thousands cannot be told from decimals cell by cell is settled by its other
    cells, by the other columns, or by the delimiter: see `decimals.settle`.
    """
    if len(content) > limits.megabytes * 2**20:
        raise TableError("too_many_bytes", most=limits.megabytes)
    is_xlsx = content.startswith(b"PK\x03\x04")
    filled: list[tuple[int, list[Any]]] = []
    delimiter, lines = ("", _read_xlsx(content)) if is_xlsx else _read_csv(content)
    for number, row in lines:
        if any(map(_filled, row)):
            if not filled and len(row) > limits.columns:
                _check_columns(row, limits)
            filled.append((number, row))
            # The rest of the file is not even read.
            if len(filled) > limits.rows + 1:
                raise TableError("too_many_rows", most=limits.rows)
    if not filled:
        raise TableError("empty")
    (_, first), *rest = filled
    width = len(first)
    for number, row in rest:
        if len(row) > width and not any(map(_filled, row[width:])):
            del row[width:]  # a delimiter after the last cell
        if len(row) != width:
            raise TableError("ragged", row=number, cells=len(row), width=width)
    headers = ["" if cell is None else str(cell).strip() for cell in first]
    if looks_like_values(first):
        raise TableError("no_header")
    # A spreadsheet exports columns that once held something; a name or a value makes a column.
    kept = [
        place
        for place, header in enumerate(headers)
        if header or any(_filled(row[place]) for _, row in rest)
    ]
    if nameless := [place + 1 for place in kept if not headers[place]]:
        raise TableError("nameless", column=nameless[0])
    names = [headers[place] for place in kept]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise TableError("same_name", names=", ".join(twice))
    rows = [row for _, row in rest]
    if len(kept) < width:
        rows = [[row[place] for place in kept] for row in rows]
    if not is_xlsx:
        settle(rows, len(kept), delimiter)
    return Table(names, rows)


def check_history(table: Table, limits: Limits = HISTORY) -> None:
    """Raise `TableError` unless a model could be trained on a table of this form."""
    if len(table.headers) > limits.columns:
        raise TableError("too_many_columns", columns=len(table.headers), most=limits.columns)
    if len(table.rows) > limits.rows:
        raise TableError("too_many_rows", most=limits.rows)
    if len(table.headers) < 2:
        raise TableError("one_column")
    if not table.rows:
        raise TableError("no_rows")
    if long := [n for n, name in enumerate(table.headers, start=1) if len(name) > _LONGEST_HEADER]:
        raise TableError("long_name", column=long[0], most=_LONGEST_HEADER)
    if looks_like_values(table.headers) or _occurs_below(table):
        raise TableError("no_header")


def _check_columns(header: Sequence[object], limits: Limits) -> None:
    named = sum(map(_filled, header))
    if named > limits.columns:
        raise TableError("too_many_columns", columns=named, most=limits.columns)


_VALUE = re.compile(r"[-+]?[0-9][0-9 .,/:%€$£\u00a0\u202f-]*\Z")


def looks_like_values(header: Sequence[object]) -> bool:
    """Whether most names in a header are numbers or dates, as in a row of values."""
    names = [cell for cell in header if _filled(cell)]
    values = sum(1 for name in names if not isinstance(name, str) or _VALUE.match(name.strip()))
    return 2 * values > len(names)


def _occurs_below(table: Table) -> bool:
    """Whether most of the header is found again among the values below it."""
    names = [header.strip().casefold() for header in table.headers]
    found = [False] * len(names)
    for row in table.rows[:1000]:
        for place, cell in enumerate(row):
            if (
                not found[place]
                and isinstance(cell, str)
                and cell.strip().casefold() == names[place]
            ):
                found[place] = True
    numeric = [bool(_VALUE.match(name)) for name in names]
    return 2 * sum(map(bool.__or__, found, numeric)) > len(names)


def _filled(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, str) and (not cell or cell.isspace()))


def match_columns(headers: Sequence[str], schema: FeatureSchema) -> Match:
    """Match headers to a schema: by the very header of the training file, else by name, header,
    label or alias however they are written.
    """
    own = dict.fromkeys(schema.identifier_aliases[:1], EMPLOYEE_ID)
    own |= {feature.column: feature.name for feature in schema.everything}
    matched = {own[header]: header for header in headers if header in own}
    used = set(matched.values())
    for header in headers:
        if header not in used and (name := schema.by_word.get(fold(header))):
            matched.setdefault(name, header)
    used = set(matched.values())
    return Match(
        matched,
        [header for header in headers if header not in used],
        [feature.name for feature in schema.features if feature.name not in matched],
    )


Rows = Iterable[tuple[int, list[Any]]]
"""Rows with the number that each has in its file."""


def _read_csv(content: bytes) -> tuple[str, Rows]:
    """The delimiter and the rows."""
    text = _decode(content)
    if _CONTROL.search(text):
        raise TableError("old_excel" if content.startswith(_OLE) else "neither")
    if text.lstrip()[:1] in _MARKUP:
        raise TableError("neither")
    # Excel's own way to say which delimiter follows.
    if told := _SEPARATOR_LINE.match(text):
        return told["delimiter"], _rows(text[told.end() :], told["delimiter"], first=2)
    begin = _QUOTED.sub("", text.lstrip()[:_LONGEST_HEADER_ROW])
    header = re.split(r"[\r\n]", begin, maxsplit=1)[0]
    delimiter = max(",;\t|", key=header.count)
    return delimiter, _rows(text, delimiter, first=1)


def _rows(text: str, delimiter: str, *, first: int) -> Rows:
    try:
        yield from enumerate(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), first
        )
    except csv.Error as error:
        raise TableError("unreadable_csv", error=error) from error


def _decode(content: bytes) -> str:
    """UTF-16 when it says so, UTF-8, or what Western European systems wrote before it.

    (Text in latin-1 is text in cp1252 too.)
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError("old_excel" if content.startswith(_OLE) else "undecodable")


def _read_xlsx(content: bytes) -> Rows:
    try:
        return enumerate(first_sheet(content), start=1)
    except WorkbookError as error:
        raise TableError(error.code) from error


SENTENCES: Mapping[str, Words] = {
    "empty": {"en": "The file is empty.", "fr": "Le fichier est vide."},
    "too_many_bytes": {
        "en": "The file is larger than {most} MB. Leave out columns or rows that are not needed.",
        "fr": "Le fichier dépasse {most} Mo. Retirez les colonnes ou les lignes inutiles.",
    },
    "too_many_rows": {
        "en": "The file has more than {most} rows. Bring a part of them: the latest years, or one"
        " row per employee.",
        "fr": "Le fichier compte plus de {most} lignes. N’en apportez qu’une partie : les dernières"
        " années, ou une ligne par collaborateur.",
    },
    "too_many_columns": {
        "en": "The file has {columns} columns; at most {most} can be read. Leave out those that are"
        " not needed.",
        "fr": "Le fichier compte {columns} colonnes ; {most} au plus peuvent être lues. Retirez"
        " celles qui sont inutiles.",
    },
    "one_column": {
        "en": "The file has one column only. Separate the columns with commas, semicolons or tabs,"
        " one of them saying who left.",
        "fr": "Le fichier n’a qu’une colonne. Séparez les colonnes par des virgules, des"
        " points-virgules ou des tabulations ; l’une d’elles doit dire qui est parti.",
    },
    "no_rows": {
        "en": "The file has a header and no employees below it.",
        "fr": "Le fichier contient une ligne d’en-tête, mais aucun collaborateur en dessous.",
    },
    "no_header": {
        "en": "The first row holds values where the names of the columns should be. Add a row of"
        " names on top.",
        "fr": "La première ligne contient des valeurs à la place des noms de colonnes. Ajoutez une"
        " ligne de noms en haut du fichier.",
    },
    "ragged": {
        "en": "Row {row} has {cells} cells, but the header has {width}.",
        "fr": "La ligne {row} compte {cells} cellules, mais l’en-tête en compte {width}.",
    },
    "nameless": {
        "en": "Column {column} has values but no name in the first row.",
        "fr": "La colonne {column} contient des valeurs mais n’a pas de nom en première ligne.",
    },
    "long_name": {
        "en": "The name of column {column} is longer than {most} characters. Shorten it.",
        "fr": "Le nom de la colonne {column} dépasse {most} caractères. Raccourcissez-le.",
    },
    "same_name": {
        "en": "The file has columns of the same name: {names}.",
        "fr": "Plusieurs colonnes du fichier portent le même nom : {names}.",
    },
    "neither": {
        "en": "This is neither a CSV nor an XLSX file.",
        "fr": "Ce n’est ni un fichier CSV ni un fichier XLSX.",
    },
    "old_excel": {
        "en": "This is an old Excel file (XLS), or one with a password. Save it as XLSX, without a"
        " password.",
        "fr": "C’est un ancien fichier Excel (XLS), ou un fichier protégé par un mot de passe."
        " Enregistrez-le au format XLSX, sans mot de passe.",
    },
    "unreadable_csv": {
        "en": "The file is not a readable CSV: {error}.",
        "fr": "Le fichier CSV ne peut pas être lu : les guillemets ou les lignes ne se"
        " terminent pas comme ils le devraient ({error}).",
    },
    "undecodable": {
        "en": "The file’s text cannot be decoded. Save it again as CSV UTF-8.",
        "fr": "Le texte du fichier ne peut pas être décodé. Enregistrez-le à nouveau au format CSV"
        " UTF-8.",
    },
    "workbook_too_large": {
        "en": "The workbook cannot be read: it is too large. Save its first sheet as CSV.",
        "fr": "Le classeur ne peut pas être lu : il est trop volumineux. Enregistrez sa première"
        " feuille au format CSV.",
    },
    "workbook_unreadable": {
        "en": "The workbook cannot be read: it is damaged, or no workbook. Open it in Excel and"
        " save it again as XLSX.",
        "fr": "Le classeur ne peut pas être lu : il est abîmé, ou n’en est pas un. Ouvrez-le dans"
        " Excel et enregistrez-le à nouveau au format XLSX.",
    },
}
