"""The audit: written with the change or not at all, and nothing of it altered unseen. On both databases."""

from __future__ import annotations

import pytest

from hub.errors import ConfigError, LeaseLost
from hub.store import audit
from hub.store.audit import Head, Wanted, mark, note, read_head, verify
from hub.store.db import Store


def filled(store: Store, rows: int = 6) -> Store:
    for n in range(1, rows + 1):
        with store.write() as tx:
            note(tx, "eve", "hold approved", f"hold {n}", {"counts": {"creates": n}}, at=1000.5 + n)
    return store


def wrong(store: Store, *heads: Head) -> list[tuple[int, str]]:
    with store.read() as tx:
        return verify(tx, heads).wrong


def change(store: Store, *texts: str) -> None:
    with store.write() as tx:
        for text in texts:
            tx.run(text)


def test_rows_are_numbered_without_gaps(store):
    filled(store)

    with store.read() as tx:
        assert [row.number for row in audit.rows(tx, Wanted(), 10)] == [6, 5, 4, 3, 2, 1]
        assert audit.head(tx).number == 6


def test_a_row_says_who_did_what_and_when(store):
    filled(store, 1)

    with store.read() as tx:
        (row,) = audit.rows(tx, Wanted(), 10)
    assert (row.who, row.action, row.subject) == ("eve", "hold approved", "hold 1")
    assert (row.at, row.detail) == (1001.5, {"counts": {"creates": 1}})


def test_rows_of_one_transaction_follow_one_another(store):
    with store.write() as tx:
        for n in range(3):
            note(tx, "eve", "merged", f"contact g{n}")

    assert wrong(store) == []
    with store.read() as tx:
        assert verify(tx).rows == 3


def test_what_is_undone_is_not_in_the_audit_either(store):
    filled(store, 2)
    with pytest.raises(LeaseLost), store.write() as tx:
        note(tx, "eve", "merged", "contact g1")
        raise LeaseLost("gone")
    filled(store, 1)

    with store.read() as tx:
        assert [row.number for row in audit.rows(tx, Wanted(), 10)] == [3, 2, 1]
    assert wrong(store) == []


def test_rows_are_found_by_who_what_and_whom(store):
    filled(store)
    with store.write() as tx:
        note(tx, "ann", "pinned", "contact g1")

    with store.read() as tx:
        assert [r.number for r in audit.rows(tx, Wanted(who="ann"), 10)] == [7]
        assert [r.number for r in audit.rows(tx, Wanted(action="hold approved"), 2)] == [6, 5]
        assert [r.number for r in audit.rows(tx, Wanted(action="hold approved"), 2, before=5)] == [4, 3]
        assert [r.number for r in audit.rows(tx, Wanted(subject="hold 3"), 10)] == [3]
        assert audit.rows(tx, Wanted(who="ann", subject="hold 3"), 10) == []


def test_an_untouched_audit_is_found_sound(store):
    filled(store)

    with store.read() as tx:
        verdict = verify(tx)
    assert (verdict.wrong, verdict.rows, verdict.head.number) == ([], 6, 6)


def test_an_empty_audit_is_sound(store):
    assert wrong(store) == []


def test_a_deleted_row_is_named(store):
    filled(store)
    change(store, "DELETE FROM audit WHERE number = 3")

    assert wrong(store) == [(3, "row 3 is missing")]


def test_deleted_rows_are_named_and_so_are_those_at_the_beginning(store):
    filled(store)
    change(store, "DELETE FROM audit WHERE number IN (1, 2, 4, 5)")

    assert wrong(store) == [(1, "rows 1 to 2 are missing"), (4, "rows 4 to 5 are missing")]


@pytest.mark.parametrize(
    "edit",
    [
        "who = 'somebody'",
        "action = 'hold refused'",
        "subject = 'hold 9'",
        "detail = '{}'",
        "at = at + 1",
        "code = 'ffff'",
    ],
)
def test_an_edited_row_is_named(store, edit):
    filled(store)
    change(store, f"UPDATE audit SET {edit} WHERE number = 4")

    assert wrong(store)[0] == (4, "was changed, or put in another's place")


def test_rows_put_in_each_others_place_are_named(store):
    filled(store)
    change(
        store,
        "UPDATE audit SET number = 99 WHERE number = 2",
        "UPDATE audit SET number = 2 WHERE number = 5",
        "UPDATE audit SET number = 5 WHERE number = 99",
    )

    assert {number for number, _ in wrong(store)} >= {2, 5}


def test_a_row_that_was_made_up_is_named(store):
    filled(store)
    change(
        store,
        "INSERT INTO audit (number, at, who, action, subject, detail, code)"
        " SELECT 7, at, who, action, subject, detail, code FROM audit WHERE number = 6",
    )

    assert wrong(store) == [(7, "was changed, or put in another's place")]


def test_rows_cut_off_at_the_end_are_seen_against_a_head_that_was_kept(store):
    filled(store)
    with store.read() as tx:
        kept = audit.head(tx)
    change(store, "DELETE FROM audit WHERE number > 4")

    assert wrong(store) == []
    assert wrong(store, kept) == [(5, "rows 5 to 6 are missing at the end")]


def test_an_end_that_was_written_anew_is_seen_against_a_head_that_was_kept(store):
    filled(store)
    with store.read() as tx:
        kept = audit.head(tx)
    change(store, "DELETE FROM audit WHERE number > 5")
    with store.write() as tx:
        note(tx, "eve", "hold refused", "hold 6")

    assert wrong(store) == []
    assert wrong(store, kept) == [(6, "is not the row whose head was kept")]


def test_heads_of_earlier_days_stay_true(store):
    filled(store, 3)
    with store.read() as tx:
        early = audit.head(tx)
    filled(store, 3)

    assert wrong(store, early) == []


def test_a_head_is_written_and_read(store):
    filled(store)
    with store.read() as tx:
        head = audit.head(tx)

    assert read_head(f" {head}\n") == head
    for text in ("", "6", "6:", "x:" + "a" * 64, "6:short"):
        with pytest.raises(ConfigError):
            read_head(text)


def test_an_audit_without_its_key_is_not_taken_for_sound(store):
    filled(store)
    change(store, "DELETE FROM data_key")

    assert wrong(store) == [(1, "the key of the audit is gone from the store")]


def test_a_key_that_somebody_else_put_there_is_refused(store):
    filled(store)
    change(store, "UPDATE data_key SET sealed = substr(sealed, 1, 20)")

    with pytest.raises(ConfigError, match="changed or exchanged"):
        wrong(store)
    with pytest.raises(ConfigError, match="changed or exchanged"):
        filled(store, 1)


def test_values_are_told_apart_without_being_told(store):
    with store.write() as tx:
        ann = mark(tx, "ann@example.org")

        assert mark(tx, "ann@example.org") == ann
        assert mark(tx, "bob@example.org") != ann
    assert len(ann) == 16
    assert "ann" not in ann


def test_a_change_that_cannot_be_written_down_is_not_made(tmp_path):
    path = tmp_path / "hub.db"
    first = Store(f"sqlite:///{path}")
    first.create()
    filled(first, 1)
    first.close()
    (tmp_path / "hub.db.key").unlink()
    again = Store(f"sqlite:///{path}")
    try:
        with pytest.raises(ConfigError, match="key file"), again.write() as tx:
            tx.run("INSERT INTO hot_key (key) VALUES (7)")
            note(tx, "eve", "merged", "contact g1")
        with again.read() as tx:
            assert tx.all("SELECT key FROM hot_key") == []
    finally:
        again.close()
