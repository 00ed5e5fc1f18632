"""From page to page, by every kind, and what happens when a list moves while it is read."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from hub.connectors.contract import Context
from hub.connectors.rest import RestConnector, service_type
from hub.errors import AccountError, ConfigError, CursorExpired, TransientError
from hub.model import Page, Record, Unreadable
from hub.testing.clock import Clock
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


# --- by range ---------------------------------------------------------------------------------------

RANGED = {"headers": {"Range": "{range}"}, "query": None}


def by_range(request: httpx.Request, total: str = "25") -> Any:
    unit, _, span = request.headers["range"].partition("=")
    first, last = map(int, span.split("-"))
    assert unit == "items"
    if first >= len(ROWS):
        return 416, None, {"content-range": f"items */{total}"}
    rows = ROWS[first : last + 1]
    return 206, {"items": rows}, {"content-range": f"items {first}-{first + len(rows) - 1}/{total}"}


def test_pages_by_a_range_header_end_where_its_answer_says() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        asked.append(request.headers["range"])
        return by_range(request)

    assert ids(answering(answer, {"range": "items"}, **RANGED).pull(None)) == [str(row["id"]) for row in ROWS]
    assert asked == ["items=0-9", "items=10-19", "items=20-29"]


def test_pages_by_a_range_header_that_tell_no_number_end_with_an_empty_one() -> None:
    found = answering(lambda request: by_range(request, "*"), {"range": "items"}, **RANGED)
    assert ids(found.pull(None)) == [str(row["id"]) for row in ROWS]


def test_a_range_that_no_header_names_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="paging by range needs a header"):
        spec(list={**FILE["list"], "paging": {"range": "items"}})


# --- exports ----------------------------------------------------------------------------------------

EXPORT = {
    "start": {
        "call": "POST /exports",
        "poll": {"call": "GET /exports/{job}", "job": "id", "done": {"at": "state", "is": "done"}, "failed": "error"},
    },
    "call": "GET /exports/{job}/file",
    "file": "csv",
}
LINES = b'{"id": 1, "first": "Ana"}\n\n{"id": 2, "first": "Eva"}\n'


def exporting(
    files: dict[str, Any], clock: Clock | None = None, hosts: dict[str, set[str]] | None = None, **changed: Any
) -> RestConnector:
    """A connector to a service whose exports are these files, by path; a text is JSON.

    hosts  what was asked of which host, with the names of headers; files of others are on files.example.net
    """

    def handle(request: httpx.Request) -> httpx.Response:
        found = files[request.url.path.removeprefix("/v1")]
        if hosts is not None:
            hosts.setdefault(request.url.host, set()).update(request.headers)
        if isinstance(found, bytes):
            return httpx.Response(200, content=found, headers={"content-type": "text/csv"})
        return httpx.Response(200, json=found)

    elsewhere = {} if hosts is None else {"files_at": ["files.example.net"]}
    described = spec(accept=["application/json", "text/csv"], export={**EXPORT, **changed}, **elsewhere)
    kind = service_type("acorn", described)
    clock = clock or Clock()
    context = Context("acorn", transport=httpx.MockTransport(handle), clock=clock, sleep=clock.sleep)
    connector = kind(kind.Settings.model_validate({"secret": "right"}), context)
    assert isinstance(connector, RestConnector)
    return connector


STARTED = {"/exports": {"id": "e1"}, "/exports/e1": {"state": "done"}}


def test_an_export_is_read_as_a_table_with_names_of_objects_in_it() -> None:
    table = '\ufeffid,first,company.name,company.town,keen\r\n1,"Ana, ""A""\nMaria",Acorn,,true\r\n2,,,,false\r\n'
    connector = exporting({**STARTED, "/exports/e1/file": table.encode()}, file={"kind": "csv", "booleans": ["keen"]})

    _, page = connector.pull(None)

    assert [item.fields for item in page.items if isinstance(item, Record)] == [
        {"id": "1", "first": 'Ana, "A"\nMaria', "company": {"name": "Acorn", "town": None}, "keen": True},
        {"id": "2", "first": None, "company": None, "keen": False},
    ]


def test_an_export_of_several_files_is_read_one_after_another_and_goes_on_where_it_was_cut_off() -> None:
    files = {"/exports": {"id": "e1"}, "/exports/e1": {"state": "done", "files": ["/v1/a", "/v1/b"]}}
    files |= {"/a": LINES, "/b": b'{"id": 3}\n'}
    connector = exporting(files, file="lines", at="files")

    _, first, second = connector.pull(None)
    again = connector.pull(first.cursor)

    assert ids(iter([first, second])) == ["1", "2", "3"]
    assert ids(again) == ["3"]


def test_files_of_an_export_may_lie_on_a_host_that_the_file_names_and_no_key_goes_there() -> None:
    address = "https://files.example.net/a?Signature=1"
    files = {"/exports": {"id": "e1"}, "/exports/e1": {"state": "done", "files": [address]}, "/a": gzip.compress(LINES)}
    hosts: dict[str, set[str]] = {}

    assert ids(exporting(files, hosts=hosts, file="lines", at="files").pull(None)) == ["1", "2"]
    assert "x-key" in hosts["api.acorn.example"]
    assert "x-key" not in hosts["files.example.net"]


def test_files_of_an_export_on_any_other_host_are_not_fetched() -> None:
    address = "https://elsewhere.example.org/a"
    files = {"/exports": {"id": "e1"}, "/exports/e1": {"state": "done", "files": [address]}, "/a": LINES}
    hosts: dict[str, set[str]] = {}

    with pytest.raises(AccountError, match="another host"):
        list(exporting(files, hosts=hosts, file="lines", at="files").pull(None))

    assert set(hosts) == {"api.acorn.example"}


def test_a_large_file_comes_in_pages_that_can_be_taken_up_again() -> None:
    table = b"id\n" + b"".join(b"%d\n" % number for number in range(4500))
    connector = exporting({**STARTED, "/exports/e1/file": table})

    _, *pages = connector.pull(None)

    assert [len(page.items) for page in pages] == [2000, 2000, 500]
    assert len(ids(connector.pull(pages[0].cursor))) == 2500


@pytest.mark.parametrize(
    "files",
    [
        {**STARTED, "/exports/e1/file": b"id,first\n1\n"},
        {**STARTED, "/exports/e1/file": b'id,first\n1,"Ana\n'},
        {**STARTED, "/exports/e1/file": b"id\n\xff\xfe\n"},
        {**STARTED, "/exports/e1/file": {"id": 1}},
        {"/exports": {"id": "e1"}, "/exports/e1": {"state": "late", "error": "no room"}},
    ],
)
def test_an_export_that_is_not_whole_says_nothing_of_who_is_missing(files: dict[str, Any]) -> None:
    with pytest.raises(TransientError):
        list(exporting(files).pull(None))


def test_an_export_that_takes_too_long_is_given_up() -> None:
    clock = Clock()
    with pytest.raises(TransientError, match="not over after 300 seconds"):
        list(exporting({"/exports": {"id": "e1"}, "/exports/e1": {"state": "late"}}, clock).pull(None))


def test_an_export_of_nothing_is_an_empty_listing() -> None:
    assert ids(exporting({**STARTED, "/exports/e1/file": b"id,first\n"}).pull(None)) == []
