"""The hub's golden records against a truth that somebody else has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

from hub.dedupe.score import Mistake, Score, Tally
from hub.errors import ConfigError
from hub.store import links
from hub.store.db import Store, Tx

PART: Final = 2_000  # records looked up together
SHOWN: Final = 20  # records of one mistake that are named


class Truth(NamedTuple):
    """One record and whose it is."""

    connection: str
    external_id: str
    person: str


@dataclass(frozen=True, slots=True)
class Report:
    """missing  records of the truth that the hub does not hold; each counts as a golden record of its own
    members     golden record or person of a mistake → its records, (connection:external_id, person, golden record)
    """

    score: Score
    missing: int
    merges: Sequence[Mistake]
    splits: Sequence[Mistake]
    members: Mapping[str, Sequence[tuple[str, str, str]]] = field(default_factory=dict)


@dataclass
class _Census:
    """Looks up records as they come by. A record listed twice would count twice: ConfigError."""

    tx: Tx
    missing: int = 0
    seen: set[int] = field(default_factory=set)

    def placed(self, truth: Iterable[Truth]) -> Iterator[tuple[Truth, str]]:
        """(record, its golden id, or a name of its own where the hub does not hold it)"""
        self.missing = 0
        self.seen.clear()
        for part in _parts(truth):
            by_connection: dict[str, list[str]] = {}
            for row in part:
                self._notice(row)
                by_connection.setdefault(row.connection, []).append(row.external_id)
            homes = {name: links.golden_ids(self.tx, name, ids) for name, ids in by_connection.items()}
            for row in part:
                home = homes[row.connection].get(row.external_id)
                if home is None:
                    self.missing += 1
                    home = f"(not in the hub) {row.connection}:{row.external_id}"
                yield row, home

    def _notice(self, row: Truth) -> None:
        number = int.from_bytes(blake2b(f"{row.connection}\0{row.external_id}".encode(), digest_size=8).digest())
        if number in self.seen:
            raise ConfigError(
                f"The truth names {row.connection}:{row.external_id} twice, so nothing was scored. "
                "Every record may stand in it once."
            )
        self.seen.add(number)


def evaluate(store: Store, truth: Iterable[Truth], *, worst: int) -> Report:
    """Scores the golden records as they are. Records of the hub that the truth does not name do not count."""
    tally = Tally()
    with store.read() as tx:
        census = _Census(tx)
        tally.add((home, row.person) for row, home in census.placed(truth))
    score = tally.score()
    if not score.records:
        raise ConfigError("The truth names no record, so nothing was scored.")
    if census.missing == score.records:
        raise ConfigError(
            f"The hub holds none of the {score.records:,} records that the truth names, so nothing was scored. "
            "Its connections have to be named as in `hub status`."
        )
    return Report(score, census.missing, tally.worst_merges(worst), tally.worst_splits(worst))


def members(store: Store, truth: Iterable[Truth], report: Report) -> dict[str, list[tuple[str, str, str]]]:
    """The records of the mistakes of a report; the truth is read again."""
    golden_ids = {mistake.name for mistake in report.merges}
    people = {mistake.name for mistake in report.splits}
    found: dict[str, list[tuple[str, str, str]]] = {}
    with store.read() as tx:
        for row, home in _Census(tx).placed(truth):
            for name in {home} & golden_ids | {row.person} & people:
                known = found.setdefault(name, [])
                if len(known) < SHOWN:
                    known.append((f"{row.connection}:{row.external_id}", row.person, home))
    return found


def _parts(truth: Iterable[Truth]) -> Iterator[list[Truth]]:
    part: list[Truth] = []
    for row in truth:
        part.append(row)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part
