"""An export as an XLSX workbook, written row by row.

Imports xlsxwriter, so import it only where a workbook is about to be made.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any, cast

import xlsxwriter
from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from xlsxwriter.exceptions import FileCreateError

from accounts.models import User
from mlcore.models import ModelVersion
from predictions.export_columns import Cell, Column, Layout, Record
from predictions.models.prediction import PredictionQuerySet

ROWS_PER_SHEET = 1_048_576  # the format's own limit, the header included

OPTIONS = {
    "constant_memory": True,
    # What people typed stays text.
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
STYLES: dict[str, dict[str, Any]] = {
    "text": {},
    "number": {},
    "percent": {"num_format": "0.0%"},
    "date": {"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"},
    "log_odds": {"num_format": "+0.000;-0.000;0.000"},
}
HEADER = {
    "bold": True,
    "text_wrap": True,
    "valign": "top",
    "bg_color": "#E0F0ED",
    "font_color": "#084941",
    "bottom": 1,
    "bottom_color": "#0B5F56",
}


class _Table:
    """A sheet with a header that stays and filters; continued on another when it is full."""

    def __init__(self, workbook: Any, title: str, columns: list[Column], frozen: int) -> None:
        self._workbook, self._title, self._columns = workbook, title, columns
        self._frozen = frozen
        self._header = workbook.add_format(HEADER)
        self._formats = {name: workbook.add_format(style) for name, style in STYLES.items()}
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        name = self._title if self._sheets == 1 else f"{self._title} {self._sheets}"
        self._sheet = self._workbook.add_worksheet(name)
        for index, column in enumerate(self._columns):
            self._sheet.set_column(index, index, column.width)
        self._sheet.freeze_panes(1, self._frozen)
        self._sheet.set_row(0, 48)
        for index, column in enumerate(self._columns):
            self._sheet.write_string(0, index, column.heading, self._header)
        self._row = 0

    def add(self, record: Record) -> None:
        if self._row + 1 == ROWS_PER_SHEET:
            self.end()
            self._begin()
        self._row += 1
        for index, column in enumerate(self._columns):
            self._write(index, column.cell(record), self._formats[column.style])

    def _write(self, index: int, value: Cell, style: Any) -> None:
        if value is None or value == "":
            return
        if isinstance(value, str):
            self._sheet.write_string(self._row, index, value, style)
        elif isinstance(value, datetime):
            self._sheet.write_datetime(self._row, index, value, style)
        else:
            self._sheet.write_number(self._row, index, value, style)

    def end(self) -> None:
        self._sheet.autofilter(0, 0, self._row, len(self._columns) - 1)


def workbook_response(
    plan: Layout, queryset: PredictionQuerySet, *, user: User, name: str
) -> FileResponse:
    """The results, the contributions, and where they are from, as a download."""

    def write(workbook: Any) -> None:
        columns = [*plan.about, *plan.groups, *plan.inputs]
        results = _Table(workbook, _("Predictions"), columns, 2)
        by_number = [plan.employee, plan.number]
        reasons = _Table(workbook, _("Contributions"), [*by_number, *plan.contributions], 1)
        rows: Counter[int] = Counter()
        for record in plan.records(queryset):
            results.add(record)
            reasons.add(record)
            rows[record["model_version_id"]] += 1
        results.end()
        reasons.end()
        _write_origin(workbook, plan, rows, user)

    return download(write, name)


def download(write: Callable[[Any], None], name: str) -> FileResponse:
    """The workbook that is written, made in a temporary file whose end is the download's.

    Raises `OSError` when there is no room for it; then nothing of it is left.
    """
    file = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 - the response closes it
    try:
        with workbook_in(file) as workbook:
            write(workbook)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return FileResponse(file, as_attachment=True, filename=name)


@contextmanager
def workbook_in(file: IO[bytes]) -> Iterator[Any]:
    """A workbook of xlsxwriter's, which is in the file when the block ends. Raises `OSError`."""
    # Its sheets lie in files of their own until then, which it forgets when it cannot go on.
    with tempfile.TemporaryDirectory(prefix="attrition-") as folder:
        try:
            with xlsxwriter.Workbook(file, OPTIONS | {"tmpdir": folder}) as workbook:
                yield workbook
        except FileCreateError as error:
            raise cast(OSError, error.__context__) from None


def _write_origin(workbook: Any, plan: Layout, rows: Counter[int], user: User) -> None:
    """The sheet that says where the others are from."""
    sheet = workbook.add_worksheet(_("About this file"))
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 70)
    sheet.set_column(2, 2, 14)
    bold = workbook.add_format({"bold": True, "valign": "top"})
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    date = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
    count = workbook.add_format({"num_format": "#,##0", "align": "left"})
    header = workbook.add_format(HEADER)

    now = timezone.now().astimezone(plan.zone).replace(tzinfo=None, microsecond=0)
    sheet.write_string(0, 0, _("Exported ({time_zone})").format(time_zone=plan.zone), bold)
    sheet.write_datetime(0, 1, now, date)
    sheet.write_string(1, 0, _("Exported by"), bold)
    sheet.write_string(1, 1, who(user))
    sheet.write_string(2, 0, _("Predictions"), bold)
    sheet.write_number(2, 1, rows.total(), count)
    sheet.write_string(3, 0, _("How to read it"), bold)
    sheet.write_string(
        3,
        1,
        _(
            "The risk of leaving is a share: of 100 people with a risk of 0.23, about 23 left. "
            "Contributions are in log-odds against the average employee: above zero raises the "
            "risk, below zero lowers it. The log-odds of the average employee and the "
            "contributions add up to the log-odds of the result. The risk is the share that leaves "
            "whatever the conditions, and of the rest the share 1 / (1 + e^−log-odds)."
        ),
        wrapped,
    )
    for index, heading in enumerate((_("Model"), _("SHA-256 of the artifact"), _("Predictions"))):
        sheet.write_string(5, index, heading, header)
    used = [version for version in plan.versions.values() if rows[version.pk]]
    for index, version in enumerate(used):
        sheet.write_string(6 + index, 0, model_words(version, plan.language), wrapped)
        sheet.write_string(6 + index, 1, version.sha256)
        sheet.write_number(6 + index, 2, rows[version.pk], count)


def who(user: User) -> str:
    """A person by name and account."""
    return f"{user.name} ({user.username})" if user.name else user.username


def model_words(version: ModelVersion, language: str) -> str:
    """A model by number and title."""
    return f"{version.version}: {version.title(language)}"
