"""Pages that are asked for by their number."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator


class Pages(Paginator):  # type: ignore[type-arg]  # it takes no argument when it runs
    """A list in pages; of a number that no page has, the nearest one that has one."""

    def get_page(self, number: float | str | None) -> Page[Any]:
        try:
            wanted = int(number or 1)
        except ValueError:
            wanted = 1
        return super().get_page(max(wanted, 1))
