"""The form by which a file of employees is brought."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.words import say
from mlcore.upload_form import UploadForm
from predictions.batches import files
from predictions.models import Batch


class FileForm(UploadForm):
    """A file of employees. After `is_valid()`, `bring` keeps it."""

    too_large = _(
        "This file is too large: it has {size} MB, and at most {limit} MB are read. Leave"
        " out columns that nobody needs, or bring it in two parts."
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
