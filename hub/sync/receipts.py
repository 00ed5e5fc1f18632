"""Consent with receipts: each as it stands, on whose word, what it was before, and which systems know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from hub.dedupe.consent import EVERYBODY
from hub.model import element
from hub.store import contacts as db
from hub.store.contacts import WaitingRow
from hub.store.db import Tx
from hub.store.links import members, resolve_golden
from hub.sync.engine import Hub
from hub.sync.link import HOLDING, Link
from hub.sync.story import Claim, KeyStory, Step, Telling, explain_field

Known: TypeAlias = Literal["said", "acknowledged", "waits", "unknown", "dropped", "absent", "lacking"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a system knows of a consent as it stands.

    state  "said": it holds it by itself; "acknowledged": it was told, and has answered; "waits": it is still to be
           told; "unknown": it was sent, and no answer came; "dropped": it answered without keeping it;
           "absent": the contact is not there; "lacking": it holds another state, and nothing waits
    at     since when; None where no time belongs to it
    """

    connection: str
    state: Known
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A consent of a golden record. address, purpose: None means the whole person, and everything

    value       status, at, basis, source, wording, as far as they are known
    connection  record that it is taken from
    statements  every word about it, the one that stands first; history: its states before, the newest first
    """

    key: str
    channel: str
    address: str | None
    purpose: str | None
    value: Mapping[str, Any]
    connection: str | None
    external_id: str | None
    statements: tuple[Claim, ...]
    told: tuple[Notice, ...]
    history: tuple[Step, ...]

    @property
    def status(self) -> str:
        return str(self.value.get("status", ""))


def receipts(hub: Hub, tx: Tx, golden_id: str) -> list[Receipt]:
    """Of a golden record, by any id it ever had; of one that never was, none."""
    home = resolve_golden(tx, golden_id)
    if home is None:
        return []
    stories = [key for key in explain_field(tx, home, "consents", hub.rules) if key.value or key.history]
    systems = _Systems(members(tx, [home])[home], db.waiting(tx, home), db.unanswered(tx, home))
    return [_receipt(hub, key, systems) for key in stories]


def _receipt(hub: Hub, story: KeyStory, systems: _Systems) -> Receipt:
    channel, _, rest = element(story.key).partition("|")
    address, _, purpose = rest.rpartition("|")
    value = story.value or {}
    winner = next((claim for claim in story.claims if claim.wins), None)
    told = [route.name for route in hub.targets() if route.mapping.covers(story.key)]
    return Receipt(
        key=story.key,
        channel=channel,
        address=None if address == EVERYBODY else address,
        purpose=None if purpose == EVERYBODY else purpose,
        value=value,
        connection=winner.connection if winner else None,
        external_id=winner.external_id if winner else None,
        statements=story.claims,
        told=tuple(systems.notice(name, story.key, value.get("status"), story.told) for name in told),
        history=story.history,
    )


class _Systems:
    """What stands between a golden record and its systems."""

    def __init__(
        self, links: Iterable[Link], waiting: Sequence[WaitingRow], unanswered: Sequence[tuple[str, str, float]]
    ) -> None:
        self._there: dict[str, list[Link]] = {}
        for link in links:
            if link.state in HOLDING:
                self._there.setdefault(link.connection, []).append(link)
        self._waiting = {row.connection: row.optout_at or row.since for row in waiting}
        self._sent = {connection: at for connection, _, at in unanswered}

    def notice(self, name: str, key: str, status: Any, told: Sequence[Telling]) -> Notice:
        links = self._there.get(name, [])
        if links and all(_status(link, key) == status for link in links):
            return _known(name, key, links[0], status, told)
        if name in self._sent:
            return Notice(name, "unknown", self._sent[name])
        if name in self._waiting:
            return Notice(name, "waits", self._waiting[name])
        return Notice(name, "lacking" if links else "absent")


def _known(name: str, key: str, link: Link, status: Any, told: Sequence[Telling]) -> Notice:
    if key in link.fields and key not in link.echo:
        return Notice(name, "said", link.said_since(key))
    answered = [one.at for one in told if one.connection == name and (one.fields[key] or {}).get("status") == status]
    at = max(answered, default=None)
    return Notice(name, "dropped" if f"~{key}" in link.told else "acknowledged", at)


def _status(link: Link, key: str) -> Any:
    return (link.agreed().get(key) or {}).get("status")
