"""After texts were put right: their records are taken in at once, where that is little and the connection is free."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hub.access.rights import Actor, Right
from hub.errors import HubError
from hub.rereading import take_in
from hub.secrets import redact
from hub.web.api.world import World

log = logging.getLogger(__name__)

AT_ONCE = 500  # pieces taken in before the answer; more are, by a run of their connection


def take_in_now(world: World, actor: Actor, names: Sequence[str], pieces: int) -> None:
    """What is left waits for the next run of its connection, and is shown so."""
    if pieces > AT_ONCE:
        if actor.may(Right.RUN):
            for name in names:
                world.run(name, False, actor.name)
        return
    try:
        take_in(world.config, world.hub(), names)
    except HubError as err:
        log.warning("what was put right waits for the next run: %s", redact(str(err)))
