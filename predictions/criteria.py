"""What the history is asked for, and what is answered: criteria, places, pages and counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from predictions.models import Prediction
from predictions.models.batch import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Criteria:
    """What the rows are narrowed by; what is empty narrows nothing."""

    requested_by: int | None = None
    employee: str = ""
    """Exactly this reference."""
    beginning: str = ""
    """The beginning of the reference."""
    since: datetime | None = None
    before: datetime | None = None
    bands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    model: str | None = None
    """The version of a model."""
    batch: Batch | None = None

    @property
    def by_kind(self) -> bool:
        """Whether rows are told apart by what `prediction_kind` begins with."""
        return bool(self.bands or self.sources or self.model is not None or self.batch)


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows of the history."""

    moment: datetime
    id: UUID

    @classmethod
    def of(cls, row: Prediction) -> Position:
        return cls(row.created_at, row.pk)

    def beyond(self, *, newer: bool) -> Q:
        """The rows after (or before) it. The first condition alone lets the index be used."""
        if newer:
            return Q(created_at__gte=self.moment) & (
                Q(created_at__gt=self.moment) | Q(id__gt=self.id)
            )
        return Q(created_at__lte=self.moment) & (Q(created_at__lt=self.moment) | Q(id__lt=self.id))


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Rows of the history, the newest first."""

    rows: list[Prediction]
    newer: Position | None
    """Where the page before begins; None on the first."""
    older: Position | None
    """Where the page after begins; None on the last."""
    looked_until: datetime | None = None
    """Set where rows further on were not looked at: how far this page looked."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows match."""

    number: int
    exact: bool
    """Otherwise there are more."""
