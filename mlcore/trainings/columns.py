"""What each column of a brought file means: as a form, for a person to correct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from mlcore.engine.drafting.answer_words import UNKNOWN
from mlcore.engine.drafting.corrections import LONGEST_WHY, CorrectionError, as_words, problem
from mlcore.engine.drafting.draft import Draft, Finding
from mlcore.engine.drafting.header_words import LONGEST_LABEL
from mlcore.engine.plan import FEWEST
from mlcore.engine.values import fold
from mlcore.engine.words import LANGUAGES, Words, number_text, say

LONGEST_TITLE = 160  # characters
LONGEST_SOURCE = 600

_NEEDS_A_REASON = problem("why_protected")
_ROLES = {
    "input": pgettext_lazy("use of a column", "Learned from"),
    "audit": pgettext_lazy("use of a column", "Fairness only"),
    "left_out": pgettext_lazy("use of a column", "Left out"),
}
_KINDS = {
    "number": pgettext_lazy("kind of a column", "Number"),
    "scale": pgettext_lazy("kind of a column", "Scale"),
    "choice": pgettext_lazy("kind of a column", "Answers"),
}


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the file, as the page shows it."""

    finding: Finding
    number: int
    examples: str
    reason: str
    suspicion: str
    notes: list[str]
    blanks: str
    role: BoundField | None
    """Its use; None for the two columns that are chosen above the table."""
    kind: BoundField | None
    """None where there is nothing to choose."""
    why: BoundField | None
    """Why the model learns from what the law protects."""
    labels: list[BoundField]
    """One per language; none for a column that nobody can be asked for."""

    @property
    def fields(self) -> list[BoundField]:
        return [
            field for field in (self.role, self.kind, self.why, *self.labels) if field is not None
        ]

    @property
    def errors(self) -> list[str]:
        return [str(error) for field in self.fields for error in field.errors]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file's employees divide; all in people."""

    left: int
    stayed: int
    unknown: int
    """Without an answer: a training sets them aside."""

    @property
    def of_hundred(self) -> int:
        return round(100 * self.left / max(self.left + self.stayed, 1))

    @property
    def too_few(self) -> bool:
        """Whether a training would refuse them."""
        return min(self.left, self.stayed) < FEWEST


class ColumnsForm(forms.Form):
    """What each column of a file means, for a person to correct.

    Fields of a column carry its number in the file. After `is_valid()`, `corrections` is what
    `inference.revise` takes.
    """

    def __init__(self, draft: Draft, language: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.draft = draft
        self.language = language
        self._add_choices_of_the_file()
        self._add_words("title_en", draft.title, _("Name of the model, in English"))
        self._add_words("title_fr", draft.title, _("Name of the model, in French"))
        self._add_words("source_en", draft.source, _("Where the data come from, in English"))
        self._add_words("source_fr", draft.source, _("Where the data come from, in French"))
        for number, finding in enumerate(draft.findings):
            self._add_column(number, finding)

    # ------------------------------------------------------------------ the fields

    def _add_choices_of_the_file(self) -> None:
        self.fields["target"] = forms.ChoiceField(
            label=_("Who left"),
            required=False,
            choices=[("", _("Choose the column and its answer")), *self._targets()],
            initial="{}:{}".format(*self._target_now) if self._target_now else "",
            widget=forms.Select(attrs={"class": "wide"}),
        )
        columns = [(str(n), f.column) for n, f in enumerate(self.draft.findings)]
        self.fields["identifier"] = forms.ChoiceField(
            label=_("Employee’s number or code"),
            required=False,
            choices=[("", _("None in this file")), *columns],
            initial=next((n for n, c in columns if c == self.draft.identifier), ""),
            widget=forms.Select(attrs={"class": "wide"}),
        )

    @cached_property
    def _pairs(self) -> dict[int, list[tuple[str, int]]]:
        """By a column's number, its two answers and how many employees gave each.

        Compared as training compares them: "Yes" and "yes" are one answer.
        """
        pairs = {}
        for number, finding in enumerate(self.draft.findings):
            answers: dict[str, tuple[str, int]] = {}
            for answer, rows in finding.answers:
                if answer.casefold() in UNKNOWN:
                    continue
                known, before = answers.get(fold(answer), (answer, 0))
                answers[fold(answer)] = (known, before + rows)
            if len(answers) == 2 and len(finding.answers) == finding.distinct:
                pairs[number] = list(answers.values())
        return pairs

    def _targets(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Each answer of each column with two of them, as one thing to choose."""
        total = number_text(self.draft.rows, self.language)
        told = _("{column} is “{answer}”: {count} of {total}")
        return [
            (
                column := self.draft.findings[number].column,
                [
                    (
                        f"{number}:{place}",
                        told.format(
                            column=column,
                            answer=answer,
                            count=number_text(rows, self.language),
                            total=total,
                        ),
                    )
                    for place, (answer, rows) in enumerate(answers)
                ],
            )
            for number, answers in self._pairs.items()
        ]

    @cached_property
    def _target_now(self) -> tuple[int, int] | None:
        """The number of the column that says who left, and the place of the answer."""
        for number, answers in self._pairs.items():
            if self.draft.findings[number].column == self.draft.target:
                for place, (answer, _rows) in enumerate(answers):
                    if fold(answer) == fold(self.draft.leaver):
                        return number, place
        return None

    def _add_words(self, name: str, words: Words, label: str) -> None:
        kind, code = name.split("_")
        long = kind == "source"
        widget: forms.Widget = forms.Textarea(attrs={"rows": 2}) if long else forms.TextInput()
        widget.attrs |= {"lang": code}
        longest = LONGEST_SOURCE if long else LONGEST_TITLE
        self.fields[name] = forms.CharField(
            label=label,
            required=False,
            max_length=longest,
            initial=words.get(code, "")[:longest],
            widget=widget,
        )

    def _add_column(self, number: int, finding: Finding) -> None:
        if finding.role not in _ROLES or not finding.kinds:
            return  # it is spoken of above, or there is nothing to choose
        corrected = self.draft.corrections.get("columns", {}).get(finding.column, {})
        label = finding.feature.label if finding.feature else corrected.get("label") or {}
        kind = finding.feature.kind if finding.feature else corrected.get("kind", "")
        self._add(
            f"role-{number}",
            _("Use of {column}"),
            finding,
            forms.ChoiceField(choices=list(_ROLES.items()), initial=finding.role, required=False),
        )
        if len(finding.kinds) > 1:
            kinds = [(each, _KINDS[each]) for each in finding.kinds]
            self._add(
                f"kind-{number}",
                _("Kind of {column}"),
                finding,
                forms.ChoiceField(
                    choices=kinds if kind else [("", _("Whatever fits")), *kinds],
                    initial=kind,
                    required=False,
                ),
            )
        if finding.protected:
            self._add(
                f"why-{number}",
                _("Why the model needs {column}"),
                finding,
                forms.CharField(
                    required=False,
                    max_length=LONGEST_WHY,
                    initial=say(as_words(corrected.get("why")), self.language),
                    widget=forms.TextInput(
                        attrs={"autocomplete": "off", "placeholder": _("Why the model needs it")}
                    ),
                ),
            )
        for code, told in (
            ("en", _("English name of {column}")),
            ("fr", _("French name of {column}")),
        ):
            widget = forms.TextInput(
                attrs={"lang": code, "autocomplete": "off", "placeholder": finding.column}
            )
            self._add(
                f"{code}-{number}",
                told,
                finding,
                forms.CharField(
                    required=False,
                    max_length=LONGEST_LABEL,
                    initial=label.get(code, ""),
                    widget=widget,
                ),
            )

    def _add(self, name: str, told: str, finding: Finding, field: forms.Field) -> None:
        field.label = told.format(column=finding.column)
        field.widget.attrs["aria-label"] = field.label
        self.fields[name] = field

    # ------------------------------------------------------------------ what the page shows

    def rows(self) -> Iterator[ColumnRow]:
        """Every column of the file, in its order."""
        for number, finding in enumerate(self.draft.findings):
            yield ColumnRow(
                finding=finding,
                number=number,
                examples=" · ".join(finding.examples),
                reason=self._reason(finding),
                suspicion=say(finding.suspicion_reason, self.language) if finding.suspicion else "",
                notes=[say(note, self.language) for note in finding.notes],
                blanks=self._blanks(finding),
                role=self._field(f"role-{number}"),
                kind=self._field(f"kind-{number}"),
                why=self._field(f"why-{number}"),
                labels=[field for code in LANGUAGES if (field := self._field(f"{code}-{number}"))],
            )

    def _reason(self, finding: Finding) -> str:
        """Why it has its role, where its role and its suspicion do not say so."""
        usual = finding.role == "input" and not finding.chosen
        if usual or (finding.suspicion and finding.reason == finding.suspicion_reason):
            return ""
        return say(finding.reason, self.language)

    def _field(self, name: str) -> BoundField | None:
        return self[name] if name in self.fields else None

    def _blanks(self, finding: Finding) -> str:
        if not finding.blanks:
            return ""
        return ngettext(
            "{count} employee without a value", "{count} employees without a value", finding.blanks
        ).format(count=number_text(finding.blanks, self.language))

    @cached_property
    def outcome(self) -> Outcome | None:
        """How many left and how many stayed, by the answer that is saved."""
        if self._target_now is None:
            return None
        number, place = self._target_now
        answers = self._pairs[number]
        return Outcome(
            left=answers[place][1],
            stayed=answers[1 - place][1],
            unknown=self.draft.rows - sum(rows for _, rows in answers),
        )

    def counts(self) -> dict[str, int]:
        """How many columns are used for what, as saved."""
        roles: list[str] = [finding.role for finding in self.draft.findings]
        return {role: roles.count(role) for role in _ROLES}

    def words(self) -> list[BoundField]:
        """The fields that name and describe the model."""
        return [self[f"{name}_{code}"] for name in ("title", "source") for code in LANGUAGES]

    def suspicious(self) -> list[ColumnRow]:
        return [row for row in self.rows() if row.suspicion]

    def questions(self) -> list[str]:
        """What must be answered before anything can be trained."""
        return [say(question.text, self.language) for question in self.draft.needs]

    def problems(self) -> Iterator[tuple[BoundField, str]]:
        """Each field with its first error, in the order of the page."""
        for field in self:
            if field.errors:
                yield field, str(field.errors[0])

    # ------------------------------------------------------------------ what was typed

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        target = given.get("target", "").partition(":")[0]
        if target and target == given.get("identifier"):
            self.add_error(
                "identifier", _("This column says who left: it cannot be the number as well.")
            )
        if not any(given.get(f"title_{code}") for code in LANGUAGES):
            self.add_error(f"title_{LANGUAGES[0]}", _("Give the model a name."))
        return given

    @property
    def corrections(self) -> dict[str, Any]:
        """What was changed, as `inference.revise` takes it.

        What was left as it stood is no correction: it follows the others.
        """
        given, changed = self.cleaned_data, set(self.changed_data)
        found: dict[str, Any] = {}
        if "target" in changed and given["target"]:
            number, place = map(int, given["target"].split(":"))
            found["target"] = self.draft.findings[number].column
            found["leaver"] = self._pairs[number][place][0]
        if "identifier" in changed:
            chosen = given["identifier"]
            found["identifier"] = self.draft.findings[int(chosen)].column if chosen else ""
        for name in ("title", "source"):
            if changed & {f"{name}_{code}" for code in LANGUAGES}:
                found[name] = self._words(f"{name}_{{code}}")
        columns = {}
        for number, finding in enumerate(self.draft.findings):
            if corrected := self._column(number, changed):
                columns[finding.column] = corrected
        return found | {"columns": columns}

    def _column(self, number: int, changed: set[str]) -> dict[str, Any]:
        """What was changed of one column; a blank takes an earlier correction back."""
        corrected: dict[str, Any] = {}
        for name in ("role", "kind", "why"):
            if f"{name}-{number}" in changed:
                corrected[name] = self.cleaned_data[f"{name}-{number}"] or None
        if changed & {f"{code}-{number}" for code in LANGUAGES}:
            corrected["label"] = self._words(f"{{code}}-{number}")
        return corrected

    def _words(self, name: str) -> dict[str, str] | None:
        """A text by language; a language without one takes the other's."""
        given = {code: self.cleaned_data.get(name.format(code=code), "") for code in LANGUAGES}
        known = next((text for text in given.values() if text), "")
        return {code: text or known for code, text in given.items()} if known else None

    def refuse(self, error: CorrectionError) -> None:
        """Say at each field why its correction cannot be followed."""
        for column, words in error.problems.items():
            self.add_error(self._field_of(column, words), say(words, self.language))

    def _field_of(self, column: str, words: Words) -> str | None:
        if column == self._chosen("target"):
            return "target"
        if column == self._chosen("identifier"):
            return "identifier"
        for number, finding in enumerate(self.draft.findings):
            if finding.column == column and f"role-{number}" in self.fields:
                return f"why-{number}" if words == _NEEDS_A_REASON else f"role-{number}"
        return None

    def _chosen(self, name: str) -> str:
        """The header that was chosen above the table."""
        number = self.cleaned_data.get(name, "").partition(":")[0]
        return self.draft.findings[int(number)].column if number else ""
