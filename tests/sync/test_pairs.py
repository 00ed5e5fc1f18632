"""Why two contacts are one, are not, or are asked about."""

import pytest

from hub.sync.pairs import PairStory, explain_pair
from hub.sync.people import merge, split
from tests.fakes.rig import ADA, EVA, RUI, Rig, can

MOTHER = {"first": "Rosa", "last": "Abreu", "mail": "familia.abreu@example.org", "tel": "912345678"}
SON = {"first": "Otto", "last": "Abreu", "mail": "familia.abreu@example.org", "tel": "912345678"}


@pytest.fixture
def rig(rig: Rig) -> Rig:
    for name in ("erp", "web"):
        rig.add(name, can(), push="no")
    return rig


def read(rig: Rig, **rows: dict[str, str]) -> None:
    """erp1={…} puts a row with the id 1 into the ERP."""
    for ref, fields in rows.items():
        rig.systems[ref[:3]].put(ref[3:], **fields)
    for name in rig.systems:
        rig.later(100)
        rig.listing(name)


def explained(rig: Rig, a: str, b: str) -> PairStory:
    with rig.store.read() as tx:
        return explain_pair(tx, a, b, rig.hub.model)


def test_a_family_with_one_address_and_one_phone_stays_apart_and_the_wholes_are_weighed(rig):
    read(rig, erp1=MOTHER, web1=MOTHER, erp2=SON, web2=SON)

    story = explained(rig, rig.home("erp", "1"), rig.home("erp", "2"))

    assert story.decision == "apart"
    assert story.cluster_weight is not None
    assert story.cluster_weight < story.ask
    assert {"email:familia.abreu@example.org", "phone:912345678"} <= {key.text for key in story.keys}
    assert {key.shared for key in story.keys if key.text.startswith("phone")} == {4}
    assert "household" in [line.field for line in story.evidence]


def test_two_records_of_one_person_hang_together_over_the_others(rig):
    """They share nothing but a name; the third has the address of one and the phone of the other."""
    by_mail = {"first": "Ada", "last": "Castanheira", "mail": ADA["mail"]}
    by_phone = {"first": "Ada", "last": "Castanheira", "tel": ADA["tel"]}
    read(rig, erp1={**by_mail, **by_phone}, web1=by_mail, web2=by_phone)
    assert rig.home("web", "1") == rig.home("web", "2")

    story = explained(rig, "web:1", "web:2")

    assert story.decision == "one"
    assert [(step.a, step.b) for step in story.path] == [("web:1", "erp:1"), ("erp:1", "web:2")]
    assert all(step.bits > story.weight for step in story.path)


def test_two_records_that_fit_hang_together_directly(rig):
    read(rig, erp1=ADA, web1=ADA)

    (step,) = explained(rig, "erp:1", "web:1").path

    assert (step.a, step.b) == ("erp:1", "web:1")
    assert step.bits == explained(rig, "erp:1", "web:1").weight


def test_what_people_said_is_told_with_who_and_when(rig):
    read(rig, erp1=ADA, web1=ADA)
    split(rig.hub, rig.home("erp", "1"), [("web", "1")], "eve")

    story = explained(rig, "erp:1", "web:1")

    assert story.decision == "different"
    assert [(said.answer, said.person, said.at) for said in story.said] == [("different", "eve", rig.now)]
    assert story.cluster_weight is not None
    assert story.cluster_weight > story.join


def test_the_word_of_a_person_is_told_of_what_is_one_by_it(rig):
    read(rig, erp1=ADA, web1=RUI)
    merge(rig.hub, [rig.home("erp", "1"), rig.home("web", "1")], "eve")

    story = explained(rig, "erp:1", "web:1")

    assert (story.decision, [said.answer for said in story.said]) == ("one", ["same"])


def test_two_that_share_nothing_are_never_compared(rig):
    read(rig, erp1=ADA, web1=EVA)

    story = explained(rig, "erp:1", "web:1")

    assert (story.decision, story.keys, story.cluster_weight) == ("never met", (), None)
