"""How many records came with each word of a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hub.dedupe.frequency import KEPT, NameCounts
from hub.store.db import Tx

MOST = 20_000  # words that a model knows: the most common ones, some 3 MB
RECORDS = "named records"  # in `counter`


def counted(tx: Tx) -> int:
    """Records whose names were counted."""
    return tx.counter(RECORDS)


def name_counts(tx: Tx) -> NameCounts:
    """Words that matter to a model, and the number of all records."""
    words: Counter[str] = Counter()
    for word, records in tx.stream(
        "SELECT word, records FROM name_count WHERE records >= :least ORDER BY records DESC, word LIMIT :most",
        least=KEPT,
        most=MOST,
    ):
        words[word] = records
    return NameCounts(counted(tx), words)


def add_names(tx: Tx, counts: NameCounts) -> None:
    """Records that are new."""
    if not counts.records:
        return
    tx.many(
        "INSERT INTO name_count (word, records) VALUES (?, ?)"
        " ON CONFLICT (word) DO UPDATE SET records = name_count.records + excluded.records",
        sorted(counts.words.items()),
        ("text", "bigint"),
    )
    tx.count(RECORDS, counts.records)


def forget_names(tx: Tx, words: Mapping[str, int], records: int) -> None:
    """Records that are erased: word → how many of them came with it. A word that nobody else came with is gone."""
    tx.many("UPDATE name_count SET records = records - ? WHERE word = ?", [(n, word) for word, n in words.items()])
    tx.run("DELETE FROM name_count WHERE word IN :*words AND records <= 0", words=sorted(words))
    tx.count(RECORDS, -min(records, counted(tx)))
