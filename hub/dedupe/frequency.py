"""How common names are among the user's own records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from hub.dedupe.features import Features
from hub.dedupe.weigh import Model

GROWN: Final = 1.125  # times as many records as when they were last counted, from which shares are taken anew
KEPT: Final = 3  # records with a word from which it is kept in a model: the others are as good as not counted


@dataclass
class NameCounts:
    """Word of a name → how many records bear it. Adds up: counts of two parts are the counts of the whole."""

    records: int = 0
    words: Counter[str] = field(default_factory=Counter)

    def add(self, records: Iterable[Features]) -> None:
        for record in records:
            self.records += 1
            self.words.update(set(record.name))

    def into(self, model: Model) -> Model:
        """The model with the shares of these counts."""
        shares = {word: count / self.records for word, count in self.words.items() if count >= KEPT}
        return replace(model, frequency=shares, records=self.records)

    def outgrown(self, model: Model) -> bool:
        """Whether the model was counted in so many fewer records that it is worth counting anew."""
        return self.records > model.records * GROWN
