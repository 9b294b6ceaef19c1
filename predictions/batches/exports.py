"""The results of a file as a spreadsheet, and the rows to correct as a file to bring again.

Whatever the file's size, memory stays flat: the ranking says who follows whom, and predictions come
from the database in portions.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import translation
from django.utils.text import slugify
from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.engine.features import Feature
from mlcore.models import ModelVersion
from predictions.batches import corrections
from predictions.batches.refusals import sentences
from predictions.batches.results import Results
from predictions.explanation import features_of, strongest, terms
from predictions.export_columns import Column, Record, distinct, heading
from predictions.exports import csv_cell, plain
from predictions.models import Batch, RefusedRow
from predictions.models.prediction import BandChoice

if TYPE_CHECKING:
    from accounts.models import User

_FIELDS = (
    "id",
    "batch",
    "row",
    "employee_id",
    "probability",
    "band",
    "groups",
    "inputs",
    "contributions",
)
_PORTION = 1_000  # rows
_REFUSED_PORTION = 500
_MOST_SENTENCES = 20_000
_ORDINARY_NUMBER = re.compile(r"[+-][0-9][0-9.,\u00a0\u202f ]*%?\Z")
"""What begins like a formula and is none: `-5`, `+3,5`."""


# ------------------------------------------------------------------ the list


def columns(found: Results) -> list[Column]:
    """The columns of the list, with headings in its language."""
    language = found.language
    with translation.override(language):
        bands = {value: str(label) for value, label in BandChoice.choices}
        reasons = _Reasons(found)
        first, second = _("Strongest reason"), _("Second reason")
        about = [
            Column(heading=_("Employee"), cell=lambda r: r["employee_id"], width=16),
            Column(heading=_("Level of risk"), cell=lambda r: bands[r["band"]]),
            Column(heading=_("Risk of leaving"), cell=lambda r: r["probability"], style="percent"),
            Column(heading=first, cell=lambda r: reasons.of(r, 0), width=44),
            Column(heading=second, cell=lambda r: reasons.of(r, 1), width=44),
        ]
        groups = [_group(header) for header in found.group_headers]
        inputs = [_input(feature, language) for feature in found.schema.features]
        names = {file.pk: file.name for file in found.files}
        file = Column(heading=_("File"), cell=lambda r: names[r["batch"]], width=24)
        place = [
            *([file] if len(names) > 1 else []),
            Column(heading=_("Line in the file"), cell=lambda r: r["row"], style="number"),
            Column(heading=_("Prediction"), cell=lambda r: str(r["id"]), width=38),
        ]
        return distinct([*about, *groups, *inputs, *place])


class _Reasons:
    """The strongest reasons of many people in words.

    One model gives a value one contribution, so that a sentence that was made serves again.
    """

    def __init__(self, found: Results) -> None:
        self._schema, self._language = found.schema, found.language
        self._order: list[str] = []
        self._made: dict[tuple[Any, ...], str] = {}

    def of(self, record: Record, place: int) -> str:
        """The reason at a place, 0 for the strongest; `""` where there is none."""
        contributions: dict[str, float] = record["contributions"]
        if not self._order:
            self._order = terms(self._schema, contributions)
        sizes = [abs(contributions[name]) for name in self._order]
        # The first of equals: the order is the schema's, as on the page of a result.
        for _stronger in range(place):
            sizes[sizes.index(max(sizes))] = 0.0
        largest = max(sizes, default=0.0)
        return self._sentence(record, self._order[sizes.index(largest)]) if largest else ""

    def _sentence(self, record: Record, name: str) -> str:
        key = (name, *map(record["inputs"].get, features_of(name)))
        sentence = self._made.get(key)
        if sentence is None:
            if len(self._made) > _MOST_SENTENCES:
                self._made.clear()
            only = {name: record["contributions"][name]}
            # The rows of a download are written when the request's language is no longer active.
            with translation.override(self._language):
                (reason,) = strongest(
                    record["inputs"],
                    only,
                    schema=self._schema,
                    language=self._language,
                    count=1,
                )
                sentence = self._made[key] = reason.sentence
        return sentence


def _group(header: str) -> Column:
    return Column(heading=header, cell=lambda record: record["groups"].get(header, ""))


def _input(feature: Feature, language: str) -> Column:
    """An answer in words; a number, and a step of a scale, as one can calculate with it."""
    name = feature.name
    if feature.kind != "choice":
        return Column(
            heading=heading(feature, language),
            cell=lambda record: record["inputs"].get(name),
            style="number",
        )
    words = {c.value: feature.choice_label(c.value, language) for c in feature.choices}
    return Column(
        heading=heading(feature, language),
        cell=lambda record: words.get(record["inputs"].get(name)),
    )


def records(found: Results) -> Iterator[Record]:
    """Everyone on the list, in its order."""
    for start in range(0, len(found.positions), _PORTION):
        rows = found.ranking.rows(found.positions[start : start + _PORTION])
        recorded = found.recorded(rows).values(*_FIELDS)
        by_row: dict[int, Record] = {found.row_of(r["batch"], r["row"]): r for r in recorded}
        yield from (by_row[row] for row in rows if row in by_row)


def filename(name: str, extension: str, *, kind: str = "") -> str:
    """What a browser saves a download as: after the file that it came from."""
    stem = slugify(name.rpartition(".")[0] or name)[:60] or "file"
    return f"{stem}-{kind}.{extension}" if kind else f"{stem}.{extension}"


def csv_response(found: Results, user: User) -> HttpResponseBase:
    """The list as CSV, as Excel opens it in that language; sent while it is written."""
    plan = columns(found)
    decimal = "," if found.language.startswith("fr") else "."
    lines = ([csv_cell(c.cell(record), decimal) for c in plan] for record in records(found))
    return _csv(
        found.language,
        [plain(column.heading) for column in plan],
        lines,
        name=filename(found.batch.name, "csv", kind=_("results")),
    )


def _csv(
    language: str, headings: list[str], lines: Iterable[list[str]], *, name: str
) -> HttpResponseBase:
    def written() -> Iterator[str]:
        portion = io.StringIO("\ufeff")
        portion.seek(0, io.SEEK_END)
        writer = csv.writer(portion, delimiter=";" if language.startswith("fr") else ",")
        writer.writerow(headings)
        for line in lines:
            writer.writerow(line)
            if portion.tell() > 1 << 16:
                yield portion.getvalue()
                portion.seek(0)
                portion.truncate()
        yield portion.getvalue()

    response = StreamingHttpResponse(written(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def xlsx_response(found: Results, user: User) -> HttpResponseBase:
    """The list as a workbook, with a sheet that says what it is."""
    # xlsxwriter takes memory that a web process needs only when it makes a workbook.
    from predictions.batches.workbooks import results_workbook

    with translation.override(found.language):
        name = filename(found.batch.name, "xlsx", kind=_("results"))
        return results_workbook(found, columns(found), records(found), user=user, name=name)


RESPONSES: dict[str, Callable[[Results, User], HttpResponseBase]] = {
    "csv": csv_response,
    "xlsx": xlsx_response,
}
"""By the name of the format."""


# ------------------------------------------------------------------ the rows to correct


@dataclass(frozen=True, kw_only=True, slots=True)
class ToCorrect:
    """The refused rows of a file as a table: the file's own columns, then what to do."""

    headings: list[str]
    rows: Callable[[], Iterator[list[str]]]
    """Each with as many cells as there are headings, the last two being line and sentence."""


def line_and_what_to_do() -> tuple[str, str]:
    """What the two columns that are added are called, in the active language."""
    return _("Line"), _("What to do")


def added_columns() -> frozenset[str]:
    """What these columns are called in any language: nobody is asked what they mean."""
    found: set[str] = set()
    for language in ("en", "fr"):
        with translation.override(language):
            found.update(line_and_what_to_do())
    return frozenset(found)


def to_correct(batch: Batch, language: str) -> ToCorrect:
    """The refused rows of a batch whose cells are still kept, without those that were brought
    again and assessed, as far as their employees' references tell.
    """
    done = corrections.references(corrections.of(batch))
    schema = registry.schema_of(cast(ModelVersion, batch.model_version))
    places = sorted({*batch.matched.values(), *batch.grouped})
    own = [batch.headers[place] for place in places]
    with translation.override(language):
        added, of_a_column = line_and_what_to_do(), _("{label}: {value}")

    def rows() -> Iterator[list[str]]:
        # A row of which nothing is kept, as a merge marker is, is not there to be corrected.
        found = RefusedRow.objects.filter(batch=batch).exclude(cells=[]).order_by("row")
        for row in found.iterator(chunk_size=_REFUSED_PORTION):
            if row.employee_id in done:
                continue
            if told := _to_fill_in(row, language):
                # A value under a wrong column would be believed.
                yield [*[""] * len(own), str(row.row), told]
                continue
            told = " ".join(
                of_a_column.format(label=refusal.column, value=refusal.text)
                if refusal.column
                else refusal.text
                for refusal in sentences(row, schema, language)
            )
            yield [*map(str, row.cells), str(row.row), told]

    return ToCorrect(headings=[*own, *added], rows=rows)


def _to_fill_in(row: RefusedRow, language: str) -> str:
    """What is to be done with a row whose cells nobody can take for what they are; else `""`."""
    code = row.problems[0]["code"]
    with translation.override(language):
        if code == "ragged":
            return _(
                "Line {line} of your file has more or fewer cells than its header, so nobody can"
                " tell which column each belongs to. Copy its values from your file, each into its"
                " column."
            ).format(line=row.row)
        if code == "merging":
            return _(
                "Line {line} of your file stands in a merge that nobody finished: the file says it"
                " twice, differently. Copy the right values from your file, or delete this row."
            ).format(line=row.row)
    return ""


def refused_csv(batch: Batch, language: str) -> HttpResponseBase:
    """The rows to correct as CSV."""
    table = to_correct(batch, language)
    lines = ([_kept(cell) for cell in row] for row in table.rows())
    with translation.override(language):
        name = filename(batch.name, "csv", kind=_("to-correct"))
    return _csv(language, [_kept(text) for text in table.headings], lines, name=name)


def _kept(text: str) -> str:
    """A cell as it is brought again: a number stays one, though it begins like a formula."""
    return text if _ORDINARY_NUMBER.match(text) else plain(text)


def refused_xlsx(batch: Batch, language: str) -> HttpResponseBase:
    """The rows to correct as a workbook, what to do last."""
    from predictions.batches.workbooks import refused_workbook

    table = to_correct(batch, language)
    with translation.override(language):
        name = filename(batch.name, "xlsx", kind=_("to-correct"))
        return refused_workbook(table, name=name)


REFUSED: dict[str, Callable[[Batch, str], HttpResponseBase]] = {
    "csv": refused_csv,
    "xlsx": refused_xlsx,
}
"""By the name of the format."""
