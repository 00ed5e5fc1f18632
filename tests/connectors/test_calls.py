"""Call records of a telephone system become interactions with the other side."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.config.models import ConnectionConfig
from hub.connectors.calls import CallsConnector, CallSettings, Columns, reader
from hub.connectors.contract import Connector, Context
from hub.connectors.imap import ImapConnector
from hub.connectors.messages import MessagesConnector
from hub.errors import AccountError, ConfigError
from hub.model import Interaction, Record, Unreadable
from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.told import NOT_OF_RECORDS, telling

CREATE = (
    "create table cdr (calldate datetime, clid text, src text, dst text, duration integer, billsec integer,"
    " disposition text, uniqueid text)"
)
COLUMNS = "calldate src dst duration billsec disposition uniqueid".split()
SETTINGS = CallSettings(path="x.csv", time_zone="Europe/Lisbon", own=("+351210000000",), prefix="0")
READER = reader(SETTINGS, Context("pbx", default_region="PT"))


def read(src: str, dst: str, **more: Any) -> Interaction | Unreadable | None:
    fields = {"calldate": "2026-07-01 09:00:00", "src": src, "dst": dst, "duration": "30", "billsec": "20"}
    return READER.read(Record("1.7", {**fields, "disposition": "ANSWERED", **more}))


def call(src: str, dst: str, **more: Any) -> Interaction:
    found = read(src, dst, **more)
    assert isinstance(found, Interaction)
    return found


# --- one record -------------------------------------------------------------------------------------


def test_a_call_that_comes_in_is_with_the_caller():
    assert call("912345678", "210000000") == Interaction(
        id="1.7",
        at=datetime(2026, 7, 1, 8, tzinfo=UTC),
        channel="call",
        kind="call.answered",
        direction="in",
        phones=("+351912345678",),
        details={"seconds": 20, "ring": 10, "extension": "210000000"},
    )


def test_a_call_that_goes_out_is_with_who_was_called():
    found = call("204", "0912345678")

    assert (found.phones, found.direction, found.details["extension"]) == (("+351912345678",), "out", "204")


@pytest.mark.parametrize(
    ("src", "dst"),
    [("204", "205"), ("anonymous", "204"), ("", "s"), ("210000000", "204"), ("204", "+351210000000"), ("*98", "h")],
)
def test_a_call_without_another_side_is_left_out(src, dst):
    assert read(src, dst) is None


@pytest.mark.parametrize(
    ("disposition", "seconds", "incoming", "outgoing"),
    [
        ("ANSWERED", "20", "call.answered", "call.answered"),
        ("NO ANSWER", "0", "call.missed", "call.unanswered"),
        ("BUSY", "0", "call.busy", "call.busy"),
        ("FAILED", "0", "call.failed", "call.failed"),
        ("CONGESTION", "0", "call.failed", "call.failed"),
        ("", "0", "call.missed", "call.unanswered"),
        ("something", "9", "call.answered", "call.answered"),
    ],
)
def test_the_kind_is_what_became_of_the_call(disposition, seconds, incoming, outgoing):
    said = {"disposition": disposition, "billsec": seconds}

    assert call("912345678", "204", **said).kind == incoming
    assert call("204", "912345678", **said).kind == outgoing


def test_a_record_without_a_time_is_set_aside():
    assert isinstance(read("912345678", "204", calldate="soon"), Unreadable)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=10))
def test_whatever_is_dialled_is_a_call_or_left_out(src, dst, seconds):
    found = read(src, dst, billsec=seconds)

    assert found is None or isinstance(found, Interaction)


# --- from a table -----------------------------------------------------------------------------------


class Switchboard:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sql(CREATE)

    def sql(self, text: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.folder / "cdr.db")) as db, db:
            db.execute(text, values)

    def ring(self, minute: int, key: str = "") -> str:
        key = key or f"17.{minute}"
        self.sql(
            f"insert into cdr ({', '.join(COLUMNS)}) values (?, ?, ?, ?, ?, ?, ?)",
            *(f"2026-07-01 {minute // 60:02d}:{minute % 60:02d}:00", "912345678", "204", 9, 5, "ANSWERED", key),
        )
        return key

    def connector(self, **settings: Any) -> CallsConnector:
        given = {"url": "sqlite:///cdr.db", "table": "cdr", "overlap": 600, **settings}
        context = Context("pbx", base=self.folder, default_region="PT")
        return CallsConnector(CallSettings.model_validate(given), context)

    def pull(self, since: str | None = None, **settings: Any) -> tuple[list[Any], str | None]:
        connector = self.connector(**settings)
        with connector.context.closing:
            pages = list(connector.pull(since))
        return [item.id for page in pages for item in page.items], pages[-1].cursor if pages else since


@pytest.fixture
def board(tmp_path) -> Iterator[Switchboard]:
    yield Switchboard(tmp_path)


def test_all_calls_are_read_and_then_those_since(board):
    first, second = board.ring(0), board.ring(60)
    found, cursor = board.pull()
    third = board.ring(120)

    assert sorted(found) == [first, second]
    assert board.pull(cursor)[0] == [second, third]  # the last again: it may have been under way


def test_a_call_that_ended_late_is_not_missed(board):
    board.ring(60)
    _, cursor = board.pull()
    late = board.ring(55)

    assert late in board.pull(cursor)[0]


def test_columns_may_have_other_names(board):
    board.sql(
        "create view calls as select calldate as start, src as a, dst as b, billsec, disposition, uniqueid from cdr"
    )
    board.ring(0)
    names = {"at": "start", "source": "a", "target": "b", "duration": None}

    assert board.pull(table="calls", columns=names)[0] == ["17.0"]


def test_records_of_one_call_are_told_apart_by_their_sequence(board):
    board.ring(0)
    board.sql("create view calls as select *, 3 as sequence from cdr")

    assert board.pull(table="calls", columns={"sequence": "sequence"})[0] == ["17.0:3"]


def test_a_lost_column_pauses_the_connection(board):
    with pytest.raises((AccountError, ConfigError), match="answered"):
        board.pull(columns={"seconds": "answered"})


def test_a_check_counts_and_shows_no_number(board):
    board.ring(0)
    connector = board.connector()
    with connector.context.closing:
        report = connector.check()

    assert "1 rows" in report.lines[0]
    assert "912345678" not in repr(report)


MASTER = (
    '"","912345678","204","from-trunk","""Ann"" <912345678>","PJSIP/trunk-1","PJSIP/204-2","Dial","PJSIP/204,20",'
    '"2026-07-01 {minute:02d}:00:00","2026-07-01 00:00:04","2026-07-01 00:00:09",9,5,"ANSWERED","DOCUMENTATION",'
    '"17.{minute}"\n'
)
OF_MASTER = """accountcode src dst dcontext clid channel dstchannel lastapp lastdata calldate answer end duration
    billsec disposition amaflags uniqueid""".split()


def test_the_file_that_asterisk_writes_by_itself_is_read_on_where_it_grows(board):
    master = board.folder / "Master.csv"
    settings = {"url": None, "table": None, "path": "Master.csv", "names": OF_MASTER}
    master.write_text("".join(MASTER.format(minute=minute) for minute in (1, 2)))
    found, cursor = board.pull(**settings)
    with master.open("a") as file:
        file.write(MASTER.format(minute=3))

    assert found == ["17.1", "17.2"]
    assert board.pull(cursor, **settings)[0] == ["17.3"]


@pytest.mark.parametrize(
    "wrong", [{"path": "x.csv", "names": ["src", "dst"]}, {"url": "sqlite://", "table": "cdr", "names": OF_MASTER}]
)
def test_names_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValidationError):
        CallSettings.model_validate(wrong)


# --- the suite --------------------------------------------------------------------------------------


class SwitchboardSystem(System):
    """A telephone system whose records are in SQLite."""

    many = 12
    plenty = 10_000
    kind = telling(CallsConnector)

    def __init__(self, folder: Path) -> None:
        self.board = Switchboard(folder)
        self.connector = self.within(self.context())

    def within(self, context: Context) -> Connector:
        return self.kind(self._settings("cdr.db"), replace(context, base=self.board.folder, default_region="PT"))

    def _settings(self, file: str) -> CallSettings:
        return CallSettings.model_validate({"url": f"sqlite:///{file}", "table": "cdr", "overlap": 600})

    def unreachable(self) -> Connector:
        context = replace(self.context(), base=self.board.folder)
        return self.kind(self._settings("none.db"), context)

    def seed(self, count: int) -> list[str]:
        with closing(sqlite3.connect(self.board.folder / "cdr.db")) as db, db:
            first = db.execute("select count(*) from cdr").fetchone()[0]
            rows = [
                (f"2026-07-01 09:{n // 60 % 60:02d}:{n % 60:02d}", "912345678", "204", 9, 5, "ANSWERED", f"17.{n}")
                for n in range(first, first + count)
            ]
            db.executemany(f"insert into cdr ({', '.join(COLUMNS)}) values (?, ?, ?, ?, ?, ?, ?)", rows)
        return [row[-1] for row in rows]

    def remove(self, record_id: str) -> None:
        self.board.sql("delete from cdr where uniqueid = ?", record_id)

    def twin(self, record_id: str) -> str:
        key = f"{record_id}.twin"
        self.board.sql(
            f"insert into cdr ({', '.join(COLUMNS)}) select calldate, src, dst, duration, billsec, disposition, ?"
            " from cdr where uniqueid = ?",
            key,
            record_id,
        )
        return key


BY_SQL = "the connector sql reads the table, and is asked there"


class TestCalls(ConnectorContract):
    cannot: ClassVar[Mapping[str, str]] = {
        **NOT_OF_RECORDS,
        **dict.fromkeys(OVER_HTTP, "it speaks to a database, not over HTTP"),
        "test_a_system_that_is_down_is_tried_again_later": BY_SQL,
        "test_a_wrong_key_pauses_the_connection": BY_SQL,
        "test_a_key_revoked_in_mid_run_pauses_the_connection": BY_SQL,
    }

    @pytest.fixture
    def system(self, tmp_path: Path) -> SwitchboardSystem:
        return SwitchboardSystem(tmp_path)


@pytest.mark.parametrize("kind", [CallsConnector, ImapConnector, MessagesConnector])
def test_no_setting_has_the_name_of_one_that_every_connection_has(kind):
    """Such a one would never reach the connector."""
    assert set(kind.Settings.model_fields) & set(ConnectionConfig.model_fields) == set()


# --- from a file ------------------------------------------------------------------------------------


def test_a_file_that_grows_is_read_on(tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text(f"{','.join(COLUMNS)}\n2026-07-01 09:00:00,912345678,204,9,5,ANSWERED,17.1\n")

    def pull(since: str | None) -> tuple[list[str], str | None]:
        connector = CallsConnector(CallSettings(path="Master.csv"), Context("pbx", base=tmp_path, default_region="PT"))
        pages = list(connector.pull(since))
        return [str(item.id) for page in pages for item in page.items], pages[-1].cursor if pages else since

    first, cursor = pull(None)
    with path.open("a") as file:
        file.write("2026-07-01 10:00:00,204,933123456,9,0,NO ANSWER,17.2\n")

    assert (first, pull(cursor)[0]) == (["17.1"], ["17.2"])


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": "sqlite://", "path": "x.csv", "table": "cdr"},
        {"url": "sqlite://"},
        {"path": "x.csv", "internal": "("},
        {"path": "x.csv", "time_zone": "Nowhere/None"},
    ],
    ids="nothing both no-table pattern zone".split(),
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        CallSettings.model_validate(wrong)


def test_an_own_number_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="own"):
        reader(CallSettings(path="x.csv", own=("no",)), Context("pbx"))


def test_names_of_asterisk_are_the_defaults():
    assert set(COLUMNS) == set(filter(None, Columns().model_dump().values()))
