"""Website forms and form services: what they posted to `/forms/CONNECTION`, read from the inbox.

The web intake stores every delivery before it answers; this connector turns deliveries into records.

Id       of the delivery; each submission is a record of its own, matching joins those of one person
Changed  when the delivery arrived, by the hub's clock
Cursor   number of the last delivery read
Consent  a ticked box is an explicit consent with the time and the wording that was configured at that time;
         a box left empty says nothing, as the browser does not send it
         with double opt-in it is pending until the link in a mail was confirmed, which is a delivery of its own
Quirk    what was taken for spam is parked, not dropped: people use form fillers too
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
import yaml

from hub.connectors.contract import Can, Connector, Inbox, Report
from hub.connectors.form_presets import Malformed, unpack
from hub.connectors.form_settings import (
    BOXES,
    CONFIRMED,
    CONSENTS,
    RESERVED,
    SHOWN,
    SPAM,
    ConsentBox,
    FormSettings,
)
from hub.connectors.form_texts import say
from hub.errors import ConfigError, CursorExpired
from hub.model import Cursor, Interaction, Item, Page, Record, Statement, Unreadable

AT_ONCE = 25  # deliveries of a page: others are stored between two pages, and wait for none for long
MOST_WORDING = 500  # characters of a wording in a timeline: whole it is with the consent
ASKED = "asked"  # basis of a consent that somebody has to confirm: see hub.dedupe.consent


class _Plain(yaml.SafeDumper):
    """Without anchors: people read it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the library's own signature
        return True


class FormConnector(Connector):
    """Reads the inbox of one form."""

    Settings = FormSettings
    default_mapping = ""
    example = """\
type: form
signature: none                     # a plain form on your site
allow_unsigned: true                # anybody can post: say that you know
honeypot: homepage
consent:
  - field: newsletter
    purpose: newsletter
    wording: "Yes, send me the newsletter by email."
origins: ["https://www.example.org"]
"""

    @classmethod
    def mapping_text(cls, settings: Mapping[str, Any]) -> str:
        boxes = BOXES.validate_python(settings.get("consent", ()))
        mapping = mapping_of(boxes, pending=bool(settings.get("double_opt_in")))
        return yaml.dump(mapping, Dumper=_Plain, sort_keys=False)

    @property
    def can(self) -> Can:
        return Can(changes=True, complete=False, stores=False)

    def check(self) -> Report:
        settings: FormSettings = self.settings
        lines = [f"receives at POST /forms/{self.context.name} ({_say_signature(settings)})"]
        if self.context.inbox is not None:
            arrived = self.context.inbox.read(0, 1)
            lines.append("deliveries have arrived" if arrived else "nothing has arrived yet")
        return Report("website form", tuple(lines), _warnings(settings))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        after = _number(since)
        rows = self._inbox.read(after, AT_ONCE)
        while True:
            after = rows[-1][0] if rows else after
            yield Page(tuple(item for row in rows for item in _told(*row[1:], self.settings)), str(after))
            rows = self._inbox.read(after, AT_ONCE)
            if not rows:
                return

    @property
    def _inbox(self) -> Inbox:
        if self.context.inbox is None:
            raise ConfigError(f"{self.context.name}: a form needs the hub's store, and none is open here")
        return self.context.inbox


def read_delivery(
    delivery_id: str, received_at: datetime, payload: Mapping[str, Any], settings: FormSettings
) -> Record | Unreadable | None:
    """A record of what the person wrote, `consents` being what the ticked boxes mean; None: not a submission."""
    if spam := payload.get(SPAM):
        reason = spam if isinstance(spam, str) else "the honeypot field was filled in"
        return _parked(delivery_id, reason, payload, "spam")
    try:
        written = fields_of(payload, settings)
    except Malformed as err:
        return _parked(delivery_id, f"it is not what {settings.preset} sends: {err}", payload)
    if written is None:
        return None
    hidden = RESERVED | ({settings.honeypot} if settings.honeypot else set())
    if settings.consent or settings.signature == "none":
        hidden |= {"consents"}  # what a box means is read from our settings, never from what a browser sends
    fields = {name: value for name, value in written.items() if name not in hidden}
    if payload.get(CONSENTS):
        fields["consents"] = payload[CONSENTS]
    return Record(delivery_id, fields, changed_at=received_at)


def fields_of(payload: Mapping[str, Any], settings: FormSettings) -> Mapping[str, Any] | None:
    """What the person wrote, by name; None when it is not a submission. Raises Malformed."""
    if settings.preset is None:
        return payload
    sent = {name: value for name, value in payload.items() if name not in RESERVED}
    return unpack(settings.preset, sent, settings.names)


def _parked(delivery_id: str, reason: str, payload: Mapping[str, Any], stage: str = "read") -> Unreadable:
    return Unreadable(f"delivery {delivery_id}", reason, orjson.dumps(dict(payload)).decode(), delivery_id, stage)


def _told(
    delivery_id: str, received_at: datetime, payload: Mapping[str, Any] | Unreadable, settings: FormSettings
) -> Iterator[Item]:
    """The record, and that it was sent: whose record it is, his is the interaction."""
    if isinstance(payload, Unreadable):
        yield payload
        return
    if isinstance(payload.get(CONFIRMED), Mapping):
        yield _confirmation(delivery_id, received_at, payload[CONFIRMED], settings)
        return
    record = read_delivery(delivery_id, received_at, payload, settings)
    if record is not None:
        yield record
    if isinstance(record, Record):
        yield Interaction(
            id=delivery_id,
            at=received_at,
            channel="web",
            kind="form.sent",
            direction="in",
            record=delivery_id,
            summary=say(settings.title, settings.language),
            details=_agreed(payload),
        )


def _agreed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What was agreed to, or is to be confirmed, in the words that stood beside the boxes; and what was seen."""
    consents = payload.get(CONSENTS)
    found: dict[str, Any] = {}
    for key, said in consents.items() if isinstance(consents, Mapping) else ():
        word = "asked" if said.get("basis") == ASKED else "agreed"
        found.setdefault(word, {})[key] = str(said.get("wording", ""))[:MOST_WORDING]
    if found and isinstance(payload.get(SHOWN), Mapping):
        found["shown"] = dict(payload[SHOWN])
    return found


def _confirmation(
    delivery_id: str, received_at: datetime, said: Mapping[str, Any], settings: FormSettings
) -> Interaction:
    """Whoever has the address has agreed: with the receipt. The consent is the address's, in whatever record it is."""
    consents: Mapping[str, Mapping[str, Any]] = said["consents"]
    keys = [tuple(key.split("|", 1)) for key in consents]
    wordings = [str(each.get("wording", "")) for each in consents.values()]
    return Interaction(
        id=delivery_id,
        at=received_at,
        channel="web",
        kind="form.confirmed",
        direction="in",
        emails=(said["address"],),
        record=said["of"],
        summary=say(settings.title, settings.language),
        details={
            "agreed": {key: str(each.get("wording", ""))[:MOST_WORDING] for key, each in consents.items()},
            "receipt": said["receipt"],
        },
        says=tuple(
            Statement(channel, purpose, "granted", "explicit", wording)
            for (channel, purpose), wording in zip(keys, wordings, strict=True)
        ),
    )


def read_consents(
    fields: Mapping[str, Any], boxes: Iterable[ConsentBox], at: str, source: str, language: str = "en"
) -> dict[str, dict[str, str]]:
    """What the ticked boxes of a submission mean, by today's wording; keyed by channel and purpose.

    at        ISO time of arrival
    source    where the box was ticked
    language  that the wording was shown in
    """
    return {
        box.key: {
            "status": "granted",
            "at": at,
            "basis": "explicit",
            "source": f"{source}, wording {box.version_in(language)} ({language})",
            "wording": say(box.wording, language),
        }
        for box in boxes
        if box.is_ticked(look_up(fields, box.field))
    }


def to_confirm(consents: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The consents of a submission whose sender is not proven yet: those by email wait for a confirmation."""
    return {
        key: {**said, "status": "pending", "basis": ASKED} if key.startswith("email|") else dict(said)
        for key, said in consents.items()
    }


def mapping_of(boxes: Iterable[ConsentBox], *, pending: bool = False) -> dict[str, Any]:
    """The mapping that fits a form: columns named like the canonical fields, and its consents.

    pending  some of them wait for a confirmation
    """
    boxes = tuple(boxes)
    values = {"granted": "granted"} | ({"pending": "pending"} if pending else {})
    return {
        "flat": True,
        "consents": [
            {
                "from": f"consents['{box.key}'].status",
                "values": values,
                "channel": box.channel,
                "purpose": box.purpose,
                "at": f"consents['{box.key}'].at",
                "basis": {"from": f"consents['{box.key}'].basis"},
                "source": {"from": f"consents['{box.key}'].source"},
                "wording": {"from": f"consents['{box.key}'].wording"},
                "write": "never",
            }
            for box in boxes
        ],
        "ignore": [box.field for box in boxes],
    }


def look_up(fields: Mapping[str, Any], path: str) -> Any:
    """The value under that very name, else along the dots through nested objects; None if there is none."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _number(since: Cursor | None) -> int:
    if since is None:
        return 0
    if not (since.isascii() and since.isdigit()):
        raise CursorExpired("the cursor of this form is not a number; everything is read again and compared")
    return int(since)


def _warnings(settings: FormSettings) -> tuple[str, ...]:
    if settings.signature == "none":
        if settings.origins:
            return ("anybody can post to this form",)
        return ("anybody can post to this form, from a page of any site: name yours under `origins`",)
    if settings.signature == "query":
        return ("the secret stands in the address: whoever sees the address can post, so keep it out of every log",)
    return ()


def _say_signature(settings: FormSettings) -> str:
    if settings.signature == "none":
        return "unsigned"
    keys = len(settings.secrets)
    scheme = {
        "standard": "Standard Webhooks",
        "header": f"a secret in the header {settings.secret_header}",
        "query": "a secret in the address",
    }.get(settings.signature, "HMAC-SHA256")
    return f"{scheme}, {keys} secret" + ("s" if keys > 1 else "")
