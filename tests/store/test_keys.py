"""The index of blocking keys: in two tables, and yet one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.store import keys as index
from tests.fakes.stores import in_memory

KEYS = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(1, 4), st.sets(KEYS, max_size=4)),
        st.tuples(st.just("heat"), st.just(0), st.sets(KEYS, min_size=1, max_size=1)),
    ),
    max_size=20,
)


@given(STEPS, st.integers(1, 8))
@settings(max_examples=60)
def test_records_are_found_by_the_keys_they_have_now_wherever_these_are_kept(steps, recent):
    store = in_memory()
    held: dict[int, set[int]] = {}
    hot: set[int] = set()
    with store.write() as tx:
        for step, record, keys in steps:
            if step == "heat":
                index.heat(tx, keys)
                hot |= keys
                continue
            index.drop_keys(tx, [(k, record) for k in range(6)])
            index.add_keys(tx, [(k, record) for k in keys - hot], recent)
            held[record] = keys
        found, seen_hot = index.candidates(tx, range(6))
    store.close()

    assert seen_hot == hot
    assert {k: sorted(ids) for k, ids in found.items()} == {
        k: sorted(r for r, keys in held.items() if k in keys)
        for k in set(range(6)) - hot
        if any(k in keys for keys in held.values())
    }


def test_keys_that_have_gathered_are_moved_in_one_go():
    store = in_memory()
    with store.write() as tx:
        index.add_keys(tx, [(1, 1), (2, 1)], recent=3)
        before = tx.all("SELECT count(*) FROM recent_key")[0][0], tx.all("SELECT count(*) FROM match_key")[0][0]
        index.add_keys(tx, [(1, 2)], recent=3)
        after = tx.all("SELECT count(*) FROM recent_key")[0][0], tx.all("SELECT count(*) FROM match_key")[0][0]
    store.close()

    assert (before, after) == ((2, 0), (0, 3))
