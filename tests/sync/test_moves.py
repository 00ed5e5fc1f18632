"""Records move when later evidence speaks against where they are, and what was written meanwhile is put right.

Erick and his father bear one name and share a landline. What Erick signed up for is taken for his father's, until a
record turns up that says whose e-mail address it is.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.store import changes
from hub.store.db import dumps
from hub.sync.erase import erase
from hub.sync.guard import Limit, Limits
from hub.sync.people import merge, split
from tests.fakes.rig import NO_LIMIT, Rig, mapping
from tests.fakes.systems import FakeSystem, can

NAME = {"first": "Erick", "last": "Barinha"}
HOME = {**NAME, "tel": "213344556"}
FATHER = {**HOME, "born": "1950-05-01", "mail": "erick.b@example.org"}
SON = {**HOME, "born": "1982-11-20", "mail": "dragon@example.org"}
SIGNED_UP = {**HOME, "mail": "dragon@example.org", "note": "likes boats"}
NO_MOVES = Limits(NO_LIMIT, NO_LIMIT, NO_LIMIT, merges=Limit(None, 0), consents=NO_LIMIT)


@pytest.fixture
def rig(rig: Rig) -> Rig:
    for name in ("erp", "web", "list"):
        rig.add(name, can(), table=mapping(birth_date="born"), push="no")
    rig.add("crm", can(), table=mapping(birth_date="born"))
    return rig


def mistaken(rig: Rig, **signed_up: str) -> FakeSystem:
    """What the son signed up for has been taken for his father's, and `crm`, which is returned, has heard of it."""
    for name in ("erp", "web"):
        rig.systems[name].put("f", **FATHER)
    rig.settle()
    rig.systems["list"].put("x", **{**SIGNED_UP, **signed_up})
    rig.settle()
    assert rig.home("list", "x") == rig.home("erp", "f")
    return rig.systems["crm"]


def made(rig: Rig, golden_id: str) -> str:
    """The one record of a golden record in `crm`."""
    [row] = rig.rows("SELECT external_id FROM record WHERE connection = 'crm' AND golden_id = :g", g=golden_id)
    return str(row[0])


def test_a_record_moves_into_a_new_golden_record_when_it_turns_out_whose_it_is(rig):
    mistaken(rig)
    before = rig.home("erp", "f")

    rig.systems["erp"].put("s", **SON)
    result = rig.sync("erp")

    assert result.counts["moves"] == 1
    assert rig.home("list", "x") == rig.home("erp", "s") != before
    assert rig.home("erp", "f") == rig.home("web", "f") == before


def test_a_record_moves_into_a_golden_record_that_was_there(rig):
    rig.systems["web"].put("s", **{**NAME, "born": "1982-11-20", "mail": "son@example.org"})
    mistaken(rig)
    son = rig.home("web", "s")
    assert son != rig.home("list", "x")

    rig.systems["web"].put("s", **{**SON, "mail": "dragon@example.org"})
    rig.later(100)
    rig.sync("web")

    assert rig.home("list", "x") == rig.home("web", "s") == son
    assert rig.home("erp", "f") != son


def test_what_had_been_written_for_a_record_that_moved_is_taken_back_and_written_where_it_belongs(rig):
    crm = mistaken(rig)
    fathers = made(rig, rig.home("erp", "f"))
    assert crm.rows[fathers].fields["note"] == "likes boats"

    rig.systems["erp"].put("s", **SON)
    rig.settle()

    sons = made(rig, rig.home("erp", "s"))
    assert not crm.rows[fathers].fields["note"]
    assert crm.rows[sons].fields["note"] == "likes boats"
    assert [crm.rows[row].fields["mail"] for row in (fathers, sons)] == [FATHER["mail"], SON["mail"]]
    assert rig.queue("crm") == rig.intents("crm") == []


def test_what_the_hub_made_stays_with_the_golden_record_that_it_was_made_for(rig):
    crm = mistaken(rig)
    father = rig.home("erp", "f")
    [row] = crm.rows

    rig.systems["erp"].put("s", **SON)
    rig.settle()

    assert rig.home("crm", row) == father
    assert len(crm.rows) == 2


def test_a_value_that_had_to_give_way_comes_back(rig):
    crm = rig.systems["crm"]
    crm.put("F", **FATHER, job="Chef")
    rig.later(100)
    mistaken(rig, job="Sailor")
    assert crm.rows["F"].fields["job"] == "Sailor"

    rig.systems["erp"].put("s", **SON)
    rig.settle()

    assert rig.home("crm", "F") == rig.home("erp", "f")
    assert crm.rows["F"].fields["job"] == "Chef"
    assert crm.rows[made(rig, rig.home("erp", "s"))].fields["job"] == "Sailor"


def test_the_history_of_both_golden_records_says_what_happened(rig):
    mistaken(rig)
    rig.systems["erp"].put("s", **SON)
    rig.sync("erp")

    kinds = {(r[0], r[1]) for r in rig.rows("SELECT golden_id, kind FROM change")}
    assert (rig.home("erp", "f"), "split by matching") in kinds
    assert (rig.home("erp", "s"), "split off by matching") in kinds


@pytest.mark.parametrize("was_there", [False, True])
def test_who_is_erased_is_forgotten_too_where_a_record_of_theirs_was_before_it_moved(rig, was_there):
    if was_there:
        rig.systems["web"].put("s", **{**NAME, "born": "1982-11-20", "mail": "son@example.org"})
    mistaken(rig)
    rig.systems["web"].put("s", **{**SON, "mail": "dragon@example.org"})
    rig.later(100)
    rig.settle()
    father, son = rig.home("erp", "f"), rig.home("list", "x")
    assert father != son == rig.home("web", "s")
    assert "dragon" in str(rig.rows("SELECT detail FROM change WHERE golden_id = :g", g=father))

    erase(rig.hub, son, "ana")

    assert "dragon" not in str(rig.rows("SELECT * FROM change"))
    assert "dragon" not in str(rig.rows("SELECT * FROM conflict"))
    assert rig.home("erp", "f") == father


def test_where_a_record_was_before_it_moved_counts_from_the_beginning_whatever_else_was_merged(rig):
    lines = [("g2", 50.0, changes.MERGED_AWAY, {"into": "g1"}), ("g2", 90.0, changes.MOVED_IN, {"from": "g5"})]
    with rig.hub.store.write() as tx:
        changes.log(tx, [changes.Change(g, at, kind, None, dumps(said)) for g, at, kind, said in lines], None)

        assert changes.parted_from(tx, ["g2"]) == (["g5"], 0.0, 90.0)


def test_what_a_person_said_is_one_does_not_move(rig):
    crm = mistaken(rig)
    father = rig.home("erp", "f")
    apart = split(rig.hub, father, [("list", "x")], "eve")
    merge(rig.hub, [father, apart], "eve")
    rig.settle()

    rig.systems["erp"].put("s", **SON)
    rig.settle()

    assert rig.home("list", "x") == rig.home("erp", "f") == rig.home("web", "f")
    assert rig.home("erp", "s") != rig.home("erp", "f")
    assert crm.rows[made(rig, rig.home("erp", "f"))].fields["note"] == "likes boats"


def test_nothing_moves_above_the_limit_on_merges_and_all_the_same_later_below_it(rig):
    route = rig.routes["erp"]
    rig.routes["erp"] = replace(route, limits=NO_MOVES)
    crm = mistaken(rig)
    rig.systems["erp"].put("s", **SON)
    rig.settle()

    assert rig.home("list", "x") == rig.home("erp", "f") != rig.home("erp", "s")
    assert crm.rows[made(rig, rig.home("erp", "f"))].fields["note"] == "likes boats"

    rig.routes["erp"] = route
    rig.systems["erp"].put("s", tel="961234567")
    rig.settle()

    assert rig.home("list", "x") == rig.home("erp", "s") != rig.home("erp", "f")
