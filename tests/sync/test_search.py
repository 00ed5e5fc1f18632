"""Search as one types: what is found quickly is what there is to find, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.search import SearchIndex, replace
from hub.sync.search import SAMPLE, first
from hub.sync.words import LONGEST_PREFIX, expressions

DOMAINS = ("maildomain.example", "maildomains.example", "mailbox.example")
THERE = 3 * SAMPLE


def words(number: int) -> str:
    """Those of the last domain come last, and a few of each are of somebody by the name of Ada."""
    domain = DOMAINS[number * len(DOMAINS) // THERE]
    name = "ada" if number % 97 == 0 else f"name{number % 13}"
    return f"g{number:05d} {name} {name}{number}@{domain} {name}{number} {domain} 35191{number:07d} 91{number:07d}"


@pytest.fixture(scope="module")
def index() -> Iterator[SearchIndex]:
    with closing(SearchIndex(None)) as made:
        with made.writing() as (tx, _):
            replace(tx, {f"g{number:05d}": words(number) for number in range(THERE)})
        yield made


some = st.integers(0, THERE - 1)
wholes = some.flatmap(lambda number: st.sampled_from(words(number).split()))
pieces = wholes.flatmap(lambda word: st.integers(1, len(word)).map(lambda end: word[:end]))
typed = st.lists(pieces, min_size=1, max_size=3).map(" ".join)


@given(typed=typed, limit=st.integers(1, 30), after=st.integers(0, THERE))
def test_the_first_ones_are_those_of_the_whole_answer(index, typed, limit, after):
    for expression in expressions(typed):
        whole = index.search(expression.text, THERE, after)

        assert first(index, expression, limit, after) == whole[:limit]


@pytest.mark.parametrize(
    "typed", ["maildomain.e", "maildomain.exampl", "maildomains", "mailbox.ex", "35191000", "ada mailbox."]
)
def test_long_pieces_are_found_wherever_they_stand(index, typed):
    whole, begun = expressions(typed)
    there = [
        number
        for number in range(THERE)
        if all(any(w.startswith(t) for w in words(number).split()) for t in typed.split())
    ]

    assert begun.loose and not whole.loose
    assert [golden_id for _, golden_id in first(index, begun, THERE, 0)] == [f"g{number:05d}" for number in there]
    assert there


@pytest.mark.parametrize("typed", ["m", "maildom", "ada 91"])
def test_pieces_that_the_index_knows_are_looked_up_in_it(typed):
    assert not any(expression.loose for expression in expressions(typed))
    assert all(len(word) <= LONGEST_PREFIX for word in typed.split())
