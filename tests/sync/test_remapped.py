"""A mapping that is changed while contacts go on changing: nothing is missed, and no edit overwritten unseen."""

from __future__ import annotations

import pytest

from hub.connectors.contract import Can
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import load_mapping
from hub.store import links as db
from hub.sync import remapped
from hub.sync.engine import NEVER
from hub.sync.guard import Limit, Limits
from hub.sync.link import Link, acknowledge, take
from hub.sync.plan import make_plan
from tests.fakes.rig import ADA, NO_LIMIT, RUI, TABLE, Rig, mapping, person
from tests.fakes.systems import FakeConnector, can

ONE = Limits(NO_LIMIT, Limit(None, 1), NO_LIMIT, NO_LIMIT, NO_LIMIT)


def without(field: str) -> ContactMapping:
    fields = {name: row for name, row in TABLE["fields"].items() if name != field}
    return load_mapping({**TABLE, "fields": fields}, where="a test", default_region="PT")


def both(rig: Rig, abilities: Can | None = None, **route: float) -> Rig:
    """`crm` and `erp` have Ada and Rui, with a note, and agree."""
    rig.add("crm", abilities, **route)
    rig.add("erp")
    for row_id, who in (("1", ADA), ("2", RUI)):
        rig.systems["erp"].put(row_id, **who, note="old")
    rig.settle()
    return rig


def there(rig: Rig, mail: str) -> str:
    """Somebody's id in `crm`, where the hub has made the record."""
    return next(i for i, row in rig.systems["crm"].rows.items() if row.fields["mail"] == mail)


def missed(rig: Rig) -> None:
    """Ada's note is edited in erp while the mapping of crm says nothing of notes."""
    rig.remap("crm", without("note"))
    rig.settle()
    rig.systems["erp"].put("1", note="new")
    rig.settle()


def notes(rig: Rig) -> list[str]:
    return sorted(row.fields["note"] for row in rig.systems["crm"].rows.values())


def test_what_was_missed_while_a_field_was_out_of_the_mapping_is_written_once_it_is_back(rig):
    missed(both(rig))
    assert notes(rig) == ["old", "old"]

    rig.remap("crm", mapping())
    rig.settle()

    assert notes(rig) == ["new", "old"]
    written = len(rig.systems["crm"].writes)
    rig.settle()
    assert len(rig.systems["crm"].writes) == written


def test_what_changed_while_only_other_systems_ran_is_written_too(rig):
    both(rig)
    rig.remap("crm", without("note"))
    rig.systems["erp"].put("1", note="new")
    rig.later(100)
    rig.sync("erp")

    rig.remap("crm", mapping())
    rig.settle()

    assert notes(rig) == ["new", "old"]


def test_a_system_that_never_lists_all_is_told_too(rig):
    missed(both(rig, can(complete=False)))

    rig.remap("crm", mapping())
    rig.settle()

    assert notes(rig) == ["new", "old"]


def test_where_nothing_is_to_be_listed_what_was_read_last_is_compared(rig):
    missed(both(rig, full_every=NEVER))
    rig.remap("crm", mapping())

    result = rig.sync("crm")

    assert notes(rig) == ["new", "old"]
    assert (result.counts.get("pulled", 0), result.counts["pushed"]) == (0, 1)


def test_an_edit_that_was_made_there_meanwhile_is_read_before_anything_is_written(rig):
    missed(both(rig))
    rig.later(50)
    ada = there(rig, ADA["mail"])
    rig.systems["crm"].put(ada, note="newest")
    rig.settle(1)

    rig.remap("crm", mapping())
    rig.settle()

    assert rig.systems["crm"].rows[ada].fields["note"] == "newest"
    assert rig.systems["erp"].rows["1"].fields["note"] == "newest"


def test_nothing_is_written_while_what_is_read_by_the_new_mapping_waits_for_a_person(rig):
    missed(both(rig))
    rig.later(50)
    for who in (ADA, RUI):
        rig.systems["crm"].put(there(rig, who["mail"]), note="newest")
    rig.settle(1)
    rig.remap("crm", mapping())
    old = rig.routes["crm"]
    rig.routes["crm"] = type(old)(old.name, old.mapping, old.can, limits=ONE)

    result = rig.sync("crm")

    assert result.status == "held"
    assert "nothing is written" in (result.message or "")
    assert notes(rig) == ["newest", "newest"]
    rig.approve("crm")
    rig.settle()
    assert notes(rig) == ["newest", "newest"]
    assert {row.fields["note"] for row in rig.systems["erp"].rows.values()} == {"newest"}


@pytest.mark.parametrize("commit", range(1, 12))
def test_a_run_that_is_killed_while_it_compares_is_made_good_by_the_next(rig, commit):
    missed(both(rig))
    rig.remap("crm", mapping())

    rig.sync_until_commit("crm", commit)
    rig.later(500)
    rig.settle()

    assert notes(rig) == ["new", "old"]


def test_all_records_are_compared_some_at_a_time(rig, monkeypatch):
    monkeypatch.setattr(remapped, "BATCH", 2)
    both(rig)
    for n in range(3, 10):
        rig.systems["erp"].put(f"p{n}", **person(n), note="old")
    rig.settle()
    rig.remap("crm", without("note"))
    rig.settle()
    for n in range(3, 10):
        rig.systems["erp"].put(f"p{n}", note="new")
    rig.settle()

    rig.remap("crm", mapping())
    rig.settle()

    assert notes(rig) == ["new"] * 7 + ["old"] * 2


def test_a_plan_shows_what_a_changed_mapping_will_write(rig):
    missed(both(rig))
    rig.remap("crm", mapping())

    plan = make_plan(rig.hub, {"crm": FakeConnector(rig.systems["crm"])})

    assert plan.counts["crm"]["update there"] == 1
    assert notes(rig) == ["old", "old"]


def test_what_waits_for_a_person_goes_on_waiting(rig):
    missed(both(rig, can(complete=False)))
    rig.remap("crm", mapping())
    home = rig.home("erp", "1")
    with rig.store.write() as tx:
        tx.run(
            "INSERT INTO queue (connection, golden_id, op, queued_at, next_at, attempts, agreed)"
            " VALUES ('crm', :g, 'archive', 0, :at, 3, 1)",
            g=home,
            at=rig.now + 5000,
        )

    rig.sync("crm")

    text = "SELECT op, attempts, agreed FROM queue WHERE connection = 'crm'"
    assert rig.rows(text) == [("archive", 3, 1)]


def test_a_mapping_that_stays_lists_nothing_anew(rig):
    both(rig)
    rig.settle()

    result = rig.sync("crm")

    assert result.counts.get("pulled", 0) == 0
    assert rig.rows("SELECT remapped FROM connection_state") == [(0,), (0,)]


# --- writes without an answer -----------------------------------------------------------------------

SHOUTING = mapping(department={"from": "dept", "case": "upper"})
MUTE = without("department")
READ = {"given_name": "Ada"}


def sent_unseen() -> Link:
    """A department was sent, no answer came, and what is there was read while the mapping said nothing of it."""
    link = Link("crm", "1", fields=dict(READ))
    assert take(link, READ, [{"department": "sales"}], MUTE.stored) == []
    return link


def test_what_was_sent_without_an_answer_is_known_as_ours_once_the_mapping_speaks_of_it_again():
    link = sent_unseen()
    take(link, READ, [], MUTE.stored)

    assert take(link, {**READ, "department": "SALES"}, [], SHOUTING.stored) == []

    assert not link.claims("department")
    assert link.agreed()["department"] == "sales"


def test_what_never_arrived_is_lacking_once_the_mapping_speaks_of_it_again():
    link = sent_unseen()

    assert take(link, READ, [], SHOUTING.stored) == []

    assert link.told == {}
    assert "department" not in link.agreed()


def test_another_value_there_is_an_edit_and_ours_typed_later_is_one_too():
    link = sent_unseen()

    [edit] = take(link, {**READ, "department": "BUYING"}, [], SHOUTING.stored)
    [again] = take(link, {**READ, "department": "SALES"}, [], SHOUTING.stored)

    assert (edit.theirs, again.theirs) == ("BUYING", "SALES")
    assert link.claims("department")


def test_what_was_sent_later_and_answered_takes_the_place_of_what_was_not():
    link = sent_unseen()

    acknowledge(link, {"department": "law"}, {**READ, "department": "LAW"}, SHOUTING.stored, 1.0)

    assert link.told == {"department": ["department", "law"]}


def test_every_unanswered_value_is_remembered_in_the_store(rig):
    both(rig)
    link = rig.link("crm", there(rig, ADA["mail"]))
    take(link, link.fields, [{"department": "sales"}, {"department": "law"}], MUTE.stored)

    with rig.store.write() as tx:
        db.update_sides(tx, [link])

    assert rig.link("crm", link.external_id).told == {"?department": ["", ["sales", "law"]]}
    assert rig.link("crm", link.external_id).agreed() == link.fields
