"""Matching of everything at once: the decisions of a first load without a page at a time.

The same keys, comparisons, weights and cluster rules as for one record that just arrived; what differs is that each
two values are compared once and all pairs are weighed together, in columns. A key counts by all records that share
it, where page by page it counts by those that came before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from hub.dedupe.bulk.columns import Ints
from hub.dedupe.bulk.decision import Asked, Decision, decide
from hub.dedupe.bulk.each import Component, Spread, Verdicts, in_turn
from hub.dedupe.bulk.meet import Limits
from hub.dedupe.bulk.shards import Records, Shard
from hub.dedupe.bulk.whole import Linked, Whole
from hub.dedupe.cluster import Ref
from hub.dedupe.features import Features
from hub.dedupe.frequency import NameCounts
from hub.dedupe.weigh import DEFAULT, Model

__all__ = ["Asked", "Bulk", "Component", "Decision", "Records", "Shard"]

KEY_CAP: Final = 50  # records that share a key before it is hot, as in the store
TELLING: Final = 12
"""Records that share a key up to which it brings two of them together by itself. More than page by page, where those
that come first meet before there are many."""
SHARD: Final = 10_000  # records whose features are kept as they are before they are packed


def _nothing() -> None:
    """Where memory is no concern."""


class Bulk:
    """All records of a load, and the decision about them.

    How common names are is counted in these records where there are more of them than the model was counted in.
    A decision takes the records: there is none left for another.

    hot  keys that more records share than `cap`, known after a decision: they bring nobody together
    """

    def __init__(
        self,
        model: Model = DEFAULT,
        *,
        cap: int = KEY_CAP,
        telling: int = TELLING,
        spread: Spread = in_turn,
        relieve: Callable[[], None] = _nothing,
    ) -> None:
        """
        spread   what carries out the tasks that take long, such as the `map` of a pool of processes
        relieve  called when much has been let go, before more is taken
        """
        self.model = model
        self.hot: Ints = np.zeros(0, np.int64)
        self._limits = Limits(cap, telling)
        self._spread = spread
        self._relieve = relieve
        self._open = Records()
        self._shards: list[Shard] = []
        self._names = NameCounts()

    def add(self, number: int, golden: str | None, record: Features, keys: Sequence[int], ref: Ref) -> None:
        """One record. Numbers rise."""
        self._open.add(number, golden, record, keys, ref)
        if len(self._open) >= SHARD:
            self._close()

    def take(self, shard: Shard) -> None:
        """Records read elsewhere; their numbers come after those of all before."""
        self._close()
        self._keep(shard)

    def components(self, verdicts: Verdicts | None = None) -> Iterator[Component]:
        """Groups of two records and more that may be one, to be decided one by one; all others stay as they are."""
        linked = self._linked(verdicts or {})
        if linked:
            for some in linked.components(np.arange(len(linked.gathered.starts))):
                yield from (component.unpacked() for component in some)

    def decide(self, verdicts: Verdicts | None = None, ages: Mapping[str, Any] | None = None) -> Decision:
        """Which records are one, which golden records are, and what to ask.

        ages  golden id → anything that sorts older before newer
        """
        linked = self._linked(verdicts or {})
        if linked is None:
            return Decision(np.zeros(0, np.int64), np.zeros(0, np.int64), {}, [], [])
        self._relieve()
        return decide(linked, verdicts or {}, ages or {})

    def names(self) -> NameCounts:
        """How many of the records bear each word of a name."""
        self._close()
        return self._names

    def _linked(self, verdicts: Verdicts) -> Linked | None:
        self._close()
        if not self._shards:
            return None
        names = self.names()
        model = names.into(self.model) if names.outgrown(self.model) else self.model
        whole = Whole(self._shards, model, self._spread)
        self._relieve()
        met = whole.meet(self._limits)
        self._relieve()
        self.hot = met.hot
        return Linked(whole, met, verdicts)

    def _close(self) -> None:
        if len(self._open):
            self._keep(self._open.shard())
            self._open = Records()

    def _keep(self, shard: Shard) -> None:
        self._names.records += shard.names.records
        self._names.words.update(shard.names.words)
        self._shards.append(shard._replace(names=NameCounts()))
