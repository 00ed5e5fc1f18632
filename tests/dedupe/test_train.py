"""What training learns from pairs without labels, and what answers of people add."""

from dataclasses import replace
from math import log, log2
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.compare import Comparison
from hub.dedupe.document import as_document, from_document
from hub.dedupe.sharpen import sharpened
from hub.dedupe.train import LEEWAY, TOGETHER, Compared, Sample, chance, train, weigh_pair
from hub.dedupe.weigh import DEFAULT, FIELDS, OTHER_GIVEN, OTHER_PERSON

EQUAL, SLIP, DIFFERENT = 1, 2, 3


def pair(organisations=False, **levels):
    """given=1 … as in LEVELS; what is not named is missing."""
    return Compared(Comparison(*[levels.get(name, 0) for name in FIELDS]), organisations)


def town(people, *, slips=0.0, other_birth=0.0, seed=1):
    """Pairs of a town whose people all have two records; every birth date is typed once, some wrongly."""
    rng = Random(seed)
    sample = Sample(all_total=people * (2 * people - 1), met_total=2.0 * people)
    for _ in range(people):
        chance = rng.random()
        birth = 3 if chance < other_birth else SLIP if chance < other_birth + slips else EQUAL
        same = pair(given=1, family=1, phone=1 if rng.random() < 0.8 else 3, birth=birth, address=1)
        other = pair(given=1, family=1, phone=3, birth=3, address=5)
        for one in (same, other):
            sample.met[one] = sample.met.get(one, 0.0) + 1.0
        far = pair(given=7, family=4, phone=3, birth=2 if rng.random() < 0.003 else 3, address=5)
        sample.strangers[far] = sample.strangers.get(far, 0.0) + 1.0
    return sample


def register(people, *, kin, seed=1):
    """Pairs of a register in which every field of a person is wrong now and then, another given name for a fifth.

    kin: share of people with kin of another given name who live with them
    """
    rng = Random(seed)
    sample = Sample(all_total=people * (2 * people - 1), met_total=(2 + kin) * people)

    def met(**levels):
        one = pair(**levels)
        sample.met[one] = sample.met.get(one, 0.0) + 1.0

    for number in range(people):
        wrong = {name: rng.random() < 0.2 for name in ("given", "family", "birth", "address", "phone")}
        if kin:
            wrong["given"] = False
        if sum(wrong.values()) < 4:
            last = {"given": 7, "family": 4, "birth": 3, "address": 5, "phone": 3}
            met(**{name: last[name] if is_wrong else EQUAL for name, is_wrong in wrong.items()})
        met(given=7, family=1, birth=3, address=5, phone=3)
        if number < kin * people:
            met(given=7, family=1, birth=3, address=1, phone=1 if rng.random() < 0.5 else 3)
        far = pair(given=7, family=4, birth=3, address=5, phone=3)
        sample.strangers[far] = sample.strangers.get(far, 0.0) + 1.0
    return sample


def weight_of(model, field, level):
    return model.persons[field][level]


def test_without_pairs_nothing_is_learnt():
    assert train(Sample(), DEFAULT).model == DEFAULT


def test_a_handful_of_pairs_moves_no_weight_by_more_than_two_bits():
    learnt = train(town(3), DEFAULT).model

    for before, after in zip(DEFAULT.rows[0], learnt.rows[0], strict=True):
        assert after == pytest.approx(before, abs=2.0)


def test_the_share_of_one_person_among_pairs_that_meet_is_found():
    assert train(town(2_000), DEFAULT).share == pytest.approx(0.5, abs=0.02)


def test_where_birth_dates_are_often_wrong_another_one_says_less_against():
    careful = train(town(5_000), DEFAULT).model
    careless = train(
        town(5_000, other_birth=0.1), replace(DEFAULT, persons={**DEFAULT.persons, "birth": (0, 10, 4, -6)})
    )

    assert weight_of(careless.model, "birth", 3) > weight_of(careful, "birth", 3) + 1


def test_where_people_often_bear_other_names_another_one_no_longer_makes_another_person():
    learnt = train(register(3_000, kin=0.0), DEFAULT).model

    assert weight_of(learnt, "given", 7) == pytest.approx(log2(0.2 / 1.0), abs=1.0)
    assert weight_of(learnt, "birth", 3) > OTHER_PERSON


def test_families_that_share_what_they_have_stay_other_people():
    learnt = train(register(3_000, kin=0.5), DEFAULT).model

    assert weight_of(learnt, "given", 7) < OTHER_GIVEN - 4


def test_what_was_not_seen_to_be_a_slip_makes_another_person_as_before():
    learnt = train(register(3_000, kin=0.0), DEFAULT).model

    assert learnt.persons["tax"] == DEFAULT.persons["tax"]
    assert learnt.persons["generation"] == DEFAULT.persons["generation"]


def test_a_level_that_two_people_come_out_at_as_often_says_little():
    sample = town(5_000)
    for strangers in list(sample.strangers):
        same_town = Compared(strangers.levels._replace(address=4), False)
        sample.strangers[same_town] = 9 * sample.strangers[strangers]

    crowded = train(sample, DEFAULT).model

    assert weight_of(crowded, "address", 4) < weight_of(train(town(5_000), DEFAULT).model, "address", 4) - 1


def test_what_two_records_are_is_no_matter_of_chance():
    sample = town(500)
    sample.met = {Compared(one.levels._replace(kind=2), False): n for one, n in sample.met.items()}

    assert train(sample, DEFAULT).model.persons["kind"] == DEFAULT.persons["kind"]


def test_what_is_not_learnt_counts_once_and_not_in_the_prior_as_well():
    sample = town(2_000)
    sample.met = {Compared(one.levels._replace(kind=1), False): n for one, n in sample.met.items()}

    def prior(worth):
        model = replace(DEFAULT, persons={**DEFAULT.persons, "kind": (0, worth, -30.0)})
        return train(sample, model).model.prior

    lighter = LEEWAY / (LEEWAY + TOGETHER)  # the shipped prior holds the rest
    assert prior(-3.0) == pytest.approx(prior(0.0) + 3.0 * lighter, abs=0.1)


def test_what_is_never_compared_keeps_its_weight():
    learnt = train(town(2_000), DEFAULT).model

    assert learnt.persons["tax"] == DEFAULT.persons["tax"]
    assert learnt.organisations == DEFAULT.organisations


def test_the_order_of_pairs_makes_no_difference():
    sample = town(300, slips=0.1)
    turned = replace(sample, met=dict(reversed(sample.met.items())), strangers=dict(reversed(sample.strangers.items())))

    assert train(sample, DEFAULT).model == train(turned, DEFAULT).model


# --- answers ----------------------------------------------------------------------------------------

IN_DOUBT = pair(given=1, family=1, phone=3, address=4)


def test_without_answers_a_model_stays_as_it_is():
    assert sharpened(DEFAULT, []) == DEFAULT


@pytest.mark.parametrize(("said", "direction"), [(True, 1), (False, -1)])
def test_answers_that_agree_move_pairs_of_their_kind(said, direction):
    before = weigh_pair(IN_DOUBT, DEFAULT)

    after = weigh_pair(IN_DOUBT, sharpened(DEFAULT, [(IN_DOUBT, said)] * 30))

    assert direction * (after - before) > 1


def test_one_answer_moves_no_weight_by_more_than_half_a_bit():
    learnt = sharpened(DEFAULT, [(IN_DOUBT, True)])

    for before, after in zip(DEFAULT.rows[0], learnt.rows[0], strict=True):
        assert after == pytest.approx(before, abs=0.5)


without_households = st.builds(
    Comparison,
    given=st.sampled_from([0, 1, 2]),
    family=st.sampled_from([0, 1, 4]),
    email=st.just(0),
    phone=st.sampled_from([0, 1, 3]),
    address=st.sampled_from([0, 1, 5]),
    birth=st.sampled_from([0, 1, 2]),
    tax=st.just(0),
    company=st.just(0),
    generation=st.just(0),
    kind=st.just(0),
    year=st.just(0),
)


@given(st.lists(st.tuples(st.builds(Compared, without_households, st.just(False)), st.booleans()), max_size=12))
def test_answers_are_likelier_by_what_was_learnt_from_them(said):
    def likelihood(model):
        return sum(log(chance(weigh_pair(one, model) * (1 if same else -1))) for one, same in said)

    assert likelihood(sharpened(DEFAULT, said)) >= likelihood(DEFAULT) - 0.01


# --- documents --------------------------------------------------------------------------------------


def test_a_model_comes_back_from_its_document():
    learnt = train(town(500, slips=0.2), DEFAULT).model

    assert from_document(as_document(learnt), DEFAULT) == learnt


def test_a_document_that_knows_fewer_levels_leaves_the_others_as_shipped():
    document = {"persons": {"phone": {"equal": 12.0}, "shoe size": {"equal": 3.0}}, "prior": -11.0}

    model = from_document(document, DEFAULT)

    assert (model.persons["phone"][0], *model.persons["phone"][2:]) == (0, *DEFAULT.persons["phone"][2:])
    assert (model.persons["phone"][1], model.prior) == (12.0, -11.0)
    assert model.organisations == DEFAULT.organisations
