"""A model as a document that can be kept: weights by the names of fields and levels.

By name, so that a later version of the hub with other levels still reads it: what the document does not name is
weighed as shipped, what is no longer compared is passed over. How common names are is no part of it: the store counts
them as records arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from hub.dedupe.compare import LEVELS
from hub.dedupe.weigh import Model, Table

Document: TypeAlias = Mapping[str, Any]


def as_document(model: Model) -> dict[str, Any]:
    """What training changes: {persons, organisations: {field: {level: bits}}, prior}."""
    return {
        "persons": _named(model.persons),
        "organisations": _named(model.organisations),
        "prior": model.prior,
    }


def from_document(document: Document, base: Model) -> Model:
    """The model of a document; where to join, where to ask and what it does not name as in `base`."""
    return replace(
        base,
        persons=_table(document.get("persons", {}), base.persons),
        organisations=_table(document.get("organisations", {}), base.organisations),
        prior=float(document.get("prior", base.prior)),
    )


def _named(table: Table) -> dict[str, dict[str, float]]:
    return {name: dict(zip(levels, table[name], strict=True)) for name, levels in LEVELS.items()}


def _table(named: Mapping[str, Mapping[str, float]], base: Table) -> Table:
    return {
        name: tuple(
            float(named.get(name, {}).get(level, shipped)) for level, shipped in zip(levels, base[name], strict=True)
        )
        for name, levels in LEVELS.items()
    }
