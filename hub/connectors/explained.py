"""What the settings of a connector mean, from their descriptions and docstrings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

_LINE = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*) {2,}(\S.*)$")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a connection.

    default  as it is written in YAML; "" when there is none to show; None: the key is needed
    """

    name: str
    default: str | None
    means: str


def explained(kind: type[BaseModel]) -> list[Setting]:
    """Every setting in its order; `means` is empty where nothing is said of it."""
    told = dict(_told(kind))
    return [
        Setting(
            info.alias or name,
            None if info.is_required() else _shown(info.get_default(call_default_factory=False)),
            " ".join((info.description or told.get(info.alias or name) or told.get(name) or "").split()),
        )
        for name, info in kind.model_fields.items()
    ]


def _told(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Of docstrings like this one's neighbours: names, at least two spaces, what they mean."""
    for each in reversed(kind.__mro__):
        names: list[str] = []
        said: list[str] = []
        for line in (each.__dict__.get("__doc__") or "").splitlines():
            found = _LINE.match(line.strip())
            if found and not line.startswith(" " * 8):
                yield from ((name, " ".join(said)) for name in names)
                names, said = found[1].split(", "), [found[2]]
            elif names and line.strip():
                said.append(line.strip())
            else:
                yield from ((name, " ".join(said)) for name in names)
                names, said = [], []
        yield from ((name, " ".join(said)) for name in names)


def _shown(default: Any) -> str:
    if default is PydanticUndefined or default is None or isinstance(default, SecretStr):
        return ""
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, float) and default.is_integer():
        return str(int(default))
    if isinstance(default, BaseModel | dict):
        return ""
    if isinstance(default, list | tuple | set | frozenset):
        parts = [_shown(each) for each in default]
        return f"[{', '.join(parts)}]" if parts and all(parts) else ""
    return str(default)
