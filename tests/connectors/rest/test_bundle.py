"""Several requests in one: written, and answers read again."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.contract import Context
from hub.connectors.rest import service_type
from hub.connectors.rest.bundle import PartRequest, read_bundle, write_bundle
from hub.connectors.rest.jobs import is_flat, table_of
from hub.errors import ConfigError
from hub.model import Done, NotSent, Op, Outcome, Refused, Unknown, Write
from hub.testing.service import Answer
from tests.connectors.rest.acorn import spec
from tests.fakes.services.odata_batch import read_batch, write_batch

BUNDLE = {"call": "POST /$batch", "size": 3}
UPDATE = {"call": "PATCH /contacts/{id}", "body": "{fields}", "record": "", "bundled": True}
JSON = st.recursive(st.text() | st.integers(-1000, 1000) | st.none(), lambda inner: st.lists(inner, max_size=3))


@given(bodies=st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=5), sets=st.booleans())
def test_what_is_bundled_is_read_as_it_was_written(bodies: list[dict[str, Any]], sets: bool) -> None:
    parts = [PartRequest("PATCH", f"/v1/c/{n}?a=%20", {"If-Match": "*"}, orjson.dumps(b)) for n, b in enumerate(bodies)]

    kind, raw = write_bundle(parts, sets=sets)
    found = [inner for entry in read_batch(kind, raw) for inner in entry]

    assert [orjson.loads(inner.content) for inner in found] == bodies
    assert [inner.path for inner in found] == [f"/v1/c/{n}" for n in range(len(bodies))]
    assert {inner.in_set for inner in found} == {sets}


@given(bodies=st.lists(st.dictionaries(st.text(), JSON, min_size=1, max_size=3), max_size=5), sets=st.booleans())
def test_answers_are_read_in_their_order_also_out_of_sets(bodies: list[dict[str, Any]], sets: bool) -> None:
    answers = [[Answer(404 if n % 2 else 200, body, {"ETag": f'"{n}"'})] for n, body in enumerate(bodies)]
    raw, headers = write_batch(answers, range(len(answers)) if sets else ())
    if not bodies:
        return

    found = read_bundle(headers["content-type"], raw)

    assert [orjson.loads(each.body) for each in found] == bodies
    assert [each.status for each in found] == [each.status for [each] in answers]
    assert [each.headers["etag"] for each in found] == [f'"{n}"' for n in range(len(bodies))]


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("application/json", b"{}"),
        ("multipart/mixed; boundary=x", b"--x\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{"),
        ("multipart/mixed; boundary=x", b"--x\r\nContent-Type: application/http\r\n\r\nwhatever\r\n--x--\r\n"),
        ("multipart/mixed", b""),
    ],
)
def test_what_is_no_whole_bundle_is_refused(kind: str, raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"answers|status"):
        read_bundle(kind, raw)


# --- through a connector ----------------------------------------------------------------------------


class Bundled:
    """A service that takes bundles: `judge` says the status of what is asked of a contact."""

    def __init__(self, judge: Any, refuses: bool = False) -> None:
        self.judge, self.refuses = judge, refuses
        self.sizes: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/$batch"):
            return self.answer(request.url.path, request.content)
        inner = [each for [each] in read_batch(request.headers["content-type"], request.content)]
        self.sizes.append(len(inner))
        if self.refuses:
            return httpx.Response(400, json={"message": "too many"})
        found = [self.answer(each.path, each.content) for each in inner]
        raw, headers = write_batch([[Answer(each.status_code, each.json())] for each in found])
        return httpx.Response(200, content=raw, headers=headers)

    def answer(self, path: str, content: bytes) -> httpx.Response:
        name = path.rpartition("/")[2]
        status = self.judge(name)
        sent = orjson.loads(content) if content else {"first": "Ana"}
        return httpx.Response(status, json={"id": name, **sent} if status < 400 else {"message": "no"})


def written(service: Bundled, names: str, **fields: Any) -> list[Outcome]:
    kind = service_type("acorn", spec(bundle=BUNDLE, update=UPDATE))
    context = Context("acorn", transport=httpx.MockTransport(service), sleep=lambda seconds: None)
    connector = kind(kind.Settings.model_validate({"secret": "right"}), context)
    return connector.write([Write(Op.UPDATE, f"hub:{name}", name, fields or {"first": "Ana"}) for name in names])


def test_bundles_are_as_large_as_the_file_says_and_one_call_goes_alone() -> None:
    service = Bundled(lambda name: 200)

    outcomes = written(service, "abcdefg")

    assert {type(each) for each in outcomes} == {Done}
    assert service.sizes == [3, 3]


def test_each_call_of_a_bundle_is_judged_as_if_it_were_alone() -> None:
    statuses = {"a": 200, "b": 400, "c": 500, "d": 429, "e": 403, "f": 200}

    outcomes = written(Bundled(statuses.__getitem__), "abcdef")

    assert [type(each) for each in outcomes] == [Done, Refused, Unknown, NotSent, NotSent, Done]


def test_a_bundle_that_is_refused_as_a_whole_goes_one_by_one() -> None:
    statuses = {"a": 200, "b": 400, "c": 500, "d": 403}

    outcomes = written(Bundled(statuses.__getitem__, refuses=True), "abc")
    rest = written(Bundled(statuses.__getitem__, refuses=True), "ad")

    assert [type(each) for each in outcomes] == [Done, Refused, Unknown]
    assert [type(each) for each in rest] == [Done, NotSent]


def test_a_value_that_is_no_json_costs_only_its_own_write() -> None:
    service = Bundled(lambda name: 200)
    assert [type(each) for each in written(service, "ab", first="\ud800")] == [Refused, Refused]
    assert service.sizes == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"update": UPDATE}, "needs `bundle`"),
        ({"update": {**UPDATE, "whole": True}, "bundle": BUNDLE}, "a call for one, without"),
        ({"update": UPDATE, "bundle": {**BUNDLE, "item": "{call.number}"}}, "needs both `item` and `parts`"),
    ],
)
def test_a_bundle_that_cannot_be_is_a_mistake_in_the_file(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spec(**changed)


# --- tables of jobs ---------------------------------------------------------------------------------


def test_a_table_leaves_cells_empty_that_a_row_does_not_speak_of_and_says_what_is_emptied() -> None:
    rows = [{"Id": "1", "Name": 'Ana, "A"\nMaria', "Out": True}, {"Id": "2", "Name": None}]

    assert table_of(rows, "#N/A").decode() == 'Id,Name,Out\n1,"Ana, ""A""\nMaria",true\n2,#N/A,\n'


@pytest.mark.parametrize(
    ("value", "flat"), [("text", True), (None, True), ([1], False), ({}, False), ("\ud800", False)]
)
def test_a_table_has_no_room_for_lists_objects_and_half_characters(value: Any, flat: bool) -> None:
    assert is_flat({"Id": "1", "value": value}) is flat
