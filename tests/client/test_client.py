"""The Python client against the API, served."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from hub.access.rights import Role
from hub.client import (
    ChangedMeanwhile,
    Client,
    NotAllowed,
    NotReachable,
    NotThere,
    NotValid,
    Overtaken,
)
from hub.web.server import serve


@pytest.fixture
def url(api) -> Iterator[str]:
    serving = serve(api.app, port=0)
    yield serving.url
    serving.stop()


@pytest.fixture
def client(url) -> Iterator[Client]:
    with Client(url, "of-the-test") as made:
        yield made


class CutOff(httpx.BaseTransport):
    """The first answers never arrive, though the hub has done it."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        if self.lost > 0 and request.method != "GET":
            answer.read()
            answer.close()
            self.lost -= 1
            raise httpx.ReadTimeout("lost", request=request)
        return answer

    def close(self) -> None:
        self._inner.close()


def test_lists_are_read_page_by_page(client):
    names = [each["name"] for each in client.search("example", page=2)]

    assert len(names) == len(set(names)) >= 5
    assert len(list(client.rows("runs", page=2))) == len(list(client.rows("runs")))


def test_a_caller_is_looked_up_and_the_call_noted(client):
    [match] = [each for each in client.lookup(phone="912 000 001") if each["name"] == "Ann Baker"]
    client.log(match["id"], "call.answered", channel="call", direction="in", summary="asked for the invoice")

    assert [each["summary"] for each in client.timeline(match["id"])] == ["asked for the invoice"]
    assert client.lookup(phone="+351 934 000 999") == []


def test_what_lost_its_answer_is_sent_again_and_done_once(api, url):
    golden_id = api.one("ann baker")
    with Client(url, "t", transport=CutOff(lost=2)) as client:
        client.log(golden_id, "note", summary="once")

        assert [each["summary"] for each in client.timeline(golden_id)] == ["once"]


def test_what_never_has_an_answer_says_so(api, url):
    golden_id = api.one("ann baker")
    with Client(url, "t", transport=CutOff(lost=99)) as client, pytest.raises(NotReachable):
        client.log(golden_id, "note", summary="once")


def test_who_comes_second_sees_the_difference(api, client):
    contact = client.contact(api.one("ann baker"))
    changed = client.pin(contact, "job_title", "Director")

    with pytest.raises(ChangedMeanwhile) as late:
        client.pin(contact, "department", "Buying")
    assert late.value.changes["job_title"][1] == "Director"
    assert late.value.etag == f'"{changed["version"]}"'
    assert client.unpin(changed, "job_title")["version"] > changed["version"]


def test_problems_are_told_apart_by_what_to_do(api, client):
    with pytest.raises(NotThere):
        client.contact("gnobody")
    with pytest.raises(NotValid):
        client.log("gnobody", "dance")
    [review] = client.rows("reviews")
    client.answer(review["number"], "different")
    with pytest.raises(Overtaken) as late:
        client.answer(review["number"], "same")
    assert late.value.kind == "overtaken"
    api.role = Role.VIEWER
    with pytest.raises(NotAllowed):
        client.contact("gnobody")
    with pytest.raises(NotAllowed):
        list(client.export("contacts"))


def test_exports_come_in_parts(client):
    assert b"".join(client.export("crosswalk")).startswith(b"connection,external_id,golden_id\r\n")


def test_work_lists_are_worked_off(api, client):
    [conflict] = client.rows("conflicts")
    client.accept(conflict["number"])
    parked = [each["number"] for each in client.rows("parked")]

    assert client.retry(numbers=parked) == len(parked)
    assert list(client.rows("conflicts")) == []
    assert client.status()["work"]["conflicts"]["count"] == 0


def test_a_connection_is_paused_started_and_run(api, client):
    client.pause("crm", "moving")
    assert client.start("crm")["state"] == "started"
    client.run("crm", full=True)

    assert api.begun == [("crm", True, "token:test")]


def test_a_mapping_is_tried_and_saved_over_what_was_shown(api, client):
    api.role = Role.ADMINISTRATOR
    shown = client.mapping("crm")
    table = {**shown["mapping"], "ignore": ["id"]}

    assert client.try_mapping("crm", table)["wrong"] == []
    assert client.save_mapping(shown, table)["rows"] == ["ignore"]
    with pytest.raises(ChangedMeanwhile):
        client.save_mapping(shown, shown["text"])
