"""What a connector says of itself: abilities, settings, the example."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from hub.config.models import COMMON_KEYS, ConnectionConfig
from hub.config.references import judge, secret_places, stand_in
from hub.connectors.contract import Connector, Promise
from hub.connectors.explained import explained
from hub.testing.faults import Faults, refused_connection
from hub.testing.system import System
from hub.testing.words import beside_the_point, records, refuses, tells, undeclared_calls

SECRET_WORDS = ("secret", "password", "token", "api_key", "private_key", "passphrase")


class Declared:
    def test_what_it_declares_hangs_together(self, connector: Connector) -> None:
        can = connector.can

        assert 1 <= can.batch <= 10_000
        assert can.changes or not can.tombstones
        assert (can.read and can.update) or not can.stale
        assert can.create or can.promise is Promise.WRITE_ONLY
        assert (can.settle_seconds > 0) == (can.promise is Promise.EVENTUAL)

    def test_what_it_declares_does_not_change(self, system: System, connector: Connector) -> None:
        before = connector.can
        system.seed(1)
        list(connector.pull(None))

        assert connector.can == before

    def test_unknown_settings_are_refused(self, connector: Connector) -> None:
        assert isinstance(connector.default_mapping, str)
        with pytest.raises(ValidationError, match="no_such_setting"):
            type(connector.settings).model_validate({**connector.settings.model_dump(), "no_such_setting": 1})

    def test_a_setting_with_an_impossible_value_is_refused_by_its_name(self, connector: Connector) -> None:
        kind, given = type(connector.settings), connector.settings.model_dump(by_alias=True)

        taken = [name for name in keys(kind) if name not in refused(kind, {**given, name: object()})]

        assert taken == []

    def test_settings_cannot_be_changed_afterwards(self, connector: Connector) -> None:
        assert connector.Settings.model_config.get("frozen") is True

    def test_every_setting_is_explained(self, connector: Connector) -> None:
        """By its line in the docstring of the settings, or by its description."""
        assert [each.name for each in explained(type(connector.settings)) if not each.means] == []

    def test_no_setting_has_the_name_of_a_key_that_all_connections_have(self, connector: Connector) -> None:
        """Such as `zone`, the time zone of the schedule: it would never reach the connector."""
        names = {info.alias or name for name, info in connector.Settings.model_fields.items()}
        assert names & set(COMMON_KEYS) == set()

    def test_the_example_is_a_connection_of_this_type(self, connector: Connector) -> None:
        """As the documentation shows it, with secrets by reference only."""
        kind = type(connector)
        settings = dict(ConnectionConfig.model_validate(yaml.safe_load(kind.example)).settings)

        kind.Settings.model_validate(stand_in(settings))
        assert list(judge(settings, secret_places(kind.Settings, settings))) == []

    def test_making_a_connector_asks_nothing(self, system: System) -> None:
        if system.network is None:
            beside_the_point("it does not speak HTTP; nothing counts its calls")
        assert system.network is not None
        faults = Faults(system.network)
        faults.inject(refused_connection, times=None)

        connector = system.within(system.context(faults))

        assert connector.can == system.connector.can
        assert faults.sent == []

    def test_what_it_does_not_declare_it_refuses(self, connector: Connector) -> None:
        undeclared = undeclared_calls(connector)
        if not undeclared:
            beside_the_point("it declares everything")
        for call in undeclared:
            refuses(call)

    def test_a_check_writes_nothing_and_tells_no_secret(self, system: System, connector: Connector) -> None:
        system.seed(3)
        before = records(connector.pull(None))

        report = connector.check()

        assert report.system
        assert tells(system.secrets, report) == []
        assert records(connector.pull(None)) == before

    def test_a_check_counts_what_is_listed(self, system: System, connector: Connector) -> None:
        system.seed(3)

        counted = connector.check().records

        if counted is None:
            beside_the_point("counting is not cheap there, so `check` does not count")
        assert counted == len(records(connector.pull(None)))

    def test_secrets_are_marked_and_not_shown(self, system: System, connector: Connector) -> None:
        settings = connector.settings
        fields = type(settings).model_fields

        open_ones = [name for name in fields if fields[name].repr and not marked(name, getattr(settings, name))]
        assert open_ones == []
        assert tells(system.secrets, settings, connector, connector.context) == []


def keys(kind: type[BaseModel]) -> list[str]:
    """The settings as a configuration names them."""
    return [info.alias or name for name, info in kind.model_fields.items()]


def refused(kind: type[BaseModel], values: Mapping[str, object]) -> set[str]:
    """The settings that are found wrong."""
    try:
        kind.model_validate(values)
    except ValidationError as error:
        return {str(each["loc"][0]) for each in error.errors() if each["loc"]}
    return set()


def marked(name: str, value: object) -> bool:
    """Nothing secret by its name, or a SecretStr, or some of them."""
    if not any(word in name for word in SECRET_WORDS) or name.endswith(("_url", "_header", "_field")):
        return True
    if isinstance(value, list | tuple):
        return all(marked(name, each) for each in value)
    return value is None or isinstance(value, SecretStr | bool | int | float)
