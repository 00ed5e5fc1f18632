"""The mapping of a connection: its own file, or the one its type brings along."""

from __future__ import annotations

from collections.abc import Mapping

from hub.config.load import connection_config, read_file
from hub.config.models import HubConfig
from hub.connectors.contract import Connector
from hub.connectors.registry import connector_type, connector_types
from hub.document import Document, parse_document, say_mistakes
from hub.errors import ConfigError
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import flat_mapping, load_mapping


def connection_mapping(
    config: HubConfig, name: str, types: Mapping[str, type[Connector]] | None = None
) -> ContactMapping:
    """ConfigError names file, line and key of what is wrong in the mapping."""
    connection = connection_config(config, name)
    if connection.mapping is not None:
        return _load(read_file(config.folder, connection.mapping, config.texts), config)
    text = connector_type(connection.type, types or connector_types(config.folder)).mapping_text(connection.settings)
    if not text.strip():
        return flat_mapping(config.default_region)
    return _load(parse_document(text, f"default mapping of {connection.type}"), config)


def _load(document: Document, config: HubConfig) -> ContactMapping:
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise ConfigError(say_mistakes([f"{document.name}:1: allowed at the top: keys such as fields"]))
    try:
        return load_mapping(data, where=document.name, default_region=config.default_region)
    except ConfigError as err:
        raise ConfigError(say_mistakes(_with_line(document, line) for line in str(err).splitlines())) from err


def _with_line(document: Document, message: str) -> str:
    """`file: key: …` → `file:line: key: …`."""
    start = f"{document.name}: "
    if not message.startswith(start):
        return message
    rest = message.removeprefix(start)
    return f"{document.name}:{document.line(document.locate(rest.split(': ')[0]), of_key=True)}: {rest}"
