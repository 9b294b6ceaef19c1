"""The state of the workforce, computed in the background and read in one row."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Overview(models.Model):
    """One account of where everyone stands; the newest is the dashboard's.

    `content` is what `predictions.overview.account` computed, as JSON.
    """

    computed_at = models.DateTimeField(_("computed"))
    # The newest prediction that it counts.
    covers_until = models.DateTimeField(_("covers until"), null=True, blank=True)
    seconds = models.FloatField(_("took seconds"))
    content = models.JSONField()

    class Meta:
        default_permissions = ()
        get_latest_by = "computed_at"
        indexes = [
            # The one that the dashboard shows.
            models.Index(fields=["-computed_at"], name="overview_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.computed_at:%Y-%m-%d %H:%M}"
