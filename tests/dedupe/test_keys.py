"""Blocking keys: what meets, and what must not."""

import subprocess
import sys

import pytest
from hypothesis import given

from hub.dedupe.features import features
from hub.dedupe.keys import MOST, blocking_keys, shared
from tests.dedupe.people import fields, records

ANN = fields("Ann|Bell", "ann.bell@example.org", "+351912345678", "1980-05-01")


@given(records)
def test_keys_are_distinct_numbers_of_63_bits_and_few(record):
    keys = blocking_keys(features(record))

    assert len(keys) == len(set(keys)) <= MOST
    assert all(0 <= key < 2**63 for key in keys)


@given(records)
def test_keys_do_not_depend_on_the_order_of_fields(record):
    assert blocking_keys(features(dict(reversed(record.items())))) == blocking_keys(features(record))


def test_keys_are_the_same_in_every_process():
    imports = "from hub.dedupe.features import features; from hub.dedupe.keys import blocking_keys"
    code = f"{imports}; print(blocking_keys(features({ANN!r})))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert other.stdout.strip() == str(blocking_keys(features(ANN)))


@pytest.mark.parametrize(
    "junk",
    [
        fields(mail="noreply@acorn.test.example"),
        fields(mail="test@test.com"),
        fields(mail="teste"),
        fields(phone="000000000"),
        fields(phone="+351999999999"),
        fields(phone="123456789"),
        fields(name="N/A"),
        fields(name="Unknown|Unknown"),
        fields(company="TBD"),
        fields(born="1900-01-01"),
        fields(tax_id="000000000"),
        fields(street=".", town="nd", postcode="0000-000"),
        {},
        {"given_name": None, "emails/x@example.org": None},
    ],
)
def test_placeholders_make_no_key(junk):
    assert blocking_keys(features(junk)) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (fields("Ann Bell", phone="+351912345678"), fields("X Y", phone="00351912345678")),
        (fields("Ann|Bell"), fields("BELL ANN")),
        (fields("João|Silva"), fields("Silva|Joao")),
        (fields("Elizabeth|Bell"), fields("Liz|Bell")),
        (fields("Juan|Ruiz"), fields("John|Ruiz")),
        (fields("Jörg|Müller"), fields("Joerg|Mueller")),
        (fields("JoÃ£o|Silva"), fields("João|Silva")),
        (fields(company="Acorn, S.A."), fields(company="ACORN SA")),
        (fields(company="Acorn", tax_id="PT 501 442 600"), fields(company="Oak", tax_id="501442600")),
        (fields("Sabine|Oak"), fields("Sabinee|Oak")),
        (fields("Ann|Bellamy"), fields("Ann|Bellmay")),
        (fields("Adela|Oak"), fields("Adlea|Oak")),
        (fields("Jane|", "jane.martin5@example.org"), fields("MARTIN JANE")),
        (fields("Jane", "jmartin@example.org"), fields("Jane|Martin")),
        (fields("Ann|B", born="1980-05-01"), fields("Anna|C", born="1980-05-01")),
    ],
)
def test_spellings_of_one_person_meet(one, other):
    assert set(blocking_keys(features(one))) & set(blocking_keys(features(other)))
    assert shared(features(one), features(other))


def test_colleagues_do_not_meet_by_the_address_of_their_office():
    ann, bob = fields("Ann|Bell", "info@acorn.example"), fields("Bob|Oak", "info@acorn.example")

    assert shared(features(ann), features(bob)) == ()
