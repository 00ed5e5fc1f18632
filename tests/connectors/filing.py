"""Words that the tests of files share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.connectors.contract import Context
from hub.connectors.files import FileConnector
from hub.model import Page, Record, Unreadable
from hub.testing.words import Item, items


def connect(folder: Path, **settings: Any) -> FileConnector:
    return FileConnector(FileConnector.Settings.model_validate(settings), Context("drop", base=folder))


def read(folder: Path, name: str, **settings: Any) -> list[Item]:
    """What a snapshot of a file is read as."""
    return items(connect(folder, path=name, **settings).pull(None))


def fields(found: Sequence[Item]) -> list[dict[str, Any]]:
    return [dict(item.fields) for item in found if isinstance(item, Record)]


def names(found: Sequence[Item], field: str = "name") -> list[Any]:
    return [item.fields[field] for item in found if isinstance(item, Record)]


def problems(found: Sequence[Item]) -> list[tuple[str, str]]:
    return [(item.where, item.reason) for item in found if isinstance(item, Unreadable)]


def cursor_after(pages: list[Page]) -> str | None:
    return pages[-1].cursor
