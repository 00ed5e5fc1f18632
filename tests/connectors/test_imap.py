"""Mailboxes on a real Dovecot: read once, in order, without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from itertools import count
from typing import Any, ClassVar

import pytest
from imapclient import IMAPClient
from pydantic import ValidationError

from hub.connectors.contract import Connector, Context
from hub.connectors.imap import ImapConnector, ImapSettings
from hub.errors import AccountError, ConfigError, CursorExpired, TransientError
from hub.model import Interaction, Page, Unreadable
from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.servers import PASSWORD, Server, free_port
from tests.connectors.test_mail_reading import REPORT
from tests.connectors.told import NOT_OF_RECORDS, telling

_numbers = count(1)


class Box:
    """A mailbox of its own on the server."""

    def __init__(self, server: Server) -> None:
        self.server, self.user = server, f"box{next(_numbers)}"

    @contextmanager
    def client(self) -> Iterator[IMAPClient]:
        with IMAPClient("127.0.0.1", self.server.port, ssl=False) as client:
            client.login(self.user, PASSWORD)
            yield client

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.client() as client:
            for mail in mails:
                client.append(folder, mail)

    def connector(self, **settings: Any) -> ImapConnector:
        given = {"host": "127.0.0.1", "port": self.server.port, "user": self.user, "secret": PASSWORD, "tls": "none"}
        return ImapConnector(ImapSettings(**(given | settings)), Context(self.user))

    def pull(self, since: str | None = None, **settings: Any) -> tuple[list[Any], str | None]:
        pages = list(self.connector(**settings).pull(since))
        return [item for page in pages for item in page.items], pages[-1].cursor


@pytest.fixture
def box(dovecot_server) -> Box:
    return Box(dovecot_server)


def reply(number: int, **fields: str) -> bytes:
    mail = EmailMessage()
    given = {
        "Subject": f"Re: {number}",
        "In-Reply-To": "<x@our.example>",
        "Message-ID": f"<{number}@example.org>",
    } | fields
    for name, value in given.items():
        mail[name] = value
    mail["From"] = f"Ann <p{number}@example.org>"
    mail.set_content("Thanks")
    return mail.as_bytes()


def bounced(number: int, report: str = REPORT, size: int = 0) -> bytes:
    body = ("y" * 70 + "\n") * (size // 71)
    mail = f"""\
From: MAILER-DAEMON@example.org
Subject: Undelivered
Message-ID: <b{number}@example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=="

--==
Content-Type: text/plain

It could not be delivered.
--==
Content-Type: message/delivery-status

{report}
--==
Content-Type: message/rfc822

Message-ID: <campaign-{number}@our.example>
Subject: News

{body}
--==--
"""
    return mail.replace("\n", "\r\n").encode()


def ids(items: list[Any]) -> list[str]:
    return [item.id for item in items]


class MailSystem(System):
    """A mailbox on the server, filled by people who answer."""

    many = 12
    secrets = ("c4nary-of-a-mailbox",)
    kind = telling(ImapConnector)

    def __init__(self, box: Box) -> None:
        self.box, self.made = box, 0
        self.connector = self.within(self.context())

    def within(self, context: Context) -> Connector:
        return self.kind(self.box.connector(batch=7).settings, context)

    def seed(self, count: int) -> list[str]:
        numbers = range(self.made, self.made + count)
        self.made += count
        self.box.put(*map(reply, numbers))
        return [f"{n}@example.org" for n in numbers]

    def remove(self, record_id: str) -> None:
        with self.box.client() as client:
            client.select_folder("INBOX")
            client.delete_messages(client.search(["HEADER", "Message-ID", f"<{record_id}>"]))
            client.expunge()

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def unreachable(self) -> Connector:
        return self.kind(self.box.connector(port=free_port()).settings, self.context())

    def wrong_key(self) -> Connector:
        return self.kind(self.box.connector(secret=self.secrets[0]).settings, self.context())


class TestImap(ConnectorContract):
    cannot: ClassVar[Mapping[str, str]] = {
        **NOT_OF_RECORDS,
        **dict.fromkeys(OVER_HTTP, "it speaks IMAP, not HTTP"),
        "test_ten_thousand_records_are_listed_in_little_memory": "so many take minutes to seed; a batch is bounded",
        "test_a_key_revoked_in_mid_run_pauses_the_connection": "a session lives on when the password has changed",
    }

    @pytest.fixture
    def system(self, box: Box) -> MailSystem:
        return MailSystem(box)


# --- reading ----------------------------------------------------------------------------------------


def test_a_bounce_is_read_with_its_mailing(box):
    box.put(bounced(1))
    (found,), _ = box.pull()

    assert (found.kind, found.emails, found.reference) == (
        "mail.bounced.hard",
        ("ann@example.org",),
        "campaign-1@our.example",
    )
    assert [said.purpose for said in found.says] == ["delivery"]


def test_a_complaint_is_read_with_whom_it_is_from(box):
    mail = bounced(1, "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\nOriginal-Rcpt-To: ann@example.org\n")
    box.put(mail.replace(b"message/delivery-status", b"message/feedback-report"))
    (found,), _ = box.pull()

    assert (found.kind, found.emails, found.reference) == (
        *("complaint.spam", ("ann@example.org",)),
        "campaign-1@our.example",
    )


def test_each_mail_is_read_once(box):
    box.put(reply(1), reply(2))
    first, cursor = box.pull()
    second, again = box.pull(cursor)
    box.put(reply(3))
    third, _ = box.pull(again)

    assert (ids(first), ids(second), ids(third)) == (["1@example.org", "2@example.org"], [], ["3@example.org"])


def test_reading_marks_nothing_as_seen(box):
    box.put(reply(1), bounced(2))
    box.pull()

    with box.client() as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search("SEEN") == []
        assert len(client.search("UNSEEN")) == 2


def test_a_new_numbering_is_read_again_and_the_ids_stay(box):
    def renewed() -> None:
        with box.client() as client:
            if client.folder_exists("News"):
                client.delete_folder("News")
            client.create_folder("News")
        box.put(reply(1), folder="News")

    renewed()
    before, cursor = box.pull(folders=("News",))
    renewed()

    with pytest.raises(CursorExpired):
        box.pull(cursor, folders=("News",))
    assert ids(box.pull(folders=("News",))[0]) == ids(before)


@pytest.mark.parametrize("cursor", ["", "7", "[]", '{"INBOX": 7}', '{"INBOX": ["a", "b"]}'])
def test_a_cursor_that_makes_no_sense_is_read_from_the_beginning(box, cursor):
    with pytest.raises(CursorExpired):
        box.pull(cursor)


def test_batches_and_their_cursors_lose_nothing_at_a_kill(box):
    box.put(*(reply(n) for n in range(7)))
    pages: list[Page] = list(box.connector(batch=2).pull(None))
    everything = [item.id for page in pages for item in page.items]

    assert len(everything) == 7
    for stop, page in enumerate(pages):
        read = [item.id for p in pages[: stop + 1] for item in p.items]
        assert read + ids(box.pull(page.cursor, batch=3)[0]) == everything


def test_folders_are_read_one_after_the_other(box):
    with box.client() as client:
        client.create_folder("Antworten & Büro")
    box.put(reply(1))
    box.put(reply(2), folder="Antworten & Büro")
    folders = ("INBOX", "Antworten & Büro")

    found, cursor = box.pull(folders=folders)
    assert ids(found) == ["1@example.org", "2@example.org"]
    box.put(reply(3), folder="Antworten & Büro")
    assert ids(box.pull(cursor, folders=folders)[0]) == ["3@example.org"]


def test_of_a_big_mail_little_is_fetched(box):
    box.put(bounced(1, size=3_000_000))
    connector = box.connector()
    (page, _) = connector.pull(None)

    assert [item.reference for item in page.items] == ["campaign-1@our.example"]


def test_a_broken_mail_is_set_aside_and_the_others_are_read(box):
    broken = bounced(1, "nothing that a server would say")
    box.put(reply(1), broken, b"\r\n", b"Subject: =?utf-8?b?////?=\r\nFrom: <<<>>>\r\n\r\n", reply(2))
    found, _ = box.pull()

    assert [item.id for item in found if isinstance(item, Interaction)] == ["1@example.org", "2@example.org"]
    assert [item.where for item in found if isinstance(item, Unreadable)] == ["INBOX UID 2"]


def test_the_first_line_of_a_text_is_looked_at_whatever_its_encoding(box):
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "eva@example.org", "Re: News", "<e@example.org>"
    mail.set_content("Désabonner\n", charset="utf-8", cte="base64")
    box.put(mail.as_bytes())

    assert [item.kind for item in box.pull()[0]] == ["mail.unsubscribed"]


# --- what goes wrong --------------------------------------------------------------------------------


def test_a_check_names_the_folders(box):
    box.put(reply(1))

    assert box.connector().check().lines == ("folder INBOX: 1 mails",)


def test_a_wrong_password_pauses_the_connection(box):
    with pytest.raises(AccountError) as caught:
        box.connector(secret="wrong-secret").check()
    assert "wrong-secret" not in str(caught.value)


def test_a_folder_that_is_not_there_is_a_mistake_in_the_settings(box):
    with pytest.raises(ConfigError, match="folders"):
        box.pull(folders=("None",))


def test_a_server_that_is_away_is_tried_again(box):
    with pytest.raises(TransientError):
        box.connector(port=free_port()).check()


def test_a_server_without_tls_is_not_spoken_to_in_clear(box):
    with pytest.raises((TransientError, AccountError)):
        box.connector(tls="tls").check()
    with pytest.raises((TransientError, AccountError)):
        box.connector(tls="starttls").check()


def test_a_password_in_clear_is_refused_for_another_machine():
    with pytest.raises(ValidationError, match="in clear"):
        ImapSettings(host="mail.example.org", user="u", secret="s", tls="none")


def test_the_secret_is_shown_nowhere(box):
    assert PASSWORD not in repr(box.connector().settings)
