"""What a record does not speak of: a column that is not there says nothing, one that is empty says empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from hub.mapping.consent import ADDRESS_FIELD, WHOLE_PERSON, ConsentField
from hub.mapping.fields import Field
from hub.mapping.paths import Path, Step

KNOWN_SHAPES = 1_024  # sets of columns whose answer is kept: a table has one, a service that omits empty fields many
CONSENTS = "consents"

Voice: TypeAlias = tuple[str, tuple[Path, ...]]
"""A base field, or the whole key of one consent, and the paths that speak of it."""


class Silence:
    """Of which fields of a mapping a record says nothing, by the paths that it lacks."""

    __slots__ = ("_bound_to", "_by_columns", "_consents", "_voices")

    def __init__(self, fields: Iterable[Field]) -> None:
        paths: dict[str, tuple[Path, ...]] = {}
        consents: list[Voice] = []
        bound: set[str] = set()
        for field in fields:
            if isinstance(field, ConsentField):
                consents.append((_consent_key(field), (field.status.path,)))
                if consents[-1][0] == CONSENTS:
                    bound.add(ADDRESS_FIELD[field.channel])
            elif field.paths:
                paths.update((base, paths.get(base, ()) + field.paths) for base in field.bases)
        self._voices: tuple[Voice, ...] = (*paths.items(), *consents)
        self._consents = frozenset(name for name, _ in consents)
        self._bound_to = frozenset(bound)
        self._by_columns: Callable[[tuple[str, ...]], tuple[frozenset[str], tuple[Voice, ...]]] = lru_cache(
            KNOWN_SHAPES
        )(self._of_columns)

    def of(self, source: Mapping[str, Any]) -> frozenset[str]:
        """Base fields, and keys of consents of the whole person, of which the record says nothing."""
        silent, open_ = self._by_columns(tuple(source))
        if not open_:
            return silent
        mute = [name for name, paths in open_ if not any(speaks(path, source) for path in paths)]
        return self._widened(silent.union(mute)) if mute else silent

    def _of_columns(self, columns: tuple[str, ...]) -> tuple[frozenset[str], tuple[Voice, ...]]:
        """What is silent whatever the values are, and what depends on the objects and lists in them."""
        known = frozenset(columns)
        silent: set[str] = set()
        open_: list[Voice] = []
        for name, paths in self._voices:
            there = tuple(path for path in paths if path.head in known)
            if not there:
                silent.add(name)
            elif all(path.nested for path in there):
                open_.append((name, there))
        return self._widened(frozenset(silent)), tuple(open_)

    def _widened(self, silent: frozenset[str]) -> frozenset[str]:
        """A consent that belongs to an address is unknown where the address is."""
        if self._consents and (self._consents <= silent or self._bound_to & silent):
            return silent | {CONSENTS}
        return silent


def _consent_key(field: ConsentField) -> str:
    """The key of a consent that has one whatever the record holds, else the base."""
    bound = not field.whole_person and field.channel in ADDRESS_FIELD
    return CONSENTS if bound else field.key(WHOLE_PERSON)


def speaks(path: Path, source: Mapping[str, Any]) -> bool:
    """Is the path in the record, if only as nothing?

    An object that is null, and a list without the item, are there and empty. A list of objects none of which
    has the field is not there: a service that renames a field empties nothing.
    """
    rest = path.each
    value, there = _follow(source, path.steps)
    if not there or not rest or not isinstance(value, list | tuple) or not value:
        return there
    return any(_follow(item, rest)[1] for item in value)


def _follow(value: Any, steps: tuple[Step, ...]) -> tuple[Any, bool]:
    """What lies at the steps, and whether it is there; None for what is there and empty."""
    for step in steps:
        if type(step) is str and (type(value) is dict or isinstance(value, Mapping)):
            if step not in value:
                return None, False
            value = value[step]
        elif value is None or value in ("", []):  # some services write an empty object as an empty list
            return None, True
        elif isinstance(step, str) or not isinstance(value, list | tuple):
            return None, False
        elif isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            name, wanted = step
            value = next((v for v in value if isinstance(v, Mapping) and str(v.get(name)) == wanted), None)
    return value, True
