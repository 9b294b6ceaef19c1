"""What every page of a demonstration says about itself: `{% load demonstration %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest

register = template.Library()


@register.inclusion_tag("_demonstration.html", takes_context=True)
def demonstration(context: dict[str, Any]) -> dict[str, Any]:
    """A line on top of the page; nothing where records are real."""
    request: HttpRequest | None = context.get("request")
    framed = request is not None and request.headers.get("Sec-Fetch-Dest") == "iframe"
    return {
        "is_demonstration": settings.DEMO,
        # A browser that keeps no cookies in frames lets nobody sign in there.
        "own_window": request.build_absolute_uri() if request is not None and framed else "",
    }
