"""The form of the active model: drawn from its schema, judged by its `clean`.

The fields here hold what was typed and draw it again; none of them judges a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from mlcore.cards.asked import asks_differently
from mlcore.engine.features import Feature
from mlcore.engine.schema import EMPLOYEE_ID, ROW, CleanRow, FeatureSchema, SchemaError
from mlcore.engine.values import IDENTIFIER_LENGTH, InvalidValueError
from mlcore.engine.words import number_text, say

# Up to this many answers are all shown; more of them fold into a list.
_MOST_BUTTONS = 5
MODEL_FIELD = "form-model"
"""The hidden field with the hash of the model that a form was drawn for. No feature's name is like
it: a feature's is an identifier."""
LANGUAGE_FIELD = "form-language"
"""The form's language switch; named likewise."""
# What a page of ours posts beside the answers.
_OWN_FIELDS = frozenset({MODEL_FIELD, LANGUAGE_FIELD, "csrfmiddlewaretoken"})

# 2,345 is two and some thousandths, or two thousand and some: the reader refuses to guess.
_COULD_BE_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}[,.][0-9]{3}\Z")


class DescribedField(BoundField):
    """A field whose unit and range are read aloud with its help and its error."""

    @property
    def aria_describedby(self) -> str | None:
        parts = [super().aria_describedby]
        parts += [
            f"{self.auto_id}_{part}" for part in ("unit", "hint") if getattr(self.field, part)
        ]
        return " ".join(filter(None, parts))


class RawField(forms.Field):
    """Keeps a raw value as it came, and carries what a template shows beside it."""

    unit: str = ""
    hint: str = ""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        return DescribedField(form, self, field_name)

    def clean(self, value: Any) -> Any:
        return value


class NumberField(RawField):
    """Writes a stored number as people do, and as the schema's reader takes it back exactly."""

    decimal_sign = "."

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, float):
            return value
        text = format(Decimal(repr(value)), "f").removesuffix(".0")
        if self.decimal_sign == ",":
            text = text.replace(".", ",")
        return text + "0" if _COULD_BE_THOUSANDS.match(text) else text


@dataclass(frozen=True, slots=True)
class FormSection:
    """Fields that are asked together."""

    name: str
    label: str
    fields: list[BoundField]


class EmployeeForm(forms.Form):
    """One employee, in the reader's language.

    After `is_valid()`, `row` is what the schema accepted.
    """

    row: CleanRow

    def __init__(
        self,
        schema: FeatureSchema,
        language: str,
        *,
        blanks_tell: bool = False,
        model: str = "",
        **kwargs: Any,
    ) -> None:
        """`blanks_tell`: whether the model learned something from what was not known. `model`: the
        hash that the form carries."""
        super().__init__(**kwargs)
        self.model = model
        self.schema = schema
        self.language = language
        self.blanks_tell = blanks_tell
        self.fields[EMPLOYEE_ID] = RawField(
            label=_("Employee reference"),
            required=False,
            help_text=_("Your own number or code, to find this assessment again. Optional."),
            widget=forms.TextInput(
                attrs={"autocomplete": "off", "maxlength": IDENTIFIER_LENGTH, "spellcheck": "false"}
            ),
        )
        for feature in schema.everything:
            self.fields[feature.name] = _field(feature, language)

    def sections(self) -> Iterator[FormSection]:
        """The model's inputs in the order of the schema's sections."""
        named = {
            section.name: say(section.label, self.language) for section in self.schema.sections
        }
        for name in dict.fromkeys([*named, *(feature.section for feature in self.schema.features)]):
            fields = [self[f.name] for f in self.schema.features if f.section == name]
            if fields:
                yield FormSection(name or "inputs", named.get(name, _("Employee")), fields)

    def audit_fields(self) -> list[BoundField]:
        """What is kept for fairness audits alone."""
        return [self[feature.name] for feature in self.schema.audit]

    def problems(self) -> Iterator[tuple[BoundField, str]]:
        """Each field with its first error, in the order of the form."""
        for field in self:
            if field.errors:
                yield field, str(field.errors[0])

    def clean(self) -> dict[str, Any]:
        raw = {name: value for name, value in self.cleaned_data.items() if value is not None}
        # An answer that this model does not ask for is never dropped without a word.
        raw |= {
            name: value
            for name, value in self.data.items()
            if value and name not in self.fields and name not in _OWN_FIELDS
        }
        try:
            self.row = self.schema.clean(raw)
        except SchemaError as refused:
            for name, problems in refused.problems.items():
                for problem in problems:
                    text = problem.text(self.language)
                    if name in self.fields:
                        self.add_error(name, text)
                    elif name == ROW:
                        self.add_error(NON_FIELD_ERRORS, text)
                    else:
                        named = _("“{name}”").format(name=name)
                        colon = pgettext("before an explanation", ":")
                        self.add_error(NON_FIELD_ERRORS, f"{named}{colon} {text}")
        return self.cleaned_data


@dataclass(frozen=True, slots=True)
class Carried:
    """What was typed into a form of another model, as far as the active one asks for it."""

    typed: dict[str, str]
    """By field of the active model's form."""
    gone: list[tuple[str, str]]
    """Label and answer of what does not apply any more."""
    differently: list[str]
    """Labels of what was kept, though it is described differently now."""


def carry_over(
    typed: Mapping[str, str], *, before: FeatureSchema | None, now: FeatureSchema, language: str
) -> Carried:
    """What a person typed for the schema `before`, for the schema `now`.

    `before` is None where the model is not known: then its fields go by their names. What neither
    schema can read stays as it was typed, to be corrected.
    """
    old = before.by_name if before else {}
    kept: dict[str, str] = {}
    gone: list[tuple[str, str]] = []
    differently: list[str] = []
    for name, text in typed.items():
        was, feature = old.get(name), now.by_name.get(name)
        if not text.strip() or name in _OWN_FIELDS:
            continue
        if name == EMPLOYEE_ID:
            kept[name] = text
            continue
        fits = feature is not None and (
            _is_readable(feature, text)
            or (feature.kind == "number" and was is not None and not _is_readable(was, text))
        )
        if feature is None or not fits:
            gone.append(_as_asked(was or feature, name, text, language))
            continue
        kept[name] = text
        if was is not None and asks_differently(was, feature):
            differently.append(say(feature.label, language, name))
    return Carried(kept, gone, differently)


def _as_asked(feature: Feature | None, name: str, text: str, language: str) -> tuple[str, str]:
    """A label and an answer, in the words of whoever asked."""
    if feature is None:
        return name, text
    with suppress(InvalidValueError):
        text = feature.value_text(feature.read(text), language) or text
    return say(feature.label, language, name), text


def initial_values(schema: FeatureSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Stored or typical values as the form shows them, for the fields that `schema` has.

    Another model may mean something else by a name: what `schema` would refuse is left out.
    """
    return {
        name: values[name]
        for name, feature in schema.by_name.items()
        if values.get(name) is not None and _is_readable(feature, values[name])
    }


def _is_readable(feature: Feature, value: object) -> bool:
    try:
        feature.read(value)
    except InvalidValueError:
        return False
    return True


def _field(feature: Feature, language: str) -> RawField:
    field = _FIELDS[feature.kind](feature, language)
    field.label = say(feature.label, language)
    field.help_text = say(feature.help, language)
    return field


def _number(feature: Feature, language: str) -> RawField:
    field = NumberField(
        required=False,
        # Not type=number: a browser would drop what it cannot read, and with it what was typed.
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric" if feature.integer else "decimal",
                "autocomplete": "off",
                "class": "number",
            }
        ),
    )
    field.decimal_sign = "," if language.startswith("fr") else "."
    field.unit = feature.units(language)
    field.hint = _("{minimum} to {maximum}").format(
        minimum=number_text(feature.minimum, language),
        maximum=number_text(feature.maximum, language),
    )
    if feature.typical is not None:
        typical = number_text(float(feature.typical), language)
        field.hint += " · " + _("typically {value}").format(value=typical)
    return field


def _answers(feature: Feature, language: str) -> RawField:
    answers = [(str(c.value), say(c.label, language, str(c.value))) for c in feature.choices]
    blank = ("", gettext_lazy("Not known"))
    widget: forms.Widget
    if len(answers) <= _MOST_BUTTONS:
        widget = forms.RadioSelect(choices=[*answers, blank], attrs={"class": "answers"})
    else:
        widget = forms.Select(choices=[blank, *answers])
    return RawField(required=False, widget=widget, initial="")


_FIELDS: dict[str, Callable[[Feature, str], RawField]] = {
    "number": _number,
    "scale": _answers,
    "choice": _answers,
}
