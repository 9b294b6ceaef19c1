"""Which column of a file is which field of a schema, by header and by values.

A guess is never more than a proposal: a person sees it beside three values, and corrects it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mlcore.engine.drafting import header_words
from mlcore.engine.drafting.answer_words import DURATION
from mlcore.engine.drafting.column_kinds import names_a_person
from mlcore.engine.drafting.column_profiles import Profile, profile
from mlcore.engine.drafting.column_roles import is_protected
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.drafting.protected_answers import tells_protected
from mlcore.engine.features import Feature
from mlcore.engine.ingest.decimals import Evidence
from mlcore.engine.ingest.headers import is_value
from mlcore.engine.ingest.likeness import Vocabulary
from mlcore.engine.ingest.marks import adapted
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import InvalidValueError, Reader, fold, read_identifier, shown

How = Literal["header", "name", "label", "likeness", ""]

SAMPLES = 3
FEWEST_GROUPS, MOST_GROUPS = 2, 60
LONGEST_GROUP = 60  # characters

MOST_WORDS = 30
"""Words of one column that a person can be asked about."""

_READ = 50  # different values that are tried
_READABLE = 0.9  # of them, at least, where only a likeness speaks for the field
_FAMILIAR = 0.5  # of them, at least, where an alias does
_FAIR = 2 / 3  # of the rows, at least, where a person can say what the other words mean
_LIKE = 0.72
"""From here on, a likeness is proposed."""
_FEW_ROWS = 20  # below, that all differ says little


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a file, and what it seems to be."""

    place: int
    """0 is the first."""
    header: str
    samples: list[str]
    """Up to three different values, as a page can show them."""
    field: str = ""
    """The schema's, or `employee_id`; `""` for none."""
    how: How = ""
    """What told: the training file's very header, the field's name, a label or an alias, or a
    likeness."""
    groupable: bool = False
    """Whether people can be compared by it: a few short words, asked by no field, not protected,
    naming nobody."""
    too_varied: int = 0
    """How many different values it has, where they alone are why people cannot be compared by it;
    else 0."""
    protected: bool = False
    """Whether it tells what the law protects."""


def match(
    headers: Sequence[str], rows: Sequence[Sequence[str]], schema: FeatureSchema
) -> list[Column]:
    """The columns in the file's order, each field at one of them at most.

    `rows`: the first ones of the file, of as many cells as there are headers.
    """
    values = [_values(rows, place) for place in range(len(headers))]
    named = _named(headers, schema)
    fields: dict[int, tuple[str, How]] = {
        place: (field, how)
        for place, (field, how) in named.items()
        if _believable(headers[place], values[place], schema.by_name.get(field))
    }
    evidence = Evidence()
    for place in range(len(headers)):
        evidence.look(place, [row[place] for row in rows if place < len(row)])
    settled = evidence.settled()
    fields |= _alike(headers, values, settled, schema, fields)
    fields |= _in_other_words(named, values, schema, fields)
    columns = []
    for place, header in enumerate(headers):
        counted = profile(header, [row[place] for row in rows if place < len(row)])
        protected = is_protected(header) or tells_protected(counted)
        field, how = fields.get(place, ("", ""))
        column = Column(
            place=place,
            header=header,
            samples=[shown(text) for text in list(values[place])[:SAMPLES]],
            field=field,
            how=how,
            protected=protected,
        )
        if not (field or protected) and _groups(counted):
            few = _few(counted)
            column = replace(column, groupable=few, too_varied=0 if few else len(counted.words))
        columns.append(column)
    return columns


def _values(rows: Sequence[Sequence[str]], place: int) -> dict[str, int]:
    """The first different values of a column, trimmed, without blanks, and in how many rows."""
    texts = Counter(row[place].strip() for row in rows if place < len(row))
    texts.pop("", None)
    return dict(list(texts.items())[:_READ])


def _named(headers: Sequence[str], schema: FeatureSchema) -> dict[int, tuple[str, How]]:
    """By place, the field that a header names outright: the training file's very header first,
    then names, then labels and aliases."""
    own = dict.fromkeys(schema.identifier_aliases[:1], EMPLOYEE_ID)
    own |= {feature.column: feature.name for feature in schema.everything}
    names = {fold(name): name for name in (EMPLOYEE_ID, *schema.by_name)}
    columns = {fold(feature.column): feature.name for feature in schema.everything}
    found: dict[int, tuple[str, How]] = {}
    taken: set[str] = set()
    passes: list[tuple[How, list[str]]] = [
        ("header", [own.get(header, "") for header in headers]),
        ("name", [names.get(fold(header), "") for header in headers]),
        ("header", [columns.get(fold(header), "") for header in headers]),
        ("label", [schema.by_word.get(fold(header), "") for header in headers]),
    ]
    for how, fields in passes:
        for place, field in enumerate(fields):
            if field and place not in found and field not in taken:
                found[place] = field, how
                taken.add(field)
    return found


def _believable(header: str, texts: Mapping[str, int], feature: Feature | None) -> bool:
    """Whether the answers below an alias are mostly the field's: under `Poste` may stand jobs of
    which the model has never heard.
    """
    if feature is None or not feature.choices:
        return True
    own = map(fold, (feature.name, feature.column, *feature.label.values()))
    return fold(header) in own or _readable(texts, texts, feature.read, feature, _FAMILIAR)


def _in_other_words(
    named: Mapping[int, tuple[str, How]],
    values: Sequence[Mapping[str, int]],
    schema: FeatureSchema,
    found: Mapping[int, tuple[str, How]],
) -> dict[int, tuple[str, How]]:
    """By place, the choices that an alias names and of whose words few are known: a person is to
    check them, and can say what each word means. A few words that come back are answers.
    """
    taken = {field for field, _ in found.values()}
    return {
        place: (field, "likeness")
        for place, (field, _) in named.items()
        if place not in found
        and field not in taken
        and (rows := sum(values[place].values())) >= _FEW_ROWS
        and len(values[place]) <= min(MOST_WORDS, rows // 2)
        and _words_alone(values[place], _unread(values[place], schema.by_name[field].read))
    }


def _alike(
    headers: Sequence[str],
    values: Sequence[Mapping[str, int]],
    settled: Mapping[int, str],
    schema: FeatureSchema,
    found: dict[int, tuple[str, How]],
) -> dict[int, tuple[str, How]]:
    """By place, fields by likeness of the words and readable values, the best pairs first."""
    taken = {field for field, _ in found.values()}
    readers: dict[str, Reader] = {EMPLOYEE_ID: read_identifier}
    readers |= {feature.name: feature.read for feature in schema.everything}
    vocabulary = Vocabulary(schema)
    pairs = sorted(
        (-likeness, place, field)
        for place, header in enumerate(headers)
        if place not in found and not header_words.PERSONAL_ALWAYS.search(phrase(header))
        for field, likeness in vocabulary.likenesses(header).items()
        if field not in taken and likeness >= _LIKE
    )
    more: dict[int, tuple[str, How]] = {}
    for _, place, field in pairs:
        if place in more or field in taken:
            continue
        feature = schema.by_name.get(field)
        texts = adapted(list(values[place]), settled.get(place, ""), feature)
        if _readable(texts, values[place], readers[field], feature, _READABLE):
            more[place] = field, "likeness"
            taken.add(field)
    return more


def _readable(
    texts: Iterable[str],
    rows: Mapping[str, int],
    read: Reader,
    feature: Feature | None,
    share: float,
) -> bool:
    """Whether a field reads a share of different values, or most rows; it reads what is not there.

    `texts` are the keys of `rows`, in their order, as the field is to read them. Where a person can
    say what a word means, a fair part of the rows is enough; numbers and dates are no such words.
    """
    counts = list(zip(texts, rows.values(), strict=True))
    refused = _unread((text for text, _ in counts), read)
    if len(refused) <= (1 - share) * len(counts):
        return True
    choices = feature is not None and bool(feature.choices)
    if choices and not _words_alone(rows, refused, share):
        return False
    unread = sum(count for text, count in counts if text in refused)
    return unread <= (1 - (_FAIR if choices else _READABLE)) * sum(rows.values())


def _unread(texts: Iterable[str], read: Reader) -> set[str]:
    """The values that a field refuses."""
    refused = set()
    for text in texts:
        try:
            read(text)
        except InvalidValueError as error:
            # Which of two readings is meant, the whole column will tell.
            if error.problem.code != "ambiguous_number":
                refused.add(text)
    return refused


def _words_alone(texts: Collection[str], refused: Collection[str], share: float = 1.0) -> bool:
    """Whether at most the rest of a share are numbers, dates, durations or sentences: no words of
    which a person could say what they mean, and few enough of the others.
    """
    other = sum(
        len(text) > LONGEST_GROUP or is_value(text) or bool(DURATION.match(text))
        for text in refused
    )
    return len(refused) - other <= MOST_WORDS and other <= (1 - share) * len(texts)


def _few(column: Profile) -> bool:
    """Whether the different values of a column are few enough to be groups."""
    different = len(column.words)
    apart = column.filled >= _FEW_ROWS and different > 0.5 * column.filled
    return different <= MOST_GROUPS and not apart


def _groups(column: Profile) -> bool:
    """Whether people can be compared by what a column holds, if its different values are few."""
    header = phrase(column.header)
    words = list(column.words)
    if len(words) < FEWEST_GROUPS or column.foreign:
        return False
    if any(len(text) > LONGEST_GROUP or is_value(text) for text in words):
        return False
    if header_words.PERSONAL.search(header) or header_words.IDENTIFIER.search(header):
        return False
    # Who left is what is asked for, and no way to compare those who are here.
    if header_words.TARGET.search(header) or header_words.AFTERWARDS.search(header):
        return False
    return not (
        column.is_date
        or column.is_duration
        or not column.printable
        or header_words.DATE.search(header)
        or names_a_person(column)
        or header_words.REFERENCE.search(header)
    )
