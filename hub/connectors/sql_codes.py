"""Error codes of SQL Server, Oracle, Firebird and DB2: what they mean to the hub.

Only Firebird's were seen from a server. Where the others were looked up, on 2026-11-22, and which were not:

SQL Server  learn.microsoft.com/sql, "Database engine events and errors" (its source). Not there but in other
            programs: 1222, 2627, 4060, 9002, and those of Azure: 10928, 10929, 40197, 40501, 40613
Oracle      docs.oracle.com/error-help/db, its Net Services guide, and messages that others quote. From memory: 18, 20,
            900 to 942, 1005, 1013, 1045, 1400, 1407, 1438, 1653, 1654, 1830, 1841, 1847, 1858, 1861, 2290 to 2292,
            4043, 4091, 6550, 12543, 12547, 12899
DB2         "SQL messages" (ibm.com/docs/db2) as others quote them. From memory: -7, -181, -206, -304, -330, -332, -405,
            -406, -438, -531, -545, -723
Firebird    firebirdsql.org, appendix "Exception codes and messages" of the language reference

Numbers of the operating system, as drivers on Windows give them for a server that is away (53, 64, 121, 233, 10054),
are numbers of messages of SQL Server too, with other meanings: there the SQLSTATE decides.
"""

from __future__ import annotations

import re
from enum import StrEnum, auto


class Meaning(StrEnum):
    ACCOUNT = auto()  # only the owner of the connection can help
    TRANSIENT = auto()
    REFUSED = auto()  # this row, with these values
    UNKNOWN = auto()


Told = tuple[Meaning, str]
LOGIN = (Meaning.ACCOUNT, "user or password refused")
RIGHT = (Meaning.ACCOUNT, "the user lacks a right")
NO_DATABASE = (Meaning.ACCOUNT, "there is no such database")
NO_TABLE = (Meaning.ACCOUNT, "there is no such table")
NO_COLUMN = (Meaning.ACCOUNT, "there is no such column")
STATEMENT = (Meaning.ACCOUNT, "the statement does not fit the table")
READ_ONLY = (Meaning.ACCOUNT, "the database is read-only")
LONG = (Meaning.REFUSED, "a value is too long")
UNFIT = (Meaning.REFUSED, "a value does not fit its column")
ENCODING = (Meaning.REFUSED, "a character does not exist in its encoding")
EMPTY = (Meaning.REFUSED, "a value is missing")
UNIQUE = (Meaning.REFUSED, "a value must be unique and is there already")
REFERENCE = (Meaning.REFUSED, "another table refers to the row, or lacks what it refers to")
RULE = (Meaning.REFUSED, "a rule or trigger of the table forbids it")
PENDING = (Meaning.ACCOUNT, "the table waits for its owner: a reorganisation, a load or a check is not finished")
NOT_READY = (Meaning.TRANSIENT, "it is not ready")
AWAY = (Meaning.TRANSIENT, "it cannot be reached")
FIREBIRD_EXCEPTION = 335544517  # isc_except: raised by a procedure or trigger


def _table(*rows: tuple[Told, tuple[int, ...]]) -> dict[int, Told]:
    return {code: told for told, codes in rows for code in codes}


MSSQL = _table(
    (LOGIN, (18452, 18456, 18470, 18486, 18487, 18488)),
    (RIGHT, (229, 230, 262, 297, 300, 916)),
    (NO_DATABASE, (911, 4060)),
    (NO_TABLE, (208, 2812)),
    (NO_COLUMN, (207,)),
    (STATEMENT, (102, 109, 110, 120, 121, 156, 201, 213, 544, 8144, 8145)),
    (
        (Meaning.ACCOUNT, "the table has triggers, and the new key cannot be told: set `reference` or map the key"),
        (334,),
    ),
    (READ_ONLY, (3906, 3908)),
    (LONG, (2628, 8152)),
    (UNFIT, (220, 232, 235, 241, 242, 244, 245, 248, 295, 8114, 8115)),
    (EMPTY, (233, 515)),
    (UNIQUE, (2601, 2627)),
    (REFERENCE, (547,)),
    (RULE, (513, 550)),
    (NOT_READY, (701, 802, 921, 922, 1101, 1105, 1204, 1205, 1222, 9002, 10928, 10929, 40197, 40501, 40613)),
    (AWAY, (10060, 10061, 20002, 20003, 20004, 20006, 20009, 20047)),  # from 20002 on those of DB-Library
)
MSSQL_AWAY = frozenset({"08001", "08S01", "HYT00", "HYT01"})  # SQLSTATE
ORACLE = _table(
    (LOGIN, (1005, 1017, 28000, 28001)),
    (RIGHT, (1031, 1045, 41900)),
    (NO_DATABASE, (12154, 12504)),
    (NO_TABLE, (942, 4043)),
    (NO_COLUMN, (904,)),
    (STATEMENT, (900, 903, 905, 907, 911, 917, 923, 933, 936, 6550)),
    (READ_ONLY, (1456, 16000)),
    (LONG, (12899, 1461)),
    (UNFIT, (1438, 1722, 1830, 1839, 1841, 1843, 1847, 1858, 1861)),
    (EMPTY, (1400, 1407)),
    (UNIQUE, (1,)),
    (REFERENCE, (2291, 2292)),
    (RULE, (2290, 4091, *range(20_000, 21_000))),
    (NOT_READY, (18, 20, 28, 54, 60, 1013, 1033, 1034, 1089, 1090, 1653, 1654, 8177, 12516, 12520, 30006)),
    (AWAY, (1012, 1092, 2396, 3113, 3114, 3135, 12170, 12505, 12514, 12521, 12528, 12535, 12537, 12541)),
    (AWAY, (12543, 12547, 12560, 12571)),
)
FIREBIRD = _table(
    (LOGIN, (335544472,)),
    (RIGHT, (335544352,)),
    (NO_DATABASE, (335544344,)),
    (NO_TABLE, (335544580,)),
    (NO_COLUMN, (335544578,)),
    (READ_ONLY, (335544361, 335544765)),
    (LONG, (335544914,)),
    (UNFIT, (335544334, 335544916)),
    (ENCODING, (335544565, 335544849)),
    (EMPTY, (335544347,)),
    (UNIQUE, (335544349, 335544665)),
    (REFERENCE, (335544466,)),
    (RULE, (335544558, FIREBIRD_EXCEPTION)),
    (NOT_READY, (335544336, 335544345, 335544375, 335544451, 335544510, 335544528)),
    (AWAY, (335544421, 335544648, 335544721, 335544722, 335544726, 335544727, 335544741)),
)
FIREBIRD_GENERAL = _table((UNFIT, (335544321,)), (STATEMENT, (335544569, 335544634)))  # others beside them say more
DB2 = _table(
    (LOGIN, (-30082,)),
    (RIGHT, (-551, -552, -1060)),
    (NO_DATABASE, (-1013,)),
    (NO_TABLE, (-204, -440)),
    (NO_COLUMN, (-206, -205)),
    (STATEMENT, (-104, -7)),
    (PENDING, (-668,)),
    (LONG, (-433,)),
    (UNFIT, (-180, -181, -302, -304, -405, -406, -413, -420)),
    (ENCODING, (-330, -332)),
    (EMPTY, (-407,)),
    (UNIQUE, (-803,)),
    (REFERENCE, (-530, -531, -532)),
    (RULE, (-438, -545, -723)),
    (NOT_READY, (-289, -904, -911, -913, -964, -1040, -1224, -1776)),
    (AWAY, (-30081,)),
)


def mssql_code(error: BaseException) -> int | None:
    """pymssql: (number, text), or that in a tuple; pyodbc: (SQLSTATE, text with the number in brackets)."""
    first = error.args[0] if error.args else None
    if isinstance(first, tuple) and first:
        first = first[0]
    if isinstance(first, int):
        return first
    found = re.search(r"\((\d+)\) \(SQL", str(error.args[1])) if len(error.args) > 1 else None
    return int(found[1]) if found else None


def of_mssql(error: BaseException) -> Told | None:
    if error.args and str(error.args[0]) in MSSQL_AWAY:
        return AWAY
    code = mssql_code(error)
    if code is None:
        return None
    return RULE if code >= 50_000 else MSSQL.get(code, (Meaning.UNKNOWN, f"error {code}"))


def of_oracle(error: BaseException) -> Told | None:
    """oracledb: an object with `code` (of ORA errors) and `full_code` (of the driver's own too)."""
    first = error.args[0] if error.args else None
    full = str(getattr(first, "full_code", ""))
    if full.startswith(("DPY-4011", "DPY-6000", "DPY-6005", "DPY-6003", "DPY-6001", "DPI-1010", "DPI-1080")):
        return AWAY
    code = getattr(first, "code", None)
    return ORACLE.get(code, (Meaning.UNKNOWN, f"error {full or code}")) if isinstance(code, int) else None


def of_firebird(error: BaseException) -> Told | None:
    """firebird-driver: `gds_codes`, from the general to the special."""
    codes = tuple(getattr(error, "gds_codes", None) or ())
    for table in (FIREBIRD, FIREBIRD_GENERAL):
        told = next((table[code] for code in codes if code in table), None)
        if told is not None:
            return told
    return (Meaning.UNKNOWN, f"error {codes[0]}") if codes else None


def of_db2(error: BaseException) -> Told | None:
    found = re.search(r"SQLCODE\s*=\s*(-?\d+)|\bSQL(\d{4,5})N\b", str(error))
    if found is None:
        return None
    code = int(found[1]) if found[1] else -int(found[2])
    return DB2.get(code, (Meaning.UNKNOWN, f"error {code}"))


VENDORS = {"mssql": of_mssql, "oracle": of_oracle, "firebird": of_firebird, "ibm_db_sa": of_db2}
