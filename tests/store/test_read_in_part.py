"""Holds of what was read, of what is missing and of first syncs, decided row by row."""

from __future__ import annotations

import pytest

from hub.errors import Overtaken
from hub.store import lists
from hub.store.lists import RowFilter
from hub.sync import desk
from hub.sync.guard import Limit, Limits
from hub.sync.in_part import Decided, Said, decide_rows
from hub.sync.plan import preview
from tests.sync.two_systems import TwoSystems

FREE = Limit(None, 10_000)
TIGHT = Limits(creates=Limit(None, 2), updates=Limit(None, 2), deletes=Limit(None, 0), merges=FREE, consents=FREE)


def narrow(two: TwoSystems, name: str) -> None:
    object.__setattr__(two.hub.routes[name], "limits", TIGHT)


def hold_of(two: TwoSystems, gate: str) -> lists.HoldRow:
    with two.store.read() as tx:
        return next(h for h in lists.holds(tx, state=None).rows if h.gate == gate)


def rows_of(two: TwoSystems, gate: str) -> dict[str, lists.PlanRow]:
    """First word of the name → the row of the newest hold of a gate, of those that can be decided."""
    number = hold_of(two, gate).number
    with two.store.read() as tx:
        rows = lists.plan_rows(tx, number).rows
    return {row.detail["name"].split()[0]: row for row in rows if row.mark is not None}


def decide(two: TwoSystems, gate: str, verdict: str, *names: str, **chosen: str) -> Decided:
    there = rows_of(two, gate)
    numbers = tuple(there[name].number for name in names) or None
    filtered = RowFilter(numbers, **chosen)
    return decide_rows(two.hub, hold_of(two, gate).number, filtered, Said(verdict, "ann"), two.world.now)


def known(two: TwoSystems) -> list[str]:
    return sorted(two.fields(golden_id).get("given_name", "") for golden_id in two.goldens())


def department(two: TwoSystems, name: str, row_id: str) -> str | None:
    return two.fields(two.home(name, row_id)).get("department")


def verdicts(two: TwoSystems) -> list[str]:
    with two.store.read() as tx:
        return [row[0] for row in tx.all("SELECT verdict FROM ruling ORDER BY gate, external_id")]


# --- what was read --------------------------------------------------------------------------------------


@pytest.fixture
def new(store) -> TwoSystems:
    """Three new people of `c`, more than its limit."""
    two = TwoSystems(store)
    two.settle()
    narrow(two, "c")
    for n in range(3):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org")
    assert two.cycle("c", approve=False).status == "held"
    return two


@pytest.fixture
def changed(store) -> TwoSystems:
    """Three people whose department has changed in `c`, more than its limit."""
    two = TwoSystems(store)
    for n in range(3):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org", dept="Old")
    two.settle()
    narrow(two, "c")
    for n in range(3):
        two.edit("c", f"c{n + 1}", dept=f"New {n}")
    assert two.cycle("c", approve=False).status == "held"
    return two


def test_of_what_was_read_the_approved_rows_are_taken_in_and_the_rest_waits(new):
    done = decide(new, "intake", "approved", "Ana0")
    assert done.hold.counts["creates"] == hold_of(new, "intake").counts["creates"] == 2
    assert new.cycle("c", approve=False).status == "held"

    assert known(new) == ["Ana0"]
    assert sorted(rows_of(new, "intake")) == ["Ana1", "Ana2"]
    assert new.cycle("c", approve=False).counts == {}  # two are not more than the limit, and yet wait
    assert known(new) == ["Ana0"]


def test_what_was_refused_is_kept_out_until_it_changes_there(new):
    decide(new, "intake", "refused", "Ana0")
    decide(new, "intake", "approved", "Ana1", "Ana2")
    assert hold_of(new, "intake").state == "approved"
    assert new.cycle("c", approve=False).status == "done"
    assert new.cycle("c", approve=False, full=True).status == "done"
    assert known(new) == ["Ana1", "Ana2"]

    new.edit("c", "c1", dept="Sales")
    assert new.cycle("c", approve=False).status == "done"

    assert known(new) == ["Ana0", "Ana1", "Ana2"]
    assert verdicts(new) == []


def test_a_record_that_changed_since_it_was_approved_is_asked_again(new):
    decide(new, "intake", "approved", "Ana0")
    new.edit("c", "c1", dept="Sales")
    new.cycle("c", approve=False)

    assert known(new) == []
    assert rows_of(new, "intake")["Ana0"].detail["fields"]["department"] == [None, "Sales"]


def test_a_row_number_never_means_another_row_by_now(new):
    old = rows_of(new, "intake")
    decide(new, "intake", "approved", "Ana0")
    new.edit("c", "c2", dept="Sales")
    new.cycle("c", approve=False)
    now = rows_of(new, "intake")

    assert now["Ana2"].number == old["Ana2"].number
    assert now["Ana1"].number not in {row.number for row in old.values()}
    chosen = RowFilter((old["Ana1"].number, old["Ana2"].number))
    done = decide_rows(new.hub, hold_of(new, "intake").number, chosen, Said("approved", "ann"), new.world.now)
    assert (done.rows, done.moved) == ((old["Ana2"].number,), (old["Ana1"].number,))


def test_what_is_left_is_approved_as_a_whole(new):
    decide(new, "intake", "refused", "Ana2")
    hold = hold_of(new, "intake")
    desk.approve(new.store, hold.number, "ann", new.world.now, seen=hold.counts)
    assert new.cycle("c", approve=False).status == "done"

    assert known(new) == ["Ana0", "Ana1"]


def test_all_of_a_kind_are_decided_only_as_many_as_were_seen(new):
    with pytest.raises(Overtaken, match="3 such rows"):
        said = Said("approved", "ann", seen=2)
        decide_rows(new.hub, hold_of(new, "intake").number, RowFilter(op="created"), said, 1.0)
    assert len(decide(new, "intake", "approved", op="created").rows) == 3


def test_a_refused_change_stays_out_while_other_fields_change(changed):
    decide(changed, "intake", "refused", "Ana0")
    decide(changed, "intake", "approved", "Ana1", "Ana2")
    changed.cycle("c", approve=False)
    assert [department(changed, "c", f"c{n}") for n in (1, 2)] == ["Old", "New 1"]

    changed.edit("c", "c1", nick="Nita")
    assert changed.cycle("c", approve=False).status == "done"
    assert department(changed, "c", "c1") == "Old"
    assert changed.fields(changed.home("c", "c1"))["nickname"] == "Nita"

    changed.edit("c", "c1", dept="Newer")
    changed.cycle("c", approve=False)
    assert department(changed, "c", "c1") == "Newer"
    assert verdicts(changed) == []


def test_a_refused_change_does_not_reach_other_systems_nor_is_it_overwritten(changed):
    decide(changed, "intake", "refused", "Ana0")
    decide(changed, "intake", "approved", "Ana1", "Ana2")
    for _ in range(2):
        for name in ("c", "s"):
            changed.cycle(name, approve=False)

    there = sorted(row.fields["dept"] for row in changed.systems["s"].rows.values())
    assert there == ["NEW 1", "NEW 2", "OLD"]
    assert changed.row("c", "c1")["dept"] == "New 0"


def test_an_opt_out_is_taken_in_even_where_its_row_is_refused(store):
    two = TwoSystems(store)
    for n in range(3):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org", news="Y")
    two.settle()
    narrow(two, "c")
    for n in range(3):
        two.edit("c", f"c{n + 1}", dept="New", news="N")
    two.cycle("c", approve=False)
    decide(two, "intake", "refused", *(f"Ana{n}" for n in range(3)))
    assert hold_of(two, "intake").state == "refused"
    assert two.cycle("c", approve=False).status == "done"

    said = two.fields(two.home("c", "c1"))
    assert "department" not in said
    assert said["consents/email|*|newsletter"]["status"] == "denied"


def test_a_row_whose_contact_has_changed_in_the_hub_is_shown_again(changed):
    [other] = [i for i, row in changed.systems["s"].rows.items() if row.fields["first"] == "Ana0"]
    changed.edit("s", other, dept="From s")
    changed.cycle("s")
    done = decide(changed, "intake", "approved", "Ana0", "Ana1")

    assert len(done.rows) == len(done.moved) == 1
    assert rows_of(changed, "intake")["Ana0"].detail["fields"]["department"] == ["FROM S", "New 0"]


# --- what is missing ------------------------------------------------------------------------------------


@pytest.fixture
def missing(store) -> TwoSystems:
    """Of five people of `c`, whose deletions are carried on to `s`, four are listed no more: three are gone."""
    two = TwoSystems(store)
    for route in two.hub.routes.values():
        object.__setattr__(route, "deletes", "propagate")
    for n in range(5):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org")
    two.settle()
    two.world.now += 3600
    narrow(two, "c")
    two.deleted = {f"c{n}": two.systems["c"].rows.pop(f"c{n}") for n in (1, 2, 3)}
    assert two.cycle("c", approve=False, full=True).status == "held"
    return two


def in_s(two: TwoSystems) -> list[str]:
    return sorted(row.fields["first"] for row in two.systems["s"].rows.values())


def test_of_missing_records_the_approved_are_gone_and_the_others_are_asked_again(missing):
    decide(missing, "absence", "approved", "Ana0")
    assert missing.cycle("c", approve=False).status == "held"
    missing.cycle("s")

    assert in_s(missing) == ["Ana1", "Ana2", "Ana3", "Ana4"]
    assert sorted(rows_of(missing, "absence")) == ["Ana1", "Ana2"]
    assert missing.cycle("c", approve=False).counts == {}  # it waits for the rest


def test_a_refused_absence_is_not_asked_again_until_the_record_was_listed(missing):
    decide(missing, "absence", "refused", "Ana0")
    decide(missing, "absence", "approved", "Ana1", "Ana2")
    assert hold_of(missing, "absence").state == "approved"
    for _ in range(3):
        assert missing.cycle("c", approve=False, full=True).status == "done"
    missing.cycle("s")

    assert in_s(missing) == ["Ana0", "Ana3", "Ana4"]
    assert verdicts(missing) == ["refused"]


def test_an_approved_record_that_is_listed_again_is_not_deleted(missing):
    decide(missing, "absence", "approved", "Ana0", "Ana1", "Ana2")
    missing.systems["c"].rows["c1"] = missing.deleted["c1"]
    assert missing.cycle("c", approve=False).status == "done"
    missing.cycle("s")

    assert in_s(missing) == ["Ana0", "Ana3", "Ana4"]
    assert verdicts(missing) == []


def test_an_approval_is_not_for_a_record_that_was_edited_since(missing):
    decide(missing, "absence", "approved", "Ana0")
    with missing.store.write() as tx:
        tx.run("UPDATE record SET version = 'another' WHERE connection = 'c' AND external_id = 'c1'")
    missing.cycle("c", approve=False)
    missing.cycle("s")

    assert "Ana0" in in_s(missing)
    assert sorted(rows_of(missing, "absence")) == ["Ana0", "Ana1", "Ana2"]


def test_what_is_left_of_missing_records_is_approved_as_a_whole(missing):
    decide(missing, "absence", "refused", "Ana2")
    hold = hold_of(missing, "absence")
    assert hold.counts == {"deletes": 2}
    desk.approve(missing.store, hold.number, "ann", missing.world.now, seen=hold.counts)
    missing.cycle("c", approve=False, full=True)
    with missing.store.read() as tx:
        states = tx.all("SELECT external_id, state FROM record WHERE connection = 'c' ORDER BY external_id")

    assert [state for _, state in states] == ["absent", "absent", "live", "live", "live"]


# --- first syncs ----------------------------------------------------------------------------------------


@pytest.fixture
def first(store) -> TwoSystems:
    """`s` holds three people; `c` is new, with one of them, and two whom nobody knows."""
    two = TwoSystems(store)
    for n in range(3):
        two.type_in("s", f"Ana{n}", "Silva", f"ana{n}@example.org")
    two.cycle("s")
    for n in (2, 3, 4):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org")
    assert two.cycle("c", approve=False, preview=preview).status == "held"
    return two


def of_c(two: TwoSystems) -> list[str]:
    with two.store.read() as tx:
        rows = tx.all("SELECT external_id FROM record WHERE connection = 'c' ORDER BY external_id")
    return [row[0] for row in rows]


def test_the_rows_of_a_first_sync_can_be_decided_by_kind(first):
    kinds = {name: row.op for name, row in rows_of(first, "first").items()}

    assert kinds == {"Ana0": "create", "Ana1": "create", "Ana2": "linked", "Ana3": "created", "Ana4": "created"}


def test_of_a_first_sync_the_approved_are_taken_in_and_written_and_the_others_wait(first):
    decide(first, "first", "approved", op="linked")
    decide(first, "first", "approved", "Ana0", "Ana3")
    assert first.cycle("c", approve=False, preview=preview).status == "held"

    assert known(first) == ["Ana0", "Ana1", "Ana2", "Ana3"]
    assert sorted(row.fields["first"] for row in first.systems["c"].rows.values()) == ["Ana0", "Ana2", "Ana3", "Ana4"]
    assert sorted(rows_of(first, "first")) == ["Ana1", "Ana4"]


def test_a_first_sync_goes_on_by_itself_when_all_is_decided(first):
    decide(first, "first", "refused", "Ana1", "Ana4")
    first.cycle("c", approve=False, preview=preview)
    decide(first, "first", "approved")
    assert hold_of(first, "first").state == "approved"
    for _ in range(2):
        assert first.cycle("c", approve=False, preview=preview).status == "done"

    assert known(first) == ["Ana0", "Ana1", "Ana2", "Ana3"]
    assert sorted(row.fields["first"] for row in first.systems["c"].rows.values()) == ["Ana0", "Ana2", "Ana3", "Ana4"]


def test_a_first_sync_in_part_neither_loses_nor_doubles(first):
    decide(first, "first", "approved", "Ana0", "Ana3")
    for _ in range(2):
        first.cycle("c", approve=False, preview=preview)
    hold = hold_of(first, "first")
    desk.approve(first.store, hold.number, "ann", first.world.now, seen=hold.counts)
    first.settle()

    everybody = [f"Ana{n}" for n in range(5)]
    assert known(first) == everybody
    for name in ("c", "s"):
        assert sorted(row.fields["first"] for row in first.systems[name].rows.values()) == everybody


def test_a_record_that_changed_since_it_was_approved_waits_for_another_look(first):
    decide(first, "first", "approved", "Ana3")
    first.edit("c", "c2", dept="Sales")
    first.cycle("c", approve=False, preview=preview)

    assert of_c(first) == []
    assert rows_of(first, "first")["Ana3"].detail["fields"]["department"] == [None, "Sales"]
