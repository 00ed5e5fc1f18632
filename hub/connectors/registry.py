"""Connector types by name: entry points of every installed package, and service files.

A type is loaded only when a connection uses it, so a broken or heavy package costs nobody else. Service files come
with the hub, and a folder `services` beside a configuration adds its own; a file there with the name of one that
comes with the hub takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeAlias

from hub.connectors.contract import Connector
from hub.connectors.rest import service_type
from hub.connectors.rest.files import SUFFIX, built_in_services, read_service, read_service_file
from hub.errors import ConfigError

GROUP = "contact_hub.connectors"
SERVICES = "services"  # folder of service files beside a configuration

Loading: TypeAlias = EntryPoint | Callable[[], type[Connector]]


class ConnectorTypes(Mapping[str, type[Connector]]):
    """Name → class; the class is loaded when it is first asked for."""

    def __init__(self, found: Mapping[str, Loading]) -> None:
        self._found = found
        self._loaded: dict[str, type[Connector]] = {}

    def __getitem__(self, name: str) -> type[Connector]:
        if name not in self._loaded:
            found = self._found[name]
            self._loaded[name] = _load(found) if isinstance(found, EntryPoint) else found()
        return self._loaded[name]

    def beside(self, own: Mapping[str, Loading]) -> ConnectorTypes:
        """These and others, which take the place of those with their names; what is loaded stays loaded."""
        found = ConnectorTypes({**self._found, **own})
        found._loaded = {name: kind for name, kind in self._loaded.items() if name not in own}
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found))

    def __len__(self) -> int:
        return len(self._found)


def connector_types(folder: Path | None = None) -> ConnectorTypes:
    """All installed types, and those of the service files beside a configuration.

    folder  of the configuration; its files are looked at anew each time
    """
    own = sorted((folder / SERVICES).glob(f"*{SUFFIX}")) if folder is not None else []
    installed = _installed()
    return installed.beside({path.stem: partial(_own, path) for path in own}) if own else installed


@cache
def _installed() -> ConnectorTypes:
    found: dict[str, Loading] = {name: partial(_built_in, name) for name in built_in_services()}
    return ConnectorTypes(found | {point.name: point for point in entry_points(group=GROUP)})


@cache
def _built_in(name: str) -> type[Connector]:
    return service_type(name, read_service(name))


def _own(path: Path) -> type[Connector]:
    return service_type(path.stem, read_service_file(path))


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
