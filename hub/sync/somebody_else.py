"""Whether a record is somebody else's than it was: by name, mail, phone and tax id. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model import UNREAD, Fields, base_field, element
from hub.sync.withhold import Identity, identity_of

REACHED = ("emails", "phones")


def is_somebody_else(before: Sequence[Fields], now: Fields) -> bool:
    """Whether a record says plainly who it is of, by name and mail, phone or tax id, and nothing of it was so."""
    reached = _reached(now)
    if any(reached & _reached(fields) for fields in before):
        return False  # as nearly always; what follows costs as much as matching
    return _is_plain(_who(now)) and _is_plain(_had(before)) and not has_in_common(before, now)


def has_in_common(before: Sequence[Fields], now: Fields) -> bool:
    has, had = _who(now), _had(before)
    return bool(_words(had) & _words(has) or had.mails & has.mails or had.phones & has.phones or had.taxes & has.taxes)


def _had(before: Sequence[Fields]) -> Identity:
    had = Identity()
    for fields in before:
        had |= _who(fields)
    return had


def _who(fields: Fields) -> Identity:
    return identity_of(fields).reachable()


def _reached(fields: Fields) -> set[str]:
    """Mail addresses and phones as keys of fields; "none" and its like are nobody's."""
    return {
        key
        for key, value in fields.items()
        if value is not None and "/" in key and base_field(key) in REACHED and not element(key).startswith(UNREAD)
    }


def _is_plain(who: Identity) -> bool:
    return bool(who.names and (who.mails or who.phones or who.taxes))


def _words(who: Identity) -> set[str]:
    return {word for name in who.names for word in name.split()}
