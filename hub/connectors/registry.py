"""Connector types by name, from the entry points of every installed package.

A type is imported only when a connection uses it, so a broken or heavy package costs nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from hub.connectors.contract import Connector
from hub.errors import ConfigError

GROUP = "contact_hub.connectors"


class ConnectorTypes(Mapping[str, type[Connector]]):
    """Name → class; the class is imported when it is first asked for."""

    def __init__(self, found: Mapping[str, EntryPoint]) -> None:
        self._found = found
        self._loaded: dict[str, type[Connector]] = {}

    def __getitem__(self, name: str) -> type[Connector]:
        if name not in self._loaded:
            self._loaded[name] = _load(self._found[name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found))

    def __len__(self) -> int:
        return len(self._found)


@cache
def connector_types() -> ConnectorTypes:
    """All installed types."""
    return ConnectorTypes({point.name: point for point in entry_points(group=GROUP)})


def connector_type(name: str, types: Mapping[str, type[Connector]] | None = None) -> type[Connector]:
    """The class of one type; ConfigError with the nearest known name when there is none."""
    types = connector_types() if types is None else types
    if name in types:
        return types[name]
    near = get_close_matches(name, list(types), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"There is no connector type {name!r}.{hint} Installed: {', '.join(types)}.")


def _load(point: EntryPoint) -> type[Connector]:
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The connector type {point.name!r} is installed but cannot be loaded from {point.value} "
            f"({type(error).__name__}). Next: install what it needs, or update its package."
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Connector)):
        raise ConfigError(f"The connector type {point.name!r} ({point.value}) is not a Connector class.")
    return loaded
