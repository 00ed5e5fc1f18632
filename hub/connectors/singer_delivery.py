"""What becomes of rows that are told to a program which may break off: most arrive, and a bad one costs only itself.

A program that breaks off names no row. The rows it has not confirmed are told again in halves, until the one it
breaks off on stands alone. Nothing is refused unless others went through before it was tried once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hub.connectors.singer_process import ProgramEnded
from hub.errors import HubError

MOST_STARTS = 64  # of the program for one call


@dataclass(frozen=True, slots=True)
class Heard:
    """How many of the rows are surely written, from the first; `error`: why not all."""

    count: int
    error: HubError | None = None


@dataclass(slots=True)
class Delivery:
    """Rows by their numbers: written, refused, or in doubt.

    tell   gives these rows to the program
    error  the last one, where rows are in doubt
    """

    tell: Callable[[Sequence[int]], Heard]
    written: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    error: HubError | None = None
    starts: int = 0

    def deliver(self, count: int) -> None:
        parts, alone = deque([range(count)] if count else []), list[int]()
        while parts and self.starts < MOST_STARTS:
            rest = self._told(parts.popleft())
            if not rest:
                continue
            if not isinstance(self.error, ProgramEnded):
                return  # the program hangs, or may not write: the rows are not to blame
            if len(rest) > 1:
                middle = len(rest) // 2
                parts.extendleft((rest[middle:], rest[:middle]))
            elif rest[0] not in alone:
                alone.append(rest[0])
                if len(alone) > 1 and not self.written:
                    return  # not one of them goes through: the system is down
        for each in alone if self.written and not parts else ():
            if self._told(range(each, each + 1)) and isinstance(self.error, ProgramEnded):
                self.refused.add(each)

    def is_decided(self, count: int) -> bool:
        """Nothing of so many rows is in doubt."""
        return len(self.written | self.refused) == count

    def _told(self, part: range) -> range:
        """Those of the part that were not confirmed."""
        heard = self.tell(part)
        self.starts += 1
        self.written |= set(part[: heard.count])
        self.error = heard.error or self.error
        return part[heard.count :]
