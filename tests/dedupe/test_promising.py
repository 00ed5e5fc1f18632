"""Pairs that are worth a closer look, told apart quickly."""

from hypothesis import given

from hub.dedupe.cluster import promising, weight
from hub.dedupe.compare import are_strangers
from hub.dedupe.features import features
from hub.dedupe.parts import HOPELESS
from hub.dedupe.weigh import DEFAULT, PERSONS, Model
from tests.dedupe.people import fields, records


@given(records, records)
def test_what_is_taken_for_hopeless_at_a_glance_is_hopeless_when_it_is_weighed(one, other):
    a, b = features(one), features(other)

    assert promising(a, b) == (weight(a, b) >= DEFAULT.ask - HOPELESS)


def test_namesakes_of_other_ages_are_strangers_unless_they_share_an_address():
    ann = features(fields(name="Ann|Couto", born="1980-05-01", mail="ann@example.org"))
    old = features(fields(name="Ann|Couto", born="1944-11-23", mail="couto@example.org"))
    same = features(fields(name="Ann|Couto", born="1944-11-23", mail="ann@example.org"))

    assert are_strangers(ann, old)
    assert not are_strangers(ann, same)


def test_a_model_that_thinks_little_of_birth_dates_weighs_every_pair():
    lenient = Model(persons={**PERSONS, "birth": (0, 10.0, 4.0, -1.0)})

    assert lenient.stranger >= lenient.ask - HOPELESS
