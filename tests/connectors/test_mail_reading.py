"""What mails say: recorded shapes of bounces, replies and unsubscribe mails, and anything at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.imap import ImapSettings
from hub.connectors.mail_reading import Mail, Parts, decoded, parts_of, read_mail
from hub.model import Interaction, Statement, Unreadable

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SETTINGS = ImapSettings(
    host="127.0.0.1", user="bounces", secret="x", own=("@our.example",), unsubscribe_to=("u@our.example",)
)
NOBODY = Statement("email", "delivery", "denied", "bounced")
LEAVES = (Statement("email", "newsletter", "denied"),)
REPORT = """\
Reporting-MTA: dns; mx.example.org
Arrival-Date: Wed, 4 Mar 2026 05:00:00 +0000

Final-Recipient: rfc822; Ann@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@example.org>: Recipient address rejected
"""


def header(**fields: str) -> bytes:
    given = {"Message-ID": "<m1@example.org>", "From": "Ann <ann@example.org>", "To": "news@our.example"} | fields
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items()).encode() + b"\r\n"


def read(header: bytes, settings: ImapSettings = SETTINGS, **more: object) -> list[Interaction | Unreadable]:
    return read_mail(Mail("INBOX UID 1", AT, header, **more), settings.rules)  # type: ignore[arg-type]


def one(header: bytes, settings: ImapSettings = SETTINGS, **more: object) -> Interaction:
    (found,) = read(header, settings, **more)
    assert isinstance(found, Interaction), found
    return found


def bounce(report: str, **more: object) -> Interaction:
    return one(header(From="MAILER-DAEMON@mx.example.org"), status=report.encode(), **more)


# --- bounces ----------------------------------------------------------------------------------------


def test_a_hard_bounce_names_the_dead_address():
    returned = b"Message-ID: <campaign-7@our.example>\r\n\r\n"

    assert bounce(REPORT, returned=returned) == Interaction(
        id="m1@example.org",
        at=AT,
        channel="email",
        kind="mail.bounced.hard",
        direction="out",
        emails=("ann@example.org",),
        details={
            "status": "5.1.1",
            "action": "failed",
            "diagnosis": "smtp; 550 5.1.1 <…>: Recipient address rejected",
        },
        reference="campaign-7@our.example",
        says=(NOBODY,),
    )


@pytest.mark.parametrize(
    ("status", "action", "kind", "dead"),
    [
        ("5.1.1", "failed", "mail.bounced.hard", True),
        ("5.1.10", "failed", "mail.bounced.hard", True),
        ("5.2.1", "failed", "mail.bounced.hard", True),
        ("5.2.2", "failed", "mail.bounced.hard", False),  # the box is full
        ("5.7.1", "failed", "mail.bounced.hard", False),  # our mail was refused
        ("5.10.1", "failed", "mail.bounced.hard", False),
        ("4.4.7", "failed", "mail.bounced.soft", False),
        ("4.4.1", "delayed", "mail.delayed", False),
        ("2.0.0", "delivered", "mail.delivered", False),
    ],
)
def test_only_what_speaks_of_the_address_makes_it_dead(status, action, kind, dead):
    found = bounce(REPORT.replace("Status: 5.1.1", f"Status: {status}").replace("failed", action))

    assert (found.kind, bool(found.says)) == (kind, dead)


def test_the_code_of_the_server_stands_in_where_the_report_gives_none():
    assert bounce(REPORT.replace("Status: 5.1.1", "Status: 5.0.0")).details["status"] == "5.1.1"
    assert bounce(REPORT.replace("Status: 5.1.1\n", "")).details["status"] == "5.1.1"


def test_whom_we_wrote_to_is_the_original_recipient():
    report = REPORT.replace("Final-Recipient", "Original-Recipient: rfc822;bo@example.org\nFinal-Recipient")

    assert bounce(report).emails == ("bo@example.org",)


def test_a_report_about_several_is_an_interaction_each():
    more = "\nFinal-Recipient: rfc822; bo@example.org\nAction: failed\nStatus: 4.2.2\n"
    found = read(header(), status=(REPORT + more).encode())

    assert [(f.id, f.kind) for f in found if isinstance(f, Interaction)] == [
        ("m1@example.org", "mail.bounced.hard"),
        ("m1@example.org:1", "mail.bounced.soft"),
    ]


@pytest.mark.parametrize(
    "report", ["", "Reporting-MTA: dns; mx\n", "\n\n\n", "Final-Recipient: x400; c=us\nAction: failed\n"]
)
def test_a_report_that_names_nobody_is_set_aside(report):
    assert [type(found) for found in read(header(), status=report.encode())] == [Unreadable]


def test_bounces_may_state_nothing():
    silent = SETTINGS.model_copy(update={"delivery": None})

    assert one(header(), silent, status=REPORT.encode()).says == ()


# --- complaints -------------------------------------------------------------------------------------

COMPLAINT = b"Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\nOriginal-Rcpt-To: <Ann@example.org>\r\n\r\n"


def test_who_calls_our_mail_spam_wants_no_more_of_it():
    found = one(header(), complaint=COMPLAINT, returned=b"Message-ID: <campaign-7@our.example>\r\n\r\n")

    assert (found.kind, found.emails, found.says) == ("complaint.spam", ("ann@example.org",), LEAVES)
    assert found.reference == "campaign-7@our.example"


def test_a_complaint_may_name_the_person_only_in_the_mail_that_came_back():
    found = one(header(), complaint=b"Feedback-Type: abuse\r\n\r\n", returned=b"To: Ann <ann@example.org>\r\n\r\n")

    assert found.emails == ("ann@example.org",)


def test_a_complaint_that_names_nobody_is_set_aside():
    assert [type(found) for found in read(header(), complaint=b"Feedback-Type: abuse\r\n\r\n")] == [Unreadable]


@pytest.mark.parametrize("kind", [b"not-spam", b"auth-failure", b"fraud", b""])
def test_reports_of_machines_about_mail_are_nobodys_wish(kind):
    assert read(header(), complaint=COMPLAINT.replace(b"abuse", kind)) == []


# --- replies and unsubscribe mails ------------------------------------------------------------------


def test_a_reply_is_an_interaction():
    found = one(header(Subject="Re: =?utf-8?q?Ol=C3=A1?=", In_Reply_To="<campaign-7@our.example>"))

    assert (found.kind, found.direction, found.emails, found.summary) == (
        "mail.reply",
        "in",
        ("ann@example.org",),
        "Re: Olá",
    )
    assert (found.reference, found.says) == ("campaign-7@our.example", ())


@pytest.mark.parametrize(
    "subject", ["Unsubscribe", "unsubscribe.", "RE: Unsubscribe", "BAJA", "Désabonner", "cancelar subscricao", "STOP!"]
)
def test_a_subject_that_is_one_of_the_words_means_unsubscribe(subject):
    found = one(header(Subject=subject))

    assert (found.kind, found.says) == ("mail.unsubscribed", LEAVES)


@pytest.mark.parametrize("subject", ["How do I unsubscribe?", "stop by tomorrow", "Baja California", ""])
def test_a_sentence_with_one_of_the_words_does_not(subject):
    assert read(header(Subject=subject)) == []
    assert one(header(Subject=subject, In_Reply_To="<a@b>")).says == ()


def test_the_first_line_of_the_text_may_say_it():
    assert one(header(Subject="Re: News", In_Reply_To="<a@b>"), text="\n  stop \n> News of March").says == LEAVES


def test_any_mail_to_the_unsubscribe_address_says_it():
    assert one(header(To="U@our.example", Subject="x")).says == LEAVES


def test_an_absence_note_says_nothing():
    automatic = {"Auto_Submitted": "auto-replied", "In_Reply_To": "<a@b>"}

    assert read(header(Subject="stop", **automatic)) == []


def test_mail_of_our_own_is_no_contacts():
    assert read(header(From="boss@our.example", Subject="unsubscribe")) == []


def test_other_mails_are_taken_when_asked_for():
    everything = SETTINGS.model_copy(update={"others": True})

    assert one(header(Subject="Hello"), everything).kind == "mail.received"
    assert one(header(Subject="Away", Auto_Submitted="auto-replied"), everything).kind == "mail.auto"


def test_subjects_may_be_left_out():
    quiet = SETTINGS.model_copy(update={"subject": False})

    assert one(header(Subject="Re: my illness", In_Reply_To="<a@b>"), quiet).summary == ""


def test_a_mail_without_an_id_is_known_by_its_header():
    raw = header(In_Reply_To="<a@b>").replace(b"Message-ID: <m1@example.org>\r\n", b"")

    assert one(raw).id == one(raw).id != one(raw + b"X: 1\r\n").id


# --- anything at all --------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["From", "To", "Subject", "Message-ID", "In-Reply-To", "Auto-Submitted", "Content-Type", "Date"]
)
VALUES = st.one_of(
    st.text(max_size=60), st.sampled_from(["=?utf-8?q?=FF?=", "=?x?b?!!?=", "<>", "a@b <c@d>, ", ";;=", "\0"])
)


BYTES = st.one_of(st.none(), st.binary(max_size=300))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), BYTES, BYTES)
def test_whatever_is_in_a_mail_it_is_read_or_set_aside(fields, status, complaint):
    raw = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8", "surrogatepass")

    for found in read(raw, status=status, complaint=complaint, returned=raw):
        assert isinstance(found, Interaction | Unreadable)
        assert len(found.id or "x") <= 512


@given(
    st.binary(max_size=200),
    st.sampled_from(["base64", "quoted-printable", "7bit", "x"]),
    st.sampled_from(["utf-8", "x", "utf-16"]),
)
def test_any_bytes_decode_to_some_text(body, encoding, charset):
    assert isinstance(decoded(body, encoding, charset), str)


# --- structure --------------------------------------------------------------------------------------

TEXT = (b"TEXT", b"PLAIN", (b"CHARSET", b"iso-8859-1"), None, None, b"BASE64", 10, 1)
STATUS = (b"MESSAGE", b"DELIVERY-STATUS", None, None, None, b"7BIT", 10)
COMPLAINED = (b"MESSAGE", b"FEEDBACK-REPORT", None, None, None, b"7BIT", 10)
HEADERS = (b"TEXT", b"RFC822-HEADERS", None, None, None, b"7BIT", 10, 1)
HTML = (b"TEXT", b"HTML", None, None, None, b"7BIT", 10, 1)


@pytest.mark.parametrize(
    ("structure", "parts"),
    [
        (TEXT, Parts(text="1", encoding="base64", charset="iso-8859-1")),
        (HTML, Parts()),
        (([HTML, TEXT], b"ALTERNATIVE"), Parts(text="2", encoding="base64", charset="iso-8859-1")),
        (
            ([([TEXT, HTML], b"ALTERNATIVE"), HTML], b"MIXED"),
            Parts(text="1.1", encoding="base64", charset="iso-8859-1"),
        ),
        (([TEXT, STATUS, HEADERS], b"REPORT"), Parts(status="2", returned="3")),
        (([TEXT, COMPLAINED, HEADERS], b"REPORT"), Parts(complaint="2", returned="3")),
        (([TEXT, STATUS, (b"MESSAGE", b"RFC822", None)], b"REPORT"), Parts(status="2", returned="3.HEADER")),
    ],
)
def test_the_parts_worth_fetching_are_found(structure, parts):
    assert parts_of(structure) == parts
