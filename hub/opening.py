"""A configured connection as a connector that is ready to use, and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from hub.config import HubConfig, connection_config, connection_mapping, open_settings
from hub.config.load import read_file
from hub.connectors.contract import Connector, Context, Inbox
from hub.connectors.registry import connector_type, connector_types
from hub.connectors.rest import RestConnector
from hub.connectors.rest.hooks import Webhooks
from hub.secrets import expand, is_reference, resolve


@contextmanager
def open_connector(
    config: HubConfig,
    name: str,
    inbox: Inbox | None = None,
    *,
    transport: httpx.BaseTransport | None = None,
    through: Callable[[httpx.BaseTransport], httpx.BaseTransport] = lambda transport: transport,
    types: Mapping[str, type[Connector]] | None = None,
) -> Iterator[Connector]:
    """The connector of one connection, with its secrets looked up now.

    inbox      deliveries of forms; None where no store is open
    transport  instead of the network
    through    what every HTTP request passes on its way
    types      connector types by name; None: those installed
    ConfigError when a secret is missing; no system is reached before a method is called.
    """
    connection = connection_config(config, name)
    kind = connector_type(connection.type, types or connector_types(config.folder))
    settings = open_settings(config, name, types)
    with ExitStack() as closing:
        by_name, named = _by_name(config, name, types)
        context = Context(
            name=name,
            base=config.home,
            default_region=config.default_region,
            transport=transport,
            through=through,
            inbox=inbox,
            by_name=by_name,
            named=named,
            closing=closing,
        )
        yield kind(settings, context)


def _by_name(config: HubConfig, name: str, types: Mapping[str, type[Connector]] | None) -> tuple[bool, frozenset[str]]:
    """Whether fields go by their names, and those that a row of the mapping names nevertheless."""
    file = connection_config(config, name).mapping
    if file is None:
        return True, frozenset()
    data = read_file(config.folder, file, config.texts).data
    if not isinstance(data, dict) or data.get("flat") is not True:
        return False, frozenset()
    return True, connection_mapping(config, name, types).written_by_row()


def open_events(config: HubConfig, name: str) -> tuple[Webhooks, dict[str, Any]] | None:
    """What a connection's service tells of by webhook, and the settings that this names, secrets in the clear.

    None where the service has no webhooks, or the connection no secret for them. Other secrets are not looked up.
    """
    connection = connection_config(config, name)
    kind = connector_type(connection.type, connector_types(config.folder))
    spec = kind.spec.webhooks if issubclass(kind, RestConnector) else None
    if spec is None:
        return None
    given = dict(connection.settings)
    values: dict[str, Any] = {}
    for key in spec.names:
        value = given.get(key, kind.Settings.model_fields[key].default)
        if isinstance(value, str):
            value = resolve(value, config.folder) if is_reference(value) else expand(value, config.folder)
        values[key] = value
    return (spec, values) if spec.is_open(values) else None
