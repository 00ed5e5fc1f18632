"""JSON Schema of `hub.yaml`, for editors: completion, help and errors while typing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from hub.config.models import ConnectionConfig, HubConfig, LimitsConfig
from hub.connectors.contract import Connector
from hub.connectors.registry import connector_type, connector_types
from hub.connectors.rest.spec import ServiceSpec
from hub.errors import ConfigError
from hub.mapping.table import MappingSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {
    "type": "string",
    "pattern": r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|[^:]+://.*)$",
    "description": "a secret by reference: env:NAME, file:PATH or sealed:NAME, or ${env:NAME} in an address",
}


class Lenient(GenerateJsonSchema):
    """Where a short form is taken as well (a text for a group, one for a list of one), says so."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        if schema["schema"]["type"] == "model-fields":  # of the model itself, not of one field
            return inner
        short: dict[str, Any] = {"type": ["string", "number"]}
        if inner.get("type") == "array":
            either = {"anyOf": [inner.get("items", {}), short]}
            return {"anyOf": [*either["anyOf"], {**inner, "items": either}]}
        return {"anyOf": [inner, short]}


def usable_types() -> tuple[dict[str, type[Connector]], list[str]]:
    """Installed connector types that can be loaded, and why others cannot."""
    usable: dict[str, type[Connector]] = {}
    reasons: list[str] = []
    for name in connector_types():
        try:
            usable[name] = connector_type(name)
        except ConfigError as err:
            reasons.append(str(err))
    return usable, reasons


def hub_schema(types: Mapping[str, type[Connector]]) -> dict[str, Any]:
    """types: connector types by name"""
    schema = HubConfig.model_json_schema(schema_generator=Lenient)
    definitions = schema["$defs"]
    common = definitions.pop(ConnectionConfig.__name__)
    del common["properties"]["settings"]
    for kind, limit in LimitsConfig().model_dump(mode="json").items():
        definitions[LimitsConfig.__name__]["properties"][kind]["default"] = limit
    for name in types:
        own = types[name].Settings.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}", schema_generator=Lenient)
        for part, inner in own.pop("$defs", {}).items():
            definitions[f"{name}.{part}"] = _with_references(inner)
        definitions[name] = _connection(name, common, own)
    choices = [{"$ref": f"#/$defs/{name}"} for name in types]
    connections = schema["properties"]["connections"]
    connections["additionalProperties"] = {"oneOf": choices}
    connections.pop("patternProperties", None)
    return {"$schema": DIALECT, **schema, "title": "hub.yaml"}


def mapping_schema() -> dict[str, Any]:
    """JSON Schema of a mapping file."""
    schema = MappingSpec.model_json_schema(schema_generator=Lenient)
    return {"$schema": DIALECT, **schema, "title": "mapping"}


def service_schema() -> dict[str, Any]:
    """JSON Schema of a service file."""
    schema = ServiceSpec.model_json_schema(schema_generator=Lenient)
    schema["properties"]["mapping"] = {"$ref": "#/$defs/mapping"}
    own = mapping_schema()
    inner = own.pop("$defs", {})
    return {"$schema": DIALECT, **schema, "title": "service", "$defs": {**schema["$defs"], **inner, "mapping": own}}


def _connection(name: str, common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of every connection and those of one type, as one object."""
    properties = {**common["properties"], **_with_references(own.get("properties", {}))}
    return {
        "type": "object",
        "title": name,
        "description": own.get("description", ""),
        "properties": {**properties, "type": {"const": name, "description": "connector type"}},
        "required": sorted({"type", *own.get("required", ())}),
        "additionalProperties": False,
    }


def _with_references(schema: Any) -> Any:
    """Secrets are written as references, so that is what an editor has to ask for."""
    if isinstance(schema, list):
        return [_with_references(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "password":
        kept = {key: schema[key] for key in ("title", "default") if key in schema}
        return {**REFERENCE, **kept}
    return {key: _with_references(part) for key, part in schema.items()}
