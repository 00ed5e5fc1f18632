"""Questions are weighed again when what they are about has changed."""

from dataclasses import replace

import pytest

from hub.dedupe.weigh import DEFAULT
from tests.fakes.rig import EVA, RUI, Rig, can

ADA = {"first": "Ada", "last": "Abreu", "mail": "ada@example.org", "tel": "912345678"}


@pytest.fixture
def rig(rig):
    for name in ("erp", "web"):
        rig.add(name, can(tombstones=True), push="no")
    rig.systems["erp"].put("1", **ADA)
    rig.systems["erp"].put("2", **EVA)
    rig.systems["web"].put("7", **RUI)
    read(rig)
    return rig


def read(rig: Rig) -> None:
    for name in rig.systems:
        rig.later(100)
        assert rig.listing(name).status == "done"


def ask(rig: Rig, one: tuple[str, str], other: tuple[str, str], weight: float = -0.5) -> None:
    a, b = sorted((rig.link(*one).id, rig.link(*other).id))
    with rig.store.write() as tx:
        tx.run(
            "INSERT INTO ask (record_a, record_b, weight, evidence, at, state) VALUES (:a, :b, :w, '[]', 0.0, 'open')",
            a=a,
            b=b,
            w=weight,
        )


def weights(rig: Rig) -> list[float]:
    return [row[0] for row in rig.rows("SELECT weight FROM ask WHERE state = 'open' ORDER BY id")]


def test_what_is_no_doubt_any_more_is_asked_no_more(rig):
    ask(rig, ("erp", "1"), ("web", "7"))

    rig.systems["erp"].put("1", **ADA, note="calls back")
    read(rig)

    assert weights(rig) == []


def test_a_question_stays_while_nothing_it_is_about_changes(rig):
    ask(rig, ("erp", "1"), ("web", "7"))

    rig.systems["erp"].put("2", **EVA, note="calls back")
    read(rig)

    assert weights(rig) == [-0.5]


def test_a_large_run_has_all_questions_weighed_again(rig):
    ask(rig, ("erp", "1"), ("web", "7"))

    rig.systems["erp"].put("3", first="Ines", last="Prado", mail="ines@example.org")
    read(rig)

    assert weights(rig) == []


def test_a_question_with_another_reason_than_doubt_is_left_alone(rig):
    ask(rig, ("erp", "1"), ("web", "7"), weight=20.0)

    rig.systems["erp"].put("1", **ADA, note="calls back")
    read(rig)

    assert weights(rig) == [20.0]


def test_an_answer_is_not_forgotten(rig):
    ask(rig, ("erp", "1"), ("web", "7"))
    with rig.store.write() as tx:
        tx.run("UPDATE ask SET state = 'different'")

    rig.systems["erp"].put("1", **ADA, note="calls back")
    read(rig)

    assert rig.rows("SELECT state FROM ask") == [("different",)]


def test_two_golden_records_are_asked_about_once_and_by_the_evidence_of_today(rig):
    rig.systems["erp"].put("3", **ADA)
    read(rig)
    assert rig.home("erp", "1") == rig.home("erp", "3")
    rig.hub = replace(rig.hub, model=replace(DEFAULT, ask=-40.0, join=40.0))
    rig.systems["web"].put("8", **{**ADA, "mail": "ada.abreu@example.org"})
    read(rig)
    (before,) = weights(rig)
    with rig.store.write() as tx:
        tx.run("DELETE FROM ask")
    ask(rig, ("erp", "1"), ("web", "8"), weight=1.5)
    ask(rig, ("erp", "3"), ("web", "8"), weight=2.5)

    rig.systems["web"].put("8", **{**ADA, "mail": "ada.abreu@example.org"}, note="calls back")
    read(rig)

    assert weights(rig) == [before]
