"""What one may do: rights, the roles that hold them, and who is asking. The one table there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Right(StrEnum):
    """What one may do. Every route asks for one of these, in one place: `hub.web.guard.needs`."""

    HEALTH = "health"  # overview, connections, runs, counts; no personal data
    CONTACTS = "contacts"  # see golden records and their source records, history, work lists with values
    LOOKUP = "lookup"  # caller lookup
    LOG = "log"  # add interactions
    EDIT = "edit"  # pin, correct, merge, split
    DECIDE = "decide"  # answer questions, conflicts, parked records
    APPROVE = "approve"  # approve and refuse holds
    RUN = "run"  # run now, pause, full re-read
    CONFIGURE = "configure"  # connections and mappings
    ACCESS = "access"  # accounts, tokens, sessions of others
    AUDIT = "audit"  # read the audit
    EXPORT = "export"  # take everything out
    ERASE = "erase"  # erase somebody everywhere, see receipts, lift an erasure


class Role(StrEnum):
    """What a person is here; each has all rights of the one before it."""

    VIEWER = "viewer"
    AGENT = "agent"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


_VIEWER = frozenset({Right.HEALTH})
_AGENT = _VIEWER | {Right.CONTACTS, Right.LOOKUP, Right.LOG}
_OPERATOR = _AGENT | {Right.EDIT, Right.DECIDE, Right.APPROVE, Right.RUN, Right.EXPORT}

RIGHTS: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.AGENT: _AGENT,
        Role.OPERATOR: _OPERATOR,
        Role.ADMINISTRATOR: frozenset(Right),
    }
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking.

    name     what is written as `person` (a token's is "token:NAME", the command line's the user's name)
    id       of the account or token
    session  which of the account's sessions; None for a token
    fresh    the person has given their password a moment ago: what asks for that again asks here
    """

    name: str
    rights: frozenset[Right]
    id: str
    session: str | None
    fresh: bool

    def may(self, right: Right) -> bool:
        return right in self.rights


def scopes_within(wanted: Iterable[str], allowed: frozenset[Right]) -> frozenset[Right]:
    """Rights by name. ValueError names those that are none, or are not among the allowed ones."""
    names = set(wanted)
    refused = sorted(names - {right.value for right in allowed})
    if refused:
        raise ValueError(", ".join(refused))
    return frozenset(Right(name) for name in names)
