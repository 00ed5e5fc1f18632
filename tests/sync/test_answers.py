"""Questions and their answers: they outrank the model for ever, survive everything, and can be taken back."""

import pytest

from hub.errors import ConfigError
from hub.store import lists
from hub.sync.people import answer, merge, split, take_back
from tests.fakes.rig import EVA, RUI, Rig, can

ADA = {"first": "Ada", "last": "Abreu", "mail": "ada@example.org", "tel": "912345678"}
ALIKE = {"first": "Ada", "last": "Abreu", "mail": "ada@example.org", "tel": "912345678", "note": "twin"}


@pytest.fixture
def rig(rig):
    for name in ("erp", "web"):
        rig.add(name, can(tombstones=True), push="no")
    return rig


def read(rig: Rig) -> None:
    for name in rig.systems:
        rig.later(100)
        assert rig.listing(name).status == "done"


def ask(rig: Rig, one: tuple[str, str], other: tuple[str, str]) -> int:
    """A question about two records, as matching would ask it; its number."""
    a, b = sorted((rig.link(*one).id, rig.link(*other).id))
    with rig.store.write() as tx:
        tx.run("DELETE FROM ask WHERE record_a = :a AND record_b = :b", a=a, b=b)
        tx.run(
            "INSERT INTO ask (record_a, record_b, weight, evidence, at, state)"
            " VALUES (:a, :b, -1.0, '[]', 0.0, 'open')",
            a=a,
            b=b,
        )
    return int(rig.rows("SELECT max(id) FROM ask")[0][0])


def strangers(rig: Rig) -> int:
    """Two records that the model keeps apart; the question about them."""
    rig.systems["erp"].put("1", **ADA)
    rig.systems["web"].put("7", **RUI)
    read(rig)
    assert not are_one(rig)
    return ask(rig, ("erp", "1"), ("web", "7"))


def lookalikes(rig: Rig) -> int:
    """Two records that the model takes for one; a question about them from before."""
    rig.systems["erp"].put("1", **ADA)
    rig.systems["web"].put("7", **ALIKE)
    read(rig)
    assert are_one(rig)
    return ask(rig, ("erp", "1"), ("web", "7"))


def are_one(rig: Rig) -> bool:
    return rig.home("erp", "1") == rig.home("web", "7")


def state(rig: Rig, number: int) -> str:
    return str(rig.rows("SELECT state FROM ask WHERE id = :n", n=number)[0][0])


def open_questions(rig: Rig) -> list[int]:
    with rig.store.read() as tx:
        return [row.number for row in lists.asks(tx).rows]


# --- what an answer survives ------------------------------------------------------------------------


def read_again(rig: Rig) -> None:
    """Everything anew, as if nothing had ever been read."""
    with rig.store.write() as tx:
        tx.run("UPDATE record SET fingerprint = NULL")
        tx.run("UPDATE connection_state SET cursor = NULL, full_at = NULL")
    read(rig)


def change_and_change_back(rig: Rig) -> None:
    web = rig.systems["web"]
    before = dict(web.rows["7"].fields)
    for fields in (EVA, before):
        web.put("7", **fields)
        read(rig)


def delete_and_bring_back(rig: Rig) -> None:
    web = rig.systems["web"]
    before = dict(web.rows["7"].fields)
    web.put("8", **EVA)
    read(rig)
    web.remove("7")
    rig.later(100)
    assert rig.sync("web").status == "done"
    assert str(rig.link("web", "7").state) == "gone"
    web.put("7", **before)
    read(rig)
    assert str(rig.link("web", "7").state) == "live"


def disappear_and_reappear(rig: Rig) -> None:
    web = rig.systems["web"]
    row = web.rows.pop("7")
    web.put("8", **EVA)
    for _ in range(3):
        read(rig)
    assert str(rig.link("web", "7").state) == "gone"
    web.rows["7"] = row
    read(rig)


EVENTS = [read_again, change_and_change_back, delete_and_bring_back, disappear_and_reappear]


@pytest.mark.parametrize("happen", EVENTS)
def test_same_stays_whatever_happens_to_the_records(rig, happen):
    number = strangers(rig)
    answer(rig.hub, number, "same", "eve")

    happen(rig)

    assert are_one(rig)
    assert open_questions(rig) == []


@pytest.mark.parametrize("happen", EVENTS)
def test_different_stays_whatever_happens_to_the_records(rig, happen):
    number = lookalikes(rig)
    answer(rig.hub, number, "different", "eve")

    happen(rig)

    assert not are_one(rig)
    assert open_questions(rig) == []


# --- taking back ------------------------------------------------------------------------------------


def test_same_taken_back_gives_the_two_back_and_asks_again(rig):
    number = strangers(rig)
    homes = rig.goldens()
    before = [rig.golden("erp", "1"), rig.golden("web", "7")]
    answer(rig.hub, number, "same", "eve")

    taken = take_back(rig.hub, number, "eve")

    assert (taken.answer, taken.is_one) == ("same", False)
    assert rig.goldens() == homes
    assert [rig.golden("erp", "1"), rig.golden("web", "7")] == before
    assert open_questions(rig) == [number]


def test_different_taken_back_lets_the_model_make_them_one_at_once(rig):
    number = lookalikes(rig)
    answer(rig.hub, number, "different", "eve")

    taken = take_back(rig.hub, number, "eve")

    assert (taken.answer, taken.is_one) == ("different", True)
    assert are_one(rig)
    assert open_questions(rig) == []


@pytest.mark.parametrize("said", ["same", "different"])
def test_after_that_the_model_decides_again_when_the_records_change(rig, said):
    number = strangers(rig)
    answer(rig.hub, number, said, "eve")
    take_back(rig.hub, number, "eve")
    assert not are_one(rig)

    rig.systems["web"].put("7", **ALIKE)
    read(rig)

    assert are_one(rig)


def test_taking_back_same_does_not_part_what_the_model_joins(rig):
    number = lookalikes(rig)
    answer(rig.hub, number, "same", "eve")

    assert take_back(rig.hub, number, "eve").is_one

    rig.systems["web"].put("7", **RUI)
    assert rig.rows("SELECT * FROM verdict") == []


def test_all_that_one_answer_forbade_is_allowed_again(rig):
    """Different, said of a golden record of three records, forbids two pairs."""
    number = lookalikes(rig)
    rig.systems["erp"].put("2", **ADA)
    read(rig)
    answer(rig.hub, number, "different", "eve")
    assert len(rig.rows("SELECT * FROM verdict")) >= 2

    take_back(rig.hub, number, "eve")

    assert rig.rows("SELECT * FROM verdict") == []


def test_the_answer_to_another_question_stays(rig):
    number = strangers(rig)
    rig.systems["web"].put("9", **EVA)
    read(rig)
    other = ask(rig, ("erp", "1"), ("web", "9"))
    answer(rig.hub, number, "same", "eve")
    rig.later(1)
    answer(rig.hub, other, "same", "eve")

    take_back(rig.hub, number, "eve")

    assert not are_one(rig)
    assert rig.home("erp", "1") == rig.home("web", "9")


def test_who_took_an_answer_back_is_in_the_history(rig):
    number = strangers(rig)
    answer(rig.hub, number, "different", "eve")
    take_back(rig.hub, number, "adam")

    kinds = [r[0] for r in rig.rows("SELECT kind FROM change ORDER BY id")]
    assert "answer “different” taken back by adam" in kinds


def test_a_question_without_an_answer_has_nothing_to_take_back(rig):
    number = strangers(rig)

    with pytest.raises(ConfigError, match="Nothing was changed"):
        take_back(rig.hub, number, "eve")
    with pytest.raises(ConfigError, match="Nothing was changed"):
        take_back(rig.hub, 99, "eve")


def test_a_hand_made_merge_after_different_is_the_last_word(rig):
    number = strangers(rig)
    answer(rig.hub, number, "different", "eve")

    merge(rig.hub, [rig.home("erp", "1"), rig.home("web", "7")], "eve")
    read_again(rig)

    assert are_one(rig)


# --- questions between the same two golden records --------------------------------------------------


def test_different_settles_the_other_questions_between_the_two(rig):
    number = lookalikes(rig)
    rig.systems["erp"].put("2", **RUI)
    read(rig)
    merge(rig.hub, [rig.home("erp", "1"), rig.home("erp", "2")], "eve")
    split(rig.hub, rig.home("web", "7"), [("web", "7")], "eve")
    other = ask(rig, ("erp", "2"), ("web", "7"))

    answer(rig.hub, number, "different", "eve")

    assert (state(rig, number), state(rig, other)) == ("different", "settled")
    take_back(rig.hub, number, "eve")
    assert state(rig, other) == "open"
