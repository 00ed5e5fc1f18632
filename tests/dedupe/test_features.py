"""What matching sees of a record, and how it is kept."""

import orjson
import pytest
from hypothesis import given

from hub.dedupe.features import EDITION, features, pack, unpack
from tests.dedupe.people import fields, records


@given(records)
def test_features_come_back_as_they_were_packed(record):
    seen = features(record)

    assert unpack(pack(seen)) == seen


def test_features_of_another_edition_are_not_taken_for_ours():
    edition, *rest = orjson.loads(pack(features({"given_name": "Ann"})))

    assert edition == EDITION
    assert unpack(orjson.dumps([EDITION + 1, *rest]).decode()) is None


@pytest.mark.parametrize(
    ("name", "generation", "words"),
    [
        ("Rui Couto Jr.", "2", ("rui", "couto")),
        ("COUTO JR. RUI", "2", ("couto", "rui")),
        ("Couto Filho, Rui", "2", ("rui", "couto", "filho")),
        ("COUTO FILHO RUI DINIS", "2", ("couto", "rui", "dinis")),
        ("Rui|Couto Filho", "2", ("rui", "couto", "filho")),
        ("Couto Filho|Rui", "2", ("couto", "filho", "rui")),
        ("Rui|Filho", "", ("rui", "filho")),
        ("Rui Filho", "", ("rui", "filho")),
        ("Rui|Couto Neto", "", ("rui", "couto", "neto")),
        ("Kim Jun Ho", "", ("kim", "jun", "ho")),
    ],
)
def test_a_generation_is_found_where_names_have_it(name, generation, words):
    found = features(fields(name))

    assert (found.generation, found.name) == (generation, words)


@pytest.mark.parametrize(
    "phone",
    ["+351912345678", "00351912345678", "+34612345678", "0612345678", "+33612345678", "+4915112345678", "01511234567"],
)
def test_mobile_phones_are_known_by_their_country(phone):
    found = features(fields(phone=phone))

    assert found.mobiles == found.phones != frozenset()


@pytest.mark.parametrize(
    "phone", ["+351213344556", "213344556", "+34912345678", "912345678", "+12125550123", "+493012345"]
)
def test_what_may_be_a_landline_is_no_mobile(phone):
    found = features(fields(phone=phone))

    assert found.phones
    assert not found.mobiles
