"""An empty file with the columns of a model, to be filled and brought.

Every column is called what the reader knows it by and what it is recognised by when it comes back.
What is asked for fairness checks alone is left out: nobody is invited to write it down.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from mlcore.engine.features import Feature
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import fold
from mlcore.engine.words import number_text, say

_FORMULAS = ("=", "+", "-", "@")
_LONGEST_LIST = 255  # characters, in a cell's list of answers: the format's own limit
_LAST_ROW = 1_048_575  # the format's own limit, counted from 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One column to fill."""

    header: str
    unit: str
    answers: str
    """What may be written, in words."""
    choices: list[str]
    """Each answer; empty where any number or any reference may stand."""
    help: str


def asked(schema: FeatureSchema, language: str) -> list[Asked]:
    """The columns, the employee's reference first."""
    names = [_("Employee ID"), *schema.identifier_aliases, EMPLOYEE_ID]
    reference = Asked(
        header=next(name for name in names if schema.by_word.get(fold(name)) == EMPLOYEE_ID),
        unit="",
        answers=_("The number or code of the employee. No names."),
        choices=[],
        help=_("By it, people are followed from one file to the next."),
    )
    return [reference, *(_asked(feature, schema, language) for feature in schema.features)]


def _asked(feature: Feature, schema: FeatureSchema, language: str) -> Asked:
    return Asked(
        header=_header(feature, schema, language),
        unit=feature.units(language),
        answers=_answers(feature, language),
        choices=_choices(feature, language),
        help=say(feature.help, language),
    )


def _header(feature: Feature, schema: FeatureSchema, language: str) -> str:
    """The label, unless another column would be recognised by it, or a spreadsheet compute it."""
    for header in (say(feature.label, language), feature.column):
        plain = not header.startswith(_FORMULAS)
        if plain and schema.by_word.get(fold(header)) == feature.name:
            return header
    return feature.name


def _choices(feature: Feature, language: str) -> list[str]:
    if feature.kind == "scale":
        return [str(choice.value) for choice in feature.choices]
    return [say(choice.label, language, str(choice.value)) for choice in feature.choices]


def _answers(feature: Feature, language: str) -> str:
    if feature.kind == "scale":
        steps = (
            (str(choice.value), say(choice.label, language, str(choice.value)))
            for choice in feature.choices
        )
        return "; ".join(step if step == label else f"{step} = {label}" for step, label in steps)
    if feature.kind == "choice":
        return "; ".join(_choices(feature, language))
    low, high = number_text(feature.minimum, language), number_text(feature.maximum, language)
    if feature.integer:
        text = _("A whole number from {low} to {high}.").format(low=low, high=high)
    else:
        text = _("A number from {low} to {high}.").format(low=low, high=high)
    if feature.seen is None:
        return text
    seen = [number_text(bound, language) for bound in feature.seen]
    learned = _("The model learned from {low} to {high}.").format(low=seen[0], high=seen[1])
    return f"{text} {learned}"


# ------------------------------------------------------------------ as a file


def as_csv(columns: list[Asked], language: str) -> HttpResponse:
    """The header alone, as Excel opens it in that language."""
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    writer = csv.writer(response, delimiter=";" if language.startswith("fr") else ",")
    writer.writerow([column.header for column in columns])
    return _named(response, "csv")


def as_xlsx(columns: list[Asked], language: str) -> HttpResponse:
    """A sheet to fill, and one that explains its columns."""
    import xlsxwriter

    from predictions.workbook import HEADER, OPTIONS

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, OPTIONS | {"in_memory": True}) as workbook:
        header = workbook.add_format(HEADER)
        _write_empty(workbook, columns, header)
        _write_explained(workbook, columns, header)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _named(HttpResponse(file.getvalue(), content_type=kind), "xlsx")


def _write_empty(workbook: Any, columns: list[Asked], header: Any) -> None:
    sheet = workbook.add_worksheet(_("Employees"))
    sheet.freeze_panes(1, 1)
    sheet.set_row(0, 48)
    # Text, so that a reference keeps its zeros.
    sheet.set_column(0, 0, 18, workbook.add_format({"num_format": "@"}))
    sheet.set_column(1, len(columns) - 1, 18)
    for index, column in enumerate(columns):
        sheet.write_string(0, index, column.header, header)
        listed = ",".join(column.choices)
        # A comma would part an answer in two.
        whole = listed.count(",") < len(column.choices) and len(listed) <= _LONGEST_LIST
        if column.choices and whole:
            # Other words may be recognised too: what is not listed is doubted, not forbidden.
            among = {"validate": "list", "source": column.choices, "error_type": "warning"}
            sheet.data_validation(1, index, _LAST_ROW, index, among)


def _write_explained(workbook: Any, columns: list[Asked], header: Any) -> None:
    sheet = workbook.add_worksheet(_("The columns"))
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    headings = (_("Column"), _("Unit"), _("What to write"), _("Explanation"))
    for index, (heading, width) in enumerate(zip(headings, (32, 16, 60, 60), strict=True)):
        sheet.set_column(index, index, width)
        sheet.write_string(0, index, heading, header)
    sheet.freeze_panes(1, 1)
    for row, column in enumerate(columns, start=1):
        sheet.write_string(row, 0, column.header, bold)
        for index, text in enumerate((column.unit, column.answers, column.help), start=1):
            sheet.write_string(row, index, text, wrapped)
    blank = _("Leave empty what is not known: it then counts as such.")
    sheet.write_string(len(columns) + 2, 0, blank)


def _named(response: HttpResponse, extension: str) -> HttpResponse:
    name = _("employees-to-fill")
    response["Content-Disposition"] = f'attachment; filename="{name}.{extension}"'
    return response


FORMATS: dict[str, Callable[[list[Asked], str], HttpResponse]] = {"csv": as_csv, "xlsx": as_xlsx}
"""By the name of the format."""
