"""Texts put right are found by their piece and by their record, and follow where it moves. On both databases."""

from __future__ import annotations

from hub.model import Raw
from hub.store import amended, parked
from hub.store.amended import Served, Text
from hub.store.db import Store
from hub.store.holdings import PLACES, Who
from hub.store.lists import ParkedFilter, count_parked, parked_after
from hub.store.parked import Parked
from hub.sync.lines import raw_text

RAW = raw_text(Raw(b"3,\xe9,\x00,", "utf-8", ("id", "name")))


def keep(store: Store, *texts: Text) -> None:
    with store.write() as tx:
        amended.put(tx, "list", texts, "ann", 7.0)


def test_what_was_said_of_a_piece_last_counts(store: Store) -> None:
    keep(store, Text("m", "a line 3", "first", "3"), Text("n", "a line 4", "other", "4"))
    keep(store, Text("m", "a line 3", "second", "33"))

    with store.read() as tx:
        [found] = amended.by_marks(tx, "list", ["m"])
        assert (found.text, found.external_id, found.person) == ("second", "33", "ann")
        assert amended.by_records(tx, "list", ["33", "4", "5"]).keys() == {"33", "4"}
        assert amended.by_marks(tx, "other", ["m"]) == []
        assert (amended.has_any(tx, "list"), amended.has_any(tx, "other")) == (True, False)


def test_a_piece_that_was_served_leaves_the_list_and_is_followed(store: Store) -> None:
    keep(store, Text("m", "a line 3", "meant", "3"))
    with store.write() as tx:
        parked.park(tx, "list", [Parked("a line 8", "read", "broken", "3,,", RAW)], 1.0, "r1")
        [found] = amended.by_marks(tx, "list", ["m"])
        amended.serve(tx, "list", [Served(found.id, "a line 8", "3", "r2")])

    with store.read() as tx:
        [moved] = amended.by_marks(tx, "list", ["m"])
        assert (moved.place, moved.run_id) == ("a line 8", "r2")
        assert count_parked(tx, ParkedFilter()) == 0


def test_what_the_source_brings_itself_goes_first_until_a_listing_without_it(store: Store) -> None:
    keep(store, Text("m", "a line 3", "meant", "3"))
    seen = []
    with store.write() as tx:
        number = amended.by_marks(tx, "list", ["m"])[0].id
        amended.brought(tx, [number], "r1")
        for run in ("r1", "r2"):
            amended.restore(tx, "list", run)
            seen.append(amended.by_marks(tx, "list", ["m"])[0].own_run)

    assert seen == ["r1", None]


def test_what_was_put_right_while_it_was_read_is_still_to_be_taken_in(store: Store) -> None:
    piece, changed = Parked("a line 3", "read", "broken", "3,,", RAW), Parked("a line 3", "read", "broken", "4,,", "{}")
    states = []
    with store.write() as tx:
        parked.park(tx, "list", [piece], 1.0, "r1")
        [row] = parked_after(tx, ParkedFilter(), 0, 10)
        assert row.raw == RAW
        parked.mark(tx, [row.number], "retry")
        for again in (piece, changed):
            parked.park(tx, "list", [again], 2.0, "r2")
            states.append(parked_after(tx, ParkedFilter(), 0, 10)[0].state)
        assert amended.waiting(tx, "list", ["a line 3", "b"]) == {"a line 3": "{}"}

    assert states == ["retry", "open"]


def test_who_is_erased_is_gone_from_what_was_typed_and_from_what_came(store: Store) -> None:
    keep(
        store, Text("m", "a line 3", "3,Ida,ida@example.org", "3"), Text("n", "a line 4", "4,Max,max@example.org", "4")
    )
    hidden = raw_text(Raw(b"3,\xe9," + b"x" * 20_000 + b",ida@example.org"))
    with store.write() as tx:
        parked.park(tx, "list", [Parked("a line 3", "read", "broken", "3,", hidden)], 1.0, "r1")
        who = Who(["g1"], [1], texts=["ida@example.org"])
        for place in PLACES:
            if place.table in ("amended", "parked"):
                assert place.count(tx, who) == 1
                place.erase(tx, who)

    with store.read() as tx:
        assert [each.mark for each in amended.by_marks(tx, "list", ["m", "n"])] == ["n"]
        assert count_parked(tx, ParkedFilter()) == 0
