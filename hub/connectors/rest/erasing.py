"""Erasing for good where a deletion only fills a bin: what was deleted is taken out of it."""

from __future__ import annotations

import logging

from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.results import Found, matched
from hub.connectors.rest.write_calls import Writing
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, Refused, Unknown, Write

log = logging.getLogger(__name__)
UNSEEN = "It is not known whether it was deleted, and nothing of it could be taken out of the bin there."


def out_of_bin(exchange: Exchange, kind: Writing, write: Write, deleted: Found) -> Found:
    """What became of an erasure whose deletion ended so.

    Where it is not seen to the end, a person is to look, and not the next run: a record that is not there any more
    would be taken for one that was erased.
    """
    if not isinstance(deleted, Done | Missing | Unknown):
        return deleted
    try:
        body = exchange.ask(kind, {"id": write.id}, idempotent=True).body
        [(well, entry)] = matched(kind.result, [write.id], body)
        if well:
            return deleted if isinstance(deleted, Missing) else Done(None)
        reason = exchange.said_in(entry, kind.result.reason).words
    except Said as error:
        if error.means == "missing" and isinstance(deleted, Missing):
            return deleted
        reason = error.words
    except (RecordError, TransientError, AccountError) as error:
        reason = str(error)
    log.warning("%s: a record was deleted, and not taken out of the bin there: %s", exchange.name, reason)
    return Refused(UNSEEN) if isinstance(deleted, Unknown) else Done(None, in_bin=True)
