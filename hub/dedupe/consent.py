"""Consent: how statements of several systems about one (channel, address, purpose) become one.

A statement is a JSON object: `status` granted, pending or denied; `at`, ISO 8601 UTC, when the person
said so; `basis`, "explicit" for the person's own act, anything else ("imported", "listed", …) for hearsay.

- A denial or a pending statement is overruled by nothing but an explicit opt-in that is strictly later than
  all of them. A denial without a time is later than everything, an opt-in without one earlier.
- Among the rest the stricter wins: denied, then pending, then granted.
- A request that nobody has confirmed (pending, basis "asked") counts only where nothing else is said: anybody can
  write down an address, and that takes nothing from whoever has it.
- The order in which statements arrive, or are merged in groups, makes no difference to what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import inf
from typing import Any, TypeAlias

from hub.model import Fields

Value: TypeAlias = Mapping[str, Any]

GRANTED, PENDING, DENIED = "granted", "pending", "denied"
EXPLICIT = "explicit"
ASKED = "asked"  # a request to be confirmed, such as a form with double opt-in
EVERYBODY = "*"  # in place of an address: the whole person; of a purpose: every purpose
PREFIX = "consents/"


@lru_cache(maxsize=8_192)
def _seconds(at: str) -> float | None:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _time(value: Value, key: str = "at") -> float | None:
    at = value.get(key)
    return _seconds(at) if isinstance(at, str) else None


def _status(value: Value) -> str:
    """An unknown status counts as denied: it must never allow anything."""
    status = value.get("status")
    return status if status in (GRANTED, PENDING) else DENIED


def _is_asked(value: Value) -> bool:
    return value.get("status") == PENDING and value.get("basis") == ASKED


def _refused_until(value: Value) -> float:
    """An opt-in has to be later than this to overrule the statement."""
    at = _time(value)
    if at is None:
        return inf
    if "pending_at" not in value:
        return at
    pending = _time(value, "pending_at")
    return inf if pending is None else max(at, pending)


def _opted_in_at(value: Value) -> float:
    at = _time(value)
    return at if at is not None and value.get("basis") == EXPLICIT else -inf


def _text(value: Value) -> str:
    """Any fixed order will do for statements that rules and times do not tell apart."""
    return repr(sorted((key, str(part)) for key, part in value.items()))


def choose(claims: Sequence[Value]) -> tuple[int, dict[str, Any]]:
    """Index of the statement that decides, and the merged value. At least one statement is needed."""
    if len(claims) == 1:
        return 0, dict(claims[0])
    counted = [i for i, value in enumerate(claims) if not _is_asked(value)] or list(range(len(claims)))
    against = [i for i in counted if _status(claims[i]) != GRANTED]
    granted = [i for i in counted if _status(claims[i]) == GRANTED]
    until = max((_refused_until(claims[i]) for i in against), default=-inf)
    if granted:
        best = max(granted, key=lambda i: (_opted_in_at(claims[i]), _time(claims[i]) or -inf, _text(claims[i])))
        if not against or _opted_in_at(claims[best]) > until:
            return best, dict(claims[best])
    denied = [i for i in against if _status(claims[i]) == DENIED]
    best = max(denied or against, key=lambda i: (_said(claims[i], inf), _text(claims[i])))
    return best, _with_later_pending(claims, best, against)


def _said(value: Value, unknown: float) -> float:
    at = _time(value)
    return unknown if at is None else at


def _with_later_pending(claims: Sequence[Value], best: int, against: Sequence[int]) -> dict[str, Any]:
    """The refusal, and beside it the time of a later pending one (None: unknown), to be beaten as well."""
    value = dict(claims[best])
    until, last = max(
        (_refused_until(claims[i]), str(claims[i].get("pending_at", claims[i].get("at")))) for i in against
    )
    if until > _refused_until(value):
        value["pending_at"] = None if until == inf else last
    return value


def merge(claims: Iterable[Value]) -> dict[str, Any]:
    """One statement that stands for all of them. ValueError when there is none.

    Commutative; associative and idempotent in what it allows. A denial merged with a later pending
    statement carries that one's time as `pending_at`.
    """
    found = list(claims)
    if not found:
        raise ValueError("no consent statement to merge")
    return choose(found)[1]


def newest(old: Value | None, new: Value) -> dict[str, Any]:
    """What one source says after its next event, whatever order the events arrive in.

    An event earlier than the one that decides changes nothing, a tie goes to the stricter. Events without
    a time can only make it stricter: a caller that knows when it learnt of an opt-in puts that in `at`.
    """
    return dict(new) if old is None else merge((old, new))


def stricter(before: Fields, after: Fields) -> list[str]:
    """Keys of `consents/…` that are denied now and were not: the opt-outs to pass on."""
    return sorted(key for key in _keys(after) if _denied(after, key) and not _denied(before, key))


def _keys(fields: Fields) -> list[str]:
    return [key for key, value in fields.items() if key.startswith(PREFIX) and value is not None]


def _denied(fields: Fields, key: str) -> bool:
    value = fields.get(key)
    return value is not None and _status(value) == DENIED
