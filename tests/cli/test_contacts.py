"""`hub contacts`: finding, showing, explaining, and putting right."""

import pytest

from hub.store.interactions import InteractionRow
from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    """João Müller in both systems, Ana Silva in the CRM alone at first."""
    desk = Desk(hub)
    desk.type_in("crm", "João", "Müller", "joao@example.org", tel="912 345 678", job="Buyer")
    desk.type_in("shop", "João", "Müller", "joao@example.org")
    desk.type_in("crm", "Ana", "Silva", "ana@example.org", tel="913 000 111")
    desk.sync()
    return desk


# --- find -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "joao@example.org",
        "JOAO@Example.org",
        "912345678",
        "+351 912 345 678",
        "crm:1",
        "João Müller",
        "joao muller",
        "MÜLLER joão",
        "buyer",
    ],
)
def test_a_contact_is_found_by_whatever_is_known_of_it(desk, text):
    (found,) = desk.json("contacts", "find", text)["rows"]

    assert found["fields"]["family_name"] == "Müller"


def test_a_contact_is_found_by_its_golden_id(desk):
    golden = desk.golden("ana silva")

    assert desk.golden(golden) == golden


@pytest.mark.parametrize("text", ["nobody", "given_name", "%", "_", "  ", "joao ana"])
def test_nothing_found_is_code_1(desk, text):
    answer = desk("contacts", "find", text)

    assert (answer.code, answer.out) == (1, "Nothing was found.\n")


def test_a_long_list_says_that_there_is_more(desk):
    assert desk.json("contacts", "find", "example", "--limit", "1")["more"] is True
    assert "more" in desk("contacts", "find", "example", "--limit", "1").out


def test_a_value_that_too_many_share_is_found_all_the_same(desk):
    for n in range(60):
        desk.type_in("crm", f"Worker {n}", f"No {n}", "office@example.org")
    desk.sync("crm")

    assert len(desk.json("contacts", "find", "office@example.org")["rows"]) == 50


# --- show -------------------------------------------------------------------------------------------


def test_a_contact_is_shown_with_sources_systems_and_history(desk):
    answer = desk("contacts", "show", desk.golden("joao muller"))

    assert answer.code == 0
    for text in ("João Müller", "joao@example.org", "+351912345678", "crm:1", "shop:1", "told: update", "job_title"):
        assert text in answer.out


def test_programs_get_what_each_system_was_told_and_when(desk):
    story = desk.json("contacts", "show", desk.golden("joao muller"))

    told = [t for t in story["tellings"] if t["connection"] == "shop"]
    assert "job_title" in told[0]["fields"]
    assert told[0]["at"].endswith("+00:00")
    assert {r["connection"]: r["state"] for r in story["records"]} == {"crm": "live", "shop": "live"}


def test_the_history_pages(desk):
    golden = desk.golden("joao muller")
    first = desk.json("contacts", "show", golden, "--limit", "1")["history"]
    second = desk.json("contacts", "show", golden, "--limit", "1", "--skip", "1")["history"]

    assert first["more"] == second["more"] + 1
    assert first["rows"] != second["rows"]


@pytest.mark.parametrize("words", [("show",), ("explain", "job_title"), ("pin", "job_title", "x"), ("merge", "g2")])
def test_an_id_that_never_was_is_code_2_with_the_next_step(desk, words):
    command, *rest = words
    answer = desk("contacts", command, "gnobody", *rest)

    assert answer.code == 2
    assert "hub contacts find" in answer.err


# --- pin --------------------------------------------------------------------------------------------


def test_a_pin_is_shown_explained_and_told(desk):
    golden = desk.golden("joao muller")

    answer = desk("contacts", "pin", golden, "job_title", "Director", "--by", "eve")

    assert answer.code == 0
    assert "hub sync crm shop" in answer.out
    assert "pinned by eve" in desk("contacts", "show", golden).out
    (story,) = desk.json("contacts", "explain", golden, "job_title")["keys"]
    assert (story["value"], story["pin"]["person"]) == ("Director", "eve")
    desk.sync()
    assert desk.sql("shop", "select job from people where id = 1") == [("Director",)]


def test_the_person_is_the_login_name_unless_another_is_named(desk, monkeypatch):
    monkeypatch.setenv("LOGNAME", "operator7")

    desk("contacts", "pin", desk.golden("ana silva"), "job_title", "Director")

    (story,) = desk.json("contacts", "explain", desk.golden("ana silva"), "job_title")["keys"]
    assert story["pin"]["person"] == "operator7"


def test_unpin_lets_the_rules_decide_again(desk):
    golden = desk.golden("joao muller")
    desk("contacts", "pin", golden, "job_title", "Director")

    assert desk("contacts", "unpin", golden, "job_title").code == 0

    (story,) = desk.json("contacts", "explain", golden, "job_title")["keys"]
    assert (story["value"], story["pin"]) == ("Buyer", None)


def test_what_is_not_pinned_cannot_be_unpinned(desk):
    answer = desk("contacts", "unpin", desk.golden("ana silva"), "job_title")

    assert answer.code == 2
    assert "is not pinned, so nothing was changed" in answer.err


@pytest.mark.parametrize("words", [("shoe_size", "38"), ("job_title",), ("job_title", "x", "--remove")])
def test_a_pin_that_makes_no_sense_changes_nothing(desk, words):
    answer = desk("contacts", "pin", desk.golden("ana silva"), *words)

    assert answer.code == 2
    assert "othing was changed" in answer.err


def test_a_removed_element_is_shown_as_removed(desk):
    golden = desk.golden("ana silva")

    desk("contacts", "pin", golden, "phones/913000111", "--remove", "--by", "eve")

    assert "removed by a pin of eve" in desk("contacts", "show", golden).out


# --- explain ----------------------------------------------------------------------------------------


def test_a_field_is_explained_from_its_claims_to_everybody_told(desk):
    desk.edit("shop:1", job="Head")
    desk.sync()
    golden = desk.golden("joao muller")

    (story,) = desk.json("contacts", "explain", golden, "job_title")["keys"]

    kinds = {(c["connection"], c["kind"]): (c["value"], c["wins"]) for c in story["claims"]}
    assert story["rule"] == "latest"
    assert kinds[("shop", "own")] == ("Head", True)
    assert kinds[("crm", "displaced")] == ("Buyer", False)
    assert kinds[("crm", "echo")] == ("Head", False)
    assert {t["connection"] for t in story["told"]} == {"crm", "shop"}
    said = desk("contacts", "explain", golden, "job_title").out
    assert "overwritten there by the hub" in said
    assert "told crm" in said


def test_a_field_with_several_values_is_explained_value_by_value(desk):
    keys = desk.json("contacts", "explain", desk.golden("joao muller"), "emails")["keys"]

    assert [k["key"] for k in keys] == ["emails/joao@example.org"]


def test_a_field_that_nobody_speaks_of_is_code_1(desk):
    assert desk("contacts", "explain", desk.golden("ana silva"), "website").code == 1


# --- merge and split --------------------------------------------------------------------------------


def test_after_a_merge_the_old_id_answers_and_says_so(desk):
    ana, joao = desk.golden("ana silva"), desk.golden("joao muller")

    merged = desk("contacts", "merge", ana, joao, "--by", "eve")

    kept = desk.golden(joao)
    lost = ana if kept == joao else joao
    assert merged.code == 0
    assert f"{lost} now answers as {kept}" in merged.out
    shown = desk("contacts", "show", lost).out
    assert f"{lost} was merged into {kept}" in shown
    assert f"answers for {lost}" in shown


def test_a_split_gives_the_two_contacts_back(desk):
    ana, joao = desk.golden("ana silva"), desk.golden("joao muller")
    hers = [f"{c}:{e}" for c, e in desk.json("contacts", "find", ana)["rows"][0]["records"]]
    desk("contacts", "merge", ana, joao)
    options = [word for ref in hers for word in ("--record", ref)]

    answer = desk("contacts", "split", ana, *options)

    assert answer.code == 0
    assert (desk.golden("ana silva"), desk.golden("joao muller")) == (ana, joao)


@pytest.mark.parametrize("ref", ["crm:99", "nonsense", "crm:"])
def test_a_split_of_a_record_that_is_no_part_of_it_changes_nothing(desk, ref):
    answer = desk("contacts", "split", desk.golden("joao muller"), "--record", ref)

    assert answer.code == 2
    assert "othing was changed" in answer.err


def test_one_golden_record_cannot_be_merged_with_itself(desk):
    golden = desk.golden("ana silva")

    answer = desk("contacts", "merge", golden, golden)

    assert answer.code == 2
    assert "one golden record already" in answer.err


# --- what systems say is only text ------------------------------------------------------------------


def test_a_name_cannot_speak_to_the_terminal(desk):
    desk.type_in("crm", HARMFUL, "X", "evil@example.org", job=HARMFUL)
    desk.sync("crm")
    golden = desk.golden("evil@example.org")
    desk("contacts", "pin", golden, "department", HARMFUL, "--by", HARMFUL)

    for words in (("find", "evil@example.org"), ("show", golden), ("explain", golden, "job_title")):
        for answer in (desk("contacts", *words), desk("contacts", *words, "--json")):
            assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)
            assert "[red]Eve" in answer.out


# --- timeline ---------------------------------------------------------------------------------------


@pytest.fixture
def called(desk):
    """João has called twice, from the number he has in the CRM."""
    from hub.store import interactions as db
    from hub.store.upgrade import opened

    rows = [
        InteractionRow(
            *(0, "pbx", f"call-{n}", 1_780_000_000.0 + n, "call", "call.missed", "in", None),
            *(("phones/+351912345678",), HARMFUL, {"seconds": n}, None, bytes(16)),
        )
        for n in range(2)
    ]
    store = opened("sqlite:///data/hub.db")
    with store.write() as tx:
        db.save(tx, rows, "r1")
    store.close()
    return desk


def test_the_timeline_shows_what_happened_the_latest_first(called):
    joao = called.golden("joao muller")

    rows = called.json("contacts", "timeline", joao, "--limit", "1")
    assert ([row["id"] for row in rows["rows"]], rows["more"]) == (["call-1"], 1)
    assert rows["rows"][0]["points"] == ["+351912345678"]
    answer = called("contacts", "timeline", joao)
    assert answer.code == 0
    assert "call.missed" in answer.out
    assert "\x1b[31m" not in answer.out


def test_the_last_interactions_are_shown_with_the_contact(called):
    assert "Last interactions" in called("contacts", "show", called.golden("joao muller")).out
    assert "Last interactions" not in called("contacts", "show", called.golden("ana silva")).out


def test_nothing_happened_is_code_1(called):
    answer = called("contacts", "timeline", called.golden("ana silva"))

    assert (answer.code, answer.out) == (1, "Nothing is known to have happened.\n")


def test_the_timeline_of_nobody_is_an_error(called):
    assert called("contacts", "timeline", "g-none").code == 2


def test_interactions_are_exported_with_whose_they_are_today(called):
    import csv
    from pathlib import Path

    assert called("export", "interactions", "--out", "x.csv").code == 0
    with Path("x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    joao = called.golden("joao muller")
    assert [(row["id"], row["golden_ids"], row["contact_points"]) for row in rows] == [
        (f"call-{n}", joao, "+351912345678") for n in range(2)
    ]


def test_what_a_person_notes_is_in_the_timeline(called):
    joao = called.golden("joao muller")

    assert called("contacts", "log", joao, "complaint", "Late again", "--channel", "call", "--by", "eve").code == 0
    first = called.json("contacts", "timeline", joao)["rows"][0]
    assert (first["connection"], first["kind"], first["summary"], first["details"]) == (
        *("hub", "complaint", "Late again"),
        {"by": "eve"},
    )


@pytest.mark.parametrize(
    "words", [("g-none", "note"), ("JOAO", "telepathy"), ("JOAO", "note", "--channel", "telepathy")]
)
def test_what_makes_no_sense_is_not_noted(called, words):
    joao = called.golden("joao muller")
    answer = called("contacts", "log", *(joao if word == "JOAO" else word for word in words))

    assert answer.code == 2
    assert len(called.json("contacts", "timeline", joao)["rows"]) == 2
