"""Creates, updates, archiving, deletion, batches, and what the system refuses."""

from __future__ import annotations

from typing import Any

from hub.connectors.contract import Connector, Promise
from hub.model import Done, Missing, Op, Refused, Stale, Write
from hub.testing.system import System
from hub.testing.words import (
    beside_the_point,
    changing_ops,
    done,
    listing,
    needs,
    now,
    one,
    records,
    refuses,
    write_all,
)

LARGEST_TRIED = 200  # writes in one call


def creating(system: System, key: str, **fields: Any) -> Write:
    return Write(Op.CREATE, key, None, {**system.new_fields(), **fields})


class Creating:
    def test_a_create_answers_with_the_record_as_stored(self, system: System, connector: Connector) -> None:
        needs(connector, "create")

        record = done(connector.write([creating(system, "hub:c1")]))

        system.settle()
        assert records(connector.pull(None))[record.id].fields == record.fields
        if connector.can.read:
            assert connector.read([record.id]) == {record.id: record}

    def test_a_create_is_found_again_by_its_key(self, system: System, connector: Connector) -> None:
        if connector.can.promise is Promise.WRITE_ONLY:
            refuses(lambda: connector.find("hub:f1"))
            beside_the_point("promise W: a create is never found again")
        write = creating(system, "hub:f1")
        record = done(connector.write([write]))
        system.settle()

        assert connector.find("hub:f1") == record
        assert connector.find("hub:nobody") is None
        if connector.can.promise is Promise.KEYED:
            assert done(connector.write([write])).id == record.id

    def test_a_key_is_found_whole_and_as_it_is_spelt(self, system: System, connector: Connector) -> None:
        if connector.can.promise is Promise.WRITE_ONLY:
            beside_the_point("promise W: a create is never found again")
        done(connector.write([creating(system, "hub:Key1")]))
        system.settle()

        assert [connector.find(each) for each in ("hub:Key", "hub:Key12", "hub:Key_", "hub:%", "")] == [None] * 5

    def test_the_same_create_twice_makes_one_record(self, system: System, connector: Connector) -> None:
        needs(connector, "create")
        if connector.can.promise is not Promise.KEYED:
            beside_the_point("only promise K says so; the others read before they repeat")
        before = set(records(connector.pull(None)))
        write = creating(system, "hub:t1")

        ids = {done(connector.write([write])).id, done(connector.write([write])).id}

        assert set(records(connector.pull(None))) - before == ids
        assert len(ids) == 1

    def test_a_record_that_the_hub_made_is_listed_with_its_version(self, system: System, connector: Connector) -> None:
        needs(connector, "create")
        _, cursor = listing(connector)

        record = done(connector.write([creating(system, "hub:v1")]))

        system.settle()
        assert records(connector.pull(cursor))[record.id].version == record.version

    def test_a_create_without_any_field_makes_nothing_by_halves(self, system: System, connector: Connector) -> None:
        needs(connector, "create")
        before = set(records(connector.pull(None)))

        [outcome] = connector.write([Write(Op.CREATE, "hub:e1", None, {})])

        system.settle()
        made = set(records(connector.pull(None))) - before
        assert isinstance(outcome, Refused | Done), outcome
        assert len(made) == (1 if isinstance(outcome, Done) else 0)


class Updating:
    def test_an_update_answers_with_the_record_as_stored(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        seen = one(system)
        fields = system.edit_fields()

        record = done(connector.write([Write(Op.UPDATE, "hub:u1", seen.id, fields, seen.version)]))

        assert record.id == seen.id
        assert {name: record.fields.get(name) for name in fields} == fields
        assert record.version is None or record.version != seen.version
        assert records(connector.pull(None))[seen.id].fields == record.fields

    def test_the_same_update_twice_leaves_what_one_leaves(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        seen, fields = one(system), system.edit_fields()

        done(connector.write([Write(Op.UPDATE, "hub:u2", seen.id, fields)]))
        once = now(system, seen.id)
        told = done(connector.write([Write(Op.UPDATE, "hub:u2", seen.id, fields)]))
        twice = now(system, seen.id)

        assert once.fields.keys() == twice.fields.keys()
        assert {name: told.fields.get(name) for name in fields} == fields

    def test_an_answer_that_shows_a_part_of_a_record_shows_what_is_stored(
        self, system: System, connector: Connector
    ) -> None:
        """An answer that says of itself that it is a part leaves out what it does not know, and says nothing untrue."""
        needs(connector, "update")
        first, second = system.seed(2)
        writes = [Write(Op.UPDATE, f"hub:{each}", each, system.edit_fields()) for each in (first, second)]

        outcomes = [outcome for write in writes for outcome in connector.write([write])]

        for name, outcome in zip((first, second), outcomes, strict=True):
            record, stored = done([outcome]), now(system, name)
            told = outcome.partial if isinstance(outcome, Done) else False
            assert record.fields == {each: stored.fields[each] for each in record.fields}
            assert told or record.fields.keys() == stored.fields.keys()

    def test_an_update_leaves_other_records_alone(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        changed, *others = system.seed(3)
        before = records(connector.pull(None))

        write_all(connector, [Write(Op.UPDATE, "hub:u3", changed, system.edit_fields())])

        after = records(connector.pull(None))
        assert [after[each] for each in others] == [before[each] for each in others]

    def test_an_update_leaves_fields_alone_that_it_does_not_name(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        seen, fields = one(system), system.edit_fields()
        name, value = next(iter(fields.items()))

        record = done(connector.write([Write(Op.UPDATE, "hub:u4", seen.id, {name: value})]))

        untouched = set(seen.fields) & set(fields) - {name}
        assert {each: record.fields[each] for each in untouched} == {each: seen.fields[each] for each in untouched}

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
        needs(connector, "update", "archive", "delete")
        ops = changing_ops(connector.can)
        gone = system.seed(1)[0]
        system.remove(gone)
        fields = system.edit_fields() if connector.can.update else {}

        writes = [Write(op, "hub:m1", gone, fields if op is Op.UPDATE else {}) for op in ops]

        assert write_all(connector, writes) == [Missing()] * len(ops)

    def test_an_update_of_a_record_that_never_was_makes_none(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        before = set(records(connector.pull(None)))

        outcome = connector.write([Write(Op.UPDATE, "hub:m2", system.nobody, system.edit_fields())])

        assert outcome == [Missing()]
        assert set(records(connector.pull(None))) == before

    def test_a_service_that_accepts_and_ignores_a_write_is_seen_in_the_answer(
        self, system: System, connector: Connector
    ) -> None:
        """What is told as stored is what a new reading shows, not what was sent."""
        needs(connector, "update")
        seen, fields = one(system), system.edit_fields()
        system.ignore_writes()

        [outcome] = connector.write([Write(Op.UPDATE, "hub:i1", seen.id, fields)])

        if isinstance(outcome, Done):
            assert outcome.record is not None
            assert outcome.record.fields == now(system, seen.id).fields
            assert {name: outcome.record.fields.get(name) for name in fields} != fields


class Ending:
    def test_an_archived_record_is_still_there(self, system: System, connector: Connector) -> None:
        needs(connector, "archive")
        seen = one(system)

        record = done(connector.write([Write(Op.ARCHIVE, "hub:a1", seen.id, {}, seen.version)]))

        assert record.archived

    def test_archiving_twice_is_harmless(self, system: System, connector: Connector) -> None:
        needs(connector, "archive")
        seen = one(system)
        archive = Write(Op.ARCHIVE, "hub:a2", seen.id, {})

        once, twice = done(connector.write([archive])), done(connector.write([archive]))

        assert (once.archived, twice.archived) == (True, True)

    def test_a_deleted_record_is_gone(self, system: System, connector: Connector) -> None:
        needs(connector, "delete")
        seen = one(system)
        delete = Write(Op.DELETE, "hub:d1", seen.id, {}, seen.version)

        outcomes = [*connector.write([delete]), *connector.write([delete])]

        assert outcomes == [Done(None), Missing()]
        assert seen.id not in records(connector.pull(None))

    def test_an_erased_record_is_gone_for_good(self, system: System, connector: Connector) -> None:
        needs(connector, "erase")
        gone, *others = system.seed(3)
        erase = Write(Op.ERASE, "hub:p1", gone, {})

        outcomes = [*connector.write([erase]), *connector.write([erase])]

        assert outcomes == [Done(None), Missing()]
        assert not system.is_kept(gone)
        assert set(others) <= set(records(connector.pull(None)))

    def test_deleting_one_record_leaves_the_others(self, system: System, connector: Connector) -> None:
        needs(connector, "delete")
        gone, *others = system.seed(3)

        connector.write([Write(Op.DELETE, "hub:d2", gone, {})])

        assert set(others) <= set(records(connector.pull(None)))


class Batches:
    def test_nothing_to_write_is_nothing_done(self, connector: Connector) -> None:
        needs(connector, "create", "update", "archive", "delete")

        assert connector.write([]) == []

    def test_outcomes_stand_in_the_order_of_the_writes(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        first, last = system.seed(2)
        fields = system.edit_fields()
        ids = [last, system.nobody, first]

        outcomes = write_all(connector, [Write(Op.UPDATE, f"hub:{i}", i, fields) for i in ids])

        assert outcomes[1] == Missing()
        assert [done([outcomes[0]]).id, done([outcomes[2]]).id] == [last, first]

    def test_the_largest_batch_is_taken_in_one_call(self, system: System, connector: Connector) -> None:
        needs(connector, "create", "update")
        if connector.can.batch == 1:
            beside_the_point("it takes one write a call")
        count = min(connector.can.batch, LARGEST_TRIED)
        if connector.can.update:
            writes = [Write(Op.UPDATE, f"hub:{i}", i, system.edit_fields()) for i in system.seed(count)]
        else:
            writes = [creating(system, f"hub:b{number}") for number in range(count)]

        outcomes = connector.write(writes)

        assert [outcome for outcome in outcomes if not isinstance(outcome, Done)] == []
        ids = [done([outcome]).id for outcome in outcomes]
        assert len(set(ids)) == count
        assert ids == [write.id for write in writes] or not connector.can.update

    def test_a_bad_write_costs_only_itself_in_a_batch(self, system: System, connector: Connector) -> None:
        needs(connector, "create", "update")
        if connector.can.create:
            bad = Write(Op.CREATE, "hub:bad", None, system.refused_fields())
            good = [creating(system, f"hub:good{number}") for number in range(3)]
        else:
            ids = system.seed(4)
            bad = Write(Op.UPDATE, "hub:bad", ids[3], system.refused_fields())
            good = [Write(Op.UPDATE, f"hub:{i}", i, system.edit_fields()) for i in ids[:3]]

        outcomes = write_all(connector, [good[0], bad, *good[1:]])

        assert [type(outcome) for outcome in outcomes] == [Done, Refused, Done, Done]
        system.settle()
        assert {done([outcomes[at]]).id for at in (0, 2, 3)} <= set(records(connector.pull(None)))

    def test_writes_of_several_kinds_go_in_one_call_or_each_alone(self, system: System, connector: Connector) -> None:
        can = connector.can
        if not (can.create and can.update and can.delete):
            beside_the_point("it does not create, update and delete")
        kept, gone = system.seed(2)
        writes = [
            Write(Op.DELETE, "hub:x1", gone, {}),
            creating(system, "hub:x2"),
            Write(Op.UPDATE, "hub:x3", kept, system.edit_fields()),
        ]

        deleted, created, updated = write_all(connector, writes)

        assert deleted == Done(None)
        system.settle()
        there = records(connector.pull(None))
        assert gone not in there
        assert {done([created]).id, done([updated]).id} <= set(there)


class Refusals:
    def test_what_the_system_refuses_is_told_with_a_reason(self, system: System, connector: Connector) -> None:
        needs(connector, "create", "update")
        fields = system.refused_fields()
        if connector.can.create:
            write = Write(Op.CREATE, "hub:r1", None, fields)
        else:
            write = Write(Op.UPDATE, "hub:r1", one(system).id, fields)

        [outcome] = connector.write([write])

        assert isinstance(outcome, Refused)
        assert len(outcome.reason) > 10
        values = [value for value in fields.values() if isinstance(value, str) and len(value) > 5]
        assert [value for value in values if value in outcome.reason] == []

    def test_what_was_refused_left_nothing_behind(self, system: System, connector: Connector) -> None:
        needs(connector, "create", "update")
        seen = one(system)
        before = records(connector.pull(None))
        if connector.can.create:
            write = Write(Op.CREATE, "hub:r2", None, system.refused_fields())
        else:
            write = Write(Op.UPDATE, "hub:r2", seen.id, system.refused_fields())

        connector.write([write])

        system.settle()
        assert {key: each.fields for key, each in records(connector.pull(None)).items()} == {
            key: each.fields for key, each in before.items()
        }

    def test_a_field_that_the_system_does_not_have_is_refused_by_its_name(
        self, system: System, connector: Connector
    ) -> None:
        needs(connector, "create", "update")
        fields = {"no_such_field_here": "x"}
        if connector.can.update:
            write = Write(Op.UPDATE, "hub:r3", one(system).id, fields)
        else:
            write = creating(system, "hub:r3", **fields)

        [outcome] = connector.write([write])

        assert isinstance(outcome, Refused)
        assert "no_such_field_here" in outcome.reason


def writes_over_it(system: System) -> None:
    """Without `stale` an update is carried out on whatever is there."""
    connector = system.connector
    needs(connector, "update")
    seen = one(system)
    system.edit(seen.id)
    done(connector.write([Write(Op.UPDATE, "hub:s2", seen.id, system.edit_fields(), seen.version)]))
