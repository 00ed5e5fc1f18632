"""Events reach those who are to be told: signed, in order, again when it fails, and not for ever."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpcore
import pytest

from hub.events.net import Forbidden
from hub.events.sender import GIVEN_UP, PAUSES, Sender, Target
from hub.store import events_out as db
from hub.sync import people
from hub.web.signatures import Forged, Standard
from tests.fakes.rig import ADA, RUI, Rig

OLD, NEW = b"o" * 32, b"n" * 32
URL = "https://hooks.example.org/contacts"


@dataclass
class Receiver:
    """answers: what it says next; then it takes everything"""

    rig: Rig
    answers: list[int | Exception] = field(default_factory=list)
    got: list[tuple[str, dict]] = field(default_factory=list)
    asked: int = 0

    def post(self, _url, headers, body):
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        if answer < 300:
            for keys in ((OLD,), (NEW,)):
                Standard(keys).verify(lambda name: [headers[name]], body, self.rig.now)
            self.got.append((headers["webhook-id"], json.loads(body)))
        return answer

    @property
    def kinds(self):
        return [body["type"] for _, body in self.got]


@pytest.fixture
def told():
    rig = Rig()
    rig.add("crm")
    receiver = Receiver(rig)
    sender = Sender(rig.store, [Target("crm_hook", URL, (NEW, OLD))], receiver, lambda: rig.now)
    sender.step()  # from now on
    yield rig, receiver, sender
    rig.store.close()


def stored(rig):
    with rig.store.read() as tx:
        return db.subscription(tx, "crm_hook")


def test_what_happens_to_contacts_is_told_in_order(told):
    rig, receiver, sender = told
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    sender.step()
    ids = [body["data"]["id"] for _, body in receiver.got]
    people.pin(rig.hub, ids[0], "job_title", "Director", "Olga")
    people.merge(rig.hub, ids, "Olga")
    sender.step()

    assert receiver.kinds[:3] == ["contact.created", "contact.created", "contact.changed"]
    assert "contact.merged" in receiver.kinds[3:]
    assert "Director" not in json.dumps(receiver.got)
    assert len({webhook_id for webhook_id, _ in receiver.got}) == len(receiver.got)


def test_values_are_sent_to_who_asks_for_them(told):
    rig, receiver, _ = told
    sender = Sender(rig.store, [Target("crm_hook", URL, (NEW, OLD), values=True)], receiver, lambda: rig.now)
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    sender.step()

    assert receiver.got[0][1]["data"]["values"]["given_name"] == "Ada"


def test_only_the_kinds_that_are_wanted_are_sent(told):
    rig, receiver, _ = told
    only = Target("crm_hook", URL, (NEW, OLD), frozenset({"contact.merged"}))
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    Sender(rig.store, [only], receiver, lambda: rig.now).step()

    assert receiver.asked == 0
    assert stored(rig).mark > 0


@pytest.mark.parametrize("problem", [500, 302, httpcore.ConnectError("x"), httpcore.ReadTimeout("x"), OSError("x")])
def test_what_was_not_taken_is_sent_again_under_its_id(told, problem):
    rig, receiver, sender = told
    receiver.answers = [problem]
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    sender.step()
    sender.step()
    assert receiver.asked == 1
    rig.now += PAUSES[0]
    sender.step()

    assert receiver.kinds == ["contact.created"]
    assert (stored(rig).attempts, stored(rig).failing_since) == (0, None)


def test_pauses_grow_and_after_days_it_is_told_no_more_until_it_is_started(told):
    rig, receiver, sender = told
    receiver.answers = [500] * 1000
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    began, tries = rig.now, []
    while stored(rig).disabled_at is None:
        before = receiver.asked
        sender.step()
        if receiver.asked > before:
            tries.append(rig.now - began)
        rig.now = max(rig.now + 1, stored(rig).next_at)
    receiver.answers = []
    sender.step()
    assert receiver.kinds == []
    with rig.store.write() as tx:
        db.start(tx, "crm_hook")
    sender.step()

    assert GIVEN_UP <= tries[-1] < GIVEN_UP + PAUSES[-1] + 2
    assert len(tries) < 25
    assert receiver.kinds == ["contact.created"]


@pytest.mark.parametrize("problem", [410])
def test_a_receiver_that_is_gone_is_told_no_more_at_once(told, problem):
    rig, receiver, sender = told
    receiver.answers = [problem]
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    sender.step()

    assert stored(rig).disabled_at == rig.now


def test_an_address_of_the_inside_is_a_failure_that_says_so(told):
    rig, receiver, sender = told
    receiver.answers = [Forbidden()]
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    sender.step()

    assert "public network" in stored(rig).error


def test_who_has_one_key_of_two_can_verify_and_who_has_none_cannot(told):
    rig, receiver, sender = told
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    sender.step()  # the receiver has looked with either key

    assert len(receiver.got) == 1
    with pytest.raises(Forged):
        Standard((b"x" * 32,)).verify(lambda _: ["v1,AAAA"], b"", rig.now)


def test_another_address_is_told_from_where_the_old_one_was(told):
    rig, receiver, sender = told
    receiver.answers = [410]
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    sender.step()
    moved = Target("crm_hook", "https://other.example.org/", (NEW, OLD))
    Sender(rig.store, [moved], receiver, lambda: rig.now).step()

    assert receiver.kinds == ["contact.created"]


def test_a_sync_writes_nothing_for_it(told):
    rig, _, _ = told
    before = stored(rig)
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")

    assert stored(rig) == before
