"""Readings of personal data are counted and written down; heads of the audit are kept in a second place."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from hub.access.rights import Role
from hub.accounts.heads import keep_head, read_heads
from hub.accounts.reads import TOGETHER_SECONDS, Reads
from hub.errors import ConfigError
from hub.store import audit
from hub.store.db import Store
from tests.cli.conftest import hub  # noqa: F401  fixtures
from tests.store.conftest import connect, empty, postgres_server, store, url  # noqa: F401  fixtures
from tests.web.access.rig import made


def rows(store, action="personal data read"):  # noqa: F811
    with store.read() as tx:
        return [(row.who, dict(row.detail)) for row in audit.rows(tx, audit.Wanted(action=action), 100)]


def test_who_reads_is_in_the_audit_and_looking_changes_nothing_meanwhile(tmp_path):
    with made(tmp_path) as rig:
        later: list = []
        reads = Reads(rig.store, rig.clock, later.append)
        rig.app.state.reads = reads
        rig.person("olga", Role.AGENT)
        browser = rig.browser()
        browser.sign_in("olga")
        before = rig.content()
        for path in ("/contacts?q=ann", "/desk?phone=912000001", "/desk?mail=ann@example.org", "/", "/runs"):
            assert browser.get(path).status_code == 200
        assert rig.content() == before and later == []

        rig.wait(TOGETHER_SECONDS)
        browser.get("/contacts?q=b")
        [write_down] = later
        write_down()

        assert rows(rig.store) == [("olga", {"contacts": 2, "lookup": 2})]
        write_down()
        assert len(rows(rig.store)) == 1


def test_what_was_refused_is_no_reading(tmp_path):
    with made(tmp_path) as rig:
        reads = rig.app.state.reads = Reads(rig.store, rig.clock, lambda step: step())
        rig.person("vera", Role.VIEWER)
        browser = rig.browser()
        browser.sign_in("vera")
        assert browser.get("/contacts?q=ann").status_code == 403
        reads.write_down()

        assert rows(rig.store) == []


def grown(store, count):  # noqa: F811
    with store.write() as tx:
        for n in range(count):
            audit.note(tx, "ann", "pinned", f"contact g{n}")


def test_a_head_is_kept_once_and_sees_what_was_cut_off(store, tmp_path):  # noqa: F811
    file = tmp_path / "heads"
    assert keep_head(store, file) is None and not file.exists()
    grown(store, 3)
    keep_head(store, file)
    keep_head(store, file)
    grown(store, 2)
    keep_head(store, file)
    heads = read_heads(file)
    assert [head.number for head in heads] == [3, 5]
    assert file.stat().st_mode & 0o777 == 0o600

    with store.write() as tx:
        tx.run("DELETE FROM audit WHERE number > 4")

    with store.read() as tx:
        assert audit.verify(tx).wrong == []
        assert audit.verify(tx, heads).wrong == [(5, "rows 5 to 5 are missing at the end")]


def test_a_second_place_that_is_away_is_an_error_in_the_log_and_stops_nothing(store, tmp_path, caplog):  # noqa: F811
    grown(store, 1)
    with caplog.at_level(logging.INFO):
        head = keep_head(store, tmp_path / "not mounted" / "heads")

    assert str(head) in caplog.text and "was not kept" in caplog.text


def test_a_file_that_holds_no_heads_is_refused(tmp_path):
    (tmp_path / "heads").write_text("hello\n")
    with pytest.raises(ConfigError):
        read_heads(tmp_path / "heads")
    with pytest.raises(ConfigError):
        read_heads(tmp_path / "nothing")


def test_the_command_line_sees_a_cut_off_audit_by_the_file_of_the_configuration(hub):  # noqa: F811
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("access: {audit_heads: elsewhere}\n")
    for name in ("one", "two", "three"):
        assert hub("users", "add", name, "--role", "viewer").code == 0
    Path("elsewhere").write_text(hub("audit", "head").out)
    assert hub("audit", "verify").code == 0

    found = Store("sqlite:///data/hub.db")
    with found.write() as tx:
        tx.run("DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)")
    found.close()

    answer = hub("audit", "verify", "--json")
    assert answer.code == 2 and "missing at the end" in json.loads(answer.out)["wrong"][0]["what"]
    assert hub("audit", "verify", "--heads", "elsewhere").code == 2


@pytest.mark.parametrize("what", ["contacts", "crosswalk", "interactions"])
def test_what_is_taken_out_by_the_command_line_is_in_the_audit(hub, what):  # noqa: F811
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("default_region: PT\n")
    assert hub("export", what, "--out", "out.csv").code == 0
    assert hub("db", "backup", "copy.db").code == 0

    found = json.loads(hub("audit", "list", "--json").out)["rows"]
    assert [(row["action"], row["subject"]) for row in found] == [("backup made", "store"), ("exported", what)]
    assert Path("out.csv").stat().st_size
