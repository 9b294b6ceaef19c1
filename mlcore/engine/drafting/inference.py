"""From any table to a draft of what its columns mean, and from a person's corrections to a better.

A draft is a function of the table and the corrections: the same give the same, in any order of
correcting. Nothing here trains, and numpy is not even needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlcore.engine.drafting import header_words, suspicion
from mlcore.engine.drafting.answer_words import UNKNOWN
from mlcore.engine.drafting.column_kinds import MOST_ANSWERS, feature_of, kind_of, possible_kinds
from mlcore.engine.drafting.column_profiles import Profile, profile
from mlcore.engine.drafting.column_roles import (
    LEARNABLE,
    UNLEARNABLE,
    Column,
    find_identifier,
    find_target,
    give_role,
    mark_duplicates,
    mark_protected,
    suspect,
)
from mlcore.engine.drafting.corrections import (
    KIND_WORDS,
    CorrectionError,
    as_words,
    check_form,
    merged,
    problem,
)
from mlcore.engine.drafting.draft import Draft, Finding, Question
from mlcore.engine.drafting.draft_words import NOTES, reason
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.drafting.suspicion import Leavers
from mlcore.engine.features import Feature, Kind
from mlcore.engine.ingest.decimals import decimal_sign, may_be_either
from mlcore.engine.tabular import Table, check_history
from mlcore.engine.values import shown
from mlcore.engine.words import Words, number_text, say

__all__ = ["CorrectionError", "Draft", "Finding", "draft", "revise"]


def draft(table: Table, *, name: str) -> Draft:
    """What the columns of a labelled table seem to mean. `name`: a file's, or any text.

    Raises `TableError` when the table is none that a model could be trained on: no header, no rows,
    one column, too many of either.
    """
    title = re.sub(r"\.(csv|xlsx|xlsm|txt|tsv)\s*\Z", "", name.strip(), flags=re.IGNORECASE)
    readable = header_words.readable(title)
    return _draft(
        table, plan_name(title), {"en": readable or "History", "fr": readable or "Historique"}, {}
    )


def revise(draft: Draft, table: Table, corrections: Mapping[str, Any]) -> Draft:
    """The draft with a person's corrections (see `corrections`) added to earlier ones.

    Raises `CorrectionError` with a sentence by column for what cannot be; nothing is changed then.
    """
    check_form(corrections, set(table.headers))
    return _draft(table, draft.name, draft.guessed_title, merged(draft.corrections, corrections))


def _draft(table: Table, name: str, title: Words, corrections: Mapping[str, Any]) -> Draft:
    check_history(table)
    asked = corrections.get("columns", {})
    columns = []
    for header, cells in table.columns().items():
        counted = profile(header, cells)
        columns.append(Column(counted, kind_of(counted), asked.get(header, {})))
    mark_protected(columns)
    mark_duplicates(columns)
    problems: dict[str, Words] = {}
    target, leaver, needs = find_target(columns, corrections, problems)
    identifier = find_identifier(columns, corrections, target, problems)
    left = suspicion.leavers(target.profile, leaver) if target and leaver else Leavers((), ())
    for column in columns:
        if column is target:
            column.role, column.kind = "target", "choice"
            column.reason = (
                reason("target", leaver=shown(leaver)) if leaver else reason("target_alone")
            )
        elif column is identifier:
            column.role, column.kind = "identifier", "identifier"
            column.reason = reason("identifier")
        else:
            column.suspicion = suspect(column, left)
            give_role(column, problems)
    findings = _findings(columns, problems)
    if not any(finding.role == "input" for finding in findings):
        needs.append(Question("inputs", reason("no_inputs")))
    if problems:
        raise CorrectionError(problems)
    rows = len(table.rows)
    return Draft(
        name=name,
        title=as_words(corrections.get("title")) or title,
        guessed_title=title,
        source=as_words(corrections.get("source")) or _source(rows, len(columns)),
        rows=rows,
        findings=tuple(findings),
        target=target.header if target else "",
        leaver=leaver,
        needs=tuple(needs),
        corrections=corrections,
    )


def plan_name(title: str) -> str:
    """A text as a plan's name: `"Export RH 2025"` → `"export-rh-2025"`."""
    return "-".join(phrase(title.replace("%", " ")).split())[:40].strip("-") or "history"


def _source(rows: int, columns: int) -> Words:
    return {
        "en": f"A file of {number_text(rows, 'en')} rows and {columns} columns.",
        "fr": f"Un fichier de {number_text(rows, 'fr')} lignes et {columns} colonnes.",
    }


# ---------------------------------------------------------------- findings


def _findings(columns: list[Column], problems: dict[str, Words]) -> list[Finding]:
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
                protected=column.protected,
            )
        )
    return findings


def _feature(
    column: Column, kinds: tuple[Kind, ...], taken: set[str], problems: dict[str, Words]
) -> Feature | None:
    asked: Kind | None = column.asked.get("kind")
    if asked:
        wanted = [asked]
    else:
        usual = [kind for kind in LEARNABLE if kind == column.kind]
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
        why = reason(UNLEARNABLE.get(column.kind, "text"))
        problems[column.header] = {
            language: problem("nothing_to_ask", reason=why[language])[language]
            for language in ("en", "fr")
        }
    column.role, column.reason = "left_out", reason(UNLEARNABLE.get(column.kind, "text"))
    return None


def _notes(column: Column, feature: Feature | None) -> tuple[Words, ...]:
    notes: list[Words] = []
    if column.role == "identifier":
        notes += _repeats(column.profile)
    if feature is not None and feature.kind == "number":
        notes += _read_in_two_ways(column.profile)
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


def _repeats(column: Profile) -> list[Words]:
    """How many employees stand in several rows."""
    rows_of: Counter[str] = Counter()
    for text, rows in column.words.items():
        if (reference := text.casefold()) not in UNKNOWN:
            rows_of[reference] += rows
    count = sum(1 for rows in rows_of.values() if rows > 1)
    if not count:
        return []
    note = NOTES["repeats_one" if count == 1 else "repeats"]
    return [{k: text.format(count=number_text(count, k)) for k, text in note.items()}]


def _read_in_two_ways(column: Profile) -> list[Words]:
    """Numbers such as 5,993 in a column where nothing tells what the sign means."""
    numbers = column.numbers
    cells = column.counts
    cell = next((k for k in cells if isinstance(k, str) and may_be_either(k)), None)
    if numbers is None or cell is None or cell not in numbers.values:
        return []
    if decimal_sign(key for key in cells if isinstance(key, str)):
        return []
    value = numbers.values[cell]
    return [
        {
            language: text.format(cell=shown(cell.strip()), value=number_text(value, language))
            for language, text in NOTES["two_ways"].items()
        }
    ]


_RARE = 5  # rows of an answer
