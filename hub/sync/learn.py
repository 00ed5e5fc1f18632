"""What training needs of the store, a bounded sample, and what would change if its model were used.

However many contacts there are, so many records are drawn, and so many pairs of them are compared. Drawn by a seed,
so that the same store gives the same model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from hub.dedupe.features import Features
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharpen import sharpened
from hub.dedupe.train import Compared, Sample, Trained, compared, train
from hub.dedupe.weigh import Model
from hub.errors import ConfigError
from hub.store import keys as index
from hub.store import links
from hub.store.db import Store, Tx
from hub.sync.engine import CountedModel, chunks
from hub.sync.seen import seen_of

RECORDS = 20_000  # drawn at most
PAIRS = 30_000  # compared at most, of those that share a key
STRANGERS = 100_000  # at most, of those that share none: what two people seldom agree on by chance is seldom seen
ANSWERS = 2_000  # of people taken in at most, the newest
PART = 500  # records read together

Advance = Callable[[float], None]
"""Hears how much is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """records, pairs, strangers, answers: how many the model was learnt from"""

    model: Model
    trained: Trained
    records: int
    pairs: int
    strangers: int
    answers: int

    @property
    def origin(self) -> str:
        """What it was learnt from, in words."""
        return f"{self.records:,} records, {self.pairs:,} pairs, {self.answers:,} answers"


@dataclass
class _Draw:
    """Records that were drawn, and a sample of the pairs they make."""

    features: dict[int, Features] = field(default_factory=dict)
    keys: dict[int, frozenset[int]] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    met: int = 0


def learn(store: Store, base: Model, *, seed: int = 1, advance: Advance = lambda _: None) -> Lesson:
    """A model learnt from the store, near `base`. ConfigError where there is nothing to learn from."""
    rng = Random(seed)  # noqa: S311  which records are drawn is no secret
    with store.read() as tx:
        ids, number = draw_ids(tx, rng, RECORDS)
        draw = _drawn(tx, rng, ids, lambda done: advance(0.4 * done))
        sample = Sample(all_total=number * (number - 1) / 2, met_total=draw.met * number / max(len(ids), 1) / 2)
        for done in _compare_met(tx, draw, sample):
            advance(0.4 + 0.3 * done)
        sample.answers = _answers(tx)
        start = CountedModel().of(tx, base)
    if not draw.pairs:
        raise ConfigError(
            "No two records have anything in common by which they are compared, so there is nothing to learn from. "
            "No model was made. Run `hub sync` first."
        )
    _compare_strangers(rng, draw, sample)
    advance(0.8)
    trained = train(sample, start)
    advance(0.95)
    model = sharpened(trained.model, sample.answers)
    strangers = int(sum(sample.strangers.values()))
    return Lesson(model, trained, len(ids), len(draw.pairs), strangers, len(sample.answers))


# --- drawing ----------------------------------------------------------------------------------------


def draw_ids(tx: Tx, rng: Random, most: int) -> tuple[list[int], int]:
    """(ids of at most so many records, in order; how many records there are)"""
    row = tx.one("SELECT count(*), coalesce(max(id), 0) FROM record")
    number, highest = (int(row[0]), int(row[1])) if row else (0, 0)
    if number <= most:
        return [r[0] for r in tx.all("SELECT id FROM record ORDER BY id")], number
    found: list[int] = []
    # numbers of records that were erased are drawn in vain
    drawn = rng.sample(range(1, highest + 1), min(highest, round(1.1 * most * highest / number)))
    for part in chunks(drawn, PART):
        found += [r[0] for r in tx.all("SELECT id FROM record WHERE id IN :*ids ORDER BY id", ids=list(part))]
    return sorted(found[:most]), number


def _drawn(tx: Tx, rng: Random, ids: Sequence[int], advance: Advance) -> _Draw:
    """Records with what they meet. Of all meetings a sample is kept in which each has the same chance."""
    draw = _Draw()
    for part in chunks(ids, PART):
        seen = sorted(seen_of(tx, links.looks(tx, part)))
        keys = {record.id: frozenset(blocking_keys(record.features)) for record in seen}
        holders, hot = index.candidates(tx, sorted(frozenset().union(*keys.values())))
        draw.features |= {record.id: record.features for record in seen}
        draw.keys |= {number: found - hot for number, found in keys.items()}
        for record in seen:
            near = {other for key in keys[record.id] for other in holders.get(key, ())}
            for other in sorted(near - {record.id}):
                _keep(draw, rng, (record.id, other))
        advance(len(draw.features) / len(ids))
    return draw


def _keep(draw: _Draw, rng: Random, pair: tuple[int, int]) -> None:
    """Reservoir sampling: the n-th pair is kept with chance PAIRS / n, in the place of any other."""
    draw.met += 1
    if len(draw.pairs) < PAIRS:
        draw.pairs.append(pair)
    elif (place := rng.randrange(draw.met)) < PAIRS:
        draw.pairs[place] = pair


def _compare_met(tx: Tx, draw: _Draw, sample: Sample) -> Iterator[float]:
    """Yields how much is done. The other record of a pair is read where it was not drawn itself."""
    pairs = sorted(draw.pairs, key=lambda pair: (pair[1], pair[0]))
    for start, part in enumerate(chunks(pairs, PART)):
        missing = sorted({other for _, other in part} - draw.features.keys())
        others = {record.id: record.features for record in seen_of(tx, links.looks(tx, missing))} | draw.features
        for one, other in part:
            if other in others:
                _count(sample.met, compared(draw.features[one], others[other]))
        yield min(1.0, (start + 1) * PART / len(pairs))


def _compare_strangers(rng: Random, draw: _Draw, sample: Sample) -> None:
    ids = sorted(draw.features)
    for _ in range(min(STRANGERS, len(ids) * (len(ids) - 1) // 2)):
        one, other = rng.choice(ids), rng.choice(ids)
        if one != other and draw.keys[one].isdisjoint(draw.keys[other]):
            _count(sample.strangers, compared(draw.features[one], draw.features[other]))


def _count(pairs: dict[Compared, float], pair: Compared) -> None:
    pairs[pair] = pairs.get(pair, 0.0) + 1.0


def _answers(tx: Tx) -> list[tuple[Compared, bool]]:
    """What people said of two records, the newest answers."""
    rows = tx.all(
        "SELECT record_a, record_b, answer FROM verdict ORDER BY at DESC, record_a, record_b LIMIT :n", n=ANSWERS
    )
    found = []
    for part in chunks(rows, PART):
        ids = sorted({number for row in part for number in row[:2]})
        seen = {record.id: record.features for record in seen_of(tx, links.looks(tx, ids))}
        found += [(compared(seen[a], seen[b]), said == "same") for a, b, said in part if a in seen and b in seen]
    return found
