"""Pages of the history: each begins where the last one ended, however many rows came since."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from predictions.models import Prediction

CURSOR = "cursor"
PAGE_SIZE = "page_size"


class HistoryPagination(BasePagination):
    """Newest first, by a cursor over (created_at, id).

    DRF's own cursor knows one column and hands what the caller wrote to the database unread.
    """

    parameters: ClassVar = (CURSOR, PAGE_SIZE)
    default_size = 50
    max_size = 100

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        size = self._size(request)
        backwards, position = self._position(request)
        if position:
            queryset = queryset.filter(_beyond(*position, newer=backwards))
        order = ("created_at", "id") if backwards else ("-created_at", "-id")
        rows = list(queryset.order_by(*order)[: size + 1])
        more = len(rows) > size
        rows = rows[:size]
        if backwards:
            rows.reverse()
        address = request.build_absolute_uri()
        self.next = self.previous = None
        if rows and (more or backwards):
            self.next = replace_query_param(address, CURSOR, _cursor("n", rows[-1]))
        if rows and (more if backwards else position):
            self.previous = replace_query_param(address, CURSOR, _cursor("p", rows[0]))
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def _size(self, request: Request) -> int:
        given = request.query_params.get(PAGE_SIZE)
        if given is None:
            return self.default_size
        if given.isdecimal() and len(given) <= 4 and 1 <= int(given) <= self.max_size:
            return int(given)
        message = _("Enter a number from 1 to %s.") % self.max_size
        raise ValidationError({PAGE_SIZE: ValidationError(message, "out_of_range").detail})

    def _position(self, request: Request) -> tuple[bool, tuple[datetime, UUID] | None]:
        given = request.query_params.get(CURSOR)
        if given is None:
            return False, None
        try:
            written = base64.urlsafe_b64decode(given.encode("ascii")).decode("ascii")
            direction, microseconds, pk = written.split("_")
            if direction not in {"n", "p"}:
                raise ValueError(direction)
            moment = datetime.fromtimestamp(int(microseconds) // 10**6, UTC)
            moment = moment.replace(microsecond=int(microseconds) % 10**6)
            return direction == "p", (moment, UUID(hex=pk))
        except (ValueError, OverflowError, OSError) as error:
            message = _("Use a cursor as it was given, or none.")
            raise ValidationError({CURSOR: ValidationError(message).detail}) from error

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
                "next": {**link, "description": "Older predictions; null on the last page."},
                "previous": {**link, "description": "Newer ones; null on the first page."},
                "results": schema,
            },
        }


def _cursor(direction: str, row: Prediction) -> str:
    moment = row.created_at
    microseconds = int(moment.timestamp()) * 10**6 + moment.microsecond
    return base64.urlsafe_b64encode(f"{direction}_{microseconds}_{row.pk.hex}".encode()).decode()


def _beyond(moment: datetime, pk: UUID, *, newer: bool) -> Q:
    """Rows after (or before) a position. The first condition alone lets the index be used."""
    if newer:
        return Q(created_at__gte=moment) & (Q(created_at__gt=moment) | Q(id__gt=pk))
    return Q(created_at__lte=moment) & (Q(created_at__lt=moment) | Q(id__lt=pk))
