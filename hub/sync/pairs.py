"""Why two contacts are one, are not, or are asked about: keys, levels, weights, and the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf
from typing import Any

from hub.dedupe.cluster import Evidence, Member, Verdict, explain, promising, resolve, weight
from hub.dedupe.features import Features, features
from hub.dedupe.keys import blocking_keys, texts
from hub.dedupe.sharing import People
from hub.dedupe.weigh import Model
from hub.errors import ConfigError
from hub.store import contacts, links
from hub.store import keys as index
from hub.store.db import Tx
from hub.sync.holders import people_around
from hub.sync.link import HOLDING, Link
from hub.sync.seen import Seen

Ref = tuple[str, str]


NEVER = -1e9  # bits: nothing is below it
MOST_MEMBERS = 40  # source records of a golden record that are looked at


@dataclass(frozen=True, slots=True)
class Key:
    """What the two records meet by.

    hot     too many records share it, so that it brings nobody together
    shared  records that have it, these two included; 0 where it is hot
    """

    text: str
    hot: bool
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Two records of one golden record next to each other, and the bits that speak for their being one."""

    a: str
    b: str
    bits: float


@dataclass(frozen=True, slots=True)
class Said:
    """A person's word on two records."""

    a: str
    b: str
    answer: str
    person: str
    at: float


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its golden record, and the source record that is compared."""

    golden_id: str
    connection: str
    external_id: str
    records: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PairStory:
    """evidence  in bits, the prior last; `weight` is its sum, for the two records alone
    cluster_weight  bits for the two golden records as wholes; None: they are one already, or never meet
    decision        "one" | "same" | "different" | "ask" | "apart" | "never met", with its reason in words
    path            from one to the other by the strongest links, where they are one golden record
    said            what people said of records of the two, the latest first
    """

    a: Side
    b: Side
    keys: tuple[Key, ...]
    evidence: tuple[Evidence, ...]
    weight: float
    cluster_weight: float | None
    join: float
    ask: float
    verdict: str | None
    decision: str
    reason: str
    path: tuple[Step, ...]
    said: tuple[Said, ...]


def explain_pair(tx: Tx, a: str, b: str, model: Model) -> PairStory:
    """a, b: golden ids, or CONNECTION:EXTERNAL_ID. ConfigError when there is no such contact."""
    left, right = _records(tx, a), _records(tx, b)
    one, other = _closest(left, right, model)
    if one.ref == other.ref:
        raise ConfigError("Both are one source record, so there is nothing to compare. Nothing was changed.")
    homes = links.members(tx, sorted({one.golden_id, other.golden_id}))
    verdicts = _verdicts(tx, [*homes[one.golden_id], *homes[other.golden_id]])
    said = verdicts.get(frozenset((one.ref, other.ref)))
    both = features(one.opinion().fields), features(other.opinion().fields)
    keys = _keys(tx, *both)
    held = _people(tx, _some([*homes[one.golden_id], *homes[other.golden_id]], one, other), model)
    cluster_weight, decision, reason = _decide(tx, homes, one, other, verdicts, model, held)
    is_one = one.golden_id == other.golden_id
    return PairStory(
        a=_side(one, homes),
        b=_side(other, homes),
        keys=keys,
        evidence=tuple(explain(*both, model, held)),
        weight=round(weight(*both, model, held), 2),
        cluster_weight=cluster_weight,
        join=model.join,
        ask=model.ask,
        verdict=str(said) if said else None,
        decision=decision,
        reason=reason,
        path=_path(homes[one.golden_id], one, other, model, held) if is_one else (),
        said=_said(tx, [*homes[one.golden_id], *homes[other.golden_id]]),
    )


def _records(tx: Tx, name: str) -> list[Link]:
    """The record named, or all of the golden record named."""
    connection, colon, external_id = name.partition(":")
    if colon:
        found = list(links.links_of(tx, connection, [external_id]).values())
    else:
        home = links.resolve_golden(tx, name)
        found = links.members(tx, [home])[home] if home else []
    if not found:
        raise ConfigError(f"There is no contact {name!r}, so nothing was compared. Look: hub contacts find TEXT")
    return found


def _closest(left: Sequence[Link], right: Sequence[Link], model: Model) -> tuple[Link, Link]:
    """The two records, one of each side, that speak most for one person."""
    pairs = [(a, b) for a in left for b in right if a.ref != b.ref] or [(left[0], right[0])]
    looks = {link.ref: features(link.opinion().fields) for link in (*left, *right)}
    return max(pairs, key=lambda p: (weight(looks[p[0].ref], looks[p[1].ref], model), -p[0].id))


def _people(tx: Tx, everyone: Sequence[Link], model: Model) -> People:
    """How many people hold the values of these records."""
    seen = {x.id: Seen(x.id, x.ref, x.golden_id, 0.0, features(x.opinion().fields)) for x in everyone}
    return people_around(tx, seen, seen, model)


def _side(link: Link, homes: Mapping[str, Sequence[Link]]) -> Side:
    fields = dict(link.opinion().fields)
    return Side(link.golden_id, link.connection, link.external_id, len(homes[link.golden_id]), fields)


def _keys(tx: Tx, a: Features, b: Features) -> tuple[Key, ...]:
    theirs = set(blocking_keys(b))
    mine = dict(zip(dict.fromkeys(texts(a)), blocking_keys(a), strict=False))
    shared = {text: number for text, number in mine.items() if number in theirs}
    hot = index.hot_keys(tx, shared.values())
    holders, _ = index.candidates(tx, list(shared.values()))
    return tuple(Key(text, number in hot, len(set(holders.get(number, ())))) for text, number in shared.items())


def _path(members: Sequence[Link], one: Link, other: Link, model: Model, held: People) -> tuple[Step, ...]:
    """From one record to the other over the strongest links: its weakest step is as strong as can be."""
    looks = {m.ref: features(m.opinion().fields) for m in _some(members, one, other)}
    best: dict[Ref, tuple[float, Ref | None]] = {one.ref: (inf, None)}
    todo = set(looks)
    while todo:
        at = max(sorted(todo), key=lambda ref: best.get(ref, (-inf, None))[0])
        todo.discard(at)
        if at == other.ref:
            break
        for ref in todo:
            reach = min(best[at][0], weight(looks[at], looks[ref], model, held))
            if reach > best.get(ref, (-inf, None))[0]:
                best[ref] = (reach, at)
    steps, here = [], other.ref
    while (before := best[here][1]) is not None:
        steps.append(Step(_name(before), _name(here), round(weight(looks[before], looks[here], model, held), 2)))
        here = before
    return tuple(reversed(steps))


def _some(members: Sequence[Link], *named: Link) -> list[Link]:
    """At most so many members, those named among them."""
    known = {link.ref for link in named}
    return [*named, *[m for m in members if m.ref not in known][:MOST_MEMBERS]]


def _name(ref: Ref) -> str:
    return f"{ref[0]}:{ref[1]}"


def _said(tx: Tx, everyone: Sequence[Link]) -> tuple[Said, ...]:
    refs = {link.id: _name(link.ref) for link in everyone}
    rows = [row for row in contacts.verdict_rows(tx, refs) if row[0] in refs and row[1] in refs]
    return tuple(Said(refs[a], refs[b], answer, person, at) for a, b, answer, person, at in rows)


def _verdicts(tx: Tx, everyone: Sequence[Link]) -> dict[frozenset[tuple[str, str]], Verdict]:
    refs = {link.id: link.ref for link in everyone}
    return {
        frozenset((refs[a], refs[b])): Verdict(answer)
        for (a, b), answer in links.verdicts(tx, refs).items()
        if a in refs and b in refs
    }


def _decide(
    tx: Tx,
    homes: Mapping[str, Sequence[Link]],
    one: Link,
    other: Link,
    verdicts: Mapping[frozenset[Ref], Verdict],
    model: Model,
    held: People,
) -> tuple[float | None, str, str]:
    """(bits for the golden records as wholes, decision, why)"""
    if one.golden_id == other.golden_id:
        return None, "one", f"they are one golden record, {one.golden_id}"
    left, right = (_some(homes[link.golden_id], link) for link in (one, other))
    members = [
        Member(x.ref, x.golden_id, features(x.opinion().fields), there=x.state in HOLDING) for x in (*left, *right)
    ]
    looks = {member.ref: member.features for member in members}
    met = _met(tx, [x.ref for x in left], [x.ref for x in right], looks)
    across = {verdicts.get(frozenset((a.ref, b.ref))) for a in left for b in right}
    bits = _whole(members, met, model, held) if met else None
    if Verdict.DIFFERENT in across:
        return bits, "different", "a person said that they are different; that outranks the model"
    if Verdict.SAME in across:
        return bits, "same", "a person said that they are one; that outranks the model"
    if both := _holding(left) & _holding(right) & model.apart:
        return bits, "apart", f"{', '.join(sorted(both))} holds them as two, and never holds one contact twice"
    if not met:
        return None, "never met", "no two of their records share a key that tells people apart: they are never compared"
    found = resolve(members, [], met, verdicts, model, people=held)
    if found.merges:
        return found.merges[0].weight_bits, "one", "the evidence is enough: they become one when either changes"
    if found.asks:
        return found.asks[0].weight_bits, "ask", "the evidence is in doubt: a person is asked"
    if not any(promising(looks[a], looks[b], model) for a, b in met):
        return bits, "apart", "so much speaks against any two of their records that the wholes are not weighed"
    return bits, "apart", "the evidence is not enough"


def _holding(some: Iterable[Link]) -> set[str]:
    return {link.connection for link in some if link.state in HOLDING}


def _met(tx: Tx, left: Sequence[Ref], right: Sequence[Ref], looks: Mapping[Ref, Features]) -> list[tuple[Ref, Ref]]:
    """Records across the two that share a key which few others have."""
    keys = {ref: set(blocking_keys(look)) for ref, look in looks.items()}
    hot = index.hot_keys(tx, set().union(*keys.values()))
    return [(a, b) for a, b in product(left, right) if (keys[a] & keys[b]) - hot]


def _whole(members: Sequence[Member], met: Sequence[tuple[Ref, Ref]], model: Model, held: People) -> float | None:
    """Bits for the two golden records as wholes, whatever the model would decide."""
    found = resolve(members, [], met, {}, replace(model, ask=NEVER), people=held)
    if found.merges:
        return found.merges[0].weight_bits
    return found.asks[0].weight_bits if found.asks else None
