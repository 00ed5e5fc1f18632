"""A Tryton party as a record, and a write as Tryton's commands. Pure.

Names    `name` is one text for persons and companies alike: Tryton has no mark of the kind
Version  a hash over the party's own timestamp and those of its children, so that a child that was added,
         changed or removed changes it too
Key      of the hub: an identifier without a type, never shown among the identifiers
Removed  mechanisms and identifiers are deleted; an address is put away, since invoices may point to it
Quirk    reading through a relation answers under its name with a dot: "addresses." holds a list
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeAlias

from hub.connectors.by_date import LONG_AGO
from hub.connectors.tryton_rpc import read_time
from hub.errors import RecordError
from hub.model import Record, Tombstone

PARTY = "party.party"
CHILDREN = {
    "contact_mechanisms": "party.contact_mechanism",
    "addresses": "party.address",
    "identifiers": "party.identifier",
}
KEY_PREFIX = "hub:"
PHONE_TYPES = ("phone", "mobile")
READ_FIELDS = [
    *("name", "code", "active", "last_modified_at", "_timestamp", "replaced_by", "lang.code"),
    *("tax_identifier.code", "categories.name"),
    *(f"{child}.{name}" for child in CHILDREN for name in ("last_modified_at", "_timestamp")),
    *(f"contact_mechanisms.{name}" for name in ("type", "value", "name")),
    *(f"addresses.{name}" for name in ("street", "postal_code", "city")),
    *("addresses.country.code", "addresses.subdivision.name"),
    *(f"identifiers.{name}" for name in ("type", "code")),
]
PLAIN = frozenset({"name", "code", "active"})
WRITABLE = PLAIN | {"lang", "emails", "phones", "website", "addresses", "identifiers", "tax_id"}

# Member states as VAT numbers write them; such a number with its prefix is of the type eu_vat.
EU = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI"}
)
# Numbers that identify a person for taxes: Tryton counts only those of companies as tax identifiers.
PERSONAL_TAX_TYPES = ("br_cpf", "es_dni", "es_nie", "de_idnr", "fr_nif")

Raw: TypeAlias = Mapping[str, Any]
Command: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Ids of what a write may name.

    countries     "PT" → id
    subdivisions  (id of the country, name or code in small letters) → id
    languages     "pt" → id
    """

    countries: Mapping[str, int] = field(default_factory=dict)
    subdivisions: Mapping[tuple[int, str], int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)


# --- reading ----------------------------------------------------------------------------------------


def read_change(raw: Raw) -> Record | Tombstone:
    """A party; one that was replaced by another in Tryton is gone, and says by which."""
    if raw["replaced_by"] is not None:
        return Tombstone(str(raw["id"]), read_time(raw["last_modified_at"]), merged_into=str(raw["replaced_by"]))
    return read_party(raw)


def read_party(raw: Raw) -> Record:
    mechanisms = raw["contact_mechanisms."]
    tax = tax_identifier(raw)
    fields = {
        "name": raw["name"] or None,
        "code": raw["code"],
        "lang": _language_of(raw),
        "active": bool(raw["active"]),
        "emails": [show_email(each) for each in mechanisms if each["type"] == "email"],
        "phones": [show_phone(each) for each in mechanisms if each["type"] in PHONE_TYPES],
        "website": next((each["value"] for each in mechanisms if each["type"] == "website"), None),
        "addresses": [show_address(each) for each in raw["addresses."] if any(show_address(each).values())],
        "identifiers": [show_identifier(each) for each in _others(raw, tax)],
        "tax_id": tax["code"] if tax else None,
        "categories": sorted(each["name"] for each in raw["categories."]),
    }
    return Record(
        id=str(raw["id"]),
        fields=fields,
        version=version_of(raw),
        changed_at=newest([raw]),
        archived=not raw["active"],
        key=next((each["code"] for each in raw["identifiers."] if is_hub_key(each)), None),
    )


def version_of(raw: Raw) -> str:
    """Changes with the party and with any of its children, also when one is removed."""
    stamps = [f"{each['id']}:{each['_timestamp']}" for name in CHILDREN for each in raw[f"{name}."]]
    text = "|".join((str(raw["_timestamp"]), *sorted(stamps)))
    return blake2b(text.encode(), digest_size=8).hexdigest()


def newest(raws: Sequence[Raw]) -> datetime:
    """When a party or one of its children was last written; LONG_AGO without any."""
    dates = [raw["last_modified_at"] for raw in raws]
    dates += [each["last_modified_at"] for raw in raws for name in CHILDREN for each in raw[f"{name}."]]
    return max((LONG_AGO, *map(read_time, dates)))


def tax_identifier(raw: Raw) -> Raw | None:
    """The identifier that counts as the tax number: Tryton's own choice, else one of a person."""
    chosen = raw["tax_identifier."]
    identifiers: list[Raw] = raw["identifiers."]
    if chosen is not None:
        return next((each for each in identifiers if each["id"] == chosen["id"]), None)
    return next((each for each in identifiers if each["type"] in PERSONAL_TAX_TYPES), None)


def is_hub_key(identifier: Raw) -> bool:
    return identifier["type"] is None and str(identifier["code"]).startswith(KEY_PREFIX)


def _others(raw: Raw, tax: Raw | None) -> list[Raw]:
    found = [each for each in raw["identifiers."] if not is_hub_key(each)]
    return [each for each in found if tax is None or each["id"] != tax["id"]]


def _code(related: Raw | None, name: str) -> str | None:
    return None if related is None else str(related[name])


def _language_of(raw: Raw) -> str | None:
    """As others write it: es-419 for Tryton's es_419."""
    code = _code(raw["lang."], "code")
    return None if code is None else code.replace("_", "-")


def show_email(mechanism: Raw) -> dict[str, Any]:
    return {"value": mechanism["value"], "label": mechanism["name"] or None}


def show_phone(mechanism: Raw) -> dict[str, Any]:
    mobile = "mobile" if mechanism["type"] == "mobile" else None
    return {"value": mechanism["value"], "label": mechanism["name"] or mobile}


def show_address(address: Raw) -> dict[str, Any]:
    return {
        "street": address["street"] or None,
        "postal_code": address["postal_code"] or None,
        "city": address["city"] or None,
        "country": _code(address["country."], "code"),
        "subdivision": _code(address["subdivision."], "name"),
    }


def show_identifier(identifier: Raw) -> dict[str, Any]:
    return {"type": identifier["type"], "code": identifier["code"]}


# --- writing ----------------------------------------------------------------------------------------


def values(fields: Mapping[str, Any], raw: Raw | None, places: Places, types: Collection[str]) -> dict[str, Any]:
    """What `create` (raw None) or `write` takes to make a party hold `fields`; {} when it already does.

    types  of identifiers that this Tryton knows
    RecordError when a field or a value has no place in Tryton.
    """
    unknown = sorted(set(fields) - WRITABLE)
    if unknown:
        raise RecordError(f"Tryton has no field {unknown[0]!r} that can be written.")
    found = {name: fields[name] for name in PLAIN & set(fields) if raw is None or raw[name] != fields[name]}
    if "lang" in fields:
        found.update(_language(fields["lang"], raw, places))
    commands = {
        "contact_mechanisms": _mechanisms(fields, raw),
        "addresses": _addresses(fields, raw, places),
        "identifiers": _identifiers(fields, raw, types),
    }
    if raw is None:
        found.setdefault("addresses", None)  # else Tryton adds an empty one
    return found | {name: list(each) for name, each in commands.items() if each}


def key_command(key: str) -> Command:
    return ["create", [{"type": None, "code": key}]]


def timestamps(raw: Raw) -> dict[str, str]:
    """What Tryton compares before it writes: the party and every child as they were read."""
    found = {f"{PARTY},{raw['id']}": raw["_timestamp"]}
    for name, model in CHILDREN.items():
        found.update({f"{model},{each['id']}": each["_timestamp"] for each in raw[f"{name}."]})
    return found


def children(
    current: Sequence[tuple[int, Mapping[str, Any]]],
    wanted: Sequence[Mapping[str, Any]],
    by: str,
    encode: Callable[[Mapping[str, Any]], dict[str, Any]],
    *,
    fresh: Mapping[str, Any] | None = None,
    put_away: bool = False,
) -> list[Command]:
    """Commands that turn the children there are into those wanted, keeping as many as possible.

    current   (id, as shown in a record)
    by        part that tells two children apart: the address of an e-mail, the number of a phone
    encode    wanted → Tryton's values
    fresh     further values of a new one
    put_away  children that are not wanted become inactive instead of being deleted
    """
    rest, missing = list(current), []
    for each in wanted:
        same = next((c for c in rest if _fits(c[1], each)), None)
        if same:
            rest.remove(same)
        else:
            missing.append(each)
    changed, new = [], []
    for each in sorted(missing, key=lambda m: not any(c[1].get(by) == m.get(by) for c in rest)):
        old = next((c for c in rest if c[1].get(by) == each.get(by)), rest[0] if rest else None)
        if old is None:
            new.append({**(fresh or {}), **encode(each)})
        else:
            rest.remove(old)
            changed.append(["write", [old[0]], encode(each)])
    gone = [each[0] for each in rest]
    removal = [["write", gone, {"active": False}] if put_away else ["delete", gone]] if gone else []
    return [*changed, *removal, *([["create", new]] if new else [])]


def _fits(shown: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all((shown.get(name) or None) == (value or None) for name, value in wanted.items())


def _mechanisms(fields: Mapping[str, Any], raw: Raw | None) -> list[Command]:
    def now(types: Collection[str], show: Callable[[Raw], dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
        there = raw["contact_mechanisms."] if raw else ()
        return [(each["id"], show(each)) for each in there if each["type"] in types]

    commands: list[Command] = []
    if "emails" in fields:
        there, wanted = now({"email"}, show_email), fields["emails"] or []
        commands += children(there, wanted, "value", _labelled, fresh={"type": "email"})
    if "phones" in fields:
        there, wanted = now(PHONE_TYPES, show_phone), fields["phones"] or []
        commands += children(there, wanted, "value", _phone, fresh={"type": "phone"})
    if "website" in fields:
        there = now({"website"}, lambda each: {"value": each["value"]})[:1]
        wanted = [{"value": fields["website"]}] if fields["website"] else []
        commands += children(there, wanted, "value", dict, fresh={"type": "website"})
    return commands


def _labelled(wanted: Mapping[str, Any]) -> dict[str, Any]:
    label = {"name": wanted["label"] or None} if "label" in wanted else {}
    return {"value": wanted["value"], **label}


def _phone(wanted: Mapping[str, Any]) -> dict[str, Any]:
    if wanted.get("label") in PHONE_TYPES:
        return {"type": wanted["label"], "value": wanted["value"], "name": None}
    return _labelled(wanted)


def _addresses(fields: Mapping[str, Any], raw: Raw | None, places: Places) -> list[Command]:
    if "addresses" not in fields:
        return []
    there = [(each["id"], show_address(each)) for each in raw["addresses."]] if raw else []
    blank = [each for each in there if not any(each[1].values())]  # never shown, so never asked to go
    shown = [each for each in there if each not in blank]
    wanted = fields["addresses"] or []
    return children(shown, wanted, "street", lambda each: _address(each, places), put_away=True)


def _address(wanted: Mapping[str, Any], places: Places) -> dict[str, Any]:
    found = {name: wanted[name] or None for name in ("street", "postal_code", "city") if name in wanted}
    country = None
    if "country" in wanted:
        country = found["country"] = _country(wanted["country"], places)
    if "subdivision" in wanted or "country" in wanted:
        region = str(wanted.get("subdivision") or "").casefold()
        found["subdivision"] = places.subdivisions.get((country, region)) if country else None
    return found


def _country(code: str | None, places: Places) -> int | None:
    if not code:
        return None
    if code not in places.countries:
        raise RecordError(
            f"Tryton's table of countries lacks {code[:2]!r}. Next: import the countries there "
            "(trytond_import_countries), then retry."
        )
    return places.countries[code]


def _language(wanted: str | None, raw: Raw | None, places: Places) -> dict[str, int | None]:
    """The language, or its parent when Tryton has no such variant; unknown ones are not written."""
    text = (wanted or "").replace("-", "_")
    if raw is not None and (_language_of(raw) or "") == (wanted or ""):
        return {}
    if not text:
        return {"lang": None}
    found = places.languages.get(text, places.languages.get(text.split("_")[0]))
    return {} if found is None else {"lang": found}


def _identifiers(fields: Mapping[str, Any], raw: Raw | None, types: Collection[str]) -> list[Command]:
    tax = tax_identifier(raw) if raw else None
    commands: list[Command] = []
    if "identifiers" in fields:
        others = [(each["id"], show_identifier(each)) for each in _others(raw, tax)] if raw else []
        commands += children(others, fields["identifiers"] or [], "code", dict)
    if "tax_id" in fields:
        there = [(tax["id"], {"code": tax["code"]})] if tax else []
        wanted = [{"code": fields["tax_id"]}] if fields["tax_id"] else []
        if tax and wanted and _bare(tax["code"]) == _bare(fields["tax_id"]):
            return commands  # Tryton spells numbers with points and dashes of its own
        country = _country_of(fields, raw)
        commands += children(there, wanted, "code", lambda each: _tax(each["code"], country, tax, types))
    return commands


def _bare(code: str) -> str:
    return "".join(each for each in code if each.isalnum()).upper()


def _tax(code: str, country: str | None, tax: Raw | None, types: Collection[str]) -> dict[str, Any]:
    kind = tax_type(code, country, types) or (tax["type"] if tax else None)
    if kind is None:
        raise RecordError("Tryton needs the country of a tax number, and neither the number nor an address names it.")
    return {"type": kind, "code": code}


def tax_type(code: str, country: str | None, types: Collection[str]) -> str | None:
    """Tryton's type for a tax number, by its prefix, else by the country of the address."""
    prefix = code[:2].upper()
    if prefix in EU:
        return "eu_vat"
    if prefix.isalpha() and f"{prefix.lower()}_vat" in types:
        return f"{prefix.lower()}_vat"
    if country == "BR" and sum(each.isdigit() for each in code) == 11:
        return "br_cpf"
    kind = f"{(country or '').lower()}_vat"
    return kind if kind in types else None


def _country_of(fields: Mapping[str, Any], raw: Raw | None) -> str | None:
    addresses = list(fields.get("addresses") or ())
    if raw is not None and "addresses" not in fields:
        addresses = [show_address(each) for each in raw["addresses."]]
    return next((each["country"] for each in addresses if each.get("country")), None)
