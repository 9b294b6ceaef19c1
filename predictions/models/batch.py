"""A file of employees: brought, matched to the model, assessed in chunks, kept as a list to act on.

What the file says of a person stays only as long as it is needed: the pieces of the file until the
recording begins, a chunk's cells until it is recorded, a refused row's cells until the file's term
is over. What was asked of an accepted row is in its prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mlcore.models import ModelVersion

if TYPE_CHECKING:
    from accounts.models import User


class BatchState(models.TextChoices):
    """How far a file is."""

    DRAFT = "draft", pgettext_lazy("batch", "Waiting for its columns to be looked at")
    CHECKING = "checking", pgettext_lazy("batch", "Being tried")
    CHECKED = "checked", pgettext_lazy("batch", "Tried, nothing recorded")
    RUNNING = "running", pgettext_lazy("batch", "Being assessed")
    DONE = "done", pgettext_lazy("batch", "Done")
    CANCELLED = "cancelled", pgettext_lazy("batch", "Stopped")
    FAILED = "failed", pgettext_lazy("batch", "Failed")
    DISCARDED = "discarded", pgettext_lazy("batch", "Discarded")


AT_WORK = (BatchState.CHECKING, BatchState.RUNNING)
"""The background worker has something to do."""
WAITING = (BatchState.DRAFT, BatchState.CHECKED)
"""A person has something to decide; the file itself is still kept."""
_WORKFORCE = 5
"""A file of the workforce holds one in so many of the people that are known, or more."""
ENDED = (BatchState.DONE, BatchState.CANCELLED, BatchState.FAILED, BatchState.DISCARDED)


class BatchQuerySet(models.QuerySet["Batch"]):
    """The reads of the product, by name."""

    def visible_to(self, user: User) -> BatchQuerySet:
        """All of them for who reads the history, else none."""
        return self if user.has_perm("predictions.view_prediction") else self.none()

    def for_list(self) -> BatchQuerySet:
        """A page's rows: with who brought them, newest first, without what was thrown away."""
        return self.exclude(state=BatchState.DISCARDED).select_related("uploaded_by")

    def finished(self) -> BatchQuerySet:
        """Those with results to read, the last one first."""
        return self.filter(state__in=(BatchState.DONE, BatchState.CANCELLED)).order_by(
            "-finished_at", "-id"
        )

    def workforce(self, people: int) -> BatchQuerySet:
        """Those that were to hold the whole workforce, the last one first.

        Where so many `people` are known, it is a file that was worked through, corrects no other,
        and holds a fifth of them at least.
        """
        whole = self.filter(state=BatchState.DONE, corrects=None)
        least = max(-(-people // _WORKFORCE), 1)
        return (
            whole.annotate(accepted=models.Sum("chunks__accepted"))
            .filter(accepted__gte=least)
            .order_by("-finished_at", "-id")
        )


class Batch(models.Model):
    """One file of employees, from the upload to its last recorded row."""

    name = models.CharField(_("name"), max_length=255)
    sha256 = models.CharField(_("SHA-256 of the file"), max_length=64)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("brought by"),
        on_delete=models.PROTECT,
        related_name="batches",
        db_index=False,
    )
    uploaded_at = models.DateTimeField(_("brought"), default=timezone.now)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    # The file whose refused rows this one brings again, corrected.
    corrects = models.ForeignKey(
        "self",
        verbose_name=_("corrects"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="corrections",
        db_index=False,
    )

    state = models.CharField(
        _("state"), max_length=9, choices=BatchState.choices, default=BatchState.DRAFT
    )
    # How the bytes are read: `engine.ingest.source.Format` as JSON.
    format = models.JSONField(_("format"), default=dict)
    headers = models.JSONField(_("headers"), default=list)
    # By field of the schema, the place of its column (0 is the first).
    matched = models.JSONField(_("columns of the fields"), default=dict)
    # Places of columns that no model asked for, kept to compare groups of people by.
    grouped = models.JSONField(_("columns kept as groups"), default=list)
    # By such a place (as text), the name it is kept under where that is not its header, so that
    # what two files call differently is one comparison.
    group_names = models.JSONField(
        _("names of the groups"), default=dict, db_default={}, blank=True
    )
    # What a person said that words of the file mean: `predictions.batches.answers.Meanings`.
    answers = models.JSONField(_("what its words mean"), default=dict, db_default={}, blank=True)
    about_rows = models.PositiveBigIntegerField(_("rows, estimated"), default=0)
    # Known once the file was read to its end.
    rows = models.PositiveBigIntegerField(_("rows"), null=True, blank=True)
    # What reading it to its end told: `cutting.Cut` as JSON. Never a cell.
    cut = models.JSONField(_("what reading told"), default=dict, blank=True)

    # The model and the operating point that judge all of its rows, settled when work begins.
    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="batches",
        db_index=False,
    )
    moderate_from = models.FloatField(_("moderate from"), null=True, blank=True)
    threshold = models.FloatField(_("threshold; high from"), null=True, blank=True)
    very_high_from = models.FloatField(_("very high from"), null=True, blank=True)

    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("started by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    message = models.JSONField(_("why it ended"), default=dict, blank=True)  # Words
    # When its cells were erased: of the file, and of the rows that were refused.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("file of employees")
        verbose_name_plural = _("files of employees")
        ordering = ["-uploaded_at", "-id"]
        default_permissions = ("view",)
        permissions = [("assess_by_file", _("Can assess employees by bringing a file"))]
        indexes = [
            # The last file, for the dashboard.
            models.Index(fields=["-finished_at", "-id"], name="batch_last_finished"),
            # Someone's files that are at work or wait for them, on every dashboard.
            models.Index(fields=["uploaded_by"], name="batch_of_person"),
            # The files that correct one, when its list is put together.
            models.Index(fields=["corrects"], name="batch_corrections"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("batches:detail", args=[self.pk])

    def group_name(self, place: int) -> str:
        """What people are grouped by who are told apart by the column at a place."""
        name: str = self.group_names.get(str(place)) or self.headers[place]
        return name

    @property
    def at_work(self) -> bool:
        """Whether the background worker has something to do for it."""
        return self.state in AT_WORK

    @property
    def has_results(self) -> bool:
        """Whether there are recorded rows to read."""
        return self.state in (BatchState.DONE, BatchState.CANCELLED)


class BatchPiece(models.Model):
    """A stretch of the brought file's bytes, compressed (zlib); gone when the recording begins."""

    batch = models.ForeignKey(
        Batch, on_delete=models.CASCADE, related_name="pieces", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="one_piece_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} · {self.number}"


class BatchChunk(models.Model):
    """Rows of a file that are judged and recorded together, in one transaction.

    `content` holds the cells of asked columns alone, and is emptied once they are recorded.
    """

    batch = models.ForeignKey(
        Batch, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    number = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    content = models.BinaryField()
    made_at = models.DateTimeField(default=timezone.now)
    # Set in the transaction that records it.
    done_at = models.DateTimeField(null=True, blank=True)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    # Its part of the batch's ranking.
    part = models.BinaryField(default=bytes)
    # How often it raised an error; being killed is none.
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="one_chunk_per_number")
        ]
        indexes = [
            # The next one to do.
            models.Index(
                fields=["batch", "number"],
                name="chunk_to_do",
                condition=models.Q(done_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} · {self.number}"


class RefusedRow(models.Model):
    """A row that could not be assessed: where it stands, what it says, and what to do."""

    batch = models.ForeignKey(
        Batch, on_delete=models.CASCADE, related_name="refused_rows", db_index=False
    )
    # The line in the file, as a text editor or a spreadsheet numbers it; the first line is 1.
    row = models.PositiveBigIntegerField(_("line"))
    employee_id = models.CharField(_("employee"), max_length=64, blank=True)
    # [{"field", "header", "given", "code", "params"}…]; `field` is "" for the row as a whole.
    problems = models.JSONField(_("problems"))
    # The cells of asked columns, in the file's order; empty once erased.
    cells = models.JSONField(_("cells"), default=list)

    class Meta:
        verbose_name = _("refused row")
        verbose_name_plural = _("refused rows")
        ordering = ["row"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["batch", "row"], name="one_refusal_per_row")]

    def __str__(self) -> str:
        return f"{self.batch_id} · {self.row}"


class BatchRanking(models.Model):
    """Every recorded row of an ended batch by its risk, in columns: what its pages are cut from.

    Written once, by `predictions.batches.ranking`, which alone reads it.
    """

    batch = models.OneToOneField(
        Batch, primary_key=True, on_delete=models.CASCADE, related_name="ranking"
    )
    content = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.batch_id)


class FileShape(models.Model):
    """How the columns of a file were matched, remembered for the next file of the same headers."""

    fingerprint = models.CharField(max_length=64, unique=True)
    # By field, which of the headers its column has, none for no column; and which are kept as
    # groups. `predictions.batches.matching` counts them; the headers themselves are not kept,
    matched = models.JSONField()
    grouped = models.JSONField(default=list)
    # but the names that groups have, each by its header's number as text.
    group_names = models.JSONField(default=dict, db_default={})
    # What a person said that words mean: `Batch.answers`.
    answers = models.JSONField(default=dict, db_default={})
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.fingerprint[:12]
