"""To send a mail: it is written down with what it belongs to, in one transaction, and goes out soon after."""

from __future__ import annotations

import time
from uuid import uuid4

from email_validator import EmailNotValidError, validate_email

from hub.errors import RecordError
from hub.store import mail_out as db
from hub.store.db import Tx

MOST_TEXT = 200_000  # characters
MOST_SUBJECT = 250
MOST_PURPOSE = 40


def send(
    tx: Tx,
    to: str,
    subject: str,
    text: str,
    html: str | None,
    purpose: str,
    *,
    at: float | None = None,
    until: float | None = None,
) -> None:
    """Have a mail sent once this transaction is committed; if it is undone, so is the mail.

    to       one address
    html     the same once more for who reads HTML; None: text only
    purpose  what kind of mail it is, for lists and metrics: small letters, no personal data
    at       epoch seconds; None: now
    until    epoch seconds; after that it is not worth sending any more

    RecordError when it is no address that a mail can go to, or when the subject has more than one line.
    """
    address = mailbox(to)
    if not subject.isprintable() or not 0 < len(subject) <= MOST_SUBJECT:
        raise RecordError(
            f"The subject of a mail is one line of at most {MOST_SUBJECT} characters; it was not written."
        )
    if max(len(text), len(html or "")) > MOST_TEXT or len(purpose) > MOST_PURPOSE:
        raise RecordError(f"A mail has at most {MOST_TEXT} characters; it was not written.")
    moment = time.time() if at is None else at
    db.add(tx, purpose, (address, subject, text, html), uuid4().hex, moment, until)


def mailbox(text: str) -> str:
    """The address as a mail server takes it. RecordError, without the text, when it is none."""
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=True).normalized
    except EmailNotValidError as err:
        raise RecordError("It is no mail address: no mail was written.") from err
