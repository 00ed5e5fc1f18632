"""Mailboxes over IMAP: bounces, replies and unsubscribe mails become interactions and consent.

Source   RFC 3501 and 9051; a real Dovecot 2.3; see docs/connectors/imap.md
Cursor   by folder: UIDVALIDITY and the last UID. Another UIDVALIDITY is another numbering: everything is read
         again, and the Message-IDs tell what is known
Reading  EXAMINE and PEEK: no mail is marked as seen. Of a mail the header, the delivery report and the first
         two thousand bytes of its text are fetched, whatever its size
Quirk    `UID n:*` returns the last mail also where n is past the end
Writes   none
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from socket import gaierror
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import orjson
from pydantic import Field, SecretStr, model_validator

from hub.connectors.contract import Can, Connector, Context, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.mail_reading import Mail, Parts, Rules, decoded, parts_of, read_mail, unreadable
from hub.connectors.opt_out import MAIL, as_words
from hub.errors import AccountError, ConfigError, CursorExpired, HubError, TransientError
from hub.model import Cursor, Interaction, Page, Unreadable

if TYPE_CHECKING:
    from imapclient import IMAPClient

MOST_HEADER = 65_536  # bytes
MOST_REPORT = 65_536
MOST_TEXT = 2_000
MOST_ITEMS = 1_900  # of a page: a report may name many recipients
Said = Interaction | Unreadable
_Dot = Annotated[str, Field(pattern=r"^[245](\.\d{1,3}){1,2}$")]


class ImapSettings(Settings):
    """A mailbox that bounces, replies or unsubscribe mails go to.

    host, port     of the IMAP server
    user, secret   of the mailbox
    tls            tls from the beginning, starttls, or none (on this machine only)
    ca_file        certificate authority of a private network
    folders        that are read
    purposes       of consent that an unsubscribe mail denies, as the other systems name them
    delivery       purpose that a dead address is denied for; null: a bounce is only an interaction
    dead           beginnings of status codes that speak of the address itself
    words          a subject, or first line of text, that says unsubscribe, besides those that are built in
    unsubscribe_to  addresses to which any mail means unsubscribe, as in List-Unsubscribe
    own            our own addresses and @domains: mail from them is no contact's
    subject        keep the subject as the summary
    others         take mails that are neither bounce, reply nor unsubscribe as well
    batch          mails fetched in one call
    timeout_seconds  without a byte moving
    """

    host: Annotated[str, Field(min_length=1, pattern=r"^[^\s/]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    user: Annotated[str, Field(min_length=1)]
    secret: SecretStr
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: Path | None = None
    folders: Annotated[tuple[str, ...], Field(min_length=1)] = ("INBOX",)
    purposes: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,80}$")], ...] = ("newsletter",)
    delivery: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,80}$")] | None = "delivery"
    dead: tuple[_Dot, ...] = ("5.1", "5.2.1")
    words: tuple[str, ...] = ()
    unsubscribe_to: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    subject: bool = True
    others: bool = False
    batch: Annotated[int, Field(ge=1, le=1000)] = 200
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> ImapSettings:
        if self.tls == "none" and not _is_here(self.host):
            raise ValueError("`tls: none` would send the password in clear: it is for a server on this machine only")
        return self

    @property
    def rules(self) -> Rules:
        return Rules(
            purposes=self.purposes,
            delivery=self.delivery,
            dead=self.dead,
            words=as_words((*MAIL, *self.words)),
            unsubscribe=frozenset(address.lower() for address in self.unsubscribe_to),
            own=frozenset(address.lower() for address in self.own),
            subject=self.subject,
            others=self.others,
        )


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class ImapConnector(Connector):
    """Reads mailboxes, and changes nothing in them."""

    Settings: ClassVar[type[ImapSettings]] = ImapSettings
    default_mapping = default_mapping("imap")
    example: ClassVar[str] = """\
type: imap
host: mail.example.org
user: bounces@example.org
secret: env:BOUNCES_PASSWORD
purposes: [newsletter]              # what an unsubscribe mail denies
own: ["@example.org"]
"""

    settings: ImapSettings

    def __init__(self, settings: ImapSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._rules = settings.rules

    @property
    def can(self) -> Can:
        return Can(changes=True, complete=False)

    def check(self) -> Report:
        with self._session() as client:
            lines = []
            for folder in self.settings.folders:
                state = self._open(client, folder)
                lines.append(f"folder {folder}: {int(state[b'EXISTS'])} mails")
            welcome = client.welcome.decode("ascii", "replace") if client.welcome else "an IMAP server"
            return Report(welcome[:80], tuple(lines))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        places = _places(since)
        with self._session() as client:
            for folder in self.settings.folders:
                yield from self._read(client, folder, places)
        yield Page((), _cursor(places))

    def _read(self, client: IMAPClient, folder: str, places: dict[str, list[int]]) -> Iterator[Page]:
        """New mails of a folder; `places` moves on with each page."""
        validity = int(self._open(client, folder)[b"UIDVALIDITY"])
        known, last = places.get(folder, [validity, 0])
        if known != validity:
            raise CursorExpired(
                f"{self.context.name}: the server has numbered a folder anew; all mails are read again."
            )
        with self._translated():
            uids = sorted(uid for uid in client.search(["UID", f"{last + 1}:*"]) if uid > last)
        places[folder] = [validity, last]
        for start in range(0, len(uids), self.settings.batch):
            part, before = uids[start : start + self.settings.batch], _cursor(places)
            fetched = self._fetched(client, folder, part)
            items = [item for uid in part for item in fetched[uid]]
            places[folder] = [validity, part[-1]]
            while len(items) > MOST_ITEMS:
                yield Page(tuple(items[:MOST_ITEMS]), before)
                items = items[MOST_ITEMS:]
            yield Page(tuple(items), _cursor(places))

    def _fetched(self, client: IMAPClient, folder: str, uids: Sequence[int]) -> dict[int, list[Said]]:
        """UID → what its mail says. One that the library cannot read is set aside alone."""
        try:
            mails = self._mails(client, folder, uids)
        except _Garbled:
            if len(uids) > 1:
                return {uid: self._fetched(client, folder, [uid])[uid] for uid in uids}
            return {uids[0]: [unreadable(f"{folder} UID {uids[0]}", "the structure of the mail cannot be read", b"")]}
        return {uid: read_mail(mails[uid], self._rules) if uid in mails else [] for uid in uids}

    def _mails(self, client: IMAPClient, folder: str, uids: Sequence[int]) -> dict[int, Mail]:
        """Mails that are there still: one call for all, and one more for each place that reports and texts are at."""
        first = self._fetch(client, uids, f"BODY.PEEK[HEADER]<0.{MOST_HEADER}>", "BODYSTRUCTURE", "INTERNALDATE")
        parts = {uid: _parts(found.get(b"BODYSTRUCTURE")) for uid, found in first.items()}
        more: dict[int, dict[str, bytes]] = {uid: {} for uid in first}
        for place, size in sorted({want for some in parts.values() for want in _wanted(some)}):
            wanted = [uid for uid, some in parts.items() if (place, size) in _wanted(some)]
            for uid, found in self._fetch(client, wanted, f"BODY.PEEK[{place}]<0.{size}>").items():
                more[uid][place] = _body(found, place)
        return {
            uid: _mail(f"{folder} UID {uid}", found, parts[uid], more[uid], self.context.clock())
            for uid, found in first.items()
        }

    def _fetch(self, client: IMAPClient, uids: Sequence[int], *what: str) -> Mapping[int, Mapping[bytes, Any]]:
        from imapclient.exceptions import ProtocolError

        with self._translated():
            try:
                found: Mapping[int, Mapping[bytes, Any]] = client.fetch(list(uids), list(what))
            except ProtocolError as err:
                raise _Garbled from err
        return {uid: found[uid] for uid in uids if uid in found}

    # --- the session -----------------------------------------------------------------------------------

    def _open(self, client: IMAPClient, folder: str) -> Mapping[bytes, Any]:
        """EXAMINE: nothing in it can be changed. ConfigError when there is no such folder."""
        from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

        with self._translated():
            try:
                return client.select_folder(folder, readonly=True)  # type: ignore[no-any-return]
            except IMAPClientAbortError:
                raise
            except IMAPClientError as err:
                raise ConfigError(
                    f"{self.context.name}: the folder {folder!r} cannot be opened. Nothing was read from it. "
                    "Correct `folders`, or let this user read it."
                ) from err

    @contextmanager
    def _session(self) -> Iterator[IMAPClient]:
        client = self._connect()
        try:
            yield client
        finally:
            from imapclient.exceptions import IMAPClientError

            with suppress(OSError, IMAPClientError):  # a server that is gone needs no farewell
                client.logout()

    def _connect(self) -> IMAPClient:
        try:
            from imapclient import IMAPClient
        except ImportError as err:
            raise ConfigError(
                "The connector imap needs the package imapclient: pip install 'contact-hub[mail]'"
            ) from err
        settings = self.settings
        trust = None if settings.tls == "none" else self._trust()
        with self._translated():
            client = IMAPClient(
                settings.host,
                settings.port,
                ssl=settings.tls == "tls",
                ssl_context=trust if settings.tls == "tls" else None,
                timeout=settings.timeout_seconds,
            )
            try:
                client.normalise_times = False
                if settings.tls == "starttls":
                    client.starttls(trust)
                client.login(settings.user, settings.secret.get_secret_value())
            except BaseException:
                client.shutdown()
                raise
        return client

    def _trust(self) -> ssl.SSLContext:
        trust = ssl.create_default_context()
        if self.settings.ca_file is not None:
            try:
                trust.load_verify_locations(self.context.base / self.settings.ca_file)
            except (OSError, ssl.SSLError) as err:
                raise ConfigError(
                    f"{self.context.name}: `ca_file` {self.settings.ca_file} cannot be read as certificates (PEM)."
                ) from err
        return trust

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the library and the network as ours. Texts of the server may hold addresses: left out."""
        from imapclient.exceptions import IMAPClientError, LoginError

        name = self.context.name
        try:
            yield
        except (HubError, _Garbled):
            raise
        except LoginError as err:
            raise AccountError(f"{name}: the mail server refused the user or the password. Nothing was read.") from err
        except ssl.SSLCertVerificationError as err:
            raise AccountError(
                f"{name}: the certificate of the mail server is not trusted ({err.verify_message}). Nothing was read; "
                "renew it there, or name the certificate authority of your network in `ca_file`."
            ) from err
        except (gaierror, ConnectionRefusedError) as err:
            what = "is a name that cannot be resolved (DNS)" if isinstance(err, gaierror) else "refused the connection"
            raise TransientError(
                f"{name}: {self.settings.host} {what}; nothing was read. Next: check `host`, `port` and `tls`, or "
                "wait: every run tries again."
            ) from err
        except (IMAPClientError, OSError) as err:
            raise TransientError(
                f"{name}: the mail server did not answer as it should ({type(err).__name__}). What was read is saved; "
                "the next run goes on."
            ) from err


class _Garbled(Exception):
    """The library cannot read an answer."""


# --- what was fetched --------------------------------------------------------------------------------


def _places(since: Cursor | None) -> dict[str, list[int]]:
    """Folder → (UIDVALIDITY, last UID read)."""
    if since is None:
        return {}
    try:
        found = orjson.loads(since)
        places = {str(folder): [int(validity), int(last)] for folder, (validity, last) in found.items()}
    except (ValueError, TypeError, AttributeError) as err:
        raise CursorExpired("the cursor of this mailbox cannot be read; all mails are read again and compared") from err
    if not places:
        raise CursorExpired("the cursor of this mailbox names no folder; all mails are read again and compared")
    return places


def _cursor(places: Mapping[str, Sequence[int]]) -> Cursor:
    return orjson.dumps(dict(places), option=orjson.OPT_SORT_KEYS).decode()


def _parts(structure: Any) -> Parts:
    try:
        return parts_of(structure)
    except (TypeError, IndexError, AttributeError):  # a structure that no server should send: the header still tells
        return Parts()


def _wanted(parts: Parts) -> list[tuple[str, int]]:
    """(place, most bytes) to be fetched."""
    reports = (parts.status, MOST_REPORT), (parts.complaint, MOST_REPORT)
    places = (*reports, (parts.returned, MOST_HEADER), (parts.text, MOST_TEXT))
    return [(place, size) for place, size in places if place is not None]


def _body(found: Mapping[bytes, Any], place: str) -> bytes:
    """The answer names the place, and where it was cut: BODY[2]<0>."""
    start = f"BODY[{place}]".upper().encode()
    return next((value or b"" for key, value in found.items() if key.upper().startswith(start)), b"")


def _mail(where: str, found: Mapping[bytes, Any], parts: Parts, more: Mapping[str, bytes], now: datetime) -> Mail:
    at = found.get(b"INTERNALDATE")
    return Mail(
        where=where,
        at=at.astimezone(UTC) if isinstance(at, datetime) and at.tzinfo is not None else now,
        header=_body(found, "HEADER"),
        status=more.get(parts.status, b"") if parts.status else None,
        complaint=more.get(parts.complaint, b"") if parts.complaint else None,
        returned=more.get(parts.returned, b"") if parts.returned else b"",
        text=decoded(more.get(parts.text, b""), parts.encoding, parts.charset) if parts.text else "",
    )
