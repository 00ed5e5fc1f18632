"""`hub dedupe train`, `models` and `use`: what is learnt is shown, kept, used and taken back."""

from pathlib import Path

import pytest

from hub.config import load_config
from hub.dedupe.weigh import NO_MATCHING
from hub.running import open_workshop
from hub.sync.run import Orders
from hub.sync.versions import use
from tests.cli.company import syllables
from tests.cli.desk import HARMFUL, Desk

PEOPLE = 40


@pytest.fixture
def desk(hub):
    """Forty people in both systems: the shop has their e-mail address, and a phone of its own for each."""
    desk = Desk(hub)
    for n in range(PEOPLE):
        first, last = syllables(n, 3).capitalize(), syllables(n * 7919 + 13, 4).capitalize()
        mail = f"{syllables(n, 3)}.{n}@example.org"
        desk.type_in("crm", first, last, mail, tel=f"91{2345670 + 31 * n}")
        desk.type_in("shop", first, last, mail, tel=f"93{7654320 - 17 * n}")
    desk.sync("crm", "shop")
    return desk


def test_training_shows_what_it_would_change_and_changes_nothing(desk):
    before = desk.json("dedupe", "explain", "crm:1", "shop:1")

    answer = desk("dedupe", "train")

    assert answer.code == 0
    for text in ("Learnt from 80 records", "Weights in bits", "What would change", "40 contacts", "Kept as version 1"):
        assert text in answer.out
    assert desk.json("dedupe", "explain", "crm:1", "shop:1") == before


def test_the_same_contacts_teach_the_same(desk):
    once, again = (desk.json("dedupe", "train", "--dry-run") for _ in range(2))

    assert once == again
    assert once["version"] is None
    assert desk.json("dedupe", "models")["rows"] == []


def test_a_phone_that_is_another_in_every_second_system_says_less_against(desk):
    told = desk.json("dedupe", "train")

    assert told["learnt"]["persons"]["phone"]["different"] > told["now"]["persons"]["phone"]["different"]


def test_a_version_is_used_and_taken_back_by_one_command_each(desk):
    shipped = desk.json("dedupe", "explain", "crm:1", "shop:1")["weight"]
    desk("dedupe", "train")

    used = desk("dedupe", "use", "1")
    learnt = desk.json("dedupe", "explain", "crm:1", "shop:1")["weight"]
    back = desk("dedupe", "use", "0")

    assert (used.code, back.code) == (0, 0)
    assert "Back: hub dedupe use 0" in used.out
    assert learnt != shipped
    assert desk.json("dedupe", "explain", "crm:1", "shop:1")["weight"] == shipped


def test_the_next_run_matches_by_the_version_in_use(desk):
    lonely = desk.type_in("crm", "Olga", "Brandt", None)
    desk.sync("crm")
    # a version by which a name alone is enough
    desk("dedupe", "train", "--use")
    desk.store("UPDATE model SET document = :d", d='{"persons": {"given": {"equal": 30.0}}}')
    desk.type_in("shop", "Olga", "Brandt", "olga@example.net")
    desk.sync("shop")

    assert desk.json("dedupe", "explain", lonely, f"shop:{PEOPLE + 1}")["decision"] == "one"


def test_versions_are_listed_with_the_one_in_use(desk):
    desk("dedupe", "train")
    desk("dedupe", "train", "--use")

    rows = desk.json("dedupe", "models")["rows"]
    text = desk("dedupe", "models").out

    assert [(row["number"], row["active"]) for row in rows] == [(2, True), (1, False)]
    assert "shipped with the hub" in text
    assert "in use" in text


def test_answers_of_people_are_taken_in(desk):
    desk("contacts", "merge", desk.golden(f"{syllables(3, 3)}.3@"), desk.golden(f"{syllables(5, 3)}.5@"))

    assert desk.json("dedupe", "train", "--dry-run")["answers"] > 0


def test_a_version_that_is_not_there_is_code_2_and_nothing_changes(desk):
    desk("dedupe", "train", "--use")

    answer = desk("dedupe", "use", "7")

    assert answer.code == 2
    assert "There is no version 7" in answer.err
    assert desk.json("dedupe", "models")["rows"][0]["active"] is True


def test_a_hub_without_contacts_has_nothing_to_learn_from(hub):
    answer = Desk(hub)("dedupe", "train")

    assert answer.code == 2
    assert "nothing to learn from" in answer.err


def test_values_of_systems_cannot_speak_to_the_terminal(desk):
    desk.type_in("crm", HARMFUL, HARMFUL, "x@example.org")
    desk.type_in("shop", HARMFUL, HARMFUL, "x@example.org")
    desk.sync("crm", "shop")

    answer = desk("dedupe", "train")

    assert answer.code == 0
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)


def test_a_process_that_runs_follows_the_version_in_use(desk):
    desk("dedupe", "train")
    config = load_config(Path("config"))
    with open_workshop(config) as shop:
        shop.cycle("crm", Orders(full=True))
        shipped = shop.hub.model
        use(shop.store, 1, "eve")
        shop.cycle("crm", Orders(full=True))
        learnt = shop.hub.model
        use(shop.store, 0, "eve")
        shop.cycle("crm", Orders(full=True))

        assert shipped.rows != learnt.rows
        assert shop.hub.model == shipped


def test_where_matching_is_off_no_version_is_followed(desk):
    desk("dedupe", "train", "--use")
    Path("config/hub.yaml").write_text(Path("config/hub.yaml").read_text() + "matching: {enabled: false}\n")
    with open_workshop(load_config(Path("config"))) as shop:
        shop.cycle("crm", Orders(full=True))

        assert shop.hub.model is NO_MATCHING


def homes_of_olga(desk):
    """Ids of the last contact typed in, as either system's record has it."""
    with open_workshop(load_config(Path("config"))) as shop, shop.store.read() as tx:
        return {row[0] for row in tx.all("SELECT golden_id FROM record WHERE external_id = :e", e=str(PEOPLE + 1))}


def test_what_is_there_is_decided_anew_when_told(desk):
    desk.type_in("crm", "Olga", "Silva", "olga@example.org", tel="912300000")
    desk.type_in("shop", "Olga", "Silva", "silva@elsewhere.test", tel="966000111")
    desk.sync("crm", "shop")
    before = homes_of_olga(desk)
    desk("dedupe", "train")
    desk.store("UPDATE model SET document = :d", d='{"persons": {"phone": {"another mobile": 30.0}}}')
    used = desk("dedupe", "use", "1")

    seen = desk("dedupe", "rematch")
    told = desk.json("dedupe", "rematch")
    still = homes_of_olga(desk)
    done = desk("dedupe", "rematch", "--yes")

    assert "Decide it anew: hub dedupe rematch" in used.out
    assert "Nothing was changed. Do it: hub dedupe rematch --yes" in seen.out
    assert (told["done"], told["merges"]) == (False, 1)
    assert still == before
    assert len(before) == 2
    assert done.code == 0
    assert "1 merged into another" in done.out
    assert len(homes_of_olga(desk)) == 1


def test_where_matching_is_off_nothing_is_decided_anew(desk):
    Path("config/hub.yaml").write_text(Path("config/hub.yaml").read_text() + "matching: {enabled: false}\n")

    answer = desk("dedupe", "rematch", "--yes")

    assert answer.code == 2
    assert "matching is off. Nothing was changed" in answer.err
