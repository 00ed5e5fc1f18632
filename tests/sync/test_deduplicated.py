"""A connection that never holds one contact twice: two of its records are two contacts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.dedupe.weigh import DEFAULT
from hub.sync.pairs import explain_pair
from hub.sync.rematch import rematch
from tests.fakes.rig import ADA, RUI, Rig, can


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.add("erp", can(tombstones=True), push="no")
    rig.add("web", push="no")
    rig.hub = replace(rig.hub, model=replace(DEFAULT, apart=frozenset({"erp"})))
    return rig


def test_two_records_of_it_are_two_contacts_however_alike(rig):
    rig.systems["erp"].put("1", **ADA)
    rig.systems["erp"].put("2", **ADA)
    rig.systems["web"].put("1", **ADA)
    rig.systems["web"].put("2", **ADA)
    rig.settle()

    assert rig.home("erp", "1") != rig.home("erp", "2")
    assert len(rig.goldens()) == 2 + (rig.home("web", "1") not in (rig.home("erp", "1"), rig.home("erp", "2")))
    assert rig.home("web", "1") == rig.home("web", "2")


def test_who_comes_back_under_another_key_is_the_same_contact(rig):
    rig.systems["erp"].put("1", **ADA)
    rig.systems["erp"].put("9", **RUI)
    rig.systems["web"].put("1", **ADA)
    rig.settle()
    before = rig.home("erp", "1")

    rig.systems["erp"].remove("1")
    rig.settle(3)
    rig.systems["erp"].put("2", **ADA)
    rig.settle()

    assert rig.home("erp", "2") == rig.home("web", "1") == before


def test_the_explanation_says_why(rig):
    rig.systems["erp"].put("1", **ADA)
    rig.systems["erp"].put("2", **ADA)
    rig.settle()

    with rig.store.read() as tx:
        story = explain_pair(tx, "erp:1", "erp:2", rig.hub.matching(tx))

    assert story.decision == "apart"
    assert story.reason == "erp holds them as two, and never holds one contact twice"


def test_what_was_one_before_it_was_said_is_taken_apart_when_told(rig):
    rig.hub = replace(rig.hub, model=DEFAULT)
    rig.systems["erp"].put("1", **ADA)
    rig.systems["erp"].put("2", **ADA)
    rig.settle()
    assert rig.home("erp", "1") == rig.home("erp", "2")

    rig.hub = replace(rig.hub, model=replace(DEFAULT, apart=frozenset({"erp"})))
    done = rematch(rig.hub)

    assert done.moves == 1
    assert rig.home("erp", "1") != rig.home("erp", "2")
