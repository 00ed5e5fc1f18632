"""What changed since the last time: by a time, by a token, by an address; and what was deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.errors import CursorExpired, TransientError
from hub.model import Cursor, Page, Record, Tombstone
from tests.connectors.rest.acorn import FILE
from tests.connectors.rest.table import Told, connect

BY_TIME = {
    "call": "GET /contacts",
    "query": {"since": "{since}", "until": "{until}", "offset": "{offset}"},
    "items": "items",
    "paging": {"offset": 0},
    "since": "iso",
    "overlap": 60,
}
BY_TOKEN = {"call": "GET /sync", "query": {"token": "{token}"}, "items": "items", "token": "next"}
EXPIRED = [{"status": 400, "test": {"at": "code", "is": "TOKEN_GONE"}, "means": "expired"}]


def last(pages: list[Page]) -> Cursor:
    cursor = pages[-1].cursor
    assert cursor is not None
    return cursor


def nothing(method: str, path: str, sent: Any) -> Any:
    return {"items": [], "total": 0}


def test_the_next_reading_begins_when_the_last_was_answered_less_the_overlap() -> None:
    service = Told(nothing)
    connector = connect(service, changes=BY_TIME)
    begun = service.clock().replace(microsecond=0)
    cursor = last(list(connector.pull(None)))
    service.clock.pass_by(500)

    list(connector.pull(cursor))

    assert datetime.fromisoformat(service.params[-1]["since"]) == begun - timedelta(seconds=60)
    assert datetime.fromisoformat(service.params[-1]["until"]) == service.clock().replace(microsecond=0)


def test_what_changes_while_it_is_read_is_read_the_next_time() -> None:
    def slow(method: str, path: str, sent: Any) -> Any:
        service.clock.pass_by(100)
        start = int(sent.get("offset", 0))
        return {"items": [{"id": n} for n in range(1, 31)][start : start + 10], "total": 30}

    service = Told(slow)
    connector = connect(service, changes=BY_TIME)
    begun = service.clock()
    cursor = last(list(connector.pull(None)))

    list(connector.pull(cursor))

    assert datetime.fromisoformat(service.params[3]["since"]) <= begun + timedelta(seconds=100 - 60)


def test_a_clock_of_theirs_that_is_behind_ours_is_the_one_that_counts() -> None:
    service = Told(nothing)
    connector = connect(service, changes=BY_TIME)
    behind = "Sun, 01 Nov 2026 08:00:00 GMT"
    service.answer = lambda method, path, sent: (200, {"items": [], "total": 0}, {"date": behind})
    cursor = last(list(connector.pull(None)))

    list(connector.pull(cursor))

    assert service.params[-1]["since"] == "2026-11-01T07:59:00Z"


def test_a_quiet_service_is_asked_once() -> None:
    service = Told(nothing)
    connector = connect(service, changes=BY_TIME)
    cursor = last(list(connector.pull(None)))
    service.asked.clear()

    assert [page.items for page in connector.pull(cursor)] == [()]
    assert len(service.asked) == 1


def test_a_reading_that_was_broken_off_goes_on_within_its_span_of_time() -> None:
    def pages(method: str, path: str, sent: Any) -> Any:
        start = int(sent.get("offset", 0))
        return {"items": [{"id": n} for n in range(25)][start : start + 10]}

    service = Told(pages)
    connector = connect(service, changes=BY_TIME, list={**FILE["list"], "paging": {"offset": 0}})
    cursor = last(list(connector.pull(None)))
    service.clock.pass_by(500)
    first = next(iter(connector.pull(cursor)))
    assert first.cursor is not None
    span = service.params[-1]
    service.clock.pass_by(5000)

    rest = list(connector.pull(first.cursor))

    assert [item.id for page in rest for item in page.items if isinstance(item, Record)] == list(
        map(str, range(10, 25))
    )
    assert {service.params[-1][name] for name in ("since", "until")} == {span["since"], span["until"]}


def test_a_token_goes_from_reading_to_reading() -> None:
    def sync(method: str, path: str, sent: Any) -> Any:
        return {"items": [], "total": 0, "next": f"after-{sent.get('token', 'list')}"}

    service = Told(sync)
    connector = connect(service, changes=BY_TOKEN, list={**FILE["list"], "token": "next"})
    first = last(list(connector.pull(None)))
    second = last(list(connector.pull(first)))
    list(connector.pull(second))

    assert service.params[1:] == [{"token": "after-list"}, {"token": "after-after-list"}]


def test_a_token_that_is_an_address_is_asked_as_it_is() -> None:
    def delta(method: str, path: str, sent: Any) -> Any:
        return {"items": [], "total": 0, "next": "https://api.acorn.example/v1/delta?mark=7%2B"}

    service = Told(delta)
    connector = connect(service, changes={**BY_TOKEN, "link": True}, list={**FILE["list"], "token": "next"})
    cursor = last(list(connector.pull(None)))

    list(connector.pull(cursor))

    assert service.asked[-1] == ("GET", "/delta")
    assert service.params[-1] == {"mark": "7+"}


def test_a_token_that_the_service_forgot_means_that_everything_is_listed_again() -> None:
    service = Told(lambda method, path, sent: {"items": [], "total": 0, "next": "t"})
    connector = connect(service, changes=BY_TOKEN, list={**FILE["list"], "token": "next"}, errors=EXPIRED)
    cursor = last(list(connector.pull(None)))
    service.answer = lambda method, path, sent: (400, {"code": "TOKEN_GONE"})

    with pytest.raises(CursorExpired):
        list(connector.pull(cursor))


def test_a_listing_without_a_token_leaves_no_cursor() -> None:
    service = Told(nothing)
    connector = connect(service, changes=BY_TOKEN, list={**FILE["list"], "token": "next"})
    assert [page.cursor for page in connector.pull(None)] == [None]


def test_entries_that_are_tombstones_say_so() -> None:
    service = Told(lambda m, p, s: {"items": [{"id": 1}, {"id": 2, "removed": True, "into": 1}], "total": 2})
    record = {"id": "id", "gone": "removed", "merged": "into"}
    [page] = connect(service, record=record).pull(None)
    assert page.items[1] == Tombstone("2", None, "1")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_may_say_that_nothing_is_there(status: int) -> None:
    service = Told(lambda m, p, s: (status, None))
    assert [page.items for page in connect(service, errors=[{"status": status, "means": "empty"}]).pull(None)] == [()]
    with pytest.raises(TransientError, match="no list"):
        list(connect(service).pull(None))


def test_deletions_are_asked_for_before_the_changes_since_an_id_may_be_given_anew() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        return (
            {"gone": [{"ref": 7, "when": "2026-11-01T10:00:00Z"}]}
            if path == "/deleted"
            else nothing(method, path, sent)
        )

    service = Told(answer)
    deletions = {"call": "GET /deleted", "query": {"since": "{since}"}, "items": "gone", "id": "ref", "at": "when"}
    connector = connect(service, changes=BY_TIME, deletions=deletions)
    cursor = last(list(connector.pull(None)))

    items = [item for page in connector.pull(cursor) for item in page.items]

    assert [item.id for item in items if isinstance(item, Tombstone)] == ["7"]
    assert service.asked == [("GET", "/contacts"), ("GET", "/deleted"), ("GET", "/contacts")]


def test_related_records_are_read_once_for_many_and_stand_beside_the_fields() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        if path == "/companies":
            return {"items": [{"id": 9, "name": "Acme"}]}
        return {"items": [{"id": 1, "firm": 9}, {"id": 2, "firm": 9}, {"id": 3, "firm": 8}, {"id": 4}], "total": 4}

    service = Told(answer)
    read = {"call": "GET /companies", "query": {"ids": "{ids:join}"}, "items": "items", "size": 50}
    related = [{"ids": "firm", "into": "company", "id": "id", "read": read}]
    connector = connect(service, related=related)

    [page] = connector.pull(None)
    list(connector.pull(None))

    fields = [item.fields["company"] for item in page.items if isinstance(item, Record)]
    assert fields == [{"id": 9, "name": "Acme"}, {"id": 9, "name": "Acme"}, None, None]
    assert [
        params for (_, path), params in zip(service.asked, service.params, strict=True) if path == "/companies"
    ] == [{"ids": "9,8"}]


def test_values_have_their_shape_inside_and_outside() -> None:
    born = {"year": 1980, "month": 2, "day": 29}
    service = Told(lambda m, p, s: {"items": [{"id": 1, "names": [{"first": "Ana"}], "born": born}], "total": 1})
    record = {"id": "id", "single": ["names"], "shapes": {"born": "date_parts"}}
    connector = connect(service, record=record)

    [page] = connector.pull(None)

    [item] = page.items
    assert isinstance(item, Record)
    assert (item.fields["names"], item.fields["born"]) == ({"first": "Ana"}, "1980-02-29")


def test_a_listing_that_shows_a_part_has_each_record_read_in_full() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        if path == "/contacts":
            return {"items": [{"id": 1}, {"id": 2}], "total": 2}
        return (404, {}) if path.endswith("/2") else {"id": 1, "first": "Ana", "mails": ["a@example.org"]}

    connector = connect(Told(answer), list={**FILE["list"], "detail": True})
    [page] = connector.pull(None)
    assert page.items == (Record("1", {"id": 1, "first": "Ana", "mails": ["a@example.org"]}),)


def test_a_search_that_shows_a_part_of_what_it_finds_has_it_read_in_full() -> None:
    whole = {"id": 1, "first": "Ana", "mails": ["a@example.org"]}
    find = {"call": "GET /found", "query": {"key": "{key}"}, "items": "items", "detail": True}
    connector = connect(Told(lambda m, path, s: {"items": [{"id": 1}]} if path == "/found" else whole), find=find)
    assert connector.find("hub:1") == Record("1", whole)


def test_records_of_a_listing_by_status_are_marked_with_it() -> None:
    service = Told(lambda method, path, sent: {"items": [{"id": 1}], "total": 1})
    connector = connect(service, list={**FILE["list"], "mark": {"status": "2"}})
    [page] = connector.pull(None)
    assert page.items == (Record("1", {"id": 1, "status": "2"}),)


def test_fields_are_derived_from_elsewhere_in_the_record() -> None:
    there = {"id": 1, "fields": {"first": "Ana"}, "dnc": [{"channel": "email", "reason": 3}]}
    record = {
        "id": "id",
        "fields": "fields",
        "derived": {"no_mail": "dnc[channel=email].reason", "no_sms": "dnc[channel=sms].reason"},
    }
    [page] = connect(Told(lambda m, p, s: {"items": [there], "total": 1}), record=record).pull(None)
    assert page.items == (Record("1", {"first": "Ana", "no_mail": 3, "no_sms": None}),)


def test_fields_may_stand_beside_the_record_that_is_read() -> None:
    body = {"contact": {"id": 5, "first": "Ana"}, "lists": [{"list": 2, "status": 1}, {"list": 3, "status": 9}]}
    settings = {**FILE["settings"], "audience": {"help": "number of the list", "default": "3"}}
    read = {"call": "GET /contacts/{id}", "items": "contact", "beside": {"status": "lists[list={audience}].status"}}

    connector = connect(Told(lambda m, p, s: body), settings=settings, read=read)

    assert connector.read(["5"])["5"].fields == {"id": 5, "first": "Ana", "status": 9}


def test_a_tombstone_may_have_its_id_elsewhere() -> None:
    record = {"id": "contact", "gone": "reason", "gone_id": "id"}
    [page] = connect(
        Told(lambda m, p, s: {"items": [{"id": "7", "reason": "deleted"}], "total": 1}), record=record
    ).pull(None)
    assert page.items == (Tombstone("7"),)


def test_a_zone_may_be_a_setting() -> None:
    settings = {**FILE["settings"], "zone": {"help": "of the site", "default": "America/Sao_Paulo"}}
    service = Told(nothing)
    changes = {**BY_TIME, "since": "plain", "zone": "{zone}", "overlap": 0}
    connector = connect(service, settings=settings, changes=changes)
    begun = service.clock().replace(microsecond=0)
    list(connector.pull(last(list(connector.pull(None)))))
    told = datetime.strptime(service.params[-1]["since"], "%Y-%m-%d %H:%M:%S")
    assert begun.replace(tzinfo=None) - told == timedelta(hours=3)
