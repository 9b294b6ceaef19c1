"""The record of a prediction: what was asked, what was answered, by which model, for whom."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from mlcore.engine.glassbox import sigmoid
from mlcore.models import ModelVersion
from predictions.models.batch import Batch


class AppendOnlyError(TypeError):
    """Predictions are added and read; nothing else. The database refuses as well."""


def time_ordered_uuid() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): it begins with the time, so an index grows at its end."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


class Source(models.TextChoices):
    """The door by which a prediction was asked for."""

    FORM = "form", pgettext_lazy("source", "Form")
    API = "api", pgettext_lazy("source", "API")
    FILE = "file", pgettext_lazy("source", "File")


class BandChoice(models.TextChoices):
    """The level of risk, as the model's operating point gave it."""

    LOW = "low", pgettext_lazy("risk", "Low")
    MODERATE = "moderate", pgettext_lazy("risk", "Moderate")
    HIGH = "high", pgettext_lazy("risk", "High")
    VERY_HIGH = "very_high", pgettext_lazy("risk", "Very high")


_OF_ONE_RESULT = {"inputs", "given", "audit_attributes", "groups", "contributions"}


class PredictionQuerySet(models.QuerySet["Prediction"]):
    """The reads of the product, by name; writing in bulk is `predictions.services`' alone."""

    def visible_to(self, user: User) -> PredictionQuerySet:
        """All of them for who reads the history, their own for an API consumer, else none."""
        if user.has_perm("predictions.view_prediction"):
            return self
        if user.has_perm("predictions.view_own_prediction"):
            return self.filter(requested_by=user)
        return self.none()

    def for_history(self) -> PredictionQuerySet:
        """A page's rows, with who, which model and which file: not what one result's page shows."""
        own = (field.name for field in self.model._meta.concrete_fields)
        return self.select_related("requested_by", "model_version", "batch").only(
            *(name for name in own if name not in _OF_ONE_RESULT),
            "requested_by__username",
            "requested_by__name",
            "model_version__version",
            "batch__name",
        )

    def for_result(self) -> PredictionQuerySet:
        """Everything that one result's page shows."""
        return self.select_related("requested_by", "model_version")

    def of_employee(self, reference: str) -> PredictionQuerySet:
        """Those of one employee, the newest first; the reference counts to the letter."""
        return self.filter(employee_id=reference).order_by("-created_at", "-id")

    def for_timeline(self) -> PredictionQuerySet:
        """What a line over time shows of each, with its file; its model is read apart, once."""
        return self.select_related("batch").only(
            "created_at",
            "employee_id",
            "source",
            "row",
            "batch__name",
            "batch__started_at",
            "inputs",
            "contributions",
            "model_version_id",
            "model_sha256",
            "probability",
            "base_rate",
            "threshold",
            "band",
        )

    def neighbour(self, prediction: Prediction, *, newer: bool) -> Prediction | None:
        """The same employee's assessment just before this one, or just after it."""
        if not prediction.employee_id:
            return None
        moment, pk = prediction.created_at, prediction.pk
        same = self.filter(employee_id=prediction.employee_id)
        if newer:
            # The first condition alone lets the index be used.
            same = same.filter(
                models.Q(created_at__gt=moment) | models.Q(id__gt=pk), created_at__gte=moment
            ).order_by("created_at", "id")
        else:
            same = same.filter(
                models.Q(created_at__lt=moment) | models.Q(id__lt=pk), created_at__lte=moment
            ).order_by("-created_at", "-id")
        return same.only("created_at", "probability", "band", "batch", "row").first()

    def update(self, **values: Any) -> NoReturn:
        raise AppendOnlyError("Predictions are never changed.")

    def delete(self) -> NoReturn:
        raise AppendOnlyError("Predictions are never deleted.")


class Prediction(models.Model):
    """One employee, assessed once. Append-only: here, in the admin, and by a database trigger.

    What identifies a person stands in columns of its own (`employee_id`, `audit_attributes`), so
    that it can be blanked one day without touching the rest.

    Each index serves a read that `predictions.search` names; a file's rows pay for every one.
    """

    id = models.UUIDField(_("number"), primary_key=True, default=time_ordered_uuid, editable=False)
    created_at = models.DateTimeField(_("date"), default=timezone.now, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        on_delete=models.PROTECT,
        related_name="predictions",
        db_index=False,
    )
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    # The file that it came with, and its line there.
    batch = models.ForeignKey(
        Batch,
        verbose_name=_("file"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="predictions",
        db_index=False,
    )
    row = models.PositiveBigIntegerField(_("line in the file"), null=True, blank=True)

    employee_id = models.CharField(_("employee"), max_length=64, blank=True)
    audit_attributes = models.JSONField(_("audit attributes"), default=dict, blank=True)
    # Of a file's columns that no model asked for, those kept to compare groups by: {name: text}.
    groups = models.JSONField(_("groups"), default=dict, blank=True)
    inputs = models.JSONField(_("inputs"))
    # What a file said where a person told which answer is meant by it: {field: text}; null where
    # nobody told anything of the file's words (`Batch.answers`).
    given = models.JSONField(_("as the file said it"), null=True, blank=True)

    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model"),
        on_delete=models.PROTECT,
        related_name="predictions",
        db_index=False,
    )
    model_sha256 = models.CharField(_("SHA-256 of the model"), max_length=64)
    probability = models.FloatField(_("risk of leaving"))
    log_odds = models.FloatField(_("log-odds"))
    intercept = models.FloatField(_("log-odds of the average employee"))
    floor = models.FloatField(_("least risk there is"), default=0.0)
    contributions = models.JSONField(_("contributions in log-odds"))
    base_rate = models.FloatField(_("share of leavers in the training data"))
    threshold = models.FloatField(_("threshold"))
    band = models.CharField(_("level of risk"), max_length=10, choices=BandChoice.choices)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering = ["-created_at", "-id"]
        default_permissions = ("view",)
        permissions = [
            ("assess_by_form", _("Can assess an employee in the pages")),
            ("assess_by_api", _("Can assess employees through the API")),
            ("view_own_prediction", _("Can view the predictions they asked for")),
        ]
        indexes = [
            # Each page of the history. What it is filtered by follows, so that many rows can be
            # looked at without reading one. It is read from its end, where new rows are added:
            # added at the beginning, they would leave each page half empty.
            models.Index(
                fields=[
                    "created_at",
                    "id",
                    "employee_id",
                    "band",
                    "source",
                    "model_version",
                    "batch",
                ],
                name="prediction_newest",
            ),
            # The history of an API consumer.
            models.Index(fields=["requested_by", "-created_at", "-id"], name="prediction_own"),
            # The history of one employee, and search by the beginning of the reference.
            models.Index(
                fields=["employee_id", "-created_at", "-id"],
                name="prediction_employee",
                opclasses=["varchar_pattern_ops", "timestamptz_ops", "uuid_ops"],
            ),
            # The history filtered by model, source and level of risk, in any combination: one range
            # per combination, each of them sorted, and read from its end.
            models.Index(
                fields=["model_version", "source", "band", "created_at", "id"],
                name="prediction_kind",
            ),
            # Search by a request's number. A file's rows share one number, which the file tells.
            models.Index(
                fields=["request_id"],
                name="prediction_request",
                condition=models.Q(batch__isnull=True),
            ),
        ]
        constraints = [
            # No row of a file is recorded twice, however often its chunk is tried; and a page of a
            # file's results is found by it.
            models.UniqueConstraint(
                fields=["batch", "row"],
                condition=models.Q(batch__isnull=False),
                name="one_prediction_per_row",
            )
        ]

    def __str__(self) -> str:
        return self.employee_id or str(self.id)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("Predictions are never changed.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def get_absolute_url(self) -> str:
        return reverse("predictions:detail", args=[self.pk])

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Predictions are never deleted.")

    @property
    def share_by_conditions(self) -> float:
        """What the log-odds stand for: the share, among those who do not leave whatever the
        conditions are, whom these conditions make leave."""
        return sigmoid(self.log_odds)

    @property
    def share_of_others(self) -> float:
        """The share of those who do not leave whatever the conditions are."""
        return 1.0 - self.floor

    @property
    def elevated(self) -> bool:
        """Whether the risk reaches the threshold that it was judged by."""
        return self.probability >= self.threshold
