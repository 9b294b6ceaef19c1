"""Predictions as files for a spreadsheet: CSV and XLSX, in the reader's language.

A file of any size takes the same memory: rows come from the database in portions, and the models
that made them, which are few, are read once.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone, translation

from accounts.models import User
from predictions.export_columns import Cell, Layout, layout
from predictions.models import Batch
from predictions.models.prediction import PredictionQuerySet

_AT_ONCE = 500  # lines

# A spreadsheet takes a cell that begins like this for a formula. A cell begins where the text does,
# and, for a spreadsheet that reads another country's CSV, after any other's separator too: quotes
# do not hold such a cell together.
_FORMULA_START = re.compile(r"""(?:\A|(?<=[,;\t\r\n]))(?="*[=+\-@\t\r])""")


def filename(extension: str) -> str:
    """The name under which a browser saves the file: dated, so that two do not look alike."""
    return f"predictions-{timezone.localtime():%Y-%m-%d-%H%M}.{extension}"


# ------------------------------------------------------------------ CSV


def csv_response(
    queryset: PredictionQuerySet,
    language: str,
    user: User,
    *,
    files: QuerySet[Batch] | None = None,
    audit_attributes: bool = False,
) -> HttpResponseBase:
    """The predictions as CSV, as Excel opens it in that language; sent while it is written.

    English: separated by commas. French: separated by semicolons, with decimal commas. Numbers
    are exact; contributions stand to the right of the inputs.
    """
    plan = layout(queryset, language, files=files, audit_attributes=audit_attributes)
    response = StreamingHttpResponse(
        _csv_lines(plan, queryset), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{filename("csv")}"'
    return response


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv_lines(plan: Layout, queryset: PredictionQuerySet) -> Iterator[str]:
    french = plan.language.startswith("fr")
    line: Callable[[list[str]], str] = csv.writer(
        _Echo(), delimiter=";" if french else ","
    ).writerow
    decimal = "," if french else "."
    columns = [*plan.about, *plan.groups, *plan.inputs, *plan.contributions]
    yield "\ufeff" + line([plain(column.heading) for column in columns])
    lines: list[str] = []
    for record in plan.records(queryset):
        lines.append(line([csv_cell(column.cell(record), decimal) for column in columns]))
        if len(lines) == _AT_ONCE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def csv_cell(value: Cell, decimal: str) -> str:
    """A value as it is written between two separators."""
    if value is None:
        return ""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, float):
        return repr(value).replace(".", decimal)
    return str(value)


def plain(text: str) -> str:
    """The text as a spreadsheet shows it: what it could take for a formula begins with `'`."""
    return _FORMULA_START.sub("'", text)


# ------------------------------------------------------------------ XLSX


def xlsx_response(
    queryset: PredictionQuerySet,
    language: str,
    user: User,
    *,
    files: QuerySet[Batch] | None = None,
    audit_attributes: bool = False,
) -> HttpResponseBase:
    """The predictions as a workbook: results and inputs, contributions, and where it is from."""
    # xlsxwriter takes memory that a web process needs only when it makes a workbook.
    from predictions.workbook import workbook_response

    plan = layout(queryset, language, files=files, audit_attributes=audit_attributes)
    with translation.override(language):
        return workbook_response(plan, queryset, user=user, name=filename("xlsx"))


RESPONSES: dict[str, Callable[..., HttpResponseBase]] = {
    "csv": csv_response,
    "xlsx": xlsx_response,
}
"""By the name of the format."""
