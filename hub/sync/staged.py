"""A record of a first load as it waits on the stage: as the store will have it, so that nothing is made twice."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from hub.dedupe.features import Features, pack
from hub.store.db import dumps
from hub.sync.reading import Fresh, state_of

_PLAIN: Final = 2  # of the forms of marshal the one without references, which is the quickest
_CONSENT: Final = '"consents/'  # in the JSON of all that have one, and of few others


class Staged(NamedTuple):
    """A record that was read, mapped and taken apart for matching.

    fields    canonical fields as JSON, keys sorted
    mark      the fingerprint
    changed   epoch seconds by the source's clock; None: it does not say
    odd       fields whose value nobody understood
    consents  it has some, which may come without a time
    words     of its name, each once
    features  packed
    keys      blocking keys, eight bytes each as this machine has them
    """

    fields: str
    mark: bytes
    changed: float | None
    version: str | None
    state: str
    odd: tuple[str, ...]
    consents: bool
    words: tuple[str, ...]
    features: str
    keys: bytes


def stage(fresh: Fresh, record: Features, keys: Sequence[int]) -> bytes:
    """What `unstage` gives back."""
    source = fresh.record
    fields = dumps(fresh.fields)
    state = (
        fields,
        fresh.fingerprint,
        source.changed_at.timestamp() if source.changed_at else None,
        source.version,
        state_of(source).value,
        tuple(sorted(fresh.odd)) if fresh.odd else (),
        _CONSENT in fields and any(key.startswith("consents/") for key in fresh.fields),
        tuple(dict.fromkeys(record.name)),
        pack(record),
        array("q", keys).tobytes(),
    )
    return marshal.dumps(state, _PLAIN)


def unstage(body: bytes) -> Staged:
    return Staged(*marshal.loads(body))  # noqa: S302  made by this very process, in a file without a name
