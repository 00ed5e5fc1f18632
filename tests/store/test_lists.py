"""What people look at, on both databases."""

from __future__ import annotations

import pytest

from hub.store import contacts, exports, holds, lists, parked
from hub.store.lists import ParkedFilter, Part
from hub.store.questions import add_asks
from hub.sync import find, people
from hub.sync.pairs import explain_pair
from hub.sync.story import explain_field, tell
from tests.sync.two_systems import TwoSystems


@pytest.fixture
def two(store):
    """Three people, one of them with a double edit; Ana and Rui are typed into both systems."""
    two = TwoSystems(store)
    two.type_in("c", "Ana", "Silva", "ana@example.org", nick="Nita", tel="912345678")
    two.type_in("c", "João", "Müller", "joao@example.org", dept="50% _off_")
    two.type_in("s", "Rui", "Costa", "rui@example.net")
    two.settle()
    (there,) = (i for i, r in two.systems["s"].rows.items() if r.fields["mail"] == "ana@example.org")
    two.edit("c", "c1", nick="Anita")
    two.edit("s", there, nick="Nini")
    two.settle()
    return two


def park(two, *rows: tuple[str, str, str]) -> None:
    with two.store.write() as tx:
        for connection, external_id, reason in rows:
            parked.park(tx, connection, [parked.Parked(external_id, "map", reason, "{}")], 5.0, "r1")


def test_conflicts_are_listed_by_state_connection_and_field(two):
    with two.store.read() as tx:
        (found,) = lists.conflicts(tx, field="nickname").rows
        none = lists.conflicts(tx, field="nick").rows
        elsewhere = lists.conflicts(tx, connection="c" if found.connection == "s" else "s").rows
        one = lists.conflict(tx, found.number)

    assert {found.theirs, found.ours} == {"Anita", "Nini"}
    assert found.base == "Nita"
    assert (none, elsewhere, one) == ((), (), found)


def test_a_list_says_how_many_rows_follow(two):
    park(two, *(("c", f"{n:02}", "odd") for n in range(7)))

    with two.store.read() as tx:
        first = lists.parked(tx, ParkedFilter(), Part(3))
        last = lists.parked(tx, ParkedFilter(), Part(3, 6))
        beyond = lists.parked(tx, ParkedFilter(), Part(3, 60))

    assert [(len(part.rows), part.more) for part in (first, last, beyond)] == [(3, 4), (1, 0), (0, 0)]


def test_parked_records_are_chosen_by_every_part_of_a_filter(two):
    park(two, ("c", "1", "a Date that is none"), ("c", "2", "100% wrong"), ("s", "3", "a date that is none"))

    def chosen(**filters) -> list[str]:
        with two.store.read() as tx:
            return [r.external_id for r in lists.parked(tx, ParkedFilter(**filters)).rows]

    assert chosen() == ["1", "2", "3"]
    assert chosen(reason="DATE") == ["1", "3"]
    assert chosen(reason="date", connection="s") == ["3"]
    assert chosen(reason="0% w") == ["2"]
    assert chosen(reason="0_ w") == []
    assert chosen(stage="write") == []
    assert chosen(numbers=()) == []
    with two.store.read() as tx:
        assert lists.parked_by_reason(tx, ParkedFilter()) == [("c", "map", 2), ("s", "map", 1)]


def test_a_plan_is_listed_in_its_order(two):
    with two.store.write() as tx:
        number = holds.open_hold(tx, "c", "r1", "push creates", {"creates": 12}, "too many", 5.0)
        rows = [{"connection": "c", "op": "create", "subject": f"{n}", "detail": '{"n": 1}'} for n in range(12)]
        holds.add_plan_rows(tx, number, rows)

    with two.store.read() as tx:
        assert lists.holds(tx).rows == (lists.hold(tx, number),)
        part = lists.plan_rows(tx, number, Part(2, 9))
    assert ([r.subject for r in part.rows], part.more) == (["9", "10"], 1)


@pytest.mark.parametrize(
    ("text", "mail"),
    [
        ("ANA@example.org", "ana@example.org"),
        ("+351 912 345 678", "ana@example.org"),
        ("c:c2", "joao@example.org"),
        ("c2", "joao@example.org"),
        ("muller joao", "joao@example.org"),
        ("50% off", "joao@example.org"),
        ("nothing of the kind", None),
    ],
)
def test_a_contact_is_found(two, text, mail):
    with two.store.read() as tx:
        found, more = find.find(tx, text, "PT", 10)

    assert [f"emails/{mail}" in f.fields for f in found] == ([True] if mail else [])
    assert more is False


def test_a_story_has_all_that_happened_before_and_after_a_merge(two):
    ana, rui = two.home("c", "c1"), two.home("s", "s1")
    people.pin(two.hub, ana, "department", "Finance", "eve")
    kept = people.merge(two.hub, [ana, rui], "eve")
    two.settle()

    with two.store.read() as tx:
        story = tell(tx, rui, two.hub.rules)
        keys = explain_field(tx, rui, "department", two.hub.rules)

    assert story is not None
    assert (story.asked, story.head.id, set(story.former)) == (rui, kept, {ana, rui} - {kept})
    assert {r.connection for r in story.records} == {"c", "s"}
    assert {t.connection for t in story.tellings} == {"c", "s"}
    assert any("merged away" in row.kind for row in story.history.rows)
    assert [(k.value, k.pin.person if k.pin else None) for k in keys] == [("Finance", "eve")]
    assert {t.connection for t in keys[0].told} == {"c", "s"}


def test_every_value_of_a_story_names_its_source(two):
    ana = two.home("c", "c1")
    with two.store.read() as tx:
        story = tell(tx, ana, two.hub.rules)

    assert story is not None
    assert all(v.connection and v.external_id for v in story.values)


def test_a_golden_record_that_never_was_has_no_story(two):
    with two.store.read() as tx:
        assert tell(tx, "gnobody", two.hub.rules) is None
        assert contacts.golden_head(tx, "gnobody") is None


def test_a_question_between_two_of_one_golden_record_is_closed_by_itself(two):
    with two.store.write() as tx:
        numbers = [r[0] for r in tx.all("SELECT id FROM record WHERE external_id IN ('c1', 's1') ORDER BY id")]
        row = {"record_a": numbers[0], "record_b": numbers[1], "weight": -1.0, "evidence": "[]", "at": 0.0}
        add_asks(tx, [{**row, "state": "open", "run_id": None}])
    with two.store.read() as tx:
        before = lists.asks(tx)
        mine = [len(lists.asks(tx, connection=name).rows) for name in ("c", "s", "x")]

    people.merge(two.hub, [two.home("c", "c1"), two.home("s", "s1")], "eve")

    with two.store.read() as tx:
        assert len(before.rows) == 1
        assert mine == [1, 1, 0]
        assert lists.asks(tx) == lists.Listed((), 0)


def test_two_contacts_are_compared(two):
    rui = two.home("s", "s1")
    with two.store.read() as tx:
        story = explain_pair(tx, "c:c1", rui, two.hub.model)

    assert story.decision in ("apart", "never met")
    assert story.evidence[-1].field == "prior"


def test_the_crosswalk_has_every_record_that_is_there(two):
    with two.store.read() as tx:
        rows = list(exports.crosswalk(tx))
        total = exports.count_records(tx)

    assert len(rows) == total == sum(len(s.rows) for s in two.systems.values())
    assert {(c, e): g for c, e, g in rows}[("c", "c1")] == two.home("c", "c1")


def test_records_that_are_gone_are_exported_only_when_asked_for(two):
    two.systems["s"].person_deletes("s1")
    two.settle()

    with two.store.read() as tx:
        there, ever = list(exports.crosswalk(tx)), list(exports.crosswalk(tx, gone=True))
        counts = (exports.count_records(tx), exports.count_records(tx, gone=True))

    assert {(c, e) for c, e, _ in ever} - {(c, e) for c, e, _ in there} == {("s", "s1")}
    assert counts == (len(there), len(ever))


def test_golden_records_are_exported_with_their_records(two):
    people.merge(two.hub, [two.home("c", "c1"), two.home("s", "s1")], "eve")
    people.pin(two.hub, two.home("c", "c2"), "custom.shoe", "38", "eve")

    with two.store.read() as tx:
        rows = list(exports.goldens_with_records(tx))
        custom = exports.custom_fields(tx)
        total = exports.count_goldens(tx)

    assert len(rows) == total == 2
    assert sorted(ref for _, refs in rows for ref in refs) == sorted(
        (n, i) for n, s in two.systems.items() for i in s.rows
    )
    assert custom == ["custom.shoe"]
