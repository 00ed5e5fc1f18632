"""What is known of several callers together, in both databases: what is known of each alone."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from hub.store import callers, follow_ups, interactions, links, parked
from hub.store.callers import Holder
from hub.store.contacts import pin_rows
from hub.store.db import Store, Tx
from hub.store.interactions import InteractionRow, points_of
from hub.store.lists import Part
from hub.store.upgrade import connected, upgrade
from hub.sync import history
from hub.sync.link import HOLDING
from tests.fakes.rig import Rig, person

LAST = 5
SWITCHBOARD = "phones/+351210000000"
PEOPLE = 12


def row(number: int, at: float, *points: str, record: str | None = None) -> InteractionRow:
    return InteractionRow(
        number=0,
        connection="crm" if record else "pbx",
        id=f"c{number}",
        at=at,
        channel="call",
        kind="call.answered",
        direction="in",
        record=record,
        points=points,
        summary=f"call {number}",
        details={},
        reference=None,
        mark=number.to_bytes(16),
    )


def happened(draw: Random, own: list[str]) -> list[InteractionRow]:
    """Calls of the switchboard, of one's own numbers and of named records, many of them at the same second."""
    found = []
    for number in range(150):
        at = float(draw.randrange(40))
        match draw.randrange(4):
            case 0:
                found.append(row(number, at, SWITCHBOARD))
            case 1:
                found.append(row(number, at, *draw.sample(own, 2)))
            case 2:
                found.append(row(number, at, draw.choice(own), SWITCHBOARD))
            case _:
                found.append(row(number, at, record=str(draw.randrange(1, 5))))  # the others have none
    return found


@pytest.fixture
def switchboard(store: Store) -> Store:
    """People who share a number, each with a mail address of their own, and all that can be open with somebody."""
    rig = Rig(store=store)
    crm = rig.add("crm")
    for number in range(PEOPLE):
        crm.put(str(number), **{**person(number), "tel": "210000000"})
    rig.sync("crm")
    draw = Random(7)  # no secrets
    with store.write() as tx:
        homes = sorted(links.golden_ids(tx, "crm", [str(n) for n in range(PEOPLE)]).values())
        members = links.members(tx, homes)
        own = sorted(p for some in members.values() for p in points_of(some) if p != SWITCHBOARD)
        interactions.save(tx, happened(draw, own), "r1")
        ids = sorted(member.id for some in members.values() for member in some)
        interactions.keep(tx, [(record, draw.choice(own)) for record in ids[:4]])
        for number in range(1, 151, 2):
            follow_ups.add(tx, number, f"2026-12-{draw.randrange(1, 9):02d}", "ann", 1.0)
        follow_ups.close(tx, 3, "ann", 2.0)
        tx.run(
            "INSERT INTO pin (golden_id, field, value, person, at) VALUES (:g, :f, '{}', 'ann', 1)",
            g=homes[0],
            f=own[-1],
        )
        tx.run(
            "INSERT INTO pin (golden_id, field, value, person, at) VALUES (:g, :f, NULL, 'ann', 1)",
            g=homes[1],
            f=SWITCHBOARD,
        )
        _add_open(tx, draw, homes, ids)
    return store


def _add_open(tx: Tx, draw: Random, homes: list[str], ids: list[int]) -> None:
    for number in range(90):
        tx.run(
            "INSERT INTO conflict (connection, golden_id, field, at, rule, claims, winner, diff, told, state)"
            " VALUES ('crm', :g, 'job_title', 1, 'latest', '[]', '1', '', '[]', :s)",
            g=homes[min(draw.randrange(30), PEOPLE - 1)],
            s="open" if number % 3 else "accepted",
        )
    pairs = [(a, b) for a in ids for b in ids if a < b]
    for a, b in draw.sample(pairs, 50):
        tx.run(
            "INSERT INTO ask (record_a, record_b, weight, evidence, at, state) VALUES (:a, :b, 0, '[]', 1, :s)"
            " ON CONFLICT DO NOTHING",
            a=a,
            b=b,
            s="open" if draw.randrange(4) else "different",
        )
    aside = [parked.Parked(str(n), "value", "a reason", "{}") for n in (1, 2, 2, 5)]
    parked.park(tx, "crm", aside, 1.0, "r1")
    parked.park(tx, "other", [parked.Parked("3", "value", "a reason", "{}")], 1.0, "r1")


def holders_in(tx: Tx) -> list[Holder]:
    homes = [r[0] for r in tx.all("SELECT id FROM golden ORDER BY id")]
    members = links.members(tx, homes)
    pins = links.pins(tx, homes)
    return [Holder(g, members[g], frozenset(points_of(members[g], pins.get(g, {})))) for g in homes]


def alone(tx: Tx, holder: Holder) -> dict[str, Any]:
    """What is known of one, asked of this one."""
    fixed = {pin.field: pin.value for pin in pin_rows(tx, holder.golden_id)}
    ids = [member.id for member in holder.members]
    refs = [member.external_id for member in holder.members if member.state in HOLDING]
    return {
        "last": history.of_members(tx, holder.golden_id, holder.members, fixed, Part(limit=LAST)).rows,
        "promised": tuple(follow_ups.open_of(tx, holder.golden_id, points_of(holder.members, fixed))),
        "conflicts": _numbers(tx, "conflict WHERE golden_id = :g AND state = 'open'", g=holder.golden_id),
        "reviews": _numbers(tx, "ask WHERE (record_a IN :*ids OR record_b IN :*ids) AND state = 'open'", ids=ids),
        "parked": _numbers(tx, "parked WHERE connection = 'crm' AND external_id IN :*ids AND state = 'open'", ids=refs),
    }


def _numbers(tx: Tx, rest: str, **params: Any) -> tuple[int, ...]:
    return tuple(r[0] for r in tx.all(f"SELECT id FROM {rest} ORDER BY id LIMIT 20", **params))


def test_what_is_known_of_several_is_what_is_known_of_each(switchboard):
    with switchboard.read() as tx:
        holders = holders_in(tx)
        opened = callers.asked_open(tx, holders)()
        last, promised = history.last_of(tx, holders, LAST), callers.promised(tx, holders)
        together = [
            {"last": last[h.golden_id], "promised": promised[h.golden_id], **opened[h.golden_id]._asdict()}
            for h in holders
        ]

        assert together == [alone(tx, holder) for holder in holders]
    assert len(holders) == PEOPLE
    assert {len(each["last"]) for each in together} == {LAST}
    for bounded in ("promised", "conflicts"):
        assert max(len(each[bounded]) for each in together) == 20
    assert all(any(each[part] for each in together) for part in ("reviews", "parked"))
    assert {event.shared for each in together for event in each["last"]} == {True, False}


def test_nobody_has_nothing(switchboard):
    with switchboard.read() as tx:
        stranger = Holder("g-none", (), frozenset())

        assert history.last_of(tx, [stranger], LAST) == {"g-none": ()}
        assert callers.promised(tx, [stranger]) == {"g-none": ()}
        assert callers.asked_open(tx, [stranger])() == {"g-none": callers.Open((), (), ())}


class Planned:
    """In the place of a transaction: keeps how the database would go about each statement."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.steps = tx, []

    def later(self, text, **params):
        self.steps += [row[3] for row in self.tx.all(f"EXPLAIN QUERY PLAN {text}", **params)]
        return list

    def one(self, text, **params):
        self.later(text, **params)
        return (1,)


def test_nothing_is_looked_for_among_all_that_is_open_or_all_that_happened(tmp_path):
    store = connected(f"sqlite:///{tmp_path / 'hub.db'}")
    upgrade(store)
    holder = Holder("g1", (), frozenset({SWITCHBOARD}))
    with store.read() as tx:
        planned = Planned(tx)
        callers.asked_open(planned, [holder])
        callers.last(planned, [holder], LAST)
        callers.promised(planned, [holder])
    store.close()

    tables = "conflict ask p r i k o f x interaction_point".split()
    reading = [step for step in planned.steps if step.split()[0] in ("SEARCH", "SCAN") and step.split()[1] in tables]
    assert len([step for step in reading if step.startswith("SEARCH")]) >= 15
    assert [step for step in reading if "_open" in step] == []
    assert {step for step in reading if step.startswith("SCAN")} <= {"SCAN k VIRTUAL TABLE INDEX 1:"}  # the list given
