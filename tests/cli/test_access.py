"""`hub users`, `hub token`, `hub audit` and `hub secrets`: made, listed, withdrawn, and written down."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from hub.accounts.people import Accounts
from hub.config import load_config
from hub.config.keys import open_configured
from hub.secrets import resolve
from tests.canaries import canary
from tests.cli.desk import Desk

CANARY = "canary-secret-of-the-test"
CODE = re.compile(r"Code: ([0-9a-z-]{35})")
PASSWORD = canary("typed-password")


@pytest.fixture
def desk(hub) -> Desk:
    return Desk(hub)


def rows(desk: Desk, *words: str) -> list[dict[str, object]]:
    answer = desk(*words, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)["rows"]


def accept(code: str, name: str = "") -> object:
    config = load_config(Path("config"))
    store = open_configured(config)
    try:
        return Accounts(store, time.time, lambda prefix: f"{prefix}1").accept(code, name, PASSWORD)
    finally:
        store.close()


def store_text() -> str:
    with closing(sqlite3.connect("data/hub.db")) as db:
        return "\n".join(db.iterdump())


# --- users ------------------------------------------------------------------------------------------


def test_the_first_administrator_gets_a_code(desk):
    answer = desk("users", "first")

    code = CODE.search(answer.out)[1]
    assert accept(code, "ann") is not None
    assert rows(desk, "users", "list")[0]["role"] == "administrator"
    assert desk("users", "first").code == 2


def test_the_code_is_not_in_the_store(desk):
    code = CODE.search(desk("users", "first").out)[1]

    assert code not in store_text()


def test_accounts_are_made_changed_and_disabled(desk):
    accept(CODE.search(desk("users", "first").out)[1], "ann")

    added = desk("users", "add", "bob", "--role", "agent", "--by", "ann")
    assert CODE.search(added.out)
    assert desk("users", "role", "bob", "operator", "--by", "ann").out == "bob was agent and is operator now.\n"
    assert desk("users", "disable", "bob", "--by", "ann").code == 0
    bob = next(row for row in rows(desk, "users", "list") if row["name"] == "bob")
    assert (bob["role"], bob["state"]) == ("operator", "disabled")
    assert desk("users", "enable", "bob").code == 0
    assert CODE.search(desk("users", "reset", "bob").out)


def test_a_reset_names_the_tokens_that_work_on(desk):
    accept(CODE.search(desk("users", "first").out)[1], "ann")
    for token in ("phones", "old", "of-nobody"):
        desk("token", "new", token, "--right", "lookup")
    with closing(sqlite3.connect("data/hub.db")) as db:
        db.execute("UPDATE token SET account_id = (SELECT id FROM account) WHERE name <> 'of-nobody'")
        db.commit()
    desk("token", "revoke", "old")

    assert desk("users", "reset", "ann").out.splitlines()[-2:] == [
        "Tokens of this account work on: phones.",
        "If somebody else may have them: hub token revoke NAME",
    ]


def test_the_last_administrator_stays(desk):
    accept(CODE.search(desk("users", "first").out)[1], "ann")

    for words in (("disable", "ann"), ("role", "ann", "viewer")):
        answer = desk("users", *words)
        assert (answer.code, "last administrator" in answer.err) == (2, True)
    assert rows(desk, "users", "list")[0]["state"] == "active"


@pytest.mark.parametrize("name", ["", "a", "Ann Baker", "a" * 101, "-ann", "ann<script>", "an\nn"])
def test_what_is_no_name_is_not_taken(desk, name):
    assert desk("users", "add", "--", name).code == 2


def test_a_name_is_taken_once(desk):
    desk("users", "add", "ann")

    assert "already" in desk("users", "add", "ANN").err


def test_roles_say_what_they_may(desk):
    assert "access, approve, audit" in desk("users", "roles").out


# --- tokens -----------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_a_hash(desk):
    answer = desk("token", "new", "phone-system", "--right", "lookup", "--right", "log", "--days", "30")

    token = answer.out.strip()
    assert re.fullmatch(r"hub_[A-Za-z0-9_-]{43}", token)
    assert token not in store_text()
    (row,) = rows(desk, "token", "list")
    assert (row["name"], row["rights"], row["state"]) == ("phone-system", ["log", "lookup"], "works")
    assert token not in desk("token", "list").out


def test_a_revoked_token_is_listed_as_such(desk):
    desk("token", "new", "phone", "--right", "lookup")

    assert desk("token", "revoke", "phone").out == "The token phone works no more.\n"
    assert rows(desk, "token", "list")[0]["state"] == "revoked"
    assert "no token" in desk("token", "revoke", "nothing").err


@pytest.mark.parametrize(
    "words",
    [
        ("phone",),
        ("phone", "--right", "access"),
        ("phone", "--right", "nonsense"),
        ("Phone System", "--right", "lookup"),
        ("phone", "--right", "lookup", "--days", "0"),
        ("phone", "--right", "lookup", "--days", "400"),
    ],
)
def test_what_is_no_token_is_not_made(desk, words):
    assert desk("token", "new", *words).code == 2
    assert rows(desk, "token", "list") == []


# --- audit ------------------------------------------------------------------------------------------


def test_the_audit_tells_who_did_what(desk):
    desk("users", "add", "bob", "--by", "ann")
    desk("token", "new", "phone", "--right", "lookup", "--by", "eve")

    assert [(r["who"], r["action"]) for r in rows(desk, "audit", "list")] == [
        ("eve", "token made"),
        ("ann", "account made"),
    ]
    assert [r["who"] for r in rows(desk, "audit", "list", "--who", "ann")] == ["ann"]
    assert "account made" in desk("audit", "list").out


def test_an_untouched_audit_is_sound(desk):
    desk("users", "add", "bob")
    answer = desk("audit", "verify", "--head", desk("audit", "head").out.strip())

    assert (answer.code, answer.out) == (0, "✓ 1 row, none of them tampered with\n")


def test_what_was_tampered_with_is_named_and_a_tail_that_was_cut_off_too(desk):
    for n in range(4):
        desk("users", "add", f"user{n}")
    Path("heads.txt").write_text(desk("audit", "head").out)
    with closing(sqlite3.connect("data/hub.db")) as db, db:
        db.execute("UPDATE audit SET who = 'somebody' WHERE number = 2")
        db.execute("DELETE FROM audit WHERE number = 4")

    assert "row 2: was changed" in desk("audit", "verify").out
    answer = desk("audit", "verify", "--heads", "heads.txt", "--json")
    assert answer.code == 2
    assert [wrong["row"] for wrong in json.loads(answer.out)["wrong"]] == [2, 4]


def test_decisions_at_the_work_lists_are_in_the_audit(desk):
    ann = desk.type_in("crm", "Ann", "Baker", "ann@example.org")
    desk("sync", "crm")
    number = json.loads(desk("held", "list", "--json").out)["rows"][0]["number"]
    desk("held", "approve", str(number), "--by", "ann")
    desk("sync", "crm")
    golden = json.loads(desk("contacts", "find", "ann@example.org", "--json").out)["rows"][0]["id"]
    desk("contacts", "pin", golden, "job_title", "Buyer", "--by", "eve")
    assert ann

    found = [(r["who"], r["action"]) for r in reversed(rows(desk, "audit", "list"))]
    assert [row for row in found if row[1] != "run started"] == [("ann", "hold approved"), ("eve", "pinned")]
    assert sum(action == "run started" for _, action in found) == 2
    said = desk("audit", "list").out
    assert "Buyer" not in said
    assert "ann@example.org" not in said


# --- secrets ----------------------------------------------------------------------------------------


def sealed(name: str) -> str:
    config = load_config(Path("config"))
    store = open_configured(config)
    try:
        return resolve(f"sealed:{name}", config.folder)
    finally:
        store.close()


def test_a_secret_is_typed_in_and_never_shown(desk, hub):
    answer = hub("secrets", "set", "ERP_KEY", "--by", "ann", typed=f"{CANARY}\n")

    assert answer.code == 0, answer.err
    assert CANARY not in answer.out + answer.err + desk("secrets", "list").out + store_text()
    assert sealed("ERP_KEY") == CANARY
    assert [(r["name"], r["person"]) for r in rows(desk, "secrets", "list")] == [("ERP_KEY", "ann")]


def test_a_connection_may_name_a_sealed_secret(desk, hub):
    hub("secrets", "set", "CRM_PATH", typed="crm\n")
    text = Path("config/hub.yaml").read_text().replace("sqlite:///crm.db", "sqlite:///${sealed:CRM_PATH}.db")
    Path("config/hub.yaml").write_text(text)
    desk.type_in("crm", "Ann", "Baker", "ann@example.org")

    answer = desk("sync", "crm", "--yes")

    assert answer.code == 0, answer.err
    assert len(json.loads(desk("contacts", "find", "ann@example.org", "--json").out)["rows"]) == 1


def test_a_secret_that_is_not_there_is_named(desk):
    text = Path("config/hub.yaml").read_text().replace("sqlite:///crm.db", "sqlite:///${sealed:NOT_THERE}.db")
    Path("config/hub.yaml").write_text(text)

    answer = desk("check", "crm")

    assert "sealed:NOT_THERE" in answer.out + answer.err


def test_a_secret_moved_to_another_name_is_refused(desk, hub):
    hub("secrets", "set", "ONE", typed=CANARY)
    hub("secrets", "set", "OTHER", typed="another")
    with closing(sqlite3.connect("data/hub.db")) as db, db:
        db.execute("UPDATE sealed SET value = (SELECT value FROM sealed WHERE name = 'ONE') WHERE name = 'OTHER'")

    with pytest.raises(Exception, match="was changed in the store"):
        sealed("OTHER")


def test_a_forgotten_secret_is_gone(desk, hub):
    hub("secrets", "set", "ONE", typed=CANARY)

    assert desk("secrets", "remove", "ONE").code == 0
    assert rows(desk, "secrets", "list") == []
    assert desk("secrets", "remove", "ONE").code == 2


@pytest.mark.parametrize("value", ["", "\n", "a\x00b", "x" * 70_000])
def test_what_is_no_secret_is_not_kept(desk, hub, value):
    assert hub("secrets", "set", "ONE", typed=value).code == 2
    assert rows(desk, "secrets", "list") == []


def test_the_master_key_is_changed_while_everything_stays_readable(desk, hub):
    hub("secrets", "set", "ONE", typed=CANARY)
    desk("users", "add", "bob")
    old = Path("data/hub.db.key").read_text()
    before = store_text()
    Path("config/old.key").write_text(old)
    Path("config/new.key").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    for name in ("old", "new"):
        Path(f"config/{name}.key").chmod(0o600)
    text = Path("config/hub.yaml").read_text()
    Path("config/hub.yaml").write_text(
        f"access: {{master_key: 'file:new.key', former_master_key: 'file:old.key'}}\n{text}"
    )
    assert sealed("ONE") == CANARY

    assert desk("secrets", "rotate").code == 0

    Path("config/hub.yaml").write_text(f"access: {{master_key: 'file:new.key'}}\n{text}")
    assert sealed("ONE") == CANARY
    assert desk("audit", "verify").code == 0
    old_value = re.search(r"INSERT INTO \"?sealed\"? VALUES\('ONE','([^']+)'", before)[1]
    assert old_value not in store_text()
    Path("config/hub.yaml").write_text(f"access: {{master_key: 'file:old.key'}}\n{text}")
    assert "another master key" in desk("users", "add", "eve").err


def test_after_a_lost_master_key_everything_but_what_was_sealed_goes_on(desk, hub):
    hub("secrets", "set", "ONE", typed=CANARY)
    desk("users", "add", "bob")
    people = rows(desk, "users", "list")
    Path("data/hub.db.key").unlink()
    assert desk("users", "add", "eve").code == 2

    shown = desk("secrets", "begin-anew")
    assert (shown.code, rows(desk, "secrets", "list")[0]["name"]) == (0, "ONE")
    assert "1 secret to be typed in again: ONE" in shown.out and "Nothing was changed" in shown.out

    assert desk("secrets", "begin-anew", "--yes", "--by", "eve").code == 0

    assert rows(desk, "secrets", "list") == [] and rows(desk, "users", "list") == people
    assert desk("users", "add", "eve").code == 0
    verdict = desk("audit", "verify")
    assert verdict.code == 0 and "cannot be told" in verdict.out
    assert "nothing is lost" in desk("secrets", "begin-anew").out


def test_nothing_starts_with_a_key_that_others_can_read(desk, hub):
    hub("secrets", "set", "ONE", typed=CANARY)
    key = Path("data/hub.db.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)

    answer = desk("run")

    assert answer.code == 2
    assert "chmod 600" in answer.err


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ("{master_key: canary}", "access.master_key: allowed: env:NAME or file:PATH"),
        ("{master_key: 'sealed:KEY'}", "access.master_key: allowed: env:NAME or file:PATH"),
        ("{idle: soon}", "access.idle"),
        ("{oidc: {issuer: 'http://login.example.org', client_id: hub}}", "an https address, as the party names itself"),
        ("{oidc: {issuer: 'https://login.example.org', client_id: hub}}", "access.oidc needs web.url"),
        (
            "{oidc: {issuer: 'https://login.example.org', client_id: hub, client_secret: canary}}",
            "access.oidc.client_secret: allowed",
        ),
    ],
)
def test_mistakes_of_the_configuration_are_named(desk, access, said):
    text = Path("config/hub.yaml").read_text()
    Path("config/hub.yaml").write_text(f"access: {access}\n{text}")

    answer = desk("users", "list")

    assert answer.code == 2
    assert said in answer.err
    assert "canary" not in answer.err


# --- backups ----------------------------------------------------------------------------------------


def test_what_was_withdrawn_since_a_backup_stays_so_after_a_restore(desk):
    accept(CODE.search(desk("users", "first").out)[1], "ann")
    desk("users", "add", "bob", "--role", "administrator")
    for name in ("kept", "leaked"):
        desk("token", "new", name, "--right", "contacts")
    assert desk("db", "backup", "hub.backup").code == 0
    desk("token", "revoke", "leaked")
    desk("users", "disable", "bob")

    answer = desk("db", "restore", "hub.backup")

    assert answer.code == 0, answer.err
    assert {row["name"]: row["state"] for row in rows(desk, "token", "list")} == {"kept": "works", "leaked": "revoked"}
    assert {row["name"]: row["state"] for row in rows(desk, "users", "list")} == {"ann": "active", "bob": "disabled"}
    assert desk("audit", "verify").code == 0
    assert rows(desk, "audit", "list")[0]["action"] == "store restored"


def test_a_check_counts_accounts_and_sees_gaps_in_the_audit(desk):
    for n in range(3):
        desk("users", "add", f"user{n}")
    found = json.loads(desk("db", "check", "--json").out)
    assert (found["rows"]["account"], found["rows"]["audit"], found["wrong"]) == (3, 3, [])
    with closing(sqlite3.connect("data/hub.db")) as db, db:
        db.execute("DELETE FROM audit WHERE number = 2")
        db.execute("DELETE FROM account WHERE name = 'user1'")

    wrong = {each["what"]: each["examples"] for each in json.loads(desk("db", "check", "--json").out)["wrong"]}

    assert wrong["rows of the audit are missing: `hub audit verify`"] == ["3"]
    assert "sessions, tokens or invitations belong to no account" in wrong
