"""What Python makes of the types of columns, and ids as a column takes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


def python_type(kind: Any) -> type | None:
    try:
        return None if kind is None else kind.python_type
    except NotImplementedError:
        return None


def flags(values: Sequence[Any]) -> frozenset[Any]:
    return frozenset([*values, *(str(value) for value in values if value is not None)])


def key_values(record_id: str, kind: type | None, dialect: str) -> list[Any]:
    """What a key may be in the database, given the id; empty when it cannot be a key there."""
    made: dict[type, Any] = {
        int: int,
        float: float,
        Decimal: Decimal,
        UUID: UUID,
        bytes: bytes.fromhex,
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
    }
    if dialect == "sqlite" and record_id.lstrip("-").isdecimal() and len(record_id) < 19:
        return [record_id, int(record_id)]  # its columns take any type
    try:
        return [record_id if kind is None else made.get(kind, str)(record_id)]
    except (ValueError, ArithmeticError):
        return []
