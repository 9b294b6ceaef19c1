"""The form by which a file of employees is brought."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.words import say
from mlcore.trainings.forms import megabytes
from predictions.batches import files
from predictions.models import Batch


class FileForm(forms.Form):
    """A file of employees. After `is_valid()`, `bring` keeps it."""

    file = forms.FileField(
        label=gettext_lazy("Your file"),
        error_messages={
            "required": gettext_lazy("Choose a file first."),
            "empty": gettext_lazy("The file is empty."),
        },
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.txt,.tsv"}),
    )

    def refuse_size(self, size: int) -> None:
        """Say that what was sent is too large to be looked at."""
        self.errors.clear()
        self.add_error(
            "file",
            _(
                "This file is too large: it has {size} MB, and at most {limit} MB are read. Leave"
                " out columns that nobody needs, or bring it in two parts."
            ).format(size=megabytes(size), limit=megabytes(settings.BATCH_MAX_BODY)),
        )

    def bring(
        self, *, by: User, request_id: str, corrects: Batch | None, language: str
    ) -> Batch | None:
        """The kept file; None, with the reason at the field, when it cannot be read."""
        try:
            return files.bring(
                self.cleaned_data["file"], by=by, request_id=request_id, corrects=corrects
            )
        except TableError as error:
            self.add_error("file", say(error.words, language))
            return None
