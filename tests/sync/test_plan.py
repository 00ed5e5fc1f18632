"""A plan is found out on a copy: it says what a sync does, and nothing is written."""

import hashlib
import json

import pytest

from hub.store.schema import metadata
from hub.sync.guard import Limit, Limits
from hub.sync.plan import Reader, make_plan, preview
from tests.simulation.systems import SimConnector
from tests.sync.two_systems import TwoSystems

FEW = Limit(None, 2)


@pytest.fixture
def two():
    made = TwoSystems()
    yield made
    made.store.close()


def connectors(two, *names):
    return {n: SimConnector(two.systems[n], two.world, lambda *_: None) for n in names or two.systems}


def contents(two):
    with two.store.read() as tx:
        tables = {n: sorted(map(repr, tx.all(f"SELECT * FROM {n}"))) for n in metadata.tables}
    systems = {n: sorted((i, repr(row.fields)) for i, row in s.rows.items()) for n, s in two.systems.items()}
    return hashlib.sha256(repr((tables, systems)).encode()).hexdigest()


def ops(plan):
    return sorted((row["connection"], row["op"]) for row in plan.rows)


def test_neither_store_nor_systems_are_touched(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")
    two.settle()
    two.type_in("s", "Caio", "Castanheira", "caio@example.org")
    before = contents(two)

    plan = make_plan(two.hub, connectors(two))

    assert plan.total
    assert contents(two) == before


def test_what_comes_in_and_what_would_go_out_are_both_told(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")

    plan = make_plan(two.hub, connectors(two))

    assert ops(plan) == [("c", "created"), ("s", "create")]


def test_a_connection_read_later_finds_what_the_one_before_brought(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")
    two.type_in("s", "Ada", "Abreu", "ada@example.org")

    plan = make_plan(two.hub, connectors(two))

    assert ("s", "linked") in ops(plan) or ("s", "ask") in ops(plan)


def test_a_change_is_told_with_old_and_new_value_where_it_was_made_and_where_it_goes(two):
    row = two.type_in("c", "Ada", "Abreu", "ada@example.org")
    two.settle()
    two.edit("c", row, first="Beatriz")

    plan = make_plan(two.hub, connectors(two))

    told = {(r["connection"], r["op"]): json.loads(r["detail"]) for r in plan.rows}
    assert told["c", "updated"]["fields"]["given_name"] == ["Ada", "Beatriz"]
    assert told["s", "update"]["fields"]["given_name"] == ["Ada", "Beatriz"]


def test_the_sync_does_what_its_plan_said(two):
    for n, name in enumerate(["Ada", "Caio", "Dora"]):
        two.type_in("c", name, "Abreu" * (n + 1), f"{name}@example.org")
    plan = make_plan(two.hub, connectors(two))

    two.settle()

    assert plan.counts["s"]["create there"] == len(two.systems["s"].rows) == 3


def test_where_all_agree_there_is_nothing_to_tell(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")
    two.settle()
    two.settle()

    assert make_plan(two.hub, connectors(two)).total == 0


def test_a_first_sync_stops_at_the_rows_of_its_plan(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")

    result = two.cycle("c", approve=False, preview=preview)

    with two.store.read() as tx:
        rows = tx.all("SELECT connection, op FROM plan_row ORDER BY number")
    assert result.status == "held"
    assert rows == [("c", "created"), ("s", "create")]
    assert two.systems["s"].rows == {}


def test_the_preview_counts_what_an_approval_is_for(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")

    counts, rows, _ = preview(two.hub, connectors(two, "c")["c"], "c")

    assert counts["creates"] == counts["created"] == 1
    assert len(rows) == 2


def test_more_than_the_limits_would_be_held():
    two = TwoSystems(limits=Limits(FEW, FEW, FEW, FEW, FEW))
    two.cycle("c")
    for n in range(4):
        two.type_in("c", f"Ada{n}", f"Abreu{n}", f"ada{n}@example.org")

    plan = make_plan(two.hub, connectors(two, "c"))

    assert [(c, gate) for c, gate, _ in plan.holds] == [("c", "intake")]
    two.store.close()


def test_rows_above_the_cap_are_counted_but_not_kept(two):
    for n in range(5):
        two.type_in("c", f"Ada{n}", f"Abreu{n}", f"ada{n}@example.org")

    plan = make_plan(two.hub, connectors(two, "c"), most=3)

    assert (plan.total, len(plan.rows)) == (10, 3)


def test_a_plan_cannot_write(two):
    reader = Reader(connectors(two)["c"])

    with pytest.raises(AssertionError):
        reader.write([])


def test_a_plan_is_made_while_a_run_holds_the_lease(two):
    two.type_in("c", "Ada", "Abreu", "ada@example.org")
    two.settle()
    two.type_in("c", "Caio", "Castanheira", "caio@example.org")
    made = []

    two.cycle("c", progress=lambda run: made.append(make_plan(two.hub, connectors(two)).total))

    assert made


def test_orders_without_a_preview_stop_too(two):
    result = two.cycle("c", approve=False)

    assert (result.status, two.systems["s"].rows) == ("held", {})
