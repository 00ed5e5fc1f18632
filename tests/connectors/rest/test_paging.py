"""From page to page, by every kind, and what happens when a list moves while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from hub.connectors.contract import Context
from hub.connectors.rest import RestConnector, service_type
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Page, Record, Unreadable
from tests.connectors.rest.acorn import FILE, Acorn, connect, spec

ROWS = [{"id": number} for number in range(1, 26)]


def ids(pages: Iterator[Page]) -> list[str]:
    return [item.id for page in pages for item in page.items if isinstance(item, Record)]


def answering(answer: Any, paging: dict[str, Any], **listing: Any) -> RestConnector:
    """A connector to a service that answers each request by a function of it."""

    def handle(request: httpx.Request) -> httpx.Response:
        status, body, headers = answer(request)
        content = None if body is None else orjson.dumps(body)
        return httpx.Response(status, content=content, headers={"content-type": "application/json", **headers})

    described = spec(list={**FILE["list"], "paging": paging, **listing})
    kind = service_type("acorn", described)
    context = Context("acorn", transport=httpx.MockTransport(handle))
    connector = kind(kind.Settings.model_validate({"secret": "right"}), context)
    assert isinstance(connector, RestConnector)
    return connector


def slice_of(request: httpx.Request, start: int) -> list[dict[str, int]]:
    return ROWS[start : start + int(request.url.params["limit"])]


def by_page(request: httpx.Request) -> Any:
    return 200, {"items": slice_of(request, (int(request.url.params["page"]) - 1) * 10)}, {}


def by_cursor(request: httpx.Request) -> Any:
    start = int(request.url.params.get("after", 0))
    following = {"next": {"after": str(start + 10)}} if start + 10 < 25 else {}
    return 200, {"items": slice_of(request, start), "paging": following}, {}


def by_header(request: httpx.Request) -> Any:
    start = int(request.url.params.get("after", 0))
    return 200, {"items": slice_of(request, start)}, {"x-next": str(start + 10)} if start + 10 < 25 else {}


def by_address(request: httpx.Request) -> Any:
    start = int(request.url.params.get("start", 0))
    following = f"/v1/contacts?limit=10&start={start + 10}" if start + 10 < 25 else None
    return 200, {"items": slice_of(request, start), "next": following}, {}


def by_link(request: httpx.Request) -> Any:
    start = int(request.url.params.get("start", 0))
    link = f'<https://api.acorn.example/v1/contacts?limit=10&start={start + 10}>; rel="next"'
    return 200, {"items": slice_of(request, start)}, {"link": link} if start + 10 < 25 else {}


def by_last(request: httpx.Request) -> Any:
    return 200, {"items": slice_of(request, int(request.url.params["above"]))}, {}


QUERY = {"limit": "{size}"}


@pytest.mark.parametrize(
    ("answer", "paging", "query"),
    [
        (by_page, {"page": 1}, {"page": "{page}"}),
        (by_cursor, {"cursor": "paging.next.after"}, {"after": "{cursor}"}),
        (by_header, {"cursor_header": "x-next"}, {"after": "{cursor}"}),
        (by_address, {"next": "next"}, {}),
        (by_link, {"link": True}, {}),
        (by_last, {"last": "0"}, {"above": "{last}"}),
    ],
)
def test_every_kind_of_paging_reads_all_and_goes_on_at_every_page(answer: Any, paging: Any, query: Any) -> None:
    connector = answering(answer, paging, query={**QUERY, **query})
    pages = list(connector.pull(None))
    everything = [str(row["id"]) for row in ROWS]

    assert ids(iter(pages)) == everything
    for number, page in enumerate(pages[:-1], 1):
        assert page.cursor is not None
        assert ids(connector.pull(page.cursor)) == everything[number * 10 :]


def test_a_service_that_gives_fewer_than_asked_is_read_to_its_end() -> None:
    def capped(request: httpx.Request) -> Any:
        return 200, {"items": ROWS[int(request.url.params["offset"]) :][:7]}, {}

    connector = answering(capped, {"offset": 0}, query={**QUERY, "offset": "{offset}"})
    assert len(ids(connector.pull(None))) == 25


def test_a_numbered_list_that_moves_is_read_again() -> None:
    service = Acorn()
    service.seed(25)

    def leave(offset: int) -> None:
        if offset == 10:
            service.state["contacts"].pop("1", None)

    service.before_page = leave
    found = ids(connect(service).pull(None))

    assert set(found) >= {str(number) for number in range(2, 26)}
    assert "11" in found  # it moved to the page that was read already


def test_nothing_is_concluded_from_a_list_that_moves_all_the_time() -> None:
    service = Acorn()
    service.seed(40)

    def leave(offset: int) -> None:
        service.state["contacts"].pop(next(iter(service.state["contacts"])))

    service.before_page = leave
    with pytest.raises(TransientError, match="changed each time"):
        list(connect(service).pull(None))


def test_an_address_of_another_host_is_not_followed() -> None:
    def elsewhere(request: httpx.Request) -> Any:
        return 200, {"items": ROWS[:1], "next": "https://evil.example/contacts"}, {}

    with pytest.raises(AccountError, match="another host"):
        list(answering(elsewhere, {"next": "next"}).pull(None))


def test_something_else_than_a_list_is_no_empty_list() -> None:
    with pytest.raises(TransientError, match="no list"):
        list(answering(lambda request: (200, {"items": {"error": "x"}}, {}), {}).pull(None))


def test_an_entry_without_an_id_is_set_aside_and_the_others_are_read() -> None:
    connector = answering(lambda request: (200, {"items": [{"first": "x"}, {"id": 2}, "text"]}, {}), {})
    [page] = connector.pull(None)
    assert [type(item) for item in page.items] == [Unreadable, Record, Unreadable]


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"kind": "other"}', '{"kind": "list", "part": 9}', '{"a": 1}'])
def test_a_cursor_of_something_else_means_that_everything_is_listed_again(cursor: str) -> None:
    with pytest.raises(CursorExpired):
        list(connect(Acorn()).pull(cursor))
