"""The conflict log: fields that changed on two sides since they last agreed.

The rule decides at once and nothing waits; the loser stays as a claim, and a person can overturn it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.dedupe.trial import rule_text
from hub.model import Fields, base_field
from hub.store.db import Tx, dumps
from hub.store.disputes import log_conflicts
from hub.sync.clusters import Cluster, Clusters
from hub.sync.engine import Hub, Run
from hub.sync.link import HOLDING, Edit, Link, differs

PINNED = "pinned"
"""In place of a rule: a person had fixed the value before."""


@dataclass(frozen=True, slots=True)
class Fight:
    """One field, changed there (edit) and here (ours, under our_key) since the last agreed value."""

    edit: Edit
    our_key: str
    ours: Any
    ref: tuple[str, str]


def fight_about(run: Run, cluster: Cluster, link: Link, edit: Edit, base: Fields) -> Fight | None:
    """A conflict: the field changed there and here since the last agreed value, to different ones."""
    if not (run.route.writes and run.route.mapping.covers(edit.key)):
        return None
    ours = cluster.golden.fields.get(edit.key)
    if base_field(edit.key) == "addresses":
        mine = {k for k in cluster.golden.fields if k.startswith("addresses/")}
        if edit.theirs is None or not mine or edit.key in mine or mine <= base.keys():
            return None
        return Fight(edit, sorted(mine)[0], cluster.golden.fields[sorted(mine)[0]], link.ref)
    if differs(edit.key, ours, base.get(edit.key)) and differs(edit.key, ours, edit.theirs):
        return Fight(edit, edit.key, ours, link.ref)
    return None


def log_fights(hub: Hub, tx: Tx, run: Run, clusters: Clusters, fights: Sequence[Fight]) -> None:
    """Write conflicts down with all claims, the rule, the winner and who is told. After `settle`."""
    rows = []
    for fight in fights:
        cluster = next((c for c in clusters if any(m.ref == fight.ref for m in c.members)), None)
        if cluster is None:
            continue
        key = fight.edit.key
        winner = cluster.golden.fields.get(key, cluster.golden.fields.get(fight.our_key))
        pinned = not cluster.pins.keys().isdisjoint((key, fight.our_key))
        rule = PINNED if pinned else rule_text(hub.rules.of(key))
        rows.append(
            {
                "run_id": run.id,
                "connection": run.name,
                "golden_id": cluster.id,
                "field": key,
                "at": hub.clock(),
                "rule": rule,
                "claims": dumps(_claims(fight, cluster)),
                "winner": dumps(winner),
                "diff": readable(fight.ours, fight.edit.theirs),
                "told": dumps([r.name for r in hub.targets() if r.mapping.covers(key)]),
                "state": "open",
            }
        )
        hub.meter.conflict(run.name, base_field(key), rule)
    log_conflicts(tx, rows)


def _claims(fight: Fight, cluster: Cluster) -> list[dict[str, Any]]:
    """The values of the two sides, then every system's own claim: all that the rule had to choose from."""
    both: dict[str, Any] = {"base": fight.edit.base, "theirs": fight.edit.theirs, "ours": fight.ours}
    if fight.our_key != fight.edit.key:
        both["our_key"] = fight.our_key
    found = [both]
    for member in cluster.members:
        for key in _keys(fight, member):
            for value, since in member.statements(key):
                claim = {"connection": member.connection, "record": member.external_id, "value": value, "since": since}
                if key != fight.edit.key:
                    claim["key"] = key
                if member.state not in HOLDING:
                    claim["gone"] = True
                found.append(claim)
    return found


def _keys(fight: Fight, member: Link) -> list[str]:
    """Addresses survive whole: the rule looks at all that a record has."""
    if base_field(fight.edit.key) != "addresses":
        return [fight.edit.key]
    held = {key for key in (*member.fields, *member.own) if key.startswith("addresses/")}
    return [key for key in (fight.edit.key, fight.our_key) if key in held] + sorted(
        held - {fight.edit.key, fight.our_key}
    )


def readable(ours: Any, theirs: Any) -> str:
    """How the two values differ, in a line or two."""
    from deepdiff import DeepDiff  # 20 MB and a tenth of a second that only a conflict needs

    return str(DeepDiff({"value": ours}, {"value": theirs}, verbose_level=2).pretty())
