"""Singer targets: the contract on a made-up target, its faults, and what becomes of rows it does not confirm."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors.contract import Connector, Context
from hub.connectors.filing.outbox import Outbox
from hub.connectors.singer_delivery import MOST_STARTS, Delivery, Heard
from hub.connectors.singer_process import ProgramEnded
from hub.connectors.singer_rows import Shape, fitted
from hub.connectors.singer_target import SingerTargetConnector, TargetSettings
from hub.errors import AccountError, ConfigError, CursorExpired, HubError, TransientError
from hub.model import Done, Missing, Op, Outcome, Record, Refused, Tombstone, Unknown, Write
from hub.testing import OVER_HTTP, ConnectorContract, System

PROGRAM = Path(__file__).with_name("singer_fake_target.py")
SECRET = "c4nary-of-a-target"
NUMBERS = count(1)
TOLD = "what was told is kept here; what the target refuses shows with the first row, which has tests of its own"


class Target:
    """A target and its rows; `run` is one run of the hub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def connect(
        self, context: Context, settings: Mapping[str, Any] | None = None, **config: Any
    ) -> SingerTargetConnector:
        path = self.folder / f"config{next(NUMBERS)}.json"
        rows, starts = (str(self.folder / name) for name in ("rows.json", "starts"))
        path.write_text(json.dumps({"rows": rows, "starts": starts, "secret": SECRET, **config}))
        given = {"command": (sys.executable, str(PROGRAM)), "config": path, "columns": ["name", "phone"]}
        told = TargetSettings.model_validate({**given, "state": "told.sqlite", **(settings or {})})
        return SingerTargetConnector(told, replace(context, base=self.folder))

    def run(self, *writes: Write, settings: Mapping[str, Any] | None = None, **config: Any) -> list[Outcome]:
        with ExitStack() as closing:
            connector = self.connect(Context("kit", closing=closing), settings, **config)
            list(connector.pull(None))
            return connector.write(writes) if writes else []

    @property
    def rows(self) -> dict[str, Any]:
        path = self.folder / "rows.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def starts(self) -> int:
        path = self.folder / "starts"
        return path.read_text().count("\n") if path.exists() else 0

    def doubts(self) -> list[str]:
        outbox = Outbox(self.folder / "told.sqlite")
        found = outbox.doubts()
        outbox.close()
        return found


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def create(key: str, **fields: Any) -> Write:
    return Write(Op.CREATE, key, None, fields)


def update(key: str, **fields: Any) -> Write:
    return Write(Op.UPDATE, key, key, fields)


def delete(key: str) -> Write:
    return Write(Op.DELETE, key, key, {})


class TargetSystem(System):
    """What was told, as a person would change it in the state file."""

    secrets = (SECRET,)
    many = 1100
    plenty = 10_000
    nobody = "hub:nobody"
    text = "name"

    def __init__(self, folder: Path) -> None:
        self.target, self.path = Target(folder), folder / "told.sqlite"
        self.connector = self.within(Context("kit"))

    def within(self, context: Context) -> Connector:
        return self.target.connect(context)

    def change(self, rows: Mapping[str, dict[str, Any] | None]) -> None:
        outbox = Outbox(self.path)
        with outbox.changing():
            there = outbox.get(rows)
            for key, fields in rows.items():
                if fields is None:
                    outbox.remove(there[key])
                else:
                    outbox.put(key, {**(there[key].fields if key in there else {}), **fields})
        outbox.close()

    def seed(self, count: int) -> list[str]:
        ids = [f"hub:s{next(NUMBERS)}" for _ in range(count)]
        self.change({each: {"name": "Ann"} for each in ids})
        return ids

    def edit(self, record_id: str) -> None:
        self.change({record_id: {"name": f"Eva {next(NUMBERS)}"}})

    def remove(self, record_id: str) -> None:
        self.change({record_id: None})

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def new_fields(self) -> dict[str, Any]:
        return {"name": f"Person {next(NUMBERS)}"}

    def edit_fields(self) -> dict[str, Any]:
        return {"phone": "+351 912 345 678"}

    def refused_fields(self) -> dict[str, Any]:
        return {"name": "broken\x00name"}


class TestSingerTarget(ConnectorContract):
    cannot: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(OVER_HTTP, "the hub runs a program; what that asks is its own affair"),
        "Rights": TOLD,
        "test_a_field_gone_from_the_answers_says_nothing": "the columns are those of the settings",
        "test_a_value_never_heard_of_is_kept_and_grants_nothing": "the columns are those of the settings",
        "test_a_service_that_accepts_and_ignores_a_write_is_seen_in_the_answer": "a target tells how far it has come "
        "and no values",
    }

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        return TargetSystem(tmp_path)


# --- what a target is told ------------------------------------------------------------------------


def test_a_row_is_whole_each_time_and_a_deletion_leaves_its_key_and_the_time(target: Target) -> None:
    target.run(create("hub:1", name="Ann", phone="123"), create("hub:2", name="Eva"))
    target.run(update("hub:1", phone=None), delete("hub:2"))

    rows = target.rows
    gone = rows["hub:2"].pop("_sdc_deleted_at")
    assert rows == {
        "hub:1": {"hub_key": "hub:1", "name": "Ann", "phone": None, "_sdc_deleted_at": None},
        "hub:2": {"hub_key": "hub:2", "name": None, "phone": None},
    }
    assert gone.startswith("20")


def test_what_a_target_holds_already_is_not_told_again(target: Target) -> None:
    target.run(create("hub:1", name="Ann"))

    assert (
        target.run(update("hub:1", name="Ann"), create("hub:1", name="Ann"))
        == [Done(Record("hub:1", {"name": "Ann"}, key="hub:1"))] * 2
    )
    assert target.starts == 1


def test_who_was_deleted_can_come_back(target: Target) -> None:
    target.run(create("hub:1", name="Ann"))
    target.run(delete("hub:1"))
    target.run(create("hub:1", name="Ann"))

    assert target.rows["hub:1"] == {"hub_key": "hub:1", "name": "Ann", "phone": None, "_sdc_deleted_at": None}


def test_two_writes_of_one_row_in_one_call_end_as_the_last(target: Target) -> None:
    outcomes = target.run(create("hub:1", name="Ann"), update("hub:1", phone="1"), update("hub:2", name="x"))

    assert [type(each) for each in outcomes] == [Done, Done, Missing]
    assert (target.rows["hub:1"]["name"], target.rows["hub:1"]["phone"], target.doubts()) == ("Ann", "1", [])


def test_a_target_without_a_column_for_deletions_is_told_of_none(target: Target) -> None:
    with ExitStack() as closing:
        connector = target.connect(Context("kit", closing=closing), {"deleted": None})
        assert (connector.can.delete, connector.can.tombstones) == (False, False)
        connector.write([create("hub:1", name="Ann")])

    assert target.rows == {"hub:1": {"hub_key": "hub:1", "name": "Ann", "phone": None}}


def test_fields_without_a_column_are_refused_unless_no_mapping_is_configured(target: Target) -> None:
    assert target.run(create("hub:1", fax="1")) == [Refused("The target was told of no column fax.")]
    with ExitStack() as closing:
        [outcome] = target.connect(Context("kit", by_name=True, closing=closing)).write(
            [create("hub:1", name="A", fax="1")]
        )
    assert outcome == Done(Record("hub:1", {"name": "A"}, key="hub:1"))


# --- a target that does not confirm ---------------------------------------------------------------


def people(count: int) -> list[Write]:
    return [create(f"hub:{number:04d}", name=f"Person {number}") for number in range(count)]


def test_what_was_confirmed_before_a_target_was_killed_is_done_and_the_rest_is_in_doubt(target: Target) -> None:
    outcomes = target.run(*people(250), **{"break": "killed", "on": 151})

    assert sum(isinstance(each, Done) for each in outcomes) >= 100
    assert all(isinstance(each, Done) for each in outcomes[:100])
    assert len(target.rows) == 250 or any(isinstance(each, Unknown) for each in outcomes)
    assert target.run(*people(250)) and len(target.rows) == 250 and target.doubts() == []


def test_a_target_that_never_gets_through_leaves_all_in_doubt_after_few_starts(target: Target) -> None:
    with pytest.raises(TransientError, match="ended with 3: OperationalError") as caught:
        target.run(*people(200), **{"break": "away"})

    assert caught.value.maybe_done
    assert target.starts <= 11
    assert len(target.doubts()) == 200


def test_rows_that_were_written_and_not_confirmed_are_not_doubled(target: Target) -> None:
    with pytest.raises(TransientError):
        target.run(*people(50), **{"break": "killed", "on": 1})
    target.run(*people(50))

    assert len(target.rows) == 50


def test_a_row_in_doubt_that_nobody_writes_again_is_put_back_as_it_was_confirmed(target: Target) -> None:
    """The golden record went back to its old value: the engine sees nothing to write."""
    target.run(create("hub:1", name="Ann"))
    with pytest.raises(AccountError, match="did not hand back the state"):
        target.run(update("hub:1", name="Eva"), create("hub:2", name="Rui"), **{"break": "mum"})
    assert [target.rows[key]["name"] for key in ("hub:1", "hub:2")] == ["Eva", "Rui"]

    target.run()

    assert target.rows["hub:1"]["name"] == "Ann"
    assert target.rows["hub:2"]["name"] is None and target.rows["hub:2"]["_sdc_deleted_at"]
    assert target.doubts() == []


def test_a_target_that_is_away_at_the_end_of_a_run_is_told_the_next_time(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TransientError):
        target.run(create("hub:1", name="Ann"), **{"break": "away"})
    target.run(**{"break": "away"})

    assert "wait for the next run" in caplog.text
    assert target.doubts() == ["hub:1"]
    assert target.run(create("hub:1", name="Ann")) == [Done(Record("hub:1", {"name": "Ann"}, key="hub:1"))]
    assert target.doubts() == []


def test_a_row_on_which_the_target_breaks_off_costs_only_itself(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes = target.run(*people(120), **{"break": "poison", "on": "Person 77"})

    refused = outcomes.pop(77)
    assert isinstance(refused, Refused) and "UniqueViolation" in refused.reason
    assert all(isinstance(each, Done) for each in outcomes)
    assert len(target.rows) == 119
    assert "Person" not in refused.reason + caplog.text and "hub:0077" not in refused.reason + caplog.text
    assert target.doubts() == []


def test_a_target_that_may_not_write_pauses_the_connection(target: Target) -> None:
    with pytest.raises(AccountError, match="what its account may do"):
        target.run(create("hub:1", name="Ann"), **{"break": "denied"})
    assert target.starts == 1


def test_a_target_that_says_nothing_is_ended_and_its_rows_are_in_doubt(target: Target) -> None:
    outcomes = target.run(*people(150), settings={"quiet": 1}, **{"break": "hang", "on": 120})

    assert [type(each) for each in outcomes] == [Done] * 100 + [Unknown] * 50
    assert target.starts == 1


def test_a_wrong_secret_is_told_without_the_secret(target: Target) -> None:
    connector = target.connect(Context("kit"), secret="c4nary-that-is-wrong")

    with pytest.raises(AccountError) as caught:
        connector.check()
    assert "c4nary" not in str(caught.value)


def test_a_check_writes_nothing_and_counts_what_is_in_doubt(target: Target) -> None:
    with pytest.raises(TransientError):
        target.run(create("hub:1", name="Ann"), **{"break": "away"})

    report = target.connect(Context("kit")).check()

    assert (report.records, len(report.warnings), target.rows) == (0, 1, {})


def test_the_environment_of_the_hub_stays_with_the_hub(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_CANARY", SECRET)
    assert isinstance(target.run(create("hub:1", name="Ann"))[0], Done)


def test_a_program_that_is_not_there_is_an_error_of_the_configuration(target: Target) -> None:
    with pytest.raises(ConfigError, match="cannot be started"):
        target.run(create("hub:1", name="Ann"), settings={"command": ["/nowhere/target-acorn"]})


def test_the_cursor_of_another_state_file_is_not_known(target: Target) -> None:
    with pytest.raises(CursorExpired):
        list(target.connect(Context("kit")).pull('{"told": 7}'))


def test_a_listing_goes_on_with_changes_and_deletions(target: Target) -> None:
    target.run(create("hub:1", name="Ann"), create("hub:2", name="Eva"))
    connector = target.connect(Context("kit"))
    *_, last = connector.pull(None)
    connector.write([update("hub:1", name="Ana"), delete("hub:2")])

    pages = list(connector.pull(last.cursor))

    assert [item for page in pages for item in page.items] == [
        Record("hub:1", {"name": "Ana"}, key="hub:1"),
        Tombstone("hub:2"),
    ]


# --- the rules, without a program -----------------------------------------------------------------


@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=3), st.integers(1, 10))
def test_every_row_is_written_but_those_that_break_the_program(rows: int, bad: set[int], every: int) -> None:
    written: list[int] = []

    def tell(part: Sequence[int]) -> Heard:
        good = next((at for at, number in enumerate(part) if number in bad), len(part))
        confirmed = good if good == len(part) else good // every * every
        written.extend(part[:good])
        return Heard(confirmed, None if good == len(part) else ProgramEnded("broke off"))

    delivery = Delivery(tell)
    delivery.deliver(rows)

    there = bad & set(range(rows))
    assert delivery.written <= set(written)
    assert delivery.starts <= MOST_STARTS + len(there)
    assert not delivery.written & there
    assert delivery.refused <= there
    if delivery.written:
        assert delivery.written == set(range(rows)) - there and delivery.refused == there


@given(st.integers(1, 1000))
def test_a_program_that_takes_nothing_is_given_up_soon_and_nothing_is_refused(rows: int) -> None:
    delivery = Delivery(lambda part: Heard(0, ProgramEnded("broke off")))
    delivery.deliver(rows)

    assert delivery.starts <= 14
    assert (delivery.written, delivery.refused) == (set(), set())
    assert not delivery.is_decided(rows)


@pytest.mark.parametrize("error", [AccountError("no right"), TransientError("hangs")])
def test_rows_are_not_told_again_to_a_program_that_hangs_or_may_not(error: HubError) -> None:
    delivery = Delivery(lambda part: Heard(0, error))
    delivery.deliver(100)

    assert (delivery.starts, delivery.error) == (1, error)


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("text", ["a", 1, True], "a;1;true"),
        ("text", "", None),
        ("list", "a", ["a"]),
        ("list", [], None),
        ("integer", "-12", -12),
        ("number", "1.5", 1.5),
        ("boolean", False, False),
        ("date", "2026-02-03", "2026-02-03"),
        ("datetime", "2026-02-03T10:00:00+01:00", "2026-02-03T10:00:00+01:00"),
        ("object", {"a": [1]}, {"a": [1]}),
    ],
)
def test_values_are_told_as_their_column_has_them(kind: Any, value: Any, told: Any) -> None:
    assert fitted(kind, value) == told


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", {"a": 1}),
        ("text", "\x00"),
        ("text", "\ud800"),
        ("integer", "1.5"),
        ("integer", True),
        ("number", "nan"),
        ("number", "x"),
        ("number", [1]),
        ("boolean", "yes"),
        ("date", "3.2.2026"),
        ("date", 20260203),
        ("datetime", "yesterday"),
        ("object", "x"),
    ],
)
def test_values_that_do_not_fit_are_told_without_themselves(kind: Any, value: Any) -> None:
    shape = Shape("people", "key", {"field": kind}, None)

    problem = shape.problem({"field": value})

    assert problem is not None and problem.startswith("The value of field ") and str(value) not in problem


@pytest.mark.parametrize("line", [b"", b"INFO x", b"[]", b"{}", b'{"bookmarks": {"people": {"told": true}}}'])
def test_a_line_that_is_no_state_of_ours_confirms_nothing(line: bytes) -> None:
    assert Shape("people", "key", {"field": "text"}, None).heard(line) == 0


@pytest.mark.parametrize(
    "told",
    [
        {"columns": []},
        {"columns": {"a": "memo"}},
        {"columns": ["hub_key"]},
        {"columns": ["_sdc_deleted_at"]},
        {"columns": ["a"], "key": "x", "deleted": "x"},
        {"columns": ["a"], "stream": "my people; drop"},
    ],
)
def test_settings_that_make_no_sense_are_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TargetSettings.model_validate({"command": ["t"], **told})
