"""Listings, cursors, changes, deletions, and reading by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from hub.connectors.contract import Connector
from hub.errors import CursorExpired, HubError, TransientError
from hub.model import Page, Record, Tombstone, Unreadable
from hub.testing.system import System
from hub.testing.words import beside_the_point, garbled, items, listing, needs, one, records, tells, well_formed

GARBAGE = ["", "a cursor of somebody else", "{}", "[]", "null", '{"v": 1, "at": "yesterday"}', "\x00", "½", "x" * 5000]


class Listing:
    def test_a_listing_holds_every_record(self, system: System, connector: Connector) -> None:
        ids = set(system.seed(system.many))

        assert ids <= set(records(connector.pull(None)))

    def test_pages_and_records_are_well_formed(self, system: System, connector: Connector) -> None:
        system.seed(system.many)

        for page in connector.pull(None):
            assert len(page.items) <= 2000
            assert page.cursor is None or isinstance(page.cursor, str)
            assert [item for item in page.items if not well_formed(item)] == []

    def test_a_listing_names_every_record_once(self, system: System, connector: Connector) -> None:
        system.seed(system.many)

        counted = Counter(item.id for item in items(connector.pull(None)) if isinstance(item, Record))

        assert [each for each, times in counted.items() if times > 1] == []

    def test_listing_twice_says_the_same(self, system: System, connector: Connector) -> None:
        ids = system.seed(3)
        first, second = records(connector.pull(None)), records(connector.pull(None))

        assert [first[i] for i in ids] == [second[i] for i in ids]

    def test_a_system_without_records_is_listed_as_empty(self, system: System, connector: Connector) -> None:
        there = records(connector.pull(None))
        if there:
            beside_the_point("the system of the test is never empty")

        assert list(connector.pull(None))  # a page: what was seen is saved, with its cursor

    def test_every_cursor_resumes_without_loss(self, system: System, connector: Connector) -> None:
        ids = set(system.seed(system.many))
        pages = list(connector.pull(None))

        for number, page in enumerate(pages[:8], start=1):
            seen = set(records(pages[:number]))
            rest = set(records(connector.pull(page.cursor)))
            assert ids <= seen | rest

    def test_texts_in_another_encoding_than_declared_are_told_and_not_garbled(self, system: System) -> None:
        """By an error, or by a record set aside; read as they were meant is well too."""
        ids = set(system.seed(3))
        connector = system.other_encoding()
        if connector is None:
            beside_the_point("the encoding of its texts is not declared, but part of what it speaks")
        assert connector is not None

        try:
            found = list(connector.pull(None))
        except HubError as error:
            assert len(str(error)) > 10
            assert tells(system.secrets, error) == []
            return
        there = records(found)
        assert [each for each, record in there.items() if garbled(record)] == []
        assert ids <= set(there) or [item for item in items(found) if isinstance(item, Unreadable)]

    def test_a_listing_left_in_the_middle_can_be_begun_anew(self, system: System, connector: Connector) -> None:
        ids = set(system.seed(system.many))
        pages = iter(connector.pull(None))
        next(pages)
        if hasattr(pages, "close"):
            pages.close()

        assert ids <= set(records(connector.pull(None)))

    def test_two_listings_at_once_do_not_disturb_each_other(self, system: System, connector: Connector) -> None:
        ids = set(system.seed(system.many))
        first, second = iter(connector.pull(None)), iter(connector.pull(None))

        turns = [page for one, other in zip(first, second, strict=False) for page in (one, other)]
        both = records([*turns, *first, *second])

        assert ids <= set(both)

    def test_a_record_that_changes_while_it_is_listed_is_not_lost(self, system: System, connector: Connector) -> None:
        ids = system.seed(system.many)
        before = records(connector.pull(None))
        edited = (ids[0], ids[-1])

        def edit_both() -> None:
            for each in edited:
                system.edit(each)

        pages = meanwhile(connector, edit_both)

        if pages is not None:  # else it said that nothing may be concluded
            assert set(ids) <= set(records(pages))
            later = records(pages) | records(connector.pull(pages[-1].cursor))
            assert [each for each in edited if later[each].fields == before[each].fields] == []

    def test_a_record_that_arrives_while_others_are_listed_hides_none(
        self, system: System, connector: Connector
    ) -> None:
        ids = system.seed(system.many)
        new: list[str] = []

        pages = meanwhile(connector, lambda: new.extend(system.seed(1)))

        if pages is not None:
            there = set(records(pages))
            assert set(ids) <= there
            assert set(new) <= there | set(records(connector.pull(pages[-1].cursor)))

    def test_a_record_that_leaves_while_others_are_listed_hides_none(
        self, system: System, connector: Connector
    ) -> None:
        """The first that was listed: where pages go by number, all that follow it move up."""
        ids = system.seed(system.many)
        first = next(item.id for item in items(connector.pull(None)) if item.id in ids)

        pages = meanwhile(connector, lambda: system.remove(first))

        assert pages is None or set(ids) - {first} <= set(records(pages))


class Changes:
    def test_a_change_is_seen(self, system: System, connector: Connector) -> None:
        record_id, *_ = system.seed(2)
        before, cursor = listing(connector)
        system.edit(record_id)

        after = records(connector.pull(cursor))

        assert after[record_id].fields != before[record_id].fields
        assert after[record_id].version is None or after[record_id].version != before[record_id].version

    def test_a_new_record_is_seen(self, system: System, connector: Connector) -> None:
        system.seed(2)
        _, cursor = listing(connector)

        new = system.seed(1)

        assert set(new) <= set(records(connector.pull(cursor)))

    def test_a_quiet_pull_ends_where_it_began(self, system: System, connector: Connector) -> None:
        system.seed(2)
        _, cursor = listing(connector)
        once, twice = list(connector.pull(cursor)), list(connector.pull(cursor))

        assert once == twice
        assert once
        assert once[-1].cursor == cursor

    def test_the_same_change_pulled_twice_is_told_the_same(self, system: System, connector: Connector) -> None:
        system.seed(2)
        _, cursor = listing(connector)
        new = system.seed(2)

        first, again = records(connector.pull(cursor)), records(connector.pull(cursor))

        assert [first[each] for each in new] == [again[each] for each in new]

    def test_records_of_the_very_instant_of_the_cursor_are_not_lost(self, system: System, connector: Connector) -> None:
        if not connector.can.changes:
            assert listing(connector)[1] is None  # every pull lists everything
            beside_the_point("`can` declares no changes: every pull lists everything")
        record_id = system.seed(1)[0]
        _, cursor = listing(connector)

        late = system.twin(record_id)

        assert late in records(connector.pull(cursor))

    def test_a_cursor_keeps_its_worth_while_others_are_used(self, system: System, connector: Connector) -> None:
        system.seed(2)
        _, cursor = listing(connector)
        new = system.seed(1)
        list(connector.pull(cursor))
        newer = system.seed(1)

        assert {*new, *newer} <= set(records(connector.pull(cursor)))

    def test_a_deletion_is_seen(self, system: System, connector: Connector) -> None:
        gone, kept = system.seed(2)
        _, cursor = listing(connector)
        system.remove(gone)

        if connector.can.tombstones:
            assert gone in {item.id for item in items(connector.pull(cursor)) if isinstance(item, Tombstone)}
        if connector.can.complete:
            there = records(connector.pull(None))
            assert kept in there
            assert gone not in there or there[gone].archived
        assert connector.can.tombstones or connector.can.complete

    def test_a_tombstone_stands_for_a_deletion_only(self, system: System, connector: Connector) -> None:
        if not connector.can.tombstones:
            found = items(connector.pull(None))
            assert [each for each in found if isinstance(each, Tombstone)] == []
            beside_the_point("`can` declares no tombstones, and a listing holds none")
        gone, edited = system.seed(2)
        _, cursor = listing(connector)
        system.remove(gone)
        system.edit(edited)

        dead = {each.id for each in items(connector.pull(cursor)) if isinstance(each, Tombstone)}

        assert edited not in dead
        assert gone in dead

    def test_a_record_put_away_is_archived_and_not_gone(self, system: System, connector: Connector) -> None:
        needs(connector, "archive")
        away, kept = system.seed(2)
        _, cursor = listing(connector)
        system.put_away(away)

        changed, there = records(connector.pull(cursor)), records(connector.pull(None))

        assert all(found[away].archived for found in (changed, there) if away in found)
        assert away in changed or not connector.can.changes
        assert not there[kept].archived

    @pytest.mark.parametrize("cursor", GARBAGE, ids=lambda cursor: repr(cursor)[:20])
    def test_a_cursor_that_is_not_known_asks_for_a_new_listing(self, connector: Connector, cursor: str) -> None:
        with pytest.raises(CursorExpired):
            list(connector.pull(cursor))

    def test_a_cursor_that_was_damaged_is_never_taken_for_the_end(self, system: System, connector: Connector) -> None:
        system.seed(3)
        _, cursor = listing(connector)
        if cursor is None:
            beside_the_point("it gives no cursor: every pull lists everything")
        assert cursor is not None
        for damaged in (cursor[:-1], cursor[1:], cursor + "x", cursor[::-1]):
            try:
                found = items(connector.pull(damaged))
            except CursorExpired:
                continue
            assert [item for item in found if not well_formed(item)] == []


class ById:
    def test_records_are_read_as_they_are_listed(self, system: System, connector: Connector) -> None:
        needs(connector, "read")
        ids = system.seed(3)
        listed = records(connector.pull(None))

        read = connector.read([*ids, system.nobody])

        assert read == {record_id: listed[record_id] for record_id in ids}
        assert connector.read([]) == {}

    def test_an_id_asked_for_twice_is_read_once(self, system: System, connector: Connector) -> None:
        needs(connector, "read")
        record = one(system)

        assert connector.read([record.id, record.id]) == {record.id: record}

    def test_many_records_are_read_by_id_at_once(self, system: System, connector: Connector) -> None:
        needs(connector, "read")
        ids = system.seed(min(system.many, 120))

        assert set(connector.read(ids)) == set(ids)

    @pytest.mark.parametrize("record_id", ["", " ", "../x", "a b", "%", "é", "'; --", "0", "-1", "x" * 600])
    def test_an_id_that_cannot_be_is_not_there(self, connector: Connector, record_id: str) -> None:
        needs(connector, "read")

        assert connector.read([record_id]) == {}

    def test_a_removed_record_is_read_no_more(self, system: System, connector: Connector) -> None:
        needs(connector, "read")
        gone, kept = system.seed(2)
        system.remove(gone)

        found = connector.read([gone, kept])

        assert kept in found
        assert gone not in found or found[gone].archived


def meanwhile(connector: Connector, act: Callable[[], object]) -> list[Page] | None:
    """A listing in which something happens after the first page; None when it ends with an error."""
    pages = iter(connector.pull(None))
    found = [next(pages)]
    act()
    try:
        return [*found, *pages]
    except TransientError:
        return None
