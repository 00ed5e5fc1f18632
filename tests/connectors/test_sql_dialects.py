"""Databases that do not run here: their statements, and what their errors mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.sql_codes import DB2, FIREBIRD, MSSQL, ORACLE
from hub.connectors.sql_errors import Meaning, meaning, raised
from hub.connectors.sql_source import DRIVERS, EXTRAS, locking

CLIENTES = sa.table("CLIENTES", sa.column("COD"), sa.column("NOMBRE"))


def dialect(name: str) -> Any:
    url = sa.make_url(f"{DRIVERS[name]}://u:p@h/d")
    if name == "db2":
        pytest.importorskip("ibm_db_sa", reason="the extra db2 brings a client library of 100 MB")
    return url.get_dialect()()


def compiled(name: str, statement: Any) -> str:
    return " ".join(str(statement.compile(dialect=dialect(name), compile_kwargs={"literal_binds": True})).split())


def test_every_short_name_has_an_extra() -> None:
    assert DRIVERS.keys() == EXTRAS.keys()


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("mssql", "SELECT TOP 5 "),
        ("oracle", "FETCH FIRST 5 ROWS ONLY"),
        ("firebird", "ROWS 1 TO 5"),
        ("db2", "LIMIT 5"),
    ],
)
def test_pages_are_limited_as_each_database_says_it(name: str, limit: str) -> None:
    assert limit in compiled(name, sa.select(CLIENTES).order_by(CLIENTES.c.COD).limit(5))


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("mssql", "WITH (UPDLOCK, ROWLOCK) WHERE"),
        ("oracle", "FOR UPDATE"),
        ("firebird", "WITH LOCK"),
        ("db2", "WITH RS USE AND KEEP UPDATE LOCKS"),
        ("postgresql", "FOR UPDATE"),
        ("mysql", "FOR UPDATE"),
    ],
)
def test_rows_are_locked_as_each_database_says_it(name: str, lock: str) -> None:
    kind = dialect(name).name.partition(".")[0]
    statement = sa.select(CLIENTES).where(CLIENTES.c.COD.in_([1, 2]))

    assert lock in compiled(name, locking(statement, CLIENTES, kind))


@pytest.mark.parametrize(("name", "default"), [("oracle", "FROM DUAL"), ("firebird", "FROM rdb$database")])
def test_the_clock_of_the_database_is_asked(name: str, default: str) -> None:
    assert default in compiled(name, sa.select(sa.func.now()))


@pytest.mark.parametrize("table", [MSSQL, ORACLE, FIREBIRD, DB2], ids=["mssql", "oracle", "firebird", "db2"])
def test_codes_have_the_sign_that_their_driver_gives(table: dict[int, Any]) -> None:
    assert all(code < 0 for code in table) or all(code > 0 for code in table)


# --- errors -----------------------------------------------------------------------------------------


def oracle(code: int, text: str = "", full: str = "") -> Exception:
    return Exception(SimpleNamespace(code=code, message=text, full_code=full or f"ORA-{code:05}"))


class FirebirdError(Exception):
    def __init__(self, text: str, *codes: int) -> None:
        super().__init__(text)
        self.gds_codes = codes


ERRORS = [
    ("mssql", Exception(18456, b"Login failed for user 'canary'."), Meaning.ACCOUNT, "user or password"),
    ("mssql", Exception((20009, b"DB-Lib error message 20009")), Meaning.TRANSIENT, "cannot be reached"),
    ("mssql", Exception(2627, b"Violation ... The duplicate key value is (canary)."), Meaning.REFUSED, "unique"),
    ("mssql", Exception(334, b"The target table ..."), Meaning.ACCOUNT, "triggers"),
    ("mssql", Exception("42000", "[42000] [Microsoft] Deadlock canary (1205) (SQLExecDirectW)"), Meaning.TRANSIENT, ""),
    ("mssql", Exception("08001", "[08001] no server"), Meaning.TRANSIENT, "cannot be reached"),
    ("mssql", Exception("08001", "[08001] no server (53) (SQLDriverConnect)"), Meaning.TRANSIENT, "cannot be reached"),
    (
        "mssql",
        Exception("08S01", "[08S01] reset canary (121) (SQLExecDirectW)"),
        Meaning.TRANSIENT,
        "cannot be reached",
    ),
    ("mssql", Exception(121, b"The select list for the INSERT statement ..."), Meaning.ACCOUNT, "does not fit"),
    ("mssql", Exception(233, b"The column in canary cannot be null."), Meaning.REFUSED, "missing"),
    ("mssql", Exception(10054, b"canary"), Meaning.UNKNOWN, "error 10054"),
    ("mssql", Exception(50001, b"canary"), Meaning.REFUSED, "rule or trigger"),
    ("mssql", Exception(31337, b"canary"), Meaning.UNKNOWN, "error 31337"),
    ("oracle", oracle(1017), Meaning.ACCOUNT, "user or password"),
    ("oracle", oracle(12899, "canary"), Meaning.REFUSED, "too long"),
    ("oracle", oracle(1400), Meaning.REFUSED, "missing"),
    ("oracle", oracle(20005, "ORA-20005: canary"), Meaning.REFUSED, "rule or trigger"),
    ("oracle", oracle(54), Meaning.TRANSIENT, "not ready"),
    ("oracle", oracle(1012), Meaning.TRANSIENT, "cannot be reached"),
    ("oracle", oracle(0, full="DPY-6005"), Meaning.TRANSIENT, "cannot be reached"),
    ("firebird", FirebirdError("canary", 335544569, 335544580), Meaning.ACCOUNT, "no such table"),
    ("firebird", FirebirdError("canary", 335544569), Meaning.ACCOUNT, "does not fit"),
    ("firebird", FirebirdError("canary", 335544321, 335544914), Meaning.REFUSED, "too long"),
    ("firebird", FirebirdError("canary", 335544665), Meaning.REFUSED, "unique"),
    ("firebird", FirebirdError("canary", 335544721), Meaning.TRANSIENT, "cannot be reached"),
    ("ibm_db_sa", Exception("[IBM] SQL0803N canary. SQLSTATE=23505 SQLCODE=-803"), Meaning.REFUSED, "unique"),
    ("ibm_db_sa", Exception("[IBM][CLI Driver] SQL30081N A communication error"), Meaning.TRANSIENT, "reached"),
    ("ibm_db_sa", Exception("SQL1224N canary. SQLSTATE=55032 SQLCODE=-1224"), Meaning.TRANSIENT, "not ready"),
    ("ibm_db_sa", Exception("SQL0668N canary. SQLSTATE=57007 SQLCODE=-668"), Meaning.ACCOUNT, "reorganisation"),
    ("ibm_db_sa", Exception("canary without a code"), Meaning.UNKNOWN, "error Exception"),
]


@pytest.mark.parametrize(("name", "error", "kind", "says"), ERRORS)
def test_an_error_means_what_its_code_says_and_quotes_nothing(
    name: str, error: Exception, kind: Meaning, says: str
) -> None:
    told, words = meaning(error, name)

    assert told is kind
    assert says in words
    assert "canary" not in words


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("mssql", Exception(50001, b"Client ANA is blockedDB-Lib error message 50001, severity 16")),
        ("mssql", Exception((50001, b"Client ANA is blockedDB-Lib error message 50001, severity 16"))),
        ("oracle", oracle(20001, "ORA-20001: Client ANA is blocked\nORA-06512: at line 3")),
        ("firebird", FirebirdError("exception 3\n-BLOCKED\n-Client ANA is blocked\n-At procedure 'X'", 335544517)),
    ],
)
def test_words_raised_on_purpose_are_told_without_values(name: str, error: Exception) -> None:
    assert raised(error, name, ["Ana"]) == "Client … is blocked"


def test_an_error_of_the_database_itself_is_no_word_of_a_procedure() -> None:
    assert raised(oracle(1, "ORA-00001: unique constraint"), "oracle", []) is None
    assert raised(Exception(2627, b"x"), "mssql", []) is None
