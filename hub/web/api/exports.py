"""Everything as CSV, streamed: made while it is sent, whatever the number of contacts."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from hub.access.rights import Actor, Right
from hub.store.audit import note
from hub.sync.exporting import What, csv_parts, table
from hub.web.api.answers import ApiRoute, Asked, documented
from hub.web.api.world import World
from hub.web.guard import needs

AHEAD = 4  # parts that are made before they are taken
LOOK_SECONDS = 1.0  # how long a part waits before it is seen whether anybody still takes them


class ExportOrder(Asked):
    """gone  of the crosswalk: records that are no longer there too"""

    gone: bool = False


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/exports", route_class=ApiRoute, responses=documented(404), tags=["exports"])

    @routes.get(
        "/{what}.csv",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    def export(
        what: What, asked: Annotated[ExportOrder, Query()], actor: Actor = needs(Right.EXPORT)
    ) -> StreamingResponse:
        """Golden records, the crosswalk or interactions. A cell that a spreadsheet would take for a formula gets an
        apostrophe in front.
        """
        with world.store.write() as tx:
            note(tx, actor.name, "exported", what, at=world.clock())

        def parts() -> Iterator[bytes]:
            with world.store.read() as tx:
                yield from csv_parts(table(tx, what, gone=asked.gone))

        headers = {"Content-Disposition": f'attachment; filename="{what}.csv"'}
        return StreamingResponse(in_one_thread(parts), media_type="text/csv; charset=utf-8", headers=headers)

    return routes


def in_one_thread(make: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """What `make` yields, made in one thread of its own: a transaction stays in the thread that began it.

    It ends when nobody takes the parts any more. An error cuts the answer off, which the client sees.
    """
    parts: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
    over = threading.Event()

    def put(part: bytes | BaseException | None) -> bool:
        while not over.is_set():
            try:
                parts.put(part, timeout=LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        made = make()
        try:
            for part in made:
                if not put(part):
                    return
            put(None)
        except Exception as err:  # noqa: BLE001  raised again where the answer is written
            put(err)
        finally:
            made.close()  # type: ignore[attr-defined]  # a generator

    thread = threading.Thread(target=work, name="export", daemon=True)
    thread.start()
    try:
        while (part := parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part
    finally:
        over.set()
