"""May we call, may we write? What the consents of a golden record come to, for somebody who has to act now: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.dedupe.consent import DENIED, EVERYBODY, GRANTED, PREFIX
from hub.model import element

CHANNELS = ("phone", "email", "sms", "whatsapp")  # in the order in which they are asked for
UNDELIVERABLE = "delivery"  # a purpose that says whether mail arrives, and nothing of what is wanted
YES, NO, PARTLY, ASKED, UNSAID = "yes", "no", "partly", "asked", "unsaid"


@dataclass(frozen=True, slots=True)
class Allowed:
    """verdict  yes: everything that was said allows it; no: all of it is denied, or everything is; partly: some of it
                is denied; asked: an opt-in waits to be confirmed; unsaid: nothing was ever said
    denied      purposes that are denied, "*" being all
    """

    channel: str
    verdict: str
    denied: tuple[str, ...] = ()


def allowed(fields: Mapping[str, Any]) -> tuple[Allowed, ...]:
    """One for each channel. A denial of one address counts: who is not sure which it was does not use the channel."""
    said: dict[str, list[tuple[str, str]]] = {channel: [] for channel in CHANNELS}
    for channel, purpose, status in _said(fields):
        if channel in said and purpose != UNDELIVERABLE:
            said[channel].append((purpose, status))
    return tuple(_judge(channel, some) for channel, some in said.items())


def _said(fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(channel, purpose, status)"""
    for key, value in fields.items():
        if key.startswith(PREFIX) and isinstance(value, Mapping):
            channel, _, rest = element(key).partition("|")
            yield channel, rest.rpartition("|")[2], str(value.get("status"))


def _judge(channel: str, said: list[tuple[str, str]]) -> Allowed:
    denied = tuple(sorted({purpose for purpose, status in said if status == DENIED}))
    granted = any(status == GRANTED for _, status in said)
    if EVERYBODY in denied or (denied and not granted):
        return Allowed(channel, NO, denied)
    if denied:
        return Allowed(channel, PARTLY, denied)
    if granted:
        return Allowed(channel, YES)
    return Allowed(channel, ASKED if said else UNSAID)
