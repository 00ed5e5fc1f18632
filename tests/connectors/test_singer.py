"""Singer taps: the contract on a made-up tap, and its faults."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hub.connectors.contract import Connector, Context
from hub.connectors.singer import Place, Reader, SingerConnector, SingerSettings
from hub.errors import AccountError, ConfigError, CursorExpired, HubError, TransientError
from hub.model import Record, Tombstone, Unreadable
from hub.testing import OVER_HTTP, ConnectorContract, System
from hub.testing.words import items, listing, records

TAP = Path(__file__).with_name("singer_tap.py")
SECRET = "c4nary-of-a-tap"


class TapSystem(System):
    secrets = (SECRET, "c4nary-that-is-wrong")
    many = 1500
    plenty = 10_000

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.now = folder, {}, 1
        self.save()
        self.connector = self.connect()

    rows: dict[str, tuple[int, dict[str, Any] | None]]

    def connect(self, context: Context | None = None, settings: Mapping[str, Any] | None = None, **config: Any) -> Any:
        path = self.folder / f"config{len(list(self.folder.iterdir()))}.json"
        path.write_text(json.dumps({"people": str(self.folder / "people.json"), "secret": SECRET, **config}))
        given = {"command": (sys.executable, str(TAP)), "config": path, "stream": "people", "tombstones": True}
        context = replace(context or Context("kit"), base=self.folder)
        return SingerConnector(SingerSettings.model_validate({**given, **(settings or {})}), context)

    def save(self) -> None:
        rows = [(key, at, fields) for key, (at, fields) in self.rows.items()]
        (self.folder / "people.json").write_text(json.dumps(rows))

    def within(self, context: Context) -> Connector:
        return self.connect(context)

    def unreachable(self) -> Connector:
        return self.connect(**{"break": "away"})

    def wrong_key(self) -> Connector:
        return self.connect(secret="c4nary-that-is-wrong")

    def revocable(self) -> tuple[Connector, Callable[[], object]]:
        connector = self.connect()
        config = self.folder / connector.settings.config
        changed = config.read_text().replace(SECRET, "c4nary-that-is-wrong")
        return connector, lambda: config.write_text(changed)

    def seed(self, count: int) -> list[str]:
        self.now += 1
        made = [f"p{len(self.rows) + number}" for number in range(count)]
        self.rows |= {key: (self.now, {"given_name": "Ana", "note": key}) for key in made}
        self.save()
        return made

    def edit(self, record_id: str) -> None:
        self.now += 1
        self.rows[record_id] = (self.now, {"given_name": "Edited", "note": record_id})
        self.save()

    def remove(self, record_id: str) -> None:
        self.now += 1
        self.rows[record_id] = (self.now, None)
        self.save()

    def twin(self, record_id: str) -> str:
        at = self.rows[record_id][0]
        [made] = self.seed(1)
        self.rows[made] = (at, self.rows[made][1])
        self.save()
        return made


class TestSinger(ConnectorContract):
    cannot: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(OVER_HTTP, "the hub runs a program; what that asks is its own affair"),
        "test_a_value_never_heard_of_is_kept_and_grants_nothing": "the tap's fields are its own",
        "test_a_field_gone_from_the_answers_says_nothing": "the tap's fields are its own",
    }

    @pytest.fixture
    def system(self, tmp_path: Path) -> TapSystem:
        return TapSystem(tmp_path)


@pytest.fixture
def tap(tmp_path: Path) -> TapSystem:
    return TapSystem(tmp_path)


def test_the_state_of_the_tap_is_the_cursor_and_only_what_is_new_comes_after(tap: TapSystem) -> None:
    tap.seed(250)
    found, cursor = listing(tap.connector)
    tap.now += 1
    [new] = tap.seed(1)

    again = records(tap.connector.pull(cursor))

    assert len(found) == 250
    assert cursor is not None and json.loads(cursor) == {"state": {"updated": 2}, "version": None}
    assert new in again
    assert again.keys() <= found.keys() | {new}
    assert found["p0"] == Record("p0", {"id": "p0", "given_name": "Ana", "note": "p0"})


def test_a_deletion_is_a_tombstone(tap: TapSystem) -> None:
    [gone] = tap.seed(1)
    tap.remove(gone)

    assert items(tap.connector.pull(None)) == [Tombstone(gone)]


def test_a_tap_that_sends_everything_keeps_no_state(tap: TapSystem) -> None:
    tap.seed(3)
    whole = tap.connect(settings={"full_table": True})

    pages = list(whole.pull("whatever there was"))

    assert [page.cursor for page in pages] == [None]
    assert (whole.can.changes, whole.can.complete, len(pages[0].items)) == (False, True, 3)


def test_a_table_that_is_read_anew_is_listed_anew(tap: TapSystem) -> None:
    tap.seed(1)
    _, cursor = listing(tap.connect(version=1))

    assert records(tap.connect(version=1).pull(cursor))
    with pytest.raises(CursorExpired, match="anew"):
        list(tap.connect(version=2).pull(cursor))


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ("secret", AccountError, "ended with 1"),
        ("away", TransientError, "ended with 2: CRITICAL connection to … timed out"),
        ("garbage", TransientError, "no JSON"),
        ("list", TransientError, "no object"),
        ("endless", TransientError, "longer than"),
        ("silent", TransientError, "said nothing for 1 s"),
    ],
)
def test_a_tap_that_breaks_off_is_an_error_and_never_the_end(
    tap: TapSystem, how: str, error: type[HubError], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tap.seed(1200)
    broken = tap.connect(settings={"quiet": 1}, **{"break": how, "after": 1100})

    pages = broken.pull(None)
    assert len(next(pages).items) >= 1000
    with pytest.raises(error, match=says) as caught:
        list(pages)

    said = str(caught.value) + caplog.text
    assert SECRET not in said and "ann@example.org" not in said and "db.example.org" not in str(caught.value)


def test_the_environment_of_the_hub_stays_with_the_hub(tap: TapSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_CANARY", SECRET)
    tap.seed(1)

    assert len(listing(tap.connector)[0]) == 1


def test_check_names_the_streams_and_one_that_is_not_there(tap: TapSystem) -> None:
    assert tap.connector.check().lines == ("1 streams: people",)
    assert tap.connect(settings={"stream": "persons"}).check().warnings == ("there is no stream persons",)


def test_a_program_that_is_not_there_is_named_without_its_arguments(tap: TapSystem) -> None:
    absent = tap.connect(settings={"command": ["/nowhere/tap-acorn", "--key=of-the-owner"]})

    with pytest.raises(ConfigError, match="tap-acorn cannot be started") as caught:
        absent.check()
    assert "of-the-owner" not in str(caught.value)


def reader(**how: Any) -> Reader:
    return Reader("kit", how.pop("stream", None), how.pop("key", ()), Place(), **how)


def take(found: Reader, **message: Any) -> list[Any]:
    return list(found.take(json.dumps(message).encode()))


def test_a_key_of_several_fields_is_joined_and_a_record_without_it_is_set_aside() -> None:
    found = reader()
    take(found, type="SCHEMA", stream="s", schema={}, key_properties=["a", "b"])

    [whole] = take(found, type="RECORD", stream="s", record={"a": 1, "b": "x", "_sdc_sequence": 3})
    [half] = take(found, type="RECORD", stream="s", record={"a": 1})

    assert whole == Record("1|x", {"a": 1, "b": "x"})
    assert isinstance(half, Unreadable)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([{"type": "RECORD", "stream": "s", "record": {}}], TransientError),
        ([{"type": "RECORD", "record": {}}], TransientError),
        ([{"type": "BATCH", "stream": "s"}], ConfigError),
        ([{"type": "SCHEMA", "stream": "s"}, {"type": "RECORD", "stream": "s", "record": {"a": 1}}], ConfigError),
        (
            [
                {"type": "SCHEMA", "stream": "s", "key_properties": ["a"]},
                {"type": "RECORD", "stream": "s", "record": 1},
            ],
            TransientError,
        ),
    ],
)
def test_messages_that_make_no_sense_stop_the_reading(messages: list[Any], error: type[HubError]) -> None:
    found = reader()
    with pytest.raises(error):
        for message in messages:
            take(found, **message)
