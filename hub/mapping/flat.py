"""Flat files and forms: columns named like the canonical fields map by themselves."""

from __future__ import annotations

from typing import Any

from hub.mapping.table import MappingSpec
from hub.model import KIND, SINGLE

SEPARATORS = ";|"  # between several emails or phones in one column
SINGULAR = {"emails": "email", "phones": "phone", "tax_id": "vat_number"}  # columns that are looked in as well
RECORD_COLUMNS = ("source_id", "id", "updated_at")  # the key and the time of the record itself

_ROWS: dict[str, Any] = {name: name for name in sorted(SINGLE - {"tax_id"})} | {
    "tax_id": ["tax_id", "vat_number"],
    "emails": [{"from": "emails", "split": SEPARATORS}, {"from": "email"}],
    "phones": [{"from": "phones", "split": SEPARATORS}, {"from": "phone"}],
    "addresses": {
        "from": {
            "street": "street",
            "locality": "city",
            "region": "region",
            "postcode": "postcode",
            "country": "country",
        }
    },
    "tags": {"from": "tags", "split": SEPARATORS},
}
_KIND = {"from": KIND, "values": {"person": "person", "organisation": "organisation"}}
_FLAT = MappingSpec.model_validate({"fields": _ROWS, "kind": _KIND, "ignore": list(RECORD_COLUMNS)})


def with_flat_rows(spec: MappingSpec) -> MappingSpec:
    """The table with the flat rows added for every field that it does not map itself."""
    return spec.model_copy(
        update={
            "kind": spec.kind or _FLAT.kind,
            "fields": _FLAT.fields | spec.fields,
            "ignore": [*_FLAT.ignore, *spec.ignore],
        }
    )
