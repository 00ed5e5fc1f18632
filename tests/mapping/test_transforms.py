"""The named transforms, one by one."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from time import process_time
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping import phones
from hub.mapping.countries import country_code
from hub.mapping.elements import email_key
from hub.mapping.text import Unmappable
from hub.mapping.transforms import PLAIN, day, lookup, moment, name_case, replace, split, take
from tests.mapping.samples import fields, inward, reasons


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ANN LEE", "Ann Lee"),
        ("maria da silva", "Maria da Silva"),
        ("O'NEIL-ØDEGÅRD", "O'Neil-Ødegård"),
        ("JOSÉ  DE LA CRUZ", "José de la Cruz"),
        ("McDonald", "McDonald"),
        ("van der Berg", "van der Berg"),
        ("JP", "JP"),
        ("ŁUCJA ŻAK", "Łucja Żak"),
        ("jürgen", "Jürgen"),
    ],
)
def test_a_name_in_one_case_gets_capitals_and_any_other_is_left_alone(text: str, name: str) -> None:
    assert name_case(text) == name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Portugal", "PT"),
        ("ESPAÑA", "ES"),
        ("Espanha", "ES"),
        ("Niemcy", "DE"),
        ("Allemagne", "DE"),
        ("deutschland", "DE"),
        ("EE.UU.", "US"),
        ("U.S.A.", "US"),
        ("prt", "PT"),
        ("gb", "GB"),
        ("UK", "GB"),
        ("Czechia", "CZ"),
        ("República Tcheca", "CZ"),
        ("Côte d’Ivoire", "CI"),
        ("Polónia", "PL"),
        ("Kosovo", "XK"),
    ],
)
def test_a_country_is_known_by_its_codes_and_its_names(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize("text", ["Atlantis", "??", "Europe", "12"])
def test_what_is_no_country_is_not_guessed(text: str) -> None:
    with pytest.raises(Unmappable):
        country_code(text)


@pytest.mark.parametrize(
    ("text", "iso"), [("03/02/1980", "1980-02-03"), ("3/2/1980", "1980-02-03"), ("29/02/2024", "2024-02-29")]
)
def test_a_day_is_read_in_its_declared_format(text: str, iso: str) -> None:
    assert day("%d/%m/%Y").read(text) == iso


@pytest.mark.parametrize("text", ["31/02/1980", "1980-02-03", "3/2/80", "44927", "03/02/1980x", "٠٣/02/1980", ""])
def test_a_day_in_any_other_form_is_not_guessed(text: str) -> None:
    with pytest.raises(Unmappable):
        day("%d/%m/%Y").read(text)


def test_several_formats_are_tried_in_order_and_the_first_is_written() -> None:
    both = day(["%d/%m/%Y", "%Y-%m-%d"])

    assert both.read("1980-02-03") == both.read("03/02/1980") == "1980-02-03"
    assert both.write is not None
    assert both.write("1980-02-03") == "03/02/1980"


def test_a_birth_date_without_a_format_is_iso_also_with_midnight_behind_it() -> None:
    table = fields(birth_date="D")

    assert inward(table, {"D": "1980-02-03T00:00:00"})["birth_date"] == "1980-02-03"
    assert reasons(table, {"D": "03/02/1980"}) == [("birth_date", "03/02/1980")]


def test_a_time_becomes_utc() -> None:
    assert moment().read("2026-01-02T03:04:05-03:00") == "2026-01-02T06:04:05+00:00"
    assert moment("%d.%m.%Y %H:%M").read("02.01.2026 03:04") == "2026-01-02T03:04:00+00:00"


def test_a_lookup_works_both_ways_and_writes_values_in_their_own_type() -> None:
    table = lookup({1: "lead", 3: "lead", "x": "customer"})

    assert [table.read(text) for text in ("1", "3", "X")] == ["lead", "lead", "customer"]
    assert table.write is not None
    assert [table.write(text) for text in ("lead", "customer")] == [1, "x"]


def test_a_pattern_takes_a_group_and_a_text_without_a_match_is_a_problem() -> None:
    assert take(r"^CLI-(\d+)$").read("CLI-0042") == "0042"
    with pytest.raises(Unmappable):
        take(r"^CLI-(\d+)$").read("42")


def test_parts_and_replacements() -> None:
    assert split(",", -1).read("Lee, Ann") == "Ann"
    assert replace(r"\s*\(.*\)", "").read("Ann Lee (old)") == "Ann Lee"


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"^(\w+\s?)*$", r"(x+x+)+y"])
def test_an_evil_pattern_on_a_megabyte_ends_within_a_tenth_of_a_second(pattern: str) -> None:
    read = take(pattern, 0).read
    text = "a" * 1_000_000 + "!"

    began = process_time()
    with suppress(Unmappable):
        read(text)
    assert process_time() - began < 0.1


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", "(", "x" * 501, r"((a{1,500}){1,500}){1,500}"])
def test_a_pattern_that_cannot_run_in_linear_time_and_bounded_memory_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        take(pattern, 0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ann.Lee@Example.ORG", "ann.lee@example.org"),
        ("o'neil+tag@mail.example.org", "o'neil+tag@mail.example.org"),
        ("ann@bücher.example.org", "ann@bücher.example.org"),
        ('"ann lee"@example.org', '"ann lee"@example.org'),
    ],
)
def test_an_email_address_in_lower_case_is_its_key(text: str, key: str) -> None:
    assert email_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "ann",
        "ann@",
        "@example.org",
        "ann@localhost",
        "a b@example.org",
        "ann@example..org",
        "ann@-x.org",
        ".a@example.org",
        "a@b.org;c@d.org",
        "Ann <ann@example.org>",
        "x" * 65 + "@example.org",
        "ann@" + "x" * 64 + ".org",
    ],
)
def test_what_is_no_email_address_is_not_taken(text: str) -> None:
    with pytest.raises(Unmappable):
        email_key(text)


@pytest.mark.parametrize(
    ("text", "region", "key"),
    [
        ("912 345 678", "PT", "+351912345678"),
        ("(0)30 123456", "DE", "+4930123456"),
        ("030/123456", "DE", "+4930123456"),
        ("+44 (0)20 7946 0018", "PT", "+442079460018"),
        ("00351 912345678", "ES", "+351912345678"),
        ("0055 11 97095-0899", "BR", "+5511970950899"),  # where 00 would be a carrier's prefix by the plan
        ("06 1234 5678", "IT", "+390612345678"),
        ("(212) 555-0100", "US", "+12125550100"),
    ],
)
def test_phone_numbers_become_e164(text: str, region: str, key: str) -> None:
    assert phones.phone_key(text, region) == key


def test_the_short_cut_for_phone_numbers_agrees_with_the_library_wherever_it_is_taken() -> None:
    draw = Random(7)
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    taken = refused = 0
    for _ in range(4_000):
        region = draw.choice(regions)
        text = _some_number(draw, region, draw.choice(regions))
        if not phones._USUAL.fullmatch(text):
            continue
        try:
            short = phones._short_cut(text.translate(phones._PUNCTUATION), region)
        except Unmappable:
            refused += 1
            with pytest.raises(Unmappable, match="too short or too long"):
                phones.parse(text, region)
            continue
        if short is not None:
            taken += 1
            assert short == phones.parse(text, region), (text, region)
    assert taken > 1_000
    assert refused > 100


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("+49 0 0 30 1234567", "+49301234567"),
        ("0049 (0) 030 1234567", "+49301234567"),
        ("+78001234567", "+78001234567"),
    ],
)
def test_a_zero_for_the_trunk_that_stands_twice_is_left_out_twice(text: str, key: str) -> None:
    assert phones.phone_key(text, None) == key


def test_a_number_is_read_as_itself_again_whatever_it_was_made_from() -> None:
    """It is looked up by what a page shows, and comes back from systems as it was written there."""
    draw = Random(9)
    seen = 0
    for code in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE):
        for _ in range(60):
            digits = "".join(draw.choice("0001234567890") for _ in range(draw.randint(5, 12)))
            with suppress(Unmappable):
                key = phones.phone_key(f"+{code}{digits}", None)
                seen += 1
                assert phones.phone_key(key, "PT") == key
    assert seen > 3_000


def test_a_number_with_00_before_it_is_the_same_by_the_short_cut_and_by_the_library() -> None:
    draw = Random(8)
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    for _ in range(1_000):
        example: Any = phonenumbers.example_number(draw.choice(regions))
        if example is not None:
            number = str(phonenumbers.format_number(example, 1)).removeprefix("+")
            with suppress(Unmappable):
                assert phones._from_abroad(f"00{number}") == phones.parse(f"+{number}", None)


def _some_number(draw: Random, region: str, other: str) -> str:
    if draw.random() < 0.5:
        example: Any = phonenumbers.example_number(draw.choice([region, other]))
        form = draw.choice([0, 1, 2])
        if example is not None:
            return str(phonenumbers.format_number(example, form))[:-1] + str(draw.randrange(10))
    digits = "".join(draw.choice("0123456789") for _ in range(draw.randrange(4, 14)))
    if draw.random() < 0.1:
        return f"(+{digits[:2]}) {digits[2:]}"
    return draw.choice(["", "+", "0", "00", "8", "1"]) + digits


@given(st.text(max_size=40))
def test_a_name_that_was_read_reads_the_same_again(text: str) -> None:
    assert name_case(name_case(text)) == name_case(text)


@given(st.sampled_from(sorted(PLAIN)), st.text(max_size=30))
def test_a_transform_answers_with_text_or_says_that_it_cannot(name: str, text: str) -> None:
    try:
        assert isinstance(PLAIN[name].read(text), str)
    except Unmappable as err:
        assert err.reason
