"""The pytest side of the kit: add `-p hub.testing.plugin` to the options of pytest.

At the end of a run it prints what was not asked of a connector, and why; with `--kit-table FILE` it writes the
results of every connector as a table.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.testing.contract import THEMES, ConnectorContract, checks
from hub.testing.openapi import UNCHECKED
from hub.testing.table import FAILED, NOT_APPLICABLE, NOT_ASKED, PASSED, Column, folded, kept, said, table
from hub.testing.words import NOT_APPLICABLE as PREFIX

BY_THEME: Mapping[str, list[str]] = {theme.__name__: checks(theme) for theme in THEMES}
ALL = frozenset(name for names in BY_THEME.values() for name in names)
OUTPUT = "connector_kit"  # of a process that runs tests for another


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("connector kit")
    group.addoption("--kit-table", metavar="FILE", help="write the results of the connector kit as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Results(config), "connector-kit-results")


class Results:
    """What became of every check, of one session."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.columns: dict[str, Column] = {}
        self.unchecked: set[str] = set()

    def column(self, name: str) -> Column:
        return self.columns.setdefault(name, Column(name))

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            kind = getattr(item, "cls", None)
            name = getattr(item, "originalname", "")
            if kind is not None and issubclass(kind, ConnectorContract) and name in ALL:
                item.user_properties.append(("kit", f"{kind.__name__}.{name}"))
                for check, reason in kind.reasons().items():
                    self.column(kind.__name__).note(check, NOT_ASKED, reason)

    def pytest_collection_finish(self) -> None:
        """What was collected stays to the end; the collector of garbage, which checks call, need not walk it again."""
        gc.collect()
        gc.freeze()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if "kit" not in properties:
            return
        name, _, check = str(properties["kit"]).partition(".")
        column = self.column(name)
        column.connector = str(properties.get("connector", column.connector))
        if report.failed:
            column.note(check, FAILED)
        elif report.skipped:
            said_so = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            column.note(check, NOT_APPLICABLE, said_so.removeprefix("Skipped: ").removeprefix(PREFIX))
        elif report.when == "call":
            column.note(check, PASSED)

    def pytest_sessionfinish(self) -> None:
        """A process that runs tests for another hands over what only it knows."""
        output: dict[str, Any] | None = getattr(self.config, "workeroutput", None)
        if output is not None:
            reasons = {each.name: each.reasons for each in self.columns.values()}
            output[OUTPUT] = {"reasons": reasons, "unchecked": list(UNCHECKED)}
            return
        self.unchecked.update(UNCHECKED)
        path = self.config.getoption("--kit-table")
        if path:
            before = kept(Path(path).read_text(encoding="utf-8"), BY_THEME) if Path(path).is_file() else {}
            run = {name: each for name, each in self.columns.items() if each.connector}
            Path(path).write_text(table({**before, **run}, BY_THEME), encoding="utf-8")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {}).get(OUTPUT, {})
        self.unchecked.update(told.get("unchecked", []))
        for name, reasons in told.get("reasons", {}).items():
            for check, reason in reasons.items():
                if check not in self.column(name).results:
                    self.column(name).note(check, NOT_ASKED, reason)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was not asked, and why."""
        for name, column in sorted(self.columns.items()):
            not_asked = {check: column.reasons[check] for check, state in column.results.items() if state == NOT_ASKED}
            for line in folded(not_asked, BY_THEME):
                terminalreporter.write_line(f"{said(name)} cannot {line}")
        for line in sorted(self.unchecked):
            terminalreporter.write_line(line)
