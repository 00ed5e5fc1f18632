"""Groups of records of one name that differ as groups: one person changes a phone once, father and son have two."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.cluster import resolve
from hub.dedupe.keys import shared
from hub.dedupe.weigh import FIELDS, REACHED, Model, strain
from tests.dedupe.people import member

HOME = {"name": "Erick|Barinha", "street": "Rua Nova 1", "postcode": "4000-001", "town": "Porto"}
ONE, OTHER = {"phone": "+351912345678", **HOME}, {"phone": "+351213344556", **HOME}
GIVEN = FIELDS.index("given")
SELDOM = Model(frequency={"erick": 0.0065, "barinha": 0.01}, records=1000)  # few of them bear the name


def placed(newcomers, known=(), moving=False):
    everyone = [*newcomers, *known]
    pairs = [(a.ref, b.ref) for a, b in combinations(everyone, 2) if shared(a.features, b.features)]
    return resolve(newcomers, known, pairs, {}, SELDOM, moving=moving)


def test_one_record_with_another_phone_is_the_same_person():
    found = placed([member(f"erp:{n}", **ONE) for n in range(3)] + [member("web:x", **OTHER)])

    assert len(set(found.joins.values())) == 1


def test_two_records_with_a_mobile_each_are_not_one_for_sure():
    found = placed([member("erp:1", **ONE), member("web:x", **{**ONE, "phone": "+351966000111"})])

    assert len(set(found.joins.values())) == 2


def test_two_groups_each_with_a_phone_of_its_own_are_two_people():
    fathers = [member(f"erp:{n}", **ONE) for n in range(3)]
    sons = [member(f"web:{n}", **OTHER) for n in range(3)]

    joins = placed(fathers + sons).joins

    assert len({joins[m.ref] for m in fathers}) == len({joins[m.ref] for m in sons}) == 1
    assert joins[fathers[0].ref] != joins[sons[0].ref]


def test_one_golden_record_comes_apart_when_it_turns_out_to_be_of_two_groups():
    early = [member("erp:0", "g1", **ONE), member("web:0", "g1", **OTHER)]
    late = [member(f"erp:{n}", **ONE) for n in (1, 2)] + [member(f"web:{n}", **OTHER) for n in (1, 2)]

    joins = placed(late, early).joins
    found = placed(late, early, moving=True)

    assert set(joins.values()) == {"g1"}
    assert len(found.moves) == 1
    homes = {"erp": {found.joins[m.ref] for m in late[:2]}, "web": {found.joins[m.ref] for m in late[2:]}}
    assert all(len(home) == 1 for home in homes.values())
    assert homes["erp"] != homes["web"]


def test_a_generation_that_one_group_has_and_the_other_never_counts_by_the_records():
    found = [0.0] * len(FIELDS)
    found[GIVEN], found[FIELDS.index("generation")] = 5.0, -2.5

    taken = [strain(found, (0, 0), (0, 0), pairs) for pairs in (1, 2, 4, 8)]

    assert taken[0] == 0.0
    assert taken == sorted(taken, reverse=True)
    assert taken[3] < taken[1]


counts = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
bits = st.floats(-3, 9, allow_nan=False)


@given(bits, bits, bits, counts, st.integers(0, 9))
def test_groups_only_ever_speak_against_and_a_pair_by_itself_says_nothing_more(name, email, phone, pairs, without):
    found = [0.0] * len(FIELDS)
    found[GIVEN], found[REACHED[0]], found[REACHED[1]] = name, email, phone
    differ, said = pairs[:2], (pairs[0] + pairs[2], pairs[1] + pairs[3])
    one = [int(bit < 0) for bit in (email, phone)]

    assert strain(found, differ, said, without) <= 0
    assert strain(found, one, (1, 1), 1) == 0
