"""Pages of the history: each begins where the last one ended, however many rows came since."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from predictions.criteria import Position
from predictions.models import Prediction
from predictions.search import Search

CURSOR = "cursor"
PAGE_SIZE = "page_size"


class HistoryPagination(BasePagination):
    """Newest first, by a cursor over (created_at, id).

    DRF's own cursor knows one column and hands what the caller wrote to the database unread.
    """

    parameters: ClassVar = (CURSOR, PAGE_SIZE)
    default_size = 50
    max_size = 100

    def read(self, search: Search, request: Request) -> list[Prediction]:
        """The rows of the page that the address asks for. Raises `ValidationError`."""
        size = self._size(request)
        given = request.query_params.get(CURSOR)
        start, newer = None, False
        if given is not None:
            try:
                start, newer = read_cursor(given)
            except ValueError as error:
                message = _("Use a cursor as it was given, or none.")
                raise ValidationError({CURSOR: ValidationError(message).detail}) from error
        page = search.page(size=size, start=start, newer=newer)
        address = request.build_absolute_uri()
        self.next = self.previous = None
        if page.older:
            self.next = replace_query_param(address, CURSOR, cursor(page.older))
        if page.newer:
            self.previous = replace_query_param(address, CURSOR, cursor(page.newer, newer=True))
        return page.rows

    def around(self, rows: list[Any]) -> dict[str, Any]:
        """The page that `read` has found, its rows as they are told."""
        return {"next": self.next, "previous": self.previous, "results": rows}

    def _size(self, request: Request) -> int:
        given = request.query_params.get(PAGE_SIZE)
        if given is None:
            return self.default_size
        if given.isdecimal() and len(given) <= 4 and 1 <= int(given) <= self.max_size:
            return int(given)
        message = _("Enter a number from 1 to %s.") % self.max_size
        raise ValidationError({PAGE_SIZE: ValidationError(message, "out_of_range").detail})

    # What the API's documentation says of all this.

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": CURSOR,
                "in": "query",
                "description": "As given in `next` and `previous`: do not make one up.",
                "schema": {"type": "string"},
            },
            {
                "name": PAGE_SIZE,
                "in": "query",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_size,
                    "default": self.default_size,
                },
            },
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {
                    **link,
                    "description": "Older predictions; null on the last page. Where few rows match,"
                    " a page may hold fewer than asked for, or none, and more follow.",
                },
                "previous": {**link, "description": "Newer ones; null on the first page."},
                "results": schema,
            },
        }


def cursor(place: Position, *, newer: bool = False) -> str:
    """A place in the history, and which way to read on from it, for an address."""
    microseconds = int(place.moment.timestamp()) * 10**6 + place.moment.microsecond
    written = f"{'p' if newer else 'n'}_{microseconds}_{place.id.hex}"
    return base64.urlsafe_b64encode(written.encode()).decode()


def read_cursor(text: str) -> tuple[Position, bool]:
    """The place, and whether to read on to the newer rows. Raises `ValueError`."""
    written = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii")
    direction, microseconds, pk = written.split("_")
    if direction not in {"n", "p"}:
        raise ValueError(direction)
    try:
        moment = datetime.fromtimestamp(int(microseconds) // 10**6, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(microseconds) from error
    moment = moment.replace(microsecond=int(microseconds) % 10**6)
    return Position(moment, UUID(hex=pk)), direction == "p"
