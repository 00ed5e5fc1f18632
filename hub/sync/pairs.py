"""Why two contacts are one, are not, or are asked about: keys, levels, weights, and the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.dedupe.cluster import Evidence, Member, Verdict, explain, resolve, weight
from hub.dedupe.features import Features, features
from hub.dedupe.keys import blocking_keys, texts
from hub.dedupe.weigh import Model
from hub.errors import ConfigError
from hub.store import keys as index
from hub.store import links
from hub.store.db import Tx
from hub.sync.link import Link


@dataclass(frozen=True, slots=True)
class Key:
    """What the two records meet by. hot: too many records share it, so that it brings nobody together."""

    text: str
    hot: bool


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
    cluster_weight  bits for the two golden records as wholes, where that decides; None: they never meet
    decision        "one" | "same" | "different" | "ask" | "apart" | "never met", with its reason in words
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
    cluster_weight, decision, reason = _decide(homes, one, other, keys, verdicts, model)
    return PairStory(
        a=_side(one, homes),
        b=_side(other, homes),
        keys=keys,
        evidence=tuple(explain(*both, model)),
        weight=round(weight(*both, model), 2),
        cluster_weight=cluster_weight,
        join=model.join,
        ask=model.ask,
        verdict=str(said) if said else None,
        decision=decision,
        reason=reason,
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


def _side(link: Link, homes: Mapping[str, Sequence[Link]]) -> Side:
    fields = dict(link.opinion().fields)
    return Side(link.golden_id, link.connection, link.external_id, len(homes[link.golden_id]), fields)


def _keys(tx: Tx, a: Features, b: Features) -> tuple[Key, ...]:
    theirs = set(blocking_keys(b))
    mine = dict(zip(dict.fromkeys(texts(a)), blocking_keys(a), strict=False))
    shared = {text: number for text, number in mine.items() if number in theirs}
    hot = index.hot_keys(tx, shared.values())
    return tuple(Key(text, number in hot) for text, number in shared.items())


def _verdicts(tx: Tx, everyone: Sequence[Link]) -> dict[frozenset[tuple[str, str]], Verdict]:
    refs = {link.id: link.ref for link in everyone}
    return {
        frozenset((refs[a], refs[b])): Verdict(answer)
        for (a, b), answer in links.verdicts(tx, refs).items()
        if a in refs and b in refs
    }


def _decide(
    homes: Mapping[str, Sequence[Link]],
    one: Link,
    other: Link,
    keys: Sequence[Key],
    verdicts: Mapping[frozenset[tuple[str, str]], Verdict],
    model: Model,
) -> tuple[float | None, str, str]:
    """(bits for the golden records as wholes, decision, why)"""
    if one.golden_id == other.golden_id:
        return None, "one", f"they are one golden record, {one.golden_id}"
    across = {verdicts.get(frozenset((a.ref, b.ref))) for a in homes[one.golden_id] for b in homes[other.golden_id]}
    if Verdict.DIFFERENT in across:
        return None, "different", "a person said that they are different; that outranks the model"
    if Verdict.SAME in across:
        return None, "same", "a person said that they are one; that outranks the model"
    if not any(not key.hot for key in keys):
        return None, "never met", "they have no key in common, so they are never compared"
    members = [Member(x.ref, x.golden_id, features(x.opinion().fields)) for home in homes.values() for x in home]
    found = resolve(members, [], [(one.ref, other.ref)], verdicts, model)
    if found.merges:
        return (
            found.merges[0].weight_bits,
            "one",
            "the evidence is enough: they become one when either changes",
        )
    if found.asks:
        return found.asks[0].weight_bits, "ask", "the evidence is in doubt: a person is asked"
    return None, "apart", "the evidence is not enough"
