"""Survivorship where the latest of all that was said counts: what `hub.dedupe.survive` finds by its usual rules.

For records that are there and hold nothing but their own words, as those of a first load.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias

from hub.dedupe.survive import Ref, Rules
from hub.model import KIND, Fields

Said: TypeAlias = tuple[float, Ref, Fields]
"""(epoch seconds since when, source record, its canonical fields without consents)"""

_AGE: Final = itemgetter(0, 1)


def is_usual(rules: Rules) -> bool:
    """Does the latest count for every field?"""
    return not rules.fields and not rules.empty_wins


def latest(said: Sequence[Said]) -> dict[str, Any]:
    """The fields of the golden record of source records that differ in their refs."""
    if len(said) == 1:
        return _claims(said[0][2])
    claims = [_claims(fields) for _, _, fields in sorted(said, key=_AGE)]
    found: dict[str, Any] = {}
    for claimed in claims:
        found |= claimed
    if found.get(KIND, "person") != "person" and any(claimed.get(KIND) == "person" for claimed in claims):
        found[KIND] = "person"
    addresses = [key for key in found if key.startswith("addresses/")]
    if len(addresses) > 1:  # all of one source, the last that has any
        kept = next(claimed for claimed in reversed(claims) if not claimed.keys().isdisjoint(addresses))
        for key in addresses:
            if key not in kept:
                del found[key]
    return found


def _claims(fields: Fields) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None and value != ""}
