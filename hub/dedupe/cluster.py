"""Which records are one person: join a golden record, start a new one, or ask.

The decision is about clusters: `hub.dedupe.parts` says when two of them are one, `hub.dedupe.untangle` when one
comes apart again. Pure, and independent of the order of newcomers, known members and pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from hub.dedupe.compare import LEVELS, are_strangers, compare
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.parts import HOPELESS, Member, Part, Ref, Table, Verdict, pair_bits, shared_bits
from hub.dedupe.sharing import NOBODY, PLACES, SHARED, People, holders_of
from hub.dedupe.untangle import untangle
from hub.dedupe.weigh import DEFAULT, FIELDS, Bits, Model, bits, household

__all__ = [
    "Ask",
    "Evidence",
    "Member",
    "Merge",
    "Ref",
    "Resolution",
    "Verdict",
    "explain",
    "promising",
    "resolve",
    "weight",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of an explanation: a field, how alike it came out, and what that is worth."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Two records, one of each cluster, that a person should look at."""

    ref_a: Ref
    ref_b: Ref
    weight_bits: float
    evidence: tuple[Evidence, ...]


class Merge(NamedTuple):
    """Two golden records that turned out to be one."""

    kept: str
    lost: str
    weight_bits: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """joins  every newcomer without a golden record → the golden id it joins, or the number of a new one
    moves  records that leave their golden record → the golden id they go to, or the number of a new one; the ids and
           numbers are those of `joins`, after `merges`
    """

    joins: dict[Ref, str | int]
    merges: list[Merge]
    asks: list[Ask]
    moves: dict[Ref, str | int] = field(default_factory=dict)


def resolve(
    newcomers: Sequence[Member],
    known: Sequence[Member],
    pairs: Iterable[tuple[Ref, Ref]],
    verdicts: Mapping[frozenset[Ref], Verdict],
    model: Model = DEFAULT,
    golden_age: Mapping[str, Any] | None = None,
    *,
    moving: bool = False,
    anew: bool = False,
    weighed: Iterable[tuple[tuple[Ref, Ref], Bits]] = (),
    people: People = NOBODY,
) -> Resolution:
    """Where the newcomers of a page belong, which golden records are one, and what to ask.

    newcomers   records of the page; with a golden id: known ones whose fields changed
    known       all members of every golden record that a newcomer met
    pairs       records that met by a blocking key; refs that are neither newcomer nor known are passed over
    golden_age  golden id → anything that sorts older before newer; the older id is kept of two equal ones
    moving      whether golden records are taken apart where what has come to light speaks against them
    anew        whether all of them are, and put together again: the model is another than the one that decided
    weighed     pairs of which it is known what speaks for them, so that they need not be compared again
    people      how many people hold a value that is not one's alone
    """
    met, age = list(pairs), golden_age or {}
    table = Table(_not_alone(newcomers, met, verdicts), known, verdicts, model, people)
    table.learn(weighed)
    table.join_same()
    table.join_alike(met)
    if moving or anew:
        untangle(table, met, everywhere=anew)
    joins, moves = _places(table, newcomers, age)
    return Resolution(joins, _merges(table, age), _asks(table), moves)


def _not_alone(
    newcomers: Sequence[Member], pairs: Iterable[tuple[Ref, Ref]], verdicts: Mapping[frozenset[Ref], Verdict]
) -> list[Member]:
    """The newcomers that anything may happen to: of most of a first load there is nobody else to compare with."""
    touched = {*chain.from_iterable(pairs), *chain.from_iterable(verdicts)}
    return [member for member in newcomers if member.golden_id is not None or member.ref in touched]


def explain(a: Features, b: Features, model: Model = DEFAULT, people: People = NOBODY) -> list[Evidence]:
    """What speaks for and against two records being one: a line for each field known, then the prior.

    people  how many people hold a value that is not one's alone
    """
    lines = [*_evidence(a, b, model)]
    whole, found = pair_bits(a, b, model), shared_bits(a, b, model, people)
    for name, place, held in zip(SHARED, PLACES, holders_of(a, b, people), strict=True):
        if taken := found[place] - whole[place]:
            lines.append(Evidence(f"shared {name}", f"by {held} people", round(taken, 2)))
    if discount := household(found):
        lines.append(Evidence("household", "explains what is shared", round(discount, 2)))
    return [*lines, Evidence("prior", "they met by a key", model.prior)]


def weight(a: Features, b: Features, model: Model = DEFAULT, people: People = NOBODY) -> float:
    """Evidence in bits that two records are one, prior included: the sum of what `explain` lists."""
    found = shared_bits(a, b, model, people)
    return sum(found) + household(found) + model.prior


def promising(a: Features, b: Features, model: Model = DEFAULT) -> bool:
    """Whether two records that met may bring their clusters together: what else the clusters hold cannot make up
    for more than `HOPELESS` bits."""
    least = model.ask - HOPELESS
    return (model.stranger >= least or not are_strangers(a, b)) and weight(a, b, model) >= least


def _evidence(a: Features, b: Features, model: Model) -> tuple[Evidence, ...]:
    levels = compare(a, b)
    found = bits(levels, model, organisations=ORGANISATION in (a.kind, b.kind))
    lines = zip(FIELDS, levels.levels(), found, strict=True)
    return tuple(Evidence(name, LEVELS[name][level], round(value, 2)) for name, level, value in lines if level)


def _places(
    table: Table, newcomers: Sequence[Member], age: Mapping[str, Any]
) -> tuple[dict[Ref, str | int], dict[Ref, str | int]]:
    """Where each newcomer without a golden record goes, and each record that leaves the one it had."""
    joins: dict[Ref, str | int] = {}
    moves: dict[Ref, str | int] = {}
    groups: dict[int | Ref, int] = {}
    coming = {member.ref for member in newcomers if member.golden_id is None}
    left = {table.refs[at] for at, owner in enumerate(table.golden) if owner and not _holds(table, at, owner)}
    for ref in sorted(coming | left):
        at = table.place.get(ref)
        number = ref if at is None else table.part_of[at]
        part = None if at is None else table.parts[table.part_of[at]]
        to = _kept(part, age) if part and part.golden else groups.setdefault(number, len(groups))
        (moves if ref in left else joins)[ref] = to
    return joins, moves


def _holds(table: Table, at: int, owner: str) -> bool:
    return owner in table.parts[table.part_of[at]].golden


def _merges(table: Table, age: Mapping[str, Any]) -> list[Merge]:
    """Every golden id that gives way to another, with the link that brought its part in."""
    found = []
    for part in table.parts.values():
        if len(part.golden) < 2:
            continue
        kept = _kept(part, age)
        for lost in sorted(part.golden.keys() - {kept}):
            weight_bits, at, to = table.links.get(lost) or _link(table, part, kept, lost)
            lines = _evidence(table.features[at], table.features[to], table.model)
            found.append(Merge(kept, lost, weight_bits, lines))
    return sorted(found, key=lambda merge: (merge.kept, merge.lost))


def _link(table: Table, part: Part, kept: str, lost: str) -> tuple[float, int, int]:
    """What two golden records have in common that came together record by record."""
    one, other = ([at for at in part.members if table.golden[at] == owner] for owner in (kept, lost))
    at, to = table.best_pair(Part(one, {}), Part(other, {}))
    return round(table.alone(at, to), 2), at, to


def _asks(table: Table) -> list[Ask]:
    """Clusters that stay apart and might be one, the likeliest first."""
    found = []
    for p, part in table.parts.items():
        for q in part.near:
            if p < q and table.model.ask <= (weight_bits := table.surely(p, q)) < table.model.join:
                at, to = table.best_pair(part, table.parts[q])
                lines = _evidence(table.features[at], table.features[to], table.model)
                found.append(Ask(table.refs[at], table.refs[to], round(weight_bits, 2), lines))
    return sorted(found, key=lambda ask: (-ask.weight_bits, ask.ref_a, ask.ref_b))


def _kept(part: Part, age: Mapping[str, Any]) -> str:
    """The id of the largest golden record, of equals the oldest; ids without an age count as newest."""
    size = max(part.golden.values())
    largest = sorted(golden_id for golden_id, members in part.golden.items() if members == size)
    return min((g for g in largest if g in age), key=lambda g: (age[g], g), default=largest[0])
