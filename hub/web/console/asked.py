"""What the addresses of lists may ask for, bounded."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Path, Query
from pydantic import Field

from hub.store.lists import Part

PAGE = 50  # rows
FARTHEST = 1_000_000  # rows from the beginning of a list
LARGEST_NUMBER = 2**53  # of a row: far more than there will be, and no more than a database takes

Number: TypeAlias = Annotated[int, Path(ge=0, le=LARGEST_NUMBER)]
OneOf: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
Skip: TypeAlias = Annotated[int, Query(ge=0, le=FARTHEST)]
Connection: TypeAlias = Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9_]*$")]


def part_of(skip: int, limit: int = PAGE) -> Part:
    return Part(limit, skip)
