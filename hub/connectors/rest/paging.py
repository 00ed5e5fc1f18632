"""From page to page: what the next call needs, and whether all has been seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import httpx

from hub.connectors.rest.calls import Export, Listing, Paging
from hub.connectors.rest.exchange import Answer, Exchange, Said
from hub.connectors.rest.export import MOST, begin, begun, records, wait
from hub.connectors.rest.words import Values, Where
from hub.errors import TransientError

PASSES = 3  # readings of a list that moves while it is read, before it is left for the next run

State: TypeAlias = dict[str, Any]
"""Where to go on, as JSON: what fills a gap, or the address to ask; with `read` and `total` so far."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One page as the service gave it. `next`: where to go on; None after the last."""

    items: list[Any]
    answer: Answer
    next: State | None


def walk(exchange: Exchange, listing: Listing, values: Values, state: State | None, last_id: Where) -> Iterator[Batch]:
    """Every page from `state` on.

    last_id  place of the id in an item
    TransientError when a numbered list moved at each of several readings: who is missing in it means nothing.
    """
    if isinstance(listing, Export):
        yield from _exported(exchange, listing, values, state, last_id)
        return
    start = _begin(listing.paging)
    state = {**start, **(state or {})}
    paging = listing.paging
    numbered = paging.page is not None or paging.offset is not None or paging.range is not None
    before: set[str] = set()
    for _ in range(PASSES):
        while True:
            items, answer = _page(exchange, listing, values, state)
            ids = {str(last_id.of(item)) for item in items} if numbered else set()
            if ids & before:  # they moved, or an old page came again
                state = {**state, "moved": True}
            before = ids
            following, moved = _next(listing.paging, state, items, answer, last_id)
            if following is not None:
                yield Batch(items, answer, following)
                state = following
                continue
            yield Batch(items, answer, start if moved else None)
            if not moved:
                return
            break
        state, before = start, set()
    raise TransientError(
        "The list changed each time it was read; nothing is concluded from who is missing. The next run reads it again."
    )


def _exported(
    exchange: Exchange, export: Export, values: Values, state: State | None, last_id: Where
) -> Iterator[Batch]:
    """Everything that an export holds. It is started once; a reading that was cut off goes on within it.

    `skip` is how many records of a file have been read: a file may hold more than a page.
    """
    state = state or begin(exchange, export, values)
    at = begun(state)
    while state.get("waits"):  # an empty page keeps the place: a run that ends meanwhile goes on with this export
        yield Batch([], Answer(None, {}, at), state)
        state = wait(exchange, export, values, state)
    while True:
        answer, following = _file(exchange, export, values, state, last_id)
        rows = records(export.file, answer.body)
        answer = replace(answer, at=at)
        skip = state.get("skip", 0)
        for start in range(skip, len(rows), MOST):
            page, rest = rows[start : start + MOST], start + MOST < len(rows)
            yield Batch(page, answer, {**state, "skip": start + MOST} if rest else following)
        if skip >= len(rows):
            yield Batch([], answer, following)
        if following is None:
            return
        state = following


def _file(
    exchange: Exchange, export: Export, values: Values, state: State, last_id: Where
) -> tuple[Answer, State | None]:
    """One part of it, and where the next one is."""
    kept = {name: each for name, each in state.items() if name in {"job", "begun"}}
    files = state.get("files")
    if files is None:
        answer = exchange.ask(
            export, {"size": export.size, **values, **state}, idempotent=True, address=state.get("address")
        )
        following = _pointed(export.paging, [], answer, last_id)
        return answer, None if following is None else {**kept, **following}
    if not files:
        return Answer(None, {}, None), None
    answer = exchange.file(export, values, files[0])
    return answer, {**kept, "files": files[1:]} if files[1:] else None


def _begin(paging: Paging) -> State:
    if paging.page is not None:
        return {"page": paging.page, "read": 0}
    if paging.offset is not None or paging.range is not None:
        return {"offset": paging.offset or 0, "read": 0}
    if paging.last is not None:
        return {"last": paging.last}
    return {}


def _page(exchange: Exchange, listing: Listing, values: Values, state: State) -> tuple[list[Any], Answer]:
    filled = {"size": listing.size, **values, **state}
    if listing.paging.range is not None:
        filled["range"] = f"{listing.paging.range}={state['offset']}-{state['offset'] + filled['size'] - 1}"
    try:
        answer = exchange.ask(listing, filled, idempotent=True, address=state.get("address"))
    except Said as error:
        if error.means != "empty":
            raise
        return [], Answer(None, {}, None)
    return items_of(listing, answer.body), answer


def items_of(listing: Any, body: Any) -> list[Any]:
    """The list in an answer. TransientError when something else stands there, or no such place."""
    found = listing.items.of(body)
    if (found is None or found == "") and (listing.optional or (body is not None and listing.items.has(body))):
        return []
    if listing.keyed and isinstance(found, Mapping):
        return list(found.values())
    if listing.keyed and found == []:
        return []
    if not isinstance(found, list):
        raise TransientError("The answer holds no list where one belongs; nothing was read.")
    return found


def _next(paging: Paging, state: State, items: list[Any], answer: Answer, last_id: Where) -> tuple[State | None, bool]:
    """(where to go on, None after the last; did a numbered list move while it was read)"""
    more = paging.more is None or paging.more.holds(answer.body)
    if paging.page is not None or paging.offset is not None or paging.range is not None:
        return _numbered(paging, state, items, answer, more)
    left = _total(paging, answer)
    if not more or (paging.last is not None and left is not None and left <= len(items)):
        return None, False
    return _pointed(paging, items, answer, last_id), False


def _pointed(paging: Paging, items: list[Any], answer: Answer, last_id: Where) -> State | None:
    if paging.last is not None:
        return {"last": str(last_id.of(items[-1]))} if items else None
    if paging.link or paging.next is not None:
        address = _linked(answer) if paging.next is None else paging.next.of(answer.body)
        return {"address": address} if isinstance(address, str) and address else None
    cursor = None
    if paging.cursor is not None:
        cursor = paging.cursor.of(answer.body)
    elif paging.cursor_header is not None:
        cursor = answer.headers.get(paging.cursor_header)
        cursor = None if cursor == "null" else cursor  # a header has no other word for nothing
    return None if cursor in (None, "") else {"cursor": cursor}


def _numbered(paging: Paging, state: State, items: list[Any], answer: Answer, more: bool) -> tuple[State | None, bool]:
    """By number: over when a page is empty or all are read. A total that changes means that pages shifted."""
    read, total = state["read"] + len(items), _total(paging, answer)
    first = total if state.get("total") is None else state["total"]
    pages = paging.pages.of(answer.body) if paging.pages is not None else None
    if paging.page is not None and isinstance(pages, int):
        more = more and state["page"] - paging.page + 1 < pages
    ended = not items or not more or (total is not None and read >= total)
    moved = state.get("moved", False) or (total is not None and (total != first or (ended and read != total)))
    if ended:
        return None, moved
    following: State = (
        {"read": read} | ({"total": first} if first is not None else {}) | ({"moved": True} if moved else {})
    )
    if paging.page is not None:
        return {**following, "page": state["page"] + 1}, moved
    return {**following, "offset": state["offset"] + len(items)}, moved


def _total(paging: Paging, answer: Answer) -> int | None:
    value: Any = None
    if paging.total is not None:
        value = paging.total.of(answer.body)
    elif paging.total_header is not None:
        value = answer.headers.get(paging.total_header)
    elif paging.range is not None:
        value = answer.headers.get("content-range", "").rpartition("/")[2]
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _linked(answer: Answer) -> str | None:
    response = httpx.Response(200, headers={"link": answer.headers.get("link", "")})
    return response.links.get("next", {}).get("url")
