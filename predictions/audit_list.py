"""The admin's list of predictions, as quick among millions as among hundreds.

Django's own counts all that it finds, sorts all of it by any column, and reads all of it for the
dates above it. Here a list is found by `predictions.search`; it is counted, sorted by risk, and
paged through as far as that counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.core.paginator import InvalidPage, Paginator
from django.db.models import Max, Min, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mlcore.models import ModelVersion
from predictions.criteria import Count, Criteria
from predictions.models import Prediction
from predictions.models.batch import Batch
from predictions.search import Search

_Row = TypeVar("_Row", bound=Model)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def numbered(term: str) -> Q | None:
    """The predictions of which `term` is the number, or the number of their request; else None.

    All rows of a file have the number of the request that brought it.
    """
    wanted = Q(pk__in=[])
    with suppress(ValueError):
        wanted |= Q(pk=UUID(term))
    if _REQUEST_ID.match(term):
        wanted |= Q(request_id=term, batch__isnull=True)
        if files := list(Batch.objects.filter(request_id=term).values_list("pk", flat=True)):
            wanted |= Q(batch__in=files)
    return wanted if Prediction.objects.filter(wanted).exists() else None


class PredictionList(ChangeList):
    """What the list shows; `exact` says whether `result_count` is all that there is."""

    exact = True
    _number: Q | None = None
    _period: dict[str, Any]

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[Prediction]:
        term = self.query.strip()
        self._number = numbered(term) if term else None
        if self._number is None:
            return super().get_queryset(request, exclude_parameters)
        # Found by its number, it is not looked for by the beginning of a reference.
        query, self.query = self.query, ""
        try:
            return super().get_queryset(request, exclude_parameters).filter(self._number)
        finally:
            self.query = query

    def get_filters(self, request: HttpRequest) -> Any:
        filters = super().get_filters(request)
        self._period = filters[2]
        return filters

    def get_results(self, request: HttpRequest) -> None:
        if self._number is not None:
            super().get_results(request)
            return
        search = self.search
        count = search.count()
        self.exact = count.exact
        paginator = Paginator(range(count.number), self.list_per_page)
        can_show_all = count.exact and count.number <= self.list_max_show_all
        multi_page = count.number > self.list_per_page
        first, size = 0, self.list_per_page
        if self.show_all and can_show_all:
            size = self.list_max_show_all
        elif multi_page:
            try:
                first = paginator.page(self.page_num).start_index() - 1
            except InvalidPage as error:
                raise IncorrectLookupParameters from error
        self.result_list = self._rows(request, search, count, first, size)
        self.result_count = count.number
        self.show_full_result_count = False
        self.full_result_count = None
        self.show_admin_actions = True
        self.can_show_all = can_show_all
        self.multi_page = multi_page
        self.paginator = paginator

    @cached_property
    def search(self) -> Search:
        """The rows that the address asks for; not for a term that is a number."""
        return Search(self._criteria(self.query.strip()))

    def _rows(
        self, request: HttpRequest, search: Search, count: Count, first: int, size: int
    ) -> list[Prediction]:
        order = str(self.get_ordering(request, self.queryset)[0])
        if order.removeprefix("-") == "created_at":
            return search.page(size=size, skip=first, from_oldest=order == "created_at").rows
        if count.exact:
            return list(self.queryset[first : first + size])
        messages.info(
            request,
            _("There are too many to sort them: they stand by date. Filter or search first."),
        )
        return search.page(size=size, skip=first).rows

    def _criteria(self, term: str) -> Criteria:
        """What the address asks for: Django has read and refused what cannot be meant."""
        asked = self.params
        model = _chosen(ModelVersion.objects.only("version"), asked.get("model"))
        batch = _chosen(Batch.objects.all(), asked.get("file"))
        period = self._period
        return Criteria(
            beginning=term,
            since=_moment(period.get("created_at__gte") or asked.get("created_at__gte")),
            before=_moment(period.get("created_at__lt") or asked.get("created_at__lt")),
            bands=(band,) if (band := asked.get("band__exact")) else (),
            sources=(source,) if (source := asked.get("source__exact")) else (),
            model=model.version if model else None,
            batch=batch,
        )

    # ---------------------------------------------------------------- the dates above it

    @property
    def dates(self) -> dict[str, Any]:
        """Years, a year's months or a month's days, from the first prediction to the last.

        As Django's template draws them; not only those on which there was one.
        """
        ends = Prediction.objects.order_by().aggregate(
            first=Min("created_at"), last=Max("created_at")
        )
        if ends["first"] is None:
            return {}
        first, last = timezone.localdate(ends["first"]), timezone.localdate(ends["last"])
        year, month, day = (
            int(given) if (given := self.params.get(f"created_at__{part}")) else None
            for part in ("year", "month", "day")
        )
        if year and month and day:
            shown = date(year, month, day)
            back = self._date(shown, "YEAR_MONTH_FORMAT", year=year, month=month)
            return {"back": back, "choices": [{"title": _title(shown, "MONTH_DAY_FORMAT")}]}
        if year and month:
            days = (d for d in _days(year, month) if first <= d <= last)
            return {
                "back": {"title": str(year), "link": self._to(year=year)},
                "choices": [
                    self._date(d, "MONTH_DAY_FORMAT", year=year, month=month, day=d.day)
                    for d in days
                ],
            }
        if year or first.year == last.year:
            year = year or first.year
            months = (date(year, number, 1) for number in range(1, 13))
            known = (m for m in months if first.replace(day=1) <= m <= last)
            everything = {"title": _("All dates"), "link": self._to()}
            return {
                "back": everything if "created_at__year" in self.params else None,
                "choices": [
                    self._date(m, "YEAR_MONTH_FORMAT", year=year, month=m.month) for m in known
                ],
            }
        return {
            "back": None,
            "choices": [
                {"title": str(number), "link": self._to(year=number)}
                for number in range(first.year, last.year + 1)
            ],
        }

    def _date(self, shown: date, form: str, /, **parts: int) -> dict[str, str]:
        return {"title": _title(shown, form), "link": self._to(**parts)}

    def _to(self, **parts: int) -> str:
        chosen = {f"created_at__{part}": number for part, number in parts.items()}
        return str(self.get_query_string(chosen, ["created_at__"]))


def _title(day: date, form: str) -> str:
    return str(capfirst(formats.date_format(day, form)))


def _days(year: int, month: int) -> Iterator[date]:
    for number in range(1, 32):
        with suppress(ValueError):
            yield date(year, month, number)


def _chosen(rows: QuerySet[_Row], number: str | None) -> _Row | None:
    """The row of that number; None without one. Raises `IncorrectLookupParameters`."""
    if not number:
        return None
    try:
        return rows.get(pk=int(number))
    except (ValueError, OverflowError, ObjectDoesNotExist) as error:
        raise IncorrectLookupParameters from error


def _moment(given: Any) -> datetime | None:
    """A moment as the filters write it into the address. Raises `IncorrectLookupParameters`."""
    if isinstance(given, list):
        given = given[-1]
    if not given or isinstance(given, datetime):
        return given or None
    try:
        moment = parse_datetime(str(given))
    except ValueError as error:
        raise IncorrectLookupParameters from error
    if moment is None:
        raise IncorrectLookupParameters
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
