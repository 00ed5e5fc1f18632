"""Values of canonical fields as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.model import UNREAD, element_text


def name_of(fields: Mapping[str, Any]) -> str:
    """What a golden record is called; "" when nothing of it is a name."""
    parts = [fields.get("given_name"), fields.get("family_name")]
    name = " ".join(str(p) for p in parts if p) or fields.get("full_name") or fields.get("company") or ""
    return str(name)


def elements(fields: Mapping[str, Any], base: str) -> list[str]:
    """The elements of a field of many, such as all e-mail addresses."""
    return [element_text(key) for key in sorted(fields) if key.startswith(base + "/")]


def say_changes(detail: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(field, now, then) of a row of a plan; a question says its evidence instead."""
    if "evidence" in detail:
        said = [f"{e['field']}: {e['level']}" for e in detail["evidence"] if isinstance(e, Mapping)]
        return [(f"{detail.get('bits', 0):+} bits", "; ".join(said), "asked")]
    fields = detail.get("fields") or {}
    pairs = [(key, pair) for key, pair in sorted(fields.items()) if isinstance(pair, list) and len(pair) == 2]
    return [say_value(key, *pair) for key, pair in pairs] or [("", "", "")]


def say_value(key: str, before: Any, after: Any) -> tuple[str, str, str]:
    """(field, old, new): of one among many, such as an address, the element itself is the value."""
    base, slash, name = key.partition("/")
    return base, _one(base, slash, name, before), _one(base, slash, name, after)


def _one(base: str, slash: str, name: str, value: Any) -> str:
    if value is None:
        return ""
    if not slash or base == "addresses":  # whose name is a number that says nothing
        return plain(value)
    more = plain({k: v for k, v in value.items() if k in ("label", "status", "at")}) if value else ""
    name = name.removeprefix(UNREAD)
    return f"{name} ({more})" if more else name


def plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(plain(part) for part in value.values() if part not in (None, ""))
    if isinstance(value, list):
        return "; ".join(plain(part) for part in value)
    return "" if value is None else str(value)
