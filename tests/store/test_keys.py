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


def counts(tx) -> tuple[int, int]:
    """(recent ones, those in order)"""
    recent, in_order = (tx.all(f"SELECT count(*) FROM {table}")[0][0] for table in ("recent_key", "match_key"))
    return recent, in_order


def spread(first: int, many: int) -> list[tuple[int, int]]:
    """(key, record id), evenly over all parts."""
    return [(n * (index.KEYS // many) + first, n) for n in range(many)]


def test_keys_that_have_gathered_are_moved_until_they_are_fewer():
    store = in_memory()
    with store.write() as tx:
        index.add_keys(tx, [(1, 1), (2, 1)], recent=3)
        before = counts(tx)
        index.add_keys(tx, [(1, 2)], recent=3)
        after = counts(tx)
    store.close()

    assert (before, after) == ((2, 0), (0, 3))


def test_no_page_moves_much_more_than_it_has_brought():
    store = in_memory()
    recent, page = 4 * index.PARTS, index.PARTS
    moved = []
    with store.write() as tx:
        for number in range(12):
            before = counts(tx)[1]
            index.add_keys(tx, spread(number, page), recent)
            moved.append(counts(tx)[1] - before)
        index.heat_crowded(tx)
        at_last = counts(tx)
    store.close()

    assert moved[:3] == [0, 0, 0]
    assert all(page * 0.9 <= each <= page * 1.1 for each in moved[4:])
    assert max(moved) <= page * 1.1
    assert at_last == (0, 12 * page)


def test_keys_that_were_dropped_do_not_keep_others_from_gathering():
    store = in_memory()
    with store.write() as tx:
        for number in range(5):
            index.add_keys(tx, [(number, 1), (number, 2)], recent=4)
            index.drop_keys(tx, [(number, 1), (number, 2)])
        index.add_keys(tx, [(7, 1)], recent=4)

        assert counts(tx) == (1, 0)
    store.close()
