"""Everything at once decides as one page does."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations, pairwise, product
from marshal import dumps
from multiprocessing import get_context

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dedupe.bulk import Bulk, Records
from hub.dedupe.bulk.columns import COLUMNS, assembled, column_of
from hub.dedupe.bulk.join import households
from hub.dedupe.bulk.levels import SHIFTS, Task, compare_values
from hub.dedupe.bulk.shards import Refs
from hub.dedupe.cluster import Member, Verdict, promising, resolve
from hub.dedupe.compare import SAME_DIGITS, compare
from hub.dedupe.features import features
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharing import counted as held_by
from hub.dedupe.sharing import is_somebody, of_values
from hub.dedupe.weigh import DEFAULT, FIELDS, PERSONS, Model, household
from tests.dedupe.people import fields, member, records

CAP, TELLING = 6, 3  # small enough that a page of a dozen has keys above them


def members_of(drawn, golden_ids=()):
    golden_ids = [*golden_ids, *[None] * len(drawn)]
    return [
        Member(("abc"[i % 3], f"{i * 7 % 11:02}x{i}"), golden_id, features(record))
        for i, (record, golden_id) in enumerate(zip(drawn, golden_ids, strict=False))
    ]


def met(members, cap=CAP, telling=TELLING):
    """Pairs that share a key few others have, or two that more have."""
    keys = [set(blocking_keys(m.features)) for m in members]
    count = Counter(key for found in keys for key in found)
    return [
        (a.ref, b.ref)
        for (i, a), (j, b) in combinations(enumerate(members), 2)
        if any(count[key] <= telling for key in keys[i] & keys[j])
        or sum(count[key] <= cap for key in keys[i] & keys[j]) > 1
    ]


def loaded(members, model=DEFAULT, cap=CAP, telling=TELLING):
    bulk = Bulk(model, cap=cap, telling=telling)
    for number, m in enumerate(members):
        bulk.add(number, m.golden_id, m.features, blocking_keys(m.features), m.ref)
    return bulk


def partition(joins):
    groups = {}
    for ref, to in joins.items():
        groups.setdefault(to, set()).add(ref)
    return sorted(sorted(group) for group in groups.values())


def one_page(members, verdicts, model=DEFAULT, **limits):
    new, known = [m for m in members if m.golden_id is None], [m for m in members if m.golden_id]
    pairs, model = met(members, **limits), counted(members, model)
    return resolve(new, known, pairs, verdicts, model, people=people(members, pairs, verdicts, model))


def people(members, pairs, verdicts, model):
    """How many people hold each value: groups of records that name somebody and may be one."""
    look = {m.ref: m.features for m in members}
    named = [m.ref for m in members if is_somebody(m.features)]
    ties = [(a, b) for a, b in pairs if {a, b} <= set(named) and promising(look[a], look[b], model)]
    ties += [tuple(refs) for refs, said in verdicts.items() if said == Verdict.SAME and len(refs & set(look)) == 2]
    owned = [(m.ref, m.golden_id) for m in members if m.golden_id]
    holders = {
        key: [m.ref for m in members if m.ref in named and key in of_values(m.features, blocking_keys(m.features))]
        for m in members
        for key in of_values(m.features, blocking_keys(m.features))
    }
    return held_by(holders, [*ties, *owned])


def counted(members, model=DEFAULT):
    names = NameCounts()
    names.add(m.features for m in members)
    return names.into(model) if names.outgrown(model) else model


def by_component(members, verdicts):
    """Joins, merges and asks of all components."""
    joins, merges, asks = {m.ref: ("alone", m.ref) for m in members if m.golden_id is None}, [], []
    for number, component in enumerate(loaded(members).components(verdicts)):
        new = [m for m in component.members if m.golden_id is None]
        known = [m for m in component.members if m.golden_id]
        found = resolve(new, known, component.pairs, verdicts, counted(members), people=component.people)
        joins |= {ref: to if isinstance(to, str) else (number, to) for ref, to in found.joins.items()}
        merges += found.merges
        asks += found.asks
    return joins, merges, asks


crowds = st.lists(records, min_size=2, max_size=14)
alike = st.lists(records, min_size=1, max_size=4).flatmap(
    lambda few: st.lists(
        st.builds(lambda some, other: {**some, **{k: other[k] for k in list(other)[::2]}}, *[st.sampled_from(few)] * 2),
        min_size=6,
        max_size=16,
    )
)
"""Many records of few values: several pairs say as much, and clusters touch with more than one record each."""


@given(crowds, st.lists(st.sampled_from(["g", "h", None]), max_size=5), st.data())
@settings(max_examples=150)
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


def check_decision(members, verdicts, model, **limits):
    expected = one_page(members, verdicts, model, **limits)
    numbers = {m.ref: number for number, m in enumerate(members)}

    found = loaded(members, model, **limits).decide(verdicts)

    clusters = dict(zip(found.numbers.tolist(), found.clusters.tolist(), strict=True))
    new = {m.ref: clusters[numbers[m.ref]] for m in members if m.golden_id is None}
    known = {m.ref: clusters[numbers[m.ref]] for m in members if m.golden_id is not None}
    kept = {merge.lost: merge.kept for merge in expected.merges}
    assert partition(new) == partition(expected.joins)
    assert {ref: found.goldens[to] for ref, to in known.items()} == {
        m.ref: kept.get(m.golden_id, m.golden_id) for m in members if m.golden_id is not None
    }
    assert {ref: found.goldens.get(to) for ref, to in new.items()} == {
        ref: to if isinstance(to, str) else None for ref, to in expected.joins.items()
    }
    assert sorted(found.merges) == expected.merges
    assert sorted(found.asks) == sorted(
        (numbers[ask.ref_a], numbers[ask.ref_b], ask.weight_bits) for ask in expected.asks
    )


models = st.builds(
    Model,
    prior=st.sampled_from([-12.5, -9.0, -4.0]),
    ask=st.sampled_from([-2.0, -6.0]),
    apart=st.sampled_from([frozenset(), frozenset("a"), frozenset("ab")]),
    frequency=st.sampled_from([{}, {"ana": 0.03, "couto": 0.0004}]),
    records=st.sampled_from([0, 5, 4000]),
)


@given(crowds, models)
@settings(max_examples=300)
def test_all_at_once_decides_as_one_page(drawn, model):
    check_decision(members_of(drawn), {}, model)


@given(alike, models, st.booleans())
@settings(max_examples=200)
def test_records_that_are_much_alike_are_decided_as_one_page(drawn, model, all_meet):
    check_decision(members_of(drawn), {}, model, **({"cap": 60, "telling": 40} if all_meet else {}))


def test_of_pairs_that_say_as_much_the_same_two_records_are_asked_about():
    """Two clusters, the later one with two records that are as much like one of the first: the lowest refs stand."""
    persons = {**PERSONS, "email": (0, 11.0, 2.5, 8.0, 0.0, -1.7, 11.0), "company": (0, 4.5, 3.5, 3.5, 4.0, -2.0)}
    model = Model(persons, prior=-9.0, ask=-6.0, frequency={"ana": 0.03, "couto": 0.0004}, records=5)
    members = [
        member("a:1", name="Ana|", mail="one@example.org", company="Acorn Lda"),
        member("b:1", name="A. Couto", mail="other@example.org", company="Acorn"),
        member("c:1", name="A. Couto", company="Acorn Lda"),
        member("c:2", name="Ana|", company="Acorn"),
        member("c:3", name="Ana|", mail="other@example.org"),
    ]

    check_decision(members, {}, model)

    (ask,) = one_page(members, {}, model).asks
    assert (ask.ref_a, ask.ref_b) == (("a", "1"), ("c", "1"))


@given(crowds, models, st.lists(st.sampled_from(["g", "h", None]), max_size=5), st.data())
@settings(max_examples=100)
def test_golden_records_and_answers_count_all_at_once_too(drawn, model, golden_ids, data):
    members = members_of(drawn, golden_ids)
    judged = data.draw(st.lists(st.tuples(st.sampled_from(members), st.sampled_from(members)), max_size=2))
    verdicts = {frozenset((a.ref, b.ref)): data.draw(st.sampled_from(Verdict)) for a, b in judged if a.ref != b.ref}

    check_decision(members, verdicts, model)


@given(st.lists(st.lists(records, min_size=1, max_size=3), min_size=1, max_size=3), st.integers(1, 7), models)
@settings(max_examples=60)
def test_crowds_of_the_same_few_records_are_decided_as_one_page(drawn, times, model):
    """Clusters that outgrow what is compared of one, and components too large to lie side by side."""
    members = members_of([record for few in drawn for record in few * times])

    check_decision(members, {}, model, cap=60, telling=40)


@given(
    st.lists(
        st.sampled_from([-13.0, -4.0, -2.5, -1.0, 0.0, 2.0, 6.5, 11.0]), min_size=len(FIELDS), max_size=len(FIELDS)
    )
)
def test_a_household_is_discounted_as_for_one_pair(found):
    assert households(np.array(found)[:, None]).tolist() == [household(found)]


@given(records, records)
def test_columns_are_compared_apart_as_whole_records_are(one, other):
    a, b = features(one), features(other)
    levels = compare(a, b)
    for number, column in enumerate(COLUMNS):
        of_a, of_b = ([(number, dumps(column.pack(value), 2))] if (value := column.value(r)) else [] for r in (a, b))
        apart = compare(assembled(of_a), assembled(of_b))
        names = [name for name in column.levels if name != "year" or levels.email not in SAME_DIGITS]
        assert [getattr(apart, name) for name in names] == [getattr(levels, name) for name in names]


@given(records)
def test_what_is_not_compared_with_itself_is_equal_to_itself(record):
    found = features(record)
    for column in COLUMNS:
        if column.is_like_itself and column.value(found):
            assert [getattr(compare(found, found), name) for name in column.levels] == [1]


def test_workers_in_other_processes_change_nothing():
    members = members_of([fields(f"Ana|Reis {'ABCD'[n % 4]}outo", mail="ana@example.org") for n in range(30)])
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        bulk = Bulk(cap=40, telling=40, spread=pool.map)
        for number, m in enumerate(members):
            bulk.add(number, None, m.features, blocking_keys(m.features), m.ref)
        found = bulk.decide()

    expected = loaded(members, cap=40, telling=40).decide()
    assert found.clusters.tolist() == expected.clusters.tolist()
    assert len(set(found.clusters.tolist())) < len(members)


def test_somebody_known_eleven_times_keeps_the_record_that_has_an_address_only():
    known = [fields("Ana|Reis Couto", mail="ana.couto@example.org", phone=f"91234567{n % 5}") for n in range(10)]
    members = members_of([*known, fields(mail="ana.couto@example.org")])
    bulk = Bulk()
    for number, m in enumerate(members):
        bulk.add(number, None, m.features, blocking_keys(m.features), m.ref)

    assert set(bulk.decide().clusters.tolist()) == {0}


def test_hot_keys_are_told():
    members = members_of([fields(f"Ana|Reis {n}x", phone="912345678") for n in range(CAP + 1)])
    bulk = loaded(members)
    bulk.decide()

    assert blocking_keys(members[0].features)[0] in bulk.hot.tolist()


def test_records_read_in_shards_are_as_good_as_added():
    members = members_of([fields(f"Ana|Reis {n % 4}", mail="ana@example.org") for n in range(9)])
    bulk = Bulk(cap=CAP, telling=TELLING)
    for start in range(0, len(members), 3):
        some = Records()
        for number in range(start, start + 3):
            m = members[number]
            some.add(number, None, m.features, blocking_keys(m.features), m.ref)
        bulk.take(some.shard())

    found, expected = bulk.decide(), loaded(members).decide()

    assert found.clusters.tolist() == expected.clusters.tolist()
    assert found.asks == expected.asks


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abé"), st.text(max_size=70)), max_size=12, unique=True))
def test_records_are_put_in_the_order_of_their_refs(drawn):
    drawn = [row for row in drawn if "\0" not in row[2]]
    some = Records()
    for number, (_, system, external_id) in enumerate(drawn):
        some.add(number, None, features({}), (), (system, external_id))
    groups = np.array([group for group, _, _ in drawn], np.int32)

    order = Refs([some.shard()]).sorted_within(groups, np.arange(len(drawn), dtype=np.int32))

    assert [drawn[at] for at in order] == sorted(drawn)


def test_records_that_share_nothing_are_in_no_component():
    alone = members_of([fields("Ana|Reis", "ana@example.org"), fields("Rui|Couto", "rui@example.org")])

    assert list(loaded(alone).components()) == []


def test_nothing_added_is_nothing_found():
    assert list(Bulk().components()) == []


addresses = st.builds(
    "{}@{}".format,
    st.sampled_from(["ana.couto", "anacouto", "ana_coutto", "ana.couto80", "ana.couto81", "couto", "anna", "info"]),
    st.sampled_from(["example.org", "exmaple.org", "example.net"]),
)
reached = st.builds(
    fields,
    mail=st.lists(st.one_of(addresses, st.just("familia.couto@example.org")), max_size=2).map(" ".join),
    phone=st.lists(
        st.sampled_from(
            ["+351912345678", "912345678", "912345687", "213344556", "213344565", "2133445", "+4915212345678"]
        ),
        max_size=2,
    ).map(" ".join),
    street=st.sampled_from(["", "Rua Nova 1", "R. Nova, 1", "Rua Nova", "Ruanova 1", "Rua Velha 2", "Rua Noova 1"]),
    town=st.sampled_from(["", "Porto", "Portto", "Lisboa", "Vila Nova", "Vilanova"]),
    postcode=st.sampled_from(["", "4000-001", "4000001", "4000-002"]),
    full_name=st.sampled_from(["", "Acorn Lda"]),
)


@given(st.lists(reached, min_size=1, max_size=6), st.sampled_from(["emails", "phones", "places"]))
@settings(max_examples=300)
def test_values_side_by_side_come_out_as_two_records_that_say_nothing_else(drawn, name):
    number, column = next((i, column) for i, column in enumerate(COLUMNS) if column.name == name)
    values = column_of([features(record) for record in drawn], column)
    pairs = np.array(list(product(range(len(values.ends)), repeat=2)), np.int32).reshape(-1, 2)
    raw = [values.packed[start:end] for start, end in pairwise([0, *values.ends.tolist()])]

    found = compare_values(Task(number, values.packed, values.ends, *pairs.T))

    level = FIELDS.index(column.levels[0])
    expected = [compare(*(assembled([(number, raw[at])]) for at in pair)).levels()[level] for pair in pairs.tolist()]
    assert (found >> np.uint64(SHIFTS[column.levels[0]])).tolist() == expected


def test_it_says_when_much_was_let_go():
    said = []
    bulk = Bulk(relieve=lambda: said.append(1))
    bulk.decide()
    assert said == []

    for number in (1, 2):
        bulk.add(number, None, features({"full_name": f"Ann {number}"}), [number], ("crm", str(number)))
    bulk.decide()

    assert said == [1, 1, 1]
