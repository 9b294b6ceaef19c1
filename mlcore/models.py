"""The registry's tables: which models exist, and which one was active when."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlcore.engine.words import say


class ModelVersion(models.Model):
    """A trained model. Its artifact stays a folder of files; the hash says which bytes it is."""

    version = models.CharField(_("version"), max_length=64, unique=True)
    sha256 = models.CharField(_("SHA-256 of the artifact"), max_length=64, unique=True)
    folder = models.CharField(_("folder"), max_length=500)
    # Copies from the artifact: a record stays readable when the folder is gone.
    schema = models.JSONField(_("schema"))
    card = models.JSONField(_("model card"))
    registered_at = models.DateTimeField(_("registered"), default=timezone.now)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("registered by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-registered_at"]

    def __str__(self) -> str:
        return self.version

    def title(self, language: str) -> str:
        """The model's name as people say it."""
        return say(self.card.get("title", {}), language, self.version)


class Activation(models.Model):
    """From this moment on, this model was the active one: why, and by whose decision."""

    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        on_delete=models.PROTECT,
        related_name="activations",
    )
    activated_at = models.DateTimeField(_("activated"), default=timezone.now)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("activated by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    reason = models.TextField(_("reason"))
    is_current = models.BooleanField(_("active now"), default=True)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-activated_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"],
                condition=models.Q(is_current=True),
                name="one_model_is_active",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_version} · {self.activated_at:%Y-%m-%d %H:%M}"
