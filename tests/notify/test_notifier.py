"""Who wants to know is told: by mail through a real server, by webhook signed and again, never twice, with no data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpcore
import pytest

from hub.mail.sender import MailSender
from hub.mail.smtp import Server
from hub.notify.matters import Limits
from hub.notify.notifier import GIVEN_UP, PAUSES, Notifier, Receiver
from hub.notify.turn import Policy
from hub.store import notices as db
from hub.sync import desk
from hub.web.signatures import Standard
from tests.fakes.rig import ADA, Rig, can
from tests.mail.server import running

KEY = b"k" * 32
URL = "https://hooks.example.org/ops"
LINKS = "https://hub.example.org"
POLICY = Policy(every=900.0, after=0.0)


@dataclass
class Hook:
    """answers: what it says next; then it takes everything"""

    rig: Rig
    answers: list[int | Exception] = field(default_factory=list)
    got: list[tuple[str, dict]] = field(default_factory=list)

    def post(self, _url, headers, body):
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        Standard((KEY,)).verify(lambda name: [headers[name]], body, self.rig.now)
        if answer < 300:
            self.got.append((headers["webhook-id"], json.loads(body)))
        return answer


@pytest.fixture
def rig():
    rig = Rig()
    rig.add("crm", can())
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    yield rig
    rig.store.close()


@pytest.fixture
def hook(rig):
    return Hook(rig)


def notifier(rig, hook, *receivers):
    to = receivers or (Receiver("ops", Limits(), POLICY, url=URL, keys=(KEY,)),)
    return Notifier(rig.store, {"crm": True, "off": False}, to, LINKS + "/", hook, lambda: rig.now)


def test_a_paused_connection_is_told_once_with_its_link_and_once_when_it_goes_on(rig, hook):
    told = notifier(rig, hook)
    told.step()
    assert hook.got == []

    desk.pause(rig.store, "crm", "Olga", "key of the ERP renewed", rig.now)
    for _ in range(5):
        rig.later(120)
        told.step()
    [(_, body)] = hook.got
    [new] = body["data"]["new"]
    assert (body["type"], new["kind"], new["link"]) == ("hub.notice", "paused", f"{LINKS}/connections/crm")

    desk.start(rig.store, "crm", "Olga", rig.now)
    for _ in range(20):
        rig.later(120)
        told.step()
    assert [each["kind"] for each in hook.got[1][1]["data"]["over"]] == ["paused"]
    assert len(hook.got) == 2 and hook.got[1][1]["data"]["open"] == 0


def test_a_restart_repeats_nothing(rig, hook):
    desk.pause(rig.store, "crm", "Olga", "", rig.now)
    notifier(rig, hook).step()
    for _ in range(3):
        rig.later(1000)
        notifier(rig, hook).step()

    assert len(hook.got) == 1


def test_of_two_processes_one_tells(rig, hook):
    desk.pause(rig.store, "crm", "Olga", "", rig.now)
    notifier(rig, hook).step()
    notifier(rig, hook).step()

    assert len(hook.got) == 1


def test_what_needs_a_person_is_all_told_together(rig, hook):
    with rig.store.write() as tx:
        tx.run("UPDATE run SET status = 'failed'")
        tx.run(
            "INSERT INTO parked (connection, external_id, stage, reason, original, at, state)"
            " VALUES ('crm', '7', 'read', 'no', '{}', :t, 'open')",
            t=rig.now - 4 * 86_400,
        )
        for _ in range(30):
            tx.run(
                "INSERT INTO conflict (connection, golden_id, field, at, rule, claims, winner, diff, told, state)"
                " VALUES ('crm', 'g', 'f', :t, 'latest', '[]', '{}', '{}', '[]', 'open')",
                t=rig.now,
            )
    notifier(rig, hook).step()

    [(_, body)] = hook.got
    assert {each["kind"] for each in body["data"]["new"]} == {"failing", "work_lists", "conflicts"}
    assert body["data"]["open"] == 3


def test_a_webhook_that_fails_has_it_again_under_the_same_id_and_not_for_ever(rig, hook):
    desk.pause(rig.store, "crm", "Olga", "", rig.now)
    hook.answers = [500, httpcore.ConnectError("away"), 302]
    told = notifier(rig, hook)
    for pause in (0.0, *PAUSES[:3]):
        rig.later(pause + 1)
        told.send() if pause else told.step()
    assert len(hook.got) == 1

    desk.start(rig.store, "crm", "Olga", rig.now)
    hook.answers = [500] * 100
    for _ in range(60):
        rig.later(18_001)
        told.step()
    rig.later(GIVEN_UP)
    told.step()
    with rig.store.read() as tx:
        assert db.waiting(tx) == {}


def test_a_webhook_that_is_gone_hears_nothing_more_of_it(rig, hook):
    desk.pause(rig.store, "crm", "Olga", "", rig.now)
    hook.answers = [410]
    notifier(rig, hook).step()
    with rig.store.read() as tx:
        assert db.waiting(tx) == {}


def test_a_mail_goes_out_with_links_and_without_anybody_in_it(rig, hook):
    desk.pause(rig.store, "crm", "Olga", "called by ada@example.org", rig.now)
    with running() as server:
        notifier(rig, hook, Receiver("ops", Limits(), POLICY, mail=("ops@example.org", "on-call@example.org"))).step()
        MailSender(rig.store, Server("127.0.0.1", server.port, "none", "hub@example.org"), lambda: rig.now).step()

    assert sorted(server.recipients) == ["on-call@example.org", "ops@example.org"]
    mail = server.got[0]
    plain = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert mail["subject"].startswith("Contact hub: crm is paused")
    for part in (plain, html):
        assert f"{LINKS}/connections/crm" in part
        assert "ada" not in part.lower() and "Olga" not in part


def test_a_receiver_that_is_configured_no_more_is_forgotten(rig, hook):
    desk.pause(rig.store, "crm", "Olga", "", rig.now)
    notifier(rig, hook).step()
    rig.later(120)
    notifier(rig, hook, Receiver("others", Limits(), POLICY, url=URL, keys=(KEY,))).step()

    assert rig.rows("SELECT DISTINCT receiver FROM notice") == [("others",)]
