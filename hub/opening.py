"""A configured connection as a connector that is ready to use, and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import httpx

from hub.config import HubConfig, connection_config, open_settings
from hub.connectors.contract import Connector, Context, Inbox
from hub.connectors.registry import connector_type, connector_types


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
        context = Context(
            name=name,
            base=config.home,
            default_region=config.default_region,
            transport=transport,
            through=through,
            inbox=inbox,
            by_name=connection.mapping is None,
            closing=closing,
        )
        yield kind(settings, context)
