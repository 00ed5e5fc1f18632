"""What several people hold says less that two records are one."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.bulk import Bulk
from hub.dedupe.cluster import explain, resolve, weight
from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys, number_of, texts
from hub.dedupe.sharing import MOST, counted, discount, holders_of, of_values
from hub.dedupe.weigh import DEFAULT, PERSONS
from tests.dedupe.people import member, records

ANA = member("a:1", name="Ana|Reis", mail="anar@abc.example", phone="912345678")
SAME_ANA = member("b:1", name="Anna|", mail="anar@abc.example")
MAIL_KEY = number_of("email:anar@abc.example")


@given(st.floats(-30, 15), st.floats(0, 15), st.integers(2, MOST))
def test_each_doubling_of_the_holders_takes_a_bit_off_and_never_more_than_there_is(worth, most, people):
    taken = discount(worth, most, people)

    assert 0 <= taken <= max(worth, 0.0)
    assert taken <= discount(worth, most, min(2 * people, MOST)) <= taken + 1.02
    if most <= worth:
        assert taken == pytest.approx(min(log2(people), max(worth, 0.0)), abs=0.006)


def test_a_level_that_reckons_with_a_household_loses_nothing_for_one():
    mobile, landline = PERSONS["phone"][1], PERSONS["phone"][5]

    assert discount(landline, mobile, 2) == 0.0
    assert mobile - discount(mobile, mobile, 8) == landline - discount(landline, mobile, 8)


def test_people_are_counted_and_not_their_records():
    holders = {1: ["g", "g", 7, 8], 2: ["g", 7], 3: ["g"], 4: range(200)}

    assert counted(holders, []) == {1: 3, 2: 2, 4: MOST}
    assert counted(holders, [(7, "g"), (9, 8)]) == {1: 2, 4: MOST}


@given(st.dictionaries(st.integers(0, 3), st.lists(st.integers(0, 9))), st.lists(st.tuples(*[st.integers(0, 9)] * 2)))
def test_those_that_may_be_one_count_as_one_in_whatever_order(holders, ties):
    label = list(range(10))
    for _ in range(10):
        for a, b in ties:
            label[a] = label[b] = min(label[a], label[b])
    expected = {key: len({label[n] for n in some}) for key, some in holders.items()}

    assert counted(holders, ties) == {key: n for key, n in expected.items() if n > 1}
    assert counted(holders, ties[::-1]) == counted(holders, ties)


@given(records)
def test_keys_of_values_come_first(record):
    found = features(record)
    keys = blocking_keys(found)
    tagged = [number_of(text) for text in texts(found) if text.startswith(("tax:", "phone:"))]
    mails = [number_of(f"email:{address}") for address in found.emails]

    assert set(of_values(found, keys)) == {*tagged, *mails} & set(keys[:14])


def test_an_explanation_says_how_many_share_what_is_agreed_on():
    lines = explain(ANA.features, SAME_ANA.features, DEFAULT, {MAIL_KEY: 7})

    (line,) = [line for line in lines if line.field == "shared email"]
    assert (line.level, line.bits) == ("by 7 people", -2.81)
    assert sum(line.bits for line in lines) == pytest.approx(
        weight(ANA.features, SAME_ANA.features, DEFAULT, {MAIL_KEY: 7}), abs=0.02
    )
    assert not [line for line in explain(ANA.features, SAME_ANA.features) if line.field.startswith("shared")]


def test_of_several_values_the_one_that_fewest_hold_counts():
    one = member("a:1", name="Ana|Reis", phone="912345678", mail="ana@example.org").features
    both = one._replace(emails=one.emails | {"anar@abc.example"})

    assert holders_of(both, both, {MAIL_KEY: 7}) == (0, 1, 1)
    assert holders_of(ANA.features, SAME_ANA.features, {MAIL_KEY: 7}) == (0, 7, 0)


def test_what_many_people_hold_joins_nobody_that_it_alone_joined():
    pairs = [(ANA.ref, SAME_ANA.ref)]
    alone = resolve([ANA, SAME_ANA], [], pairs, {})
    crowded = resolve([ANA, SAME_ANA], [], pairs, {}, people={MAIL_KEY: MOST})

    assert len(set(alone.joins.values())) == 1
    assert len(set(crowded.joins.values())) == 2


def crowd(others: int) -> list:
    """Two records of Ana with little in common but the address that so many others have too."""
    names = ["Rui", "Marta", "Igor", "Nuno", "Berta", "Hugo", "Olga", "Zita", "Klaus", "Pedro"]
    house = [member(f"h:{i}", name=f"{names[i]}|Sousa", mail="anar@abc.example") for i in range(others)]
    return [ANA, SAME_ANA, *house]


def together(members: list) -> bool:
    bulk = Bulk()
    for number, m in enumerate(members):
        bulk.add(number, None, m.features, blocking_keys(m.features), m.ref)
    clusters = bulk.decide().clusters.tolist()
    return clusters[0] == clusters[1]


def test_all_at_once_counts_who_shares_an_address():
    assert together(crowd(0))
    assert not together(crowd(10))
