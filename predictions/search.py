"""Where the history is read: a page of it, and how much there is, at a cost that does not grow.

Every way of filtering is led by an index that holds its rows in the order of the history:

| filtered by | led by |
|---|---|
| nothing, or a period | the newest |
| level, source, model, file | one range for each model, source and level |
| an employee; one's own | theirs, the newest first |
| the beginning of a reference | the references, where few begin like that; else the newest |

Where others remain to be looked at one by one, a page looks at no more than a fixed number: it may
hold few rows, or none, and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import product
from typing import Any, cast
from uuid import UUID

from django.db import connections
from django.db.models import (
    Case,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from mlcore.models import ModelVersion
from predictions import lookups  # noqa: F401 - `begins_with`
from predictions.criteria import Count, Criteria, Page, Position
from predictions.models import Prediction, Source
from predictions.models.batch import Batch
from predictions.models.prediction import BandChoice, PredictionQuerySet

COUNTED = 5_000
"""Up to so many rows that match are counted."""
_NEAR = 2_000
_ROWS = 5_000
_ENTRIES = 40_000
"""What a page looks at, at most: rows, or entries of an index that holds all that is asked for."""
_LONGEST_CHUNK = timedelta(minutes=2)  # from the date of its rows to its end, and more
_OTHER_CLOCKS = timedelta(hours=1)  # how far those of two machines may be apart, and more
_CLOCK_PUT_RIGHT = timedelta(seconds=10)  # how far a clock may be set back meanwhile

_NEWEST = ("-created_at", "-id")
_OLDEST = ("created_at", "id")


class Search:
    """The rows of the history that meet the criteria."""

    def __init__(self, criteria: Criteria) -> None:
        self.criteria = criteria

    # ---------------------------------------------------------------- reads

    def page(
        self,
        *,
        size: int,
        start: Position | None = None,
        newer: bool = False,
        skip: int = 0,
        from_oldest: bool = False,
    ) -> Page:
        """Up to `size` rows from a place on: the older ones, or the `newer` ones.

        `skip` rows are left out first; each costs as much as one that is read. `from_oldest` gives
        the rows in the other order, from the first that there is.
        """
        newer = newer or from_oldest
        order = _OLDEST if newer else _NEWEST
        stretch = slice(skip, skip + size + 1)
        there = Q() if start is None else start.beyond(newer=newer)
        end = None
        if self._few:
            keys = self.all.filter(there).order_by(*_unordered(order)).values_list("pk")
            rows = _rows(keys[stretch], order)
        elif self._parts:
            rows = self._merged(there, order, stretch)
        elif self._leads_to_all:
            rows = list(self.all.filter(there).for_history().order_by(*order)[stretch])
        else:
            # Mostly the first few hold a page.
            for look in (_NEAR, self._far):
                end = self._end(there, order, look)
                near = there if end is None else there & _until(end, newer=newer)
                keys = self.all.filter(near).order_by(*order).values_list("pk")
                rows = _rows(keys[stretch], order)
                if end is None or len(rows) > size:
                    break
        more = len(rows) > size
        rows = rows[:size]
        stopped = end is not None and not more
        last = Position(end.moment, UUID(int=0 if not newer else 2**128 - 1)) if end else None
        if rows and not stopped:
            last = Position.of(rows[-1])
        onward = last if more or stopped else None
        if newer and not from_oldest:
            rows.reverse()
            # Wherever one comes from, the rows are still there.
            back = Position.of(rows[-1]) if rows else start
            return Page(
                rows=rows,
                newer=onward,
                older=back,
                looked_until=end.moment if stopped and end else None,
            )
        back = None
        if start is not None:
            back = Position.of(rows[0]) if rows else start
        return Page(
            rows=rows,
            newer=back,
            older=onward,
            looked_until=end.moment if stopped and end else None,
        )

    def count(self) -> Count:
        """How many there are: exactly up to `COUNTED` of them."""
        most = COUNTED + 1
        wanted = self.criteria
        if self._few:
            only = wanted == Criteria(beginning=wanted.beginning)
            return Count(self._alike if only else self.all.order_by().count(), True)
        if wanted == Criteria(batch=wanted.batch) and wanted.batch:
            found = Prediction.objects.filter(batch=wanted.batch).order_by()[:most].count()
        elif self._parts:
            found = self._counted(self._parts)
        elif self._leads_to_all:
            found = self.all.order_by(*_NEWEST)[:most].count()
        elif wanted == Criteria(beginning=wanted.beginning):
            return Count(COUNTED, False)
        else:
            end = self._end(Q(), _NEWEST, COUNTED)
            near = Q() if end is None else _until(end, newer=False)
            found = self.all.filter(near).order_by()[:most].count()
            if end is not None:
                return Count(min(found, COUNTED), False)
        return Count(min(found, COUNTED), found <= COUNTED)

    @cached_property
    def all(self) -> PredictionQuerySet:
        """All rows that meet the criteria, in no order."""
        rows = self._led
        wanted = self.criteria
        if wanted.beginning:
            like = {"employee_id__begins_with": wanted.beginning}
            rows = rows.filter(Q(**like) if self._alike <= COUNTED else _mostly(**like))
        if wanted.batch:
            rows = rows.filter(_mostly(batch=wanted.batch))
        if wanted.requested_by is not None:
            rows = rows.filter(requested_by=wanted.requested_by)
        # Where the kinds do not lead, no other index shall be tried for them.
        narrow: Any = Q if self._few or self._parts else _mostly
        if wanted.bands:
            rows = rows.filter(narrow(band__in=wanted.bands))
        if wanted.sources:
            rows = rows.filter(narrow(source__in=wanted.sources))
        if wanted.model is not None:
            rows = rows.filter(narrow(model_version__version=wanted.model))
        return rows

    @property
    def files(self) -> QuerySet[Batch]:
        """The files that rows may be from."""
        wanted = self.criteria
        if wanted.batch:
            return Batch.objects.filter(pk=wanted.batch.pk)
        if wanted.sources and Source.FILE not in wanted.sources:
            return Batch.objects.none()
        found = Batch.objects.filter(started_at__isnull=False)
        if wanted.since:
            found = found.exclude(finished_at__lt=wanted.since - _OTHER_CLOCKS)
        if wanted.before:
            found = found.filter(started_at__lt=wanted.before + _OTHER_CLOCKS)
        return found

    # ---------------------------------------------------------------- what leads to them

    @cached_property
    def _led(self) -> PredictionQuerySet:
        """The rows that the leading index gives, of which the others are sorted out."""
        wanted = self.criteria
        rows: PredictionQuerySet = Prediction.objects.all()
        since, before = wanted.since, wanted.before
        if wanted.batch and (recorded := _recorded(wanted.batch)):
            begun, ended = recorded
            since = begun if since is None else max(since, begun)
            before = ended if before is None else min(before, ended)
        if since is not None:
            rows = rows.filter(created_at__gte=since)
        if before is not None:
            rows = rows.filter(created_at__lt=before)
        if wanted.employee:
            rows = rows.filter(employee_id=wanted.employee)
        elif wanted.requested_by is not None:
            rows = rows.filter(requested_by=wanted.requested_by)
        return rows

    @cached_property
    def _leads_to_all(self) -> bool:
        """Whether what the leading index gives is what is wanted."""
        wanted = self.criteria
        if wanted.by_kind or wanted.beginning:
            return False
        return not (wanted.employee and wanted.requested_by is not None)

    @cached_property
    def _alike(self) -> int:
        """How many references begin like that; at most one more than are counted."""
        found = Prediction.objects.filter(employee_id__begins_with=self.criteria.beginning)
        return found.order_by().values("pk")[: COUNTED + 1].count()

    @cached_property
    def _few(self) -> bool:
        """Whether a reference is looked for among so few rows that all can be looked at.

        Few references begin like that, or few rows are of that model, source and level.
        """
        if not self.criteria.beginning:
            return False
        return self._alike <= COUNTED or (
            bool(self._kinds) and self._counted(self._kinds) <= COUNTED
        )

    @property
    def _parts(self) -> list[PredictionQuerySet]:
        """The kinds, where they lead to all that is wanted."""
        return [] if self.criteria.beginning else self._kinds

    @cached_property
    def _kinds(self) -> list[PredictionQuerySet]:
        """The rows by model, source and level: each part a range of the index, sorted in itself.

        None where something else leads, or where the database cannot put sorted parts together.
        """
        wanted = self.criteria
        if not wanted.by_kind or wanted.employee or wanted.requested_by is not None:
            return []
        if not connections[Prediction.objects.db].features.supports_slicing_ordering_in_compound:
            return []
        sources: Sequence[str] = wanted.sources or Source.values
        if wanted.batch:
            sources = [source for source in sources if source == Source.FILE]
            models = [wanted.batch.model_version_id] if wanted.batch.model_version_id else []
            if wanted.model is not None:
                named = ModelVersion.objects.filter(version=wanted.model, pk__in=models)
                models = list(named.values_list("pk", flat=True))
        else:
            models = list(answering(wanted.model).values_list("pk", flat=True))
        rows = self._led.filter(_mostly(batch=wanted.batch)) if wanted.batch else self._led
        kinds = product(models, sources, wanted.bands or BandChoice.values)
        parts = [
            rows.filter(model_version=model, source=source, band=band)
            for model, source, band in kinds
        ]
        return parts or [Prediction.objects.none()]

    def _counted(self, parts: list[PredictionQuerySet]) -> int:
        """How many there are together; at most one more than are counted."""
        most = COUNTED + 1
        keys = [part.order_by(*_NEWEST).values("pk")[:most] for part in parts]
        return (keys[0].union(*keys[1:], all=True) if len(keys) > 1 else keys[0])[:most].count()

    def _merged(self, there: Q, order: Sequence[str], stretch: slice) -> list[Prediction]:
        parts = [
            part.filter(there).order_by(*order).values("pk", "created_at")[: stretch.stop]
            for part in self._parts
        ]
        keys: Any = parts[0][stretch.start :]
        if len(parts) > 1:
            order_of_keys = [name.replace("id", "pk") for name in order]
            keys = parts[0].union(*parts[1:], all=True).order_by(*order_of_keys)[stretch]
        return _rows([(row["pk"],) for row in keys], order)

    @property
    def _far(self) -> int:
        theirs = self.criteria.employee or self.criteria.requested_by is not None
        return _ROWS if theirs else _ENTRIES

    def _end(self, there: Q, order: Sequence[str], look: int) -> Position | None:
        """The row that is too far to be looked at; None where there are not so many."""
        keys = self._led.filter(there).order_by(*order).values_list("created_at", "id")
        for moment, pk in keys[look : look + 1]:
            return Position(moment, pk)
        return None


def _recorded(batch: Batch) -> tuple[datetime, datetime] | None:
    """Between which moments a file's rows lie, which were recorded together; None if unknown.

    Each chunk says when it was done by the clock that dated its rows, just after it dated them.
    Clocks of different machines differ: when the file was begun and ended says nothing of its rows.
    """
    done = batch.chunks.aggregate(first=Min("done_at"), last=Max("done_at"))
    if done["first"] is None:
        return None
    return done["first"] - _LONGEST_CHUNK, done["last"] + _CLOCK_PUT_RIGHT


def answering(version: str | None = None) -> QuerySet[ModelVersion]:
    """The models by which anybody was assessed, or the one of them of that version."""
    models = ModelVersion.objects.alias(one=Subquery(one_of_each_model("pk"))).exclude(one=None)
    return models if version is None else models.filter(version=version)


def one_of_each_model(column: str) -> PredictionQuerySet:
    """That column of one prediction by the model of the query around it.

    Any would do; in this order an index has it first.
    """
    of_model = Prediction.objects.filter(model_version=OuterRef("pk"))
    first = of_model.order_by("source", "band", *_NEWEST).values(column)[:1]
    return cast(PredictionQuerySet, first)


def _mostly(**condition: Any) -> Case:
    """A condition that is asked of rows which something else leads to.

    PostgreSQL would gather all that meet it, by another index, where that looks shorter: it cannot
    know that most of the rows meet it, or that the others are few.
    """
    return Case(When(**condition, then=Value(True)), default=Value(False))


def _rows(keys: Any, order: Sequence[str]) -> list[Prediction]:
    found = [pk for (pk,) in keys]
    return list(Prediction.objects.filter(pk__in=found).for_history().order_by(*order))


def _until(end: Position, *, newer: bool) -> Q:
    return Q(created_at__lte=end.moment) if newer else Q(created_at__gte=end.moment)


def _unordered(order: Sequence[str]) -> list[Any]:
    """The same order in words that no index is sorted by: first find, then sort.

    PostgreSQL would else look for few rows along the order, through all those of others.
    """
    moment = F("created_at") + timedelta(0)
    first = moment.asc() if order == _OLDEST else moment.desc()
    return [first, order[1]]
