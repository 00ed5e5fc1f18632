"""Comparing two records, field by field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.compare import LEVELS, compare
from hub.dedupe.features import features
from hub.dedupe.weigh import DEFAULT, FIELDS, KIN, ORGANISATIONS, PERSONS, Model, bits, household
from tests.dedupe.people import fields, records

WORDS = st.sampled_from("linda mary nelson adams santos alves patric patricia monica reis r".split())
HOME = "equal, not known as a mobile"


def level(field, one, other):
    found = compare(features(one), features(other))
    return LEVELS[field][getattr(found, field)]


@given(records, records)
def test_comparing_is_symmetric(one, other):
    a, b = features(one), features(other)

    assert compare(a, b) == compare(b, a)


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, min_size=1, max_size=4))
def test_names_in_one_field_are_compared_the_same_both_ways(one, other):
    """Of few words, so that they are repeated, swapped and shared."""
    a, b = features(fields(" ".join(one))), features(fields(" ".join(other)))

    assert compare(a, b) == compare(b, a)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Monica|Santos Alves", "Monica|Santos Santos"),
        ("Carenema Quinenema Patric", "Alves Itaonoso Patricia"),
        ("Linda Mary Nelson", "Mary Linda Adams"),
    ],
)
def test_names_that_repeat_a_word_or_share_an_end_are_compared_the_same_both_ways(one, other):
    a, b = features(fields(one)), features(fields(other))

    assert compare(a, b) == compare(b, a)


def test_of_two_readings_the_better_counts_whichever_record_comes_first():
    """Joaquim and two words of a family name, or Castro and one: both would do."""
    a, b = features(fields("Joaquim Castro Anselmo")), features(fields("Castro Anselmo Joaquim"))

    assert compare(a, b) == compare(b, a)
    assert compare(a, b).family_word == "anselmo castro"


@given(records)
def test_a_record_never_differs_from_itself(record):
    found = compare(features(record), features(record))

    assert all(names[n] != "different" for names, n in zip(LEVELS.values(), found.levels(), strict=True))


@pytest.mark.parametrize(
    ("one", "other", "given", "family"),
    [
        ("Ann|Bell", "Ann|Bell", "equal", "equal"),
        ("Ann|Bell", "BELL ANN", "equal", "equal"),
        ("Ann|Bell", "Bell|Ann", "equal", "equal"),
        ("Bell, Ann", "Ann Bell", "equal", "equal"),
        ("Ann|Bell", "A. Bell", "initial", "equal"),
        ("Ann|Bell", "Ann|", "equal", "missing"),
        ("Elizabeth|Bell", "Liz|Bell", "short or foreign form", "equal"),
        ("Pedro|Couto", "Peter|Couto", "short or foreign form", "equal"),
        ("Rachel|Bell", "Racjhel|Bell", "a slip apart", "equal"),
        ("Ann|Bellamy", "Ann|Belamy", "equal", "a slip apart"),
        ("Ana|Reis Couto", "Ana|Couto", "equal", "equal"),
        ("Ana|Reis Couto", "Ana|Couto Lopes", "equal", "part of it equal"),
        ("Ana|Reis Couto", "COUTO REIS ANA", "equal", "two words equal"),
        ("Zora|Reis Couto", "REIS COUTO Z", "initial", "two words equal"),
        ("Ana|Reis", "Couto|Ana", "equal", "different"),
        ("COUTO ANA", "REIS ANA", "equal", "different"),
        ("Mariano|Couto", "Mariana|Couto", "different", "equal"),
        ("Dr. Ana de Reis", "Ana Reis", "equal", "equal"),
        ("Jan|Kowalski", "Jan|Kowalska", "equal", "a slip apart"),
        ("Ana|Couto", "Rui|Couto", "different", "equal"),
        ("COUTO RUI", "Ana Couto", "different", "equal"),
        ("Ana|Couto", "Ana|Lopes", "equal", "different"),
    ],
)
def test_names_are_read_in_the_most_favourable_way(one, other, given, family):
    a, b = fields(one), fields(other)

    assert (level("given", a, b), level("family", a, b)) == (given, family)


@pytest.mark.parametrize(
    ("field", "one", "other", "expected"),
    [
        ("email", fields(mail="Ann@Example.org"), fields(mail="ann@example.org"), "equal"),
        ("email", fields(mail="ann.bell@example.org"), fields(mail="ann.bel@example.org"), "a slip apart"),
        (
            "email",
            fields("A B", mail="info@example.org"),
            fields("C D", mail="info@example.org"),
            "office address equal",
        ),
        ("email", fields(mail="ann@example.org"), fields(mail="bob@example.org"), "different"),
        (
            "email",
            fields(mail="family.bell@example.org"),
            fields(mail="Family.Bell@example.org"),
            "household address equal",
        ),
        ("email", fields(mail="casanova@example.org"), fields(mail="casanova@example.org"), "equal"),
        (
            "email",
            fields(mail="family.bell@example.org ann@example.org"),
            fields(mail="ann@example.org family.bell@example.org"),
            "equal",
        ),
        ("phone", fields(phone="912345678"), fields(phone="+351213344556"), "different"),
        ("phone", fields(phone="+351912345678"), fields(phone="00351966000111"), "another mobile"),
        ("phone", fields(phone="+351912345678 +351213344556"), fields(phone="+351966000111"), "another mobile"),
        ("phone", fields(phone="+351912345678 +351213344556"), fields(phone="+351213344556"), HOME),
        ("phone", fields(phone="00351912345678"), fields(phone="912345678"), "equal"),
        ("phone", fields(phone="912345678"), fields(phone="912345678"), HOME),
        ("phone", fields(phone="912345678"), fields(phone="912345679"), "a slip apart"),
        ("phone", fields(phone="912345678"), fields(phone="000000000"), "missing"),
        ("birth", fields(born="1980-05-01"), fields(born="1980-01-05"), "a slip apart"),
        ("birth", fields(born="1980-05-01"), fields(born="1955-03-02"), "different"),
        ("year", fields(mail="ann80@example.org"), fields(born="1980-05-01"), "equal"),
        ("year", fields(mail="ann.1980@example.org"), fields(mail="a_bell80@example.com"), "equal"),
        ("year", fields(mail="ann80.3@example.org"), fields(born="1955-05-01"), "different"),
        ("year", fields(mail="ann80@example.org"), fields(mail="ann55@example.com"), "different"),
        ("year", fields(mail="ann80@example.org"), fields(mail="ann80@example.org", born="1955-05-01"), "missing"),
        ("year", fields(mail="ann80@example.org"), fields(mail="ann80@example.com"), "missing"),
        ("year", fields(mail="ann55@example.org", born="1980-05-01"), fields(born="1955-05-01"), "missing"),
        ("year", fields(mail="ann22@example.org"), fields(born="1922-05-01"), "missing"),
        ("year", fields(mail="ann180@example.org"), fields(born="1980-05-01"), "missing"),
        ("year", fields(mail="ann1860@example.org"), fields(born="1960-05-01"), "missing"),
        ("year", fields(mail="80ann55@example.org"), fields(born="1980-05-01"), "missing"),
        ("tax", fields(tax_id="ES-B12345678"), fields(tax_id="b12345678"), "equal"),
        ("company", fields(company="Acorn GmbH & Co. KG"), fields(company="ACORN"), "equal"),
        ("company", fields(company="Acorn Trade"), fields(company="Acorn"), "one within the other"),
        ("generation", fields("Rui Couto Jr."), fields("Rui Couto Neto"), "different"),
        ("kind", fields("Ann Bell"), fields(company="Acorn"), "different"),
        ("kind", fields("Acorn, Lda", company="Acorn Lda"), fields(company="Acorn"), "equal"),
        ("company", fields("A B", "an@acorn1.example"), fields("A B", "ab@acorn1.example"), "same domain"),
        ("company", fields("A B", company="Acorn"), fields("A B", "ab@acorn1.example"), "same domain"),
        ("company", fields("A B", "an@acorn1.example"), fields("A B", "ab@acorn2.example"), "missing"),
        ("company", fields("A Bellamy", "an@bellamy.example"), fields("A B", "ab@bellamy.example"), "missing"),
        (
            "address",
            fields(street="Hauptstraße 5", town="Köln", postcode="50667"),
            fields(street="HAUPTSTR. 5", town="Koeln", postcode="50667"),
            "equal",
        ),
        (
            "address",
            fields(street="Rua Nova 1", postcode="4000-001"),
            fields(street="Rua Nova 2", postcode="4000001"),
            "same postcode",
        ),
    ],
)
def test_other_fields_have_levels(field, one, other, expected):
    assert level(field, one, other) == expected


def test_a_rare_name_says_more_than_a_common_one():
    rare, common = fields("Ann|Zyl"), fields("Ann|Silva")
    model = Model(frequency={"zyl": 0.00001, "ann": 0.002})

    def family_bits(record, model):
        found = compare(features(record), features(record))
        return bits(found, model, organisations=False)[1]

    assert family_bits(rare, model) > family_bits(rare, DEFAULT) > family_bits(common, DEFAULT)


@pytest.mark.parametrize(
    ("name", "mail", "other", "expected"),
    [
        ("Jane|", "jane.martin5@example.org", "Jane|Martin", ("equal", "equal")),
        ("Jane|", "janemartin@example.org", "MARTIN JANE", ("equal", "equal")),
        ("Jane", "jmartin5@example.org", "Martin|Jane", ("equal", "equal")),
        ("Jane|", "family.martin@example.org", "Jane|Martin", ("equal", "equal")),
        ("Jane|", "jane.martin5@example.org", "Jane|Oak", ("equal", "missing")),
        ("Jane|", "rocky4@example.org", "Jane|Oak", ("equal", "missing")),
        ("Jane|Oak", "jane.martin5@example.org", "Jane|Martin", ("equal", "different")),
    ],
)
def test_a_family_name_that_is_missing_may_stand_in_the_address(name, mail, other, expected):
    one, known = fields(name, mail), fields(other)

    assert (level("given", one, known), level("family", one, known)) == expected


@pytest.mark.parametrize("other", [{"email": -1.1}, {"phone": -3.0}])
def test_a_rare_name_counts_for_less_where_somebody_is_reached_elsewhere(other):
    name = {"given": 7.5, "family": KIN}
    same = [name.get(field, 0.0) for field in FIELDS]
    elsewhere = [{**name, **other}.get(field, 0.0) for field in FIELDS]

    assert household(same) == 0
    assert household(elsewhere) == -7.5


def test_a_year_in_an_address_weighs_less_than_a_birth_date():
    _, equal, _, different = PERSONS["birth"]

    assert 0 < PERSONS["year"][1] < equal
    assert different < PERSONS["year"][2] < 0


def test_a_model_needs_a_weight_for_every_level():
    with pytest.raises(ValueError, match="email needs 7 weights"):
        Model(persons={**PERSONS, "email": (0, 1)}, organisations=ORGANISATIONS)
