"""What one model asks and another one does not, or asks differently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.words import number_text, say

# Of a description, what neither the form's fields nor what they accept depend on.
_ASIDE = frozenset({"seen", "typical", "actionable"})
_MOST_NAMED = 6
"""Of answers that come or go, so many are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changes for those who fill in or send fields when one schema replaces another."""

    added: list[str]
    """Labels."""
    removed: list[str]
    differently: list[tuple[str, list[str]]]
    """Label of a field that both ask for, and what is different about it, in words."""
    kept: int
    nothing: bool
    """Whether the two describe the same fields in the same words."""

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed or self.differently)


def changes(before: FeatureSchema, after: FeatureSchema, language: str) -> Changes:
    """The fields that come, go, or are asked differently when one schema replaces another.

    Attributes for fairness checks are fields too.
    """
    old, new = before.by_name, after.by_name
    both = [(old[name], feature) for name, feature in new.items() if name in old]
    audited = {f.name for f in before.audit}, {f.name for f in after.audit}
    differently = [
        (say(feature.label, language, feature.name), words)
        for was, feature in both
        if (words := list(_differences(was, feature, audited, language)))
    ]
    return Changes(
        added=[say(f.label, language, f.name) for name, f in new.items() if name not in old],
        removed=[say(f.label, language, f.name) for name, f in old.items() if name not in new],
        differently=differently,
        kept=len(both),
        nothing=_described(before) == _described(after),
    )


def asks_differently(before: Feature, after: Feature) -> bool:
    """Whether an answer may be refused now, or mean something else."""
    return any(True for _words in differences(before, after, "en"))


def differences(before: Feature, after: Feature, language: str) -> Iterator[str]:
    """What is different about a field, in words: its kind, range, unit and answers."""
    if before.kind != after.kind:
        yield _("{before} before, {after} now").format(
            before=_kind(before.kind), after=_kind(after.kind)
        )
        return
    if after.kind == "number":
        limits = [(feature.minimum, feature.maximum) for feature in (before, after)]
        if limits[0] != limits[1]:
            yield _("from {low} to {high}; before, from {old_low} to {old_high}").format(
                low=number_text(after.minimum, language),
                high=number_text(after.maximum, language),
                old_low=number_text(before.minimum, language),
                old_high=number_text(before.maximum, language),
            )
        if before.integer != after.integer:
            yield _("whole numbers only") if after.integer else _("decimals are accepted")
        if before.unit != after.unit:
            yield _("in “{unit}”; before, in “{old}”").format(
                unit=after.units(language) or "–", old=before.units(language) or "–"
            )
        return
    old, new = (
        {c.value: feature.choice_label(c.value, language) for c in feature.choices}
        for feature in (before, after)
    )
    gone = [label for value, label in old.items() if value not in new]
    come = [label for value, label in new.items() if value not in old]
    if gone:
        yield ngettext(
            "answer no longer accepted: {answers}",
            "answers no longer accepted: {answers}",
            len(gone),
        ).format(answers=_named(gone))
    if come:
        yield ngettext("new answer: {answers}", "new answers: {answers}", len(come)).format(
            answers=_named(come)
        )
    for value, label in new.items():
        if old.get(value, label) != label:
            yield _("“{old}” is called “{new}” now").format(old=old[value], new=label)


def _differences(
    before: Feature, after: Feature, audited: tuple[set[str], set[str]], language: str
) -> Iterator[str]:
    name = after.name
    if name in audited[0] and name not in audited[1]:
        yield _("the model uses it now; before, it served fairness checks only")
    elif name in audited[1] and name not in audited[0]:
        yield _("it serves fairness checks only now")
    if (old := say(before.label, language, name)) != say(after.label, language, name):
        yield _("before, it was called “{label}”").format(label=old)
    yield from differences(before, after, language)


def _kind(kind: str) -> str:
    return {
        "number": _("a number"),
        "scale": _("a step of a scale"),
        "choice": _("a choice among answers"),
    }[kind]


def _named(answers: list[str]) -> str:
    words = [_("“{name}”").format(name=answer) for answer in answers[:_MOST_NAMED]]
    if (more := len(answers) - _MOST_NAMED) > 0:
        words.append(_("{n} more").format(n=more))
    return pgettext("between reasons", ", ").join(words)


def _described(schema: FeatureSchema) -> dict[str, Any]:
    """A schema as it is stored, without what changes with every training."""
    stored = schema.to_json()
    for part in ("features", "audit"):
        stored[part] = [
            {key: value for key, value in feature.items() if key not in _ASIDE}
            for feature in stored[part]
        ]
    return stored
