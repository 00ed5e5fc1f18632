"""What a delivery hints at: kinds, ids, merges, scopes; and what a service file may say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.connectors.contract import Context
from hub.connectors.rest import RestConnector, service_type
from hub.connectors.rest.hooks import Hint, Unclear, hints_in, read_hint
from hub.errors import ConfigError, TransientError
from hub.model import Record, Tombstone
from hub.testing.delivering import MemoryInbox
from tests.connectors.rest.acorn import FILE, Acorn, spec

SETTINGS = {**FILE["settings"], "hook_secret": {"help": "of the webhooks", "secret": True}, "list": {"help": "a list"}}
CHANGES = {"call": "GET /contacts", "items": "items", "since": "iso", "paging": {"offset": 0, "total": "total"}}
HOOKS = {
    "secret": "{hook_secret}",
    "hmac": {"header": "x-sign"},
    "kind": "kind",
    "id": "id",
    "deleted": ["gone"],
    "merged": {"kinds": ["joined"], "gone": "gone", "into": "stays"},
}


def hooks(**changed: Any) -> Any:
    told = {name: value for name, value in {**HOOKS, **changed}.items() if value is not None}
    return described(told).webhooks


def described(told: dict[str, Any], **changed: Any) -> Any:
    return spec(settings=SETTINGS, changes=CHANGES, webhooks=told, **changed)


def hinted(body: Any, values: dict[str, Any] | None = None, **changed: Any) -> list[tuple[str, ...]]:
    return [tuple(hint.stored()) for hint in hints_in(hooks(**changed), body, values or {})]


@pytest.mark.parametrize(
    ("changed", "body", "expected"),
    [
        ({}, {"kind": "new", "id": 7}, [("changed", "7")]),
        ({}, [{"kind": "new", "id": "a"}, {"kind": "gone", "id": "b"}], [("changed", "a"), ("deleted", "b")]),
        ({}, [{"kind": "new", "id": "a"}] * 50, [("changed", "a")]),
        ({"changed": ["new"]}, {"kind": "opened", "id": "a"}, []),
        ({"kind": None}, {"id": ["a", "b"]}, [("changed", "a"), ("changed", "b")]),
        ({"id": ["new_id", "id"]}, {"id": "a", "new_id": "b"}, [("changed", "b")]),
        (
            {"events": ["entry", "changes"]},
            {"entry": [{"changes": [{"id": "a"}]}, {"changes": []}]},
            [("changed", "a")],
        ),
        ({"keyed": True, "changed": ["x"]}, {"x": {"id": 1}, "y": "nothing"}, [("changed", "1")]),
        ({"keyed": True}, {"gone": [{"id": 1}, {"id": 2}]}, [("deleted", "1"), ("deleted", "2")]),
        ({"form": "after_colon"}, {"id": "urn:li:lead:77"}, [("changed", "77")]),
        ({"shape": "[0-9]+"}, [{"id": "12"}, {"id": "1' OR"}], [("changed", "12")]),
        ({"deleted": None, "merged": None, "named": True}, {"id": "b@example.org"}, [("named", "b@example.org")]),
        ({"only": {"list": "{list}"}}, [{"id": 1, "list": 3}, {"id": 2, "list": 4}], [("changed", "1")]),
        ({"only": {"list": True}}, [{"id": 1, "list": 3}, {"id": 2}], [("changed", "1")]),
        ({"when": [{"at": "type", "is": ["c", None]}]}, [{"id": 1, "type": "d"}, {"id": 2}], [("changed", "2")]),
        ({}, {"kind": "new", "id": None}, []),
        ({}, {"kind": "new", "id": {"a": 1}}, []),
        ({}, {"kind": "new", "id": "x" * 513}, []),
        ({}, {"kind": "new", "id": "a\nb"}, []),
    ],
)
def test_a_delivery_hints_at_records(changed: dict[str, Any], body: Any, expected: list[Any]) -> None:
    assert hinted(body, {"list": "3"}, **changed) == expected


def test_a_merge_hints_at_all_of_its_records() -> None:
    told = hinted({"kind": "joined", "gone": [2, 3], "stays": 1})

    assert told == [("changed", "1"), ("merged", "2", "1"), ("merged", "3", "1")]


@pytest.mark.parametrize("body", [1, "text", [1], ["a"], [[{"id": 1}]], [{"id": str(n)} for n in range(1001)]])
def test_a_body_of_another_kind_is_unclear(body: Any) -> None:
    with pytest.raises(Unclear):
        hinted(body)


def test_the_place_of_the_id_may_be_a_setting() -> None:
    assert hinted({"data": {"who": "a"}}, {"list": "data.who"}, id="{list}") == [("changed", "a")]


@pytest.mark.parametrize("stored", [None, "changed", ["changed"], ["other", "1"], ["changed", 1], ["a", "b", "c", "d"]])
def test_what_is_no_hint_is_passed_over(stored: Any) -> None:
    assert read_hint(stored) is None


def test_a_hint_is_read_as_it_was_stored() -> None:
    for hint in (Hint("changed", "1"), Hint("merged", "2", "1")):
        assert read_hint(hint.stored()) == hint


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hmac": None}, "either signed"),
        ({"shown": {"query": "key"}}, "either signed"),
        ({"hmac": {"header": "x", "of": "{body}{nothing}"}}, "what is signed"),
        ({"hmac": {"header": "x", "of": "{body}{timestamp}"}}, "belong together"),
        ({"hmac": {"header": "x", "of": "{url}{body}"}}, "`address` is needed"),
        ({"hmac": None, "shown": {"query": "key", "header": "x"}}, "in one place"),
        ({"named": True}, "not by a name"),
        ({"secret": "{no_setting}"}, "neither a setting"),
        ({"handshake": {"challenge": "c", "verify": "v"}}, "belong together"),
        ({"shape": "["}, "no pattern"),
        ({"idd": "id"}, "no such key"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        hooks(**changed)
    assert "acorn.yaml:" in str(caught.value)


def test_webhooks_need_a_reading_by_id() -> None:
    with pytest.raises(ConfigError, match="only hint at records"):
        described(HOOKS, read=None, update=None)


# --- following them ---------------------------------------------------------------------------------


class Listening:
    """A connector of the made-up service, with an inbox of hints."""

    def __init__(self, told: dict[str, Any] | None = None, **changed: Any) -> None:
        self.service, self.inbox, self.numbers = Acorn(), MemoryInbox(), iter(range(10_000))
        kind = service_type("acorn", described(told or HOOKS, **changed))
        clock = self.service.clock
        context = Context("acorn", transport=self.service, clock=clock, sleep=clock.sleep, inbox=self.inbox)
        settings = kind.Settings.model_validate({"secret": "right", "hook_secret": "of-the-hooks", "list": "3"})
        self.connector = kind(settings, context)
        assert isinstance(self.connector, RestConnector)

    def told(self, *hints: list[str]) -> None:
        self.inbox.add(f"d{next(self.numbers)}", self.service.clock(), {"hints": list(hints)})

    def heard(self, since: str | None = None) -> list[Any]:
        return [item for page in self.connector.hear(since) for item in page.items]

    @property
    def paths(self) -> list[str]:
        return [request.url.path.rpartition("/v1")[2] for request in self.service.requests]


def test_a_thousand_hints_at_one_record_are_one_request() -> None:
    listening = Listening()
    listening.service.seed(1)
    for _ in range(1000):
        listening.told(["changed", "1"])

    assert [item.id for item in listening.heard()] == ["1"]
    assert listening.paths == ["/contacts/1"]


def test_a_record_that_an_event_called_deleted_and_is_there_stays() -> None:
    listening = Listening()
    listening.service.seed(1)
    listening.told(["deleted", "1"], ["deleted", "2"], ["merged", "3", "1"], ["changed", "4"])

    one, *gone = listening.heard()

    assert isinstance(one, Record)
    assert gone == [Tombstone("2"), Tombstone("3", None, "1")]


def test_a_record_outside_what_is_listed_is_neither_taken_nor_gone() -> None:
    listening = Listening({**HOOKS, "scope": {"list": "{list}"}})
    listening.service.seed(2)
    listening.service.state["contacts"]["1"]["list"] = 3
    listening.told(["changed", "1"], ["changed", "2"], ["deleted", "2"])

    assert [item.id for item in listening.heard()] == ["1"]


def test_a_hint_that_the_service_refuses_keeps_no_other_back() -> None:
    errors = [{"status": 404, "test": {"at": "message", "has": "no such"}, "means": "refused"}]
    listening = Listening(errors=errors)
    listening.service.seed(1)
    listening.told(["deleted", "x"], ["changed", "1"])

    assert [(type(item), item.id) for item in listening.heard()] == [(Record, "1")]


def test_hints_that_cannot_be_followed_keep_the_listing_from_nothing() -> None:
    listening = Listening(read={"call": "GET /contacts/{id}", "items": "nothing.there"})
    listening.service.seed(2)
    listening.told(["changed", "1"])

    with pytest.raises(TransientError):
        listening.heard()
    assert len([item for page in listening.connector.pull(None) for item in page.items]) == 2


def test_hints_of_days_ago_are_given_up() -> None:
    listening = Listening()
    listening.service.seed(1)
    listening.told(["changed", "1"])
    listening.service.clock.pass_by(timedelta(days=1, seconds=1).total_seconds())

    assert listening.heard() == []
    assert listening.paths == []


def test_a_full_listing_begins_with_the_hints_and_remembers_them() -> None:
    listening = Listening()
    listening.service.seed(3)
    listening.told(["deleted", "9"])

    pages = list(listening.connector.pull(None))

    assert pages[0].items == (Tombstone("9"),)
    assert listening.heard(pages[-1].cursor) == []
    assert len({item.id for page in pages[1:] for item in page.items}) == 3


def test_a_check_tells_where_events_are_taken() -> None:
    listening = Listening()
    listening.service.seed(1)

    assert "takes events at /hooks/acorn" in listening.connector.check().lines


def test_without_a_secret_nothing_is_heard() -> None:
    listening = Listening()
    kind = type(listening.connector)
    context = Context("acorn", transport=listening.service, inbox=listening.inbox)
    listening.told(["changed", "1"])

    connector = kind(kind.Settings.model_validate({"secret": "right"}), context)

    assert not connector.can.events
    with pytest.raises(AssertionError):
        connector.hear(None)
