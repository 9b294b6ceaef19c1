"""From any table to a draft of what its columns mean, and from a person's corrections to a better.

A draft is a function of the table and the corrections: the same give the same, in any order of
correcting. Nothing here trains, and numpy is not even needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlcore.engine import header_words, suspicion
from mlcore.engine.column_kinds import (
    MOST_ANSWERS,
    feature_of,
    identifies,
    kind_of,
    names_a_person,
    possible_kinds,
)
from mlcore.engine.column_profiles import Profile, profile
from mlcore.engine.corrections import (
    KIND_WORDS,
    CorrectionError,
    as_words,
    check_form,
    merged,
    problem,
)
from mlcore.engine.draft import ColumnKind, Draft, Finding, Question, Role
from mlcore.engine.draft_words import NOTES, reason
from mlcore.engine.features import Feature, Kind
from mlcore.engine.header_words import phrase
from mlcore.engine.suspicion import Answers, Leavers, answers_of
from mlcore.engine.tabular import HISTORY, Table, check_history
from mlcore.engine.values import fold, shown
from mlcore.engine.words import Words, number_text, say

__all__ = ["HISTORY", "CorrectionError", "Draft", "Finding", "draft", "revise"]

_LEARNABLE: tuple[Kind, ...] = ("number", "scale", "choice")


def draft(table: Table, *, name: str) -> Draft:
    """What the columns of a labelled table seem to mean. `name`: a file's, or any text.

    Raises `TableError` when the table is none that a model could be trained on: no header, no rows,
    one column, too many of either.
    """
    return _draft(table, name, {})


def revise(draft: Draft, table: Table, corrections: Mapping[str, Any]) -> Draft:
    """The draft with a person's corrections (see `corrections`) added to earlier ones.

    Raises `CorrectionError` with a sentence by column for what cannot be; nothing is changed then.
    """
    check_form(corrections, set(table.headers))
    return _draft(table, draft.name, merged(draft.corrections, corrections))


@dataclass(slots=True)
class _Column:
    """A column while the draft is made."""

    profile: Profile
    kind: ColumnKind
    asked: Mapping[str, Any]
    """A person's corrections."""
    role: Role = "left_out"
    reason: Words = field(default_factory=dict)
    same_as: str = ""
    """The header of an earlier column with the same cells."""
    suspicion: Words = field(default_factory=dict)
    chosen: bool = False

    @property
    def header(self) -> str:
        return self.profile.header


def _draft(table: Table, name: str, corrections: Mapping[str, Any]) -> Draft:
    check_history(table)
    asked = corrections.get("columns", {})
    columns = []
    for header, cells in table.columns().items():
        counted = profile(header, cells)
        columns.append(_Column(counted, kind_of(counted), asked.get(header, {})))
    _mark_duplicates(columns)
    problems: dict[str, Words] = {}
    target, leaver, needs = _target(columns, corrections, problems)
    identifier = _identifier(columns, corrections, target, problems)
    left = suspicion.leavers(target.profile, leaver) if target and leaver else Leavers((), ())
    for column in columns:
        if column is target:
            column.role, column.reason = "target", reason("target", leaver=shown(leaver))
        elif column is identifier:
            column.role, column.reason = "identifier", reason("identifier")
        else:
            column.suspicion = _suspicion(column, left)
            _give_role(column, problems)
    findings = _findings(columns, problems)
    if not any(finding.role == "input" for finding in findings):
        needs.append(Question("inputs", reason("no_inputs")))
    if problems:
        raise CorrectionError(problems)
    rows = len(table.rows)
    return Draft(
        name=plan_name(name),
        title=as_words(corrections.get("title")) or dict.fromkeys(("en", "fr"), _title(name)),
        source=as_words(corrections.get("source")) or _source(rows, len(columns)),
        rows=rows,
        findings=tuple(findings),
        target=target.header if target else "",
        leaver=leaver,
        needs=tuple(needs),
        corrections=corrections,
    )


def plan_name(name: str) -> str:
    """A text as a plan's name: `"Export RH 2025.csv"` → `"export-rh-2025"`."""
    stem = re.sub(r"\.(csv|xlsx|xlsm|txt|tsv)\s*\Z", "", name.strip(), flags=re.IGNORECASE)
    return "-".join(phrase(stem.replace("%", " ")).split())[:40].strip("-") or "history"


def _title(name: str) -> str:
    stem = re.sub(r"\.(csv|xlsx|xlsm|txt|tsv)\s*\Z", "", name.strip(), flags=re.IGNORECASE)
    return header_words.readable(stem) or "History"


def _source(rows: int, columns: int) -> Words:
    return {
        "en": f"A file of {number_text(rows, 'en')} rows and {columns} columns.",
        "fr": f"Un fichier de {number_text(rows, 'fr')} lignes et {columns} colonnes.",
    }


# ---------------------------------------------------------------- who left


def _target(
    columns: list[_Column], corrections: Mapping[str, Any], problems: dict[str, Words]
) -> tuple[_Column | None, str, list[Question]]:
    """The column that says who left, the value that means it, and what a person must say."""
    leaver: str = corrections.get("leaver", "")
    chosen: str = corrections.get("target", "")
    # A person who gave a column another role said that it is not this one.
    free = [column for column in columns if not column.asked.get("role")]
    candidates = {
        c.header: found
        for c in free
        if (found := suspicion.could_say_who_left(c.profile)) is not None
    }
    needs: list[Question] = []
    if chosen:
        column = next(c for c in columns if c.header == chosen)
        column.chosen = True
        if refusal := _not_two(column.profile):
            problems[chosen] = refusal
            return column, "", needs
        found = suspicion.could_say_who_left(column.profile)
    else:
        found = max(candidates.values(), key=lambda answers: answers.score, default=None)
        if found is None or not found.score:
            if leaver:
                problems[""] = problem("leaver_without_target")
            return None, "", [_which(columns, candidates)]
        column = next(c for c in columns if c.header == found.header)
    answers = answers_of(column.profile)
    if leaver and fold(leaver) not in answers:
        written = ", ".join(shown(word) for word, _ in answers.values())
        problems[column.header] = problem("leaver_unknown", leaver=shown(leaver), answers=written)
        return column, "", needs
    leaver = answers[fold(leaver)][0] if leaver else (found.leaver if found else "")
    if not leaver:
        options = tuple(word for word, _ in answers.values())
        needs.append(Question("leaver", reason("which_value", column=column.header), options))
    return column, leaver, needs


def _not_two(column: Profile) -> Words | None:
    """Why a column cannot say who left; None if it can."""
    answers = [shown(word) for word, _ in answers_of(column).values()]
    if not answers:
        return problem("target_blank")
    if len(answers) == 1:
        return problem("target_one_answer", answer=answers[0])
    if len(answers) == 2 and not column.foreign:
        return None
    some = ", ".join(answers[:5]) + (", …" if len(answers) > 5 else "")
    return problem("target_answers", count=max(len(answers), column.distinct), answers=some)


def _which(columns: list[_Column], candidates: Mapping[str, Answers]) -> Question:
    """The question for the column that says who left, and why a likely one cannot."""
    for column in columns:
        likely = suspicion.speaks_of_leaving(column.header) and column.kind in ("choice", "scale")
        if likely and (refusal := _not_two(column.profile)):
            question = reason("which_column")
            text = {
                language: f"{words} {_QUOTED[language].format(column.header)} {refusal[language]}"
                for language, words in question.items()
            }
            return Question("target", text, tuple(candidates))
    return Question("target", reason("which_column"), tuple(candidates))


_QUOTED: Words = {"en": "“{}”:", "fr": "« {} » :"}


# ---------------------------------------------------------------- the employee's reference


def _identifier(
    columns: list[_Column],
    corrections: Mapping[str, Any],
    target: _Column | None,
    problems: dict[str, Words],
) -> _Column | None:
    if "identifier" in corrections:
        header: str = corrections["identifier"]
        for column in columns:
            if column.header == header:
                column.chosen = True
                if column is target:
                    problems[header] = problem("target_and_identifier")
                elif not identifies(column.profile):
                    problems[header] = problem("no_identifier")
                return column
        return None
    best: tuple[int, _Column | None] = (0, None)
    for column in columns:
        if column is target or column.asked.get("role") or column.kind != "identifier":
            continue
        score = _identifier_score(column.profile)
        if score > best[0]:
            best = score, column
    return best[1]


def _identifier_score(column: Profile) -> int:
    """How well a column would do as the reference; 0 if it names people, or cannot be one."""
    header = phrase(column.header)
    if header_words.PERSONAL.search(header) or not identifies(column):
        return 0
    if 2 * column.distinct < column.filled:
        return 0
    unique = column.distinct == column.rows
    if header_words.IDENTIFIER.search(header):
        return 4 + unique
    return 2 if unique else 0


# ---------------------------------------------------------------- roles


def _suspicion(column: _Column, left: Leavers) -> Words:
    """Why a column seems to give away who left; empty if it does not."""
    if column.kind == "constant" or (column.kind == "blank" and not column.profile.filled):
        return {}
    if suspicion.leak_by_name(column.header):
        return suspicion.BY_NAME
    # What is different for each tells everything and nothing.
    if column.kind == "identifier" or (
        column.profile.distinct == column.profile.rows > 1 and (column.profile.numbers is None)
    ):
        return {}
    return suspicion.leak_by_content(column.profile, left) or {}


def _give_role(column: _Column, problems: dict[str, Words]) -> None:
    role = column.asked.get("role")
    protected = is_protected(column.header)
    if role is None:
        column.role, column.reason = _usual_role(column, protected)
        # A person who says what kind it is wants it asked; a leak stays out until they say so.
        if column.asked.get("kind") and column.role == "left_out" and not column.suspicion:
            column.role = "audit" if protected else "input"
            column.reason = reason("protected" if protected else "as_chosen")
    else:
        column.role, column.chosen = role, True
        column.reason = as_words(column.asked.get("why")) or reason("as_chosen")
        if role == "input" and protected and not as_words(column.asked.get("why")):
            problems[column.header] = problem("why_protected")


def is_protected(header: str) -> bool:
    """Whether a header names what the law protects, or what stands for it."""
    words = phrase(header)
    return bool(header_words.PROTECTED.search(words)) and not bool(
        header_words.NOT_PROTECTED.search(words)
    )


def _usual_role(column: _Column, protected: bool) -> tuple[Role, Words]:
    if column.kind == "constant":
        return "left_out", reason("constant")
    if column.kind == "blank":
        return "left_out", column.suspicion or reason("blank")
    if column.suspicion:
        return "left_out", column.suspicion
    if column.kind in _LEARNABLE:
        return ("audit", reason("protected")) if protected else ("input", reason("input"))
    if column.kind == "date" and protected:
        return "left_out", reason("birth_date")
    if column.kind == "identifier" and names_a_person(column.profile):
        return "left_out", reason("names_a_person")
    if column.kind == "duplicate":
        return "left_out", reason("duplicate", column=column.same_as)
    return "left_out", reason(_UNLEARNABLE[column.kind])


def _mark_duplicates(columns: list[_Column]) -> None:
    """Set aside a column whose every cell equals another's."""
    seen: dict[tuple[Any, ...], list[_Column]] = {}
    for column in columns:
        if column.kind not in _LEARNABLE or column.asked.get("role"):
            continue
        counted = column.profile
        alike = seen.setdefault((counted.blanks, counted.distinct, *counted.common[:3]), [])
        for other in alike:
            if other.profile.cells == counted.cells:
                column.kind, column.same_as = "duplicate", other.header
                break
        else:
            alike.append(column)


# ---------------------------------------------------------------- findings


def _findings(columns: list[_Column], problems: dict[str, Words]) -> list[Finding]:
    taken: set[str] = set()
    findings = []
    for column in columns:
        feature = None
        kinds = possible_kinds(column.profile)
        if column.role in ("input", "audit"):
            feature = _feature(column, kinds, taken, problems)
            if feature is not None:
                taken.add(feature.name)
        counted = column.profile
        findings.append(
            Finding(
                column=column.header,
                role=column.role,
                kind=feature.kind if feature else column.kind,
                reason=column.reason,
                examples=counted.examples(),
                blanks=counted.blanks,
                distinct=counted.distinct,
                suspicion="leak" if column.suspicion else "",
                suspicion_reason=column.suspicion,
                notes=_notes(column, feature),
                answers=tuple((shown(text), rows) for text, rows in counted.common[:12])
                if len(counted.words) <= MOST_ANSWERS
                else (),
                kinds=kinds,
                feature=feature,
                chosen=column.chosen,
            )
        )
    return findings


def _feature(
    column: _Column, kinds: tuple[Kind, ...], taken: set[str], problems: dict[str, Words]
) -> Feature | None:
    asked: Kind | None = column.asked.get("kind")
    if asked:
        wanted = [asked]
    else:
        usual = [kind for kind in _LEARNABLE if kind == column.kind]
        wanted = [*usual, *(kind for kind in kinds if kind not in usual)]
    for kind in wanted:
        if feature := feature_of(column.profile, kind, taken=taken):
            label = as_words(column.asked.get("label"))
            return replace(feature, label=label) if label else feature
    if asked:
        problems[column.header] = {
            language: problem("not_this_kind", kind=say(KIND_WORDS[asked], language))[language]
            for language in ("en", "fr")
        }
    elif column.chosen:
        why = reason(_UNLEARNABLE.get(column.kind, "text"))
        problems[column.header] = {
            language: problem("nothing_to_ask", reason=why[language])[language]
            for language in ("en", "fr")
        }
    column.role, column.reason = "left_out", reason(_UNLEARNABLE.get(column.kind, "text"))
    return None


_UNLEARNABLE: Mapping[str, str] = {
    "identifier": "identifies",
    "constant": "constant",
    "date": "date",
    "text": "text",
    "blank": "blank",
}
"""The reason why nothing is learned from a column of a kind."""


def _notes(column: _Column, feature: Feature | None) -> tuple[Words, ...]:
    notes: list[Words] = []
    if feature is not None and feature.blank_words:
        written = ", ".join(f"“{shown(text)}”" for text in feature.blank_words[:5])
        french = ", ".join(f"« {shown(text)} »" for text in feature.blank_words[:5])
        notes.append(
            {"en": NOTES["blank_words"]["en"].format(words=written),
             "fr": NOTES["blank_words"]["fr"].format(words=french)}
        )  # fmt: skip
    if feature is not None and feature.kind == "choice":
        rare = sum(1 for rows in column.profile.words.values() if rows < _RARE)
        if rare and column.profile.rows >= 20 * _RARE:
            notes.append(
                {k: text.format(count=rare, rows=_RARE) for k, text in NOTES["rare"].items()}
            )
    return tuple(notes)


_RARE = 5  # rows of an answer
