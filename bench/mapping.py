"""CPU a contact of the mapping: `python -m bench.mapping [CONTACTS]`. Every contact has values of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from time import process_time
from typing import Any

from hub.mapping.spec import load_mapping
from hub.model import Record

GIVEN = ["ANA", "JOSÉ", "MARIA", "JOÃO", "Rui", "Piotr", "KASIA", "Jürgen", "anne", "Émile", "Łucja", "John"]
FAMILY = ["SILVA", "Santos", "FERREIRA", "Nowak", "müller", "Smith", "GARCÍA", "López", "O'Neil", "Żak"]
CITIES = ["Lisboa", "PORTO", "São Paulo", "Kraków", "München", "Lyon", "Madrid", "Leeds"]
COUNTRIES = {
    "Portugal": "21",
    "Brasil": "11 3",
    "Polska": "22 ",
    "Deutschland": "030 ",
    "France": "01 4",
    "España": "91 ",
    "UK": "020 7",
    "PT": "22",
}
"""How a telephone number begins there."""

TABLE = {
    "kind": {"from": "type", "values": {"P": "person", "C": "organisation"}},
    "fields": {
        "given_name": {"from": "first", "with": ["name"], "max_length": 40},
        "family_name": {"from": "last", "with": ["name"]},
        "company": "company",
        "emails": {"from": "email"},
        "phones": [{"from": "phone"}, {"from": "mobile", "label": "mobile"}],
        "addresses": {"from": {"street": "street", "locality": "city", "postcode": "zip", "country": "country"}},
        "birth_date": {"from": "born", "with": [{"date": "%d/%m/%Y"}]},
        "tax_id": "vat",
    },
    "ignore": ["changed"],
}


def contact(n: int, draw: Random) -> Record:
    country = draw.choice(list(COUNTRIES))
    given, family = draw.choice(GIVEN), f"{draw.choice(FAMILY)} {draw.choice(FAMILY)}"
    return Record(
        str(n),
        {
            "type": "P",
            "first": given,
            "last": family,
            "company": f"Company {n} Lda" if n % 3 == 0 else "",
            "email": f"user{n}@mail{n % 500}.example.org",
            "phone": f"{COUNTRIES[country]}{draw.randrange(10**7):07}",
            "mobile": f"+351 91{draw.randrange(10):01} {draw.randrange(10**6):06}",
            "street": f"Rua das Flores {n}, {draw.randrange(9)}º Esq.",
            "city": draw.choice(CITIES),
            "zip": f"{draw.randrange(1000, 9999)}-{draw.randrange(1000):03}",
            "country": country,
            "born": f"{draw.randrange(1, 29):02}/{draw.randrange(1, 13):02}/{draw.randrange(1930, 2010)}",
            "vat": f"PT{draw.randrange(10**9):09}",
            "changed": "2026-11-21T10:00:00Z",
        },
    )


def measure(name: str, count: int, run: Callable[[], Any]) -> None:
    began = process_time()
    run()
    print(f"{name:<42} {(process_time() - began) / count * 1e6:8.1f} µs CPU a contact")


def main(count: int) -> None:
    mapping = load_mapping(TABLE, where="bench", default_region="PT")
    records = [contact(n, Random(n)) for n in range(count)]
    mapped: list[Any] = []
    print(f"{count} contacts of 14 source fields, nearly all values distinct")
    measure("inward, first time", count, lambda: mapped.extend(map(mapping.inward, records)))
    measure("inward, again", count, lambda: [mapping.inward(record) for record in records])
    fields = [found.fields for found in mapped]
    measure("project", count, lambda: [mapping.project(f, f, creating=False) for f in fields])
    measure("payload of one changed field", count, lambda: [mapping.payload(f, ["tax_id"]) for f in fields])
    measure("payload of all fields", count, lambda: [mapping.payload(f, f) for f in fields])
    measure("stored", count, lambda: [mapping.stored(f) for f in fields])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
