"""The form by which a labelled file is brought."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from mlcore.engine.tabular import TableError
from mlcore.engine.words import say
from mlcore.models import TrainingRun
from mlcore.trainings import drafts as training_drafts
from mlcore.upload_form import UploadForm


class FileForm(UploadForm):
    """A labelled file. After `is_valid()`, `begin` makes a draft of it."""

    too_large = _(
        "This file is too large: it has {size} MB, and at most {limit} MB are read. Leave"
        " out columns that nobody needs, or the oldest years."
    )

    def begin(self, *, by: User, language: str) -> TrainingRun | None:
        """The draft of a training; None, with the reason at the field, when there can be none."""
        uploaded = self.cleaned_data["file"]
        try:
            return training_drafts.begin(content=uploaded.read(), name=uploaded.name, by=by)
        except TableError as error:
            self.add_error("file", say(error.words, language))
            return None
