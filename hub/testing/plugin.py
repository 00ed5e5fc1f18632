"""The pytest side of the kit: add `-p hub.testing.plugin` to the options of pytest."""

import pytest

from hub.testing.contract import CANNOT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the contract suite does not ask of a connector, and why."""
    for line in sorted(set(CANNOT)):
        terminalreporter.write_line(line)
