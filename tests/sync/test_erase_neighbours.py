"""Of any neighbourhood, one is erased: everybody else stays as they were, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.connectors.contract import Can
from hub.model import Interaction
from hub.store.db import loads
from hub.store.lists import Part
from hub.sync import erase, history
from tests.fakes.rig import START, Rig, can
from tests.sync.test_history import NOTHING

FAMILY_MAIL, ROLE_MAIL = "abreu@example.org", "info@example.org"
MAILS = (FAMILY_MAIL, ROLE_MAIL, "ada@example.org", "bruno@example.org", "a.abreu@example.org", "")
PHONES = ("912345678", "961234567", "213456789", "")
INTERNATIONAL = {number: f"+351{number}" for number in PHONES if number}


@dataclass(frozen=True)
class Neighbour:
    """A row of one system, as somebody typed it in."""

    system: str
    first: str
    last: str
    mail: str
    tel: str
    news: str

    @property
    def columns(self) -> dict[str, str]:
        said = {"news": self.news, "news_at": "2026-01-02T03:04:05Z"} if self.news else {}
        named = {"first": self.first, "last": self.last, "mail": self.mail, "tel": self.tel}
        return {name: value for name, value in {**named, **said}.items() if value}


neighbours = st.builds(
    Neighbour,
    system=st.sampled_from(["crm", "shop"]),
    first=st.sampled_from(["Ada", "Bruno", "Carla", ""]),
    last=st.sampled_from(["Abreu", "Teles"]),
    mail=st.sampled_from(MAILS),
    tel=st.sampled_from(PHONES),
    news=st.sampled_from(["Y", "N", ""]),
)
calls = st.tuples(
    st.lists(st.sampled_from(sorted(INTERNATIONAL.values())), max_size=2, unique=True),
    st.lists(st.sampled_from([mail for mail in MAILS if mail]), max_size=2, unique=True),
).filter(any)
streets = st.lists(neighbours, min_size=2, max_size=7)
FAMILY = [
    Neighbour("crm", "Ada", "Abreu", FAMILY_MAIL, "213456789", "Y"),
    Neighbour("crm", "Bruno", "Abreu", FAMILY_MAIL, "213456789", "N"),
    Neighbour("shop", "Ada", "Abreu", "ada@example.org", "912345678", ""),
    Neighbour("shop", "Ada", "Abreu", ROLE_MAIL, "", "N"),
    Neighbour("crm", "", "Teles", ROLE_MAIL, "", "Y"),
]


def settled(street: Sequence[Neighbour], heard: Sequence[tuple[list[str], list[str]]]) -> Rig:
    rig = Rig()
    rig.add("crm", can()), rig.add("shop", can())
    rig.add("pbx", Can(changes=True, complete=False), table=NOTHING, push="no")
    for number, each in enumerate(street):
        rig.systems[each.system].put(f"r{number}", **each.columns)
    rig.systems["pbx"].extra = [
        Interaction(
            *(f"call-{number}", datetime.fromtimestamp(START + number, UTC), "call", "call.answered", "in"),
            phones=tuple(phones),
            emails=tuple(mails),
            summary=f"call {number}",
        )
        for number, (phones, mails) in enumerate(heard)
    ]
    rig.settle(rounds=3)
    return rig


def held(rig: Rig, golden_id: str) -> dict[str, Any]:
    """All of one golden record. Of what happened with several, the points of the others are theirs."""
    [golden] = rig.rows("SELECT * FROM golden WHERE id = :g", g=golden_id)
    own = points(rig, golden_id)
    with rig.store.read() as tx:
        listed = history.timeline(tx, golden_id, Part(1000))
    assert listed is not None
    return {
        "golden": golden,
        "records": rig.rows("SELECT * FROM record WHERE golden_id = :g ORDER BY id", g=golden_id),
        "pins": rig.rows("SELECT * FROM pin WHERE golden_id = :g ORDER BY field", g=golden_id),
        "history": rig.rows("SELECT * FROM change WHERE golden_id = :g ORDER BY id", g=golden_id),
        "statements": rig.rows("SELECT * FROM statement WHERE point IN :*p ORDER BY point", p=sorted(own)),
        "happened": [
            (each.id, each.at, each.channel, each.kind, each.direction, each.summary, own & set(each.points))
            for each in listed.rows
        ],
    }


def points(rig: Rig, golden_id: str) -> set[str]:
    [(fields,)] = rig.rows("SELECT fields FROM golden WHERE id = :g", g=golden_id)
    return {key for key in loads(fields) if key.startswith(("emails/", "phones/"))}


@settings(max_examples=40)
@example(FAMILY, [(["+351213456789", "+351912345678"], []), ([], [FAMILY_MAIL]), ([], [ROLE_MAIL])], 0)
@given(streets, st.lists(calls, max_size=4), st.integers(0, 6))
def test_everybody_else_stays_as_they_were(
    street: list[Neighbour], heard: list[tuple[list[str], list[str]]], chosen: int
) -> None:
    rig = settled(street, heard)
    try:
        there = rig.goldens()
        erased = there[chosen % len(there)]
        before = {each: held(rig, each) for each in there if each != erased}

        erase.erase(rig.hub, erased, "eve")

        assert {each: held(rig, each) for each in before} == before
        assert rig.goldens() == sorted(before)
        rig.settle(rounds=3)
        fields = {each: held(rig, each)["golden"] for each in before}
        assert fields == {each: said["golden"] for each, said in before.items()}
    finally:
        rig.close()
