"""Files written for systems that only import, and the contract suite on what they were told."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors.contract import Connector, Context
from hub.connectors.file_entries import Lines
from hub.connectors.file_out import FileOutConnector
from hub.connectors.filing.ldif import ldif_entries
from hub.connectors.filing.out_settings import OutSettings
from hub.connectors.filing.outbox import Outbox, Row
from hub.connectors.filing.writers import ldif_lines, refusal, write_rows
from hub.errors import CursorExpired
from hub.model import Done, Missing, Op, Outcome, Record, Refused, Tombstone, Unreadable, Write
from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.filing import read as read_file

NUMBERS = count(1)
NOW = datetime(2026, 5, 1, 12, 30, 15, tzinfo=UTC)
NO_SERVER = "a folder of this machine has no server and no key; test_file_places.py has those that have"


class Target:
    """A folder that somebody imports from; `run` is one run of the hub."""

    def __init__(self, folder: Path, **told: Any) -> None:
        self.folder = folder
        self.now = NOW
        self.settings = {"path": "out/people.csv", "columns": ["name", "phone"], **told}

    def context(self, closing: ExitStack) -> Context:
        return Context("out", base=self.folder, clock=lambda: self.now, closing=closing)

    def connector(self, closing: ExitStack) -> FileOutConnector:
        return FileOutConnector(OutSettings.model_validate(self.settings), self.context(closing))

    def run(self, *writes: Write, since: str | None = None) -> tuple[list[Any], list[Outcome], str | None]:
        """What was pulled, what the writes answered, and the last cursor."""
        with ExitStack() as closing:
            connector = self.connector(closing)
            pages = list(connector.pull(since))
            outcomes = connector.write(writes) if writes else []
        return [item for page in pages for item in page.items], outcomes, pages[-1].cursor

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").glob("*"))

    def text(self, name: str = "people.csv") -> str:
        return (self.folder / "out" / name).read_bytes().decode()


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def create(key: str, **fields: Any) -> Write:
    return Write(Op.CREATE, key, None, fields)


def update(key: str, **fields: Any) -> Write:
    return Write(Op.UPDATE, key, key, fields)


def delete(key: str) -> Write:
    return Write(Op.DELETE, key, key, {})


# --- one file a run that changed something ---------------------------------------------------------


def test_a_run_that_changed_something_leaves_one_whole_file(target: Target) -> None:
    target.run(create("hub:1", name="Ann", phone="+351 912 345 678"), create("hub:2", name="Eva"))

    assert target.files() == ["people.csv"]
    assert target.text() == "hub_key,name,phone\r\nhub:1,Ann,+351 912 345 678\r\nhub:2,Eva,\r\n"


def test_a_quiet_run_writes_no_file(target: Target) -> None:
    target.run(create("hub:1", name="Ann"))
    (target.folder / "out/people.csv").unlink()

    target.run()
    target.run(update("hub:1", name="Ann"))
    target.run(create("hub:1", name="Ann"))

    assert target.files() == []


def test_a_file_of_changes_holds_what_changed_since_the_last_one(target: Target) -> None:
    told = {"path": "out/p-{date}-{number}.csv", "content": "changes", "deleted": {"state": "D"}}
    target.settings |= told

    target.run(create("hub:1", name="Ann"), create("hub:2", name="Eva"))
    target.run(update("hub:2", phone="123"), delete("hub:1"))

    assert target.files() == ["p-20260501-000001.csv", "p-20260501-000002.csv"]
    assert target.text("p-20260501-000002.csv") == "hub_key,state,name,phone\r\nhub:2,,Eva,123\r\nhub:1,D,Ann,\r\n"


def test_deleted_people_leave_a_snapshot(target: Target) -> None:
    target.run(create("hub:1", name="Ann"), create("hub:2", name="Eva"))
    target.run(delete("hub:1"))

    assert target.text() == "hub_key,name,phone\r\nhub:2,Eva,\r\n"


def test_without_a_mark_files_of_changes_delete_nobody(target: Target) -> None:
    target.settings |= {"path": "out/p-{number}.csv", "content": "changes"}

    with ExitStack() as closing:
        assert not target.connector(closing).can.delete


def test_what_a_killed_run_had_taken_goes_out_at_the_beginning_of_the_next(target: Target) -> None:
    killed = ExitStack()  # never closed
    target.connector(killed).write([create("hub:1", name="Ann")])
    before = target.files()

    target.run()

    assert (before, target.files()) == ([], ["people.csv"])


def test_a_file_that_was_cut_off_is_written_again_under_its_name(target: Target) -> None:
    target.settings |= {"path": "out/p-{time}-{number}.csv", "content": "changes"}
    killed = ExitStack()
    connector = target.connector(killed)
    connector.write([create("hub:1", name="Ann")])
    (target.folder / "out").write_text("in the way")
    with pytest.raises(Exception, match="could not be written"):
        connector.flush()
    (target.folder / "out").unlink()
    target.now += timedelta(hours=1)

    target.run(create("hub:2", name="Eva"))

    assert target.files() == ["p-123015-000001.csv", "p-133015-000002.csv"]


def test_a_run_whose_file_cannot_be_written_is_made_up_for_and_told(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    (target.folder / "out").write_text("in the way")

    target.run(create("hub:1", name="Ann"))

    assert "the file was not written and will be by the next run" in caplog.text
    with pytest.raises(Exception, match="could not be written"):
        target.run()


def test_files_come_no_oftener_than_asked_for(target: Target) -> None:
    target.settings |= {"path": "out/p-{number}.csv", "every": "1 hour"}
    target.run(create("hub:1", name="Ann"))
    target.now += timedelta(minutes=59)
    target.run(update("hub:1", name="Eva"))
    early = target.files()
    target.now += timedelta(minutes=2)
    target.run()

    assert early == ["p-000001.csv"]
    assert target.files() == ["p-000001.csv", "p-000002.csv"]


def test_a_marker_follows_its_file(target: Target) -> None:
    target.settings |= {"marker": "{name}.ok"}

    target.run(create("hub:1", name="Ann"))

    assert target.files() == ["people.csv", "people.csv.ok"]


def test_the_state_is_private_and_another_one_is_noticed(target: Target) -> None:
    _, _, cursor = target.run(create("hub:1", name="Ann"))
    *_, cursor = target.run()
    state = target.folder / "out-out.sqlite"

    assert state.stat().st_mode & 0o777 == 0o600
    state.unlink()
    with pytest.raises(CursorExpired):
        target.run(since=cursor)


# --- cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+A1", "'-2+A1"),
        ("\t=1", "'\t=1"),
        ("+351 912 345 678", "+351 912 345 678"),
        ("-12.5", "-12.5"),
        ("Ann=Eva", "Ann=Eva"),
    ],
)
def test_cells_that_begin_like_a_formula_are_not_calculated(target: Target, value: str, cell: str) -> None:
    target.run(create("hub:1", name=value))

    [_, row] = csv.reader(io.StringIO(target.text(), newline=""))
    assert row[1] == cell
    target.settings |= {"formulas": "keep", "path": "out/kept.csv", "state": "kept.sqlite"}
    target.run(create("hub:1", name=value))
    [_, row] = csv.reader(io.StringIO(target.text("kept.csv"), newline=""))
    assert row[1] == value


def test_cells_of_a_workbook_are_texts(target: Target) -> None:
    target.settings |= {"path": "out/p.xlsx", "formulas": "keep"}
    target.run(create("hub:1", name="=1+1", phone="00351"))

    [_, (key, name, phone)] = openpyxl.load_workbook(target.folder / "out/p.xlsx").active.iter_rows()

    assert (key.value, name.value, name.data_type, phone.value) == ("hub:1", "=1+1", "s", "00351")


@pytest.mark.parametrize(
    ("told", "fields", "says"),
    [
        ({}, {"nif": "1"}, "no column nif"),
        ({"encoding": "cp1252"}, {"name": "日本"}, "characters that cp1252 does not know"),
        ({}, {"name": "a\x00b"}, "control characters"),
        ({}, {"name": {"a": 1}}, "nested"),
        ({"path": "out/p.xlsx"}, {"name": "a" * 40_000}, "longer than 32767"),
        ({"path": "out/p.xlsx"}, {"name": "a\x0bb"}, "control characters"),
        (
            {"path": "out/p.txt", "format": "fixed", "columns": {"hub_key": [1, 30], "name": [31, 5]}},
            {"name": "Annabelle"},
            "longer than its 5 characters",
        ),
        (
            {"path": "out/p.txt", "format": "fixed", "columns": {"hub_key": [1, 30], "name": [31, 5]}},
            {"name": "A\nB"},
            "line break",
        ),
    ],
)
def test_what_does_not_fit_is_refused_without_its_value(
    target: Target, told: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    target.settings |= told

    _, [outcome], _ = target.run(create("hub:1", **fields))

    assert isinstance(outcome, Refused)
    assert says in outcome.reason
    assert "Annabelle" not in outcome.reason
    assert target.files() == []


# --- receipts -------------------------------------------------------------------------------------


def test_receipts_set_refused_rows_aside_until_they_are_taken(target: Target) -> None:
    receipts = {"path": "back/*.csv", "mode": "drop", "key": "hub_key"}
    target.settings |= {"receipts": receipts, "accepted": {"result": ["OK"]}, "reason": "why"}
    *_, cursor = target.run(create("hub:1", name="Ann"), create("hub:2", name="Eva"))
    (target.folder / "back").mkdir()
    (target.folder / "back/1.csv").write_text("hub_key,result,why\nhub:1,OK,\nhub:2,BAD,no town\nhub:9,BAD,who\n")

    told, _, cursor = target.run(since=cursor)
    (target.folder / "back/2.csv").write_text("hub_key,result,why\nhub:2,OK,\n")
    later, _, cursor = target.run(since=cursor)
    quiet, _, last = target.run(since=cursor)

    [bad] = [item for item in told if isinstance(item, Unreadable)]
    assert (bad.where, bad.reason, bad.id) == ("row hub:2", "the import refused the row: no town", "hub:2")
    assert [item.id for item in later] == ["hub:2"]
    assert (quiet, last) == ([], cursor)
    assert sorted(path.name for path in (target.folder / "back/done").iterdir()) == ["1.csv", "2.csv"]


# --- what is written is read back -----------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cc"]), max_size=12)
ROWS = st.lists(st.fixed_dictionaries({"name": TEXTS, "phone": TEXTS}), min_size=1, max_size=8)


@settings(max_examples=25)
@given(rows=ROWS, name=st.sampled_from(["p.csv", "p.jsonl", "p.xlsx"]), delimiter=st.sampled_from(",;\t|"))
def test_rows_come_back_as_they_were_written(
    rows: list[dict[str, str]], name: str, delimiter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    columns = None if name == "p.jsonl" else ["name", "phone"]
    told = OutSettings(path=name, columns=columns, formulas="keep", delimiter=delimiter, key="id")
    kept = [row for row in rows if refusal(told, row) is None]

    written = write_rows(told, [Row(f"k{n}", dict(row), n) for n, row in enumerate(kept)], folder / name)

    found = [item.fields for item in read_file(folder, name, delimiter=delimiter, key="id") if isinstance(item, Record)]
    assert written == len(kept)
    trim = (lambda text: (text or "").strip()) if name == "p.xlsx" else str
    assert [(trim(row["name"]), trim(row["phone"])) for row in found] == [
        (trim(row["name"]), trim(row["phone"])) for row in kept
    ]


@given(st.lists(st.tuples(st.text("abc é=+", max_size=6), st.text("0123456789", max_size=4)), min_size=1, max_size=8))
def test_fixed_width_comes_back_without_its_padding(rows: list[tuple[str, str]]) -> None:
    columns = {"id": (1, 4), "name": (6, 6), "phone": (14, 4)}
    told = OutSettings(path="p.txt", format="fixed", columns=columns, key="id", encoding="cp1252")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_rows(told, [Row(f"k{n}", {"name": a, "phone": b}, n) for n, (a, b) in enumerate(rows)], folder / "p.txt")
        found = read_file(folder, "p.txt", format="fixed", columns=columns, key="id", encoding="cp1252")

    assert [(item.fields["name"], item.fields["phone"]) for item in found if isinstance(item, Record)] == [
        (a.strip(" "), b) for a, b in rows
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=120))
def test_ldif_comes_back_as_it_was_written(text: str) -> None:
    told = OutSettings(
        path="p.ldif", dn="uid={uid},dc=example", constants={"objectClass": ["top", "person"]}, key="uid"
    )
    data = "".join(ldif_lines(told, Row("u1", {"sn": text, "mail": [text, "x"]}, 1))).encode("ascii")

    [entry] = ldif_entries(Lines(io.BytesIO(data), "utf-8"))

    assert entry.fields == {
        "dn": "uid=u1,dc=example",
        "objectclass": ["top", "person"],
        "sn": [text],
        "mail": [text, "x"],
        "uid": ["u1"],
    }
    assert max(map(len, data.splitlines())) <= 76


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1), min_size=2, max_size=2)
)
def test_cards_come_back_as_they_were_written(names: list[str]) -> None:
    given, family = names
    fields = {"given_name": given.strip(), "family_name": family.strip(), "emails": [{"value": "ann@example.org"}]}
    told = OutSettings(path="p.vcf", vcard="4.0")
    if refusal(told, fields) is not None:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_rows(told, [Row("hub:1", fields, 1)], Path(folder) / "p.vcf")
        [found] = read_file(Path(folder), "p.vcf")

    assert isinstance(found, Record)
    assert found.id == "hub:1"
    assert ((found.fields["given_name"] or ""), (found.fields["family_name"] or "")) == (given.strip(), family.strip())
    assert found.fields["emails"] == [{"value": "ann@example.org"}]


def test_a_name_in_ldif_is_escaped() -> None:
    told = OutSettings(path="p.ldif", dn="cn={cn},dc=example")

    [first, *_] = ldif_lines(told, Row("k", {"cn": ' Lee, "Ann" + 1 '}, 1))

    assert first == 'dn: cn=\\ Lee\\, \\"Ann\\" \\+ 1\\ ,dc=example\n'


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"path": "out/{day}.csv", "columns": ["a"]}, "not day"),
        ({"path": "{date}/p.csv", "columns": ["a"]}, "only the last part"),
        ({"path": "out/p*.csv", "columns": ["a"]}, "not a pattern"),
        ({"path": "out/p.csv"}, "`columns`"),
        ({"path": "out/p.csv", "columns": ["a"], "content": "changes"}, r"needs \{number\}"),
        ({"path": "https://example.org/p.csv", "columns": ["a"]}, "sftp:// or s3://"),
        ({"path": "out/p.csv", "columns": ["a"], "deleted": {"x": "D"}}, "content: changes"),
        ({"path": "out/p.dat"}, "name the `format`"),
        ({"path": "out/p.ldif"}, "`dn` belongs to ldif"),
        ({"path": "out/p.txt", "format": "fixed", "columns": {"name": [1, 5]}}, "no place for the hub's key"),
        ({"path": "p.txt", "format": "fixed", "columns": {"hub_key": [1, 5], "n": [5, 2]}}, "lies over another"),
        ({"path": "out/p.csv", "columns": ["a"], "accepted": {"x": ["OK"]}}, "belong together"),
        (
            {"path": "p.csv", "columns": ["a"], "accepted": {"x": ["OK"]}, "receipts": {"path": "b.csv"}},
            "needs `mode: drop`",
        ),
        ({"path": "out/p.csv", "columns": ["a"], "marker": "done"}, r"holds \{name\}"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(told: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        OutSettings.model_validate(told)


# --- the contract ---------------------------------------------------------------------------------


class OutSystem(System):
    """What was told, as a person would change it in the state file."""

    many = 1100
    plenty = 10_000
    nobody = "hub:nobody"
    text = "name"

    def __init__(self, folder: Path, **told: Any) -> None:
        self.folder = folder
        self.told = {"path": "out/p.csv", "columns": ["name", "phone"], "state": "state.sqlite", **told}
        self.connector = self.within(Context("kit"))

    def within(self, context: Context) -> Connector:
        return FileOutConnector(OutSettings.model_validate(self.told), replace(context, base=self.folder))

    def change(self, *rows: tuple[str, dict[str, Any] | None]) -> None:
        outbox = Outbox(self.folder / "state.sqlite")
        with outbox.changing():
            for key, fields in rows:
                [*there] = outbox.get([key]).values()
                if fields is None:
                    outbox.remove(there[0])
                else:
                    outbox.put(key, {**(there[0].fields if there else {}), **fields})
        outbox.close()

    def seed(self, count: int) -> list[str]:
        ids = [f"hub:s{next(NUMBERS)}" for _ in range(count)]
        self.change(*((i, {"name": "Ann"}) for i in ids))
        return ids

    def edit(self, record_id: str) -> None:
        self.change((record_id, {"name": f"Eva {next(NUMBERS)}"}))

    def remove(self, record_id: str) -> None:
        self.change((record_id, None))

    def without_field(self) -> tuple[Connector, str]:
        outbox = Outbox(self.folder / "state.sqlite")
        with outbox.changing():
            for row in list(outbox.rows()):
                outbox.put(row.id, {name: value for name, value in row.fields.items() if name != "name"})
        outbox.close()
        return self.connector, "name"

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def new_fields(self) -> dict[str, Any]:
        return {"name": f"Person {next(NUMBERS)}"}

    def edit_fields(self) -> dict[str, Any]:
        return {"phone": "+351 912 345 678"}

    def refused_fields(self) -> dict[str, Any]:
        return {"name": "broken\x00name"}


class TestFileOut(ConnectorContract):
    cannot: ClassVar = {
        **dict.fromkeys((*OVER_HTTP, "Rights"), NO_SERVER),
        "test_a_value_never_heard_of_is_kept_and_grants_nothing": "a file has no values of its own",
        "test_a_service_that_accepts_and_ignores_a_write_is_seen_in_the_answer": "what was told is kept here",
    }

    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[System]:
        yield OutSystem(tmp_path)


def test_a_listing_shows_rows_and_deletions(target: Target) -> None:
    *_, first = target.run()
    target.run(create("hub:1", name="Ann"), create("hub:2", name="Eva"), delete("hub:1"))

    found, _, cursor = target.run(since=first)

    assert [(type(item), item.id) for item in found] == [(Record, "hub:2"), (Tombstone, "hub:1")]
    assert target.run(since=cursor)[0] == []
    assert target.run(delete("hub:7"), update("hub:8", name="x"))[1] == [Missing(), Missing()]
    assert target.run(delete("hub:2"))[1] == [Done(None)]
    assert orjson.loads(cursor or "")["seq"] == 3
