"""What the engine's process is told first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub.config import HubConfig


@dataclass(frozen=True, slots=True)
class LogForm:
    as_json: bool
    level: str


@dataclass(frozen=True, slots=True)
class Setting:
    """index: file of the search index that it keeps up with the store"""

    config: HubConfig
    index: Path
    log: LogForm
