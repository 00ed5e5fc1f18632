"""Transforms and options as the mapping page offers them: what each takes, and its help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.mapping.countries import FORMS as COUNTRY_FORMS
from hub.mapping.paths import parse_path
from hub.model import SINGLE
from hub.web.console.mapping_texts import lines_of, read_lines, read_table, read_whole, table_text
from hub.web.console.words import marked

Kind = Literal["text", "whole", "lines", "table", "choice"]


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    label: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A transform. alone: its one argument is given without a name"""

    help: str
    takes: tuple[Argument, ...] = ()
    alone: bool = True


_FORMATS = Argument("formats", marked("Formats, one a line; the first is written"), "lines")
_MATCH = Argument("match", marked("Pattern (RE2)"))

OFFERS: Mapping[str, Offer] = {
    "text": Offer(marked("Runs of blanks become one.")),
    "name": Offer(marked("A name all in capitals or small letters gets capitals; others stay.")),
    "upper": Offer(marked("All in capitals.")),
    "lower": Offer(marked("All in small letters.")),
    "id": Offer(marked("Refuses a number that a spreadsheet has rounded.")),
    "tax_id": Offer(marked("Capitals and digits, without separators.")),
    "digits": Offer(marked("Keeps the digits only.")),
    "email": Offer(marked("A mail address in small letters.")),
    "phone": Offer(
        marked("A phone number as E.164."),
        (Argument("region", marked("Country of numbers without a code, such as PT")),),
    ),
    "country": Offer(
        marked("A country as its two letters, from codes and from names in six languages."),
        (Argument("form", marked("Written back as"), "choice", COUNTRY_FORMS),),
    ),
    "date": Offer(marked("A day. Without formats: YYYY-MM-DD."), (_FORMATS,)),
    "datetime": Offer(marked("A time. Without formats: ISO 8601, UTC where no zone is given."), (_FORMATS,)),
    "lookup": Offer(
        marked("A table of values in the middle of a chain, read both ways."),
        (Argument("table", marked("Value there = value here, one a line"), "table"),),
    ),
    "pattern": Offer(
        marked("A group of the first match; there is no way back."),
        (_MATCH, Argument("group", marked("Group"), "whole")),
        alone=False,
    ),
    "replace": Offer(
        marked("Replaces every match; there is no way back."), (_MATCH, Argument("by", marked("By"))), alone=False
    ),
    "split": Offer(
        marked("One part of a text with separators; there is no way back."),
        (Argument("by", marked("Separator")), Argument("part", marked("Part, from 0; -1 is the last"), "whole")),
        alone=False,
    ),
    "split_name": Offer(
        marked("A part of a full name; rows for both parts of one source field are written joined."),
        (Argument("part", marked("Part"), "choice", ("given", "family")),),
    ),
}
"""By name; all that there are."""


@dataclass(slots=True)
class Step:
    """A transform as it stands in the form: texts by the name of the argument."""

    name: str
    given: dict[str, str]

    @property
    def offer(self) -> Offer | None:
        return OFFERS.get(self.name)


def step_of(data: Any) -> Step:
    """From a line of `with`."""
    if not isinstance(data, Mapping):
        return Step(str(data), {})
    name, given = next(iter(data.items()), ("", None))
    offer = OFFERS.get(str(name))
    if offer is None or not offer.takes:
        return Step(str(name), {})
    if isinstance(given, Mapping) and not offer.alone:
        return Step(str(name), {a.name: _shown(a, given[a.name]) for a in offer.takes if a.name in given})
    return Step(str(name), {offer.takes[0].name: _shown(offer.takes[0], given)})


def step_data(step: Step) -> Any:
    """A line of `with`. ValueError says what cannot be read."""
    takes = () if step.offer is None else step.offer.takes
    given = {a.name: _read(a, step.given[a.name]) for a in takes if step.given.get(a.name, "") != ""}
    if not given:
        return step.name
    if step.offer is not None and step.offer.alone:
        return {step.name: next(iter(given.values()))}
    return {step.name: given}


def _shown(argument: Argument, value: Any) -> str:
    if argument.kind == "lines":
        return lines_of(value if isinstance(value, list) else [value])
    if argument.kind == "table" and isinstance(value, Mapping):
        return table_text(value)
    return str(value)


def _read(argument: Argument, text: str) -> Any:
    if argument.kind == "lines":
        found = read_lines(text)
        return found[0] if len(found) == 1 else found
    if argument.kind == "table":
        return read_table(text)
    return read_whole(text) if argument.kind == "whole" else text


# --- guesses ----------------------------------------------------------------------------------------

_KNOWN = {
    "given_name": "first firstname givenname forename nome nombre imie vorname prenom",
    "family_name": "last lastname surname familyname apelido apellido apellidos nazwisko nachname",
    "full_name": "name fullname displayname",
    "emails": "email mail emailaddress correo",
    "phones": "phone tel telephone mobile mobilephone cell phonenumber telefone telefono telefon",
    "company": "organisation organization companyname empresa firma",
    "job_title": "jobtitle title position cargo function",
    "birth_date": "birthday birthdate dateofbirth",
    "tax_id": "vat vatnumber nif nip taxid",
    "website": "url web homepage",
    "note": "notes comment comments remarks",
    "customer_number": "customerno customerid customernumber",
    "tags": "categories labels",
}
_GUESSES = {word: field for field, words in _KNOWN.items() for word in words.split()}
_GUESSES |= {name.replace("_", ""): name for name in (*SINGLE, "emails", "phones", "tags", "social", "memberships")}


def guess_field(path: str) -> str:
    """The canonical field that a source path sounds like; "" for none."""
    try:
        parsed = parse_path(path)
    except ValueError:
        return ""
    names = [str(step) for step in (*parsed.steps, *(parsed.each or ())) if isinstance(step, str)]
    plain = ["".join(c for c in name.lower() if c.isalpha()) for name in names]
    return next((_GUESSES[name] for name in (plain[-1], plain[0]) if name in _GUESSES), "")
