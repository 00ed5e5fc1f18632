"""A question as people look at it: both records side by side, field by field, with what each says for or against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.model import KIND, base_field, element_text
from hub.readable import plain
from hub.store.lists import AskRow

FIELDS = {
    "given": ("given_name", "additional_names", "nickname", "full_name"),
    "family": ("family_name",),
    "email": ("emails",),
    "phone": ("phones",),
    "address": ("addresses",),
    "birth": ("birth_date",),
    "tax": ("tax_id",),
    "company": ("company",),
    "generation": ("suffix",),
    "kind": (KIND,),
}
"""What matching calls a field → the canonical fields it looks at."""
INSTEAD = {"family": ("full_name",), "company": ("full_name",)}
"""Where it looks when there is nothing in those."""
ROUNDING = 0.05  # bits


@dataclass(frozen=True, slots=True)
class SideLine:
    """One field of both records. level, bits: None where matching does not look at it."""

    field: str
    left: Sequence[str]
    right: Sequence[str]
    level: str | None = None
    bits: float | None = None


def side_by_side(row: AskRow) -> Iterator[SideLine]:
    """What matching compared, in its order; then the other fields in which either side says something."""
    left, right = dict(row.a.opinion().fields), dict(row.b.opinion().fields)
    shown: set[str] = set()
    for line in row.evidence:
        bases = FIELDS.get(line["field"], ())
        instead = INSTEAD.get(line["field"], ())
        shown.update(bases)
        yield SideLine(
            line["field"],
            _values(left, bases) or _values(left, instead),
            _values(right, bases) or _values(right, instead),
            line["level"],
            float(line["bits"]),
        )
    for base in _bases(left, right):
        if base not in shown:
            yield SideLine(base, _values(left, [base]), _values(right, [base]))


def unexplained(row: AskRow) -> float:
    """Bits that make the lines add up to the weight on which the golden records were judged; 0: nothing is missing.

    They come of the prior, of what a household shares, and of other records of the two.
    """
    rest = row.weight - sum(float(line["bits"]) for line in row.evidence)
    return rest if abs(rest) >= ROUNDING else 0.0


def _bases(*sides: Mapping[str, Any]) -> list[str]:
    """Consents are shown with the golden record."""
    said = {base_field(key) for fields in sides for key, value in fields.items() if value is not None}
    return sorted(said - {"consents"})


def _values(fields: Mapping[str, Any], bases: Sequence[str]) -> list[str]:
    return [value_text(k, v) for k, v in sorted(fields.items()) if base_field(k) in bases and v is not None]


def value_text(key: str, value: Any) -> str:
    """One value; of an element such as an e-mail address its name, of a postal address its parts."""
    base = base_field(key)
    if base == key:
        return plain(value)
    if base == "addresses" and isinstance(value, Mapping):
        parts = [value.get(name) for name in ("street", "postcode", "locality", "region", "country")]
        return ", ".join(str(part) for part in parts if part) or plain(value)
    return element_text(key)
