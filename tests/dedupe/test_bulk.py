"""Everything at once decides as one page does."""

from collections import Counter
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dedupe.bulk import Bulk
from hub.dedupe.cluster import Member, Verdict, resolve
from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.dedupe.weigh import DEFAULT
from tests.dedupe.people import fields, records

CAP, TELLING = 6, 3  # small enough that a page of a dozen has keys above them


def members_of(drawn, golden_ids=()):
    golden_ids = [*golden_ids, *[None] * len(drawn)]
    return [
        Member(("abc"[i % 3], f"{i * 7 % 11:02}x{i}"), golden_id, features(record))
        for i, (record, golden_id) in enumerate(zip(drawn, golden_ids, strict=False))
    ]


def met(members):
    """Pairs that share a key few others have, or two that more have."""
    keys = [set(blocking_keys(m.features)) for m in members]
    count = Counter(key for found in keys for key in found)
    return [
        (a.ref, b.ref)
        for (i, a), (j, b) in combinations(enumerate(members), 2)
        if any(count[key] <= TELLING for key in keys[i] & keys[j])
        or sum(count[key] <= CAP for key in keys[i] & keys[j]) > 1
    ]


def loaded(members, model=DEFAULT):
    bulk = Bulk(model, cap=CAP, telling=TELLING)
    for number, m in enumerate(members):
        bulk.add(number, m.golden_id, m.features, blocking_keys(m.features), m.ref)
    return bulk


def partition(joins):
    groups = {}
    for ref, to in joins.items():
        groups.setdefault(to, set()).add(ref)
    return sorted(sorted(group) for group in groups.values())


def one_page(members, verdicts):
    new, known = [m for m in members if m.golden_id is None], [m for m in members if m.golden_id]
    return resolve(new, known, met(members), verdicts)


def by_component(members, verdicts):
    """Joins, merges and asks of all components."""
    joins, merges, asks = {m.ref: ("alone", m.ref) for m in members if m.golden_id is None}, [], []
    for number, component in enumerate(loaded(members).components(verdicts)):
        new = [m for m in component.members if m.golden_id is None]
        known = [m for m in component.members if m.golden_id]
        found = resolve(new, known, component.pairs, verdicts)
        joins |= {ref: to if isinstance(to, str) else (number, to) for ref, to in found.joins.items()}
        merges += found.merges
        asks += found.asks
    return joins, merges, asks


crowds = st.lists(records, min_size=2, max_size=14)


@given(crowds, st.lists(st.sampled_from(["g", "h", None]), max_size=5), st.data())
@settings(max_examples=150, deadline=None)
def test_components_decided_one_by_one_are_the_page_decided_at_once(drawn, golden_ids, data):
    members = members_of(drawn, golden_ids)
    judged = data.draw(st.lists(st.tuples(st.sampled_from(members), st.sampled_from(members)), max_size=2))
    verdicts = {frozenset((a.ref, b.ref)): data.draw(st.sampled_from(Verdict)) for a, b in judged if a.ref != b.ref}
    expected = one_page(members, verdicts)

    joins, merges, asks = by_component(members, verdicts)

    assert partition(joins) == partition(expected.joins)
    assert sorted(merges) == expected.merges
    assert sorted(asks, key=lambda ask: (-ask.weight_bits, ask.ref_a, ask.ref_b)) == expected.asks


@given(crowds)
@settings(deadline=None)
def test_features_come_back_as_they_were_added(drawn):
    members = members_of([{**record, "custom.n": n} for n, record in enumerate(drawn)])
    for component in loaded(members).components(
        {frozenset((m.ref, members[0].ref)): Verdict.SAME for m in members[1:]}
    ):
        for number, found in zip(component.numbers, component.members, strict=True):
            expected = members[number].features
            if not expected.name:  # nothing to take apart
                expected = expected._replace(splits=found.features.splits)
            assert found == Member(members[number].ref, None, expected)


def test_records_that_share_nothing_are_in_no_component():
    alone = members_of([fields("Ana|Reis", "ana@example.org"), fields("Rui|Couto", "rui@example.org")])

    assert list(loaded(alone).components()) == []


def test_nothing_added_is_nothing_found():
    assert list(Bulk().components()) == []
