"""Service files: mistakes name file, line and key; settings and mapping come out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from hub.config.schema import service_schema
from hub.connectors.registry import connector_types
from hub.connectors.rest.files import (
    BUILT_IN,
    SUFFIX,
    built_in_services,
    check_service,
    read_service,
    settings_model,
)
from hub.document import parse_document
from hub.errors import ConfigError
from hub.mapping.spec import load_mapping
from tests.connectors.rest.acorn import spec

MINIMAL = """\
service: Acorn
about: a made-up service
url: https://api.acorn.example
settings:
  secret: {help: key, secret: true}
auth: {bearer: "{secret}"}
check: {call: GET /me}
record: {id: id}
list: {call: GET /contacts, items: items}
mapping: {fields: {given_name: first}}
"""


def mistakes(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        check_service(parse_document(text, "acorn.yaml"))
    return str(raised.value)


def test_a_small_file_is_enough() -> None:
    assert check_service(parse_document(MINIMAL, "acorn.yaml")).service == "Acorn"


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        (("items: items}", "itms: items}"), 9, 'Did you mean "items"?'),
        (("GET /contacts", "FETCH /contacts"), 9, "call is a method and a path"),
        (('"{secret}"', '"{sekret}"'), 6, "{sekret} is neither a setting of this service nor known here"),
        (("{id: id}", '{id: "a..b"}'), 8, "not a path"),
        (("record: {id: id}", "records: {id: id}"), 8, "there is no such key"),
        (('{bearer: "{secret}"}', "{}"), 6, "one way of authentication is needed"),
        (("GET /contacts", '"GET /contacts/{"'), 9, "a brace that belongs to no {name}"),
        (("mapping:", 'create: {call: POST /contacts, size: 5, record: ""}\nmapping:'), 10, "size` needs `item`"),
    ],
)
def test_a_mistake_names_file_line_and_key(wrong: tuple[str, str], line: int, said: str) -> None:
    text = mistakes(MINIMAL.replace(*wrong))
    assert f"acorn.yaml:{line}: " in text
    assert said in text


def test_a_setting_may_not_take_a_name_of_the_engine() -> None:
    assert "this name is the engine's own" in mistakes(MINIMAL.replace("  secret:", "  size: {help: x}\n  secret:"))


def test_settings_come_out_of_the_file_with_their_help() -> None:
    model = settings_model("acorn", spec())
    assert "key" in (model.__doc__ or "")
    assert "right" not in repr(model.model_validate({"secret": "right"}))
    with pytest.raises(ValidationError, match="page_size"):
        model.model_validate({"secret": "right", "page_size": 11})


@pytest.mark.parametrize("name", built_in_services())
def test_every_service_that_comes_with_the_hub_is_right_and_its_mapping_fits(name: str) -> None:
    load_mapping(read_service(name).mapping, where=name, default_region="PT")


def test_a_folder_beside_the_configuration_adds_services(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "acorn.yaml").write_text(MINIMAL)

    types = connector_types(tmp_path)

    assert "acorn" in types
    assert types["acorn"].__doc__ == "Acorn: a made-up service"


def test_a_wrong_service_file_says_so_when_it_is_used_and_harms_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "acorn.yaml").write_text(MINIMAL.replace("items: items", "itms: items"))

    types = connector_types(tmp_path)

    assert types["hubspot"]
    with pytest.raises(ConfigError, match=r"acorn.yaml:9: "):
        assert types["acorn"]


@pytest.mark.parametrize("name", built_in_services())
def test_every_service_file_is_what_the_schema_for_editors_allows(name: str) -> None:
    schema = service_schema()
    text = (BUILT_IN / f"{name}{SUFFIX}").read_text(encoding="utf-8")

    assert [error.message for error in Draft202012Validator(schema).iter_errors(yaml.safe_load(text))] == []
