"""As much of JSON Schema as the schema of a mapping file uses."""

from __future__ import annotations

import re
from typing import Any

KNOWN = {"$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum"}
KNOWN |= {
    "items",
    "maxLength",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
}
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "array": list,
    "object": dict,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}


def fits(value: Any, schema: Any, top: dict[str, Any]) -> bool:
    """Does the schema allow the value? AssertionError for a keyword that is not known here."""
    if isinstance(schema, bool):
        return schema
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return fits(value, top["$defs"][schema["$ref"].removeprefix("#/$defs/")], top)
    if "anyOf" in schema and not any(fits(value, one, top) for one in schema["anyOf"]):
        return False
    if "type" in schema and not (
        isinstance(value, TYPES[schema["type"]]) and (schema["type"] == "boolean" or not isinstance(value, bool))
    ):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    return _inside(value, schema, top)


def _inside(value: Any, schema: dict[str, Any], top: dict[str, Any]) -> bool:
    if isinstance(value, str):
        long = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return long and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(
            fits(one, schema.get("items", True), top) for one in value
        )
    if isinstance(value, dict):
        parts, other = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", ())) <= value.keys() and all(
            fits(part, parts.get(name, other), top) for name, part in value.items()
        )
    return value is None or value >= schema.get("minimum", value)
