"""A survivorship rule tried on fields that were in dispute: what it would have chosen from the same claims. Pure.

A dispute whose recorded winner does not follow from its claims by the rule of that time was decided by something that
is not among them, such as a pin: nothing is said about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.dedupe.survive import ADDRESSES, LATEST, MOST_COMMON, MOST_COMPLETE, NAMED, UNION, Rule, Rules, survivor
from hub.errors import ConfigError
from hub.model import Source

EXAMPLES: Final = 20  # disputes that an effect names
MOST_OFFERED: Final = 6  # systems that are offered as the first of an order
ORDER: Final = "order: "


@dataclass(frozen=True, slots=True)
class Dispute:
    """A field that changed on two sides.

    keys      under which the winner stands: theirs, ours; of addresses they differ
    claims    of that time; winner: what won; loser: what did not
    rule      by which it was decided; None: by something else
    verdict   "open", "accepted": the winner was right, or "overturned": the loser was
    """

    number: int
    at: float
    golden_id: str
    keys: tuple[str, str]
    claims: tuple[Source, ...]
    winner: Any
    loser: Any
    rule: Rule | None
    verdict: str

    def right(self) -> Any:
        """What a person took for right; only where one has decided."""
        return self.loser if self.verdict == "overturned" else self.winner


@dataclass(frozen=True, slots=True)
class Tried:
    """A dispute that would have been decided otherwise, and the value that would have won."""

    dispute: Dispute
    would: Any


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule would have done.

    tried        disputes; otherwise: decided differently; unknown: those that nothing is said about
    by_hand      disputes that a person has decided; agreed_before, agreed_after: with the old winner, with the rule
    examples     the first of those decided differently
    """

    rule: Rule
    tried: int
    otherwise: int
    unknown: int
    by_hand: int
    agreed_before: int
    agreed_after: int
    examples: tuple[Tried, ...]


def read_rule(field: str, words: Sequence[str], connections: Iterable[str]) -> Rule:
    """The rule that these words name: one of `NAMED`, `union` of addresses, or connections, best first.

    ConfigError when they name none.
    """
    allowed = (*NAMED, UNION) if field == ADDRESSES else NAMED
    if len(words) == 1 and words[0] in allowed:
        return words[0]
    known = set(connections)
    if words and len(set(words)) == len(words) and known.issuperset(words):
        return tuple(words)
    raise ConfigError(
        f"This is no rule for {field}. Nothing was changed. Use {', '.join(allowed)}, or names of connections, "
        f"best first, each once: {', '.join(sorted(known)) or 'there is none'}."
    )


def rule_text(rule: Rule) -> str:
    return rule if isinstance(rule, str) else ORDER + ", ".join(rule)


def rule_of(text: str) -> Rule | None:
    """The rule that `rule_text` has written; None: it is none."""
    if text.startswith(ORDER):
        return tuple(text.removeprefix(ORDER).split(", "))
    return text if text in (*NAMED, UNION) else None


def chosen(dispute: Dispute, rules: Rules) -> Any:
    """The value that these rules choose from the claims of a dispute."""
    theirs, ours = dispute.keys
    found = survivor(dispute.claims, theirs, rules)
    return survivor(dispute.claims, ours, rules) if found is None and ours != theirs else found


def explained(field: str, disputes: Iterable[Dispute], empty_wins: frozenset[str] = frozenset()) -> list[Dispute]:
    """Those of a field whose winner follows from their claims by the rule of that time."""
    rules: dict[Rule, Rules] = {}
    found = []
    for dispute in disputes:
        if dispute.rule is not None:
            of_then = rules.setdefault(dispute.rule, Rules({field: dispute.rule}, empty_wins))
            if chosen(dispute, of_then) == dispute.winner:
                found.append(dispute)
    return found


def effect(
    field: str, disputes: Iterable[Dispute], rule: Rule, empty_wins: frozenset[str] = frozenset(), *, unknown: int = 0
) -> Effect:
    """What a rule would have done with explained disputes of a field, those to be shown first in front.

    unknown  disputes that were not explained
    """
    rules = Rules({field: rule}, empty_wins)
    counts: Counter[str] = Counter()
    examples: list[Tried] = []
    for dispute in disputes:
        would = chosen(dispute, rules)
        counts["tried"] += 1
        if would != dispute.winner:
            counts["otherwise"] += 1
            if len(examples) < EXAMPLES:
                examples.append(Tried(dispute, would))
        if dispute.verdict != "open":
            counts["by_hand"] += 1
            counts["before"] += dispute.verdict == "accepted"
            counts["after"] += would == dispute.right()
    return Effect(
        rule=rule,
        tried=counts["tried"],
        otherwise=counts["otherwise"],
        unknown=unknown,
        by_hand=counts["by_hand"],
        agreed_before=counts["before"],
        agreed_after=counts["after"],
        examples=tuple(examples),
    )


def offers(field: str, disputes: Sequence[Dispute]) -> list[Rule]:
    """Rules worth trying: those without names, each system before all others, and all by how often they were right."""
    right: Counter[str] = Counter()
    for dispute in disputes:
        said = {claim.ref[0]: claim.fields for claim in dispute.claims}
        right.update(dict.fromkeys(said, 0))
        if dispute.verdict != "open":
            right.update(name for name, fields in said.items() if dispute.right() in fields.values())
    order = tuple(name for name, _ in sorted(right.items(), key=lambda item: (-item[1], item[0])))
    named = [LATEST, MOST_COMPLETE, MOST_COMMON, *([UNION] if field == ADDRESSES else [])]
    found: list[Rule] = [*named, *((name,) for name in order[:MOST_OFFERED])]
    return [*found, order] if 1 < len(order) <= MOST_OFFERED else found
