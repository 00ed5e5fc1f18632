"""Changes of a record that a person has refused: its fields go on counting as they were, until they change again.

What is kept out is remembered by hashes of (field, value), so that no second copy of personal data is made. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

from hub.dedupe import consent
from hub.model import Fields
from hub.store.db import dumps
from hub.sync.link import differs


def keep_out(
    before: Fields, pulled: Fields, refused: Collection[str] | None, ours: Collection[str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """A reading without what was refused, and the hashes of what that was.

    before   fields that both sides agreed on
    refused  hashes of what is kept out; None: all that this very reading changes
    ours     keys that the hub has written and heard no answer of: never kept out

    An opt-out is never kept out, nor is a consent that is not there any more: the stricter wins.
    """
    taken, kept = dict(pulled), set()
    for key in before.keys() | pulled.keys():
        was, now = before.get(key), pulled.get(key)
        if key in ours or not differs(key, was, now) or _is_stricter(key, now):
            continue
        found = hash_of(key, now)
        if refused is not None and found not in refused:
            continue
        kept.add(found)
        if key in before:
            taken[key] = was
        else:
            taken.pop(key, None)
    return taken, frozenset(kept)


def _is_stricter(key: str, now: Mapping[str, Any] | None) -> bool:
    return key.startswith(consent.PREFIX) and (now or {}).get("status") in (None, consent.DENIED)


def hash_of(key: str, value: Any) -> str:
    return blake2b(dumps([key, value]).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
