"""Logs: one line an event, with run and connection, without secrets and addresses of people."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.logs import bound, clean, configure, current_connection, current_run
from hub.secrets import resolve

log = logging.getLogger("hub.tests.logs")


@pytest.fixture
def lines() -> Iterator[Callable[..., io.StringIO]]:
    """Configures the log of the process onto a text; afterwards everything is as before."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    added: list[logging.Handler] = []

    def start(**how: object) -> io.StringIO:
        stream = io.StringIO()
        added.append(configure(stream=stream, **{"as_json": True, **how}))
        return stream

    yield start
    for handler in added:
        root.removeHandler(handler)
    root.setLevel(before[0])


@pytest.fixture
def secret(tmp_path: Path) -> str:
    (tmp_path / "key").write_text('c4nary "quoted" \\ s3cret\n')
    (tmp_path / "key").chmod(0o600)
    return resolve("file:key", tmp_path)


def only(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_a_line_is_one_json_object_with_run_connection_and_values(lines):
    stream = lines()

    with bound(run="r1", connection="erp"):
        log.info("page %d saved", 3, extra={"records": 500, "path": Path("/tmp/x")})

    line = only(stream)
    assert line.pop("time")
    assert line == {
        "level": "info",
        "logger": "hub.tests.logs",
        "message": "page 3 saved",
        "run": "r1",
        "connection": "erp",
        "records": 500,
        "path": "/tmp/x",
    }


def test_values_beside_a_message_cannot_take_the_place_of_its_own(lines):
    stream = lines()

    log.info("real", extra={"level": "critical", "time": 0, "logger": "x"})

    line = only(stream)
    assert (line["level"], line["logger"], line["message"]) == ("info", "hub.tests.logs", "real")
    assert line["time"] != 0


def test_run_and_connection_end_with_their_block_and_nest():
    with bound(run="r1"):
        with bound(connection="erp"):
            assert (current_run(), current_connection()) == ("r1", "erp")
        assert (current_run(), current_connection()) == ("r1", None)
    assert (current_run(), current_connection()) == (None, None)


def test_threads_do_not_mix_their_runs():
    seen: dict[str, str | None] = {}

    def work(name: str) -> None:
        with bound(run=name):
            seen[name] = current_run()

    with bound(run="outer"):
        threads = [Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert seen == {"a": "a", "b": "b"}


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_that_was_looked_up_is_in_no_line(lines, secret, as_json):
    stream = lines(as_json=as_json)

    log.warning("key %s refused", secret, extra={"sent": {"key": [secret]}})
    try:
        raise KeyError(f"bad key {secret}")
    except KeyError:
        log.exception("failed")

    text = stream.getvalue()
    assert "c4nary" not in text and "s3cret" not in text
    assert "***" in text and "KeyError" in text


@pytest.mark.parametrize("as_json", [True, False])
def test_what_looks_like_an_email_address_is_masked(lines, as_json):
    stream = lines(as_json=as_json)

    log.warning("row of %s: %s", "Ann.O'Neil+x@sub.example.org", "zoë@exämple.org", extra={"to": "<bo@example.org>"})

    text = stream.getvalue()
    assert "@" not in text
    assert text.count("[address]") == 3


def test_an_address_of_a_database_is_left_readable():
    assert clean("postgresql://hub@db/hub is away") == "postgresql://hub@db/hub is away"


def test_an_error_is_logged_with_where_it_came_from(lines):
    stream = lines()

    try:
        raise KeyError("missing")
    except KeyError:
        log.exception("a bug")

    line = only(stream)
    assert "test_logs.py" in str(line["error"])
    assert line["level"] == "error"


def test_a_line_for_people_is_short_and_names_the_connection(lines):
    stream = lines(as_json=False)

    with bound(run="r1", connection="erp"):
        log.warning("held", extra={"deletes": 120})

    assert stream.getvalue()[9:] == "warning erp: held deletes=120\n"


def test_control_characters_cannot_move_the_cursor_of_a_terminal(lines):
    stream = lines(as_json=False)

    log.info("name \x1b[2J\x1b]0;owned\x07 \r ok")

    assert stream.getvalue().rstrip("\n").isprintable()


def test_a_text_with_line_ends_is_one_line_of_json(lines):
    stream = lines()

    log.info('first\n{"level":"critical"}')

    assert only(stream)["level"] == "info"


def test_configuring_again_does_not_double_the_lines(lines):
    first, second = lines(), lines()

    log.info("once")

    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_the_level_holds_and_libraries_stay_quiet(lines):
    stream = lines(level="WARNING")

    log.info("hidden")
    logging.getLogger("httpx").info("GET http://x/?email=ann@example.org")

    assert stream.getvalue() == ""


@given(st.text(max_size=200))
def test_cleaning_never_fails_and_is_done_once(text):
    assert clean(clean(text)) == clean(text)
