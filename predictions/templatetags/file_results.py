"""How the results of a file are drawn and said."""

from __future__ import annotations

from typing import cast

from django import template
from django.utils.safestring import SafeString, mark_safe

from accounts.reader import language
from mlcore import registry
from mlcore.engine.operating import Band
from mlcore.models import ModelVersion
from predictions.batches.refusals import Refusal, sentences
from predictions.models import RefusedRow

register = template.Library()


@register.filter
def to_correct(refused: RefusedRow) -> list[Refusal]:
    """Everything that is to be corrected in a row of a batch that has a model."""
    version = cast(ModelVersion, refused.batch.model_version)
    return sentences(refused, registry.schema_of(version), language())


@register.simple_tag
def level_bar(share: float, most: float, band: Band | None, before: float | None) -> SafeString:
    """A share of people as a bar from zero, with a line at another; `most` reaches the edge."""
    scale = 100 / (most or 1.0)
    kind = f"band-{band}" if band else "all"
    line = (
        f'<rect class="axis" x="{min(before * scale, 99.2):.2f}" width="0.8" height="10"/>'
        if before is not None
        else ""
    )
    return mark_safe(  # noqa: S308 - made of numbers and of the name of a level
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false"><rect class="{kind}" width="{share * scale:.2f}" height="10"/>'
        f"{line}</svg>"
    )
