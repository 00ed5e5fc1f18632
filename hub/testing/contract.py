"""The one suite that every connector passes.

A test of a connector says how to reach its system, and inherits the rest:

    class TestAcorn(ConnectorContract):
        cannot = {"test_a_wrong_key_pauses_the_connection": "Acorn has no key"}

        @pytest.fixture
        def system(self, acorn_server): ...      # yields a System

What a connector does not declare in `can` is checked to be refused. A check that cannot be made for a system is
named in `cannot` with the reason, and so is a whole theme by the name of its class (`FaultsInReading`). It is not
collected, and the reason is printed at the end of the run and shown in the documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar

import pytest

from hub.connectors.contract import Connector
from hub.connectors.registry import GROUP
from hub.testing.apart import KeepsApart, KeepsToItsHost
from hub.testing.broken import FaultsInReading, FaultsInWriting, Rights
from hub.testing.declared import Declared
from hub.testing.events import Events
from hub.testing.mapped import DefaultMapping
from hub.testing.reading import ById, Changes, Listing
from hub.testing.system import NOBODY, System
from hub.testing.values import Texts
from hub.testing.words import Item, done, items, listing, one, records, refuses, write_all
from hub.testing.writing import Batches, Creating, Ending, Refusals, Updating

__all__ = [
    "NOBODY",
    "OVER_HTTP",
    "THEMES",
    "ConnectorContract",
    "Item",
    "System",
    "checks",
    "done",
    "items",
    "listing",
    "one",
    "records",
    "refuses",
    "write_all",
]

THEMES: tuple[type, ...] = (
    Declared,
    Listing,
    Changes,
    ById,
    Events,
    Creating,
    Updating,
    Ending,
    Batches,
    Refusals,
    Texts,
    DefaultMapping,
    KeepsApart,
    KeepsToItsHost,
    FaultsInReading,
    FaultsInWriting,
    Rights,
)
OVER_HTTP = ("KeepsToItsHost", "FaultsInReading", "FaultsInWriting")
"""Themes that only a connector has that speaks HTTP."""


def checks(theme: type) -> list[str]:
    """The names of its checks, in their order."""
    return [name for name in vars(theme) if name.startswith("test_")]


class ConnectorContract(*THEMES):  # type: ignore[misc]
    """Every check takes the fixture `system`, which the subclass provides.

    cannot  check or theme → why it cannot be asked of this system
    """

    cannot: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, reason in cls.__dict__.get("cannot", {}).items():
            if len(reason) < 10:
                raise TypeError(f"{cls.__name__}.cannot: the reason for {name} is no reason")
            for check in named(name, cls.__name__):
                setattr(cls, check, None)

    @classmethod
    def reasons(cls) -> dict[str, str]:
        """Check → why it is not asked, of this class and those it comes from."""
        found: dict[str, str] = {}
        for each in reversed(cls.__mro__):
            for name, reason in each.__dict__.get("cannot", {}).items():
                found.update(dict.fromkeys(named(name, cls.__name__), reason))
        return found

    @pytest.fixture
    def connector(self, system: System) -> Connector:
        return system.connector

    @pytest.fixture(autouse=True)
    def _of_the_suite(self, system: System, record_property: Any) -> Iterator[None]:
        """Says which connector type this is, for the table of results; closes what the suite opened."""
        record_property("connector", type_name(type(system.connector)))
        yield
        for context in system.contexts:
            context.closing.close()


def named(name: str, where: str) -> list[str]:
    """The checks of a theme, or the one check of this name."""
    theme = next((each for each in THEMES if each.__name__ == name), None)
    if theme is not None:
        return checks(theme)
    if not any(name in checks(each) for each in THEMES):
        raise TypeError(f"{where}.cannot: there is no check and no theme {name}")
    return [name]


@cache
def type_name(kind: type[Connector]) -> str:
    """As a configuration names it: by its entry point, or else by its class."""
    place = f"{kind.__module__}:{kind.__name__}"
    return next((each.name for each in entry_points(group=GROUP) if each.value == place), kind.__name__)
