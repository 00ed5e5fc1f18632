"""The conflict log: fields that changed on two sides since they last agreed.

The rule decides at once and nothing waits; the loser stays as a claim, and a person can overturn it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.dedupe.survive import Rules
from hub.model import base_field
from hub.store import work
from hub.store.db import Tx, dumps
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, Run
from hub.sync.link import Edit


@dataclass(frozen=True, slots=True)
class Fight:
    """One field, changed there (edit) and here (ours, under our_key) since the last agreed value."""

    edit: Edit
    our_key: str
    ours: Any
    ref: tuple[str, str]


def log_fights(hub: Hub, tx: Tx, run: Run, clusters: Clusters, fights: Sequence[Fight]) -> None:
    """Write conflicts down with all claims, the rule, the winner and who is told. After `settle`."""
    rows = []
    for fight in fights:
        cluster = next((c for c in clusters if any(m.ref == fight.ref for m in c.members)), None)
        if cluster is None:
            continue
        key = fight.edit.key
        winner = cluster.golden.fields.get(key, cluster.golden.fields.get(fight.our_key))
        claims = [
            {"connection": m.connection, "record": m.external_id, "value": value, "since": since}
            for m in cluster.members
            for value, since in m.statements(key, fight.our_key)
        ]
        rule = rule_name(hub.rules, key)
        rows.append(
            {
                "run_id": run.id,
                "connection": run.name,
                "golden_id": cluster.id,
                "field": key,
                "at": hub.clock(),
                "rule": rule,
                "claims": dumps([{"base": fight.edit.base, "theirs": fight.edit.theirs, "ours": fight.ours}, *claims]),
                "winner": dumps(winner),
                "diff": readable(fight.ours, fight.edit.theirs),
                "told": dumps([r.name for r in hub.targets() if r.mapping.covers(key)]),
                "state": "open",
            }
        )
        hub.meter.conflict(run.name, base_field(key), rule)
    work.log_conflicts(tx, rows)


def rule_name(rules: Rules, key: str) -> str:
    rule = rules.of(key)
    return rule if isinstance(rule, str) else "order: " + ", ".join(rule)


def readable(ours: Any, theirs: Any) -> str:
    """How the two values differ, in a line or two."""
    from deepdiff import DeepDiff  # 20 MB and a tenth of a second that only a conflict needs

    return str(DeepDiff({"value": ours}, {"value": theirs}, verbose_level=2).pretty())
