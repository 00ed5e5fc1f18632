"""python -m demo.rolodex [--port 8099]: a made-up REST service that the hub has never heard of.

A real server with a description of its own at /openapi.json, for docs/connectors/tutorial.md. It listens on this
machine only; the key is rolodex-key-1, the people are made up, and they are forgotten when it ends.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Response, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from demo.people import people

KEY = "rolodex-key-1"


HEADER = APIKeyHeader(name="X-Rolodex-Key")


def allowed(key: Annotated[str, Security(HEADER)]) -> None:
    if key != KEY:
        raise HTTPException(401, "wrong key")


class PersonIn(BaseModel, extra="forbid"):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    job_title: str | None = None


class Person(PersonIn):
    id: int
    updated_at: str


class People(BaseModel):
    items: list[Person]
    next_cursor: str | None = None
    total: int


class Rolodex:
    """`people`: number → person. `asked`: method and path of every call."""

    def __init__(self) -> None:
        self.people: dict[int, Person] = {}
        self.asked: list[str] = []
        self.app = FastAPI(title="Rolodex", version="2")
        self._routes()

    def add(self, first: str, last: str, mail: str) -> Person:
        number = max(self.people, default=0) + 1
        made = Person(id=number, first_name=first, last_name=last, email=mail, updated_at=_now())
        self.people[number] = made
        return made

    def _routes(self) -> None:
        app = self.app

        @app.middleware("http")
        async def noted(request, call_next):  # type: ignore[no-untyped-def]
            self.asked.append(f"{request.method} {request.url.path}")
            return await call_next(request)

        @app.get("/people", dependencies=[Depends(allowed)])
        def listing(
            cursor: str | None = None,
            limit: Annotated[int, Query(ge=1, le=20)] = 20,
            updated_since: str | None = None,
        ) -> People:
            known = [p for p in self.people.values() if updated_since is None or p.updated_at >= updated_since]
            known = [p for p in known if p.id > int(cursor or 0)]
            page = known[:limit]
            return People(items=page, next_cursor=str(page[-1].id) if len(known) > limit else None, total=len(known))

        @app.get("/people/{person_id}", dependencies=[Depends(allowed)])
        def one(person_id: int) -> Person:
            if person_id not in self.people:
                raise HTTPException(404, "no such person")
            return self.people[person_id]

        @app.post("/people", status_code=201, dependencies=[Depends(allowed)])
        def create(sent: PersonIn) -> Person:
            number = max(self.people, default=0) + 1
            self.people[number] = Person(id=number, updated_at=_now(), **sent.model_dump())
            return self.people[number]

        @app.patch("/people/{person_id}", dependencies=[Depends(allowed)])
        def change(person_id: int, sent: PersonIn) -> Person:
            there = one(person_id)
            changed = {**there.model_dump(), **sent.model_dump(exclude_unset=True), "updated_at": _now()}
            self.people[person_id] = Person(**changed)
            return self.people[person_id]

        @app.delete("/people/{person_id}", status_code=204, dependencies=[Depends(allowed)])
        def remove(person_id: int) -> Response:
            one(person_id)
            del self.people[person_id]
            return Response(status_code=204)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@contextmanager
def served(rolodex: Rolodex) -> Iterator[str]:
    """Its address, as long as it listens on a free port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(rolodex.app, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.rolodex", description=__doc__)
    parser.add_argument("--port", type=int, default=8099)
    rolodex = Rolodex()
    for person in people(60):
        if person.given:
            rolodex.add(person.given, person.family, person.email)
    uvicorn.run(rolodex.app, host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
