"""The form by which a table of people is brought, whatever becomes of it."""

from __future__ import annotations

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


def megabytes(size: int) -> int:
    """Bytes as whole megabytes, as people and their file managers count them."""
    return max(1, round(size / 1024 / 1024))


class UploadForm(forms.Form):
    """A file, CSV or XLSX."""

    too_large: str | Promise
    """What is said of one that is too large: its `{size}` and the `{limit}`, in MB."""

    file = forms.FileField(
        label=gettext_lazy("Your file"),
        error_messages={
            "required": gettext_lazy("Choose a file first."),
            "empty": gettext_lazy("The file is empty."),
        },
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.txt,.tsv"}),
    )

    def refuse_size(self, size: int, *, most: int) -> None:
        """Say that what was sent is too large to be looked at; both in bytes."""
        self.errors.clear()
        told = str(self.too_large)
        self.add_error("file", told.format(size=megabytes(size), limit=megabytes(most)))
