"""What a database driver's error means to the hub, by the driver's own code.

Texts of drivers are not passed on: they quote values. Column and constraint names are.

PostgreSQL       SQLSTATE                      postgresql.org/docs/15/errcodes-appendix.html
MariaDB, MySQL   number, the first argument    mariadb.com/kb/en/mariadb-error-codes
SQLite           sqlite_errorcode, low byte    sqlite.org/rescode.html
others           see sql_codes
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hub.connectors.sql_codes import FIREBIRD_EXCEPTION, VENDORS, Meaning, mssql_code

__all__ = ["Meaning", "cleaned", "meaning", "raised"]

_POSTGRES = {
    "28": (Meaning.ACCOUNT, "user or password refused"),
    "3D": (Meaning.ACCOUNT, "there is no such database"),
    "3F": (Meaning.ACCOUNT, "there is no such schema"),
    "42501": (Meaning.ACCOUNT, "the user lacks a right"),
    "42P01": (Meaning.ACCOUNT, "there is no such table"),
    "42703": (Meaning.ACCOUNT, "there is no such column"),
    "42": (Meaning.ACCOUNT, "the statement does not fit the table"),
    "25006": (Meaning.ACCOUNT, "the database is read-only"),
    "22001": (Meaning.REFUSED, "a value is too long"),
    "22P05": (Meaning.REFUSED, "a character does not exist in its encoding"),
    "22021": (Meaning.REFUSED, "a character does not exist in its encoding"),
    "22": (Meaning.REFUSED, "a value does not fit its column"),
    "23502": (Meaning.REFUSED, "a value is missing"),
    "23505": (Meaning.REFUSED, "a value must be unique and is there already"),
    "23503": (Meaning.REFUSED, "another table refers to the row, or lacks what it refers to"),
    "23": (Meaning.REFUSED, "a rule of the table forbids it"),
    "P0001": (Meaning.REFUSED, "a trigger forbids it"),
    **dict.fromkeys(("08", "40", "53", "55", "57", "58", "XX"), (Meaning.TRANSIENT, "it is not ready")),
}
_MYSQL = {
    **dict.fromkeys((1044, 1045, 1698), (Meaning.ACCOUNT, "user or password refused")),
    **dict.fromkeys((1142, 1143, 1227, 1370), (Meaning.ACCOUNT, "the user lacks a right")),
    1049: (Meaning.ACCOUNT, "there is no such database"),
    1146: (Meaning.ACCOUNT, "there is no such table"),
    1054: (Meaning.ACCOUNT, "there is no such column"),
    1305: (Meaning.ACCOUNT, "there is no such procedure"),
    1318: (Meaning.ACCOUNT, "the procedure takes another number of parameters"),
    1064: (Meaning.ACCOUNT, "the query is not valid SQL"),
    1290: (Meaning.ACCOUNT, "the database is read-only"),
    1406: (Meaning.REFUSED, "a value is too long"),
    1366: (Meaning.REFUSED, "a character does not exist in its encoding, or a value is no number"),
    **dict.fromkeys((1264, 1265, 1292, 1411, 3988), (Meaning.REFUSED, "a value does not fit its column")),
    **dict.fromkeys((1048, 1364), (Meaning.REFUSED, "a value is missing")),
    **dict.fromkeys((1062, 1586), (Meaning.REFUSED, "a value must be unique and is there already")),
    **dict.fromkeys((1451, 1452), (Meaning.REFUSED, "another table refers to the row, or lacks what it refers to")),
    **dict.fromkeys((1644, 3819, 4025), (Meaning.REFUSED, "a rule or trigger of the table forbids it")),
    **dict.fromkeys(
        (1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1317, 1927, 1969, 3024),
        (Meaning.TRANSIENT, "it is not ready"),
    ),
    **dict.fromkeys((2002, 2003, 2005, 2006, 2013, 2014, 2055), (Meaning.TRANSIENT, "it cannot be reached")),
}
_SQLITE = {
    **dict.fromkeys((5, 6), (Meaning.TRANSIENT, "it is locked by somebody else")),
    **dict.fromkeys((10, 13), (Meaning.TRANSIENT, "its disk is full or failing")),
    **dict.fromkeys((3, 8, 23), (Meaning.ACCOUNT, "the file may not be written")),
    **dict.fromkeys((11, 26), (Meaning.ACCOUNT, "the file is damaged or no SQLite database")),
    14: (Meaning.ACCOUNT, "the file cannot be opened"),
    18: (Meaning.REFUSED, "a value is too long"),
    19: (Meaning.REFUSED, "a rule of the table forbids it"),
    20: (Meaning.REFUSED, "a value does not fit its column"),
    1: (Meaning.ACCOUNT, "the statement does not fit the table"),
}
_NAMES = re.compile(
    r"(?:[Cc]olumn:? '?|Field '|UNIQUE constraint failed: |NOT NULL constraint failed: |no such (?:table|column): )"
    r"([\w.]+)"
)


def meaning(error: BaseException, dialect: str) -> tuple[Meaning, str]:
    """What the driver's error means, and in words that quote no value."""
    kind, words = _by_code(error, dialect)
    name = _name(error)
    return kind, f"{words} ({name})" if name else words


def raised(error: BaseException, dialect: str, values: Iterable[Any]) -> str | None:
    """The words that a procedure or trigger of the owner raised on purpose, without values; None: it was no such error.

    values  that must not stand in them: what was sent, and what the row holds
    """
    text = _raised_text(error, dialect)
    return None if text is None else cleaned(text, values)


def cleaned(text: str, values: Iterable[Any]) -> str:
    """A message of the owner's program without these values, addresses, quotations and numbers."""
    for value in sorted({str(value).strip() for value in values if value is not None}, key=len, reverse=True):
        if len(value) > 1:
            text = re.sub(re.escape(value), "…", text, flags=re.IGNORECASE)
    text = re.sub(r"[\w.+-]+@[\w.-]+\w", "…", text)
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "…", text)
    return re.sub(r"\d[\d .-]*\d|\d", "…", text)[:200]


def _raised_text(error: BaseException, dialect: str) -> str | None:
    first = error.args[0] if error.args else None
    if dialect == "postgresql" and getattr(error, "sqlstate", None) == "P0001":
        return str(getattr(getattr(error, "diag", None), "message_primary", ""))
    if dialect in {"mysql", "mariadb"} and first == 1644:
        return str(error.args[1])
    if dialect == "mssql" and (mssql_code(error) or 0) >= 50_000:
        said = first[1] if isinstance(first, tuple) else error.args[1]
        return re.sub(r"DB-Lib error.*|^(\[[^]]*\])+", "", _text(said), flags=re.DOTALL).strip()
    if dialect == "oracle" and 20_000 <= getattr(first, "code", 0) <= 20_999:
        return str(getattr(first, "message", "")).splitlines()[0].partition(": ")[2]
    if dialect == "firebird" and FIREBIRD_EXCEPTION in getattr(error, "gds_codes", ()):
        return _firebird_words(str(error))
    return None


def _firebird_words(text: str) -> str:
    """Between the line that names the exception and the one that says where it was raised."""
    lines = [line.strip(" -") for line in text.splitlines()]
    told = [line for line in lines[1:] if line and not line.startswith("At ")]
    return told[-1] if told else ""


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _by_code(error: BaseException, dialect: str) -> tuple[Meaning, str]:
    unknown = (Meaning.UNKNOWN, f"error {type(error).__name__}")
    if dialect == "postgresql":
        return _postgres(error, unknown)
    if dialect in {"mysql", "mariadb"}:
        code = error.args[0] if error.args else None
        return _MYSQL.get(code, (unknown[0], f"error {code}")) if isinstance(code, int) else unknown
    if dialect == "sqlite":
        code = getattr(error, "sqlite_errorcode", None)
        return unknown if code is None else _SQLITE.get(code & 0xFF, (unknown[0], f"error {code}"))
    told = VENDORS[dialect](error) if dialect in VENDORS else None
    return told or unknown


def _postgres(error: BaseException, unknown: tuple[Meaning, str]) -> tuple[Meaning, str]:
    state = getattr(error, "sqlstate", None)
    if state:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2]) or (unknown[0], f"error {state}")
    if getattr(error, "pgconn", None) is None:
        return unknown
    return _postgres_connecting(str(error))


def _postgres_connecting(text: str) -> tuple[Meaning, str]:
    """Before there is a session libpq has words only, of the server's language: refusals say FATAL."""
    if re.search(r'database "[^"]*" does not exist', text):
        return _POSTGRES["3D"]
    if "starting up" in text or "shutting down" in text or "too many" in text or "recovery" in text:
        return _POSTGRES["57"]
    if "FATAL" in text or "password" in text or "authentication" in text:
        return _POSTGRES["28"]
    return Meaning.TRANSIENT, "it cannot be reached"


def _name(error: BaseException) -> str:
    """The column, constraint or table an error is about: from its own attribute or out of its text."""
    diagnosis = getattr(error, "diag", None)
    for attribute in ("column_name", "constraint_name", "table_name"):
        named = getattr(diagnosis, attribute, None)
        if named:
            return str(named)
    found = _NAMES.search(str(error))
    return found[1] if found else ""
