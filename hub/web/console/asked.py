"""What the addresses of lists may ask for, bounded."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Query

from hub.store.lists import Part

PAGE = 50  # rows
FARTHEST = 1_000_000  # rows from the beginning of a list

Skip: TypeAlias = Annotated[int, Query(ge=0, le=FARTHEST)]
Connection: TypeAlias = Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9_]*$")]


def part_of(skip: int, limit: int = PAGE) -> Part:
    return Part(limit, skip)
