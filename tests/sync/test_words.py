"""Words of a golden record, and what is typed to find them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.search import SearchIndex, replace
from hub.sync.words import expressions, words_of

ADA = {
    "given_name": "Ada Sofía",
    "family_name": "Ødegård-O'Neil",
    "company": "Oficina São Bento, Lda",
    "emails/ada.sofia@mail.example.org": {},
    "phones/+351912345678": {"raw": "912 345 678"},
    "phones/raw:021 555": {"invalid": True},
    "tax_id": "PT-501442600",
    "custom.customer_number": "K-0042",
    "birth_date": "1815-12-10",
}
RUI = {"full_name": "Rui Castanheira", "phones/+390612345678": {}, "emails/rui@example.org": {}}


@pytest.fixture(scope="module")
def index():
    found = SearchIndex(None)
    with found.writing() as (tx, _):
        replace(tx, {"g1": words_of("g1", ADA, ["erp:C0017", "web:9:9"]), "g2": words_of("g2", RUI, [])})
    yield found
    found.close()


def found(index: SearchIndex, typed: str) -> list[str]:
    return [golden_id for text in expressions(typed) for _, golden_id in index.search(text.text, 10)]


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "a",
            "ad",
            "ADA",
            "sofia ada",
            "sofía",
            "odeg",
            "oneil",
            "o'neil",
            "o’neil",
            "ødegård-o",
            "neil ada",
            "bento",
        ),
        *("ada.so", "ada.sofia@mail.example.org", "mail.example", "912", "912 345 678", "+351 912-345", "00351912"),
        *("(+351) 912", "0912345678", "351912345678", "021555", "g1", "C0017", "c0017", "erp:c0017", "web:9:9", "9:9"),
        *("k-0042", "PT-501442600", "pt-50", "ada 912 345"),
    ],
)
def test_it_is_found_by(index, typed):
    assert "g1" in found(index, typed)


@pytest.mark.parametrize("typed", ["", "  ", "-", "zzz", "1815", "fia", "9123456789", "*", '"', "NOT", "a OR"])
def test_it_is_not_found_by(index, typed):
    assert "g1" not in found(index, typed)


def test_a_number_keeps_the_zero_that_belongs_to_it(index):
    assert found(index, "+39 06 1234") == ["g2"]
    assert found(index, "06 1234") == ["g2"]


def test_whole_words_come_before_beginnings(index):
    with index.writing() as (tx, _):
        replace(tx, {"g0": words_of("g0", {"given_name": "Castan"}, [])})

    assert found(index, "castan") == ["g0", "g2"]


@given(st.text())
def test_whatever_is_typed_is_an_expression(typed):
    index = SearchIndex(None)
    try:
        for expression in expressions(typed):
            index.search(expression.text, 5)
            if expression.loose:
                index.sample(expression.loose, 5)
    finally:
        index.close()


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_name_is_it_makes_words_without_an_end_or_break(given_name, company):
    words = words_of("g1", {"given_name": given_name, "company": company}, [])

    assert words.split()[0] == "g1"
    assert "\x00" not in words
