"""The registry's tables: which models exist, how they came to be, and which one was active when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mlcore import activation_reasons
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.words import say

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def _person(verbose_name: StrOrPromise, *, null: bool = True) -> models.ForeignKey:  # type: ignore[type-arg]
    """Someone who did something here: kept for as long as what they did.

    Without an index: nobody is ever deleted, and nothing is looked for by who did it.
    """
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=verbose_name,
        null=null,
        blank=null,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )


class Origin(models.TextChoices):
    """Where a model came from."""

    BUNDLED = "bundled", pgettext_lazy("origin of a model", "Shipped with the product")
    TRAINED = "trained", pgettext_lazy("origin of a model", "Trained here")
    IMPORTED = "imported", pgettext_lazy("origin of a model", "Imported")


class ModelState(models.TextChoices):
    """What a model does now, or did."""

    ACTIVE = "active", pgettext_lazy("model", "Active")
    PROPOSED = "proposed", pgettext_lazy("model", "Proposed")
    USED = "used", pgettext_lazy("model", "Used before")
    UNUSED = "unused", pgettext_lazy("model", "Never used")


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """The registry's questions, by name."""

    def with_state(self) -> ModelVersionQuerySet:
        """Each with its `state` (a value of `ModelState`) and when it was last `activated_at`."""
        activations = Activation.objects.filter(model_version=models.OuterRef("pk"))
        proposals = ActivationProposal.objects.filter(
            model_version=models.OuterRef("pk"), state=ProposalState.OPEN
        )
        return self.annotate(
            state=models.Case(
                models.When(
                    models.Exists(activations.filter(is_current=True)),
                    then=models.Value(ModelState.ACTIVE.value),
                ),
                models.When(models.Exists(proposals), then=models.Value(ModelState.PROPOSED.value)),
                models.When(models.Exists(activations), then=models.Value(ModelState.USED.value)),
                default=models.Value(ModelState.UNUSED.value),
            ),
            activated_at=models.Subquery(activations.values("activated_at")[:1]),
        )

    def active_at(self, moment: datetime) -> ModelVersion | None:
        """The model that was active at a moment; None before the first activation."""
        return (
            self.filter(activations__activated_at__lte=moment)
            .order_by("-activations__activated_at", "-activations__id")
            .first()
        )


class ModelVersion(models.Model):
    """A trained model. The hash says for ever which bytes it is; `ModelFiles` keeps them."""

    version = models.CharField(_("version"), max_length=64, unique=True)
    sha256 = models.CharField(_("SHA-256 of the artifact"), max_length=64, unique=True)
    origin = models.CharField(_("origin"), max_length=8, choices=Origin.choices)
    # Copies from the artifact, to be read without its files.
    schema = models.JSONField(_("schema"))
    card = models.JSONField(_("model card"))
    registered_at = models.DateTimeField(_("registered"), default=timezone.now)
    registered_by = _person(_("registered by"))

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-registered_at", "-id"]
        permissions = [
            ("train_model", _("Can train and import models")),
            ("activate_model", _("Can activate models and set their operating point")),
        ]

    def __str__(self) -> str:
        return self.version

    def title(self, language: str) -> str:
        """The model's name as people say it."""
        return say(self.card.get("title", {}), language, self.version)


class ModelFiles(models.Model):
    """The bytes of a model's artifact, kept where every process on every machine finds them.

    Read by `registry` alone, which refuses them unless their hash is the recorded one.
    """

    model_version = models.OneToOneField(
        ModelVersion, primary_key=True, on_delete=models.PROTECT, related_name="files"
    )
    content = models.BinaryField(_("files, zipped"))

    class Meta:
        verbose_name = _("files of a model")
        verbose_name_plural = _("files of models")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.model_version)


class Activation(models.Model):
    """From this moment on, this model was the active one: why, and by whose decision."""

    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        on_delete=models.PROTECT,
        related_name="activations",
        db_index=False,
    )
    activated_at = models.DateTimeField(_("activated"), default=timezone.now)
    activated_by = _person(_("activated by"))
    approved_by = _person(_("approved by"))
    # Set where someone went back: the activation that ended by it.
    undoes = models.OneToOneField(
        "self",
        verbose_name=_("rolls back"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="undone_by",
    )
    reason = models.TextField(_("reason"))
    is_current = models.BooleanField(_("active now"), default=True)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-activated_at", "-id"]
        constraints = [
            # At any moment one model answers, and each process finds it by this.
            models.UniqueConstraint(
                fields=["is_current"],
                condition=models.Q(is_current=True),
                name="one_model_is_active",
            )
        ]
        indexes = [
            # Which model was active on a date.
            models.Index(fields=["-activated_at", "-id"], name="activation_newest"),
            # Whether a model is active or ever was, for each in the list of models.
            models.Index(fields=["model_version"], name="activation_of_model"),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} · {self.activated_at:%Y-%m-%d %H:%M}"

    @property
    def why(self) -> str:
        """The reason as it is shown: a person’s own words, the program’s in a reader’s."""
        return self.reason if self.activated_by_id else activation_reasons.shown(self.reason)


class ProposalState(models.TextChoices):
    """What became of a proposal."""

    OPEN = "open", pgettext_lazy("proposal", "Waiting for a second administrator")
    APPROVED = "approved", pgettext_lazy("proposal", "Approved")
    DECLINED = "declined", pgettext_lazy("proposal", "Declined")
    WITHDRAWN = "withdrawn", pgettext_lazy("proposal", "Withdrawn")


class ActivationProposal(models.Model):
    """One administrator asks for a model to be put to work; another one answers."""

    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        on_delete=models.PROTECT,
        related_name="proposals",
        db_index=False,
    )
    reason = models.TextField(_("reason"))
    proposed_by = _person(_("proposed by"), null=False)
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now)
    state = models.CharField(
        _("state"), max_length=9, choices=ProposalState.choices, default=ProposalState.OPEN
    )
    decided_by = _person(_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("proposal to activate")
        verbose_name_plural = _("proposals to activate")
        ordering = ["-proposed_at", "-id"]
        default_permissions = ("view",)
        constraints = [
            # Of two open proposals of a model, one would stay when the other is answered. The open
            # one of a model is found by this.
            models.UniqueConstraint(
                fields=["model_version"],
                condition=models.Q(state="open"),
                name="one_open_proposal_per_model",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_version} · {self.get_state_display()}"


class Basis(models.TextChoices):
    """What a threshold was derived from."""

    COST = "cost", _("What a missed leaver costs, in needless conversations")
    CAPACITY = "capacity", _("How many conversations can be held a month")


class OperatingDecision(models.Model):
    """From this moment on, a model's threshold and bands were these: why, and who said so.

    Append-only, by a database trigger.

    The newest one of a model holds. A model that nobody decided on keeps the artifact's own.
    """

    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        on_delete=models.PROTECT,
        related_name="operating_decisions",
        db_index=False,
    )
    moderate_from = models.FloatField(_("moderate from"))
    threshold = models.FloatField(_("threshold; high from"))
    very_high_from = models.FloatField(_("very high from"))
    basis = models.CharField(_("derived from"), max_length=8, choices=Basis.choices)
    basis_value = models.FloatField(_("value of that"))
    workforce = models.PositiveIntegerField(
        _("workforce"),
        null=True,
        blank=True,
        help_text=_("How many people work there: what a number of conversations is a share of."),
    )
    reason = models.TextField(_("reason"))
    decided_by = _person(_("decided by"), null=False)
    decided_at = models.DateTimeField(_("decided"), default=timezone.now)

    class Meta:
        verbose_name = _("operating point")
        verbose_name_plural = _("operating points")
        ordering = ["-decided_at", "-id"]
        default_permissions = ("view",)
        constraints = [
            # What `OperatingPoint` insists on: a row that broke it would stop every prediction.
            models.CheckConstraint(
                condition=models.Q(moderate_from__gt=0)
                & models.Q(threshold__gt=models.F("moderate_from"))
                & models.Q(very_high_from__gt=models.F("threshold"))
                & models.Q(very_high_from__lt=1),
                name="bounds_rise_within_0_and_1",
            )
        ]
        indexes = [
            # The decision that holds for a model, asked by each process every few seconds.
            models.Index(
                fields=["model_version", "-decided_at", "-id"], name="operating_decision_newest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} · {self.threshold:.3f}"

    @property
    def operating_point(self) -> OperatingPoint:
        return OperatingPoint((self.moderate_from, self.threshold, self.very_high_from))


class TrainingFile(models.Model):
    """A labelled file that someone brought, read once; erased when it is no longer needed."""

    name = models.CharField(_("name"), max_length=255)
    sha256 = models.CharField(_("SHA-256 of the file"), max_length=64)
    rows = models.PositiveIntegerField(_("rows"))
    columns = models.PositiveIntegerField(_("columns"))
    # Personal data: its headers and cells, as compressed JSON. Empty once erased.
    content = models.BinaryField(_("content"), editable=False)
    uploaded_by = _person(_("brought by"))
    uploaded_at = models.DateTimeField(_("brought"), default=timezone.now)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)
    # Nobody, where the daily schedule did it.
    erased_by = _person(_("erased by"))

    class Meta:
        verbose_name = _("training file")
        verbose_name_plural = _("training files")
        ordering = ["-uploaded_at", "-id"]

    def __str__(self) -> str:
        return self.name


class RunState(models.TextChoices):
    """How far a training is."""

    DRAFT = "draft", pgettext_lazy("training", "Waiting for your corrections")
    QUEUED = "queued", pgettext_lazy("training", "Waiting to begin")
    RUNNING = "running", pgettext_lazy("training", "Running")
    DONE = "done", pgettext_lazy("training", "Done")
    REFUSED = "refused", pgettext_lazy("training", "Refused")
    FAILED = "failed", pgettext_lazy("training", "Failed")
    CANCELLED = "cancelled", pgettext_lazy("training", "Cancelled")
    ERASED = "erased", pgettext_lazy("training", "Never trained: the file was erased")


class TrainingRun(models.Model):
    """One training, from the draft of its plan to the model it made, or the reason it did not."""

    file = models.ForeignKey(
        TrainingFile,
        verbose_name=_("file"),
        on_delete=models.PROTECT,
        related_name="runs",
        db_index=False,
    )
    plan = models.JSONField(_("plan"))
    findings = models.JSONField(_("what was found in the columns"), default=list)
    state = models.CharField(
        _("state"), max_length=9, choices=RunState.choices, default=RunState.DRAFT
    )
    # The progress that a person can watch.
    step = models.CharField(_("step"), max_length=40, blank=True)
    done = models.PositiveIntegerField(_("steps done"), default=0)
    total = models.PositiveIntegerField(_("steps in all"), default=0)
    message = models.JSONField(_("why it ended"), default=dict, blank=True)  # Words
    requested_by = _person(_("requested by"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # Whose process works on it, and when it last said so: a silent one is taken over.
    claim = models.CharField(max_length=36, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    model_version = models.OneToOneField(
        ModelVersion,
        verbose_name=_("model version"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="training_run",
    )

    class Meta:
        verbose_name = _("training")
        verbose_name_plural = _("trainings")
        ordering = ["-created_at", "-id"]
        indexes = [
            # The trainings of a file: whether one is at work, before the file is erased.
            models.Index(fields=["file"], name="training_run_of_file"),
        ]

    def __str__(self) -> str:
        return f"{self.file} · {self.get_state_display()}"
