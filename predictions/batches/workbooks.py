"""A file's results, and its rows to correct, as XLSX workbooks, written row by row.

Imports xlsxwriter, so import it only where a workbook is about to be made.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, cast

from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import User
from mlcore.models import ModelVersion
from predictions.batches import groups, sheet_rows
from predictions.batches.corrections import Again
from predictions.batches.exports import ToCorrect
from predictions.batches.results import Results
from predictions.export_columns import Column, Record
from predictions.models.prediction import BandChoice
from predictions.workbook import HEADER, STYLES, download, model_words, who, workbook_in

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def results_workbook(
    found: Results, plan: list[Column], records: Iterable[Record], *, user: User, name: str
) -> StreamingHttpResponse:
    """The list, and a sheet that says which file, which model, when and by whom; sent while it is
    written, so that nobody looks at a page where nothing happens.
    """
    pattern = io.BytesIO()
    count = len(found.positions)
    with workbook_in(pattern) as workbook:
        _write_pattern(workbook, plan, count)
        _write_origin(workbook, found, user)
    written = sheet_rows.filled(pattern, plan, records, count)
    response = StreamingHttpResponse(written, content_type=_XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _write_pattern(workbook: Any, plan: list[Column], count: int) -> None:
    """The sheet of the list: its header, which stays and filters, and a row for all."""
    sheet = workbook.add_worksheet(pgettext("counted", "People"))
    header = workbook.add_format(HEADER)
    styles = {name: workbook.add_format(style) for name, style in STYLES.items()}
    sheet.freeze_panes(1, 1)
    sheet.set_row(0, 48)
    for index, column in enumerate(plan):
        sheet.set_column(index, index, column.width)
        sheet.write_string(0, index, column.heading, header)
    for index, column in enumerate(plan):
        sheet.write_number(1, index, 0, styles[column.style])
    sheet.autofilter(0, 0, count, len(plan) - 1)


def refused_workbook(table: ToCorrect, *, name: str) -> FileResponse:
    """The rows to correct: every cell as the text that the file held, what to do last."""

    def write(workbook: Any) -> None:
        sheet = workbook.add_worksheet(_("To correct"))
        last = len(table.headings) - 1
        header = workbook.add_format(HEADER)
        told = workbook.add_format({"font_color": "#A8231C"})
        # Text, so that a reference keeps its zeros and a date its form.
        text = workbook.add_format({"num_format": "@"})
        sheet.set_column(0, last - 1, 18, text)
        sheet.set_column(last - 1, last - 1, 8)
        sheet.set_column(last, last, 90)
        sheet.freeze_panes(1, 0)
        for index, heading in enumerate(table.headings):
            sheet.write_string(0, index, heading, header)
        number = 0
        for number, row in enumerate(table.rows(), start=1):
            for index, cell in enumerate(row[:-2]):
                sheet.write_string(number, index, cell, text)
            sheet.write_number(number, last - 1, int(row[-2]))
            sheet.write_string(number, last, row[-1], told)
        sheet.autofilter(0, 0, number, last)

    return download(write, name)


def _again_words(file: Again) -> str:
    words = {"file": file.batch.name, "people": file.people}
    if file.people and not file.listed:
        return _("{file}: {people}, judged otherwise, and not in this list").format(**words)
    return _("{file}: {people}").format(**words)


def _kept_words(found: Results) -> list[str]:
    return list(dict.fromkeys(name for file in found.files for name in groups.kept(file)))


def _write_origin(workbook: Any, found: Results, user: User) -> None:
    batch, version = found.batch, cast(ModelVersion, found.batch.model_version)
    sheet = workbook.add_worksheet(_("About this file"))
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 80)
    bold = workbook.add_format({"bold": True, "valign": "top"})
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    date = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
    count = workbook.add_format({"num_format": "#,##0", "align": "left"})
    percent = workbook.add_format({"num_format": "0.0%", "align": "left"})

    zone = timezone.get_current_timezone()

    def moment(value: Any) -> Any:
        return value.astimezone(zone).replace(tzinfo=None, microsecond=0)

    totals = found.ranking.totals
    facts: list[tuple[str, Any, Any]] = [
        (_("File"), batch.name, wrapped),
        (_("SHA-256 of the file"), batch.sha256, None),
        (_("Assessed ({time_zone})").format(time_zone=zone), moment(batch.started_at), date),
        (_("Requested by"), who(cast(User, batch.started_by)), None),
        (_("Model"), model_words(version, found.language), wrapped),
        (_("SHA-256 of the artifact"), version.sha256, None),
        (_("People assessed"), totals.people, count),
        *((str(BandChoice(level.band).label), level.people, count) for level in found.levels),
        *((_("Corrected rows from"), _again_words(file), wrapped) for file in found.again),
        (_("Rows that could not be assessed"), found.left, count),
        (_("People in this export"), len(found.positions), count),
        *((_("Only"), text, wrapped) for text in found.chosen_words),
        *((_("Kept to compare groups"), text, wrapped) for text in _kept_words(found)),
        *((_("Read as a person said"), text, wrapped) for text in found.told_words),
        (_("High risk begins at"), batch.threshold, percent),
        (_("Exported ({time_zone})").format(time_zone=zone), moment(timezone.now()), date),
        (_("Exported by"), who(user), None),
        (
            _("How to read it"),
            _(
                "The risk of leaving is a share: of 100 people with a risk of 0.23, about 23 left. "
                "It describes what people in similar conditions did. It is never a verdict on a "
                "person."
            ),
            wrapped,
        ),
    ]
    for row, (label, value, style) in enumerate(facts):
        sheet.write_string(row, 0, label, bold)
        if isinstance(value, str):
            sheet.write_string(row, 1, value, style)
        elif value is not None and style is date:
            sheet.write_datetime(row, 1, value, style)
        elif value is not None:
            sheet.write_number(row, 1, value, style)
