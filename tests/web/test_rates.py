"""The cap on forms that anybody may post to."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.web.rates import RateCap
from tests.web.intake_rig import NOW, PUBLIC, STANDARD, Rig, signed

SMALL = PUBLIC.model_copy(update={"per_minute": 3})


def test_a_minute_s_worth_is_taken_at_once_and_then_one_as_each_is_earned():
    cap = RateCap(60)

    assert [cap.wait_seconds(NOW) for _ in range(60)] == [0] * 60
    assert cap.wait_seconds(NOW) == 1
    assert cap.wait_seconds(NOW + timedelta(seconds=1)) == 0
    assert cap.wait_seconds(NOW + timedelta(seconds=1)) == 1


@given(per_minute=st.integers(1, 1000), steps=st.lists(st.floats(-30, 90), max_size=60))
def test_who_waits_as_long_as_told_is_taken(per_minute, steps):
    cap, now = RateCap(per_minute), NOW
    for step in steps:
        now += timedelta(seconds=step)
        wait = cap.wait_seconds(now)
        if wait:
            now += timedelta(seconds=wait)
            assert cap.wait_seconds(now) == 0


@given(per_minute=st.integers(1, 50), pauses=st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_never_more_than_the_bucket_and_what_was_earned(per_minute, pauses):
    cap, now, taken = RateCap(per_minute), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        taken += cap.wait_seconds(now) == 0

    assert taken <= per_minute + (now - NOW).total_seconds() * per_minute / 60 + 1e-6


def test_a_flood_is_told_to_come_later_and_nothing_of_it_is_stored():
    rig = Rig({"website": SMALL})

    answers = [rig.post("/forms/website", data={"n": str(number)}) for number in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].headers["retry-after"] == "20"
    assert len(rig.inbox.payloads) == 3
    rig.now += timedelta(seconds=20)
    assert rig.post("/forms/website", data={"n": "3"}).status_code == 200


def test_one_form_s_flood_does_not_close_another():
    rig = Rig({"website": SMALL, "other": SMALL})
    for number in range(4):
        rig.post("/forms/website", data={"n": str(number)})

    assert rig.post("/forms/other", data={"n": "1"}).status_code == 200


def test_signed_senders_are_not_capped():
    rig = Rig({"crm": STANDARD.model_copy(update={"per_minute": 1})})

    for number in range(3):
        body = b'{"n": %d}' % number
        assert rig.post("/forms/crm", content=body, headers=signed(body, f"m{number}")).status_code == 200
