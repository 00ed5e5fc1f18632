"""The connector types as one chooses among them: what each is, and what it can do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.config.described import described
from hub.connectors.contract import Can
from hub.connectors.registry import connector_type, connector_types
from hub.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Kind:
    """One type.

    can      with the settings of its example; None: it has none, or cannot be loaded
    by_hand  it starts programs, so it is set up in the file
    missing  why it cannot be used on this machine; "" when it can
    """

    name: str
    summary: str
    can: Can | None
    by_hand: bool = False
    missing: str = ""


class Kinds:
    """All that are installed or described beside the configuration. Each is looked at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[type, Kind] = {}
        self._guard = threading.Lock()

    def found(self, words: str) -> Sequence[Kind]:
        """Those whose name or summary has all of the words."""
        wanted = words.lower().split()
        return [kind for kind in self._all() if all(word in f"{kind.name} {kind.summary}".lower() for word in wanted)]

    def one(self, name: str) -> Kind | None:
        types = connector_types(self._folder)
        return self._look(name) if name in types else None

    def _all(self) -> list[Kind]:
        return [self._look(name) for name in connector_types(self._folder)]

    def _look(self, name: str) -> Kind:
        try:
            loaded = connector_type(name, connector_types(self._folder))
        except ConfigError as err:
            return Kind(name, "", None, missing=str(err))
        with self._guard:
            if loaded not in self._seen:
                self._seen[loaded] = _kind_of(name, loaded)
            return self._seen[loaded]


def _kind_of(name: str, loaded: type) -> Kind:
    module = sys.modules[loaded.__module__]
    lines = [line.strip() for line in f"{loaded.__dict__.get('__doc__') or ''}\n{module.__doc__ or ''}".splitlines()]
    summary = next((line for line in lines if line), "")
    try:
        can = described(name, loaded).can
    except ConfigError:
        can = None
    return Kind(name, summary, can, bool(getattr(loaded, "by_hand", ())))
