"""Mailchimp's words: what it takes, and what it says of what it does not."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from hub.testing.service import Call, Refusal

WRITABLE_STATUS = {"subscribed", "unsubscribed", "cleaned", "pending", "transactional"}
STATUSES = {*WRITABLE_STATUS, "archived"}
WRITTEN = {"email_address", "email_type", "merge_fields", "interests", "language", "vip", "location"}
CONSENT = {"marketing_permissions", "ip_signup", "timestamp_signup", "ip_opt", "timestamp_opt"}
PARAMS = {
    *("fields", "exclude_fields", "count", "offset", "email_type", "status", "since_timestamp_opt"),
    *("before_timestamp_opt", "since_last_changed", "before_last_changed", "unique_email_id", "vip_only"),
    *("sort_field", "sort_dir", "unsubscribed_since"),
}
ADDRESS = ("addr1", "city", "state", "zip")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
DOCS = "https://mailchimp.com/developer/marketing/docs/errors/"


def key_of(email: str) -> str:
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def whole(at: datetime) -> datetime:
    return at - timedelta(microseconds=at.microsecond)


def time_of(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("since_last_changed", "Schema describes a date") from error
    assert at.tzinfo is not None, "a time without a zone: nobody knows which"
    return at


def problem_body(status: int, title: str, detail: str) -> dict[str, Any]:
    instance = str(uuid5(NAMESPACE_DNS, title))
    return {"type": DOCS, "title": title, "status": status, "detail": detail, "instance": instance}


def refused(status: int, title: str, detail: str, **more: Any) -> Refusal:
    body = {**problem_body(status, title, detail), **more}
    return Refusal(status, body, {"content-type": "application/problem+json; charset=utf-8"})


def not_found() -> Refusal:
    return refused(404, "Resource Not Found", "The requested resource could not be found.")


def invalid(name: str, message: str) -> Refusal:
    return refused(400, "Invalid Resource", message, errors=[{"field": name, "message": message}])


def known(body: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(body, dict) or set(body) - names:
        raise invalid("", "Schema describes no such field")
    return dict(body)


def fields_of(call: Call, names: set[str], required: set[str]) -> dict[str, Any]:
    body = known(call.json, names)
    if missing := sorted(required - set(body)):
        raise invalid(missing[0], "This value should not be blank.")
    return body


def row_error(email: str, said: str, code: str) -> dict[str, str]:
    return {"email_address": email, "error": said, "error_code": code, "field": "", "field_message": ""}
