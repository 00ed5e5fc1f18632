"""Links to records of another kind: found by name, by one call for many, and left where anything is unclear."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from hub.errors import ConfigError, TransientError
from hub.model import Done, Op, Write
from tests.connectors.rest.acorn import spec
from tests.connectors.rest.table import Told, connect

FIND = {
    "call": "GET /firms",
    "query": {"names": "{names:join}"},
    "items": "items",
    "name": "name",
    "id": "id",
    "size": 3,
}
BY_FIELD = {"field": "firm.name", "find": FIND, "fields": {"firm_id": "{other}"}}
TIE = {"call": "POST /ties", "body": {"all": "{items}"}, "item": {"a": "{id}", "b": "{other}"}, "size": 2}
BY_CALL = {"field": "firm", "keep": True, "find": FIND, "tie": TIE}
MANY = {
    "call": "POST /many",
    "body": {"all": "{items}"},
    "item": {"id": "{id}", "...": "{fields}"},
    "size": 10,
    "result": {"items": "items", "record": ""},
}
FIRMS = [
    {"id": "f1", "name": "Oak"},
    {"id": "f2", "name": "Elm"},
    {"id": "f3", "name": "Ash"},
    {"id": "f4", "name": "ash"},
]


class Service(Told):
    """Contacts that show what was written, and firms by name. `refuses`: (status, body) by path."""

    def __init__(self, **refuses: Any) -> None:
        super().__init__(self.say)
        self.refuses = refuses
        self.more: dict[str, Any] = {}

    def say(self, method: str, path: str, sent: Any) -> Any:
        name = path.split("/")[1]
        if name in self.refuses:
            if isinstance(self.refuses[name], Exception):
                raise self.refuses[name]
            return self.refuses[name]
        if name == "firms":
            wanted = sent["names"].lower().split(",")
            return {"items": [each for each in FIRMS if each["name"].lower() in wanted], **self.more}
        if name == "many":
            return {"items": [{"id": each["id"]} for each in sent["all"]]}
        return {"id": path.rpartition("/")[2]}

    def paths(self, name: str) -> int:
        return sum(path == f"/{name}" for _, path in self.asked)

    @property
    def written(self) -> list[Any]:
        return [each for body in self.bodies if body and "all" in body for each in body["all"]]


def update(record_id: str, firm: Any, **more: Any) -> Write:
    return Write(Op.UPDATE, f"hub:{record_id}", record_id, {"firm": firm, **more})


def test_names_are_looked_for_some_at_a_time_and_each_once() -> None:
    service = Service()
    connector = connect(service, update=MANY, links=[BY_FIELD])
    firms = ["Oak", "oak ", "Elm", "Yew", "Oak", "Fir"]

    connector.write([update(str(n), {"name": firm}, city="Porto") for n, firm in enumerate(firms)])
    connector.write([update("9", {"name": "ELM"}, city="Porto")])

    assert service.paths("firms") == 2
    assert [each.get("firm_id") for each in service.written] == ["f1", "f1", "f2", None, "f1", None, "f2"]
    assert all("firm" not in each for each in service.written)


def test_other_fields_of_the_same_object_are_still_written() -> None:
    service = Service()

    connect(service, update=MANY, links=[BY_FIELD]).write([update("1", {"name": "Oak", "role": "buyer"})])

    assert service.written == [{"id": "1", "firm": {"role": "buyer"}, "firm_id": "f1"}]


def test_of_two_names_that_differ_in_capitals_only_none_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    with caplog.at_level(logging.INFO):
        connect(service, update=MANY, links=[BY_FIELD]).write([update("1", {"name": "Ash"}, city="Porto")])

    assert service.written == [{"id": "1", "city": "Porto"}]
    [said] = [each.getMessage() for each in caplog.records if each.name.startswith("hub.")]
    assert "1 contacts have a company that is not there, or not once" in said
    assert "ash" not in said.lower()


def test_an_answer_that_does_not_hold_all_concludes_nothing() -> None:
    service = Service()
    service.more = {"next": "/firms?page=2"}
    connector = connect(service, update=MANY, links=[{**BY_FIELD, "find": {**FIND, "more": "next"}}])

    connector.write([update("1", {"name": "Oak"}, city="Porto")])

    assert service.written == [{"id": "1", "city": "Porto"}]


@pytest.mark.parametrize("refused", [(403, {}), (400, {"message": "no"}), (404, {})])
def test_a_look_up_that_is_refused_links_nobody_and_keeps_nothing_back(refused: Any) -> None:
    service = Service(firms=refused)

    [outcome] = connect(service, update=MANY, links=[BY_FIELD]).write([update("1", {"name": "Oak"}, city="Porto")])

    assert isinstance(outcome, Done)
    assert service.written == [{"id": "1", "city": "Porto"}]


def test_nothing_is_sent_while_the_look_up_fails() -> None:
    service = Service(firms=httpx.ConnectError("away"))

    with pytest.raises(TransientError):
        connect(service, update=MANY, links=[BY_FIELD]).write([update("1", {"name": "Oak"}, city="Porto")])

    assert service.written == []


def test_an_update_of_which_nothing_is_left_is_not_sent() -> None:
    service = Service()
    connector = connect(service, update=MANY, links=[BY_FIELD])

    outcomes = connector.write(
        [update("1", {"name": "Yew"}), update("2", {"name": "Oak"}), update("3", {"name": None})]
    )

    assert [each.record.id for each in outcomes if isinstance(each, Done) and each.record] == ["1", "2", "3"]
    assert service.written == [{"id": "2", "firm_id": "f1"}]


def test_links_by_a_call_follow_what_was_written() -> None:
    service = Service()
    connector = connect(service, update=MANY, links=[BY_CALL])

    connector.write([update("1", "Oak"), update("2", "Yew"), update("3", "Elm"), update("4", "Oak")])

    ties = [each for each in service.written if "a" in each]
    assert ties == [{"a": "1", "b": "f1"}, {"a": "3", "b": "f2"}, {"a": "4", "b": "f1"}]
    assert service.paths("ties") == 2
    assert [each["firm"] for each in service.written if "id" in each] == ["Oak", "Yew", "Elm", "Oak"]


@pytest.mark.parametrize("refused", [(403, {}), (400, {"message": "no"}), httpx.ConnectError("away")])
def test_a_link_that_fails_is_told_in_the_log_and_the_write_stands(
    refused: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(ties=refused)

    [outcome] = connect(service, update=MANY, links=[BY_CALL]).write([update("1", "Oak")])

    assert isinstance(outcome, Done)
    assert "not linked to their company" in caplog.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fields": None}, "either by"),
        ({"tie": TIE}, "either by"),
        ({"field": "a["}, "links"),
        ({"fnd": 1}, "no such key"),
    ],
)
def test_a_mistake_is_named_with_its_line(changed: dict[str, Any], said: str) -> None:
    told = {name: value for name, value in {**BY_FIELD, **changed}.items() if value is not None}
    with pytest.raises(ConfigError, match=said) as caught:
        spec(update=MANY, links=[told])
    assert "acorn.yaml:" in str(caught.value)
