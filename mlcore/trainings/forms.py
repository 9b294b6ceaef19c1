"""The form by which a labelled file is brought."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from mlcore.engine.tabular import TableError
from mlcore.engine.words import say
from mlcore.models import TrainingRun
from mlcore.trainings import drafts as training_drafts


def megabytes(size: int) -> int:
    """Bytes as whole megabytes, as people and their file managers count them."""
    return max(1, round(size / 1024 / 1024))


class FileForm(forms.Form):
    """A labelled file. After `is_valid()`, `begin` makes a draft of it."""

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
                " out columns that nobody needs, or the oldest years."
            ).format(size=megabytes(size), limit=megabytes(settings.TRAINING_MAX_BODY)),
        )

    def begin(self, *, by: User, language: str) -> TrainingRun | None:
        """The draft of a training; None, with the reason at the field, when there can be none."""
        uploaded = self.cleaned_data["file"]
        try:
            return training_drafts.begin(content=uploaded.read(), name=uploaded.name, by=by)
        except TableError as error:
            self.add_error("file", say(error.words, language))
            return None
