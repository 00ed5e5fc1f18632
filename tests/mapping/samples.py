"""A legacy table and an ERP, as mapping files and records. All people are made up."""

from __future__ import annotations

from typing import Any

from hub.mapping.apply import ContactMapping
from hub.mapping.spec import load_mapping
from hub.model import Record

LEGACY: dict[str, Any] = {
    "kind": {"from": "CLASE", "values": {"P": "person", "C": "organisation"}, "default": "person"},
    "fields": {
        "given_name": {"from": "NOMBRE", "with": ["name"], "max_length": 12, "case": "upper", "ascii": True},
        "family_name": {"from": "APELLIDOS", "with": ["name"]},
        "emails": {"from": "EMAIL", "with": ["email"], "label": "work"},
        "phones": [{"from": "TEL1"}, {"from": "TEL2", "label": "mobile"}],
        "addresses": {
            "from": {"street": "DIRECCION", "locality": "POBLACION", "postcode": "CP", "country": "PAIS"},
            "country_as": "es",
        },
        "birth_date": {"from": "FNAC", "with": [{"date": "%d/%m/%Y"}], "empty": ["00/00/0000"]},
        "tax_id": {"from": "NIF", "with": ["tax_id"], "max_length": 9},
        "lifecycle_stage": {"from": "TIPO", "values": {1: "lead", 2: "customer"}},
        "custom.segment": "SEG",
    },
    "consents": [
        {
            "from": "BOLETIN",
            "values": {"S": "granted", "N": "denied"},
            "channel": "email",
            "purpose": "newsletter",
            "at": {"from": "FBOLETIN", "date": "%d/%m/%Y"},
            "wording": "Send me news",
        }
    ],
    "ignore": ["FMOD"],
}

ERP: dict[str, Any] = {
    "fields": {
        "full_name": {"from": "name", "required": True},
        "emails": {"from": "emails[].value", "label_from": "emails[].label", "labels": {"office": "work"}},
        "phones": {"from": "phones[].value", "label_from": "phones[].label"},
        "tax_id": {"from": "identifiers[type=eu_vat].code", "write": "overwrite"},
        "language": {"from": "settings.lang"},
        "timezone": {"from": "settings.zone"},
        "tags": "categories[]",
        "addresses": {
            "from": {
                "street": "addresses[].street",
                "postcode": "addresses[].postal_code",
                "locality": "addresses[].city",
                "country": "addresses[].country",
            }
        },
    },
}


def mapping(table: dict[str, Any], region: str | None = "ES") -> ContactMapping:
    return load_mapping(table, where="m.yaml", default_region=region)


def fields(**rows: Any) -> ContactMapping:
    """A mapping of nothing but these rows."""
    return mapping({"fields": rows})


def inward(table: ContactMapping, source: dict[str, Any]) -> dict[str, Any]:
    return table.inward(Record("1", source)).fields


def reasons(table: ContactMapping, source: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, value) of what could not be mapped."""
    return [(p.field, p.value) for p in table.inward(Record("1", source)).problems]


ANN = {
    "CLASE": "P",
    "NOMBRE": "ANN       ",
    "APELLIDOS": "LEE",
    "EMAIL": "Ann.Lee@example.org",
    "TEL1": "912 345 678",
    "TEL2": "612345678",
    "DIRECCION": "C/ Mayor, 1",
    "POBLACION": "MADRID",
    "CP": "28001",
    "PAIS": "ESPAÑA",
    "FNAC": "03/02/1980",
    "NIF": "B-123 456",
    "TIPO": 2,
    "SEG": "",
    "BOLETIN": "S",
    "FBOLETIN": "02/01/2026",
    "FMOD": "2026-11-21",
}

PARTY = {
    "name": "Ann Lee",
    "emails": [
        {"value": "ann@example.org", "label": "office"},
        {"value": "Lee@Example.org", "label": None},
    ],
    "phones": [{"value": "+34 912 345 678", "label": "home"}],
    "identifiers": [{"type": "dni", "code": "1"}, {"type": "eu_vat", "code": "ESB123"}],
    "settings": {"lang": "es", "zone": "Europe/Madrid"},
    "categories": ["vip", "press"],
    "addresses": [
        {"street": "C/ Mayor, 1", "postal_code": "28001", "city": "Madrid", "country": "ES"},
        {"street": "Rua Augusta 5", "postal_code": "1100-048", "city": "Lisboa", "country": "PT"},
    ],
}
