"""What people fill in about models: reasons, a date, where the list begins, a file."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.forms.boundfield import BoundField
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from mlcore.engine import artifact, operating
from mlcore.engine.operating import Operating, OperatingPoint
from mlcore.models import Basis, ModelVersion, TrainingFile

_LARGEST_WORKFORCE = 10_000_000


class UnitBoundField(BoundField):
    """A field whose unit is read aloud with its help and its error."""

    @property
    def aria_describedby(self) -> str | None:
        unit = f"{self.auto_id}_unit" if getattr(self.field, "unit", "") else None
        return " ".join(filter(None, (super().aria_describedby, unit))) or None


class NumberField(forms.FloatField):
    """A number as people type it: `1,200` and `1 200` are one number, `3.5` and `3,5` another."""

    widget = forms.TextInput

    def __init__(self, *, unit: Any = "", **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off", "class": "number"}
        super().__init__(widget=forms.TextInput(attrs=attrs), **kwargs)
        self.unit = unit

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        return UnitBoundField(form, self, field_name)

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]
        if isinstance(value, str):
            value = re.sub(r"[\s\u00a0\u202f'’]", "", value)
            if (get_language() or "en").startswith("en"):
                value = re.sub(r",(?=\d{3}(\D|$))", "", value)
            value = value.replace(",", ".")
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        """With every digit, as `to_python` takes it back."""
        if not isinstance(value, float):
            return value
        text = format(Decimal(repr(value)), "f").removesuffix(".0")
        return text.replace(".", ",") if (get_language() or "en").startswith("fr") else text


def _reason(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=pgettext_lazy("of a decision", "Reason"),
        help_text=help_text,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": gettext_lazy("Say why: the reason stays on record.")},
    )


class DateForm(forms.Form):
    """Which model was active on this date?"""

    on = forms.DateField(
        label=gettext_lazy("On this date"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages={
            "invalid": gettext_lazy("This is no date. Write it like 2026-03-31."),
            "required": gettext_lazy("Choose a date."),
        },
    )


class ActivationForm(forms.Form):
    reason = _reason(
        gettext_lazy(
            "For the record, and for whoever has to approve: what is better, and how you know."
        )
    )


class NoteForm(forms.Form):
    """An answer to a proposal."""

    note = forms.CharField(
        label=gettext_lazy("Your note"),
        help_text=gettext_lazy("To decline, say why. Otherwise it is optional."),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class RollBackForm(forms.Form):
    """Away from the model that the person saw as active."""

    def __init__(self, versions: QuerySet[ModelVersion], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["leaving"] = forms.ModelChoiceField(versions, to_field_name="version")
        self.fields["reason"] = forms.CharField(
            max_length=2000,
            required=False,
            error_messages={
                "max_length": _("Shorten the reason: at most 2,000 characters are kept.")
            },
        )

    @property
    def problem(self) -> str:
        """What is wrong, in one sentence: the form stands on a page that is drawn anew."""
        if "leaving" in self.errors:
            return _("Look again at which model is active, then roll back from there.")
        return str(self.errors["reason"][0])


class OperatingForm(forms.Form):
    """Where the list begins: by what a missed leaver costs, or by the time there is to talk.

    After `is_valid()`, `point` is the operating point that follows.
    """

    basis = forms.ChoiceField(
        label=gettext_lazy("How do you want to decide?"),
        choices=[
            (Basis.COST.value, gettext_lazy("By what a missed leaver costs")),
            (Basis.CAPACITY.value, gettext_lazy("By how many conversations we can hold")),
        ],
        widget=forms.RadioSelect(attrs={"class": "answers"}),
    )
    cost = NumberField(
        label=gettext_lazy("Missing one leaver costs as much as"),
        unit=gettext_lazy("needless conversations"),
        min_value=0.1,
        max_value=999,
        required=False,
    )
    capacity = NumberField(
        label=gettext_lazy("We can hold"),
        unit=gettext_lazy("conversations a month"),
        min_value=1,
        max_value=_LARGEST_WORKFORCE,
        required=False,
    )
    workforce = NumberField(
        label=gettext_lazy("Your workforce"),
        unit=pgettext_lazy("counted", "people"),
        min_value=1,
        max_value=_LARGEST_WORKFORCE,
        error_messages={
            "required": gettext_lazy("Enter how many people work for you."),
            "not_whole": gettext_lazy("Enter a whole number of people."),
        },
    )

    point: OperatingPoint

    def __init__(self, stored: Operating, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stored = stored

    @property
    def basis_value(self) -> float:
        """What the chosen basis was given."""
        return float(self.cleaned_data[self.cleaned_data["basis"]])

    def clean_workforce(self) -> int:
        people: float = self.cleaned_data["workforce"]
        if people != int(people):
            raise forms.ValidationError(self.fields["workforce"].error_messages["not_whole"])
        return int(people)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        basis = given.get("basis")
        if basis and basis not in self.errors and given.get(basis) is None:
            self.add_error(basis, _("Enter a number above zero."))
        if self.errors or not basis:
            return given
        if basis == Basis.COST:
            self.point = OperatingPoint.from_costs(given["cost"])
            return given
        if given["capacity"] > given["workforce"]:
            self.add_error(
                "capacity", _("That is more conversations than you have people: enter fewer.")
            )
            return given
        try:
            share = given["capacity"] / given["workforce"]
            self.point = OperatingPoint.at(operating.for_capacity(self.stored, share))
        except ValueError:
            self.add_error(
                "capacity",
                _("The model cannot make a list as short as that: enter more conversations."),
            )
        return given


class OperatingReasonForm(forms.Form):
    reason = _reason(
        gettext_lazy("Why this point and no other: it stays on record, with your name.")
    )


class CompareForm(forms.Form):
    """Two models, by their versions; and the employees on whom to compare them."""

    def __init__(
        self,
        versions: list[tuple[str, str]],
        files: QuerySet[TrainingFile] | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, label in (
            ("champion", _("The model at work")),
            ("challenger", _("The model to compare it with")),
        ):
            self.fields[name] = forms.ChoiceField(
                label=label,
                choices=versions,
                error_messages={"invalid_choice": _("There is no such model.")},
            )
        if files is not None and files.exists():
            self.fields["file"] = forms.ModelChoiceField(
                files,
                label=_("On the same employees, from this file"),
                empty_label=_("No: their cards alone"),
                required=False,
                error_messages={"invalid_choice": _("This file is not kept any more.")},
            )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("champion") and given.get("champion") == given.get("challenger"):
            self.add_error("challenger", _("Choose two different models."))
        return given


class ImportForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Model file"),
        help_text=gettext_lazy(
            "The ZIP archive of a model’s folder, as another installation wrote it."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"}),
        error_messages={
            "required": gettext_lazy("Choose a file."),
            "empty": gettext_lazy("This file is empty."),
        },
    )

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > artifact.LARGEST_ARCHIVE:
            raise forms.ValidationError(self.too_large())
        return file

    @staticmethod
    def too_large() -> str:
        return _("This file is too large to be a model: at most {limit} MB are read.").format(
            limit=artifact.LARGEST_ARCHIVE // 2**20
        )
