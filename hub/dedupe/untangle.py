"""Taking golden records apart where evidence that came later speaks against what was decided before.

What a person said is one stays together, and what the hub wrote stays with its golden record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from hub.dedupe.parts import MOST_COMPARED, Part, Ref, Table
from hub.dedupe.weigh import is_other

TENSE: Final = 3.0  # bits beyond a join at which two records that ended up in two golden records are looked at again
MOST_ANEW: Final = 24  # records that are decided anew together


def untangle(table: Table, pairs: Iterable[tuple[Ref, Ref]]) -> None:
    """Decide anew, record by record, where evidence that came later speaks against what was decided before."""
    tense = {number for number in _tense(table, pairs) if _may_come_apart(table, table.parts[number])}
    for number in sorted(tense):
        if number not in tense:
            continue
        group = _neighbours(table, number, tense)
        tense -= group
        if any(len(table.parts[number].members) > 1 for number in group):
            _decide_anew(table, group)


def _neighbours(table: Table, number: int, among: set[int]) -> set[int]:
    """The part and those of the others that it may be one with, and so on, as far as can be compared whole."""
    found, waiting = {number}, [number]
    size = len(table.parts[number].members)
    while waiting:
        for near in sorted(table.parts[waiting.pop()].near & among - found):
            size += len(table.parts[near].members)
            if size > MOST_ANEW:
                return found
            found.add(near)
            waiting.append(near)
    return found


def _decide_anew(table: Table, group: set[int]) -> None:
    everyone = sorted(at for number in group for at in table.parts[number].members)
    places = [at for at in everyone if not table.tied[at]]
    for number in group:
        _take_apart(table, number)
    for one, other in combinations(places, 2):
        if table.is_promising(one, other):
            p, q = table.part_of[one], table.part_of[other]
            table.parts[p].near.add(q)
            table.parts[q].near.add(p)
    table.join_near([table.part_of[at] for at in places])
    _hand_out(table, sorted({owner for at in everyone if (owner := table.golden[at])}), places)
    _bind(table, [at for at in everyone if table.tied[at]])


def _tense(table: Table, pairs: Iterable[tuple[Ref, Ref]]) -> set[int]:
    """Parts with contradictions inside, or with a record that is much like one of another part."""
    found = set()
    for (at, to), values in table.bits.items():
        if table.part_of[at] == table.part_of[to] and is_other(values):
            found.add(table.part_of[at])
    for ref_a, ref_b in pairs:
        one, other = table.place.get(ref_a), table.place.get(ref_b)
        if one is None or other is None or table.part_of[one] == table.part_of[other]:
            continue
        if table.alone(one, other) >= table.model.join + TENSE:
            found |= {table.part_of[one], table.part_of[other]}
    return found


def _may_come_apart(table: Table, part: Part) -> bool:
    """Not what a person said is one, and nothing too large to be compared whole."""
    members = set(part.members)
    free = sum(not table.tied[at] for at in members)
    return free > 1 and len(members) <= MOST_COMPARED and not any(one in members for one, _ in table.same)


def _take_apart(table: Table, number: int) -> None:
    part = table.parts.pop(number)
    for near in part.near:
        table.parts[near].near.discard(number)
    for at in part.members:
        table.parts[table.unused] = Part([at], {})
        table.part_of[at] = table.unused
        table.unused += 1
    for near in part.near:
        for at in part.members:
            table.parts[table.part_of[at]].near.add(near)
            table.parts[near].near.add(table.part_of[at])


def _hand_out(table: Table, owners: Iterable[str], places: Iterable[int]) -> None:
    """Each golden id to the part that holds the most of its records, of equals to the largest, then the first."""
    for owner in owners:
        sizes = Counter(table.part_of[at] for at in places if table.golden[at] == owner)
        if not sizes:  # all of its records are tied
            continue
        for number in sizes:
            table.parts[number].golden.pop(owner, None)
        keeper = min(sizes, key=lambda n: (-sizes[n], -len(table.parts[n].members), table.parts[n].members[0]))
        table.parts[keeper].golden[owner] = sizes[keeper]


def _bind(table: Table, tied: Iterable[int]) -> None:
    """What the hub wrote goes where its golden record went."""
    for at in tied:
        owner = table.golden[at] or ""
        alone = table.part_of[at]
        home = next((n for n, part in table.parts.items() if owner in part.golden), None)
        if home is None:
            table.parts[alone].golden[owner] = 1
            continue
        part = table.parts[home]
        part.members = sorted([*part.members, at])
        part.golden[owner] += 1
        part.near.discard(alone)
        for near in table.parts.pop(alone).near:
            if near in table.parts:
                table.parts[near].near.discard(alone)
        table.part_of[at] = home
