"""How common a name is in the user's own records, and what that changes."""

from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.cluster import weight
from hub.dedupe.features import features
from hub.dedupe.frequency import NameCounts
from hub.dedupe.weigh import DEFAULT, family_rarity, given_rarity
from tests.dedupe.people import fields, records

ZYL = features(fields("Ann|Zyl"))
OTHERS = [features(fields(f"{given}|Silva")) for given in ("Rui", "Bob", "Eva", "Ivo", "Lea")]


def counted(people):
    counts = NameCounts()
    counts.add(people)
    return counts


@given(st.lists(records), st.lists(records))
def test_counts_of_two_parts_are_the_counts_of_the_whole(some, more):
    some, more = [features(record) for record in some], [features(record) for record in more]
    parts = counted(some)
    parts.add(more)

    assert parts == counted(some + more)


def test_a_name_alone_joins_where_hardly_anybody_bears_it():
    model = counted([ZYL, ZYL, *OTHERS * 400]).into(DEFAULT)

    assert weight(ZYL, ZYL, model) > model.join
    assert weight(OTHERS[0], OTHERS[0], model) < model.join


def test_the_same_share_says_less_the_more_people_there_are():
    small, large = (counted([ZYL] * 10 * n + OTHERS * 200 * n).into(DEFAULT) for n in (1, 10))

    assert family_rarity("zyl", small) > family_rarity("zyl", large)


def test_the_rarest_of_several_words_counts():
    model = counted([ZYL] * 10 + OTHERS * 200).into(DEFAULT)

    assert family_rarity("silva zyl", model) == family_rarity("zyl", model) > family_rarity("silva", model)


def test_a_few_records_do_not_make_a_common_given_name_rare():
    model = counted([features(fields("Maria|Zyl")), *OTHERS]).into(DEFAULT)

    assert given_rarity("maria", model) < given_rarity("xerxes", model)


def test_a_model_is_counted_anew_when_there_are_many_more_records():
    counts = counted(OTHERS * 10)
    model = counts.into(DEFAULT)
    counts.add(OTHERS)
    assert not counts.outgrown(model)

    counts.add(OTHERS * 2)
    assert counts.outgrown(model)
