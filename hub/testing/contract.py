"""The one suite that every connector passes.

A test of a connector says how to reach its system, and inherits the rest:

    class TestAcorn(ConnectorContract):
        cannot = {"test_a_wrong_key_pauses_the_connection": "Acorn has no key"}

        @pytest.fixture
        def system(self, acorn_server): ...      # yields a System

What a connector does not declare in `can` is checked to be refused. A test that cannot be made for a system
is named in `cannot` with the reason; it is not collected, and the reason is printed at the end of the run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson
import pytest

from hub.connectors.contract import Can, Connector, Promise
from hub.errors import AccountError, CursorExpired, HubError, TransientError
from hub.model import (
    Cursor,
    Done,
    Missing,
    NotSent,
    Op,
    Outcome,
    Page,
    Record,
    Refused,
    Stale,
    Tombstone,
    Unreadable,
    Write,
)

NOBODY = "999999999"  # an id that no system hands out; override `System.nobody` where it is not valid
CANNOT: list[str] = []  # "TestAcorn cannot …: reason", printed by hub.testing.plugin


class System(ABC):
    """A system with its back door: what a person working in it does, not through the hub.

    secrets  strings that no report and no message may hold
    many     records to seed where paging matters: more than a page if that is cheap
    nobody   an id of the right form that is not there
    """

    connector: Connector
    secrets: tuple[str, ...] = ()
    many: int = 25
    nobody: str = NOBODY

    @abstractmethod
    def seed(self, count: int) -> list[str]:
        """Make so many new records; their ids."""

    def edit(self, record_id: str) -> None:
        """Change something of the record that its fields show."""
        raise AssertionError("this system needs `edit`")

    def remove(self, record_id: str) -> None:
        """Delete the record, as this system does it."""
        raise AssertionError("this system needs `remove`")

    def twin(self, record_id: str) -> str:
        """A new record with the very change time of this one; its id."""
        raise AssertionError("it declares `changes`, so this system needs `twin`")

    def new_fields(self) -> dict[str, Any]:
        """Fields for a create; another person every time."""
        raise AssertionError("it declares `create`, so this system needs `new_fields`")

    def edit_fields(self) -> dict[str, Any]:
        """Fields for an update, stored as given, and not those that `edit` changes."""
        raise AssertionError("it declares `update`, so this system needs `edit_fields`")

    def refused_fields(self) -> dict[str, Any]:
        """Fields the system never takes: for a create or, without that ability, for an update."""
        raise AssertionError("it declares writes, so this system needs `refused_fields`")

    def unreachable(self) -> Connector:
        """A connector whose system does not answer."""
        raise AssertionError("this system needs `unreachable`")

    def wrong_key(self) -> Connector:
        """A connector with a wrong password or key."""
        raise AssertionError("this system needs `wrong_key`")

    def settle(self) -> None:
        """Let what was written become visible to searches; at once, unless the promise is E."""
        assert self.connector.can.promise is not Promise.EVENTUAL, "promise E: this system needs `settle`"


class ConnectorContract:
    """Every test takes the fixture `system`, which the subclass provides."""

    cannot: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, reason in cls.__dict__.get("cannot", {}).items():
            if not callable(getattr(ConnectorContract, name, None)) or len(reason) < 10:
                raise TypeError(f"{cls.__name__}.cannot: {name} is no test, or its reason is no reason")
            setattr(cls, name, None)
            CANNOT.append(f"{cls.__name__} cannot {name.removeprefix('test_')}: {reason}")

    @pytest.fixture
    def connector(self, system: System) -> Connector:
        return system.connector

    # --- what is declared ---------------------------------------------------------------------------

    def test_what_it_declares_hangs_together(self, connector: Connector) -> None:
        can = connector.can

        assert can.batch >= 1
        assert can.changes or not can.tombstones
        assert (can.read and can.update) or not can.stale
        assert can.create or can.promise is Promise.WRITE_ONLY
        assert (can.settle_seconds > 0) == (can.promise is Promise.EVENTUAL)

    def test_unknown_settings_are_refused(self, connector: Connector) -> None:
        assert connector.Settings.model_config.get("extra") == "forbid"
        assert isinstance(connector.default_mapping, str)

    def test_what_it_does_not_declare_it_refuses(self, connector: Connector) -> None:
        for call in undeclared_calls(connector):
            with pytest.raises(AssertionError):
                call()

    def test_a_check_writes_nothing_and_tells_no_secret(self, system: System, connector: Connector) -> None:
        system.seed(3)
        before = records(connector.pull(None))

        report = connector.check()

        assert report.system
        assert [secret for secret in system.secrets if secret in repr(report)] == []
        assert records(connector.pull(None)) == before

    # --- reading ------------------------------------------------------------------------------------

    def test_a_listing_holds_every_record(self, system: System, connector: Connector) -> None:
        ids = set(system.seed(system.many))

        assert ids <= set(records(connector.pull(None)))

    def test_pages_and_records_are_well_formed(self, system: System, connector: Connector) -> None:
        system.seed(system.many)

        for page in connector.pull(None):
            assert len(page.items) <= 2000
            assert page.cursor is None or isinstance(page.cursor, str)
            assert [item for item in page.items if not well_formed(item)] == []

    def test_listing_twice_says_the_same(self, system: System, connector: Connector) -> None:
        ids = system.seed(3)
        first, second = records(connector.pull(None)), records(connector.pull(None))

        assert [first[i] for i in ids] == [second[i] for i in ids]

    def test_every_cursor_resumes_without_loss(self, system: System, connector: Connector) -> None:
        ids = set(system.seed(system.many))
        pages = list(connector.pull(None))

        for number, page in enumerate(pages[:4], start=1):
            seen = set(records(pages[:number]))
            rest = set(records(connector.pull(page.cursor)))
            assert ids <= seen | rest

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

    def test_records_of_the_very_instant_of_the_cursor_are_not_lost(self, system: System, connector: Connector) -> None:
        if not connector.can.changes:
            assert listing(connector)[1] is None  # every pull lists everything
            return
        record_id = system.seed(1)[0]
        _, cursor = listing(connector)

        late = system.twin(record_id)

        assert late in records(connector.pull(cursor))

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

    def test_a_cursor_that_is_not_known_asks_for_a_new_listing(self, connector: Connector) -> None:
        with pytest.raises(CursorExpired):
            list(connector.pull("a cursor of somebody else"))

    def test_records_are_read_as_they_are_listed(self, system: System, connector: Connector) -> None:
        ids = system.seed(3)
        if not connector.can.read:
            refuses(lambda: connector.read(ids))
            return
        listed = records(connector.pull(None))

        read = connector.read([*ids, system.nobody])

        assert read == {record_id: listed[record_id] for record_id in ids}
        assert connector.read([]) == {}

    # --- writing ------------------------------------------------------------------------------------

    def test_a_create_answers_with_the_record_as_stored(self, system: System, connector: Connector) -> None:
        if not connector.can.create:
            refuses(lambda: connector.write([Write(Op.CREATE, "hub:c1", None, {})]))
            return
        fields = system.new_fields()

        record = done(connector.write([Write(Op.CREATE, "hub:c1", None, fields)]))

        system.settle()
        assert records(connector.pull(None))[record.id].fields == record.fields
        if connector.can.read:
            assert connector.read([record.id]) == {record.id: record}

    def test_a_create_is_found_again_by_its_key(self, system: System, connector: Connector) -> None:
        if connector.can.promise is Promise.WRITE_ONLY:
            refuses(lambda: connector.find("hub:f1"))
            return
        write = Write(Op.CREATE, "hub:f1", None, system.new_fields())
        record = done(connector.write([write]))
        system.settle()

        assert connector.find("hub:f1") == record
        assert connector.find("hub:nobody") is None
        if connector.can.promise is Promise.KEYED:
            assert done(connector.write([write])).id == record.id

    def test_an_update_answers_with_the_record_as_stored(self, system: System, connector: Connector) -> None:
        if not connector.can.update:
            refuses(lambda: connector.write([Write(Op.UPDATE, "hub:u1", system.nobody, {})]))
            return
        seen = one(system)
        fields = system.edit_fields()

        record = done(connector.write([Write(Op.UPDATE, "hub:u1", seen.id, fields, seen.version)]))

        assert record.id == seen.id
        assert {name: record.fields.get(name) for name in fields} == fields
        assert record.version is None or record.version != seen.version
        assert records(connector.pull(None))[seen.id].fields == record.fields

    def test_the_same_update_twice_leaves_what_one_leaves(self, system: System, connector: Connector) -> None:
        if not connector.can.update:
            refuses(lambda: connector.write([Write(Op.UPDATE, "hub:u2", system.nobody, {})]))
            return
        seen, fields = one(system), system.edit_fields()

        once = done(connector.write([Write(Op.UPDATE, "hub:u2", seen.id, fields)]))
        twice = done(connector.write([Write(Op.UPDATE, "hub:u2", seen.id, fields)]))

        assert once.fields.keys() == twice.fields.keys()
        assert {name: twice.fields.get(name) for name in fields} == fields

    def test_a_write_on_an_outdated_version_is_stale(self, system: System, connector: Connector) -> None:
        if not connector.can.stale:
            writes_over_it(system)
            return
        seen = one(system)
        system.edit(seen.id)
        edited = connector.read([seen.id])
        writes = [Write(Op.UPDATE, "hub:s1", seen.id, system.edit_fields(), seen.version)]
        if connector.can.delete:
            writes.append(Write(Op.DELETE, "hub:s1", seen.id, {}, seen.version))

        outcomes = write_all(connector, writes)

        assert outcomes == [Stale()] * len(writes)
        assert connector.read([seen.id]) == edited

    def test_a_write_to_a_record_that_is_gone_is_missing(self, system: System, connector: Connector) -> None:
        ops = changing_ops(connector.can)
        if not ops:
            refuses(lambda: connector.write([Write(Op.UPDATE, "hub:m1", system.nobody, {})]))
            return
        gone = system.seed(1)[0]
        system.remove(gone)
        fields = system.edit_fields() if connector.can.update else {}

        writes = [Write(op, "hub:m1", gone, fields if op is Op.UPDATE else {}) for op in ops]

        assert write_all(connector, writes) == [Missing()] * len(ops)

    def test_what_the_system_refuses_is_told_with_a_reason(self, system: System, connector: Connector) -> None:
        can = connector.can
        if not (can.create or can.update):
            refuses(lambda: connector.write([Write(Op.CREATE, "hub:r1", None, {})]))
            return
        fields = system.refused_fields()
        if can.create:
            write = Write(Op.CREATE, "hub:r1", None, fields)
        else:
            write = Write(Op.UPDATE, "hub:r1", one(system).id, fields)

        [outcome] = connector.write([write])

        assert isinstance(outcome, Refused)
        assert len(outcome.reason) > 10
        values = [value for value in fields.values() if isinstance(value, str) and len(value) > 5]
        assert [value for value in values if value in outcome.reason] == []

    def test_outcomes_stand_in_the_order_of_the_writes(self, system: System, connector: Connector) -> None:
        if not connector.can.update:
            refuses(lambda: connector.write([Write(Op.UPDATE, "hub:o1", system.nobody, {})]))
            return
        first, last = system.seed(2)
        fields = system.edit_fields()
        ids = [last, system.nobody, first]

        outcomes = write_all(connector, [Write(Op.UPDATE, f"hub:{i}", i, fields) for i in ids])

        assert outcomes[1] == Missing()
        assert [done([outcomes[0]]).id, done([outcomes[2]]).id] == [last, first]

    def test_an_archived_record_is_still_there(self, system: System, connector: Connector) -> None:
        if not connector.can.archive:
            refuses(lambda: connector.write([Write(Op.ARCHIVE, "hub:a1", system.nobody, {})]))
            return
        seen = one(system)

        record = done(connector.write([Write(Op.ARCHIVE, "hub:a1", seen.id, {}, seen.version)]))

        assert record.archived

    def test_a_deleted_record_is_gone(self, system: System, connector: Connector) -> None:
        if not connector.can.delete:
            refuses(lambda: connector.write([Write(Op.DELETE, "hub:d1", system.nobody, {})]))
            return
        seen = one(system)
        delete = Write(Op.DELETE, "hub:d1", seen.id, {}, seen.version)

        outcomes = [*connector.write([delete]), *connector.write([delete])]

        assert outcomes == [Done(None), Missing()]
        assert seen.id not in records(connector.pull(None))

    # --- when things go wrong -----------------------------------------------------------------------

    def test_a_system_that_is_down_is_tried_again_later(self, system: System) -> None:
        connector = system.unreachable()

        for call in calls(connector, system.nobody):
            error = raised(call, TransientError)
            assert not (isinstance(error, TransientError) and error.maybe_done)
            assert [secret for secret in system.secrets if secret in str(error)] == []

    def test_a_wrong_key_pauses_the_connection(self, system: System) -> None:
        connector = system.wrong_key()

        for call in calls(connector, system.nobody):
            error = raised(call, AccountError)
            assert [secret for secret in system.secrets if secret in str(error)] == []


# --- words of the suite -----------------------------------------------------------------------------

Item = Record | Tombstone | Unreadable


def items(pages: Iterable[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def records(pages: Iterable[Page]) -> dict[str, Record]:
    """The records by id as they are after all pages: a later tombstone takes one away."""
    found: dict[str, Record] = {}
    for item in items(pages):
        if isinstance(item, Record):
            found[item.id] = item
        elif isinstance(item, Tombstone):
            found.pop(item.id, None)
    return found


def listing(connector: Connector) -> tuple[dict[str, Record], Cursor | None]:
    """Everything, and the cursor that a next pull takes."""
    pages = list(connector.pull(None))
    return records(pages), pages[-1].cursor if pages else None


def one(system: System) -> Record:
    """A fresh record as the hub reads it."""
    record_id = system.seed(1)[0]
    if system.connector.can.read:
        return system.connector.read([record_id])[record_id]
    return records(system.connector.pull(None))[record_id]


def well_formed(item: Item) -> bool:
    if isinstance(item, Unreadable):
        return bool(item.where and item.reason)
    if isinstance(item, Tombstone):
        return 0 < len(item.id) <= 512
    orjson.dumps(dict(item.fields))  # TypeError: not JSON
    utc = item.changed_at is None or item.changed_at.utcoffset() == timedelta(0)
    return utc and 0 < len(item.id) <= 512


def done(outcomes: Sequence[Outcome]) -> Record:
    [outcome] = outcomes
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    return outcome.record


def write_all(connector: Connector, writes: Sequence[Write]) -> list[Outcome]:
    """In calls as large as the connector takes."""
    size = connector.can.batch
    calls = [connector.write(writes[start : start + size]) for start in range(0, len(writes), size)]
    return [outcome for outcomes in calls for outcome in outcomes]


def changing_ops(can: Can) -> list[Op]:
    declared = {Op.UPDATE: can.update, Op.ARCHIVE: can.archive, Op.DELETE: can.delete}
    return [op for op, able in declared.items() if able]


def undeclared_calls(connector: Connector) -> list[Any]:
    can = connector.can
    declared = {Op.CREATE: can.create, Op.UPDATE: can.update, Op.ARCHIVE: can.archive, Op.DELETE: can.delete}

    def writing(op: Op) -> Any:
        return lambda: connector.write([Write(op, "hub:x", None if op is Op.CREATE else NOBODY, {})])

    found = [writing(op) for op, able in declared.items() if not able]
    if not can.read:
        found.append(lambda: connector.read([NOBODY]))
    if can.promise is Promise.WRITE_ONLY:
        found.append(lambda: connector.find("hub:x"))
    return found


def writes_over_it(system: System) -> None:
    """Without `stale` an update is carried out on whatever is there."""
    connector = system.connector
    if not connector.can.update:
        refuses(lambda: connector.write([Write(Op.UPDATE, "hub:s2", system.nobody, {})]))
        return
    seen = one(system)
    system.edit(seen.id)
    done(connector.write([Write(Op.UPDATE, "hub:s2", seen.id, system.edit_fields(), seen.version)]))


def refuses(call: Any) -> None:
    with pytest.raises(AssertionError):
        call()


def calls(connector: Connector, nobody: str) -> list[Any]:
    """Every way of asking the system something."""
    found: list[Any] = [connector.check, lambda: list(connector.pull(None))]
    if connector.can.read:
        found.append(lambda: connector.read([nobody]))
    if ops := changing_ops(connector.can):
        found.append(lambda: connector.write([Write(ops[0], "hub:x", nobody, {})]))
    return found


def raised(call: Any, kind: type[HubError]) -> HubError:
    """The error of this kind; a write may answer NotSent where the outage is told as an outcome."""
    try:
        answer = call()
    except kind as error:
        return error
    assert kind is TransientError
    assert answer
    assert all(isinstance(outcome, NotSent) for outcome in answer)
    return TransientError(answer[0].reason)
