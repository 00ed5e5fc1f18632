"""Records that a system has made one: nobody is deleted, nobody made anew, nobody swallowed."""

from __future__ import annotations

from hub.model import LinkState, Tombstone
from hub.sync.people import merge, pin
from tests.fakes.rig import ADA, Rig, person
from tests.fakes.systems import can
from tests.sync.test_absence import listed_without


def doubled(rig: Rig, **options: object) -> Rig:
    """Ada is twice in `crm`, whose deletions mean everywhere, and once in `erp`."""
    rig.add("crm", deletes="propagate", **options)  # type: ignore[arg-type]
    rig.add("erp")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **ADA)
    for n in range(9):
        rig.systems["crm"].put(f"1{n}", **person(n))
    rig.settle()
    assert rig.home("crm", "1") == rig.home("crm", "2")
    return rig


def writes_to(rig: Rig, name: str) -> list[str]:
    return [str(write.op) for write in rig.systems[name].writes]


def test_one_of_two_records_is_no_deletion_of_its_person(rig):
    doubled(rig)
    before = dict(rig.systems["erp"].rows)

    listed_without(rig, "2")
    rig.settle()

    assert rig.link("crm", "2").state is LinkState.GONE
    assert rig.systems["erp"].rows.keys() == before.keys()
    assert "1" in rig.systems["crm"].rows
    assert "delete" not in writes_to(rig, "crm")


def test_both_records_are_one(rig):
    doubled(rig)
    home = rig.home("crm", "1")
    rig.systems["crm"].remove("1")

    listed_without(rig, "2")
    rig.settle()

    assert rig.rows("SELECT state FROM golden WHERE id = :g", g=home) == [("deleted",)]
    assert len(rig.systems["erp"].rows) == 9


def test_an_id_that_answers_with_another_record_gave_way_to_that(rig):
    doubled(rig)
    rig.systems["crm"].heirs["2"] = "1"

    listed_without(rig, "2")
    rig.settle()

    assert rig.link("crm", "2").state is LinkState.MERGED
    assert rig.home("crm", "2") == rig.home("crm", "1")
    assert len(rig.systems["crm"].rows) == 10
    assert len(rig.systems["erp"].rows) == 10


def test_two_people_that_a_system_made_one_are_two_until_somebody_says_otherwise(rig):
    doubled(rig)
    rig.systems["crm"].heirs["11"] = "12"

    listed_without(rig, "11")
    rig.settle()

    assert rig.home("crm", "11") != rig.home("crm", "12")
    assert rig.asks() == 1
    assert len(rig.systems["erp"].rows) == 10
    assert len(rig.systems["crm"].rows) == 10
    merge(rig.hub, [rig.home("crm", "11"), rig.home("crm", "12")], "eve")
    assert rig.home("crm", "11") == rig.home("crm", "12")


def test_what_was_written_to_a_record_that_gave_way_is_no_edit_of_its_heir(rig):
    doubled(rig)
    rig.systems["crm"].remove("2")
    rig.systems["crm"].heirs["2"] = "1"
    pin(rig.hub, rig.home("crm", "1"), "note", "first", "eve")
    rig.sync("crm")
    assert rig.link("crm", "2").state is LinkState.MERGED

    pin(rig.hub, rig.home("crm", "1"), "note", "second", "eve")
    rig.settle()

    assert rig.conflicts() == []
    assert rig.systems["crm"].rows["1"].fields["note"] == "second"
    assert rig.intents("crm") == []


def test_what_gave_way_is_heard_before_everything_is_listed(rig):
    doubled(rig, abilities=can(tombstones=True))
    rig.systems["crm"].remove("11")
    rig.systems["crm"].removed.clear()
    rig.systems["crm"].extra = [Tombstone("11", merged_into="12")]  # type: ignore[list-item]
    rig.later(1000)
    pulls = rig.systems["crm"].calls.count("pull")

    assert rig.listing("crm").status == "done"

    assert rig.systems["crm"].calls.count("pull") == pulls + 2
    assert rig.link("crm", "11").state is LinkState.MERGED
    assert len(rig.systems["erp"].rows) == 10
