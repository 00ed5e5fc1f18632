"""What a mail says to the hub: that an address is dead, that somebody answers, that somebody wants no more. Pure.

Source   RFC 3464 (delivery status), 3463 (status codes), 5965 (complaints), 3834 (answers of machines)
Bounce   Original-Recipient is whom we wrote to; Final-Recipient may be where it was forwarded to
Hard     status 5.x.x; soft: 4.x.x. Not every 5.x.x speaks of the address: 5.7.1 refuses our mail, 5.2.2 is a full box
Time     when the server got the mail: the Date header is whatever its sender says
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import getaddresses
from hashlib import blake2b
from quopri import decodestring
from typing import Any

from hub.connectors.opt_out import plain
from hub.mapping.elements import email_key
from hub.mapping.text import Unmappable
from hub.model import Interaction, Statement, Unreadable

BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What the standard library raises at headers that nobody should have written."""

MOST_ID = 300  # characters of a Message-ID; a longer one is kept under its hash
MOST_WORDS = 300  # characters of a subject or an answer of a mail server
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_BLANK = re.compile(r"\s+")
_REPLY = re.compile(r"^\s*((re|aw|sv|odp|rif|res)\s*:\s*)+", re.IGNORECASE)
WISHES = frozenset({"abuse", "opt-out", "opt-out-list"})  # of a complaint; "fraud", "auth-failure" … are no person's
ACTIONS = {"delayed": "mail.delayed", "delivered": "mail.delivered", "relayed": "mail.delivered"}


@dataclass(frozen=True, slots=True)
class Rules:
    """How mails are understood.

    purposes     of consent that an unsubscribe mail denies
    delivery     purpose that a dead address is denied for; None: a bounce states nothing
    dead         beginnings of status codes that speak of the address itself
    words        a subject, or a first line, that is one of these means unsubscribe; folded
    unsubscribe  addresses to which any mail means unsubscribe
    own          our addresses and @domains: never a contact
    subject      whether the subject is kept as the summary
    others       whether mails that are neither bounce, reply nor unsubscribe are interactions
    """

    purposes: tuple[str, ...]
    delivery: str | None
    dead: tuple[str, ...]
    words: frozenset[str]
    unsubscribe: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    subject: bool = True
    others: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """What was fetched of a mail.

    where     folder and number, for messages
    at        when the server got it, aware
    header    its header block, perhaps cut
    status    its message/delivery-status part; None: it is no report
    complaint its message/feedback-report part; None: it is none
    returned  header block of the mail that came back, if it was returned
    text      the beginning of its first text, decoded
    """

    where: str
    at: datetime
    header: bytes
    status: bytes | None = None
    complaint: bytes | None = None
    returned: bytes = b""
    text: str = ""


def read_mail(mail: Mail, rules: Rules) -> list[Interaction | Unreadable]:
    """What happened by it; nothing for a mail that is of no interest."""
    try:
        header = message_from_bytes(mail.header, policy=default)
        if mail.status is not None:
            return list(_bounces(mail, header, rules))
        if mail.complaint is not None:
            return _complaint(mail, header, mail.complaint, rules)
        found = _message(mail, header, rules)
    except BROKEN as err:
        return [unreadable(mail.where, f"the mail cannot be read ({type(err).__name__})", mail.header)]
    return [found] if found else []


def unreadable(where: str, reason: str, header: bytes) -> Unreadable:
    return Unreadable(where, reason, header[:4_000].decode("utf-8", "backslashreplace"))


# --- bounces -----------------------------------------------------------------------------------------


def _bounces(mail: Mail, header: EmailMessage, rules: Rules) -> Iterator[Interaction | Unreadable]:
    report = message_from_bytes(b"Content-Type: message/delivery-status\r\n\r\n" + (mail.status or b""), policy=default)
    blocks = report.get_payload()
    recipients = [b for b in blocks if isinstance(b, Message) and "final-recipient" in b] if _is_list(blocks) else []
    if not recipients:
        yield unreadable(mail.where, "a delivery report that names no recipient", mail.status or b"")
    reference = _returned(mail.returned)
    for number, block in enumerate(recipients):
        yield _bounce(mail, _id(header, mail.header), number, block, reference, rules)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _returned(header: bytes) -> str | None:
    return _message_id(message_from_bytes(header, policy=default)) if header else None


def _bounce(
    mail: Mail, mail_id: str, number: int, block: Message, reference: str | None, rules: Rules
) -> Interaction | Unreadable:
    address = _recipient(block.get("original-recipient")) or _recipient(block.get("final-recipient"))
    if address is None:
        return unreadable(mail.where, "a delivery report about no e-mail address", mail.status or b"")
    code = _code(block)
    action = str(block.get("action", "")).strip().lower()
    kind = ACTIONS.get(action) or ("mail.bounced.hard" if code.startswith("5") else "mail.bounced.soft")
    dead = kind == "mail.bounced.hard" and any(_begins(code, start) for start in rules.dead)
    says = (Statement("email", rules.delivery, "denied", "bounced"),) if dead and rules.delivery else ()
    diagnosis = _shown(str(block.get("diagnostic-code", "")))
    details = {"status": code, "action": action, "diagnosis": _without(diagnosis, address)}
    return Interaction(
        id=mail_id if number == 0 else f"{mail_id}:{number}",
        at=mail.at,
        channel="email",
        kind=kind,
        direction="out",
        emails=(address,),
        details={name: value for name, value in details.items() if value},
        reference=reference,
        says=says,
    )


def _recipient(field_value: Any) -> str | None:
    """The address of `rfc822; ann@example.org`; None for other address types."""
    kind, _, address = str(field_value or "").partition(";")
    if kind.strip().lower() not in ("rfc822", "utf-8"):
        return None
    return _address(address.strip().strip("<>"))


def _address(text: str) -> str | None:
    try:
        return email_key(text)
    except Unmappable:
        return None


def _code(block: Message) -> str:
    """RFC 3463 code; from the answer of the server where the report gives none but the class."""
    given = _STATUS.search(str(block.get("status", "")))
    said = _STATUS.search(str(block.get("diagnostic-code", "")))
    if given and (given[0][1:] != ".0.0" or said is None or said[1] != given[1]):
        return given[0]
    return said[0] if said else "5.0.0" if str(block.get("action", "")).strip().lower() == "failed" else "4.0.0"


def _begins(code: str, start: str) -> bool:
    """By whole parts: 5.1 is the beginning of 5.1.1 and not of 5.10.1."""
    return f"{code}.".startswith(f"{start.rstrip('.')}.")


def _without(text: str, address: str) -> str:
    return re.sub(re.escape(address), "…", text, flags=re.IGNORECASE)


# --- complaints --------------------------------------------------------------------------------------


def _complaint(mail: Mail, header: EmailMessage, report: bytes, rules: Rules) -> list[Interaction | Unreadable]:
    """Somebody has called our mail spam: that is a wish to have no more of it."""
    told, returned = (message_from_bytes(part, policy=default) for part in (report, mail.returned))
    if str(told.get("feedback-type", "")).strip().lower() not in WISHES:
        return []
    named = [_address(str(value).strip().strip("<>")) for value in told.get_all("original-rcpt-to", [])]
    to = [address for address in (*named, *_addresses(returned, "to")) if address]
    if not to:
        return [unreadable(mail.where, "a complaint that names nobody", report)]
    return [
        Interaction(
            id=_id(header, mail.header),
            at=mail.at,
            channel="email",
            kind="complaint.spam",
            direction="in",
            emails=tuple(dict.fromkeys(to)),
            reference=_message_id(returned),
            says=tuple(Statement("email", purpose, "denied") for purpose in rules.purposes),
        )
    ]


# --- replies and unsubscribe mails -------------------------------------------------------------------


def _message(mail: Mail, header: EmailMessage, rules: Rules) -> Interaction | None:
    sender = next(iter(_addresses(header, "from")), None)
    if sender is None or _is_own(sender, rules.own):
        return None
    subject = _shown(str(header.get("subject", "")))
    by_machine = str(header.get("auto-submitted", "no")).split(";")[0].strip().lower() != "no" or bool(
        header.get("x-auto-response-suppress") or header.get("x-autoreply")
    )
    unsubscribes = _unsubscribes(header, subject, mail.text, rules) and not _is_automatic_reply(header)
    kind = _kind(header, unsubscribes=unsubscribes, by_machine=by_machine, others=rules.others)
    if kind is None:
        return None
    says = tuple(Statement("email", purpose, "denied") for purpose in rules.purposes) if unsubscribes else ()
    return Interaction(
        id=_id(header, mail.header),
        at=mail.at,
        channel="email",
        kind=kind,
        direction="in",
        emails=(sender,),
        summary=subject if rules.subject else "",
        reference=_first_id(str(header.get("in-reply-to", ""))),
        says=says,
    )


def _kind(header: EmailMessage, *, unsubscribes: bool, by_machine: bool, others: bool) -> str | None:
    if unsubscribes:
        return "mail.unsubscribed"
    if by_machine:
        return "mail.auto" if others else None
    if header.get("in-reply-to") or header.get("references"):
        return "mail.reply"
    return "mail.received" if others else None


def _is_automatic_reply(header: EmailMessage) -> bool:
    """An absence note that quotes the word is no act of a person; a program's one-click mail is its user's."""
    return str(header.get("auto-submitted", "no")).split(";")[0].strip().lower() == "auto-replied"


def _unsubscribes(header: EmailMessage, subject: str, text: str, rules: Rules) -> bool:
    to = set(_addresses(header, "to", "delivered-to", "x-original-to", "cc"))
    if rules.unsubscribe & to:
        return True
    first = next((line for line in text.splitlines() if line.strip()), "")
    return any(plain(said) in rules.words for said in (_REPLY.sub("", subject), first))


def _addresses(header: Message, *names: str) -> Iterator[str]:
    texts = [str(value) for name in names for value in header.get_all(name, [])]
    for _, text in getaddresses(texts):
        if text and (address := _address(text)):
            yield address


def _is_own(address: str, own: frozenset[str]) -> bool:
    return address in own or f"@{address.rpartition('@')[2]}" in own


def _id(header: EmailMessage, block: bytes) -> str:
    """The Message-ID, so that a mail that is listed again under another number is the same."""
    return _message_id(header) or "header:" + blake2b(block, digest_size=16).hexdigest()


def _message_id(header: Message) -> str | None:
    return _first_id(str(header.get("message-id", "")))


def _first_id(text: str) -> str | None:
    parts = text.split()
    if not parts:
        return None
    found = parts[0].strip("<>")
    return found if 0 < len(found) <= MOST_ID else "long:" + blake2b(found.encode(), digest_size=16).hexdigest()


def _shown(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return _BLANK.sub(" ", plain).strip()[:MOST_WORDS]


# --- structure ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parts:
    """Numbers of the parts of a mail that are worth fetching, as IMAP names them. None: there is none."""

    status: str | None = None
    complaint: str | None = None
    returned: str | None = None
    text: str | None = None
    encoding: str = "7bit"
    charset: str = "utf-8"


def parts_of(structure: Any) -> Parts:
    """From a parsed BODYSTRUCTURE: nested tuples, the children of a multipart in a list."""
    leaves = list(_leaves(structure, ""))
    kinds = {kind: place for place, kind, _ in reversed(leaves)}
    status = kinds.get("message/delivery-status") or kinds.get("message/global-delivery-status")
    complaint = None if status else kinds.get("message/feedback-report")
    if status or complaint:
        returned = next((r for leaf in leaves if (r := _returned_place(leaf))), None)
        return Parts(status=status, complaint=complaint, returned=returned)
    for place, kind, part in leaves:
        if kind == "text/plain":
            return Parts(text=place, encoding=_text(part[5]).lower(), charset=_charset(part[2]))
    return Parts()


def _returned_place(leaf: tuple[str, str, Any]) -> str | None:
    place, kind, _ = leaf
    if kind in ("text/rfc822-headers", "message/global-headers"):
        return place
    return f"{place}.HEADER" if kind in ("message/rfc822", "message/global") else None


def _leaves(part: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(part[0], list):
        for number, child in enumerate(part[0], 1):
            yield from _leaves(child, f"{place}.{number}" if place else str(number))
        return
    yield place or "1", f"{_text(part[0])}/{_text(part[1])}".lower(), part


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else ""


def _charset(parameters: Any) -> str:
    pairs = list(parameters or ())
    named = {_text(k).lower(): _text(v) for k, v in zip(pairs[::2], pairs[1::2], strict=False)}
    return named.get("charset") or "utf-8"


def decoded(body: bytes, encoding: str, charset: str) -> str:
    """The beginning of a text part; what was cut in the middle of a sign is left away."""
    decode = DECODERS.get(encoding, bytes)
    try:
        return decode(body).decode(charset, "ignore")
    except LookupError:
        return decode(body).decode("ascii", "ignore")


def _base64(body: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    return b64decode(clean[: len(clean) // 4 * 4])


def _quoted(body: bytes) -> bytes:
    return decodestring(body)


DECODERS: Mapping[str, Callable[[bytes], bytes]] = {"base64": _base64, "quoted-printable": _quoted}
