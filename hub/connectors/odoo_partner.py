"""Partners of Odoo read and written: pure.

A person and a company are both a `res.partner`. What Odoo calls False is None here, a reference is a name or a
code, and rich text is plain.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import getaddresses
from hashlib import blake2b
from html.parser import HTMLParser
from typing import Any

import orjson

from hub.errors import RecordError
from hub.model import Record

PARTNER = "res.partner"
TEXTS = ("name", "function", "phone", "mobile", "website", "zip", "city", "vat", "ref", "tz")  # taken as they are
OTHERS = (
    "is_company",
    "active",
    "parent_id",
    "company_name",
    "commercial_company_name",
    "email",
    "street",
    "street2",
    "state_id",
    "country_id",
    "lang",
    "comment",
    "category_id",
    "title",
    "type",
)
STAMPS = ("create_date", "write_date")
CONSENTS = ("blacklisted", "subscribed")  # kept in other models: see odoo_consent
ADDRESS = frozenset({"street", "zip", "city", "state", "country"})
READ_ONLY = frozenset({"tags", "title", "company_id", "email_as_given"})
PLAIN_TYPES = frozenset({"char", "text", "integer", "float", "monetary", "boolean", "date", "selection"})

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What this Odoo's partners have: field → its type and, where there are few, its allowed values.

    extra  fields of their own that the settings name
    key    field that holds the hub's key; None: it is an external id
    """

    types: Mapping[str, str]
    choices: Mapping[str, Collection[str]] = field(default_factory=dict)
    extra: Sequence[str] = ()
    key: str | None = None

    def wanted(self) -> list[str]:
        own = [self.key] if self.key else []
        return list(dict.fromkeys([*TEXTS, *OTHERS, *STAMPS, "email_normalized", *self.extra, *own]))

    def read_fields(self) -> list[str]:
        return [name for name in self.wanted() if name in self.types]


@dataclass(slots=True)
class Places:
    """Names and codes of what partners refer to by number.

    countries  id → alpha-2; states: id → (country id, code, name); tags: id → name
    """

    countries: dict[int, str] = field(default_factory=dict)
    states: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)

    def country(self, code: str) -> int:
        for number, each in self.countries.items():
            if each == code.upper():
                return number
        raise RecordError("Odoo has no such country: its table of countries lacks it.")

    def state(self, country: int | None, text: str) -> int | None:
        """By code or name, in the country where that is known."""
        wanted = text.casefold()
        fitting = [
            number
            for number, (home, code, name) in self.states.items()
            if wanted in {code.casefold(), name.casefold()} and (country is None or home == country)
        ]
        return fitting[0] if len(fitting) == 1 or (fitting and country is not None) else None


def unknown_references(raws: Sequence[Raw], places: Places) -> bool:
    """Whether some partner refers to what `places` does not hold."""
    pairs = (("country_id", places.countries), ("state_id", places.states))
    referred = ((raw.get(name), known) for raw in raws for name, known in pairs)
    single = any(isinstance(each, list) and each and each[0] not in known for each, known in referred)
    tags = (raw.get("category_id") for raw in raws)
    return single or any(tag not in places.tags for each in tags if isinstance(each, list) for tag in each)


# --- reading ----------------------------------------------------------------------------------------


def read_partner(raw: Raw, shape: Shape, places: Places, consent: Mapping[str, str | None]) -> Record:
    """consent  `blacklisted` and `subscribed` of this partner's address, as far as they are wanted"""
    fields: dict[str, Any] = {name: _text(raw[name]) for name in TEXTS if name in raw}
    fields |= _belonging(raw) | _email(raw) | _address(raw, places)
    if "lang" in raw:
        fields["lang"] = raw["lang"].replace("_", "-") if raw["lang"] else None
    if "comment" in raw:
        fields["note"] = plain(raw["comment"]) if raw["comment"] else None
    if "title" in raw:
        fields["title"] = raw["title"][1] if raw["title"] else None
    fields["tags"] = sorted(places.tags[each] for each in raw.get("category_id") or () if each in places.tags)
    fields |= {name: _plain_value(raw[name], shape.types[name]) for name in shape.extra if name in raw}
    fields |= consent
    return Record(
        id=str(raw["id"]),
        fields=fields,
        version=version_of(raw, consent),
        changed_at=changed_at(raw),
        archived=raw.get("active") is False,
        key=_text(raw.get(shape.key)) if shape.key else None,
    )


def version_of(raw: Raw, consent: Mapping[str, str | None]) -> str:
    """Odoo shows whole seconds, so what the partner holds is part of it: two edits in a second are two versions."""
    state = orjson.dumps([dict(raw), dict(consent)], option=orjson.OPT_SORT_KEYS)
    return f"{raw.get('write_date')} {blake2b(state, digest_size=8).hexdigest()}"


def changed_at(raw: Raw) -> datetime | None:
    """None when its date is none."""
    try:
        return read_time(raw.get("write_date") or raw["create_date"])
    except (LookupError, TypeError, ValueError):
        return None


def _belonging(raw: Raw) -> dict[str, Any]:
    company = raw.get("is_company") is True
    parent = raw.get("parent_id") or None
    above = parent[1] if parent else None
    name = raw.get("name") if company else raw.get("commercial_company_name") or above or raw.get("company_name")
    return {
        "kind": "company" if company else "person",
        "company": _text(name),
        "company_id": str(parent[0]) if parent else None,
    }


def _email(raw: Raw) -> dict[str, Any]:
    """The first address alone; the whole text too where it says more, such as several addresses."""
    given = _text(raw.get("email"))
    if given is None:
        return {"email": None}
    found = [address for _, address in getaddresses([given.replace(";", ",")]) if "@" in address]
    first = found[0] if found else given
    return {"email": first} if first == given else {"email": first, "email_as_given": given}


def _address(raw: Raw, places: Places) -> dict[str, Any]:
    lines = [each for each in (_text(raw.get("street")), _text(raw.get("street2"))) if each]
    country, state = raw.get("country_id"), raw.get("state_id")
    return {
        "street": "\n".join(lines) or None,
        "state": places.states[_number(state)][2] if state and _number(state) in places.states else None,
        "country": places.countries.get(_number(country)) if country else None,
    }


def _number(reference: Any) -> int:
    return int(reference[0])


def _text(value: Any) -> str | None:
    return str(value) if value not in (False, None, "") else None


def _plain_value(value: Any, kind: str) -> Any:
    """A field of their own: numbers and truth stay, a reference is its name, empty is None."""
    if kind in {"boolean", "integer", "float", "monetary"}:
        return value
    if kind == "many2one":
        return value[1] if value else None
    if kind in {"one2many", "many2many"}:
        return [str(each) for each in value or ()]
    return plain(value) if kind == "html" and value else _text(value)


def read_time(text: str) -> datetime:
    """Aware UTC of what Odoo shows: UTC without saying so, whole seconds or finer."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def write_time(at: datetime) -> str:
    """As a domain wants it. Odoo compares it with stamps finer than it shows."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


class _Words(HTMLParser):
    """Text of a piece of HTML; blocks and breaks become lines."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "div", "li", "tr", "h1", "h2", "h3"}:
            self.parts.append("\n")


def plain(markup: str) -> str | None:
    """Rich text without its tags; a text that has none stays as it is."""
    if "<" not in markup and "&" not in markup:
        return markup.strip() or None
    words = _Words()
    words.feed(markup)
    words.close()
    return "".join(words.parts).strip() or None


# --- writing ----------------------------------------------------------------------------------------


def values(fields: Mapping[str, Any], raw: Raw | None, shape: Shape, places: Places, *, shared: bool) -> dict[str, Any]:
    """Columns of `load` for what a write says; RecordError for what Odoo has no field or word for.

    raw     the partner as it is; None: it is to be made
    shared  whether an address that belongs to the company above may be written through a person
    """
    row: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ADDRESS or name in CONSENTS:
            continue
        row |= _column(name, value, raw, shape)
    if fields.get("kind") == "company":
        row.pop("company_name", None)  # its name is the company
    if ADDRESS & fields.keys() and (shared or raw is None or not of_company(raw)):
        row |= _address_columns(fields, raw, places)
    return {name: value for name, value in row.items() if name.split("/")[0] in shape.types}


def of_company(raw: Raw) -> bool:
    """Whether Odoo keeps this partner's address the same as that of the one above."""
    return bool(raw.get("parent_id")) and raw.get("type") == "contact"


def _column(name: str, value: Any, raw: Raw | None, shape: Shape) -> dict[str, Any]:
    empty = value is None or value == ""
    if name in TEXTS or name == "email":
        return {name: "" if empty else str(value)}
    if name == "kind":
        return {"is_company": "True" if value == "company" else "False"}
    if name == "company":
        linked = raw is not None and (raw.get("parent_id") or raw.get("is_company"))
        return {} if linked else {"company_name": "" if empty else str(value)}
    if name == "lang":
        return _language(value, shape)
    if name == "note":
        return {"comment": "" if empty else marked_up(str(value), shape)}
    if name in shape.extra and shape.types.get(name) in PLAIN_TYPES:
        return {name: _written(value)}
    known = "is read only" if name in READ_ONLY | set(shape.extra) else "is not known"
    raise RecordError(f"The field {name!r} {known} in Odoo's contacts: it cannot be written.")


def _written(value: Any) -> str:
    return "" if value is None else str(value)


def _language(value: Any, shape: Shape) -> dict[str, Any]:
    """Nothing for a language that is not installed there."""
    if not value:
        return {"lang": ""}
    wanted, known = str(value).replace("-", "_"), shape.choices.get("lang", ())
    fitting = [each for each in known if each == wanted] or [
        each for each in known if each.split("_")[0] == wanted.split("_")[0]
    ]
    return {"lang": fitting[0]} if fitting else {}


def marked_up(text: str, shape: Shape) -> str:
    if shape.types.get("comment") != "html":
        return text
    return "<p>" + html.escape(text, quote=False).replace("\n", "<br>") + "</p>"


def _address_columns(fields: Mapping[str, Any], raw: Raw | None, places: Places) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if "street" in fields:
        first, _, rest = str(fields["street"] or "").partition("\n")
        row |= {"street": first.strip(), "street2": re.sub(r"\s*\n\s*", ", ", rest).strip()}
    row |= {name: str(fields[name] or "") for name in ("zip", "city") if name in fields}
    country = _number(raw["country_id"]) if raw and raw.get("country_id") else None
    if "country" in fields:
        country = places.country(str(fields["country"])) if fields["country"] else None
        row["country_id/.id"] = str(country or "")
    if "state" in fields:
        state = places.state(country, str(fields["state"])) if fields["state"] else None
        row["state_id/.id"] = str(state or "")
    return row
