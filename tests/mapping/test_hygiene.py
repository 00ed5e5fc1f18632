"""What may enter at all, and text in one form."""

from __future__ import annotations

import pytest

from hub.errors import RecordError
from hub.mapping.spec import flat_mapping
from hub.mapping.text import folded
from hub.model import Record
from tests.mapping.samples import fields, inward

TABLE = fields(note="N")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"N": "a\0b"}, "NUL"),
        ({"other": "a\0b"}, "NUL"),
        ({"a\0b": "x"}, "NUL"),
        ({"N": ["x", {"y": "\0"}]}, "NUL"),
        ({"N": "\ud800"}, "surrogate"),
        ({"N": "x" * 65_537}, "64 KiB"),
        ({"N": "é" * 33_000}, "64 KiB"),
        ({f"N{n}": "x" * 60_000 for n in range(18)}, "1024 KiB"),
        ({"N": 10**5000}, "bits"),
        ({"N": b"x"}, "bytes"),
    ],
)
def test_a_record_that_cannot_be_kept_is_set_aside_with_the_reason(source: dict[str, object], reason: str) -> None:
    with pytest.raises(RecordError, match=reason) as caught:
        TABLE.inward(Record("7", source))

    assert caught.value.record_id == "7"


def test_lists_deeper_than_32_levels_are_set_aside() -> None:
    deep: object = "x"
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(RecordError, match="32 levels"):
        TABLE.inward(Record("7", {"N": deep}))


def test_the_largest_value_and_record_are_taken() -> None:
    assert inward(TABLE, {"N": "x" * 65_536})["note"] == "x" * 65_536
    assert "note" in inward(TABLE, {"N": "x", **{f"M{n}": "x" * 60_000 for n in range(17)}})


def test_a_key_that_a_spreadsheet_rounded_sets_the_record_aside() -> None:
    with pytest.raises(RecordError, match="scientific"):
        flat_mapping("PT").inward(Record("1.23457E+10", {}))


@pytest.mark.parametrize("key", ["a\0b", "\ud800"])
def test_a_key_that_is_no_text_sets_the_record_aside(key: str) -> None:
    with pytest.raises(RecordError, match="record not taken"):
        TABLE.inward(Record(key, {}))


def test_an_error_shows_nothing_of_the_record() -> None:
    with pytest.raises(RecordError) as caught:
        TABLE.inward(Record("7", {"N": "Ann Lee\0"}))

    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize("text", ["ANN       ", "\tANN\r\n", "\xa0ANN ", "ANN\u3000"])
def test_padding_is_trimmed(text: str) -> None:
    assert inward(TABLE, {"N": text})["note"] == "ANN"


def test_text_is_composed() -> None:
    assert inward(TABLE, {"N": "Jose\u0301"})["note"] == "José"


@pytest.mark.parametrize(
    ("text", "same"),
    [("São  PAULO", "sao paulo"), ("Łódź", "lodz"), ("C/ Mayor, 1-B", "c mayor 1 b"), ("Straße", "strasse")],
)
def test_folding_leaves_letters_and_digits(text: str, same: str) -> None:
    assert folded(text) == same
