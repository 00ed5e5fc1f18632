"""Links that a system owes: a contact was written with the name of a company that was not there, or not just once.

They are remembered with the answer, looked for again less and less often, one look-up a name, and at once when a
company of that name came into being somewhere. What is found is written as any change is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.errors import TransientError
from hub.model import KIND, Done, Fields, LinkState, Outcome, base_field
from hub.store import changes, queue
from hub.store import links as db
from hub.store import owed as store
from hub.store.db import Tx, dumps
from hub.store.owed import Owed, name_hash
from hub.sync.engine import Hub, Route, Run
from hub.sync.link import Link

log = logging.getLogger(__name__)

NAMES = 50  # looked for in one cycle
LOOKED_AT = 500  # contacts whose name is looked at in one cycle
TOGETHER = 1000  # contacts that are written again in one cycle
OF_PERSONS = ("given_name", "family_name", "full_name")


@dataclass(slots=True)
class Search:
    """fields: what names a company in the system's own terms, by hash of the name"""

    fields: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    renamed: list[Owed] = field(default_factory=list)
    settled: list[tuple[int, str]] = field(default_factory=list)


def offer(hub: Hub, run: Run) -> None:
    """Look for what is owed and due: contacts whose company is there now are queued."""
    route = run.route
    if not (route.can.links and route.can.update and route.writes):
        return
    with hub.store.glance() as tx:
        rows = store.due(tx, run.name, hub.clock(), LOOKED_AT)
    if not rows:
        return
    search = _search(hub, route, rows)
    names = list(search.fields)
    try:
        there = run.connector.linkable([search.fields[name] for name in names]) if names else []
    except TransientError as error:
        log.warning("%s: companies could not be looked for; they are next time: %s", run.name, error)
        return
    now = hub.clock()
    with hub.store.write(run.fence) as tx:
        store.settle(tx, search.settled)
        store.remember(tx, run.name, search.renamed, now)
        store.put_off(tx, run.name, [name for name, is_there in zip(names, there, strict=True) if not is_there], now)
        found = [name for name, is_there in zip(names, there, strict=True) if is_there]
        goldens = store.mark_found(tx, run.name, found, now, TOGETHER)
        queue.enqueue(tx, [(run.name, golden_id) for golden_id in goldens], now, run.id)
    run.count("links_found", len(goldens))


def _search(hub: Hub, route: Route, rows: Sequence[Owed]) -> Search:
    with hub.store.read() as tx:
        links = db.links_by_id(tx, [row.record_id for row in rows])
        goldens = db.goldens(tx, {link.golden_id for link in links.values()})
    search = Search()
    for row in rows:
        link = links.get(row.record_id)
        golden = goldens.get(link.golden_id) if link is not None else None
        fields = golden.fields if golden is not None and golden.state == "live" else {}
        name = None if link is None else wanted(route, fields, link, row.field)
        if link is None or name is None:
            search.settled.append((row.record_id, row.field))
        elif name_hash(name) != row.name:
            search.renamed.append(Owed(row.record_id, row.field, name_hash(name)))
        elif len(search.fields) < NAMES:
            search.fields.setdefault(row.name, route.mapping.payload({**fields, row.field: name}, [row.field]))
    return search


def wanted(route: Route, golden: Fields, link: Link, key: str) -> str | None:
    """The name that this record is to be linked by; None: by none, or somebody has linked it to another one."""
    if link.state not in (LinkState.LIVE, LinkState.ARCHIVED) or not golden.get(key):
        return None
    value = route.mapping.project(golden, link.fields, creating=False).get(key)
    return value if isinstance(value, str) and value == golden[key] else None


def found(tx: Tx, run: Run, members: Iterable[Iterable[Link]]) -> Mapping[int, Sequence[Owed]]:
    """By record of this connection among them: what was found since it was owed."""
    if not run.route.can.links:
        return {}
    ids = [link.id for links in members for link in links if link.connection == run.name]
    return store.found_of(tx, ids) if ids else {}


def changed_by(route: Route, golden: Fields, link: Link, found: Iterable[Owed]) -> dict[str, Any]:
    """What is to be written again, since what it names is there now."""
    names = {each: wanted(route, golden, link, each.field) for each in found}
    return {each.field: name for each, name in names.items() if name is not None and name_hash(name) == each.name}


# --- what answers say -------------------------------------------------------------------------------


def note(tx: Tx, run: Run, told: Iterable[tuple[Mapping[str, Any], Outcome]], now: float) -> None:
    """told: what was written, in golden's terms, and what became of it"""
    if not run.route.can.links:
        return
    owed, settled, said = [], [], {}
    results = [(keys, outcome) for sent, outcome in told if (keys := _linking(run, sent)) and _is_told(outcome)]
    links = db.links_of(tx, run.name, [_id_of(outcome) for _, outcome in results]) if results else {}
    for keys, outcome in results:
        link = links.get(_id_of(outcome))
        if link is None:
            continue  # of somebody who was erased meanwhile, or a record that has just given way to one not known yet
        for key, value in keys.items():
            heads = run.route.mapping.columns_of(base_field(key))
            if isinstance(outcome, Done) and not heads.isdisjoint(outcome.owed) and isinstance(value, str):
                owed.append(Owed(link.id, key, name_hash(value)))
                said[owed[-1]] = changes.Change(link.golden_id, now, "link owed", run.name, dumps({key: value}))
            else:
                settled.append((link.id, key))
    if not results:
        return
    known = store.known(tx, [link.id for link in links.values()])
    store.settle(tx, {(each.record_id, each.field) for each in known} & set(settled))
    store.remember(tx, run.name, owed, now)
    news = [change for each, change in said.items() if each not in known]
    changes.log(tx, news, run.id)
    run.count("links_owed", len(news))


def _linking(run: Run, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was sent, that which links."""
    mapping, heads = run.route.mapping, run.route.can.links
    return {key: value for key, value in sent.items() if not heads.isdisjoint(mapping.columns_of(base_field(key)))}


def _is_told(outcome: Outcome) -> bool:
    return isinstance(outcome, Done) and outcome.record is not None and not outcome.existed


def _id_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Done) and outcome.record is not None
    return outcome.record.id


# --- companies that came into being -----------------------------------------------------------------


def welcome(tx: Tx, contacts: Iterable[Fields], now: float) -> None:
    """These are new somewhere: whoever waits for one of the companies among them is looked at next."""
    store.hurry(tx, [name for fields in contacts if (name := _company(fields))], now)


def _company(fields: Fields) -> str | None:
    if fields.get(KIND) != "organisation" and any(fields.get(key) for key in OF_PERSONS):
        return None
    name = fields.get("company") or fields.get("full_name")
    return name if isinstance(name, str) else None
