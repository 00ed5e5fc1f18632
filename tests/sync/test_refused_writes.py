"""What a system refused to take is put right on the contact, and written again."""

from __future__ import annotations

import json

import pytest

from hub.errors import ConfigError, Overtaken
from hub.store.lists import ParkedFilter
from hub.sync.refused_writes import Looked, contacts_of, correct_contacts, sent_fields
from tests.fakes.rig import ADA, EVA, RUI, Rig
from tests.fakes.systems import refused

WRONG = {**ADA, "mail": "ada@exmaple.org", "note": "far too long for it"}


@pytest.fixture
def rig() -> Rig:
    """Three people of `crm` were not taken by `erp`."""
    rig = Rig()
    crm = rig.add("crm")
    erp = rig.add("erp")
    for number, person in enumerate((WRONG, RUI, EVA), start=1):
        crm.put(str(number), **person)
    rig.sync("crm")
    erp.answers.append(refused("invalid e-mail"))
    rig.sync("erp")
    return rig


def numbers(rig: Rig) -> dict[str, int]:
    """Given name → number of the refused write."""
    return {json.loads(row.original)["given_name"]: row.number for row in rig.parked("write")}


def put_right(rig: Rig, *names: str, **more: object) -> int:
    there = numbers(rig)
    chosen = ParkedFilter(numbers=tuple(there[name] for name in names))
    values = more.pop("values")
    return len(correct_contacts(rig.hub, chosen, values, "eve", "PT", **more))


def mails(rig: Rig) -> list[str]:
    return sorted(row.fields.get("mail") or "" for row in rig.systems["erp"].rows.values())


def test_what_was_sent_is_shown_field_by_field(rig):
    [row] = [row for row in rig.parked("write") if row.number == numbers(rig)["Ada"]]

    assert sent_fields(row)["emails/ada@exmaple.org"] == "ada@exmaple.org"
    assert sent_fields(row)["note"] == "far too long for it"
    home = rig.home("crm", "1")
    with rig.store.read() as tx:
        assert contacts_of(tx, [row]) == {row.number: home}


def test_an_address_that_was_refused_is_replaced_on_the_contact_and_written_again(rig):
    assert put_right(rig, "Ada", values={"emails/ada@exmaple.org": "ada@example.org"}) == 1
    assert "emails/ada@exmaple.org" not in rig.golden("crm", "1")
    rig.sync("erp")
    rig.sync("crm")

    assert mails(rig) == ["ada@example.org"]
    assert rig.systems["crm"].rows["1"].fields["mail"] == "ada@example.org"
    assert "Ada" not in numbers(rig)


def test_it_stays_right_when_the_system_it_came_from_says_the_same_again(rig):
    put_right(rig, "Ada", values={"note": "short"})
    rig.systems["crm"].put("1", note="far too long for it", job="Clerk")
    rig.settle()

    assert rig.golden("crm", "1")["note"] == "short"


def test_many_are_put_right_at_once(rig):
    values = {"emails": ""}
    assert put_right(rig, "Ada", "Rui", "Eva", values=values, looked=Looked(seen=3)) == 3
    rig.sync("erp")

    assert mails(rig) == ["", "", ""]


def test_a_value_that_is_none_of_its_field_changes_nothing(rig):
    with pytest.raises(ConfigError, match="othing was changed"):
        put_right(rig, "Ada", values={"emails/ada@exmaple.org": "nonsense"})
    with pytest.raises(ConfigError, match="nothing was changed") as caught:
        put_right(rig, "Ada", values={"emails/nobody@example.org": "ada@example.org"})

    assert "example.org" not in str(caught.value)
    assert len(rig.parked("write")) == 3
    assert rig.golden("crm", "1")["emails/ada@exmaple.org"] == {}


def test_what_was_not_looked_at_is_not_put_right(rig):
    with pytest.raises(Overtaken, match="3 such records"):
        put_right(rig, "Ada", "Rui", "Eva", values={"emails": ""}, looked=Looked(seen=2))
    with pytest.raises(Overtaken, match="came again"):
        put_right(rig, "Ada", values={"note": ""}, looked=Looked(mark="another"))


def test_the_audit_says_that_it_was_done_and_no_values(rig):
    put_right(rig, "Ada", values={"emails/ada@exmaple.org": "ada@example.org"})
    told = rig.rows("SELECT action, detail FROM audit")

    assert {"pinned", "refused writes corrected"} <= {action for action, _ in told}
    assert "exmaple" not in str(told) and "example.org" not in str(told)
