"""Twilio: the messages of one account.

Kept from the vendor's rules
Listing   newest first, 1,000 rows a page; the next page is a path with a token; filters by the day (or the second)
          of sending, both ends taken in; who has not been sent yet has no such time
Sending   a form; to whom has said STOP it fails with 21610 until START comes from there, for that sender only
Deleting  for good. A message that is under way cannot be deleted
Errors    code, message, more_info, status
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import md5
from typing import Any
from urllib.parse import urlencode

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

ACCOUNT = "AC" + "0123456789abcdef" * 2
OURS = "+15005550006"
PHONE = re.compile(r"\+[1-9]\d{6,14}")
STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"}
START = {"START", "YES", "UNSTOP"}
SENT = {"To", "From", "MessagingServiceSid", "Body", "MediaUrl", "StatusCallback", "ContentSid", "ValidityPeriod"}
DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass
class Message:
    sid: str
    number: int
    sender: str
    to: str
    body: str
    direction: str
    status: str
    created: datetime
    sent: datetime | None
    updated: datetime


class Twilio(Service):
    base = "https://api.twilio.com/2010-04-01"
    rate = Rate(100, 1.0)

    def __init__(self, secret: str = "right-auth-token-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {f"{ACCOUNT}:{secret}": True}
        self.state |= {"messages": {}, "stopped": set()}
        self._made = 0

    @property
    def messages(self) -> dict[str, Message]:
        found: dict[str, Message] = self.state["messages"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def receive(self, sender: str, body: str = "Hello", to: str = OURS) -> str:
        """Somebody writes to us."""
        word = body.strip().upper()
        stopped: set[tuple[str, str]] = self.state["stopped"]
        if word in STOP:
            stopped.add((sender, to))
        elif word in START:
            stopped.discard((sender, to))
        return self._new(sender, to, body, "inbound", "received").sid

    def edit(self, sid: str, status: str = "delivered") -> None:
        message = self.messages[sid]
        message.status, message.updated = status, self.clock()
        if message.sent is None and status in {"sent", "delivered", "undelivered"}:
            message.sent = self.clock().replace(microsecond=0)

    def send_out(self, to: str, body: str, *, sent: bool = True) -> str:
        """Somebody of ours writes, in Twilio."""
        made = self._new(OURS, to, body, "outbound-api", "queued")
        if sent:
            self.edit(made.sid, "sent")
        return made.sid

    def twin(self, sid: str, sender: str) -> str:
        made = self.messages[self.receive(sender)]
        made.sent = self.messages[sid].sent
        return made.sid

    def remove(self, sid: str) -> None:
        del self.messages[sid]

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        basic = call.basic()
        return None if basic is None else ":".join(basic)

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        codes = {401: 20003, 403: 20403, 404: 20404, 405: 20004, 429: 20429}
        return refused(status, codes.get(status, 20001), "Authenticate" if status == 401 else reason)

    @route("GET", "/Accounts/{account}/Messages.json")
    def listing(self, call: Call, account: str) -> Answer:
        call.only("To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken")
        size, page = call.number("PageSize", 50, least=1, most=1000), call.number("Page", 0)
        if page and call.one("PageToken") is None:
            raise refused(400, 20006, "Page is set without its token")
        before = int((call.one("PageToken") or "PAsm0").removeprefix("PAsm"))
        rows = [each for each in self.messages.values() if self._asked_for(each, call)]
        rows.sort(key=lambda each: (each.sent or each.created, each.number), reverse=True)
        if before:
            rows = rows[next((at for at, each in enumerate(rows) if each.number == before), -1) + 1 :]
        found = rows[:size]
        path = f"/2010-04-01/Accounts/{account}/Messages.json"
        kept = [(name, value) for name, values in call.query.items() for value in values if not name.startswith("Page")]
        token = [("PageToken", f"PAsm{found[-1].number}")] if len(rows) > size else []
        following = f"{path}?{urlencode([*kept, ('PageSize', size), ('Page', page + 1), *token])}" if token else None
        body = {
            "messages": [shown(each) for each in found],
            "page": page,
            "page_size": size,
            "next_page_uri": following,
        }
        first = f"{path}?{urlencode([*kept, ('PageSize', size), ('Page', 0)])}"
        more = {"uri": first, "first_page_uri": first, "previous_page_uri": None, "start": page * size}
        return Answer(200, {**body, **more, "end": page * size + len(found)})

    @route("POST", "/Accounts/{account}/Messages.json")
    def send(self, call: Call, account: str) -> Answer:
        form = {name: values[-1] for name, values in call.form.items()}
        if unknown := sorted(set(form) - SENT):
            raise refused(400, 20001, f"Unknown parameter {unknown[0]}")
        to, sender = form.get("To", ""), form.get("From", OURS)
        if not PHONE.fullmatch(to):
            raise refused(400, 21211, "Invalid 'To' Phone Number")
        if "From" not in form and "MessagingServiceSid" not in form:
            raise refused(400, 21603, "A 'From' phone number is required")
        if not form.get("Body"):
            raise refused(400, 21602, "Message body is required")
        if (to, sender) in self.state["stopped"]:
            raise refused(400, 21610, "Attempt to send to unsubscribed recipient")
        return Answer(201, shown(self._new(sender, to, form["Body"], "outbound-api", "queued")))

    @route("GET", "/Accounts/{account}/Messages/{sid}.json")
    def one(self, call: Call, account: str, sid: str) -> Answer:
        return Answer(200, shown(self._message(sid)))

    @route("DELETE", "/Accounts/{account}/Messages/{sid}.json")
    def delete(self, call: Call, account: str, sid: str) -> Answer:
        if self._message(sid).status in {"queued", "sending", "accepted"}:
            raise refused(409, 20009, "Cannot delete message because it is not finished")
        self.remove(sid)
        return Answer(204)

    # --- inside -----------------------------------------------------------------------------------

    def _message(self, sid: str) -> Message:
        if sid not in self.messages:
            raise refused(404, 20404, "The requested resource was not found")
        return self.messages[sid]

    def _asked_for(self, message: Message, call: Call) -> bool:
        if call.one("To") not in (None, message.to) or call.one("From") not in (None, message.sender):
            return False
        on, until, since = call.one("DateSent"), call.one("DateSent<"), call.one("DateSent>")
        if (on or until or since) and message.sent is None:
            return False
        at = message.sent or message.created
        return (
            (on is None or moment(on) <= at < moment(on) + timedelta(days=1))
            and (until is None or at <= moment(until))
            and (since is None or at >= moment(since))
        )

    def _new(self, sender: str, to: str, body: str, direction: str, status: str) -> Message:
        self._made += 1
        now = self.clock().replace(microsecond=0)
        sid = "SM" + md5(str(self._made).encode(), usedforsecurity=False).hexdigest()
        sent = now if status == "received" else None
        made = Message(sid, self._made, sender, to, body, direction, status, now, sent, now)
        self.messages[sid] = made
        return made


# --- words ------------------------------------------------------------------------------------------


def refused(status: int, code: int, message: str) -> Refusal:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Refusal(status, {"code": code, "message": message, "more_info": more, "status": status})


def moment(text: str) -> datetime:
    """A day, or a second in UTC."""
    try:
        return datetime.fromisoformat(f"{text}T00:00:00+00:00" if DAY.fullmatch(text) else text)
    except ValueError as error:
        raise refused(400, 20001, "Invalid DateSent") from error


def shown(message: Message) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{message.sid}.json"
    times = {"date_created": message.created, "date_sent": message.sent, "date_updated": message.updated}
    return {
        "sid": message.sid,
        "account_sid": ACCOUNT,
        "from": message.sender,
        "to": message.to,
        "body": message.body,
        "direction": message.direction,
        "status": message.status,
        "num_segments": "1",
        "num_media": "0",
        "error_code": None,
        "error_message": None,
        "messaging_service_sid": None,
        "price": None,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "uri": uri,
        "subresource_uris": {"media": uri.replace(".json", "/Media.json")},
        **{name: format_datetime(at) if at else None for name, at in times.items()},
    }
