"""Taking golden records apart where evidence that came later speaks against what was decided before.

What a person said is one stays together, and what the hub wrote stays with its golden record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from hub.dedupe.parts import MOST_COMPARED, Part, Ref, Table
from hub.dedupe.weigh import is_elsewhere, is_other

TENSE: Final = 3.0  # bits beyond a join at which two records that ended up in two golden records are looked at again
MOST_ANEW: Final = 32  # records that are decided anew together


def untangle(table: Table, pairs: Iterable[tuple[Ref, Ref]], *, everywhere: bool = False) -> None:
    """Decide anew, record by record, where evidence that came later speaks against what was decided before.

    everywhere  wherever that can be done, since the model itself is another now
    """
    suspects = set(table.parts) if everywhere else _tense(table, pairs)
    tense = {number for number in suspects if _may_come_apart(table, table.parts[number])}
    for number in sorted(tense):
        if number not in tense or number not in table.parts:
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
    """Each record by itself. Those that are tied follow the rest of their golden record; without rest they are one."""
    everyone = sorted(at for number in group for at in table.parts[number].members)
    free = [at for at in everyone if not table.tied[at]]
    owners = sorted({owner for at in free if (owner := table.golden[at])})
    following = [at for at in everyone if table.tied[at] and table.golden[at] in owners]
    for number in group:
        _take_apart(table, number, set(following))
    places = sorted(set(everyone) - set(following))
    for one, other in combinations(places, 2):
        p, q = table.part_of[one], table.part_of[other]
        if p != q and table.is_promising(one, other):
            table.parts[p].near.add(q)
            table.parts[q].near.add(p)
    table.join_near({table.part_of[at] for at in places})
    _hand_out(table, owners, free)
    _bind(table, following)


def _tense(table: Table, pairs: Iterable[tuple[Ref, Ref]]) -> set[int]:
    """Parts with contradictions inside, or with a record that is much like one of another part."""
    found = set()
    for (at, to), values in table.bits.items():
        if table.part_of[at] == table.part_of[to] and (is_other(values) or is_elsewhere(values)):
            found.add(table.part_of[at])
    for ref_a, ref_b in pairs:
        one, other = table.place.get(ref_a), table.place.get(ref_b)
        if one is None or other is None or table.part_of[one] == table.part_of[other]:
            continue
        if table.alone(one, other) >= table.model.join + TENSE:
            found |= {table.part_of[one], table.part_of[other]}
    return found


def _may_come_apart(table: Table, part: Part) -> bool:
    """Not what a person said is one, nothing too large to be compared whole, no follower that bars others."""
    tied = [at for at in part.members if table.tied[at]]
    if len(part.members) > MOST_COMPARED or len(part.members) - len(tied) < 2:
        return False
    if any(at in table.different or table.refs[at][0] in table.model.apart for at in tied):
        return False
    members = set(part.members)
    return not any(one in members for one, _ in table.same)


def _take_apart(table: Table, number: int, following: set[int]) -> None:
    """A part for each record, one for all that are tied to one golden record, and none for those that follow."""
    part = table.parts.pop(number)
    units: dict[int | str | None, list[int]] = {}
    for at in part.members:
        if at not in following:
            units.setdefault(table.golden[at] if table.tied[at] else at, []).append(at)
    for near in part.near:
        table.parts[near].near.discard(number)
    for unit in units.values():
        owner = table.golden[unit[0]] if table.tied[unit[0]] else None
        table.parts[table.unused] = Part(unit, {owner: len(unit)} if owner else {}, set(part.near))
        for at in unit:
            table.part_of[at] = table.unused
        for near in part.near:
            table.parts[near].near.add(table.unused)
        table.unused += 1


def _hand_out(table: Table, owners: Iterable[str], free: Iterable[int]) -> None:
    """Each golden id to the part that holds the most of its records, of equals to the largest, then the first."""
    for owner in owners:
        sizes = Counter(table.part_of[at] for at in free if table.golden[at] == owner)
        keeper = min(sizes, key=lambda n: (-sizes[n], -len(table.parts[n].members), table.parts[n].members[0]))
        table.parts[keeper].golden[owner] = sizes[keeper]


def _bind(table: Table, following: Iterable[int]) -> None:
    """What the hub wrote goes where its golden record went."""
    for at in following:
        owner = table.golden[at] or ""
        home = next(number for number, part in table.parts.items() if owner in part.golden)
        part = table.parts[home]
        part.members = sorted([*part.members, at])
        part.golden[owner] += 1
        table.part_of[at] = home
