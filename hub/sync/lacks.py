"""What one system lacks of a golden record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.dedupe import consent
from hub.model import Fields, base_field
from hub.sync.engine import Route
from hub.sync.link import Link, differs


def lacks(route: Route, golden: Fields, link: Link) -> dict[str, Any]:
    """Key → value in golden's terms that the record there should be given; None: removed.

    Only what differs from the last agreement: a value they keep in a form of their own is agreed.
    """
    held = link.agreed()
    desired = route.mapping.project(golden, held, creating=False)
    wanted = {k: v for k, v in desired.items() if differs(k, v, held.get(k))}
    for key, value in held.items():
        if key not in desired and value is not None and route.mapping.covers(key):
            wanted[key] = None
    if link.odd:
        return {k: v for k, v in wanted.items() if base_field(k) not in link.odd}
    return wanted


def first_fields(route: Route, golden: Fields) -> dict[str, Any]:
    """All that a new record there is given."""
    fields = route.mapping.project(golden, {}, creating=True)
    return {k: v for k, v in fields.items() if v is not None}


def outlives(edits: Fields) -> bool:
    """Whether these edits, key → value now, are worth keeping a contact for that others have deleted.

    Opt-outs are not: nobody is kept for having asked to be left alone, and no mail goes to who is gone.
    """
    return bool(edits.keys() - set(consent.stricter({}, edits)))


def may_create(route: Route, golden: Fields) -> bool:
    """Whether a golden record without a record there gets one: never on a list nobody asked to be on."""
    if not route.wants(golden):
        return False
    if not route.can.opt_out_leaves:
        return True
    said = [v for k, v in golden.items() if k.startswith(consent.PREFIX) and route.mapping.covers(k)]
    return bool(said) and all(isinstance(v, Mapping) and v.get("status") == consent.GRANTED for v in said)
