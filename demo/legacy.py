"""The old shop: one table as a program of the nineties kept it, with all that goes with it.

Upper case, hardly an accent (and those in latin1), columns padded with blanks, days as texts, S and N for yes
and no, the same people twice with other spellings, families under one telephone, and rows that are nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyascii import anyascii

from demo.people import Contact

WIDTHS = {
    "NOME": 40,
    "NIF": 20,
    "EMAIL": 60,
    "TELEF": 20,
    "TLM": 20,
    "MORADA": 50,
    "COD_POSTAL": 12,
    "LOCALIDADE": 30,
    "PAIS": 20,
    "SITE": 60,
    "TIPO": 1,
    "NEWSLETTER": 1,
    "DT_NEWS": 10,
}
COUNTRIES = {"PT": "PORTUGAL", "ES": "ESPANHA", "PL": "POLONIA", "BR": "BRASIL", "DE": "ALEMANHA", "FR": "FRANCA"}
TABLE = f"""
CREATE TABLE CLIENTES (
  COD_CLI INTEGER PRIMARY KEY AUTOINCREMENT,
  {", ".join(f"{name} CHAR({width})" for name, width in WIDTHS.items())},
  ANULADO CHAR(1) NOT NULL DEFAULT 'N',
  REF_HUB VARCHAR(40),
  FMOD TIMESTAMP DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE TRIGGER CLIENTES_FMOD AFTER UPDATE ON CLIENTES FOR EACH ROW WHEN NEW.FMOD IS OLD.FMOD
BEGIN UPDATE CLIENTES SET FMOD = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE COD_CLI = NEW.COD_CLI; END;
"""
JUNK: tuple[Mapping[str, str], ...] = (
    {"NOME": "CONSUMIDOR FINAL", "NIF": "999999990"},
    {"NOME": "TESTE TESTE", "EMAIL": "X", "TELEF": "999999999"},
    {"NOME": "*** NAO USAR ***", "TIPO": "Z"},
    {"NOME": "CAIXA 2", "TELEF": "0", "DT_NEWS": "00/00/0000"},
)


class Shop:
    """Somebody at the old shop's terminal."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        with closing(sqlite3.connect(self.path)) as base:
            base.executescript(TABLE)

    def add(self, rows: Sequence[Mapping[str, str]]) -> None:
        names = ["COD_CLI", *WIDTHS, "FMOD"]
        holes = ", ".join("CAST(? AS TEXT)" if name in WIDTHS else "?" for name in names)
        with closing(sqlite3.connect(self.path)) as base, base:
            base.executemany(
                f"INSERT INTO CLIENTES ({', '.join(names)}) VALUES ({holes})",
                [[_stored(name, row.get(name)) for name in names] for row in rows],
            )

    def change(self, code: int, **values: str) -> None:
        sets = ", ".join(f"{name} = CAST(? AS TEXT)" for name in values)
        with closing(sqlite3.connect(self.path)) as base, base:
            stored = [_stored(name, value) for name, value in values.items()]
            base.execute(f"UPDATE CLIENTES SET {sets} WHERE COD_CLI = ?", [*stored, code])

    def row(self, code: int) -> dict[str, Any]:
        """One row, without the padding."""
        with closing(sqlite3.connect(self.path)) as base:
            base.text_factory = lambda raw: raw.decode("latin1").rstrip()
            base.row_factory = sqlite3.Row
            found = base.execute("SELECT * FROM CLIENTES WHERE COD_CLI = ?", [code]).fetchone()
        return dict(found)

    def count(self) -> int:
        with closing(sqlite3.connect(self.path)) as base:
            return int(base.execute("SELECT count(*) FROM CLIENTES").fetchone()[0])


def _stored(name: str, value: str | None) -> Any:
    """Padded latin1 bytes, as a char column of that program."""
    if name not in WIDTHS:
        return value
    return (value or "").ljust(WIDTHS[name]).encode("latin1", "replace")


def code_of(contact: Contact) -> int:
    return 1000 + contact.number


def seed_shop(shop: Shop, contacts: Sequence[Contact], listed: Collection[int]) -> None:
    """Rows for all contacts, every eighth once more with a slip of the pen, families and junk.

    listed  numbers of those who are on the newsletter's list, as the old shop has noted too
    """
    shop.make()
    rows = [_row(each, code_of(each), each.number in listed) for each in contacts]
    rows += _again([each for each in contacts if each.given][8::8])
    rows += _families([each for each in contacts if each.given and each.country == "PT"][4:7])
    rows += [{**row, "COD_CLI": str(9000 + number), "FMOD": "2009-01-31 00:00:00"} for number, row in enumerate(JUNK)]
    shop.add(rows)


def _row(contact: Contact, code: int, is_listed: bool) -> dict[str, str]:
    n = contact.number
    email = contact.email.upper() if n % 2 == 0 or not contact.tax_id else ""
    said = "S" if is_listed or n % 29 == 5 else "N" if n % 7 == 1 else ""
    said = said if email or n % 50 == 21 else ""  # and one with a consent, but without an address
    return {
        "COD_CLI": str(code),
        "NOME": _written(contact.name, n),
        "NIF": contact.tax_id.removeprefix(contact.country) if n % 3 else contact.tax_id,
        "EMAIL": email,
        "TELEF": _dialled(contact.landline),
        "TLM": _dialled(contact.mobile),
        "MORADA": anyascii(contact.street).upper(),
        "COD_POSTAL": contact.postcode,
        "LOCALIDADE": anyascii(contact.city).upper(),
        "PAIS": COUNTRIES[contact.country],
        "SITE": "",
        "TIPO": "CP"[n % 5 == 3],
        "NEWSLETTER": said,
        "DT_NEWS": f"{1 + n % 28:02d}/{1 + n % 12:02d}/{2015 + n % 9}" if said else "",
        "FMOD": f"{2016 + n % 9}-{1 + n % 12:02d}-{1 + n % 28:02d} 09:{n % 60:02d}:00",
    }


def _dialled(number: str) -> str:
    """As the shop's people dial: without the code of their own country."""
    return f"{number[4:6]} {number[6:9]} {number[9:]}" if number.startswith("+351") else number


def _written(name: str, number: int) -> str:
    """Capitals; one in five clerks found the key for the accents."""
    capitals = name.upper()
    if number % 5 == 0 and capitals.encode("latin1", "replace").decode("latin1") == capitals:
        return capitals
    return anyascii(name).upper()


def _again(contacts: Sequence[Contact]) -> Iterator[dict[str, str]]:
    """The same people under a new code: a letter swapped, no e-mail, sometimes no number either."""
    for place, each in enumerate(contacts):
        name = anyascii(each.name).upper()
        middle = len(name) // 2
        slip = name[:middle] + name[middle + 1] + name[middle] + name[middle + 2 :]
        bare = replace(each, email="", landline="", mobile=each.mobile if place % 2 else "", tax_id="")
        yield _row(bare, 7000 + place, False) | {"NOME": slip, "NEWSLETTER": "", "DT_NEWS": ""}


def _families(contacts: Sequence[Contact]) -> Iterator[dict[str, str]]:
    """Somebody of the same household: same surname, address and telephone, another person."""
    for place, each in enumerate(contacts):
        given = ("Aurora", "Baltazar", "Camila")[place % 3]
        other = replace(each, given=given, email="", tax_id="", landline="")
        yield _row(other, 8000 + place, False) | {"NEWSLETTER": "", "DT_NEWS": ""}
