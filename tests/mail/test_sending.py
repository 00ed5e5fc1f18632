"""Mails go out by a real server: once, again while it fails, and never with what was not committed."""

from __future__ import annotations

import logging
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import AccountError, RecordError
from hub.mail.outbox import MOST_SUBJECT, mailbox, send
from hub.mail.sender import CLAIMED_SECONDS, MOST_ATTEMPTS, PAUSES, MailSender
from hub.mail.smtp import Server
from hub.store import mail_out as db
from hub.store.backup import begin_again
from tests.mail.server import PASSWORD, USER, certificate, running
from tests.store.conftest import connect, empty, postgres_server, store, url  # noqa: F401  fixtures

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    with running() as found:
        yield found


@pytest.fixture
def sender(store, server, clock):  # noqa: F811
    return MailSender(store, plain(server), clock)


def plain(server):
    return Server("127.0.0.1", server.port, "none", "hub@example.org", "Example Ltd")


def write(store, to="ann@example.org", text="Please confirm.", **how):  # noqa: F811
    with store.write() as tx:
        send(tx, to, "Your newsletter", text, how.pop("html", None), "confirm", at=NOW, **how)


def rows(store):  # noqa: F811
    with store.read() as tx:
        return db.listed(tx, 100)


def test_a_mail_is_taken_by_the_server_and_then_forgotten(store, server, sender):  # noqa: F811
    write(store, html="<p>Please confirm.</p>")

    assert sender.step() == 1

    (mail,) = server.got
    assert mail["to"] == "ann@example.org"
    assert str(mail["from"]) == "Example Ltd <hub@example.org>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail.get_body(("plain",)).get_content().strip() == "Please confirm."
    assert mail.get_body(("html",)).get_content().strip() == "<p>Please confirm.</p>"
    (row,) = rows(store)
    assert (row.state, row.recipient, row.subject, row.text, row.html) == ("sent", "", "", "", None)
    assert sender.step() == 0


def test_a_mail_of_a_transaction_that_was_undone_is_never_sent(store, server, sender):  # noqa: F811
    with pytest.raises(RuntimeError), store.write() as tx:
        send(tx, "ann@example.org", "Hello", "text", None, "confirm", at=NOW)
        raise RuntimeError

    assert sender.step() == 0
    assert server.got == []


def test_what_the_server_puts_off_is_tried_again_later_and_the_others_go_out(store, server, sender, clock):  # noqa: F811
    server.answers = ["451 later"]
    write(store, "ann@example.org")
    write(store, "rui@example.org")

    assert sender.step() == 1
    assert server.recipients == ["rui@example.org"]
    clock.now += PAUSES[0] - 1
    assert sender.step() == 0
    clock.now += 1
    assert sender.step() == 1
    assert server.recipients == ["rui@example.org", "ann@example.org"]


def test_an_address_that_is_refused_for_good_is_given_up_without_being_named(store, server, sender, caplog):  # noqa: F811
    server.answers = ["550 ann@example.org is unknown here"]
    write(store)

    with caplog.at_level(logging.WARNING):
        sender.step()

    (row,) = rows(store)
    assert (row.state, row.recipient, row.text) == ("failed", "", "")
    assert row.error == "the server refused its address with code 550"
    assert "ann@" not in caplog.text


def test_a_server_that_is_away_costs_one_mail_an_attempt_and_is_left_alone_a_while(store, clock):  # noqa: F811
    sender = MailSender(store, Server("127.0.0.1", 1, "none", "hub@example.org"), clock)
    write(store, "ann@example.org")
    write(store, "rui@example.org")

    assert sender.step() == 0

    assert [(row.attempts, row.state) for row in rows(store)] == [(0, "waiting"), (1, "waiting")]
    assert "ConnectionRefusedError" in rows(store)[1].error


def test_a_mail_is_given_up_after_days(store, clock):  # noqa: F811
    sender = MailSender(store, Server("127.0.0.1", 1, "none", "hub@example.org"), clock)
    write(store)

    for _ in range(MOST_ATTEMPTS):
        sender.step()
        clock.now += PAUSES[-1]

    (row,) = rows(store)
    assert (row.state, row.attempts, row.recipient) == ("failed", MOST_ATTEMPTS, "")
    assert clock.now - NOW > 2 * 86_400


def test_a_mail_that_would_come_too_late_is_not_sent(store, server, sender, clock):  # noqa: F811
    write(store, until=NOW + 60)
    clock.now += 61

    assert sender.step() == 0
    assert server.got == []
    assert rows(store)[0].state == "failed"


def test_who_dies_while_sending_has_it_sent_once_more_under_the_same_id(store, server, sender, clock):  # noqa: F811
    write(store)

    class Dying:
        def opened(self):
            return plain(server).opened()

    dying = MailSender(store, Dying(), clock)
    dying._give = lambda line, mail: (line.give_in(mail), (_ for _ in ()).throw(SystemExit))  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        dying.step()
    with store.write() as tx:  # a kill runs no `finally`: the claim stands
        tx.run("UPDATE mail_out SET attempts = 1, next_at = :x", x=NOW + CLAIMED_SECONDS)

    assert sender.step() == 0
    clock.now += CLAIMED_SECONDS
    assert sender.step() == 1
    assert len({mail["message-id"] for mail in server.got}) == 1
    assert len(server.got) == 2


def test_two_processes_do_not_send_one_mail_twice(store, server, sender, clock):  # noqa: F811
    write(store)
    with store.write() as tx:
        db.claim(tx, [db.due(tx, NOW, 1)[0].number], NOW + CLAIMED_SECONDS)

    assert sender.step() == 0
    assert server.got == []


def test_after_a_restore_nothing_of_the_backup_is_sent(store, server, sender):  # noqa: F811
    write(store)
    with store.write() as tx:
        begin_again(tx)

    assert sender.step() == 0
    assert rows(store)[0].state == "failed"


def test_rows_go_a_while_after_they_were_sent(store, server, sender, clock):  # noqa: F811
    write(store)
    sender.step()
    write(store)

    with store.write() as tx:
        assert db.prune(tx, clock.now + db.KEPT_SECONDS + 1) == 1
    assert [row.state for row in rows(store)] == ["waiting"]


# --- the way there ------------------------------------------------------------------------------------


def secure(server, folder, **how):
    trust = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    settings = {"host": "localhost", "user": USER, "password": PASSWORD, "trust": trust} | how
    return Server(port=server.port, tls="starttls", sender="hub@example.org", **settings)


def test_the_password_goes_over_tls_only(tmp_path, store, clock):  # noqa: F811
    with running(certificate(tmp_path)) as server:
        write(store)
        assert MailSender(store, secure(server, tmp_path), clock).step() == 1
        assert server.signed_in == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "another"}, "mail.secret"),
        ({"trust": ssl.create_default_context()}, "mail.ca"),
        ({"host": "127.0.0.1"}, "certificate"),
    ],
)
def test_a_wrong_password_or_certificate_is_told_to_who_can_change_it(tmp_path, wrong, said):
    with running(certificate(tmp_path)) as server:
        with pytest.raises(AccountError) as caught, secure(server, tmp_path, **wrong).opened():
            pass
        assert said in str(caught.value)
        assert PASSWORD not in str(caught.value)
        assert server.signed_in == 0


def test_a_server_that_cannot_encrypt_gets_neither_password_nor_mail(server):
    post = Server("127.0.0.1", server.port, "starttls", "hub@example.org", user=USER, password=PASSWORD)

    with pytest.raises(AccountError, match="let the hub in"), post.opened():
        pass

    assert server.got == []


# --- what is written down -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to", ["", "ann", "ann@", "ann@example.org\nBcc: all@example.org", "a@example.org, b@example.org", "@example.org"]
)
def test_what_is_no_address_is_not_written_down(store, to):  # noqa: F811
    with pytest.raises(RecordError) as caught:
        write(store, to)

    assert "example.org" not in str(caught.value)
    assert rows(store) == []


@pytest.mark.parametrize("subject", ["", "two\nlines", "two\r\nBcc: all@example.org", "x" * (MOST_SUBJECT + 1)])
def test_a_subject_is_one_line(store, subject):  # noqa: F811
    with pytest.raises(RecordError), store.write() as tx:
        send(tx, "ann@example.org", subject, "text", None, "confirm")


@given(st.text(max_size=40))
def test_an_address_never_becomes_two_or_a_header(text):
    try:
        found = mailbox(text)
    except RecordError:
        return
    assert found.count("@") == 1
    assert found.isprintable()
    assert not set(found) & set(",;<>\r\n ")
