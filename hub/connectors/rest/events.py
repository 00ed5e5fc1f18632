"""What a service lists that is no contact, but happened with one: text messages that came in and went out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import Field

from hub.connectors.opt_out import SMS, as_words, plain
from hub.connectors.rest.calls import GapText, Moment, Part, Place, Tree
from hub.connectors.rest.moments import read_moment
from hub.connectors.rest.words import Values, fill
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.model import Interaction, Statement, Unreadable

MOST_TEXT = 500  # characters of a message that are kept


class Events(Part):
    """How one looks.

    at         when it happened; one without it has not happened yet and is left out
    direction  place of it; `inward` are its values that mean from the contact, all others go out
    sender, receiver  places of the numbers; the contact's is the one of the other side
    text       place of the message: one that is nothing but a word such as STOP is an opt-out
    status     place of what became of it, and `ends`: its values → what follows `sms.`
    details    name → place
    stop       more words that mean an opt-out; `purposes` of consent that it denies
    keep       setting that says whether the text is kept
    """

    at: Moment
    direction: Place
    inward: tuple[str, ...]
    sender: Place
    receiver: Place
    text: Place
    status: Place
    ends: dict[str, str] = Field(default_factory=dict)
    details: dict[str, Place] = Field(default_factory=dict)
    stop: Tree = None
    purposes: Tree
    keep: GapText


class Teller:
    """Entries of one connection, as interactions."""

    def __init__(self, spec: Events, id_at: Any, settings: Values, region: str | None) -> None:
        self._spec, self._id, self._region = spec, id_at, region
        self._stop = as_words((*SMS, *(fill(spec.stop, settings) or ())))
        self._purposes = tuple(fill(spec.purposes, settings) or ())
        self._keep = bool(fill(spec.keep, settings))

    def read(self, raw: Any) -> Interaction | Unreadable | None:
        """None for one that has not happened yet."""
        spec = self._spec
        name = self._id.of(raw) if isinstance(raw, Mapping) else None
        if name in (None, ""):
            return Unreadable("an entry of a page", "it has no id where one belongs", orjson.dumps(raw).decode()[:4000])
        at = read_moment(spec.at.at.of(raw), spec.at.form, spec.at.zone.source)
        if at is None:
            return None
        inward = spec.direction.of(raw) in spec.inward
        kind, _, number = str((spec.sender if inward else spec.receiver).of(raw) or "").rpartition(":")
        try:
            phone = phone_key(number, self._region)
        except Unmappable:
            original = orjson.dumps(raw).decode()[:4000]
            return Unreadable(f"message {name}", "its other side is no phone number", original, str(name))
        chat = kind == "whatsapp"
        said = str(spec.text.of(raw) or "")
        stopped = inward and plain(said) in self._stop
        end = "in" if inward else spec.ends.get(str(spec.status.of(raw)), "out")
        return Interaction(
            id=str(name),
            at=at,
            channel="chat" if chat else "sms",
            kind=f"sms.{'stop' if stopped else end}",
            direction="in" if inward else "out",
            phones=(phone,),
            summary=" ".join(said.split())[:MOST_TEXT] if self._keep else "",
            details={key: value for key, at in spec.details.items() if (value := at.of(raw)) not in (None, "")},
            says=self._denials("whatsapp" if chat else "sms") if stopped else (),
        )

    def _denials(self, channel: str) -> tuple[Statement, ...]:
        return tuple(Statement(channel, purpose, "denied") for purpose in self._purposes)
