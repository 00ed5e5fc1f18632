"""What people decide: pins, merges and splits, answers, overturned conflicts, refused holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.mapping.elements import address_key
from hub.store import lists
from hub.store.db import dumps
from hub.store.disputes import log_conflicts
from hub.sync import desk
from hub.sync.guard import Limit, Limits
from hub.sync.people import answer, merge, overturn, pin, split, unpin
from tests.sync.two_systems import NO_LIMIT, TwoSystems


@pytest.fixture
def two() -> Iterator[TwoSystems]:
    with closing(TwoSystems()) as made:
        yield made


def strangers(two: TwoSystems) -> tuple[str, str]:
    """Two people of whom each system holds both; the golden ids."""
    ana = two.type_in("c", "Ana", "Silva", "ana@example.org", job="Buyer")
    rui = two.type_in("s", "Rui", "Costa", "rui@example.org", dept="SALES")
    two.settle()
    return two.home("c", ana), two.home("s", rui)


# --- pins -------------------------------------------------------------------------------------------


def test_a_pin_beats_what_every_system_says(two):
    ana, _ = strangers(two)

    pin(two.hub, ana, "job_title", "Director", "eve")
    two.edit("c", "c1", job="Clerk")
    two.settle()

    assert two.fields(ana)["job_title"] == "Director"


def test_a_pin_reaches_every_system(two):
    ana, _ = strangers(two)

    pin(two.hub, ana, "department", "Finance", "eve")
    two.settle()

    assert two.row("c", "c1")["dept"] == "Finance"
    assert [r.fields["dept"] for r in two.systems["s"].rows.values() if r.fields["mail"] == "ana@example.org"] == [
        "FINANCE"
    ]


def test_an_unpinned_field_goes_back_to_what_the_systems_say(two):
    ana, _ = strangers(two)
    pin(two.hub, ana, "job_title", "Director", "eve")
    two.settle()

    unpin(two.hub, ana, "job_title", "eve")
    two.settle()

    assert two.fields(ana)["job_title"] == "Buyer"
    assert two.row("c", "c1")["job"] == "Buyer"


def test_a_pin_of_nothing_takes_an_element_out(two):
    ana, _ = strangers(two)

    pin(two.hub, ana, "emails/ana@example.org", None, "eve")

    assert "emails/ana@example.org" not in two.fields(ana)


def test_a_pin_of_a_golden_record_that_never_was_changes_nothing(two):
    with pytest.raises(ConfigError, match="Nothing was changed"):
        pin(two.hub, "g9999", "job_title", "Director", "eve")


# --- merge and split --------------------------------------------------------------------------------


def test_an_old_id_resolves_after_a_merge(two):
    ana, rui = strangers(two)

    kept = merge(two.hub, [ana, rui], "eve")

    assert {two.answers(ana), two.answers(rui)} == {kept}


def test_a_pin_by_an_old_id_reaches_the_record_that_answers_for_it(two):
    ana, rui = strangers(two)
    kept = merge(two.hub, [ana, rui], "eve")
    lost = rui if kept == ana else ana

    assert pin(two.hub, lost, "job_title", "Director", "eve") == kept


def test_a_split_gives_the_merged_id_its_own_records_back(two):
    ana, rui = strangers(two)
    kept = merge(two.hub, [ana, rui], "eve")
    lost = rui if kept == ana else ana
    refs = [
        ref for ref in two.claims(kept) if two.row(*ref)["mail"] == ("rui" if lost == rui else "ana") + "@example.org"
    ]

    assert split(two.hub, kept, refs, "eve") == lost
    assert two.answers(lost) == lost


def test_naming_the_records_that_would_stay_gives_the_same_two_golden_records(two):
    ana, rui = strangers(two)
    before = {g: two.claims(g) for g in (ana, rui)}
    kept = merge(two.hub, [ana, rui], "eve")

    assert split(two.hub, kept, list(before[kept]), "eve") == kept

    assert {g: two.claims(g) for g in (ana, rui)} == before


def test_a_split_gives_pins_back_to_the_record_they_were_made_for(two):
    ana, rui = strangers(two)
    pin(two.hub, ana, "job_title", "Director", "eve")
    pin(two.hub, rui, "job_title", "Chef", "eve")
    pin(two.hub, rui, "note", "left hand", "eve")
    before = {g: two.fields(g) for g in (ana, rui)}
    theirs = list(two.claims(rui))

    kept = merge(two.hub, [ana, rui], "eve")
    split(two.hub, kept, theirs, "eve")

    assert {g: two.fields(g) for g in (ana, rui)} == before


def test_a_split_by_other_lines_than_the_merge_makes_a_new_golden_record(two):
    ana, rui = strangers(two)
    kept = merge(two.hub, [ana, rui], "eve")
    one = next(iter(two.claims(kept)))

    new = split(two.hub, kept, [one], "eve")

    assert new not in (ana, rui)
    assert list(two.claims(new)) == [one]


def test_a_split_repairs_the_connected_systems_through_the_queue(two):
    ana, rui = strangers(two)
    theirs = list(two.claims(rui))
    rows = {name: {i: dict(r.fields) for i, r in s.rows.items()} for name, s in two.systems.items()}
    kept = merge(two.hub, [ana, rui], "eve")
    two.settle()
    assert two.row("c", "c1")["dept"] == two.row("s", "s1")["dept"] == "SALES"  # the merge had reached them

    split(two.hub, kept, theirs, "eve")

    assert set(two.waiting(ana)) | set(two.waiting(rui)) == {"c", "s"}
    two.settle()
    assert {name: {i: dict(r.fields) for i, r in s.rows.items()} for name, s in two.systems.items()} == rows


def test_after_a_split_nothing_is_left_to_write(two):
    ana, rui = strangers(two)
    theirs = list(two.claims(rui))
    kept = merge(two.hub, [ana, rui], "eve")
    two.settle()
    split(two.hub, kept, theirs, "eve")
    two.settle()
    writes = [s.writes for s in two.systems.values()]

    two.settle()

    assert [s.writes for s in two.systems.values()] == writes


@pytest.mark.parametrize("refs", [[("c", "nobody")], []])
def test_a_split_of_what_is_no_part_of_it_changes_nothing(two, refs):
    ana, _ = strangers(two)
    before = two.claims(ana)

    with pytest.raises(ConfigError, match="Nothing was changed"):
        split(two.hub, ana, refs or list(before), "eve")

    assert two.claims(ana) == before


NAMES = st.sampled_from("Ada Bela Caio Dora Enzo Flora Gil".split())
TEXTS = st.sampled_from(["", "A", "Buyer", "O'Neil-Ødegård", "a longer text than fits"])
PERSON = st.fixed_dictionaries({"first": NAMES, "job": TEXTS, "dept": TEXTS, "note": TEXTS, "nick": TEXTS})


def typed(two: TwoSystems, golden_id: str) -> dict[Any, Any]:
    """The claims of the records that people made; of what the hub wrote nothing is an opinion."""
    return {
        ref: said for ref, said in two.claims(golden_id).items() if two.systems[ref[0]].rows[ref[1]].made_by == "person"
    }


@settings(max_examples=100)
@given(one=PERSON, other=PERSON, told=st.booleans(), pinned=st.sampled_from([None, "job_title", "note"]))
def test_merge_then_split_gives_back_exactly_the_same_two_golden_records(one, other, told, pinned):
    with closing(TwoSystems()) as two:
        a = two.type_in("c", last="Abreu", mail="a@example.org", **one)
        b = two.type_in("s", last="Kowalczyk", mail="b@example.net", **other)
        two.settle()
        homes = [two.home("c", a), two.home("s", b)]
        if pinned:
            pin(two.hub, homes[1], pinned, "pinned", "eve")
        before = {g: (two.fields(g), typed(two, g)) for g in homes}
        theirs = list(two.claims(homes[1]))

        kept = merge(two.hub, homes, "eve")
        if told:
            two.settle()
        split(two.hub, kept, theirs, "eve")

        assert {g: (two.fields(g), typed(two, g)) for g in homes} == before
        assert two.goldens() == sorted(homes)


# --- questions --------------------------------------------------------------------------------------


def doubt(two: TwoSystems) -> int:
    """Two records that a person is asked about; the question's number."""
    two.type_in("c", "Maria", "Costa", "maria.costa@example.org", tel="912345678")
    two.type_in("s", "Mario", "Costa", "m.costa@example.net", tel="912345678")
    two.cycle("c")
    two.cycle("s")
    with two.store.write() as tx:
        rows = tx.all("SELECT id FROM record WHERE external_id IN ('c1', 's1') ORDER BY id")
        tx.run("DELETE FROM ask")
        tx.run(
            "INSERT INTO ask (record_a, record_b, weight, evidence, at, state)"
            " VALUES (:a, :b, -1.0, '[]', 0.0, 'open')",
            a=rows[0][0],
            b=rows[1][0],
        )
    return two.numbers("ask")[0]


def test_different_outranks_the_model_when_the_records_are_read_again(two):
    ana = two.type_in("c", "Ana", "Silva", "ana@example.org")
    same = two.type_in("s", "Ana", "Silva", "ana@example.org")
    two.settle()
    assert two.home("c", ana) == two.home("s", same)  # the model takes them for one

    split(two.hub, two.home("c", ana), [("s", same)], "eve")
    two.edit("s", same, first="Anna")
    two.edit("c", ana, nick="Nita")
    two.settle()
    two.edit("s", same, first="Ana")
    two.settle()

    assert two.home("c", ana) != two.home("s", same)
    assert two.numbers("ask") == []


def test_same_makes_one_of_two_and_leaves_the_list(two):
    number = doubt(two)

    kept = answer(two.hub, number, "same", "eve")

    assert two.home("c", "c1") == two.home("s", "s1") == kept
    assert two.numbers("ask") == []


def test_different_leaves_two_and_the_list(two):
    number = doubt(two)

    answer(two.hub, number, "different", "eve")

    assert two.home("c", "c1") != two.home("s", "s1")
    assert two.numbers("ask") == []


def test_an_answer_can_be_taken_back_both_ways(two):
    number = doubt(two)
    homes = two.goldens()
    answer(two.hub, number, "same", "eve")

    answer(two.hub, number, "different", "eve")
    apart = two.goldens()
    answer(two.hub, number, "same", "eve")

    assert apart == homes
    assert len(two.goldens()) == 1


def test_a_question_whose_records_were_merged_by_hand_is_no_longer_open(two):
    doubt(two)

    merge(two.hub, two.goldens(), "eve")

    with two.store.read() as tx:
        assert lists.asks(tx).rows == ()


def test_a_question_that_never_was_changes_nothing(two):
    with pytest.raises(ConfigError, match="Nothing was changed"):
        answer(two.hub, 99, "same", "eve")


# --- conflicts --------------------------------------------------------------------------------------


def double_edit(two: TwoSystems) -> int:
    """One field edited in both systems since they agreed; the conflict's number."""
    two.type_in("c", "Ana", "Silva", "ana@example.org", nick="Nita")
    two.settle()
    (there,) = two.systems["s"].rows
    two.edit("c", "c1", nick="Anita")
    two.edit("s", there, nick="Nini")
    two.settle()
    (number,) = two.numbers("conflict")
    return number


def test_overturning_a_conflict_pins_the_value_that_lost(two):
    number = double_edit(two)
    (ana,) = two.goldens()
    with two.store.read() as tx:
        conflict = lists.conflict(tx, number)
    loser = conflict.ours if conflict.winner == conflict.theirs else conflict.theirs
    assert {loser, conflict.winner} == {"Anita", "Nini"}

    overturn(two.hub, number, "eve")
    two.settle()

    assert two.fields(ana)["nickname"] == loser
    assert {r.fields["nick"] for s in two.systems.values() for r in s.rows.values()} == {loser}
    assert two.numbers("conflict", "overturned") == [number]


def test_a_conflict_that_cannot_be_marked_as_overturned_pins_nothing(two):
    number = double_edit(two)
    (ana,) = two.goldens()
    before = two.fields(ana)
    with two.store.write() as tx:
        tx.run("CREATE TRIGGER full BEFORE UPDATE ON conflict BEGIN SELECT RAISE(ABORT, 'disk full'); END")

    with pytest.raises(Exception, match="disk full"):
        overturn(two.hub, number, "eve")

    assert two.fields(ana) == before
    with two.store.read() as tx:
        assert tx.all("SELECT field FROM pin") == []
        assert lists.conflict(tx, number).state == "open"


def test_a_conflict_that_is_accepted_leaves_the_list_and_changes_nothing(two):
    number = double_edit(two)
    (ana,) = two.goldens()
    before = two.fields(ana)

    assert desk.accept(two.store, [number, number, 99], "eve", two.world.now) == 1

    assert two.numbers("conflict") == []
    assert two.fields(ana) == before


def test_a_conflict_that_never_was_cannot_be_overturned(two):
    with pytest.raises(ConfigError, match="Nothing was changed"):
        overturn(two.hub, 99, "eve")


# --- holds ------------------------------------------------------------------------------------------


@pytest.fixture
def limited() -> Iterator[TwoSystems]:
    """At most two new contacts a run."""
    limits = Limits(Limit(None, 2), NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT)
    with closing(TwoSystems(limits=limits)) as made:
        made.type_in("c", "Ana", "Silva", "ana@example.org")
        made.settle()
        for n, first in enumerate(("Bela", "Caio", "Dora", "Enzo", "Flora")):
            made.type_in("c", first, "Abreu", f"p{n}@example.org")
        yield made


def hold_of(two: TwoSystems) -> int:
    assert two.cycle("c", approve=False).status == "held"
    return two.numbers("hold")[0]


def test_a_refused_hold_pauses_its_connection(limited):
    desk.refuse(limited.store, hold_of(limited), "eve", limited.world.now)

    result = limited.cycle("c", approve=False, manual=False)

    assert result.status == "paused"
    assert "eve refused" in str(result.message)


def test_what_a_refused_run_had_read_goes_to_no_system(limited):
    desk.refuse(limited.store, hold_of(limited), "eve", limited.world.now)
    before = limited.systems["s"].writes

    limited.cycle("s", approve=False)

    assert limited.systems["s"].writes == before


def test_a_connection_started_by_hand_after_a_refusal_is_read_again(limited):
    desk.refuse(limited.store, hold_of(limited), "eve", limited.world.now)
    for row_id in list(limited.systems["c"].rows)[3:]:
        limited.systems["c"].person_deletes(row_id)

    assert limited.cycle("c", approve=False).status == "done"


def test_an_approved_hold_lets_the_next_run_do_what_it_counted(limited):
    for _ in range(6):
        if limited.cycle("c", approve=False).status == "done":
            break
        for number in limited.numbers("hold"):
            desk.approve(limited.store, number, "eve", limited.world.now)

    assert len(limited.goldens()) == 6


def test_a_hold_is_decided_once(limited):
    number = hold_of(limited)
    desk.approve(limited.store, number, "eve", limited.world.now)

    with pytest.raises(ConfigError, match="is approved already, so nothing was changed"):
        desk.refuse(limited.store, number, "eve", limited.world.now)


# --- what may be pinned -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "text", "pinned"),
    [
        ("job_title", "Head", ("job_title", "Head")),
        ("custom.shoe_size", "38", ("custom.shoe_size", "38")),
        ("job_title", None, ("job_title", None)),
        ("emails/Ana@Example.ORG", "work", ("emails/ana@example.org", {"label": "work"})),
        ("phones/912 345 678", "", ("phones/+351912345678", {})),
        ("birth_date", "1980-02-29", ("birth_date", "1980-02-29")),
    ],
)
def test_a_pin_takes_the_canonical_form(field, text, pinned):
    assert desk.pin_value(field, text, "PT") == pinned


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("shoe_size", "38"),
        ("emails", "ana@example.org"),
        ("emails/nonsense", ""),
        ("phones/1", ""),
        ("birth_date", "29.2.1980"),
        ("kind", "dog"),
        ("addresses/3f9a01c2", "somewhere"),
        ("consents/email|*|newsletter", "granted"),
        ("consents/email|*|newsletter", None),
    ],
)
def test_what_cannot_be_pinned_is_refused(field, text):
    with pytest.raises(ConfigError, match=r"[Nn]othing was changed"):
        desk.pin_value(field, text, "PT")


def test_overturning_a_conflict_of_addresses_puts_the_other_address_in_its_place(two):
    ana, _ = strangers(two)
    ours = {"street": "Rua Nova 1", "locality": "Lisboa", "country": "PT"}
    theirs = {"street": "Rua Velha 2", "locality": "Porto", "country": "PT"}
    mine, other = (f"addresses/{address_key(a)}" for a in (ours, theirs))
    pin(two.hub, ana, other, theirs, "somebody")
    row = {
        "run_id": None,
        "connection": "c",
        "golden_id": ana,
        "field": other,
        "at": 0.0,
        "rule": "latest",
        "claims": dumps([{"base": None, "theirs": theirs, "ours": ours}]),
        "winner": dumps(theirs),
        "diff": "",
        "told": "[]",
        "state": "open",
    }
    with two.store.write() as tx:
        log_conflicts(tx, [row])

    overturn(two.hub, two.numbers("conflict")[0], "eve")

    assert {k: v for k, v in two.fields(ana).items() if k.startswith("addresses/")} == {mine: ours}
