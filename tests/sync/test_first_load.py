"""The first load of an empty hub: the same contacts as page by page, and none lost when it breaks off."""

from contextlib import suppress

import pytest

from hub.errors import ConfigError, TransientError
from hub.store.stage import Stage
from hub.sync.first_load import first_load
from hub.sync.run import Orders
from tests.fakes.rig import FakeConnector, Rig, person
from tests.fakes.stores import in_memory


class Crash(Exception):
    """The process ends here."""


def company(rig, people=8):
    """Three systems that hold most people twice, one of them under another phone."""
    for name in ("crm", "erp", "shop"):
        rig.add(name, push="no", page=3)
    for n in range(people):
        rig.systems["crm"].put(f"c{n}", **person(n))
        if n % 2:
            rig.systems["erp"].put(f"e{n}", **person(n) | {"tel": None})
        if n % 3 == 0:
            rig.systems["shop"].put(f"s{n}", **person(n) | {"mail": None})
    return rig


def load(rig, **orders):
    connectors = {name: FakeConnector(system) for name, system in rig.systems.items()}
    given = dict.fromkeys(connectors, Orders(approve=True, manual=True, **orders))
    return first_load(rig.hub, connectors, given, page=4)


def contacts(rig):
    """Which source records are one, with what the golden record says."""
    rows = rig.rows("SELECT golden_id, connection, external_id FROM record ORDER BY connection, external_id")
    fields = dict(rig.rows("SELECT id, fields FROM golden WHERE state = 'live'"))
    homes = {}
    for golden_id, connection, external_id in rows:
        homes.setdefault(golden_id, []).append((connection, external_id))
    return sorted((refs, fields[golden_id]) for golden_id, refs in homes.items())


def page_by_page():
    rig = company(Rig())
    for name in rig.systems:
        assert rig.sync(name).status == "done"
    return rig


def test_it_makes_the_same_contacts_as_page_by_page():
    rig = company(Rig())

    results = load(rig)

    assert {r.status for r in results.values()} == {"done"}
    assert contacts(rig) == contacts(page_by_page())
    assert results["crm"].counts["creates"] == 8


def test_the_next_cycle_finds_nothing_to_do():
    rig = company(Rig())
    load(rig)

    for name in rig.systems:
        rig.later(100)
        counts = rig.sync(name).counts
        assert counts.get("pulled", 0) == counts.get("unchanged", 0)


def test_a_hub_with_contacts_is_left_alone():
    rig = company(Rig())
    rig.sync("crm")
    before = contacts(rig)

    with pytest.raises(ConfigError, match="holds contacts already"):
        load(rig)

    assert contacts(rig) == before


def test_contacts_that_came_while_it_was_reading_are_not_passed_over():
    rig = company(Rig())
    late = rig.add("late", push="no")
    late.put("l1", **person(1))
    connectors = {"crm": FakeConnector(rig.systems["crm"])}
    told = []

    def progress(run):
        if not told:
            told.append(rig.sync("late"))

    results = first_load(rig.hub, connectors, {"crm": Orders(approve=True, manual=True, progress=progress)})

    assert results["crm"].status == "failed"
    assert "holds contacts already" in results["crm"].message
    assert [refs for refs, _ in contacts(rig)] == [[("late", "l1")]]


def test_contacts_that_came_while_it_was_saving_are_matched_with_all_of_it():
    rig = company(Rig())
    late = rig.add("late", push="no")
    for n in range(8):
        late.put(f"l{n}", **person(n))
    connectors = {name: FakeConnector(rig.systems[name]) for name in ("crm", "erp", "shop")}
    told = []

    def progress(run):
        if not told and rig.goldens():
            told.append(len(rig.goldens()))
            assert rig.sync("late").status == "done"

    orders = dict.fromkeys(connectors, Orders(approve=True, manual=True, progress=progress))
    results = first_load(rig.hub, connectors, orders, page=4)

    assert {r.status for r in results.values()} == {"done"}
    assert 0 < told[0] < 8
    assert len(rig.goldens()) == 8
    assert all(rig.home("late", f"l{n}") == rig.home("crm", f"c{n}") for n in range(8))


@pytest.mark.parametrize("commits", range(1, 6))
def test_killed_after_others_brought_contacts_none_is_doubled_by_the_next_sync(commits):
    rig = company(Rig())
    late = rig.add("late", push="no")
    for n in range(8):
        late.put(f"l{n}", **person(n))
    connectors = {name: FakeConnector(rig.systems[name]) for name in ("crm", "erp", "shop")}
    told = []

    def progress(run):
        if not told and rig.goldens():
            assert rig.sync("late").status == "done"
            told.append(run.name)

    def boundary(where):
        if told and where == "after":
            told.append(where)
            if len(told) > commits:
                raise Crash

    rig.store._boundary = boundary
    orders = dict.fromkeys(connectors, Orders(approve=True, manual=True, progress=progress))
    with suppress(Crash):
        first_load(rig.hub, connectors, orders, page=4)
    rig.store._boundary = None
    rig.later(1000)
    for name in rig.systems:
        assert rig.sync(name, approve=True).status == "done"

    assert len(rig.goldens()) == 8
    assert all(rig.home("late", f"l{n}") == rig.home("crm", f"c{n}") for n in range(8))


def test_where_another_process_takes_over_nothing_is_saved_and_it_says_so():
    rig = company(Rig())
    seen = []

    def progress(run):
        if not seen:
            seen.append(run.name)
            rig.later(100)
            with rig.store.write() as tx:
                tx.run("UPDATE connection_state SET lease_token = lease_token + 1 WHERE name = 'erp'")

    results = load(rig, progress=progress)

    assert {r.status for r in results.values()} == {"failed"}
    assert "taken over 'erp'" in results["crm"].message
    assert rig.goldens() == []


def test_what_others_lack_waits_for_their_next_cycle():
    rig = Rig()
    crm, erp = rig.add("crm"), rig.add("erp", push="no")
    crm.put("c1", **person(1))
    erp.put("e1", **person(2))
    load(rig)

    rig.sync("crm")

    assert sorted(row.fields["first"] for row in crm.rows.values()) == sorted(person(n)["first"] for n in (1, 2))


def test_a_system_that_fails_does_not_keep_the_others_from_loading():
    rig = company(Rig())
    rig.systems["erp"].failures.append(TransientError("down"))

    results = load(rig)

    assert {name: r.status for name, r in results.items()} == {"crm": "done", "erp": "failed", "shop": "done"}
    rig.sync("erp")
    assert contacts(rig) == contacts(page_by_page())


def test_what_was_set_aside_before_and_can_be_read_now_waits_for_nobody():
    rig = Rig()
    crm = rig.add("crm", push="no")
    crm.put("1", **person(1) | {"note": "a\x00b"})
    rig.sync("crm")
    assert [row.state for row in rig.parked()] == ["open"]
    crm.put("1", note="as it should be")

    load(rig)

    assert rig.parked() == []
    assert rig.rows("SELECT state FROM parked") == [("resolved",)]


def test_stopped_while_reading_it_leaves_nothing_behind():
    rig = company(Rig())

    results = load(rig, stop=lambda: True)

    assert {r.status for r in results.values()} == {"interrupted"}
    assert contacts(rig) == []


def test_broken_off_at_any_commit_the_next_syncs_take_in_the_rest():
    expected = [refs for refs, _ in contacts(page_by_page())]
    for last in range(100):
        commits = [0]

        def boundary(when, commits=commits, last=last):
            commits[0] += when == "before"
            if commits[0] > last >= 0:
                commits[0] = -(10**9)  # once
                raise Crash

        store = in_memory(boundary=lambda when: None)
        rig = company(Rig(store=store))
        store._boundary = boundary
        try:
            load(rig)
        except Crash:
            pass
        else:
            break
        rig.later(300)  # what was not given back has run out
        for name in rig.systems:
            assert rig.sync(name).status == "done"
        assert [refs for refs, _ in contacts(rig)] == expected, f"after {last} commits"
        assert rig.rows("SELECT value FROM counter WHERE name = 'named records'") == [(sum(map(len, expected)),)]
    assert last > 10


def test_of_records_with_one_key_the_last_counts_and_what_went_again_is_gone():
    with Stage() as stage:
        stage.add("crm", [("1", b"old"), ("2", b"kept"), ("3", b"short")])
        numbers = stage.add("crm", [("1", b"new"), ("3", None)])

        assert stage.settle()
        assert [(row[2], row[3]) for row in stage.all()] == [("2", b"kept"), ("1", b"new")]
        assert stage.some([numbers[0]])[numbers[0]][3] == b"new"


def test_one_key_in_two_connections_is_two_records():
    with Stage() as stage:
        stage.add("crm", [("1", b"a")])
        stage.add("erp", [("1", b"b")])

        assert not stage.settle()


def test_a_stage_gives_back_what_it_was_given_however_long():
    records = [(f"é\ud800{n}", bytes([n % 251]) * (n * 37)) for n in range(700)]  # 9 MB: read in more than one go
    with Stage() as stage:
        numbers = [*stage.add("crm", records[:300]), *stage.add("erp", records[300:]), *stage.add("erp", [])]
        stage.settle()

        assert [(row[2], row[3]) for row in stage.all()] == records
        found = stage.some(numbers[::7])
        assert [(found[n][2], found[n][3]) for n in numbers[::7]] == records[::7]
        assert [found[n][1] for n in numbers[::7]] == ["crm" if n <= 300 else "erp" for n in numbers[::7]]


def test_a_record_that_went_and_came_again_is_there():
    with Stage() as stage:
        stage.add("crm", [("1", b"a")])
        stage.add("crm", [("1", None)])
        stage.add("crm", [("1", b"b")])

        assert stage.settle()
        assert [row[3] for row in stage.all()] == [b"b"]
