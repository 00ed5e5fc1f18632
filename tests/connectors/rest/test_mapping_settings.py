"""Settings in the mapping of a service file."""

from __future__ import annotations

from hub.connectors.rest.files import mapping_text
from hub.connectors.rest.spec import ServiceSpec

SPEC = {
    "service": "Acorn",
    "about": "contacts",
    "url": "https://acorn.example",
    "settings": {
        "list": {"help": "which list", "default": "7"},
        "secret": {"help": "key", "secret": True, "required": True},
    },
    "auth": {"bearer": "{secret}"},
    "check": {"call": "GET /me"},
    "record": {"id": "id"},
    "list": {"call": "GET /contacts"},
    "mapping": {"fields": {"nickname": {"from": "lists[id={list}].name", "with": [{"pattern": "x{secret}{2}"}]}}},
}


def spec() -> ServiceSpec:
    return ServiceSpec.model_validate(SPEC, context={"settings": frozenset({"list", "secret"})})


def test_a_mapping_names_settings_but_no_secret() -> None:
    text = mapping_text(spec(), {"list": "12", "secret": "env:KEY"})

    assert "lists[id=12].name" in text
    assert "x{secret}{2}" in text


def test_a_setting_in_a_mapping_that_is_not_given_has_its_default() -> None:
    assert "lists[id=7].name" in mapping_text(spec())
