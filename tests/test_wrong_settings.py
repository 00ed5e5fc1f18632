"""Settings of every connector type, made wrong one at a time: what is said of each mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.config import load_config
from hub.config.models import COMMON_KEYS
from hub.config.references import secret_places
from hub.connectors.registry import connector_type, connector_types
from hub.errors import ConfigError

TYPES = connector_types(None)
PLAIN = "Pl41nS3cret-us21"


def _own(kind: str) -> dict[str, Any]:
    data = yaml.safe_load(connector_type(kind, TYPES).example)
    return {key: value for key, value in data.items() if key not in COMMON_KEYS}


def _keys(wanted: str) -> Iterator[tuple[str, str]]:
    for kind in sorted(TYPES):
        settings = connector_type(kind, TYPES).Settings
        secrets = {place[0] for place in secret_places(settings, _own(kind)) if len(place) == 1}
        for key, field in settings.model_fields.items():
            given = field.alias or key
            is_fit = {"needed": field.is_required(), "secret": given in secrets, "url": given == "url"}[wanted]
            if is_fit and given in _own(kind):
                yield kind, given


def _told(tmp_path: Path, kind: str, change: dict[str, Any], without: str = "") -> list[str]:
    """What is said of one connection with these keys, the lines that name a mistake."""
    own = {key: value for key, value in {**_own(kind), **change}.items() if key != without}
    lines = yaml.safe_dump({"connections": {"one": {"type": kind, **own}}}, sort_keys=False)
    (tmp_path / "hub.yaml").write_text(lines, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path)
    first, *mistakes, last = str(refused.value).splitlines()
    assert "nothing was done" in first
    assert last.startswith("Next: ")
    assert all(line.startswith(f"{tmp_path / 'hub.yaml'}:") for line in mistakes)
    return mistakes


@pytest.mark.parametrize(("kind", "key"), list(_keys("needed")))
def test_a_missing_setting_is_named(tmp_path: Path, kind: str, key: str) -> None:
    assert any(f"connections.one.{key}: is missing" in line for line in _told(tmp_path, kind, {}, without=key))


@pytest.mark.parametrize(("kind", "key"), list(_keys("needed")))
def test_a_misspelt_setting_is_named_with_the_nearest_that_is_allowed(tmp_path: Path, kind: str, key: str) -> None:
    told = _told(tmp_path, kind, {f"{key}s": _own(kind)[key]}, without=key)

    assert any(f'connections.one.{key}s: there is no such key. Did you mean "{key}"?' in line for line in told)


@pytest.mark.parametrize(("kind", "key"), list(_keys("needed")))
@pytest.mark.parametrize("value", [{"a": 1}, None, ""])
def test_a_setting_of_another_kind_or_an_empty_one_is_refused(
    tmp_path: Path, kind: str, key: str, value: object
) -> None:
    assert any(f"connections.one.{key}" in line for line in _told(tmp_path, kind, {key: value}))


@pytest.mark.parametrize(("kind", "key"), list(_keys("secret")))
def test_a_secret_in_plain_text_is_refused_and_not_shown(tmp_path: Path, kind: str, key: str) -> None:
    told = _told(tmp_path, kind, {key: PLAIN})

    assert any(f"connections.one.{key}" in line and "(not shown)" in line for line in told)
    assert PLAIN not in "".join(told)


@pytest.mark.parametrize(("kind", "key"), list(_keys("url")))
@pytest.mark.parametrize("address", ["erp.example.org", "", "https://user:Pl41nS3cret@erp.example.org/x"])
def test_an_address_that_is_none_is_refused_and_a_password_in_it_not_shown(
    tmp_path: Path, kind: str, key: str, address: str
) -> None:
    told = _told(tmp_path, kind, {key: address})

    assert any(f"connections.one.{key}: " in line and "allowed: " in line for line in told)
    assert "Pl41nS3cret" not in "".join(told)
    assert "pattern" not in "".join(told)


@pytest.mark.parametrize("kind", ["tryton", "odoo", "scim", "mailman", "carddav", "listmonk", "salesforce", "hubspot"])
@pytest.mark.parametrize("address", ["ftp://erp.example.org", "https://", "https://erp.example.org:99999", "a b"])
def test_an_address_of_another_kind_is_refused(tmp_path: Path, kind: str, address: str) -> None:
    assert "connections.one.url" in _told(tmp_path, kind, {"url": address})[0]


def test_an_address_that_is_a_reference_is_judged_when_it_is_looked_up(tmp_path: Path) -> None:
    own = {**_own("salesforce"), "type": "salesforce", "url": "${env:SALESFORCE_ADDRESS}"}
    (tmp_path / "hub.yaml").write_text(yaml.safe_dump({"connections": {"one": own}}), encoding="utf-8")

    assert load_config(tmp_path).connections["one"].settings["url"] == "${env:SALESFORCE_ADDRESS}"


def test_a_rule_about_several_keys_says_which_and_not_what_it_found(tmp_path: Path) -> None:
    [told] = _told(tmp_path, "sql", {}, without="table")

    assert told.endswith("connections.one: name either `table` or `query`")
