"""A query that shows many records that were just written: it confirms, and says nothing of what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.model import Done, Missing, Op, Write
from hub.testing.service import Answer, Call, route
from tests.connectors.rest.acorn import Acorn, connect, spec

WRITTEN = {
    "call": "POST /query",
    "body": {"fields": "{names}", "where": "{items:any}", "most": "{size}"},
    "item": "id in ({ids:join})",
    "each": 2,
    "size": 5,
    "items": "rows",
}
DESCRIBED = spec(
    update={"call": "PATCH /contacts/{id}", "body": "{fields}", "idempotent": True}, written=WRITTEN, at_once=50
)
values = st.sampled_from(["", None, "Ana", "Eva", 1, True, ["Ana"], {"name": "Ana"}])
fields = st.dictionaries(st.sampled_from(["first", "mail"]), values, min_size=1)


class Questioned(Acorn):
    """With a query, which may show something else than what is there. shown: id → row"""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, Mapping[str, Any]] = {}

    @route("POST", "/query", write=False)
    def query(self, call: Call) -> Answer:
        self.asked.append(call)
        ids = [each for each in self.state["contacts"] if each in str(call.json["where"])]
        rows = [self.shown.get(each, self.state["contacts"][each]) for each in ids]
        own = {"id", "version", *call.json["fields"]}
        return Answer(200, {"rows": [{name: row[name] for name in own & row.keys()} for row in rows]})


def written(service: Questioned, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    writes = [Write(Op.UPDATE, f"hub:{name}", name, each) for name, each in changes.items()]
    return dict(zip(changes, connect(service, DESCRIBED).write(writes), strict=True))


def test_one_query_asks_for_the_fields_that_were_sent_and_no_others() -> None:
    service = Questioned()
    service.seed(5)

    outcomes = written(service, {**{str(n): {"first": "Eva"} for n in range(1, 5)}, "5": {"mail": "e@example.org"}})

    [asked] = [call.json for call in service.asked]
    assert asked == {
        "fields": ["first", "mail"],
        "where": "((id in (1,2) or id in (3,4)) or id in (5))",
        "most": 5,
    }
    assert all(isinstance(each, Done) and each.partial for each in outcomes.values())


def test_more_than_a_query_shows_are_several() -> None:
    service = Questioned()
    service.seed(9)

    written(service, {str(number): {"first": "Eva"} for number in range(1, 10)})

    assert [call.json["most"] for call in service.asked] == [5, 4]


@given(st.dictionaries(st.sampled_from("12345"), fields, min_size=2), st.dictionaries(st.sampled_from("12345"), fields))
def test_whatever_a_query_shows_an_outcome_tells_what_is_stored(
    changes: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]]
) -> None:
    service = Questioned()
    service.seed(5)
    service.shown = {
        name: {"id": int(name), "first": "Old", "mail": "old@example.org", **row} for name, row in shown.items()
    }

    outcomes = written(service, changes)

    for name, outcome in outcomes.items():
        assert isinstance(outcome, Done)
        assert outcome.record is not None
        stored = service.state["contacts"][name]
        told = {each: outcome.record.fields[each] for each in changes[name]}
        assert {each: told[each] or None for each in told} == {each: stored[each] or None for each in told}
        assert outcome.partial or outcome.record.fields == stored


def test_a_record_that_left_meanwhile_is_missing_though_a_query_shows_it_still() -> None:
    service = Questioned()
    service.seed(3)
    gone = dict(service.state["contacts"]["2"])

    class Leaving(Questioned):
        @route("PATCH", "/contacts/{name}")
        def change(self, call: Call, name: str) -> Answer:
            return Answer(404, {}) if name == "2" else super().change(call, name)

    leaving = Leaving()
    leaving.state, leaving.shown = service.state, {"2": gone}

    outcomes = written(leaving, {name: {"first": "Eva"} for name in "123"})

    assert outcomes["2"] == Missing()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"written": {**WRITTEN, "item": "id"}}, r"each `item` names \{ids\}"),
        ({"written": {**WRITTEN, "body": {"where": "{items:any}"}}}, r"asks for the fields \{names\}"),
        ({"written": WRITTEN, "read": None}, "`written` needs `read`"),
    ],
)
def test_a_query_that_cannot_be_is_a_mistake_in_the_file(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spec(**changed)
