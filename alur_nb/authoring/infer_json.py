"""Types for the values of JSON lines: JSON says itself what is a number, a text, a list or an object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alur_nb.authoring.infer_columns import Gathered, is_text, misfit_text
from alur_nb.authoring.infer_types import Choice, choose_day, choose_number
from alur_nb.authoring.infer_values import BLANKS, accepted_by
from alur_nb.runtime.jsonl_rules import Misfit, as_json, kind_of
from alur_nb.runtime.tables import normalized
from alur_nb.runtime.types import (
    ArrayField,
    BooleanField,
    DateField,
    DecimalField,
    DoubleField,
    Field,
    MapField,
    StringField,
    StructField,
    TimestampField,
)

_MOST_MEMBERS = 50
"""Objects with more keys than that are taken for maps."""
_DEEPEST = 50


def choose_json_column(name: str, one: Gathered) -> Choice | str:
    """Choose the type of a key's values, none of them null; a text says why no type holds them."""
    if any(map(_is_too_deep, one.values)):
        return f"nested more than {_DEEPEST} deep: the files are read without it (--extra-columns ignore)"
    choice = _choose(name, one.values)
    if not isinstance(choice, str) and isinstance(choice.wanted, (DateField, TimestampField)):
        # To days and moments a blank text is null.
        one.values = [value for value in one.values if str(value).strip(BLANKS)]
    if isinstance(choice, str) or not choice.misfits:
        return choice
    # Of lists and objects it is the values inside that misfit: more of them than there are rows, maybe.
    is_plain = not isinstance(choice.wanted, (ArrayField, MapField, StructField))
    said = misfit_text(choice, len(one.values) if is_plain else None)
    return replace(choice, doubts=(said, *choice.doubts))


def _is_too_deep(value: object) -> bool:
    """Whether lists and objects stand in one another deeper than this looks: a hostile record has thousands."""
    level = [value]
    for _ in range(_DEEPEST + 1):
        nested = [one for one in level if isinstance(one, (list, dict))]
        if not nested:
            return False
        level = [item for one in nested for item in (one.values() if isinstance(one, dict) else one)]
    return True


def _choose(name: str, values: Sequence[object]) -> Choice | str:
    if not values:
        return Choice(StringField(), doubts=("no value in the sample: taken for text",))
    kinds: dict[str, list[object]] = {}
    for value in values:
        kinds.setdefault(kind_of(value), []).append(value)
    kind = max(kinds, key=lambda kind: len(kinds[kind]))
    choice = _of_kind(kind, name, kinds.pop(kind))
    if isinstance(choice, str) or not kinds:
        return choice
    others = Counter(_json(value) for other in kinds.values() for value in other)
    named = ", ".join(f"{len(other):,} times {kind}" for kind, other in kinds.items())
    doubt = f"{kind}, but {named}: no type takes both"
    return replace(choice, misfits={**choice.misfits, **others}, doubts=(*choice.doubts, doubt))


def _of_kind(kind: str, name: str, values: Sequence[object]) -> Choice | str:
    if kind == "true or false":
        return Choice(BooleanField())
    if kind == "a number":
        return _numbers(Counter(map(str, values)), name)
    if kind == "a text":
        return _texts(values)
    if kind == "a list":
        return _lists(name, [item for value in values if isinstance(value, list) for item in value])
    return _objects(name, [value for value in values if isinstance(value, dict)])


def _numbers(texts: Mapping[str, int], name: str) -> Choice:
    choice = choose_number(texts, name, may_be_days=False)
    if choice is not None and not isinstance(choice.wanted, StringField):
        return choice
    # A number is no text to the reader, so what would be text in CSV needs a number's type here.
    digits = max(len(text.lstrip("-")) for text in texts)
    wanted: Field = (
        DecimalField(38, 0)
        if all(text.lstrip("-").isdecimal() for text in texts) and digits <= 38
        else DoubleField()
    )
    test = accepted_by(wanted)
    doubt = f"up to {digits} digits: more than a bigint holds"
    return Choice(wanted, {text: count for text, count in texts.items() if not test(text)}, doubts=(doubt,))


def _texts(values: Sequence[object]) -> Choice:
    texts = Counter(map(str, values))
    stripped: dict[str, int] = {}
    for text, count in texts.items():
        bare = text.strip(BLANKS)
        stripped[bare] = stripped.get(bare, 0) + count
    found = {text: count for text, count in stripped.items() if text}
    choice = choose_day(found) if found else None
    if choice is not None and not isinstance(choice.wanted, StringField):
        return choice
    doubts = choice.doubts if choice is not None else ()
    broken = {_json(text): count for text, count in texts.items() if not is_text(text)}
    return Choice(StringField(), broken, doubts=doubts)


def _choose_inside(name: str, values: Sequence[object]) -> Choice | str:
    """Choose a type for what stands in lists and objects, where the readers take no `format=`."""
    choice = _choose(name, values)
    pattern = None if isinstance(choice, str) else getattr(choice.wanted, "format", None)
    if isinstance(choice, str) or pattern is None:
        return choice
    said = f"{pattern} would need format=, which only a column of its own has: taken for text"
    return Choice(StringField(), doubts=(said,))


def _lists(name: str, found: Sequence[object]) -> Choice | str:
    element = _choose_inside(name, [item for item in found if item is not None])
    if isinstance(element, str):
        return element
    return replace(element, wanted=ArrayField(element.wanted))


def _objects(name: str, found: Sequence[Mapping[str, object]]) -> Choice | str:
    keys = list(dict.fromkeys(key for value in found for key in value))
    members = {key: normalized(key) for key in keys}
    names = set(members.values())
    is_struct = 0 < len(names) == len(keys) <= _MOST_MEMBERS and all(map(_is_member, names))
    if not is_struct:
        return _map(name, found, keys)
    choices = {key: _choose_inside(members[key], list(_present(found, key))) for key in keys}
    fields: dict[str, Field] = {}
    misfits: dict[str, int] = {}
    doubts: list[str] = []
    for key, choice in choices.items():
        if isinstance(choice, str):
            return f"{key}: {choice}"
        fields[members[key]] = choice.wanted
        misfits.update(choice.misfits)
        doubts += [f"{key}: {doubt}" for doubt in choice.doubts]
    return Choice(StructField(fields), misfits, doubts=tuple(doubts))


def _is_member(name: str) -> bool:
    return name.isidentifier() and not name.startswith("__")


def _present(found: Iterable[Mapping[str, object]], key: str) -> Iterable[object]:
    return (value[key] for value in found if value.get(key) is not None)


def _map(name: str, found: Sequence[Mapping[str, object]], keys: Sequence[str]) -> Choice | str:
    choice = _choose_inside(name, [item for value in found for item in value.values() if item is not None])
    if isinstance(choice, str):
        return choice
    if choice.misfits and not _only_slips(choice, found):
        return "objects whose keys are no names, with values of several kinds: no type holds them (--extra-columns ignore)"
    note = f"a map: {len(keys):,} different keys" if keys else "a map: every object is empty"
    return replace(choice, wanted=MapField(StringField(), choice.wanted), notes=(*choice.notes, note))


def _only_slips(choice: Choice, found: Sequence[Mapping[str, object]]) -> bool:
    """Whether so few values are of another kind that they can be mistakes."""
    return sum(choice.misfits.values()) * 100 < sum(map(len, found))


def _json(value: object) -> str:
    try:
        return as_json(value)
    except Misfit:
        return repr(value)
