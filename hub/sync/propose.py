"""A survivorship rule proposed: tried on the conflicts of the last days. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.dedupe.survive import Rule, Rules, survive
from hub.dedupe.trial import Dispute, Effect, Tried, effect, explained, offers, rule_text
from hub.store import disputes as db
from hub.store.db import Tx
from hub.store.links import asked_whole, resolve_goldens, whole
from hub.sync.engine import DAY, Hub

DAYS = 30
MOST = 1_000  # conflicts, the newest, that a rule is tried on


@dataclass(frozen=True, slots=True)
class Example:
    """A conflict that would have been decided otherwise.

    then       the value that won; would: the one that would have; right: what a person took for right, if one has
    now        the value of the golden record today; after: with the rule, decided anew from today's claims
    pinned     a person has fixed the value: no rule changes it
    """

    number: int
    at: float
    golden_id: str
    key: str
    then: Any
    would: Any
    verdict: str
    right: Any
    now: Any
    after: Any
    pinned: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a rule would have done with the conflicts of a field.

    before   the rule of today; cut: there were more conflicts, of which the newest were tried
    """

    field: str
    before: Rule
    effect: Effect
    examples: tuple[Example, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class Disputes:
    """The newest conflicts of a field, to try rules on.

    explained  of whose claims enough is known; unknown: how many are not; cut: there were more
    """

    field: str
    explained: list[Dispute]
    unknown: int
    cut: bool


def disputes(hub: Hub, tx: Tx, field: str, since: float) -> Disputes:
    found = db.of_field(tx, field, since, MOST + 1)
    newest = found[:MOST]
    judged = explained(field, newest, hub.rules.empty_wins)
    return Disputes(field, judged, len(newest) - len(judged), len(found) > MOST)


def propose(hub: Hub, tx: Tx, found: Disputes, rule: Rule) -> Proposal:
    field = found.field
    seen = effect(field, found.explained, rule, hub.rules.empty_wins, unknown=found.unknown)
    examples = _examples(hub, tx, field, rule, seen.examples)
    return Proposal(field, hub.rules.of(field), seen, examples, found.cut)


def compare(hub: Hub, found: Disputes) -> list[Effect]:
    """Rules worth trying: those first that agree most with what people decided, then those that change least."""
    wins = hub.rules.empty_wins
    rules = offers(found.field, found.explained)
    tried = [effect(found.field, found.explained, rule, wins, unknown=found.unknown) for rule in rules]
    return sorted(tried, key=lambda one: (-one.agreed_after, one.otherwise, rule_text(one.rule)))


def since(now: float, days: int = DAYS) -> float:
    return now - days * DAY


def _examples(hub: Hub, tx: Tx, field: str, rule: Rule, tried: Sequence[Tried]) -> tuple[Example, ...]:
    homes = resolve_goldens(tx, [one.dispute.golden_id for one in tried])
    rows, members, pins = whole(tx, asked_whole(tx, sorted(set(homes.values())))())
    rules = Rules({**hub.rules.fields, field: rule}, hub.rules.empty_wins)
    found = []
    for one in tried:
        home = homes.get(one.dispute.golden_id, "")
        fixed = pins.get(home, {})
        now = rows[home].fields if home in rows else {}
        after = survive([link.opinion() for link in members.get(home, ())], rules, fixed).fields
        found.append(_example(one, home, now, after, not fixed.keys().isdisjoint(one.dispute.keys)))
    return tuple(found)


def _example(one: Tried, home: str, now: Any, after: Any, pinned: bool) -> Example:
    dispute = one.dispute
    theirs, ours = dispute.keys
    return Example(
        number=dispute.number,
        at=dispute.at,
        golden_id=home,
        key=theirs,
        then=dispute.winner,
        would=one.would,
        verdict=dispute.verdict,
        right=dispute.right() if dispute.verdict != "open" else None,
        now=now.get(theirs, now.get(ours)),
        after=after.get(theirs, after.get(ours)),
        pinned=pinned,
    )
