"""The company's mail server: one connection for the mails that wait, over TLS unless it is this machine.

Source  RFC 5321, RFC 3207 (STARTTLS), RFC 3834 (Auto-Submitted)
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as LINES
from email.utils import format_datetime

from hub.errors import AccountError, TransientError
from hub.store.mail_out import Waiting

SECONDS = 30.0  # for each answer of the server


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are given in.

    tls      "starttls", "tls" from the first byte, or "none"
    sender   address that they come from; name: shown beside it
    reply_to where answers go; None: to the sender
    trust    whose certificates count; None: those of the system
    """

    host: str
    port: int
    tls: str
    sender: str
    name: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    reply_to: str | None = None
    trust: ssl.SSLContext | None = None

    @contextmanager
    def opened(self) -> Iterator[Line]:
        """TransientError: try later. AccountError: the settings have to be changed first."""
        with translated(self.host):
            smtp = self._connected()
        try:
            with translated(self.host):
                if self.tls == "starttls":
                    smtp.starttls(context=self._trust())
                if self.user is not None:
                    smtp.login(self.user, self.password or "")
            yield Line(self, smtp)
        finally:
            with suppress(smtplib.SMTPException, OSError):  # what was taken is taken: how it ends says nothing
                smtp.quit()
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        if self.tls == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=self._trust())
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _trust(self) -> ssl.SSLContext:
        return self.trust or ssl.create_default_context()

    def written(self, mail: Waiting) -> EmailMessage:
        message = EmailMessage(policy=LINES)
        user, _, domain = self.sender.rpartition("@")
        message["From"] = Address(self.name, user, domain)
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(mail.at, UTC))
        message["Message-ID"] = f"<{mail.message_id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # nobody's holiday answer comes back
        if self.reply_to:
            message["Reply-To"] = self.reply_to
        message.set_content(mail.text, cte="quoted-printable")
        if mail.html:
            message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return message


class Line:
    """An open connection to the server."""

    def __init__(self, server: Server, smtp: smtplib.SMTP) -> None:
        self._server, self._smtp = server, smtp

    def give_in(self, mail: Waiting) -> NotTaken | None:
        """None: the server has taken it. Errors as of `opened`: they are not about this mail."""
        with translated(self._server.host):
            try:
                self._smtp.send_message(self._server.written(mail), self._server.sender, [mail.recipient])
            except smtplib.SMTPRecipientsRefused as err:
                return _not_taken("its address", min((code for code, _ in err.recipients.values()), default=0))
            except smtplib.SMTPDataError as err:
                return _not_taken("it", err.smtp_code)
            except smtplib.SMTPNotSupportedError:
                return NotTaken("the server takes no address with such letters", forever=True)
        return None


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server does not take this mail. forever: nor would it later"""

    reason: str
    forever: bool


def _not_taken(what: str, code: int) -> NotTaken:
    return NotTaken(f"the server refused {what} with code {code}", code >= 500)


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Errors of the server as those of the hub; its words are left out, since they repeat addresses."""
    try:
        yield
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as err:
        raise AccountError(
            f"The mail server {host} does not let the hub in ({_code(err)}). No mail was sent; they wait. "
            "Check `mail.user`, `mail.secret` and `mail.tls`."
        ) from err
    except smtplib.SMTPSenderRefused as err:
        raise AccountError(
            f"The mail server {host} does not take mails from the address in `mail.from` ({_code(err)}). "
            "No mail was sent; they wait. Check `mail.from`."
        ) from err
    except ssl.SSLCertVerificationError as err:
        raise AccountError(
            f"The certificate of the mail server {host} does not fit. No mail was sent; they wait. "
            "Check `mail.host`, or name the authority under `mail.ca`."
        ) from err
    except (smtplib.SMTPException, OSError) as err:
        raise TransientError(f"The mail server {host} does not answer ({_code(err)}). Mails wait.") from err


def _code(err: Exception) -> str:
    code = getattr(err, "smtp_code", None)
    return f"code {code}" if code else type(err).__name__
