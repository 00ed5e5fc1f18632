"""Somebody asks to be erased: the hub forgets them, the systems are told, and they do not come in again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from hub.errors import NotThere, TransientError
from hub.model import Done, Op
from hub.store import erasures, holdings, inbox, opt_in
from hub.store.opt_in import Asking
from hub.store.schema import metadata
from hub.sync import erase, held_rows, people
from hub.sync.engine import Hub
from hub.sync.plan import preview
from hub.sync.run import Orders, sync
from hub.sync.struck import EMPTY, strike
from tests.fakes.rig import ADA, EVA, RUI, Rig, mapping
from tests.fakes.systems import FakeConnector, can, lost_reply, not_now, refused, timed_out

BRUNO = {"first": "Bruno", "last": "Abreu", "mail": "ada@example.org", "tel": "912345678"}  # of one family


def two(rig: Rig) -> str:
    """Ada in two systems; her golden id."""
    rig.add("crm"), rig.add("shop")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.settle()
    return rig.home("crm", "1")


def steps(rig: Rig, made: erasures.Erasure) -> dict[str, str]:
    with rig.store.read() as tx:
        found = erasures.steps(tx, [made.id]).get(made.id, [])
    return {step.connection: step.outcome or step.state for step in found}


def told(rig: Rig, *names: str) -> None:
    for name in names or tuple(rig.systems):
        rig.later(4000)
        rig.sync(name)


def emptied(rig: Rig, made: erasures.Erasure) -> str:
    """As the search index does when it has come so far."""
    with rig.store.write() as tx:
        erasures.emptied(tx, [made.id], rig.now)
        found = erasures.erasure(tx, made.id)
    assert found is not None
    return found.state


# --- the list ---------------------------------------------------------------------------------------


def test_every_table_is_in_the_list_or_holds_nobody():
    listed = {place.table for place in holdings.PLACES}

    assert listed | holdings.HOLDS_NOBODY.keys() == metadata.tables.keys()
    assert not listed & holdings.HOLDS_NOBODY.keys()


# --- the hub ----------------------------------------------------------------------------------------


def test_nothing_of_them_is_left_and_nobody_else_has_changed(rig):
    golden_id = two(rig)
    before = rig.rows("SELECT * FROM golden WHERE id <> :g", g=golden_id)

    erase.erase(rig.hub, golden_id, "eve")

    for table in metadata.tables:
        text = str(rig.rows(f"SELECT * FROM {table}")).lower()
        assert "ada@example.org" not in text, table
        assert "abreu" not in text, table
    assert rig.rows("SELECT * FROM golden") == before


def test_who_is_not_there_cannot_be_erased(rig):
    with pytest.raises(NotThere):
        erase.erase(rig.hub, "g404", "eve")


def test_an_id_from_before_a_merge_is_theirs_too(rig):
    rig.add("crm")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.settle()
    old = {rig.home("crm", "1"), rig.home("crm", "2")}
    kept = people.merge(rig.hub, sorted(old), "eve")

    erase.erase(rig.hub, (old - {kept}).pop(), "eve")

    assert rig.rows("SELECT id FROM golden") == []


def test_what_was_asked_is_in_the_audit_without_values(rig):
    golden_id = two(rig)

    made = erase.erase(rig.hub, golden_id, "eve", "case 7")

    [(who, subject, detail)] = rig.rows("SELECT who, subject, detail FROM audit WHERE action = 'erasure asked'")
    assert (who, subject) == ("eve", f"erasure {made.id}")
    assert "ada" not in detail.lower().replace("erasure", "")


def test_somebody_of_the_same_family_stays_as_they_are(rig):
    rig.add("crm")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **BRUNO)
    rig.settle()
    assert rig.home("crm", "1") != rig.home("crm", "2")
    before = rig.rows("SELECT * FROM record WHERE external_id = '2'"), rig.golden("crm", "2")

    erase.erase(rig.hub, rig.home("crm", "1"), "eve")
    told(rig)

    assert (rig.rows("SELECT * FROM record WHERE external_id = '2'"), rig.golden("crm", "2")) == before
    rig.systems["crm"].put("2", job="pilot")
    rig.systems["crm"].put("3", first="Carla", last="Abreu", mail="ada@example.org")
    told(rig)
    assert rig.golden("crm", "2")["job_title"] == "pilot"
    assert rig.golden("crm", "3")["given_name"] == "Carla"


# --- they do not come in again ----------------------------------------------------------------------


def again(rig: Rig, name: str, row_id: str, **fields: str) -> dict[str, int]:
    rig.systems[name].put(row_id, **fields)
    rig.later(100)
    return rig.listing(name).counts


@pytest.mark.parametrize(
    "fields",
    [
        ADA,
        {"first": "ADA", "last": "Abreu", "mail": "Ada@Example.org"},
        {"first": "Ada", "last": "Abreu", "tel": "+351 912 345 678"},
        {"mail": "ada@example.org"},
        {"tel": "912345678"},
    ],
)
def test_they_are_kept_out_under_another_key(rig, fields):
    erase.erase(rig.hub, two(rig), "eve")

    counts = again(rig, "shop", "new", **fields)

    assert counts["withheld"] >= 1
    assert "ada@example.org" not in str(rig.rows("SELECT fields FROM golden")).lower()
    assert len(rig.goldens()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"first": "Beatriz", "last": "Abreu", "mail": "ada@example.org", "tel": "912345678"},
        {"first": "Ada", "last": "Abreu", "mail": "another@example.org"},
        EVA,
    ],
)
def test_somebody_else_is_not_kept_out(rig, fields):
    erase.erase(rig.hub, two(rig), "eve")

    counts = again(rig, "shop", "new", **fields)

    assert rig.golden("shop", "new")["given_name"] == fields["first"]
    assert counts.get("withheld", 0) <= 1  # the record that is still to be deleted


def test_what_another_has_by_now_keeps_nobody_out_alone(rig):
    erase.erase(rig.hub, two(rig), "eve")
    again(rig, "shop", "b", **BRUNO)

    counts = again(rig, "shop", "c", mail="ada@example.org")

    assert rig.golden("shop", "c")["emails/ada@example.org"] == {}
    assert counts.get("withheld", 0) <= 1


def test_a_key_that_is_given_out_anew_is_somebody_elses(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    told(rig)
    assert steps(rig, made)["crm"] == "deleted"

    again(rig, "crm", "1", **EVA)

    assert rig.golden("crm", "1")["given_name"] == "Eva"


def test_a_record_that_has_become_somebody_elses_is_not_deleted(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    rig.systems["crm"].remove("1")
    rig.systems["crm"].put("1", **EVA)

    told(rig)

    assert rig.systems["crm"].rows["1"].fields["first"] == EVA["first"]
    assert steps(rig, made) == {"crm": "somebody else", "shop": "deleted"}
    assert erase.confirm(rig.hub, made.id, "crm", "eve") == 1
    again(rig, "crm", "1", **EVA)
    assert rig.golden("crm", "1")["given_name"] == "Eva"


def test_a_record_that_still_has_something_of_theirs_is_deleted(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    rig.systems["crm"].put("1", first="A.", last="Byron", mail="new@example.org")

    told(rig)

    assert "1" not in rig.systems["crm"].rows
    assert steps(rig, made)["crm"] == "deleted"


def test_their_record_that_cannot_be_understood_is_not_set_aside(rig):
    golden_id = two(rig)
    erase.erase(rig.hub, golden_id, "eve")

    rig.systems["shop"].put("odd", mail="ada@example.org", tel="not a number")
    rig.listing("shop")

    assert rig.parked() == []


def test_who_was_erased_while_a_page_was_read_does_not_come_in(rig):
    golden_id = two(rig)
    system = rig.systems["crm"]
    system.put("1", job="captain")

    def once(call: str) -> None:
        system.during = lambda _: None
        erase.erase(rig.hub, golden_id, "eve")

    system.during = once
    rig.later(100)
    rig.sync("crm")

    assert len(rig.goldens()) == 1


def erased_after_the_plan(rig: Rig, golden_id: str) -> Callable[..., Any]:
    """A plan of a first sync, after which somebody is erased before it is written down."""

    def plan(hub: Hub, connector: Any, name: str) -> Any:
        made = preview(hub, connector, name)
        erase.erase(hub, golden_id, "eve")
        return made

    return plan


def test_who_was_erased_after_a_plan_was_made_is_not_in_the_hold(rig):
    rig.add("crm")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **BRUNO)
    rig.settle()
    rig.add("shop", started=False)
    rig.systems["shop"].put("a", **ADA)
    rig.systems["shop"].put("r", **RUI)
    golden_id = rig.home("crm", "1")
    orders = Orders(preview=erased_after_the_plan(rig, golden_id))

    result = sync(rig.hub, FakeConnector(rig.systems["shop"]), "shop", orders)

    assert result.status == "held"
    text = str(rig.rows("SELECT * FROM plan_row")).lower()
    assert "ada abreu" not in text
    assert golden_id not in text
    assert "bruno" in text
    assert "rui" in text
    assert rig.rows("SELECT DISTINCT verdict FROM plan_row WHERE subject = 'erased'") == [("overtaken",)]


def page_row(subject: str, golden_id: str, fields: Mapping[str, Any], records: Mapping[str, str]) -> held_rows.Row:
    changes = {key: [None, value] for key, value in fields.items()}
    row = held_rows.held_row("crm", "created", subject, golden_id, "somebody", changes)
    return {**row, "mark": held_rows.mark_of_intake(None, records)}


def test_of_a_page_that_was_read_before_only_the_rows_of_who_was_erased_are_emptied(rig):
    rig.add("crm")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **BRUNO)
    rig.settle()
    ada, bruno = rig.golden("crm", "1"), rig.golden("crm", "2")
    rows = [
        page_row("new", "g-never-made", ada, {"new": "00"}),
        page_row("2", rig.home("crm", "2"), bruno, {"2": "00"}),
        page_row("1, 2", rig.home("crm", "2"), bruno, {"1": "00", "2": "00"}),  # it would have joined them
        page_row("1", rig.home("crm", "1"), {"job_title": "captain"}, {}),
        page_row("new", "g-of-the-family", {**bruno, "given_name": "Carla"}, {"new": "00"}),
    ]
    erase.erase(rig.hub, rig.home("crm", "1"), "eve")

    with rig.store.write() as tx:
        found = strike(tx, rows)

    assert [row["subject"] for row in found] == ["erased", "2", "erased", "erased", "new"]
    assert (found[1], found[4]) == (rows[1], rows[4])
    assert found[0] == {**rows[0], **EMPTY}


def test_rows_are_left_as_they_are_where_nobody_was_erased(rig):
    rows = [page_row("new", "g1", {"job_title": "captain"}, {"new": "00"})]

    with rig.store.write() as tx:
        assert strike(tx, rows) == rows


def test_after_it_was_lifted_they_may_come_in(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    told(rig)
    with rig.store.write() as tx:
        assert erasures.lift(tx, made.id, "eve", rig.now)
        assert not erasures.lift(tx, made.id, "eve", rig.now)

    again(rig, "crm", "9", **ADA)

    assert rig.golden("crm", "9")["given_name"] == "Ada"


# --- the systems ------------------------------------------------------------------------------------


def test_each_system_is_told_and_the_receipt_says_so(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    assert steps(rig, made) == {"crm": "pending", "shop": "pending"}

    told(rig)

    assert steps(rig, made) == {"crm": "deleted", "shop": "deleted"}
    assert list(rig.systems["crm"].rows) == ["2"]
    assert len(rig.systems["shop"].rows) == 1
    assert rig.rows("SELECT 1 FROM erasure_step WHERE external_id IS NOT NULL OR hub_key IS NOT NULL") == []
    assert emptied(rig, made) == "done"


def test_a_policy_against_deletions_does_not_stand_against_it(rig):
    rig.add("crm", deletes="keep")
    rig.systems["crm"].put("1", **ADA)
    rig.settle()

    erase.erase(rig.hub, rig.home("crm", "1"), "eve")
    told(rig)

    assert rig.systems["crm"].rows == {}


@pytest.mark.parametrize(
    ("abilities", "options", "how"),
    [
        (can(), {}, "pending"),
        (can(delete=False), {}, "pending"),
        (can(delete=False, read=False), {}, "by hand"),
        (can(), {"push": "no"}, "by hand"),
        (can(), {"push": "no", "erasure": "delete"}, "pending"),
        (can(), {"erasure": "by hand"}, "by hand"),
        (can(), {"erasure": "erase"}, "by hand"),
        (can(delete=False, update=False, erase=True), {}, "pending"),
        (can(delete=False), {"erasure": "delete"}, "by hand"),
    ],
)
def test_what_a_system_cannot_do_is_left_to_a_person(rig, abilities, options, how):
    rig.add("crm", abilities, **options)
    rig.systems["crm"].put("1", **ADA)
    rig.settle()

    assert steps(rig, erase.erase(rig.hub, rig.home("crm", "1"), "eve")) == {"crm": how}


def test_a_system_without_deletion_has_the_fields_emptied(rig):
    rig.add("crm", can(delete=False))
    rig.systems["crm"].put("1", **ADA)
    rig.settle()
    made = erase.erase(rig.hub, rig.home("crm", "1"), "eve")

    for _ in range(3):
        told(rig)
    rig.listing("crm")

    assert not any(rig.systems["crm"].rows["1"].fields.values())
    assert steps(rig, made) == {"crm": "emptied"}
    assert rig.rows("SELECT id FROM golden") == []


def one(rig: Rig, **abilities: bool) -> erasures.Erasure:
    """Ada in a system of these abilities, erased and told."""
    options = {"erasure": abilities.pop("chosen")} if "chosen" in abilities else {}
    rig.add("crm", can(**abilities), **options)
    rig.systems["crm"].put("1", **ADA)
    rig.settle()
    return erase.erase(rig.hub, rig.home("crm", "1"), "eve")


@pytest.mark.parametrize("restorable", [True, False])
def test_a_system_that_can_erase_is_told_to_and_not_to_delete(rig, restorable):
    made = one(rig, erase=True, restorable=restorable)

    told(rig)

    assert [write.op for write in rig.systems["crm"].writes] == [Op.ERASE]
    assert steps(rig, made) == {"crm": "erased"}
    assert emptied(rig, made) == "done"


@pytest.mark.parametrize("is_there", [True, False])
def test_what_can_be_had_back_from_a_bin_waits_for_a_person(rig, is_there):
    made = one(rig, restorable=True)
    if not is_there:
        rig.systems["crm"].remove("1")

    told(rig)

    assert rig.systems["crm"].rows == {}
    assert steps(rig, made) == {"crm": "restorable" if is_there else "not there"}
    assert emptied(rig, made) == "open"
    assert erase.confirm(rig.hub, made.id, "crm", "eve") == 1
    assert steps(rig, made) == {"crm": "by hand"}
    assert emptied(rig, made) == "done"


def test_a_deletion_that_was_chosen_is_none_for_good(rig):
    made = one(rig, erase=True, restorable=True, chosen="delete")

    told(rig)

    assert [write.op for write in rig.systems["crm"].writes] == [Op.DELETE]
    assert steps(rig, made) == {"crm": "restorable"}


def test_what_was_deleted_before_is_taken_out_of_the_bin_where_an_erasure_does_that(rig):
    made = one(rig, erase=True, restorable=True, empties_bin=True)
    rig.systems["crm"].remove("1")

    told(rig)

    assert [write.op for write in rig.systems["crm"].writes] == [Op.ERASE]
    assert steps(rig, made) == {"crm": "not there"}
    assert emptied(rig, made) == "done"


def test_an_erasure_that_ends_in_the_bin_waits_for_a_person(rig):
    made = one(rig, erase=True, restorable=True, empties_bin=True)
    rig.systems["crm"].answers.append(lambda connector, writes: [Done(None, in_bin=True) for _ in writes])

    told(rig)

    assert steps(rig, made) == {"crm": "restorable"}
    assert emptied(rig, made) == "open"


def test_an_erasure_whose_answer_was_lost_is_not_looked_for_in_the_bin(rig):
    made = one(rig, erase=True, restorable=True)
    rig.systems["crm"].answers.append(lost_reply)

    for _ in range(3):
        told(rig)

    assert steps(rig, made) == {"crm": "not there"}
    assert emptied(rig, made) == "done"


def test_a_system_that_cannot_do_any_more_what_was_asked_of_it_is_left_to_a_person(rig):
    made = one(rig, erase=True)
    rig.systems["crm"].can = can()
    rig.routes["crm"] = replace(rig.routes["crm"], can=can())

    told(rig)

    assert steps(rig, made) == {"crm": "by hand"}
    assert rig.systems["crm"].writes == []


def test_one_that_is_down_for_a_week_is_told_then(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    system = rig.systems["crm"]
    for _ in range(7):
        system.failures.extend([TransientError("away")])
        rig.later(86_400)
        assert rig.sync("crm").status == "failed"
        assert steps(rig, made)["crm"] == "pending"

    told(rig, "crm")

    assert steps(rig, made)["crm"] == "deleted"
    assert emptied(rig, made) == "open"  # the other one was not told yet


@pytest.mark.parametrize("answer", [lost_reply, timed_out, not_now()])
def test_an_outcome_that_is_not_known_is_found_out(rig, answer):
    made = erase.erase(rig.hub, two(rig), "eve")
    rig.systems["crm"].answers.append(answer)

    for _ in range(3):
        told(rig, "crm")

    assert steps(rig, made)["crm"] in ("deleted", "not there")
    assert "1" not in rig.systems["crm"].rows
    assert sum(w.op is Op.DELETE for w in rig.systems["crm"].writes) == 1


def test_a_refusal_waits_for_a_person(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    rig.systems["crm"].answers.append(refused("there are invoices of ada@example.org"))

    told(rig, "crm")

    assert steps(rig, made)["crm"] == "refused"
    assert "ada@" not in str(rig.rows("SELECT * FROM erasure_step"))


def test_a_system_that_shows_them_again_is_told_once_more_and_then_a_person_looks(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    told(rig)
    assert emptied(rig, made) == "done"

    again(rig, "crm", "1", **ADA)
    assert "1" not in rig.systems["crm"].rows
    again(rig, "crm", "1", **ADA)
    again(rig, "crm", "1", **ADA)

    assert steps(rig, made)["crm"] == "by hand"
    assert sum(w.op is Op.DELETE for w in rig.systems["crm"].writes) == 2
    with rig.store.read() as tx:
        assert erasures.erasure(tx, made.id).state == "open"


@pytest.mark.parametrize("promise", ["R", "E", "K", "W"])
def test_what_an_unanswered_create_has_made_is_found_and_deleted(rig, promise):
    rig.add("crm"), rig.add("shop", can(promise))
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    rig.systems["shop"].answers.append(lost_reply)
    rig.sync("shop")
    assert len(rig.systems["shop"].rows) == 1

    made = erase.erase(rig.hub, rig.home("crm", "1"), "eve")
    for _ in range(3):
        told(rig)
        rig.listing("shop")

    if promise in "RE":
        assert rig.systems["shop"].rows == {}
        assert steps(rig, made)["shop"] == "deleted"
    else:
        assert steps(rig, made)["shop"] == "by hand"
    assert rig.rows("SELECT id FROM golden") == []


def erased_during_the_next_write(rig, golden_id, system):
    def once(call: str) -> None:
        if call == "write":
            system.during = lambda _: None
            erase.erase(rig.hub, golden_id, "eve")

    system.during = once


def test_who_is_erased_while_a_create_is_on_its_way_is_deleted_there(rig):
    rig.add("crm"), rig.add("shop")
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    golden_id, system = rig.home("crm", "1"), rig.systems["shop"]
    erased_during_the_next_write(rig, golden_id, system)
    rig.sync("shop")
    told(rig, "shop")

    assert system.rows == {}
    assert rig.rows("SELECT 1 FROM record") == []


def test_who_is_erased_while_an_update_is_on_its_way_is_deleted_there(rig):
    golden_id, system = two(rig), rig.systems["shop"]
    rig.systems["crm"].put("1", job="captain")
    rig.later(100)
    rig.sync("crm")
    erased_during_the_next_write(rig, golden_id, system)
    rig.sync("shop")
    told(rig, "shop")

    assert len(system.rows) == 1
    assert rig.rows("SELECT 1 FROM record WHERE golden_id = :g", g=golden_id) == []


def test_it_goes_past_the_limit_on_deletions(rig):
    from hub.sync.guard import Limit, Limits

    none = Limits(*[Limit(None, 10_000)] * 2, Limit(None, 0), *[Limit(None, 10_000)] * 2)
    rig.add("crm", limits=none)
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.settle()

    erase.erase(rig.hub, rig.home("crm", "1"), "eve")
    told(rig)

    assert list(rig.systems["crm"].rows) == ["2"]
    assert rig.holds() == []


def test_what_is_parked_of_them_goes(rig):
    rig.add("crm", table=mapping())
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.systems["crm"].put("1", stage="X")
    rig.systems["crm"].put("2", stage="X")
    rig.settle()
    assert len(rig.parked("value")) == 2

    erase.erase(rig.hub, rig.home("crm", "1"), "eve")

    assert [row.external_id for row in rig.parked("value")] == ["2"]


def test_who_confirms_a_double_opt_in_is_back(rig):
    made = erase.erase(rig.hub, two(rig), "eve")
    rig.add("form", can(read=False, create=False, update=False, delete=False))
    asking = ("o9", "form", "d9", "ada@example.org", "mark", {}, {}, rig.now, rig.now + 999, "due")
    with rig.store.write() as tx:
        inbox.bring_again(tx, "form", "d8", rig.now, {"email": "ada@example.org"})
        inbox.bring_again(tx, "form", "d9", rig.now, {"email": "ada@example.org"})
        opt_in.add(tx, Asking(*asking))
    rig.systems["form"].put("d8", **ADA)
    rig.systems["form"].put("d9", **ADA)
    rig.later(100)
    assert rig.sync("form").counts["withheld"] == 2
    assert rig.rows("SELECT delivery_id FROM inbox") == [("d9",)]

    with rig.store.write() as tx:
        found = opt_in.known(tx, "form", "o9")
        assert found is not None
        erasures.come_back(tx, "form", "d9", found.withheld, rig.now)
    rig.later(100)
    rig.listing("form")

    assert rig.golden("form", "d9")["given_name"] == "Ada"
    assert rig.rows("SELECT state, ended_by FROM erasure WHERE id = :i", i=made.id) == [("lifted", "double opt-in")]


@pytest.mark.parametrize("is_known", [False, True])
def test_who_is_erased_while_a_link_to_their_company_is_written_stops_nobody_else(rig, is_known):
    table = mapping(company="company")
    rig.add("crm", can(links=frozenset({"company"})), table=table)
    rig.add("erp", table=table)
    rig.systems["erp"].put("1", **ADA, company="Acme")
    rig.systems["erp"].put("2", **RUI, company="Acme")
    if is_known:
        rig.settle()
        rig.systems["erp"].put("1", company="Bolt")
        rig.systems["erp"].put("2", company="Bolt")
        rig.later(100)
    rig.sync("erp")
    erased_during_the_next_write(rig, rig.home("erp", "1"), rig.systems["crm"])

    assert rig.sync("crm").status == "done"
    told(rig)

    [(_, row)] = rig.systems["crm"].rows.items()
    assert (row.fields["first"], row.fields["company"]) == ("Rui", "Bolt" if is_known else "Acme")
