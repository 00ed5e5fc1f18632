"""An address that several people hold joins nobody that it alone would have joined."""

import pytest

from hub.sync.pairs import PairStory, explain_pair
from hub.sync.rematch import rematch
from tests.fakes.rig import Rig, can

TEAM = "anar@abc.example"
RITA = {"first": "Rita Ana", "last": "Reis", "mail": TEAM}
OTHERS = ("Rui", "Marta", "Igor", "Nuno", "Berta", "Hugo")


@pytest.fixture
def rig(rig: Rig) -> Rig:
    for name in ("erp", "web"):
        rig.add(name, can(), push="no")
    return rig


def read(rig: Rig, *names: str) -> None:
    for name in names:
        rig.later(100)
        rig.listing(name)


def crowd(rig: Rig, others: int, *, systems: tuple[str, ...] = ("erp",)) -> None:
    """Rita and others with her address, each known to all of the systems."""
    for system in systems:
        rig.systems[system].put("rita", **RITA)
        for name in OTHERS[:others]:
            rig.systems[system].put(name, first=name, last="Sousa", mail=TEAM)


def explained(rig: Rig, a: str, b: str) -> PairStory:
    with rig.store.read() as tx:
        return explain_pair(tx, a, b, rig.hub.model)


@pytest.mark.parametrize(("others", "is_one"), [(0, True), (1, True), (6, False)])
def test_who_shares_an_address_with_many_is_not_joined_by_it(rig, others, is_one):
    crowd(rig, others)
    read(rig, "erp")
    rig.systems["web"].put("ana", first="Ana", mail=TEAM)
    read(rig, "web")

    assert (rig.home("web", "ana") == rig.home("erp", "rita")) is is_one


@pytest.mark.parametrize(("others", "is_one"), [(0, True), (6, False)])
def test_it_is_the_same_where_all_come_in_one_page(rig, others, is_one):
    crowd(rig, others, systems=("web",))
    rig.systems["web"].put("ana", first="Ana", mail=TEAM)
    read(rig, "web")

    assert (rig.home("web", "ana") == rig.home("web", "rita")) is is_one


def test_people_count_and_not_their_records(rig):
    crowd(rig, 1, systems=("erp", "web"))
    read(rig, "erp", "web")
    assert rig.home("erp", "rita") == rig.home("web", "rita") != rig.home("web", "Rui")

    line = shared(explained(rig, "erp:rita", "web:rita"))

    assert line == ("by 2 people", -1.0)


def test_the_way_from_one_to_the_other_is_weighed_likewise(rig):
    crowd(rig, 1, systems=("erp", "web"))
    read(rig, "erp", "web")

    story = explained(rig, "erp:rita", "web:rita")

    assert [step.bits for step in story.path] == [story.weight]


def test_records_that_name_nobody_are_not_counted(rig):
    rig.systems["erp"].put("rita", **RITA)
    rig.systems["web"].put("x", mail=TEAM)
    read(rig, "erp", "web")

    assert shared(explained(rig, "erp:rita", "web:x")) is None


def test_the_explanation_is_what_was_decided_by(rig):
    crowd(rig, 6)
    read(rig, "erp")
    rig.systems["web"].put("ana", first="Ana", mail=TEAM)
    read(rig, "web")

    story = explained(rig, "erp:rita", "web:ana")

    assert shared(story) == ("by 7 people", -2.81)
    assert story.weight == pytest.approx(sum(line.bits for line in story.evidence), abs=0.03)
    assert story.cluster_weight == story.weight
    assert story.decision == "ask"


def test_deciding_anew_changes_nothing(rig):
    crowd(rig, 6)
    rig.systems["web"].put("ana", first="Ana", mail=TEAM)
    read(rig, "erp", "web")
    homes = {name: rig.home("erp", name) for name in ("rita", *OTHERS)}

    done = rematch(rig.hub)

    assert (done.merges, done.moves) == (0, 0)
    assert {name: rig.home("erp", name) for name in homes} == homes
    assert rig.home("web", "ana") not in homes.values()


def test_what_more_share_than_are_counted_says_as_little_as_can_be(rig):
    for n in range(60):
        rig.systems["erp"].put(f"{n}", first=f"Abc{chr(97 + n // 8)}{chr(97 + n % 8)}", last="Sousa", mail=TEAM)
    rig.systems["erp"].put("rita", **RITA, tel="912345678")
    read(rig, "erp")
    rig.systems["web"].put("rita", **RITA, tel="912345678")
    read(rig, "web")

    assert rig.home("web", "rita") == rig.home("erp", "rita")
    assert shared(explained(rig, "erp:rita", "web:rita")) == ("by 50 people", -5.64)


def shared(story: PairStory) -> tuple[str, float] | None:
    return next(((line.level, line.bits) for line in story.evidence if line.field == "shared email"), None)
