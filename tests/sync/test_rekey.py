"""Features and keys of an older edition are made anew, all of them or none."""

import pytest

from hub.dedupe.features import EDITION
from hub.store import keys as index
from hub.sync.rekey import rekey
from tests.fakes.rig import ADA, EVA, RUI, Rig, can

KEYS = "SELECT key, record_id FROM match_key UNION ALL SELECT key, record_id FROM recent_key ORDER BY 1, 2"
FEATURES = "SELECT id, features FROM record ORDER BY id"


@pytest.fixture
def rig(rig: Rig) -> Rig:
    for name in ("erp", "web"):
        rig.add(name, can(), push="no")
    for number, person in enumerate((ADA, EVA, RUI)):
        rig.systems["erp"].put(str(number), **person)
    rig.listing("erp")
    return rig


def age(rig: Rig) -> None:
    """As an older edition had left it: other features, and keys that nobody makes any more."""
    with rig.store.write() as tx:
        tx.run("UPDATE record SET features = '[0,\"person\"]' WHERE features IS NOT NULL")
        rows = [(row[0] + 1, row[1]) for row in tx.all(KEYS)]
        index.forget_keys(tx)
        index.add_keys(tx, rows)


def kept(rig: Rig) -> tuple[list[tuple], list[tuple]]:
    return [tuple(row) for row in rig.rows(KEYS)], [tuple(row) for row in rig.rows(FEATURES)]


def test_keys_and_features_are_those_of_this_edition_again(rig):
    before = kept(rig)
    age(rig)
    heard: list[float] = []

    assert rekey(rig.store, advance=heard.append, page=2) == 3

    assert kept(rig) == before
    assert all(text.startswith(f"[{EDITION},") for _, text in before[1])
    assert heard == [pytest.approx(2 / 3), 1.0]
    assert rekey(rig.store) == 0


def test_a_new_record_meets_an_old_one_again(rig):
    age(rig)
    rig.systems["web"].put("before", **ADA)
    rig.listing("web")
    assert rig.home("web", "before") != rig.home("erp", "0")

    rekey(rig.store)
    rig.systems["web"].put("after", **EVA)
    rig.later(100)
    rig.listing("web")

    assert rig.home("web", "after") == rig.home("erp", "1")


def test_broken_off_it_has_changed_nothing(rig):
    age(rig)
    before = kept(rig)

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rekey(rig.store, advance=stop, page=1)

    assert kept(rig) == before


def test_what_the_hub_made_has_no_keys(rig):
    rig.add("crm", can())
    rig.settle()
    made = [row[0] for row in rig.rows("SELECT id FROM record WHERE connection = 'crm'")]
    before = kept(rig)
    assert len(made) == 3
    age(rig)

    rekey(rig.store)

    assert kept(rig) == before
    assert not {record for _, record in before[0]} & set(made)


def test_keys_that_too_many_have_are_given_up(rig):
    for number in range(60):
        rig.systems["erp"].put(f"x{number}", first=f"A{number}", last=f"B{number}", tel="912345678")
    rig.later(100)
    rig.listing("erp")
    hot = rig.rows("SELECT key FROM hot_key")
    before = kept(rig)
    assert len(hot) == 1
    age(rig)
    with rig.store.write() as tx:
        tx.run("DELETE FROM hot_key")

    rekey(rig.store)

    assert rig.rows("SELECT key FROM hot_key") == hot
    assert kept(rig) == before
