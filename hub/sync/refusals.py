"""Nothing but a later, explicit opt-in undoes a refusal: not a tick nobody knows the origin of, nor silence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.dedupe import consent
from hub.sync.link import Edit, Link, differs


def refusals(link: Link) -> dict[str, tuple[Any, Any, float]]:
    """Consent key → (statement shown, refusal said, since) where the system itself has refused."""
    keys = [k for k in link.fields.keys() | link.own.keys() if k.startswith(consent.PREFIX) and link.claims(k)]
    said = {k: link.own[k][0] if k in link.own else link.fields[k] for k in keys}
    return {
        k: (link.fields.get(k), value, link.claimed_since(k))
        for k, value in said.items()
        if value and value.get("status") != consent.GRANTED
    }


def keep_refusals(link: Link, before: Mapping[str, tuple[Any, Any, float]], edits: Iterable[Edit]) -> None:
    """After a reading: what was refused stays refused, unless the person opted in later and explicitly.

    The shadow is what the record shows now, so that the refusal is written back to it.
    """
    edited = {edit.key for edit in edits}
    for key, (shown, refusal, since) in before.items():
        now = link.fields.get(key)
        echo = key not in edited and differs(key, shown, now)
        if echo or (shown or {}) == (now or {}):
            continue
        said = consent.merge((refusal, now)) if now else dict(refusal)
        if said == now or said.get("status") == consent.GRANTED:
            link.own.pop(key, None)
            link.echo.discard(key)
            continue
        link.own[key] = [said, since]
        if now:
            link.echo.add(key)
