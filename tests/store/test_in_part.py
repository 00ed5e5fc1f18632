"""A hold decided in part: what is approved is done, what is refused is not, the rest waits."""

from __future__ import annotations

import json

import pytest

from hub.errors import NotThere, Overtaken
from hub.store import lists
from hub.store.lists import RowFilter
from hub.sync import desk
from hub.sync.guard import Limit, Limits
from hub.sync.in_part import Decided, Said, decide_rows
from tests.sync.two_systems import TwoSystems

FREE = Limit(None, 10_000)
TIGHT = Limits(creates=Limit(None, 2), updates=FREE, deletes=Limit(None, 0), merges=FREE, consents=FREE)


def wide(two: TwoSystems) -> None:
    for route in two.hub.routes.values():
        object.__setattr__(route, "limits", Limits(*[FREE] * 5))


def narrow(two: TwoSystems) -> None:
    for route in two.hub.routes.values():
        object.__setattr__(route, "limits", TIGHT)


@pytest.fixture
def two(store) -> TwoSystems:
    """Four people of `c` wait to be made in `s`."""
    two = TwoSystems(store)
    two.settle()
    for n in range(4):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org", nick="N" if n else None)
    two.cycle("c", approve=False)
    narrow(two)
    assert two.cycle("s", approve=False).counts.get("creates_there", 0) == 0
    return two


def hold_of(two: TwoSystems, gate: str = "push creates") -> lists.HoldRow:
    with two.store.read() as tx:
        return next(h for h in lists.holds(tx, state=None).rows if h.gate == gate)


def rows_of(two: TwoSystems, number: int) -> list[lists.PlanRow]:
    with two.store.read() as tx:
        return list(lists.plan_rows(tx, number).rows)


def decide(two: TwoSystems, verdict: str, *numbers: int, gate: str = "push creates", **chosen: str) -> Decided:
    filtered = RowFilter(numbers or None, **chosen)
    return decide_rows(two.hub, hold_of(two, gate).number, filtered, Said(verdict, "ann"), two.world.now)


def there(two: TwoSystems, name: str = "s") -> list[str]:
    return sorted(row.fields["first"] for row in two.systems[name].rows.values())


def test_a_hold_of_writes_shows_them_row_by_row_and_by_field(two):
    hold = hold_of(two)
    with two.store.read() as tx:
        [group] = lists.plan_groups(tx, hold.number)
        with_nick = lists.plan_rows(tx, hold.number, chosen=RowFilter(field="nickname")).rows
        with_mail = lists.plan_rows(tx, hold.number, chosen=RowFilter(field="emails")).rows
        none = lists.plan_rows(tx, hold.number, chosen=RowFilter(field="email")).rows

    assert [row.detail["name"] for row in rows_of(two, hold.number)] == [f"Ana{n} Silva" for n in range(4)]
    assert (group.connection, group.op, group.rows) == ("s", "create", 4)
    assert (group.fields["nickname"], group.fields["emails"]) == (3, 4)
    assert (len(with_nick), len(with_mail), len(none)) == (3, 4, 0)


def test_what_is_approved_is_made_and_the_rest_waits_however_little_it_is(two):
    done = decide(two, "approved", 1, 3)
    assert (done.rows, done.moved, done.hold.counts["creates"]) == ((1, 3), (), 2)
    two.cycle("s", approve=False)

    assert there(two) == ["Ana0", "Ana2"]
    assert hold_of(two).state == "open"
    two.cycle("s", approve=False)
    assert there(two) == ["Ana0", "Ana2"]  # two are not more than the limit, and yet wait


def test_what_is_refused_is_not_made_until_the_contact_changes(two):
    decide(two, "refused", 1)
    decide(two, "approved", 2, 3, 4)
    assert hold_of(two).state == "approved"
    two.cycle("s", approve=False)
    two.cycle("s", approve=False, full=True)
    assert there(two) == ["Ana1", "Ana2", "Ana3"]

    two.edit("c", "c1", dept="Sales")
    two.cycle("c", approve=False)
    two.cycle("s", approve=False)

    assert there(two) == ["Ana0", "Ana1", "Ana2", "Ana3"]


def test_what_has_changed_since_is_not_approved_and_shown_as_it_is_now(two):
    two.edit("c", "c2", nick="Nita")
    two.cycle("c", approve=False)

    done = decide(two, "approved")

    assert (done.rows, done.moved) == ((1, 3, 4), (2,))
    assert rows_of(two, done.hold.number)[1].detail["fields"]["nickname"] == [None, "Nita"]
    two.cycle("s", approve=False)
    assert there(two) == ["Ana0", "Ana2", "Ana3"]
    assert decide(two, "approved").rows == (2,)


def test_a_change_after_the_approval_asks_again(two):
    decide(two, "approved", 2)
    two.edit("c", "c2", nick="Nita")
    two.cycle("c", approve=False)
    two.cycle("s", approve=False)

    assert there(two) == []


def test_a_group_is_decided_by_kind_and_field(two):
    assert decide(two, "refused", op="create", field="nickname").rows == (2, 3, 4)
    assert hold_of(two).counts["creates"] == 1


def test_the_audit_says_which_rows_and_no_names(two):
    decide(two, "approved", 1)
    with two.store.read() as tx:
        [row] = tx.all("SELECT subject, detail FROM audit WHERE action = 'hold approved in part'")

    assert json.loads(row[1])["rows"] == [1]
    assert "Ana" not in row[1]


def test_all_that_is_left_is_approved_as_before(two):
    decide(two, "approved", 1)
    hold = hold_of(two)
    desk.approve(two.store, hold.number, "ann", two.world.now, seen=hold.counts)
    two.cycle("s", approve=False)

    assert len(there(two)) == 4


def test_nothing_is_decided_twice_or_of_a_hold_that_is_none(two):
    decide(two, "approved", 1)
    with pytest.raises(NotThere, match="no such row"):
        decide(two, "refused", 1)
    with pytest.raises(NotThere):
        decide_rows(two.hub, 999, RowFilter(), Said("approved", "ann"), 1.0)
    decide(two, "approved")
    with pytest.raises(Overtaken):
        decide(two, "approved")


# --- deletions ------------------------------------------------------------------------------------------


@pytest.fixture
def gone(store) -> TwoSystems:
    """Three people were deleted in `s`, whose deletions are carried on to `c`; `s` holds them for approval."""
    two = TwoSystems(store)
    for route in two.hub.routes.values():
        object.__setattr__(route, "deletes", "propagate")
        object.__setattr__(route, "full_every", 1e9)  # deletions are told, not found out by listing
    for n in range(4):
        two.type_in("c", f"Ana{n}", "Silva", f"ana{n}@example.org")
    two.settle()
    narrow(two)
    for row_id in sorted(two.systems["s"].rows)[:3]:
        two.systems["s"].person_deletes(row_id)
    two.cycle("s", approve=False)
    return two


def test_a_deletion_that_is_approved_is_carried_on_and_one_that_is_refused_is_not(gone):
    hold = hold_of(gone, "deletes")
    assert (hold.counts["deletes"], [r.op for r in rows_of(gone, hold.number)]) == (3, ["gone"] * 3)
    names = [row.detail["name"].split()[0] for row in rows_of(gone, hold.number)]
    decide(gone, "approved", 1, gate="deletes")
    decide(gone, "refused", 2, gate="deletes")
    gone.cycle("s", approve=False)
    wide(gone)
    gone.cycle("c", approve=False)

    assert names[0] not in there(gone, "c")
    assert names[1] in there(gone, "c")
    assert names[2] in there(gone, "c")  # waits
    assert hold_of(gone, "deletes").counts == {"deletes": 1}


def test_a_record_that_came_back_is_not_deleted_by_an_approval_of_before(gone):
    hold = hold_of(gone, "deletes")
    decide(gone, "approved", gate="deletes")
    with gone.store.write() as tx:
        tx.run("UPDATE record SET version = 'another' WHERE connection = 's' AND state = 'doomed'")
    gone.cycle("s", approve=False)
    gone.cycle("c", approve=False)

    assert len(there(gone, "c")) == 4
    assert hold.counts == {"deletes": 3}


def test_a_deletion_to_be_made_there_is_refused_and_the_contact_lives_on(gone):
    wide(gone)
    gone.cycle("s", approve=True)
    narrow(gone)
    gone.cycle("c", approve=False)
    hold = hold_of(gone, "push deletes")
    assert [row.op for row in rows_of(gone, hold.number)] == ["delete"] * 3
    kept = rows_of(gone, hold.number)[0].detail["name"].split()[0]

    decide(gone, "refused", 1, gate="push deletes")
    decide(gone, "approved", 2, gate="push deletes")
    gone.cycle("c", approve=False)

    assert kept in there(gone, "c")
    assert len(there(gone, "c")) == 3
    with gone.store.read() as tx:
        assert tx.one("SELECT count(*) FROM golden WHERE state = 'live'") == (2,)
