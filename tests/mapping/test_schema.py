"""The JSON Schema of a mapping file: what an editor accepts is what the hub reads."""

from __future__ import annotations

from json import dumps, loads
from typing import Any

import pytest
import yaml

from hub.config.schema import mapping_schema
from hub.mapping.table import MappingSpec
from tests.mapping.json_schema import fits
from tests.mapping.samples import ERP, LEGACY

SCHEMAS = {"model": MappingSpec.model_json_schema(), "editor": mapping_schema()}
any_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)

GOOD = [
    "{}",
    "fields: {note: N}",
    "fields: {note: {from: N}}",
    "fields: {note: [N, {from: M, with: [text, {date: '%d/%m/%Y'}]}]}",
    "fields: {addresses: {from: {street: S, country: C}, country_as: es}}",
    "fields: {full_name: {from: [A, B], join: ' '}}",
    "fields: {lifecycle_stage: {from: T, values: {1: lead, yes: customer}}}",
    "kind: person",
    "kind: {from: K, values: {P: person}, default: organisation}",
    "consents: [{from: A, values: {S: granted}, channel: email, purpose: n, at: B, basis: form, source: {from: C}}]",
    "{flat: true, ignore: [A]}",
]
BAD = [
    "fields: {note: 1}",
    "fields: {note: []}",
    "fields: {note: [1]}",
    "fields: {note: null}",
    "fields: {note: {frm: N}}",
    "fields: {note: {from: N, write: alway}}",
    "fields: {note: [N, {from: N, max_length: 0}]}",
    "kind: human",
    "kind: 1",
    "consents: [{from: A, values: {S: granted}, channel: email, purpose: n, at: 1}]",
    "consents: [{from: A, values: {S: granted}, channel: email}]",
    "consents: {from: A}",
    "flat: 2",
]


def in_json(data: Any) -> Any:
    """An editor sees the keys of a table as texts."""
    return loads(dumps(data))


@any_schema
@pytest.mark.parametrize("data", [LEGACY, ERP, *map(yaml.safe_load, GOOD)])
def test_what_the_hub_reads_an_editor_accepts(schema: dict[str, Any], data: dict[str, Any]) -> None:
    MappingSpec.model_validate(data)

    assert fits(in_json(data), schema, schema)


@any_schema
@pytest.mark.parametrize("text", BAD)
def test_what_the_hub_refuses_an_editor_marks(schema: dict[str, Any], text: str) -> None:
    data = yaml.safe_load(text)
    with pytest.raises(ValueError, match="validation error"):
        MappingSpec.model_validate(data)

    assert not fits(in_json(data), schema, schema)
