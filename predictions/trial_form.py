"""The values that an employer can change, drawn from the model's schema and judged by it.

What is typed here makes no prediction: it only says what to ask the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _

from mlcore.engine.features import Feature
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema, SchemaError
from mlcore.engine.values import Value, shown
from mlcore.engine.words import number_text, say
from predictions.forms import EmployeeForm, RawField
from predictions.what_if import Change, Ground, slider


class TrialForm(EmployeeForm):
    """The levers of one prediction, at what was tried, else at what was recorded.

    After `is_valid()`, `row` is what the schema accepted.
    """

    def __init__(self, ground: Ground, language: str, given: Mapping[str, str]) -> None:
        """`given` is the address's: what it leaves out, or leaves blank, is as it was recorded."""
        self.ground = ground
        self.recorded = {feature.name: ground.row.inputs[feature.name] for feature in ground.levers}
        self.given = {name: text.strip() for name, text in given.items() if text.strip()}
        self.unknown = [name for name in self.given if name not in self.recorded]
        levers = FeatureSchema(features=ground.levers, sections=ground.schema.sections)
        super().__init__(
            levers,
            language,
            data={name: self.given.get(name, value) for name, value in self.recorded.items()},
            auto_id="id_try_%s",
        )
        del self.fields[EMPLOYEE_ID]
        for feature in ground.levers:
            field = self.fields[feature.name]
            if self.recorded[feature.name] is not None:
                _without_blank(field)
            if isinstance(field, RawField) and not isinstance(field.widget, forms.RadioSelect):
                field.hint = self._seen(feature)

    def _seen(self, feature: Feature) -> str:
        if feature.seen is None:
            return ""
        low, high = (number_text(bound, self.language) for bound in feature.seen)
        return _("The model has seen {low} to {high}.").format(low=low, high=high)

    def clean(self) -> dict[str, Any]:
        for name in self.unknown:
            self.add_error(
                NON_FIELD_ERRORS,
                _("“{name}” is nothing that can be changed here.").format(name=shown(name)),
            )
        try:
            self.row = self.ground.moved(
                {name: self.given[name] for name in self.recorded if name in self.given}
            )
        except SchemaError as refused:
            for name, problems in refused.problems.items():
                for problem in problems:
                    place = name if name in self.fields else NON_FIELD_ERRORS
                    self.add_error(place, problem.text(self.language))
        return self.cleaned_data

    def levers(self) -> Iterator[LeverView]:
        """Each control with what a page shows beside it, in the order of the sections."""
        for section in self.sections():
            for bound in section.fields:
                feature = self.schema.by_name[bound.name]
                yield LeverView(feature, bound, self.recorded[bound.name], self.language)

    def typed(self, change: Change) -> str:
        """The value of a change as its control holds it."""
        return str(self.fields[change.name].prepare_value(change.value))

    @property
    def query(self) -> str:
        """What was tried, as the address says it."""
        return urlencode({name: self.given[name] for name in self.recorded if name in self.given})


class LeverView:
    """One control: its field, what was recorded, and how far it can be slid."""

    def __init__(self, feature: Feature, field: BoundField, recorded: Value, language: str) -> None:
        self.field = field
        self.name = feature.name
        prepared = field.field.prepare_value(recorded)
        self.as_typed = "" if prepared is None else str(prepared)
        """The recorded value as its control holds it."""
        self.recorded = feature.value_text(recorded, language) or _("Not known")
        self.moved = str(field.value()) != self.as_typed and recorded != field.value()
        self.slider = slider(feature, recorded)
        self.label = say(feature.label, language, feature.name)


def _without_blank(field: forms.Field) -> None:
    """What is known does not become unknown."""
    choices = getattr(field.widget, "choices", None)
    if choices:
        field.widget.choices = [choice for choice in choices if choice[0] != ""]
