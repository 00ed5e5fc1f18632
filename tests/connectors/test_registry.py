from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hub.connectors.contract import Connector
from hub.connectors.http import Api
from hub.connectors.registry import GROUP, ConnectorTypes, connector_type, connector_types
from hub.errors import ConfigError


def types(**values: str) -> ConnectorTypes:
    return ConnectorTypes({name: EntryPoint(name, value, GROUP) for name, value in values.items()})


def test_the_types_of_the_hub_itself_are_installed() -> None:
    assert {"file", "form", "mailman", "sql", "tryton"} <= set(connector_types())


def test_a_type_is_found_by_name() -> None:
    assert connector_type("x", types(x="hub.connectors.contract:Connector")) is Connector


def test_an_unknown_type_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'mailman'.*Installed: mailman, sql"):
        connector_type("mailmann", types(mailman="nowhere:X", sql="nowhere:Y"))


@pytest.mark.parametrize("value", ["hub.connectors.nothing:X", "hub.connectors.http:Nothing"])
def test_a_type_that_cannot_be_loaded_says_so_and_leaves_the_others_alone(value: str) -> None:
    found = types(broken=value, good="hub.connectors.contract:Connector")

    with pytest.raises(ConfigError, match="'broken' is installed but cannot be loaded"):
        connector_type("broken", found)
    assert connector_type("good", found) is Connector


def test_something_that_is_no_connector_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not a Connector class"):
        connector_type("x", types(x=f"{Api.__module__}:{Api.__name__}"))


def test_the_service_files_of_a_configuration_are_looked_at_anew_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "acorn" not in connector_types(Path("config"))

    Path("config/services").mkdir(parents=True)
    Path("config/services/acorn.yaml").write_text("service: none yet")

    assert "acorn" in connector_types(Path("config"))
    assert "acorn" not in connector_types()
