"""The addresses of SAP's business partners, with e-mail addresses and numbers: entities of their own.

Keys      an address has a number; what belongs to it has that, a person (empty for those of a partner) and a number in
          its order, which numbers for calls and mobile numbers share
Writes    a new one by the place where it belongs, with what belongs to it in it; changes and deletions by its keys with
          If-Match: 428 without, 412 when it moved on. A partner does not move on with his addresses
Numbers   are taken without the country's code, and the country beside; the whole number is the system's own
Country   an address has one
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from hub.testing.service import Answer, Call, Refusal, Service, route

ADDRESS = {"StreetName": 60, "HouseNumber": 10, "CityName": 40, "PostalCode": 10, "Region": 3, "Country": 2}
NUMBERS = {"PhoneNumber": 30, "DestinationLocationCountry": 2, "PhoneNumberExtension": 10}
TABLES = ("to_EmailAddress", "to_PhoneNumber", "to_MobilePhoneNumber")
FLAGS = {"IsDefaultEmailAddress", "IsDefaultPhoneNumber"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
KEY = re.compile(r"(\w+)='([^']*)'")


def refused(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": {"lang": "en", "value": message}}})


@dataclass
class Line:
    ordinal: str
    fields: dict[str, Any]
    revision: int


@dataclass
class Address:
    id: str
    fields: dict[str, Any]
    revision: int
    tables: dict[str, list[Line]] = field(default_factory=lambda: {table: [] for table in TABLES})


def etag(revision: int) -> str:
    return f"W/\"'{revision:010d}'\""


class Addresses(Service):
    @property
    def partners(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["partners"]
        return found

    def held(self, call: Call) -> None:
        """Refusal where the session or its token is not the one of a writer."""
        raise NotImplementedError

    # --- the front door ---------------------------------------------------------------------------

    @route("POST", "/A_BusinessPartner({key})/to_BusinessPartnerAddress")
    def make_address(self, call: Call, key: str) -> Answer:
        self.held(call)
        partner = self._of_partner(key.strip("'"))
        made = self.new_address(call.json)
        partner.addresses.append(made)
        return Answer(201, {"d": {"BusinessPartner": partner.id, "AddressID": made.id, **made.fields}})

    @route("PATCH", "/A_BusinessPartnerAddress({key})")
    def change_address(self, call: Call, key: str) -> Answer:
        _, address = self._address(call, key)
        self._matched(call, address.revision)
        address.fields |= checked(call.json, ADDRESS, there=address.fields)
        address.revision = self.next_revision()
        return Answer(204)

    @route("DELETE", "/A_BusinessPartnerAddress({key})")
    def drop_address(self, call: Call, key: str) -> Answer:
        partner, address = self._address(call, key)
        self._matched(call, address.revision)
        partner.addresses.remove(address)
        return Answer(204)

    @route("POST", "/A_BusinessPartnerAddress({key})/{table}")
    def make_line(self, call: Call, key: str, table: str) -> Answer:
        _, address = self._address(call, key)
        if table not in TABLES:
            raise refused(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{table}'")
        made = self.add_line(address, table, call.json)
        return Answer(201, {"d": shown_line(address, table, made, self.base)})

    @route("PATCH", "/A_AddressEmailAddress({key})")
    def change_email(self, call: Call, key: str) -> Answer:
        return self._change_line(call, key, TABLES[:1])

    @route("DELETE", "/A_AddressEmailAddress({key})")
    def drop_email(self, call: Call, key: str) -> Answer:
        return self._drop_line(call, key, TABLES[:1])

    @route("PATCH", "/A_AddressPhoneNumber({key})")
    def change_number(self, call: Call, key: str) -> Answer:
        return self._change_line(call, key, TABLES[1:])

    @route("DELETE", "/A_AddressPhoneNumber({key})")
    def drop_number(self, call: Call, key: str) -> Answer:
        return self._drop_line(call, key, TABLES[1:])

    # --- inside -----------------------------------------------------------------------------------

    def next_revision(self) -> int:
        self.state["revision"] += 1
        return int(self.state["revision"])

    def new_address(self, body: Any) -> Address:
        fields = checked({k: v for k, v in dict(body or {}).items() if k not in TABLES}, ADDRESS, there={})
        made = Address(f"{2_000_001 + self.next_revision()}", dict.fromkeys(ADDRESS, "") | fields, self.next_revision())
        for table in TABLES:
            for row in dict(body).get(table) or []:
                self.add_line(made, table, row)
        return made

    def add_line(self, address: Address, table: str, body: Any) -> Line:
        fields = line_fields(table, body)
        sharing = TABLES[:1] if table == TABLES[0] else TABLES[1:]
        taken = [int(line.ordinal) for each in sharing for line in address.tables[each]]
        made = Line(str(max(taken, default=0) + 1), fields, self.next_revision())
        address.tables[table].append(made)
        return made

    def _change_line(self, call: Call, key: str, tables: Sequence[str]) -> Answer:
        _, table, line = self._line(call, key, tables)
        self._matched(call, line.revision)
        line.fields |= line_fields(table, {**line.fields, **dict(call.json)})
        line.revision = self.next_revision()
        return Answer(204)

    def _drop_line(self, call: Call, key: str, tables: Sequence[str]) -> Answer:
        address, table, line = self._line(call, key, tables)
        self._matched(call, line.revision)
        address.tables[table].remove(line)
        return Answer(204)

    def _of_partner(self, name: str) -> Any:
        if name not in self.partners:
            raise refused(404, "/IWBEP/CM_MGW_RT/020", "Resource not found for segment 'A_BusinessPartnerType'")
        return self.partners[name]

    def _address(self, call: Call, key: str) -> tuple[Any, Address]:
        self.held(call)
        names = keys_of(key, "BusinessPartner", "AddressID")
        partner = self._of_partner(names["BusinessPartner"])
        found = next((each for each in partner.addresses if each.id == names["AddressID"]), None)
        if found is None:
            raise refused(404, "/IWBEP/CM_MGW_RT/020", "Resource not found for segment 'A_BusinessPartnerAddressType'")
        return partner, found

    def _line(self, call: Call, key: str, tables: Sequence[str]) -> tuple[Address, str, Line]:
        self.held(call)
        names = keys_of(key, "AddressID", "Person", "OrdinalNumber")
        everywhere = (each for partner in self.partners.values() for each in partner.addresses)
        address = next((each for each in everywhere if each.id == names["AddressID"]), None)
        rows = [(table, line) for table in tables for line in address.tables[table]] if address else []
        found = next((row for row in rows if row[1].ordinal == names["OrdinalNumber"] and not names["Person"]), None)
        if address is None or found is None:
            raise refused(404, "/IWBEP/CM_MGW_RT/020", "Resource not found")
        return address, *found

    def _matched(self, call: Call, revision: int) -> None:
        match = call.headers.get("if-match")
        if match is None:
            raise refused(428, "/IWFND/CM_MGW/502", "Precondition required; no If-Match header")
        if match not in {"*", etag(revision)}:
            raise refused(412, "/IWFND/CM_MGW/503", "Precondition failed; the entity was changed")


def keys_of(text: str, *names: str) -> dict[str, str]:
    found = dict(KEY.findall(text))
    if set(found) != set(names) or ",".join(f"{name}='{found[name]}'" for name in found) != text:
        raise refused(400, "/IWCOR/CX_OD_EDM_VALUE", "Invalid key predicate")
    return found


def checked(body: Any, lengths: Mapping[str, int], there: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refused(400, "/IWBEP/CM_MGW_RT/000", "Error while parsing the request")
    for name, value in body.items():
        if name not in lengths:
            raise refused(400, "/IWBEP/CM_MGW_RT/015", f"Property {name} is invalid or not updatable")
        if value is not None and (not isinstance(value, str) or len(value) > lengths[name]):
            said = f"Property {name} has more than {lengths[name]} characters"
            raise refused(400, "/IWCOR/CX_DS_EDM_FACET_ERROR", said)
    fields = {name: value or "" for name, value in body.items()}
    if "Country" in lengths and not {**there, **fields}.get("Country"):
        raise refused(400, "AM/033", "Enter a country")
    return fields


def line_fields(table: str, body: Any) -> dict[str, Any]:
    flags = {name: value for name, value in dict(body).items() if name in FLAGS}
    rest = {name: value for name, value in dict(body).items() if name not in FLAGS}
    if table == "to_EmailAddress":
        fields = checked(rest, {"EmailAddress": 241}, {})
        if not EMAIL.fullmatch(fields.get("EmailAddress", "")):
            raise refused(400, "AM/425", "Enter a valid e-mail address")
        return fields | flags
    fields = checked(rest, NUMBERS, {})
    if not re.fullmatch(r"[\d ()/-]+", fields.get("PhoneNumber", "")):
        raise refused(400, "AM/862", "The telephone number has characters that are not allowed")
    return fields | flags


def international(fields: Mapping[str, Any]) -> str:
    number = phonenumbers.parse(fields["PhoneNumber"], fields["DestinationLocationCountry"] or "DE")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def shown_line(address: Address, table: str, line: Line, base: str) -> dict[str, Any]:
    entity = "A_AddressEmailAddress" if table == "to_EmailAddress" else "A_AddressPhoneNumber"
    at = f"{base}/{entity}(AddressID='{address.id}',Person='',OrdinalNumber='{line.ordinal}')"
    own = {"AddressID": address.id, "Person": "", "OrdinalNumber": line.ordinal, **line.fields}
    if table != "to_EmailAddress":
        own["InternationalPhoneNumber"] = international(line.fields)
        own["PhoneNumberType"] = "3" if table == "to_MobilePhoneNumber" else "1"
    return {"__metadata": {"uri": at, "etag": etag(line.revision)}, **own}


def shown_address(partner_id: str, address: Address, expanded: set[str], base: str) -> dict[str, Any]:
    at = f"{base}/A_BusinessPartnerAddress(BusinessPartner='{partner_id}',AddressID='{address.id}')"
    row: dict[str, Any] = {
        "__metadata": {"uri": at, "etag": etag(address.revision)},
        "BusinessPartner": partner_id,
        "AddressID": address.id,
        **address.fields,
    }
    for table in TABLES:
        lines = [shown_line(address, table, line, base) for line in address.tables[table]]
        there = f"to_BusinessPartnerAddress/{table}" in expanded
        row[table] = {"results": lines} if there else {"__deferred": {"uri": f"{at}/{table}"}}
    return row
