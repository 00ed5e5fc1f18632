"""Idempotency keys: what creates something is done once, however often the same request comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Annotated, Any, TypeAlias

import orjson
from fastapi import Header
from pydantic import BaseModel
from starlette.responses import JSONResponse

from hub.access.rights import Actor
from hub.store import idempotency as db
from hub.web.api.answers import Refused
from hub.web.api.world import World

Key: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="a request that is sent again with its key is answered again and not done again, for 30 days",
    ),
]


def once(
    world: World, actor: Actor, key: str | None, body: BaseModel, place: str, create: Callable[[], Mapping[str, Any]]
) -> JSONResponse:
    """The answer of `create`, with 201; of a repeated request the answer that it had.

    place  what is called, with its ids: the same key somewhere else is another request
    """
    if key is None:
        return JSONResponse(dict(create()), 201)
    sent = blake2b(orjson.dumps([place, body.model_dump(mode="json")]), digest_size=16).digest()
    now = world.clock()
    with world.store.write() as tx:
        before = db.begin(tx, actor.id, key, sent, now)
    if before is not None:
        return _again(before, sent)
    try:
        made = dict(create())
    except BaseException:
        with world.store.write() as tx:
            db.forget(tx, actor.id, key)
        raise
    with world.store.write() as tx:
        db.end(tx, actor.id, key, orjson.dumps(made).decode())
    return JSONResponse(made, 201)


def _again(before: db.Before, sent: bytes) -> JSONResponse:
    if before.sent != sent:
        raise Refused(
            422,
            "Key used already",
            "Nothing was done: this Idempotency-Key came with another request. Use a new key for each.",
            {"type": "urn:contact-hub:problem:key-used"},
        )
    if before.answer is None:
        raise Refused(
            409,
            "Under way",
            "The same request is being done at this moment. Send it again in a moment to have its answer.",
            {"type": "urn:contact-hub:problem:under-way"},
            **{"Retry-After": "2"},
        )
    return JSONResponse(orjson.loads(before.answer), 201, {"Idempotency-Replayed": "true"})
