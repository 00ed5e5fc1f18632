"""Reading a configuration folder: every mistake of a file is reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.config.models import COMMON_KEYS, ConnectionConfig, HubConfig
from hub.config.references import fill_in, judge, judge_text, secret_places, stand_in, whole_references
from hub.config.references import texts as texts_in
from hub.connectors.contract import Connector, Settings
from hub.connectors.explained import explained
from hub.connectors.registry import connector_type, connector_types
from hub.document import Document, Mistake, Place, did_you_mean, parse_document, read_document, say_mistakes
from hub.errors import ConfigError
from hub.mistakes import explain
from hub.secrets import expand, read_by_everybody

FILE = "hub.yaml"
SQLITE = "sqlite:///"
NOTHING: Mapping[str, str] = {}

Types = Mapping[str, type[Connector]]


def load_config(folder: Path, types: Types | None = None, texts: Mapping[str, str] = NOTHING) -> HubConfig:
    """The configuration of a folder. No secret is looked up and no system reached.

    types  connector types by name; None: those installed
    texts  of files, by their names in the folder, in the place of those that are there
    ConfigError lists every mistake with file, line, key, what was found and what is allowed.
    """
    if FILE not in texts and not (folder / FILE).exists():
        raise ConfigError(
            f"There is no configuration {folder / FILE}, so nothing was done. "
            f"Name its folder with --config, or run `hub init {folder}` to begin one."
        )
    document = read_file(folder, FILE, texts)
    if document.data is not None and not isinstance(document.data, dict):
        raise ConfigError(say_mistakes([f"{document.name}:1: allowed at the top: keys such as store and connections"]))
    data = document.data or {}
    mistakes = [
        *_mistakes_in_store(document, data),
        *_mistakes_in_connections(document, data, types or connector_types(folder), folder, texts),
        *_mistakes_in_rules(document, data),
    ]
    try:
        config = HubConfig.model_validate(data)
    except ValidationError as err:
        mistakes += explain(document, err, HubConfig)
    if mistakes:
        raise ConfigError(say_mistakes(mistake.text for mistake in sorted(mistakes)))
    return config.placed(folder, texts)


def read_file(folder: Path, name: str, texts: Mapping[str, str]) -> Document:
    """A file of the configuration as it is, or as it is meant to be."""
    if name in texts:
        return parse_document(texts[name].removeprefix("\ufeff"), str(folder / name))
    return read_document(folder / name)


def store_url(config: HubConfig) -> str:
    """Address of the store with its secrets; a relative SQLite path starts from `config.home`."""
    url = expand(config.store, config.folder)
    path = url.removeprefix(SQLITE)
    if url.startswith(SQLITE) and path and path != ":memory:":
        return SQLITE + str((config.home / path).resolve())
    return url


def open_settings(config: HubConfig, name: str, types: Types | None = None) -> Settings:
    """A connection's settings with secrets in them, to be handed to its connector and nobody else."""
    connection = connection_config(config, name)
    settings_type = connector_type(connection.type, types or connector_types(config.folder)).Settings
    secrets = secret_places(settings_type, dict(connection.settings))
    try:
        return settings_type.model_validate(fill_in(dict(connection.settings), secrets, config.folder))
    except ValidationError as err:
        keys = sorted({".".join(map(str, found["loc"])) or "settings" for found in err.errors()})
        raise ConfigError(
            f"The connection {name} was not opened: with its secrets filled in, these keys are not valid: "
            f"{', '.join(keys)} (values not shown). Check what the references stand for."
        ) from None  # the cause would carry the values
    except ConfigError as err:
        raise ConfigError(f"The connection {name} was not opened. {err}") from err


def connection_config(config: HubConfig, name: str) -> ConnectionConfig:
    """ConfigError with the nearest name when there is no such connection."""
    if name in config.connections:
        return config.connections[name]
    near = did_you_mean(name, config.connections)
    known = ", ".join(config.connections) or "none yet"
    raise ConfigError(f'There is no connection "{name}", so nothing was done.{near} Configured: {known}.')


def open_secret_files(config: HubConfig) -> list[str]:
    """References to secret files that every user of the machine can read."""
    values = [config.store, *(connection.settings for connection in config.connections.values())]
    found = {ref for value in values for text in texts_in(value) for ref in read_by_everybody(text, config.folder)}
    return sorted(found)


def _mistakes_in_store(document: Document, data: Mapping[str, Any]) -> Iterator[Mistake]:
    store = data.get("store")
    if isinstance(store, str):
        for problem in judge_text(store):
            yield document.mistake(("store",), problem)
        if not store.startswith((SQLITE, "postgresql+psycopg://")):
            yield document.mistake(("store",), f"allowed: {SQLITE}PATH or postgresql+psycopg://USER@HOST/NAME")


def _mistakes_in_connections(
    document: Document, data: Mapping[str, Any], types: Types, folder: Path, texts: Mapping[str, str]
) -> Iterator[Mistake]:
    connections = data.get("connections")
    for name, raw in connections.items() if isinstance(connections, dict) else ():
        place: Place = ("connections", name)
        if isinstance(raw, dict):
            yield from _mistakes_in_settings(document, place, raw, types)
            mapping = raw.get("mapping")
            if isinstance(mapping, str) and mapping not in texts and not (folder / mapping).is_file():
                yield document.mistake((*place, "mapping"), f"there is no file {folder / mapping}")


def _mistakes_in_settings(document: Document, place: Place, raw: Mapping[str, Any], types: Types) -> Iterator[Mistake]:
    kind = raw.get("type")
    if not isinstance(kind, str):
        return  # reported with the common keys
    if kind not in types:
        near = did_you_mean(kind, types)
        known = ", ".join(types)
        yield document.mistake((*place, "type"), f'there is no type "{kind}".{near} Installed: {known}.')
        return
    try:
        settings_type = connector_type(kind, types).Settings
    except ConfigError as err:
        yield document.mistake((*place, "type"), str(err))
        return
    own = {key: value for key, value in raw.items() if key not in COMMON_KEYS}
    secrets = secret_places(settings_type, own)
    for at, problem in judge(own, secrets):
        yield document.mistake((*place, *at), problem)
    try:
        settings_type.model_validate(stand_in(own))
    except ValidationError as err:
        judged = {(*place, *at) for at in (*secrets, *whole_references(own))}
        helps = {each.name: each.means for each in explained(settings_type)}
        yield from explain(
            document, err, settings_type, base=place, more_keys=COMMON_KEYS, leave_out=judged, helps=helps
        )


def _mistakes_in_rules(document: Document, data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Orders of systems that name a connection which is not there."""
    golden, connections = data.get("golden"), data.get("connections")
    rules = golden.get("rules") if isinstance(golden, dict) else None
    known: Iterable[str] = connections if isinstance(connections, dict) else ()
    for field, rule in rules.items() if isinstance(rules, dict) else ():
        for i, name in enumerate(rule if isinstance(rule, list) else ()):
            if isinstance(name, str) and name not in known:
                near = did_you_mean(name, known)
                message = f'there is no connection "{name}".{near} Configured: {", ".join(known) or "none"}.'
                yield document.mistake(("golden", "rules", field, i), message)
