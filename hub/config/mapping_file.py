"""The mapping file of a connection as it stands: opened, written anew with only what changes, saved with a note in the
audit. A connection without one of its own begins with a copy of what its type brings along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.config.editing import REMOVED, Change, StaleEdit, Written, changed, open_file, save
from hub.config.load import FILE, Types
from hub.connectors.registry import connector_type, connector_types
from hub.document import parse_document
from hub.errors import ConfigError, NotThere
from hub.mapping.alter import GONE, alterations, changed_rows, full, same
from hub.mapping.preview import paths_of
from hub.mapping.spec import load_mapping
from hub.mapping.table import MappingSpec
from hub.store.audit import note
from hub.store.db import Store

FOLDER = "mappings"
BY_NAME = "# Columns map by their names. A row below takes the place of those of its field.\nflat: true\n"


@dataclass(frozen=True, slots=True)
class MappingFile:
    """folder  of the configuration
    name    of the file, from there
    text    as it stands, or what the first save begins with
    etag    changes when the file does, or when the connection names another one
    is_own  the connection names it; else the first save writes it and says so in hub.yaml
    data    what it holds
    shared  other connections that name the same file
    beneath the files as they were read
    """

    folder: Path
    connection: str
    name: str
    text: str
    etag: str
    is_own: bool
    data: Mapping[str, Any]
    beneath: tuple[Written, ...]
    shared: tuple[str, ...] = ()

    @property
    def table(self) -> dict[str, Any]:
        return full(self.data)


def open_mapping(folder: Path, connection: str, types: Types | None = None) -> MappingFile:
    """ConfigError when a file cannot be read, or the connection is not in hub.yaml (any more)."""
    hub = open_file(folder, FILE)
    settings = _settings(hub.text, connection)
    named = settings.get("mapping")
    if isinstance(named, str):
        own = open_file(folder, named)
        data, shared = data_of(own.text, named), _sharing(hub.text, named, connection)
        return MappingFile(folder, connection, named, own.text, _etag(own), True, data, (own,), shared)
    kind = connector_type(str(settings.get("type")), types or connector_types(folder))
    text = kind.mapping_text(settings)
    text = text if text.strip() else BY_NAME
    new = open_file(folder, _free_name(folder, connection))
    data = data_of(text, f"default mapping of {settings.get('type')}")
    return MappingFile(folder, connection, new.name, text, _etag(hub), False, data, (new, hub))


def default_paths(folder: Path, connection: str, types: Types | None = None) -> list[str]:
    """Source paths that the mapping of a connection's type names, whatever the connection has of its own."""
    settings = _settings(open_file(folder, FILE).text, connection)
    kind = connector_type(str(settings.get("type")), types or connector_types(folder))
    return paths_of(data_of(kind.mapping_text(settings), "default mapping"))


def rewritten(file: MappingFile, table: Mapping[str, Any]) -> str:
    """The file's text when it says what the table says. ConfigError when that cannot be done row by row."""
    found = alterations(file.data, table)
    text = changed(file.text, [Change(place, REMOVED if value is GONE else value) for place, value in found])
    if not same(full(data_of(text, file.name)), dict(table)):
        raise ConfigError(
            f"{file.name} cannot be changed row by row without touching what else stands there, so nothing was "
            "changed. Change the file with an editor."
        )
    return text


def save_text(store: Store, file: MappingFile, text: str, person: str, at: float) -> list[str]:
    """Both files or neither, noted in the audit. The rows that changed.

    StaleEdit when a file is another one by now; ConfigError when the configuration would not be valid.
    """
    rows = changed_rows(file.data, full(data_of(text, file.name)))
    files = [replace(file.beneath[0], text=text)]
    if not file.is_own:
        hub = file.beneath[1]
        change = Change(("connections", file.connection, "mapping"), file.name)
        files.append(replace(hub, text=changed(hub.text, [change])))
    with store.write() as tx:
        note(tx, person, "mapping changed", f"connection {file.connection}", {"file": file.name, "rows": rows}, at=at)
        save(file.folder, files)
    return rows


def refuse_stale(file: MappingFile, etag: str) -> None:
    """StaleEdit unless the file is what somebody has looked at."""
    if etag != file.etag:
        raise StaleEdit(file.name, file.text)


def _settings(text: str, connection: str) -> Mapping[str, Any]:
    data = parse_document(text, FILE).data
    connections = data.get("connections") if isinstance(data, Mapping) else None
    found = connections.get(connection) if isinstance(connections, Mapping) else None
    if not isinstance(found, Mapping):
        raise NotThere(f"There is no connection {connection} in {FILE} any more, so nothing was changed.")
    return found


def _sharing(text: str, named: str, connection: str) -> tuple[str, ...]:
    connections = parse_document(text, FILE).data["connections"]
    others = (name for name, found in connections.items() if isinstance(found, Mapping) and name != connection)
    return tuple(name for name in others if connections[name].get("mapping") == named)


def data_of(given: str | Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What a mapping file holds, of its text or as it is. ConfigError unless it has the form of a table."""
    data = parse_document(given, name).data if isinstance(given, str) else given
    if data is None:
        return {}
    if isinstance(data, Mapping):
        try:
            MappingSpec.model_validate(data)
        except ValidationError:
            load_mapping(data, where=name, default_region=None)  # which says what is wrong
        return data
    raise ConfigError(f"{name} holds no table of fields, so nothing was changed. Put it right with an editor.")


def _free_name(folder: Path, connection: str) -> str:
    """Of a file that is not there yet."""
    names = (f"{FOLDER}/{connection}{n}.yaml" for n in ("", *(f"_{i}" for i in range(2, 100))))
    return next(name for name in names if not (folder / name).exists())


def _etag(file: Written) -> str:
    return blake2b(f"{file.name}\0{file.etag}".encode(), digest_size=16).hexdigest()
