"""Who is who among the columns of a file: the answer, the reference, what is asked, what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlcore.engine.drafting import header_words, suspicion
from mlcore.engine.drafting.column_kinds import identifies, names_a_person, stands_for_another
from mlcore.engine.drafting.column_profiles import Profile
from mlcore.engine.drafting.corrections import as_words, problem
from mlcore.engine.drafting.draft import ColumnKind, Question, Role
from mlcore.engine.drafting.draft_words import REASONS, reason
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.drafting.protected_answers import tells_protected
from mlcore.engine.drafting.suspicion import Answers, Leavers, answers_of
from mlcore.engine.features import Kind
from mlcore.engine.values import fold, shown
from mlcore.engine.words import Words

LEARNABLE: tuple[Kind, ...] = ("number", "scale", "choice")

UNLEARNABLE: Mapping[str, str] = {
    "identifier": "identifies",
    "constant": "constant",
    "date": "date",
    "text": "text",
    "blank": "blank",
}
"""The reason why nothing is learned from a column of a kind."""


@dataclass(slots=True)
class Column:
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
    protected: bool = False
    """It tells what the law protects, by its name, its answers or its likeness to such a column."""

    @property
    def header(self) -> str:
        return self.profile.header


# ---------------------------------------------------------------- who left


def find_target(
    columns: list[Column], corrections: Mapping[str, Any], problems: dict[str, Words]
) -> tuple[Column | None, str, list[Question]]:
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
        rivals = _rivals(found, candidates, columns) if found else ()
        if found is None or not found.score or rivals:
            if leaver:
                problems[""] = problem("leaver_without_target")
            return None, "", [_which_of(rivals) if rivals else _which(columns, candidates)]
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


def _rivals(
    best: Answers, candidates: Mapping[str, Answers], columns: list[Column]
) -> tuple[str, ...]:
    """The columns that could as well say who left, and divide the employees otherwise."""
    if not best.score:
        return ()
    by_header = {column.header: column.profile for column in columns}
    rivals = [
        found.header
        for found in candidates.values()
        if found.score == best.score
        or (found.score >= suspicion.LIKELY and found.score >= best.score - 1)
    ]
    alike = [
        header
        for header in rivals
        if suspicion.divides_alike(by_header[best.header], by_header[header])
    ]
    return () if len(alike) == len(rivals) else tuple(rivals)


def _which_of(headers: tuple[str, ...]) -> Question:
    """The question for one of several columns that could say who left."""
    text = {
        language: words.format(columns=", ".join(_QUOTES[language].format(h) for h in headers))
        for language, words in REASONS["which_of"].items()
    }
    return Question("target", text, headers)


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


def _which(columns: list[Column], candidates: Mapping[str, Answers]) -> Question:
    """The question for the column that says who left, and why a likely one cannot."""
    for column in columns:
        likely = (
            suspicion.speaks_of_leaving(column.header)
            and not is_protected(column.header)
            and column.kind in ("number", "scale", "choice", "constant")
            and column.profile.distinct <= _MOST_LIKELY_ANSWERS
        )
        if likely and not _may_be_a_mark(column) and (refusal := _not_two(column.profile)):
            question = reason("which_column")
            text = {
                language: f"{words} {_QUOTED[language].format(column.header)} {refusal[language]}"
                for language, words in question.items()
            }
            return Question("target", text, tuple(candidates))
    for column in columns:
        if _may_be_a_mark(column):
            question = reason("which_column")
            hint = reason("filled_means_left", column=column.header)
            text = {language: f"{words} {hint[language]}" for language, words in question.items()}
            return Question("target", text, tuple(candidates))
    return Question("target", reason("which_column"), tuple(candidates))


def _may_be_a_mark(column: Column) -> bool:
    """Whether a column may say who left by being filled in: an exit date, a cross."""
    counted = column.profile
    if not 0 < counted.filled < counted.rows:
        return False
    return suspicion.leak_by_name(column.header) or (
        suspicion.speaks_of_leaving(column.header) and len(answers_of(counted)) == 1
    )


_MOST_LIKELY_ANSWERS = 12
_QUOTES: Words = {"en": "“{}”", "fr": "« {} »"}
_QUOTED: Words = {"en": "“{}”:", "fr": "« {} » :"}


# ---------------------------------------------------------------- the employee's reference


def find_identifier(
    columns: list[Column],
    corrections: Mapping[str, Any],
    target: Column | None,
    problems: dict[str, Words],
) -> Column | None:
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
    best: tuple[int, Column | None] = (0, None)
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
    unique = column.distinct == column.rows
    if header_words.REFERENCE.search(header):
        return 0
    if header_words.OTHER_THINGS.search(header) and not unique:
        return 0
    own = bool(header_words.OWN_REFERENCE.search(header))
    # An employee may stand in several rows, one for each year.
    if 2 * column.distinct < column.filled and not own:
        return 0
    if own:
        return 6 + unique
    if header_words.IDENTIFIER.search(header):
        return 4 + unique
    return 2 if unique else 0


# ---------------------------------------------------------------- roles


def suspect(column: Column, left: Leavers) -> Words:
    """Why a column seems to give away who left; empty if it does not."""
    if column.kind == "constant" or (column.kind == "blank" and not column.profile.filled):
        return {}
    if suspicion.leak_by_name(column.header) or suspicion.notice_given(column.profile):
        return suspicion.BY_NAME
    found = suspicion.could_say_who_left(column.profile) if left.known else None
    if found is not None and found.score >= suspicion.SURE:
        return suspicion.ANOTHER_ANSWER
    # What is different for each tells everything and nothing.
    if column.kind == "identifier" or (
        column.profile.distinct == column.profile.rows > 1 and (column.profile.numbers is None)
    ):
        return {}
    return suspicion.leak_by_content(column.profile, left) or {}


def give_role(column: Column, problems: dict[str, Words]) -> None:
    role = column.asked.get("role")
    protected = column.protected
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
    return bool(header_words.PROTECTED.search(header_words.NOT_PROTECTED.sub(" ", phrase(header))))


def mark_protected(columns: list[Column]) -> None:
    """Find the columns that tell what the law protects, and those that tell the same by a code."""
    for column in columns:
        column.protected = is_protected(column.header) or tells_protected(column.profile)
    named = [column for column in columns if column.protected and column.kind in LEARNABLE]
    for column in columns:
        if not column.protected and column.kind in LEARNABLE:
            column.protected = any(_one_to_one(column.profile, other.profile) for other in named)


def _one_to_one(first: Profile, second: Profile) -> bool:
    """Whether each answer of a column goes with one answer of another, and the other way round."""
    if first.rows < _FEWEST_ALIKE or not 2 <= first.distinct == second.distinct <= first.rows / 3:
        return False
    if sorted(first.counts.values()) != sorted(second.counts.values()):
        return False
    pairs = set(zip(first.cells, second.cells, strict=True))
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


_FEWEST_ALIKE = 20  # rows


def _usual_role(column: Column, protected: bool) -> tuple[Role, Words]:
    if column.kind == "constant":
        return "left_out", reason("constant")
    if column.kind == "blank":
        return "left_out", column.suspicion or reason("blank")
    if column.suspicion:
        return "left_out", column.suspicion
    if column.kind in LEARNABLE:
        return ("audit", reason("protected")) if protected else ("input", reason("input"))
    if column.kind == "date" and protected:
        return "left_out", reason("birth_date")
    counted = column.profile
    if column.kind == "identifier" and stands_for_another(counted):
        return "left_out", reason("code")
    if column.kind == "identifier" and names_a_person(counted):
        return "left_out", reason("names_a_person")
    if column.kind == "duplicate":
        return "left_out", reason("duplicate", column=column.same_as)
    if column.kind == "text" and counted.is_duration:
        return "left_out", reason("duration")
    return "left_out", reason(UNLEARNABLE[column.kind])


def mark_duplicates(columns: list[Column]) -> None:
    """Set aside a column whose every cell equals another's."""
    seen: dict[tuple[Any, ...], list[Column]] = {}
    # Of two alike, the one that names what is protected is kept.
    for column in sorted(columns, key=lambda column: not is_protected(column.header)):
        if column.kind not in LEARNABLE or column.asked.get("role"):
            continue
        counted = column.profile
        alike = seen.setdefault((counted.blanks, counted.distinct, *counted.common[:3]), [])
        for other in alike:
            if other.profile.cells == counted.cells:
                column.kind, column.same_as = "duplicate", other.header
                break
        else:
            alike.append(column)
