"""All contacts decided anew by another model: what it finds is what it would have found from the start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.dedupe.weigh import DEFAULT, NO_MATCHING
from hub.errors import ConfigError
from hub.store import keys
from hub.sync.people import merge, split
from hub.sync.rematch import foresee_all, rematch
from tests.fakes.rig import EVA, GIVEN, RUI, Rig, mapping, person
from tests.fakes.stores import in_memory

STRICT = replace(DEFAULT, join=16.0, ask=15.0)  # an equal name and phone are not enough by themselves


@pytest.fixture
def rig(rig: Rig) -> Rig:
    for name in ("erp", "web", "list"):
        rig.add(name, push="no", table=mapping(birth_date="born"))
    return rig


def use(rig: Rig, model: object) -> None:
    rig.hub = replace(rig.hub, model=model)  # type: ignore[arg-type]


def known_in_two(rig: Rig, people: int = 6) -> None:
    """So many people, each in two systems; a third one knows no more than their names and phones."""
    for number in range(people):
        values = person(number)
        rig.systems["erp"].put(f"e{number}", **values)
        rig.systems["web"].put(f"w{number}", **values)
        rig.systems["list"].put(f"l{number}", **{**values, "mail": ""})
    rig.settle()


def homes(rig: Rig) -> set[frozenset[str]]:
    """Which source records are one contact."""
    found: dict[str, set[str]] = {}
    for golden_id, name, row_id in rig.rows("SELECT golden_id, connection, external_id FROM record"):
        found.setdefault(golden_id, set()).add(f"{name}:{row_id}")
    return {frozenset(group) for group in found.values()}


def test_by_the_model_that_decided_nothing_changes(rig):
    known_in_two(rig)
    before = rig.rows("SELECT id, golden_id FROM record ORDER BY id"), rig.rows("SELECT count(*) FROM change")

    done = rematch(rig.hub)

    assert (done.contacts, done.records, done.merges, done.moves, done.asked) == (6, 18, 0, 0, 0)
    assert (rig.rows("SELECT id, golden_id FROM record ORDER BY id"), rig.rows("SELECT count(*) FROM change")) == before


def test_a_stricter_model_takes_apart_and_the_old_one_brings_together_again(rig):
    known_in_two(rig)
    before = homes(rig)

    use(rig, STRICT)
    apart = rematch(rig.hub)
    between = homes(rig)
    use(rig, DEFAULT)
    together = rematch(rig.hub)

    assert apart.moves > 0
    assert len(between) > len(before) == 6
    assert together.merges == len(between) - len(before)
    assert homes(rig) == before


def test_what_the_other_model_finds_is_what_it_finds_from_the_start(rig):
    known_in_two(rig)
    use(rig, STRICT)
    rematch(rig.hub)
    later = homes(rig)

    fresh = Rig()
    try:
        for name in ("erp", "web", "list"):
            fresh.add(name, push="no", table=mapping(birth_date="born"))
        use(fresh, STRICT)
        known_in_two(fresh)
        assert homes(fresh) == later
    finally:
        fresh.close()


def test_the_id_stays_with_the_largest_part_and_the_history_says_what_happened(rig):
    rig.systems["erp"].put("1", **EVA, born="1980-03-07")
    rig.systems["web"].put("1", **EVA, born="1980-03-07")
    rig.systems["list"].put("1", **{**EVA, "mail": ""})
    rig.settle()
    golden_id = rig.home("erp", "1")
    assert rig.home("list", "1") == golden_id

    use(rig, STRICT)
    rematch(rig.hub)

    assert rig.home("erp", "1") == rig.home("web", "1") == golden_id != rig.home("list", "1")
    kinds = {(r[0], r[1]) for r in rig.rows("SELECT golden_id, kind FROM change")}
    assert (golden_id, "split by matching") in kinds
    assert (rig.home("list", "1"), "split off by matching") in kinds


def test_what_people_said_outranks_the_other_model_too(rig):
    rig.systems["erp"].put("eva", **EVA)
    rig.systems["web"].put("rui", **RUI)
    rig.systems["erp"].put("one", **person(3))
    rig.systems["web"].put("two", **person(3))
    rig.settle()
    merge(rig.hub, [rig.home("erp", "eva"), rig.home("web", "rui")], "eve")
    split(rig.hub, rig.home("erp", "one"), [("web", "two")], "eve")

    for model in (STRICT, replace(DEFAULT, join=-30.0, ask=-31.0)):
        use(rig, model)
        rematch(rig.hub)

        assert rig.home("erp", "eva") == rig.home("web", "rui")
        assert rig.home("erp", "one") != rig.home("web", "two")


def test_systems_that_were_told_are_told_of_the_split(rig):
    crm = rig.add("crm")
    rig.systems["erp"].put("1", **{**EVA, "mail": "", "tel": "933123456"}, note="likes boats")
    rig.systems["web"].put("1", **{**EVA, "mail": ""})
    rig.settle()
    assert len(crm.rows) == 1

    use(rig, STRICT)
    rematch(rig.hub)
    rig.settle()

    assert rig.home("erp", "1") != rig.home("web", "1")
    assert sorted(row.fields.get("note") or "" for row in crm.rows.values()) == ["", "likes boats"]
    assert rig.queue("crm") == rig.intents("crm") == []


def test_what_would_happen_is_found_out_without_anything_happening(rig):
    known_in_two(rig)
    before = homes(rig)
    use(rig, STRICT)

    foreseen = foresee_all(rig.hub)

    assert homes(rig) == before
    assert foreseen == rematch(rig.hub)
    assert homes(rig) != before


def test_broken_off_at_any_commit_it_is_begun_again_and_ends_the_same():
    class Killed(BaseException):
        pass

    def play(kill_at: int) -> tuple[set[frozenset[str]], bool]:
        store = in_memory()
        rig = Rig(store=store)
        for name in ("erp", "web", "list"):
            rig.add(name, push="no", table=mapping(birth_date="born"))
        known_in_two(rig, 5)
        use(rig, STRICT)
        seen = 0

        def boundary(where: str) -> None:
            nonlocal seen
            seen += 1
            if seen == kill_at:
                raise Killed

        store._boundary = boundary
        try:
            rematch(rig.hub, page=2)
            killed = False
        except Killed:
            killed = True
        store._boundary = None
        rematch(rig.hub, page=2)
        found = homes(rig)
        rig.close()
        return found, killed

    whole, _ = play(0)
    kills = 0
    while True:
        found, killed = play(kills + 1)
        assert found == whole
        if not killed:
            break
        kills += 1
    assert kills >= 6  # before and after every commit of three pages


def test_many_namesakes_decided_together_do_not_wear_their_keys_out(rig):
    for number in range(30):  # thirty share a name: not too many, though all of them are looked up and there
        rig.systems["erp"].put(
            f"{number}", first="Eva", last="Hohenstein", mail=f"{GIVEN[number % 20]}{number}@example.org".lower()
        )
    rig.settle()
    assert 30 < keys.KEY_CAP < 60
    before = rig.rows("SELECT count(*) FROM match_key UNION ALL SELECT count(*) FROM recent_key")

    rematch(rig.hub)

    assert rig.rows("SELECT key FROM hot_key") == []
    assert rig.rows("SELECT count(*) FROM match_key UNION ALL SELECT count(*) FROM recent_key") == before


def test_where_matching_is_off_there_is_nothing_to_decide(rig):
    use(rig, NO_MATCHING)

    with pytest.raises(ConfigError, match="matching is off"):
        rematch(rig.hub)
