"""What the results of the connector kit (docs/connectors/checks.md) say is not asked of a connector. Pure."""

from __future__ import annotations

HEADING = "## Not asked"


def read_reasons(text: str) -> dict[str, list[str]]:
    """Connector type → lines `in which test: what: why`."""
    _, _, end = text.partition(HEADING)
    found: dict[str, list[str]] = {}
    for line in end.splitlines():
        connector, comma, rest = line.removeprefix("- ").partition(", ")
        if line.startswith("- ") and comma:
            found.setdefault(connector, []).append(rest)
    return found
