"""Names side by side come out as two names by themselves do."""

from itertools import product
from marshal import dumps

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.dedupe.bulk.columns import COLUMNS, NAMES, Coded, column_of, taken_apart
from hub.dedupe.bulk.lexicon import Lexicon
from hub.dedupe.bulk.names import compare_born, compare_each
from hub.dedupe.bulk.spelling import Names
from hub.dedupe.compare import EQUAL, compare_generations, compare_names, family_slip, word_level
from hub.dedupe.features import features
from hub.dedupe.weigh import DEFAULT, Model, family_rarity
from tests.dedupe.people import fields

words = st.sampled_from(
    [
        *("ana", "anna", "hannah", "anita", "a", "j", "joao", "joaozinho", "jo", "juan", "rui", "rita", "mariano"),
        *("mariana", "maria", "gabi", "gabriel", "gabriela", "stefan", "xu", "li", "ng", "reis", "reiss", "riesling"),
        *("couto", "coutto", "cuoto", "coutinho", "kowalski", "kowalska", "silvasantos", "silva", "santos", "nonono"),
        *("alexandrinha", "alexandrinho", "jr", "filho", "ii"),
    ]
)
parts = st.lists(words, max_size=4).map(" ".join)
made = st.one_of(
    st.builds(lambda given, family: fields(f"{given}|{family}"), parts, parts),
    st.lists(words, min_size=1, max_size=7).map(lambda name: fields(" ".join(name))),
    st.builds(
        lambda given, mail: fields(f"{given}|", mail=f"{mail}@example.org"),
        parts,
        st.sampled_from(["ana.couto", "jcouto", "reisana", "silva.santos", "x.y"]),
    ),
    st.builds(lambda name, mail: fields(name, mail=f"{mail}@example.org"), words, words),
)


def column(drawn):
    return Coded([column_of([features(record) for record in drawn], COLUMNS[NAMES])], [len(drawn)])


@given(st.lists(made, min_size=1, max_size=6))
@settings(max_examples=400)
@example([fields("Juan Garcia Orooso"), fields("Garcia Jean Olivier")])
@example([fields("Ana|Silva Santos"), fields("Ana|Silvasantos"), fields("SILVASANTOS ANA")])
def test_all_pairs_side_by_side_come_out_as_each_by_itself(drawn):
    coded = column(drawn)
    names = Names(coded)
    pairs = np.array(list(product(range(1, coded.count), repeat=2)), np.int32).reshape(-1, 2)
    splits, born = zip(*[((), ""), *map(taken_apart, coded.raw(np.arange(1, coded.count)))], strict=True)
    text = names.lexicon.words

    found = compare_each(names, *pairs.T)
    generations = compare_born(names, *pairs.T)

    for at, (one, other) in enumerate(pairs.tolist()):
        nothing = names.is_nameless[one] or names.is_nameless[other]
        expected = (0, 0, "", "") if nothing else compare_names(splits[one], splits[other])
        agreed = " ".join(text[word] for word in found.words[at] if word)
        assert (found.given[at], found.family[at], agreed) == (expected[0], expected[1], expected[3])
        assert text[found.word[at]] == expected[2] or expected[0] != EQUAL
        assert generations[at] == (0 if nothing else compare_generations(born[one], born[other]))


@given(st.lists(st.one_of(words, st.text("abc", min_size=1, max_size=9)), min_size=1, max_size=8))
def test_words_side_by_side_are_as_much_alike_as_two_by_themselves(drawn):
    lexicon = Lexicon(drawn)
    pairs = np.array(list(product(range(1, len(lexicon.words)), repeat=2)), np.int32)
    ordered = [sorted((lexicon.words[one], lexicon.words[other])) for one, other in pairs.tolist()]

    assert lexicon.levels(*pairs.T).tolist() == [word_level(*two) for two in ordered]
    assert lexicon.slips(*pairs.T).tolist() == [family_slip(*two) for two in ordered]


def test_six_words_and_hints_are_read_as_they_were_packed():
    raw = [dumps(COLUMNS[NAMES].pack(COLUMNS[NAMES].value(features(x))), 2) for x in SOME]

    names = Names(column(SOME))

    assert sorted(raw) == sorted(column(SOME).raw(np.arange(1, len(SOME) + 1)))
    assert names.is_odd.sum() == 1 and names.is_hinted.sum() == 1


SOME = [fields("Ana Rita Reis Couto Silva Santos"), fields("Ana|", mail="ana.couto@example.org"), fields("Rui|Reis")]


@given(
    st.lists(words, min_size=1, max_size=4), st.sampled_from([DEFAULT, Model(frequency={"reis": 0.01}, records=900)])
)
def test_of_several_words_the_rarest_counts(drawn, model):
    assert family_rarity(" ".join(drawn), model) == max(family_rarity(word, model) for word in drawn)
