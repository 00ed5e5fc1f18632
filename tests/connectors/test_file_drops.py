"""Drop folders: files are moved when what they held is surely kept, and not before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.connectors.contract import Context
from hub.connectors.files import FileConnector
from hub.connectors.filing.pieces import pieces_of
from hub.connectors.filing.places import LocalPlace
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Page, Record, Tombstone
from tests.connectors.filing import names, problems

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def drop(folder: Path, name: str, *people: str, at: datetime = NOW - timedelta(hours=1)) -> Path:
    path = folder / name
    path.write_text("id,name\n" + "".join(f"{person.lower()},{person}\n" for person in people))
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def connector(inbox: Path, **settings: Any) -> FileConnector:
    told = {"path": "inbox/*.csv", "mode": "drop", **settings}
    context = Context("drop", base=inbox.parent, clock=lambda: NOW)
    return FileConnector(FileConnector.Settings.model_validate(told), context)


def pull(inbox: Path, since: str | None, **settings: Any) -> tuple[list[Any], str | None]:
    """Everything that a run takes in, and the cursor it saves at the end."""
    pages = list(connector(inbox, **settings).pull(since))
    return [item for page in pages for item in page.items], pages[-1].cursor


def there(inbox: Path) -> list[str]:
    return sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file())


def test_a_file_is_moved_when_its_cursor_comes_back_and_not_before(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")

    taken, cursor = pull(inbox, None)
    before = there(inbox)
    again, last = pull(inbox, cursor)

    assert names(taken) == ["Ann"]
    assert before == ["a.csv"]
    assert again == []
    assert there(inbox) == ["done/a.csv"]
    assert last == cursor


def test_a_run_whose_cursor_was_never_saved_takes_the_file_in_again(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")

    pull(inbox, None)
    taken, _ = pull(inbox, None)

    assert names(taken) == ["Ann"]
    assert there(inbox) == ["a.csv"]


def test_a_long_file_that_was_cut_off_goes_on_where_it_was_and_stays_until_its_end(inbox: Path) -> None:
    drop(inbox, "a.csv", *(f"P{n}" for n in range(2500)))
    pages: Iterator[Page] = connector(inbox).pull(None)
    first = next(pages)

    rest, cursor = pull(inbox, first.cursor)

    assert names(rest) == [f"P{n}" for n in range(1000, 2500)]
    assert there(inbox) == ["a.csv"]
    pull(inbox, cursor)
    assert there(inbox) == ["done/a.csv"]


def test_a_file_that_was_replaced_in_mid_reading_is_read_from_its_beginning(inbox: Path) -> None:
    drop(inbox, "a.csv", *(f"P{n}" for n in range(2500)))
    first = next(connector(inbox).pull(None))
    drop(inbox, "a.csv", "Ann", at=NOW - timedelta(minutes=30))

    assert names(pull(inbox, first.cursor)[0]) == ["Ann"]


def test_files_come_by_name_or_by_time(inbox: Path) -> None:
    drop(inbox, "b.csv", "First", at=NOW - timedelta(hours=3))
    drop(inbox, "a.csv", "Second", at=NOW - timedelta(hours=2))

    assert names(pull(inbox, None)[0]) == ["Second", "First"]
    assert names(pull(inbox, None, order="time")[0]) == ["First", "Second"]


def test_a_file_that_cannot_be_read_goes_to_failed_with_its_reason_and_the_others_go_on(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    (inbox / "b.csv").write_bytes(b"")
    (inbox / "c.csv").write_text("nif,name\n1,Eva\n")
    drop(inbox, "d.csv", "Ida")

    taken, cursor = pull(inbox, None)
    pull(inbox, cursor)

    assert names(taken) == ["Ann", "Ida"]
    assert [where for where, _ in problems(taken)] == ["file b.csv", "file c.csv"]
    assert there(inbox) == [
        "done/a.csv",
        "done/d.csv",
        *sorted(f"failed/{n}.csv{s}" for n in "bc" for s in ("", ".reason")),
    ]
    assert "no column source_id or id" in (inbox / "failed/c.csv.reason").read_text()


def test_the_same_content_dropped_again_is_noticed(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    _, cursor = pull(inbox, None)
    drop(inbox, "b.csv", "Ann", at=NOW - timedelta(minutes=9))

    taken, cursor = pull(inbox, cursor)
    pull(inbox, cursor)

    [(where, reason)] = problems(taken)
    assert where == "file b.csv"
    assert "same content" in reason
    assert there(inbox) == ["done/a.csv", "failed/b.csv", "failed/b.csv.reason"]


def test_the_same_content_may_be_read_again(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    _, cursor = pull(inbox, None, again="read")
    drop(inbox, "b.csv", "Ann", at=NOW - timedelta(minutes=9))

    assert names(pull(inbox, cursor, again="read")[0]) == ["Ann"]


def test_the_same_name_dropped_again_is_another_file(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    _, cursor = pull(inbox, None)
    _, cursor = pull(inbox, cursor)
    drop(inbox, "a.csv", "Eva", at=NOW - timedelta(minutes=9))

    taken, cursor = pull(inbox, cursor)
    pull(inbox, cursor)

    assert names(taken) == ["Eva"]
    assert there(inbox) == ["done/a-2.csv", "done/a.csv"]


def test_a_file_that_has_just_changed_is_left_for_the_next_run(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann", at=NOW - timedelta(seconds=59))
    drop(inbox, "b.csv", "Eva", at=NOW - timedelta(seconds=61))

    assert names(pull(inbox, None, settle="1 minute")[0]) == ["Eva"]


def test_a_file_that_grows_while_it_is_read_comes_again_whole(inbox: Path) -> None:
    path = drop(inbox, "a.csv", *(f"P{n}" for n in range(1500)))
    pages = connector(inbox).pull(None)
    next(pages)
    with path.open("a") as file:
        file.write("eva,Eva\n")
    *_, last = pages

    assert len(names(pull(inbox, last.cursor)[0])) == 1501
    assert there(inbox) == ["a.csv"]


def test_a_file_is_read_only_beside_its_marker_and_takes_it_along(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    drop(inbox, "b.csv", "Eva")
    (inbox / "a.csv.done.csv").touch()

    taken, cursor = pull(inbox, None, marker="{name}.done.csv")
    pull(inbox, cursor, marker="{name}.done.csv")

    assert names(taken) == ["Ann"]
    assert there(inbox) == ["b.csv", "done/a.csv"]


def test_files_on_their_way_are_left_alone(inbox: Path) -> None:
    for name in (".a.csv", "b.csv.part", "c.csv.filepart", "d.tmp"):
        drop(inbox, name, "Ann")

    assert pull(inbox, None, path="inbox/*", format="csv")[0] == []


def test_a_column_may_say_that_somebody_is_deleted(inbox: Path) -> None:
    (inbox / "a.csv").write_text("id,name,op\n1,Ann,U\n2,Eva,D\n")

    taken, _ = pull(inbox, None, deleted={"op": ["D", "X"]})

    assert [(type(item), item.id) for item in taken] == [(Record, "1"), (Tombstone, "2")]


def test_a_file_that_vanishes_before_it_is_opened_is_no_broken_file(inbox: Path) -> None:
    settings = FileConnector.Settings.model_validate({"path": "inbox/*.csv", "mode": "drop"})
    place = LocalPlace("inbox/*.csv", Context("drop", base=inbox.parent))
    path = drop(inbox, "a.csv", "Ann")
    [found] = place.find()
    path.unlink()

    with pytest.raises(TransientError, match="left for the next run"):
        pieces_of(found, place, settings, inbox)


def test_an_empty_folder_is_no_error_and_a_quiet_pull_ends_where_it_began(inbox: Path) -> None:
    taken, cursor = pull(inbox, None)

    assert taken == []
    assert pull(inbox, cursor) == ([], cursor)
    assert connector(inbox).check().lines == ("0 files",)


def test_a_check_moves_nothing_and_warns_of_a_file_that_will_fail(inbox: Path) -> None:
    (inbox / "a.csv").write_text("nif\n1\n")

    report = connector(inbox).check()

    assert "no column source_id or id" in report.warnings[0]
    assert there(inbox) == ["a.csv"]


def test_other_settings_read_the_folder_anew_but_another_password_does_not(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    _, cursor = pull(inbox, None)

    assert pull(inbox, cursor, user="other")[0] == []
    with pytest.raises(CursorExpired):
        pull(inbox, cursor, key="id")


def test_a_done_folder_that_cannot_be_made_pauses_the_connection(inbox: Path) -> None:
    drop(inbox, "a.csv", "Ann")
    _, cursor = pull(inbox, None)
    (inbox / "done").write_text("a file where the folder should be")

    with pytest.raises((TransientError, AccountError), match="could not be moved"):
        pull(inbox, cursor)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"path": "https://example.org/a.csv", "mode": "drop"}, "http cannot"),
        ({"path": "a.csv", "marker": "done"}, r"holds \{name\}"),
        ({"path": "a.csv", "settle": "soon"}, "span of time"),
        ({"path": "a.xlsx", "mode": "append"}, "mode: append"),
        ({"path": "a.csv.gz", "mode": "append"}, "mode: append"),
        ({"path": "a.csv", "deleted": {"a": [1], "b": [2]}}, "one column"),
        ({"path": "sftp://ann@example.org/a.csv"}, "no user and no password"),
        ({"path": "sftp://ann:pw@example.org/a.csv"}, "no user and no password"),
        ({"path": "https://example.org/a.csv?token=x"}, "no query"),
        ({"path": "ftp://example.org/a.csv"}, "allowed: a path, http"),
        ({"path": "sftp://example.org"}, "HOST/PATH"),
        ({"path": "sftp://example.org/a.csv", "fingerprint": "abc"}, "SHA256"),
        ({"path": "https://example.org/*.csv"}, "one file"),
        ({"path": "a.dat", "format": "cobol"}, "layout"),
        ({"path": "a.dat", "format": "cobol", "layout": "x", "encoding": "cp037", "records": "lines"}, "no lines"),
        ({"path": "a.csv", "encoding": "cp037"}, "format: cobol"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        FileConnector.Settings.model_validate(settings)
