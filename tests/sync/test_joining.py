"""Merge and split by hand are the exact inverse of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.store.contacts import pin_rows
from hub.sync.people import merge, pin, split
from tests.fakes.rig import NEWS, Rig, can, person

Parts = dict[str, frozenset[tuple[str, str]]]


@pytest.fixture
def rig(rig: Rig) -> Iterator[Rig]:
    rig.add("erp", can(), push="no")
    return rig


def fill(rig: Rig, count: int, news: str = "") -> list[str]:
    """Contacts that are like nobody else; their golden ids. news: a letter each, Y or N."""
    for n in range(count):
        more = {"news": news[n], "news_at": f"2026-01-{n + 1:02d}T00:00:00Z"} if n < len(news) else {}
        rig.systems["erp"].put(str(n), **person(n), **more)
        rig.later(1)
    rig.listing("erp")
    homes = [rig.home("erp", str(n)) for n in range(count)]
    assert len(set(homes)) == count
    return homes


def parts(rig: Rig) -> Parts:
    """Live golden id → its records."""
    found: dict[str, set[tuple[str, str]]] = {}
    for golden_id, connection, external_id in rig.rows("SELECT golden_id, connection, external_id FROM record"):
        found.setdefault(golden_id, set()).add((connection, external_id))
    return {g: frozenset(refs) for g, refs in found.items()}


def contents(rig: Rig) -> dict[str, tuple[Any, ...]]:
    """Live golden id → values, records and pins."""
    found, there = {}, parts(rig)
    with rig.store.read() as tx:
        for golden_id, refs in there.items():
            fields = tx.one("SELECT fields, state, merged_into FROM golden WHERE id = :g", g=golden_id)
            pins = [(p.field, p.value, p.person) for p in pin_rows(tx, golden_id)]
            found[golden_id] = (fields, refs, pins)
    return found


def test_what_was_split_off_goes_back_where_it_came_from(rig):
    homes = fill(rig, 5)
    kept = merge(rig.hub, homes, "eve")
    before = contents(rig)

    new = split(rig.hub, kept, [("erp", "1"), ("erp", "2"), ("erp", "3")], "eve")
    assert (len(parts(rig)[new]), len(parts(rig)[kept])) == (3, 2)

    assert merge(rig.hub, [new, kept], "eve") == kept
    assert contents(rig) == before


@settings(max_examples=60)
@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    cut=st.sets(st.integers(0, 5), min_size=1),
    pinned=st.booleans(),
    order=st.booleans(),
)
def test_split_then_merge_gives_back_exactly_what_was_one(sizes, cut, pinned, order):
    with closing(Rig()) as rig:
        rig.add("erp", can(), push="no")
        homes = fill(rig, sum(sizes), "YN" * 3)
        one = merge(rig.hub, homes[: sizes[0]], "eve")
        other = merge(rig.hub, homes[sizes[0] :], "eve")
        if pinned:
            pin(rig.hub, other, "job_title", "Chef", "eve")
        kept = merge(rig.hub, [one, other], "eve")
        before = contents(rig)
        refs = sorted(parts(rig)[kept])
        leave = [refs[n] for n in sorted(cut) if n < len(refs)]
        if not leave or len(leave) == len(refs):
            return

        new = split(rig.hub, kept, leave, "eve")
        left = next(g for g in parts(rig) if g != new)
        rig.later(5)
        merge(rig.hub, [new, left] if order else [left, new], "eve")

        assert contents(rig) == before


@settings(max_examples=60)
@given(groups=st.lists(st.integers(0, 2), min_size=3, max_size=6), pins=st.sets(st.integers(0, 5)))
def test_merges_taken_back_in_reverse_give_every_golden_record_back(groups, pins):
    with closing(Rig()) as rig:
        rig.add("erp", can(), push="no")
        homes = fill(rig, len(groups), "NY" * 3)
        for n in pins & set(range(len(groups))):
            pin(rig.hub, homes[n], "note", f"pin {n}", "eve")
        before = contents(rig)
        back = []
        for n, group in enumerate(groups):
            target = homes[group]
            one, other = rig.home("erp", str(homes.index(target))), rig.home("erp", str(n))
            if one == other:
                continue
            held = parts(rig)
            kept = merge(rig.hub, [one, other], "eve")
            back.append((kept, sorted(held[other if kept == one else one])))
            rig.later(1)

        for kept, refs in reversed(back):
            split(rig.hub, kept, refs, "eve")
            rig.later(1)

        assert contents(rig) == before


def test_consent_moves_with_its_record(rig):
    homes = fill(rig, 2, "YN")
    granted, denied = (rig.golden("erp", str(n))[NEWS]["status"] for n in (0, 1))

    kept = merge(rig.hub, homes, "eve")
    assert rig.golden("erp", "0")[NEWS]["status"] == "denied"
    split(rig.hub, kept, [("erp", "1")], "eve")

    assert [rig.golden("erp", str(n))[NEWS]["status"] for n in (0, 1)] == [granted, denied] == ["granted", "denied"]


def test_do_not_merge_is_remembered_after_a_split(rig):
    rig.systems["erp"].put("1", **person(1))
    rig.systems["erp"].put("2", **person(1))
    rig.listing("erp")
    assert rig.home("erp", "1") == rig.home("erp", "2")
    split(rig.hub, rig.home("erp", "1"), [("erp", "2")], "eve")

    with rig.store.write() as tx:
        tx.run("UPDATE record SET fingerprint = NULL")
    rig.systems["erp"].put("2", note="edited")
    rig.later(100)
    rig.listing("erp")

    assert rig.home("erp", "1") != rig.home("erp", "2")
    assert rig.asks() == 0


def test_a_write_on_its_way_goes_with_its_record(rig):
    """Its answer is looked for where the record is: else it would be taken for somebody's edit."""
    homes = fill(rig, 2)
    kept = merge(rig.hub, homes, "eve")
    number = rig.link("erp", "1").id
    with rig.store.write() as tx:
        tx.run(
            "INSERT INTO intent (connection, golden_id, record_id, op, key, payload, hash, at)"
            " VALUES ('erp', :g, :r, 'update', 'k', '{}', 'h', 0)",
            g=kept,
            r=number,
        )

    split(rig.hub, kept, [("erp", "1")], "eve")

    assert rig.rows("SELECT golden_id FROM intent") == [(rig.home("erp", "1"),)]
