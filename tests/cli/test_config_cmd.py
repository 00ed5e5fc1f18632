"""`hub config`: the schema for editors, and the configuration as it is understood."""

import json
from pathlib import Path


def test_the_schema_is_json_with_a_variant_for_every_type(hub):
    answer = hub("config", "schema")
    assert answer.code == 0
    schema = json.loads(answer.out)
    assert {"$ref": "#/$defs/form"} in schema["properties"]["connections"]["additionalProperties"]["oneOf"]


def test_mapping_files_have_a_schema_too(hub):
    schema = json.loads(hub("config", "schema", "--mapping").out)
    assert {"fields", "consents", "kind"} <= set(schema["properties"])


def test_service_files_have_a_schema_with_that_of_their_mapping(hub):
    schema = json.loads(hub("config", "schema", "--service").out)
    assert {"url", "auth", "record", "list", "mapping"} <= set(schema["required"])
    assert "fields" in schema["$defs"]["mapping"]["properties"]


def test_the_configuration_is_shown_with_defaults_and_without_secrets(hub, monkeypatch):
    monkeypatch.setenv("FORM_SECRET", "hunter2")
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("connections:\n  web:\n    type: form\n    secret: env:FORM_SECRET\n")

    answer = hub("config", "show")

    shown = json.loads(answer.out)
    assert shown["connections"]["web"]["limits"]["deletes"] == "10% or 100"
    assert shown["connections"]["web"]["settings"] == {"secret": "env:FORM_SECRET"}
    assert "hunter2" not in answer.out
