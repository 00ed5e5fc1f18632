"""Erasures on both databases: everything of somebody goes, and the file of erasures makes it so again."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.model import Interaction, Statement
from hub.store import anew, erasures, holds, inbox, mail_out, opt_in, parked
from hub.store.db import Store, dumps
from hub.store.holdings import PLACES, counts
from hub.store.ledger import Ledger, is_behind, missing, write_down
from hub.store.opt_in import Asking
from hub.store.schema import metadata
from hub.sync import erase, people
from hub.sync.notes import Note, log, log_point
from hub.sync.reerase import catch_up
from tests.fakes.rig import RUI, Rig
from tests.fakes.systems import refused

ZYX = {
    "first": "Zyxwvica",
    "last": "Quuxfjord",
    "mail": "zyxwvica@example.org",
    "tel": "912345678",
    "job": "astrolaber",
}
WORDS = ("zyxwvica", "quuxfjord", "912345678", "astrolaber", "sextant")


@pytest.fixture
def rig(store: Store) -> Rig:
    made = Rig(store=store)
    made.add("crm"), made.add("shop")
    made.systems["crm"].put("1", **ZYX)
    made.systems["crm"].put("2", **RUI)
    made.settle()
    return made


def planted(rig: Rig) -> str:
    """Somebody in every list there is; their golden id."""
    golden_id, at = rig.home("crm", "1"), datetime.fromtimestamp(rig.now, UTC)
    people.pin(rig.hub, golden_id, "note", "has a sextant", "eve")
    rig.systems["crm"].put("1", stage="sextant", job="keeper")
    rig.systems["shop"].put(next(i for i, r in rig.systems["shop"].rows.items() if "Zyx" in r.fields["first"]), job="x")
    rig.systems["shop"].answers.append(refused("no sextant"))
    rig.settle()
    says = (Statement("email", "newsletter", "denied"),)
    call = Interaction("c1", at, "call", "call", "in", phones=("+351912345678",), summary="asks for a sextant", says=())
    mail = Interaction("m1", at, "email", "mail", "in", emails=(ZYX["mail"],), summary="a sextant", says=says)
    log(rig.hub, golden_id, Note(Interaction("n1", at, "call", "note", summary="sextant promised")), "eve")
    log_point(rig.hub, Note(call), "eve"), log_point(rig.hub, Note(mail), "eve")
    with rig.store.write() as tx:
        inbox.bring_again(tx, "form", "d1", rig.now, {"email": "ZYXWVICA@example.org", "message": "sextant"})
        asking = ("o1", "form", "d1", ZYX["mail"], "mark", {}, {}, rig.now, rig.now + 9, "due")
        opt_in.add(tx, Asking(*asking))
        mail_out.add(tx, "confirm", (ZYX["mail"], "sextant", "for Zyxwvica", None), "x", rig.now, None)
        parked.park(tx, "old", [parked.Parked("77", "map", "odd", '{"who": "Zyxwvica@example.org"}')], rig.now, "r")
        number = holds.open_hold(tx, "crm", "r", "intake", {"creates": 1}, "many", rig.now)
        row = {"connection": "old", "op": "create", "subject": "77", "detail": dumps({"name": ZYX["mail"]})}
        holds.add_plan_rows(tx, number, [row])
    return golden_id


def dumped(store: Store) -> str:
    """All that is in the database, in the words of its own tools."""
    with store.read() as tx:
        rows = [str(tx.all(f"SELECT * FROM {table}")) for table in metadata.tables]
    return "\n".join(rows).lower()


def test_somebody_planted_by_every_route_is_found_nowhere(rig):
    golden_id = planted(rig)
    before = dumped(rig.store)
    assert all(word in before for word in WORDS)
    with rig.store.read() as tx:
        found = counts(tx, erase.look(rig.hub, tx, golden_id).who)
    assert found.keys() >= {"inbox", "opt_in", "mail_out", "plan_row", "interaction", "parked", "pin", "change"}

    erase.erase(rig.hub, golden_id, "eve")

    after = dumped(rig.store)
    assert [word for word in WORDS if word in after] == []
    assert rig.golden("crm", "2")["given_name"] == "Rui"


def test_what_the_history_of_another_has_from_when_they_were_one_by_mistake_goes(rig):
    home, other = rig.home("crm", "1"), rig.home("crm", "2")
    [(there,)] = rig.rows("SELECT external_id FROM record WHERE connection = 'shop' AND golden_id = :g", g=other)
    people.pin(rig.hub, home, "department", "harbour", "eve")
    rig.later(10)
    people.merge(rig.hub, [home, other], "eve")
    rig.settle()
    people.split(rig.hub, home, [("crm", "2"), ("shop", there)], "eve")
    rig.settle()
    history = "SELECT id, kind, at FROM change WHERE golden_id = :g ORDER BY id"
    before = rig.rows(history, g=home)
    assert "castanheira" in dumped(rig.store)

    erase.erase(rig.hub, other, "eve")
    rig.settle()

    assert [word for word in ("castanheira", "rui@example.org", "961234567") if word in dumped(rig.store)] == []
    assert rig.rows(history, g=home) == before
    assert "harbour" in str(rig.rows("SELECT detail FROM change WHERE golden_id = :g", g=home))
    assert rig.golden("crm", "1")["given_name"] == "Zyxwvica"


@pytest.mark.parametrize("written", ["ÉVA@BÜCHER.EXAMPLE", "Éva@xn--bcher-kva.example", "éva@bücher.example"])
def test_an_address_with_letters_beyond_ascii_is_found_however_it_is_written(rig, written):
    rig.systems["crm"].put("3", first="Éva", last="Quuxfjord", mail="éva@bücher.example")
    rig.settle()
    with rig.store.write() as tx:
        inbox.bring_again(tx, "form", "d1", rig.now, {"email": written, "message": "sextant"})
        inbox.bring_again(tx, "form", "d2", rig.now, {"email": f"x{written}", "message": "somebody else"})
    golden_id = rig.home("crm", "3")
    with rig.store.read() as tx:
        assert counts(tx, erase.look(rig.hub, tx, golden_id).who)["inbox"] == 1

    erase.erase(rig.hub, golden_id, "eve")

    assert rig.rows("SELECT delivery_id FROM inbox") == [("d2",)]


def test_nothing_is_in_the_bytes_of_the_file_or_of_a_dump(rig, tmp_path):
    golden_id = planted(rig)
    erase.erase(rig.hub, golden_id, "eve")

    if rig.store.dialect == "sqlite":
        assert rig.store.fold_log()
        file = Path(str(rig.store.url.database))
        found = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    else:
        url = rig.store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        found = subprocess.run(["pg_dump", f"--dbname={url}"], capture_output=True, check=True).stdout
    assert [word for word in WORDS if word.encode() in found.lower()] == []


def test_two_of_the_same_instant_are_both_listed_across_pages(rig):
    asked = [rig.home("crm", "1"), rig.home("crm", "2")]
    for golden_id in asked:
        erase.erase(rig.hub, golden_id, "eve")
    with rig.store.read() as tx:
        (first,) = erasures.listed(tx, 1)
        (second,) = erasures.listed(tx, 1, first.id)
        assert first.at == second.at
        assert {first.golden_id, second.golden_id} == set(asked)
        assert erasures.listed(tx, 1, second.id) == []


def test_what_is_told_of_who_was_erased_is_not_noted(rig):
    erase.erase(rig.hub, rig.home("crm", "1"), "eve")
    at = datetime.fromtimestamp(rig.now, UTC)

    with pytest.raises(ConfigError, match="asked to be erased"):
        log_point(rig.hub, Note(Interaction("c9", at, "call", "call", "in", phones=("+351912345678",))), "eve")


def test_every_place_can_be_counted_and_emptied(rig):
    golden_id = planted(rig)
    with rig.store.write() as tx:
        who = erase.look(rig.hub, tx, golden_id).who
        for place in PLACES:
            place.erase(tx, who)
            assert place.clear is not None or place.emptied is not None or place.count(tx, who) == 0, place.table


# --- the file -----------------------------------------------------------------------------------------


def copy_of(rig: Rig) -> list[tuple[str, list[tuple[object, ...]], list[str]]]:
    with rig.store.read() as tx:
        return [
            (name, tx.all(f"SELECT {', '.join(table.columns.keys())} FROM {name}"), table.columns.keys())
            for name, table in metadata.tables.items()
        ]


def put_back(rig: Rig, kept: list[tuple[str, list[tuple[object, ...]], list[str]]]) -> None:
    """As a backup does."""
    with rig.store.write() as tx:
        for name, rows, columns in kept:
            tx.run(f"DELETE FROM {name}")
            places = ", ".join("?" * len(columns))
            tx.many(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places})", rows)


def test_who_was_erased_since_a_backup_is_erased_again(rig, tmp_path):
    ledger = Ledger(tmp_path / "hub.erasures")
    kept = copy_of(rig)
    made = erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")
    assert "zyxwvica" not in (tmp_path / "hub.erasures").read_text().lower()

    put_back(rig, kept)
    assert [entry.id for entry in missing(rig.store, ledger.read())] == [made.id]
    assert catch_up(rig.hub, ledger) == 1

    assert [word for word in WORDS if word in dumped(rig.store)] == []
    assert rig.golden("crm", "2")["given_name"] == "Rui"
    assert catch_up(rig.hub, ledger) == 0
    rig.listing("crm")
    assert "zyxwvica" not in dumped(rig.store)


def test_somebody_who_was_one_with_them_in_the_backup_goes_their_own_way(rig, tmp_path):
    ledger = Ledger(tmp_path / "hub.erasures")
    first, other = rig.home("crm", "1"), rig.home("crm", "2")
    people.merge(rig.hub, [first, other], "eve")
    kept = copy_of(rig)
    theirs = rig.rows("SELECT external_id FROM record WHERE connection = 'shop' AND fields LIKE '%Rui%'")[0][0]
    people.split(rig.hub, rig.home("crm", "1"), [("crm", "2"), ("shop", theirs)], "eve")
    erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")

    put_back(rig, kept)
    catch_up(rig.hub, ledger)

    assert rig.golden("crm", "2")["given_name"] == "Rui"
    with rig.store.read() as tx:
        assert tx.all("SELECT 1 FROM record WHERE connection = 'crm' AND external_id = '1'") == []


def test_a_namesake_whom_a_person_told_apart_is_not_erased_by_a_restore(rig, tmp_path):
    rig.systems["crm"].put("5", **{**ZYX, "job": "son"})
    rig.settle()
    people.split(rig.hub, rig.home("crm", "1"), [("crm", "5")], "eve")
    rig.settle()
    ledger = Ledger(tmp_path / "hub.erasures")
    kept = copy_of(rig)
    erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")

    put_back(rig, kept)
    catch_up(rig.hub, ledger)
    rig.later(4000)
    rig.sync("crm")

    assert rig.golden("crm", "5")["job_title"] == "son"
    assert sorted(rig.systems["crm"].rows) == ["2", "5"]


def test_a_file_of_erasures_under_another_key_is_refused(rig, tmp_path):
    """Else it would be taken for done, and by its hashes nobody would be found."""
    first, second = Ledger(tmp_path / "first.erasures"), Ledger(tmp_path / "second.erasures")
    kept = copy_of(rig)
    erase.ask(rig.hub, first, rig.home("crm", "1"), "eve")
    put_back(rig, kept)
    erase.ask(rig.hub, second, rig.home("crm", "2"), "eve")

    with pytest.raises(ConfigError, match=r"1 erasures of the file.*another key"):
        catch_up(rig.hub, first)

    assert [entry.id for entry in missing(rig.store, first.read())] == list(first.read().entries)


def test_one_that_was_cut_off_is_made_again_from_the_beginning(rig, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "hub.erasures")
    kept = copy_of(rig)
    made = erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")
    put_back(rig, kept)

    def cut_off(_prefix: str) -> str:
        raise RuntimeError("the machine went down")

    with monkeypatch.context() as broken:
        broken.setattr("hub.sync.reerase.carry_out", lambda *a, **k: cut_off(""))
        with pytest.raises(RuntimeError):
            catch_up(rig.hub, ledger)
    assert [entry.id for entry in missing(rig.store, ledger.read())] == [made.id]

    catch_up(rig.hub, ledger)

    assert [word for word in WORDS if word in dumped(rig.store)] == []


def test_what_is_lifted_stays_lifted_after_a_restore(rig, tmp_path):
    ledger = Ledger(tmp_path / "hub.erasures")
    kept = copy_of(rig)
    made = erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")
    erase.lift(rig.hub, ledger, made.id, "eve", "came back")

    put_back(rig, kept)
    catch_up(rig.hub, ledger)

    assert rig.golden("crm", "1")["given_name"] == "Zyxwvica"


def test_what_was_lifted_since_a_backup_is_lifted_again(rig, tmp_path):
    ledger = Ledger(tmp_path / "hub.erasures")
    made = erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")
    rig.sync("crm"), rig.sync("shop")
    kept = copy_of(rig)
    erase.lift(rig.hub, ledger, made.id, "eve", "came back")

    put_back(rig, kept)
    assert is_behind(rig.store, ledger.read())
    catch_up(rig.hub, ledger)

    assert not is_behind(rig.store, ledger.read())
    with rig.store.read() as tx:
        assert erasures.erasure(tx, made.id).state == "lifted"
    rig.systems["crm"].put("9", **ZYX)
    rig.listing("crm")
    assert rig.golden("crm", "9")["given_name"] == "Zyxwvica"


def test_half_a_line_at_the_end_is_written_again(rig, tmp_path):
    ledger = Ledger(tmp_path / "hub.erasures")
    erase.ask(rig.hub, ledger, rig.home("crm", "1"), "eve")
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole[:-20])

    write_down(rig.store, ledger)

    assert ledger.path.read_bytes() == whole


def test_where_it_cannot_be_written_nobody_is_erased(rig, tmp_path):
    (tmp_path / "taken").write_text("")

    with pytest.raises(ConfigError, match=r"Nobody was erased.*cannot be written"):
        erase.ask(rig.hub, Ledger(tmp_path / "taken" / "hub.erasures"), rig.home("crm", "1"), "eve")

    assert rig.golden("crm", "1")["given_name"] == "Zyxwvica"


class FullSoon(Ledger):
    """There is room to look, and none to write."""

    def append(self, lines):
        if list(lines):
            raise ConfigError("It cannot be written.")


def test_where_the_file_is_full_in_the_end_it_is_said_that_they_are_erased_all_the_same(rig, tmp_path):
    golden_id = rig.home("crm", "1")

    with pytest.raises(ConfigError, match=r"They are erased here.*erasure e.*not written down yet"):
        erase.ask(rig.hub, FullSoon(tmp_path / "hub.erasures"), golden_id, "eve")

    assert "zyxwvica" not in dumped(rig.store)
    assert write_down(rig.store, Ledger(tmp_path / "hub.erasures")) > 0


def test_when_its_key_is_lost_nobody_is_kept_out_by_what_nothing_can_open(rig):
    erase.erase(rig.hub, rig.home("crm", "1"), "eve")
    with rig.store.write() as tx:
        tx.run("UPDATE data_key SET master = 'another'")
        given_up = anew.begin_anew(tx, "eve", rig.now)
        assert erasures.SCOPE in given_up.scopes
        assert tx.all("SELECT 1 FROM suppression") == []
