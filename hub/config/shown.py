"""The configuration as people look at it: every setting with its value, whether it is the default, and what it is for.

Secrets stand in a configuration by reference only, and that is what is shown. Of the address of a webhook, whose path
is often a secret by itself, the host is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hub.config.models import HubConfig
from hub.durations import say_duration

ELSEWHERE = frozenset({"store", "connections"})  # shown with the store, and each on a page of its own
CALLED = ("events", "notifications")  # whose addresses are called


@dataclass(frozen=True, slots=True)
class Setting:
    """key: as hub.yaml nests it, with dots; value: "" where none is set"""

    key: str
    value: str
    is_default: bool
    meaning: str


def settings(config: HubConfig) -> dict[str, list[Setting]]:
    """By the first part of the key; those at the top of the file under ""."""
    found: dict[str, list[Setting]] = {}
    for setting in _of(config, ""):
        head, dot, _ = setting.key.partition(".")
        found.setdefault(head if dot else "", []).append(setting)
    return dict(sorted(found.items()))


def _of(part: BaseModel, prefix: str) -> Iterator[Setting]:
    for name, info in type(part).model_fields.items():
        if not prefix and name in ELSEWHERE:
            continue
        yield from _setting(f"{prefix}{info.alias or name}", getattr(part, name), info)


def _setting(key: str, value: Any, info: FieldInfo) -> Iterator[Setting]:
    if isinstance(value, BaseModel):
        yield from _of(value, f"{key}.")
    elif isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from _setting(f"{key}.{getattr(name, 'value', name)}", each, info)
    else:
        is_default = not info.is_required() and value == info.get_default(call_default_factory=True)
        yield Setting(key, _text(key, value), is_default, info.description or "")


def _text(key: str, value: Any) -> str:
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return say_duration(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(_text(key, each) for each in value)
    if key.startswith(CALLED) and key.endswith(".url"):
        return f"https://{urlsplit(str(value)).hostname}/…"
    return str(value)
