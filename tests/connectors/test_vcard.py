"""vCards: read as their owners meant them, and changed without losing a line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.vcard import (
    FOLD,
    Card,
    Line,
    VCardError,
    escape,
    fold,
    parse,
    parse_all,
    plain_card,
    split,
    unescape,
)
from hub.connectors.vcard_fields import LISTS, WRITABLE, apply, kind_of, new_card, read_fields
from hub.errors import RecordError

OWNED = b"""BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Apple Inc.//iOS 17.0//EN\r
N:Vaz;Rita;Maria;Dr.;MSc\r
FN:Dr. Rita Maria Vaz MSc\r
NICKNAME:Ritinha\r
ORG:Coro do Porto;Altos;Row 2\r
item1.EMAIL;type=INTERNET;type=pref:rita@example.org\r
item1.X-ABLabel:_$!<Other>!$_\r
EMAIL;TYPE=INTERNET,WORK;X-SEEN="a;b:c":office@example.org\r
TEL;type=CELL;type=VOICE;type=pref:912 345 678\r
TEL;TYPE=WORK,FAX:222 000 111\r
item2.ADR;type=HOME:;;Rua 1\\, 2.\\;;Porto;;4000-001;Espa\xc3\xb1a\r
item2.X-ABADR:es\r
BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12\r
CATEGORIES:a\\,b,c\r
NOTE:first\\nsecond\\\\\r
X-PHONETIC-FIRST-NAME:REE-ta\r
IMPP;X-SERVICE-TYPE=XMPP:xmpp:rita@example.org\r
PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD\r
 hgGAWjR9awAAAABJRU5ErkJggg==\r
REV:2025-01-02T03:04:05Z\r
UID:one\r
END:VCARD\r
"""


def card(*lines: str, version: str = "3.0") -> Card:
    text = "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])
    return parse(text)


def written(changed: Card) -> list[str]:
    return [line.written() for line in changed.lines]


# --- reading ----------------------------------------------------------------------------------------


def test_a_card_of_a_telephone_is_read_as_its_owner_meant_it() -> None:
    fields = read_fields(parse(OWNED))

    assert {name: fields[name] for name in ("given_name", "family_name", "prefix", "suffix", "kind")} == {
        "given_name": "Rita",
        "family_name": "Vaz",
        "prefix": "Dr.",
        "suffix": "MSc",
        "kind": "individual",
    }
    assert fields["emails"] == [
        {"value": "rita@example.org", "label": "other"},
        {"value": "office@example.org", "label": "work"},
    ]
    assert fields["phones"] == [{"value": "912 345 678", "label": "mobile"}]
    assert fields["addresses"] == [
        {"street": "Rua 1, 2.;", "locality": "Porto", "postcode": "4000-001", "country": "España"}
    ]
    assert (fields["company"], fields["department"]) == ("Coro do Porto", "Altos")
    assert fields["categories"] == ["a,b", "c"]
    assert fields["note"] == "first\nsecond\\"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("BDAY:1985-04-12", "1985-04-12"),
        ("BDAY:19850412", "1985-04-12"),
        ("BDAY;VALUE=date-time:1985-04-12T00:00:00Z", "1985-04-12"),
        ("BDAY:--0412", "--04-12"),
        ("BDAY:--04-12", "--04-12"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12", "--04-12"),
        ("BDAY:1985-04", "1985-04"),
        ("BDAY;VALUE=text:circa 1800", "circa 1800"),
        ("BDAY:", None),
    ],
)
def test_a_birthday_is_a_day_or_shown_as_it_stands(line: str, shown: str | None) -> None:
    assert read_fields(card("FN:Rita", line))["birth_date"] == shown


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["FN:Coro", "KIND:org"], "org"),
        (["FN:Coro", "X-ABShowAs:COMPANY"], "org"),
        (["FN:Coro", "ORG:Coro"], "org"),
        (["FN:Coro", "N:Vaz;Rita;;;", "ORG:Coro"], "individual"),
        (["FN:Friends", "X-ADDRESSBOOKSERVER-KIND:group"], "group"),
        (["FN:Friends", "KIND:Group"], "group"),
        (["FN:Rita"], "individual"),
    ],
)
def test_the_kind_is_told_in_several_ways(lines: list[str], kind: str) -> None:
    assert kind_of(card(*lines)) == kind


def test_version_4_is_read_with_its_uris_and_preferences() -> None:
    fields = read_fields(
        card(
            "FN:Rita",
            "TEL;VALUE=uri;TYPE=home:tel:+351222333444;ext=5",
            'TEL;VALUE=uri;PREF=1;TYPE="cell,voice":tel:+351912345678',
            "EMAIL;PREF=2:b@example.org",
            "EMAIL;PREF=1;TYPE=work:a@example.org",
            version="4.0",
        )
    )

    assert [each["value"] for each in fields["phones"]] == ["+351912345678", "+351222333444"]
    assert fields["phones"][0]["label"] == "mobile"
    assert [each["value"] for each in fields["emails"]] == ["a@example.org", "b@example.org"]


def test_an_old_card_is_read_with_its_charset_and_soft_line_breaks() -> None:
    data = (
        b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Mu=C3=B1oz;Jos=C3=\r\n=A9;;;\r\n"
        b"FN;CHARSET=ISO-8859-1:Jos\xe9\r\nTEL;CELL;VOICE:912\r\nEND:VCARD\r\n"
    )

    fields = read_fields(parse(data))

    assert (fields["family_name"], fields["given_name"], fields["full_name"]) == ("Muñoz", "José", "José")
    assert fields["phones"] == [{"value": "912", "label": "mobile"}]


def test_a_fold_in_the_middle_of_a_character_is_undone() -> None:
    name = "é".encode()
    data = b"BEGIN:VCARD\nVERSION:3.0\nFN:Ren" + name[:1] + b"\n " + name[1:] + b"\nEND:VCARD\n"

    assert read_fields(parse(data))["full_name"] == "René"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"BEGIN:VCARD\nFN:Rita\n",
        b"BEGIN:VCARD\nFN:\xff\nEND:VCARD",
        b"BEGIN:VCARD\n;;:x\nEND:VCARD",
        b"BEGIN:VCARD\nFN;CHARSET=klingon:a\nEND:VCARD",
        b"BEGIN:VCARD\nFN:a\nEND:VCARD\nBEGIN:VCARD\nFN:b\nEND:VCARD",
    ],
)
def test_what_is_no_card_is_told_without_its_text(data: bytes) -> None:
    with pytest.raises(VCardError) as told:
        parse(data)

    assert "Rita" not in str(told.value)


def test_several_cards_of_a_file_are_read_one_after_the_other() -> None:
    assert len(parse_all(OWNED * 3)) == 3


# --- writing ----------------------------------------------------------------------------------------


def test_a_card_that_is_not_changed_is_written_as_it_came() -> None:
    assert apply(parse(OWNED), {"note": "first\nsecond\\"}) == parse(OWNED)
    assert parse(parse(OWNED).written()) == parse(OWNED)


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"note": "new"}, ["NOTE:new"]),
        ({"birth_date": "1985-04-12"}, ["BDAY:1985-04-12"]),
        ({"department": "Sopranos"}, ["ORG:Coro do Porto;Sopranos;Row 2"]),
        ({"given_name": "Ana"}, ["N:Vaz;Ana;Maria;Dr.;MSc", "FN:Dr. Ana Maria Vaz MSc"]),
        ({"full_name": "Rita!"}, ["FN:Rita!"]),
        ({"categories": ["c", "d;e"]}, [r"CATEGORIES:c,d\;e"]),
        ({"nickname": None}, []),
        ({"job_title": "Alto"}, ["TITLE:Alto"]),
        ({"phones": [{"value": "913", "label": "mobile"}]}, ["TEL;TYPE=CELL,VOICE,pref:913"]),
        ({"kind": "org"}, ["X-ABSHOWAS:COMPANY"]),
    ],
)
def test_only_the_lines_of_what_changes_are_written_anew(fields: dict[str, Any], changed: list[str]) -> None:
    before, after = written(parse(OWNED)), written(apply(parse(OWNED), fields))

    new = [line.replace("type=", "TYPE=") for line in after if line not in before]
    assert sorted(line.replace(";TYPE=VOICE;TYPE=pref", ",VOICE,pref") for line in new) == sorted(changed)
    assert [line for line in before if line in after] == [line for line in after if line in before]


def test_an_email_that_goes_takes_its_label_along_and_the_others_stay() -> None:
    changed = apply(parse(OWNED), {"emails": [{"value": "office@example.org", "label": "work"}]})

    lines = written(changed)
    assert not [line for line in lines if line.startswith("item1.")]
    assert 'EMAIL;TYPE=INTERNET,WORK;X-SEEN="a;b:c":office@example.org' in lines
    assert "item2.X-ABADR:es" in lines


def test_a_label_that_cards_have_no_word_for_is_written_as_apple_does() -> None:
    changed = apply(parse(OWNED), {"phones": [{"value": "912 345 678", "label": "choir"}]})

    assert read_fields(changed)["phones"] == [{"value": "912 345 678", "label": "choir"}]
    assert "item3.X-ABLABEL:choir" in written(changed)


def test_a_country_keeps_the_spelling_of_its_owner() -> None:
    wanted = {"street": "Rua 1, 2.;", "locality": "Porto", "postcode": "4000-002", "country": "Spain"}

    [shown] = read_fields(apply(parse(OWNED), {"addresses": [wanted]}))["addresses"]

    assert shown == {**wanted, "country": "España"}


@pytest.mark.parametrize("value", ["bell\x07", "nul\x00", "half\ud800", "form\x0cfeed"])
@pytest.mark.parametrize("field", ["note", "emails"])
def test_a_character_that_xml_cannot_hold_is_refused(field: str, value: str) -> None:
    with pytest.raises(RecordError, match="control character"):
        apply(parse(OWNED), {field: [{"value": value}] if field in LISTS else value})


def test_a_new_card_needs_something_to_be_called_by() -> None:
    with pytest.raises(RecordError, match="needs a name"):
        new_card("hub:1", "3.0", {"note": "x"})


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_company_is_named_by_itself(version: str) -> None:
    fields = read_fields(new_card("hub:1", version, {"kind": "org", "company": "Coro"}))

    assert (fields["full_name"], fields["kind"]) == ("Coro", "org")


def test_an_unknown_field_is_refused_by_its_name() -> None:
    with pytest.raises(RecordError, match="'shoe_size'"):
        apply(parse(OWNED), {"shoe_size": "41"})


# --- rules --------------------------------------------------------------------------------------------

LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff\x85\u2028\u2029")
TEXT = st.text(LETTERS | st.sampled_from("\\,;:\"'^=\n é😀"), min_size=1, max_size=90).map(str.strip).filter(bool)
WORD = st.text(LETTERS, min_size=1, max_size=20).map(lambda text: " ".join(text.split())).filter(bool)
LABEL = st.sampled_from(["work", "home", "other", "mobile", "choir"])
ENTRIES = st.lists(
    st.fixed_dictionaries({"value": st.from_regex(r"[a-z0-9]{1,8}@example\.org", fullmatch=True), "label": LABEL}),
    max_size=4,
    unique_by=lambda each: each["value"],
)
ADDRESS = st.fixed_dictionaries({"street": WORD}, optional={"locality": WORD, "region": WORD, "postcode": WORD})
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "note": TEXT,
        "job_title": TEXT,
        "given_name": WORD,
        "family_name": WORD,
        "company": WORD,
        "department": WORD,
        "emails": ENTRIES,
        "categories": st.lists(WORD, max_size=4, unique=True),
        "birth_date": st.dates().map(str),
    },
)


@given(text=st.text(LETTERS | st.sampled_from("\\,;\n")))
def test_escaping_is_undone_by_reading(text: str) -> None:
    assert unescape(escape(text)) == text
    assert split(escape(text), ";") == [escape(text)]
    assert split(escape(text), ",") == [escape(text)]


@given(text=st.text(LETTERS, max_size=400))
def test_folded_lines_are_short_and_come_together_again(text: str) -> None:
    pieces = list(fold(f"NOTE:{text}"))

    assert all(len(piece.encode()) <= FOLD for piece in pieces)
    assert pieces[0] + "".join(piece[1:] for piece in pieces[1:]) == f"NOTE:{text}"


@given(value=st.text(LETTERS | st.sampled_from('";:,^\n'), max_size=30).map(lambda text: text.strip(' "')))
def test_a_parameter_survives_whatever_it_holds(value: str) -> None:
    line = Line("X-TEST", "v", (("X-P", (value.strip(),)),))

    [_, found] = parse(f"BEGIN:VCARD\nVERSION:4.0\n{line.written()}\nEND:VCARD").lines

    assert found.all("X-P") == [value.strip()]


@given(fields=FIELDS, version=st.sampled_from(["3.0", "4.0"]))
def test_what_is_written_into_a_new_card_is_read_from_it(fields: dict[str, Any], version: str) -> None:
    sent = parse(new_card("hub:1", version, {"full_name": "Rita", **fields}).written())

    found = read_fields(sent)
    wanted = {name: value or ([] if name in LISTS else None) for name, value in fields.items()}
    assert {name: found[name] for name in fields} == wanted


def unordered(value: Any) -> Any:
    """Entries in an order of their own: a card has the preferred one first."""
    each = (
        [sorted(one.items()) if isinstance(one, dict) else one for one in value] if isinstance(value, list) else value
    )
    return sorted(each) if isinstance(each, list) else each


@given(fields=FIELDS)
def test_whatever_is_changed_no_other_line_is(fields: dict[str, Any]) -> None:
    before = parse(OWNED)

    after = parse(apply(before, fields).written())

    theirs = {"PRODID", "IMPP", "PHOTO", "REV", "UID", "X-PHONETIC-FIRST-NAME", "X-ABADR", "ADR"}
    kept = [line.written() for line in before.lines if line.name in theirs or "FAX" in line.types]
    assert [line.written() for line in after.lines if line.name in theirs or "FAX" in line.types] == kept
    found = read_fields(after)
    assert {name: unordered(found[name]) for name in fields} == {name: unordered(each) for name, each in fields.items()}


@given(fields=FIELDS)
def test_the_same_change_twice_is_one_change(fields: dict[str, Any]) -> None:
    once = apply(parse(OWNED), fields)

    assert apply(once, fields) == once


@given(addresses=st.lists(ADDRESS, max_size=3, unique_by=lambda each: each["street"].casefold()))
def test_addresses_are_read_as_they_are_written(addresses: list[dict[str, str]]) -> None:
    changed = parse(apply(parse(OWNED), {"addresses": addresses}).written())

    assert unordered(read_fields(changed)["addresses"]) == unordered(addresses)


HEADS = (
    "TEL;TYPE=CELL",
    "item1.EMAIL",
    "NOTE;CHARSET=latin1",
    "PHOTO;ENCODING=b",
    'X-A;B="c:d"',
    "tel;home",
    "BEGIN",
    "END",
)
ODD_LINES = st.builds(
    lambda head, colon, value: head + colon + value,
    st.sampled_from([*HEADS, "NOTE;ENCODING=QUOTED-PRINTABLE", "N", "FN", "", " ", "\t", "\ufeff", "a b"]),
    st.sampled_from([":", ":", ":", ""]),
    st.text(LETTERS | st.sampled_from("=\\;,\n\r\t \ud800"), max_size=12),
)


@given(
    lines=st.lists(ODD_LINES, max_size=5),
    end=st.sampled_from(["\r\n", "\n"]),
    last=st.sampled_from(["", "\n", "\r\n\n"]),
)
def test_the_quick_way_reads_a_card_as_the_careful_one_does_or_leaves_it(lines: list[str], end: str, last: str) -> None:
    text = end.join(["BEGIN:VCARD", *lines, "END:VCARD"]) + last

    quick = plain_card(text)

    assert quick is None or [quick] == parse_all(text)


def test_the_card_of_a_telephone_goes_the_quick_way() -> None:
    text = OWNED.decode().replace('X-SEEN="a;b:c"', "X-SEEN=a")

    assert plain_card(text) == parse_all(text)[0]


@given(data=st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_a_card_or_not(data: bytes) -> None:
    try:
        cards = parse_all(b"BEGIN:VCARD\n" + data + b"\nEND:VCARD\n")
    except VCardError:
        return
    for each in cards:
        assert set(read_fields(each)) == WRITABLE
