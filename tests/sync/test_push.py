"""What systems lack goes out: unknown outcomes, stale and refused writes, and a golden record that moves meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hub.connectors.contract import Can
from hub.errors import TransientError
from hub.model import Done, LinkState, Missing, Op
from hub.store import queue
from hub.store.lists import ParkedFilter
from hub.store.lists import parked as parked_of
from hub.sync import desk
from hub.sync.answers import TRIES
from hub.sync.guard import Limit, Limits
from hub.sync.people import merge, pin
from hub.sync.push import PASSES
from tests.fakes.rig import ADA, EVA, FREE, NO_LIMIT, RUI, Rig, mapping, person
from tests.fakes.systems import FakeSystem, can, lost_reply, not_now, one_answer_lost, refused, shown_in_part, timed_out


def target(rig: Rig, people: Sequence[Mapping[str, Any]], abilities: Can | None = None, **options: Any) -> FakeSystem:
    """`erp`, which is returned, has yet to hear of these people in `crm`: 1, 2, …"""
    rig.add("crm")
    erp = rig.add("erp", abilities, **options)
    for n, fields in enumerate(people, 1):
        rig.systems["crm"].put(f"{n}", **fields)
    assert rig.sync("crm").status == "done"
    return erp


def in_step(rig: Rig, promise: str = "R", **abilities: Any) -> FakeSystem:
    """Ada is in crm as 1, and in `erp`, which is returned; all is agreed."""
    erp = target(rig, [ADA], can(promise, **abilities))
    erp.put("A", **ADA)
    rig.settle()
    return erp


def note(rig: Rig, text: str) -> None:
    """Somebody writes something down in the hub about Ada."""
    pin(rig.hub, rig.home("crm", "1"), "note", text, "eve")


# --- creates ----------------------------------------------------------------------------------------


def test_who_is_missing_in_a_system_is_made_there_and_known_by_what_it_stored(rig):
    erp = target(rig, [ADA])

    result = rig.sync("erp")

    [made] = erp.rows
    assert result.counts["pushed"] == 1
    assert erp.rows[made].fields["mail"] == ADA["mail"]
    assert rig.home("erp", made) == rig.home("crm", "1")
    assert rig.queue("erp") == []


@pytest.mark.parametrize("promise", ["K", "R", "E"])
@pytest.mark.parametrize("reply", [lost_reply, timed_out])
def test_a_create_of_unknown_outcome_is_there_once_in_the_end(rig, promise, reply):
    erp = target(rig, [ADA], can(promise))
    erp.answers.append(reply)

    assert rig.sync("erp").status == "failed"
    for _ in range(3):
        rig.later(400)
        assert rig.sync("erp").status == "done"

    assert len(erp.rows) == 1
    assert len(rig.goldens()) == 1
    assert rig.intents("erp") == []
    assert rig.queue("erp") == []


@pytest.mark.parametrize("promise", ["K", "R", "W"])
def test_an_edit_back_to_what_a_lost_create_had_sent_is_an_edit(rig, promise):
    erp = target(rig, [{**ADA, "note": "first"}], can(promise))
    erp.answers.append(timed_out)
    rig.sync("erp")
    erp.put("A", **ADA, note="mine")  # somebody types her in
    rig.later(400)
    rig.settle(3)
    assert rig.golden("erp", "A")["note"] == "mine"

    erp.put("A", note="first")
    rig.settle()

    assert erp.rows["A"].fields["note"] == "first"
    assert rig.golden("erp", "A")["note"] == "first"


def test_a_create_found_by_its_key_is_adopted_and_not_repeated(rig):
    erp = target(rig, [ADA], can("R", changes=False, complete=False))
    erp.answers.append(lost_reply)
    rig.sync("erp")
    erp.hidden = set(erp.rows)  # no listing tells; only the key does

    rig.later(400)
    rig.sync("erp")

    assert [w.op for w in erp.writes] == [Op.CREATE]
    assert "find" in erp.calls
    assert rig.home("erp", next(iter(erp.rows))) == rig.home("crm", "1")


def test_a_create_that_is_found_and_cannot_be_read_is_not_repeated(rig):
    """A person sees why; once it can be read it is known as the one that was made."""
    erp = target(rig, [ADA], can("R", changes=False, complete=False))
    erp.answers.append(lost_reply)
    rig.sync("erp")
    [made] = erp.rows
    erp.hidden = {made}
    erp.put(made, note={1, 2})  # no value that could be written down

    for _ in range(3):
        rig.later(400)
        rig.sync("erp")

    assert [w.op for w in erp.writes] == [Op.CREATE]
    with rig.hub.store.read() as tx:
        assert [row.external_id for row in parked_of(tx, ParkedFilter(connection="erp", states=("open",))).rows] == [
            made
        ]

    erp.put(made, note=None)
    rig.later(400)
    rig.sync("erp")
    assert [w.op for w in erp.writes] == [Op.CREATE]
    assert rig.home("erp", made) == rig.home("crm", "1")
    assert rig.intents("erp") == []


def test_a_system_that_finds_late_is_not_asked_before_it_has_settled(rig):
    erp = target(rig, [ADA], can("E", complete=False, changes=False, late_seconds=120.0))
    erp.answers.append(lost_reply)
    rig.sync("erp")
    erp.hidden = set(erp.rows)

    rig.later(100)  # longer than it takes to settle, but it may be carried out late
    rig.sync("erp")
    assert "find" not in erp.calls

    rig.later(150)
    rig.sync("erp")
    assert "find" in erp.calls
    assert len(erp.writes) == 1


def test_a_keyed_create_is_simply_sent_again_with_its_first_key(rig):
    """Even when its golden record became part of another one meanwhile."""
    erp = target(rig, [ADA, RUI], can("K", batch=1))
    erp.answers.extend([lost_reply])
    rig.sync("erp")
    [sent] = erp.writes
    rig.systems["crm"].put("3", **RUI)
    rig.sync("crm")
    lost = rig.home("crm", "1")
    kept = merge(rig.hub, [lost, rig.home("crm", "2")], "eve")
    assert (sent.key, kept) == (f"hub:{lost}", rig.home("crm", "3"))

    rig.later(400)
    erp.hidden = set(erp.rows)
    rig.settle()

    assert {w.key for w in erp.writes if w.op is Op.CREATE} == {sent.key}
    assert len(erp.rows) == 1
    assert rig.home("erp", next(iter(erp.rows))) == kept


def test_a_write_only_create_of_unknown_outcome_goes_to_a_person(rig):
    erp = target(rig, [ADA], can("W", complete=False, changes=False))
    erp.hidden = {"erp-new0", "erp-new1"}
    erp.answers.append(lost_reply)
    rig.sync("erp")

    rig.later(400)
    rig.settle()

    [parked] = rig.parked("unknown")
    assert len(erp.writes) == 1
    assert json.loads(parked.original)["given_name"] == "Ada"
    assert "drop this if the record is there, retry if it is not" in parked.reason


def test_a_person_who_saw_that_it_is_not_there_has_it_sent_again(rig):
    erp = target(rig, [ADA], can("W", complete=False, changes=False))
    erp.answers.append(timed_out)
    rig.sync("erp")
    rig.later(400)
    rig.sync("erp")
    assert erp.rows == {}

    desk.retry(rig.store, ParkedFilter(stage="unknown"), "eve")
    rig.settle()

    assert len(erp.rows) == 1
    assert rig.parked() == []


def test_a_person_who_saw_that_it_is_there_ends_the_matter(rig):
    erp = target(rig, [ADA], can("W", complete=False, changes=False))
    erp.hidden = {"erp-new0", "erp-new1"}
    erp.answers.append(lost_reply)
    rig.sync("erp")
    rig.later(400)
    rig.sync("erp")

    desk.drop(rig.store, ParkedFilter(stage="unknown"), "eve")
    note(rig, "changed again")
    rig.later(4000)
    rig.settle()

    assert len(erp.rows) == 1


def test_a_write_only_create_that_a_listing_shows_is_taken_for_ours(rig):
    erp = target(rig, [ADA], can("W", changes=False))
    erp.answers.append(lost_reply)
    rig.sync("erp")

    rig.later(400)
    rig.settle()

    assert len(erp.rows) == 1
    assert rig.parked() == []
    assert rig.link("erp", "erp-new1").opinion().fields == {"kind": "person"}  # no opinion of its own


def test_a_system_that_does_not_take_new_records_gets_none(rig):
    erp = target(rig, [ADA], push="updates")

    rig.settle()

    assert erp.rows == {}


def test_a_contact_without_what_a_system_requires_is_outside_it(rig):
    erp = target(rig, [{**ADA, "mail": None}, RUI], table=mapping(emails={"from": "mail", "required": True}))

    rig.settle()

    assert [r.fields["mail"] for r in erp.rows.values()] == [RUI["mail"]]


# --- updates of unknown outcome ---------------------------------------------------------------------


@pytest.mark.parametrize("reply", [lost_reply, timed_out])
def test_an_update_of_unknown_outcome_is_read_before_anything_else(rig, reply):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.append(reply)
    assert rig.sync("erp").status == "failed"
    erp.calls.clear()

    rig.later(400)
    rig.sync("erp")

    assert erp.calls.index("read") < (erp.calls.index("write") if "write" in erp.calls else 99)
    assert erp.rows["A"].fields["note"] == "new"
    assert rig.intents("erp") == []


def test_a_value_that_arrived_unheard_is_not_taken_for_somebodys_edit(rig):
    """There and back again: golden returns to the old value before anybody saw the new one there."""
    erp = in_step(rig)
    rig.systems["crm"].put("1", note="v0")
    rig.settle()
    rig.systems["crm"].put("1", note="v1")
    rig.sync("crm")
    erp.answers.append(lost_reply)
    rig.sync("erp")
    rig.systems["crm"].put("1", note="v0")
    rig.sync("crm")

    rig.later(400)
    rig.settle()

    assert rig.golden("crm", "1")["note"] == "v0"
    assert erp.rows["A"].fields["note"] == "v0"


def test_an_answer_does_not_hide_what_somebody_edited_meanwhile(rig):
    erp = in_step(rig, stale=False)
    note(rig, "new")
    erp.during = lambda call: erp.put("A", job="Director") if call == "write" else None

    rig.sync("erp")
    erp.during = lambda call: None
    rig.settle()

    assert rig.golden("crm", "1")["job_title"] == "Director"
    assert rig.systems["crm"].rows["1"].fields["job"] == "Director"


def test_of_a_batch_only_the_one_without_an_answer_is_looked_up(rig):
    erp = target(rig, [ADA, RUI, EVA], can("R", batch=3))
    erp.answers.append(one_answer_lost(1))

    result = rig.sync("erp")
    assert result.counts["unknown"] == 1
    assert len(rig.queue("erp")) == 1

    rig.later(400)
    rig.settle()

    assert len(erp.rows) == 3
    assert len([w for w in erp.writes if w.op is Op.CREATE]) == 3
    assert rig.queue("erp") == []


# --- stale, missing, refused, not now ---------------------------------------------------------------


def test_a_version_that_moved_without_a_change_does_not_keep_a_write_from_going_through(rig):
    erp = in_step(rig)
    erp.put("A")  # somebody saved it as it was
    note(rig, "new")

    rig.settle()

    assert erp.rows["A"].fields["note"] == "new"
    assert rig.queue("erp") == []


def test_a_stale_write_is_decided_again_after_a_look(rig):
    erp = in_step(rig)
    note(rig, "new")
    meanwhile = iter([lambda: erp.put("A", job="Director")])
    erp.during = lambda call: next(meanwhile, lambda: None)() if call == "write" else None

    rig.sync("erp")

    assert erp.rows["A"].fields["note"] == "new"
    assert erp.rows["A"].fields["job"] == "Director"
    assert rig.golden("crm", "1")["job_title"] == "Director"


def test_a_record_that_keeps_moving_does_not_keep_the_run_from_ending(rig):
    erp = in_step(rig)
    note(rig, "new")
    count = iter(range(1000))
    erp.during = lambda call: erp.put("A", job=f"job {next(count)}") if call == "write" else None

    assert rig.sync("erp").status == "done"

    assert erp.calls.count("write") == PASSES
    assert rig.queue("erp") != []


def test_an_update_to_a_record_that_is_gone_never_becomes_a_create(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.during = lambda call: erp.rows.pop("A", None) if call == "write" else None

    rig.sync("erp")
    erp.during = lambda call: None
    for _ in range(3):
        rig.later(1000)
        rig.listing("erp", approve=True)

    assert erp.rows == {}
    assert rig.queue("erp") == []
    assert rig.link("erp", "A").state is LinkState.GONE


def test_a_refused_write_is_parked_with_the_reason_and_what_was_to_be_written(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.append(refused("note: too long for this system"))

    result = rig.sync("erp")

    [parked] = rig.parked("write")
    assert result.counts["set_aside"] == 1
    assert (parked.external_id, parked.reason) == ("A", "note: too long for this system")
    assert json.loads(parked.original) == {"note": "new"}
    assert rig.queue("erp") == []


def test_a_refused_write_goes_out_when_it_is_sent_back(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.append(refused("not on Sundays"))
    rig.sync("erp")

    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.sync("erp")

    assert erp.rows["A"].fields["note"] == "new"
    assert rig.parked() == []


def test_a_refused_write_does_not_keep_the_others_from_going_out(rig):
    erp = target(rig, [ADA, RUI], can("R", batch=1))
    erp.answers.append(refused("no"))

    rig.sync("erp")

    assert len(erp.rows) == 1


def test_a_refused_create_is_made_after_the_fix(rig):
    erp = target(rig, [ADA])
    erp.answers.append(refused("no"))
    rig.sync("erp")
    assert [p.external_id for p in rig.parked("write")] == ["golden:" + rig.home("crm", "1")]

    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.sync("erp")

    assert len(erp.rows) == 1
    assert rig.parked() == []


def test_what_surely_was_not_sent_goes_out_when_the_system_said(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.append(not_now(retry_after=500))
    rig.sync("erp")

    rig.later(400)
    rig.sync("erp")
    assert erp.rows["A"].fields.get("note") is None

    rig.later(101)
    rig.sync("erp")
    assert erp.rows["A"].fields["note"] == "new"


def test_what_is_not_taken_again_and_again_goes_to_a_person(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.extend([not_now()] * TRIES)

    for _ in range(TRIES):
        rig.later(4000)
        rig.sync("erp")

    [parked] = rig.parked("write")
    assert parked.reason == f"Tried {TRIES} times: too many requests"
    assert rig.queue("erp") == []


def test_what_nobody_was_asked_for_is_no_attempt_and_never_goes_to_a_person(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.extend([not_now(untried=True)] * (TRIES + 2))

    for _ in range(TRIES + 3):
        rig.later(4000)
        rig.sync("erp")

    assert rig.parked("write") == []
    assert erp.rows["A"].fields["note"] == "new"


def test_a_system_that_is_down_keeps_everything_queued(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.append(lambda connector, writes: (_ for _ in ()).throw(TransientError("refused")))

    assert rig.sync("erp").status == "failed"
    assert len(rig.queue("erp")) == 1

    rig.later(400)
    assert rig.sync("erp").status == "done"
    assert erp.rows["A"].fields["note"] == "new"


# --- while we write ---------------------------------------------------------------------------------


def test_a_golden_record_that_moved_while_it_was_written_stays_queued(rig):
    erp = in_step(rig)
    note(rig, "first")
    thoughts = iter(["second"])
    erp.during = lambda call: note(rig, t) if call == "write" and (t := next(thoughts, None)) else None

    rig.sync("erp")

    assert erp.rows["A"].fields["note"] == "second"
    assert [dict(w.fields)["note"] for w in erp.writes] == ["first", "second"]
    assert rig.queue("erp") == []


def test_no_write_leaves_before_its_intent_is_on_record(rig):
    erp = target(rig, [ADA])
    seen: list[list[str]] = []
    erp.during = lambda call: seen.append(rig.intents("erp")) if call == "write" else None

    rig.sync("erp")

    assert seen == [["create"]]
    assert rig.intents("erp") == []


def test_only_what_differs_is_sent(rig):
    erp = in_step(rig)
    note(rig, "new")

    rig.sync("erp")

    assert [dict(w.fields) for w in erp.writes] == [{"note": "new"}]


def test_a_create_that_finds_somebody_elses_record_asks_whether_the_two_are_one(rig):
    erp = in_step(rig, "K")
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    erp.answers.append(lambda connector, writes: [Done(erp.record("A"), existed=True)])

    rig.sync("erp")

    assert rig.asks() == 1
    assert rig.home("erp", "A") == rig.home("crm", "1")
    assert rig.queue("erp") == []


def test_a_create_answered_with_a_record_that_was_there_takes_its_values_as_news(rig):
    erp = target(rig, [ADA], can("K"))
    erp.put("A", **ADA, job="Director")
    erp.hidden = {"A"}
    erp.answers.append(lambda connector, writes: [Done(erp.record("A"), existed=True)])
    rig.sync("erp")
    erp.hidden = set()

    rig.settle()

    assert rig.golden("crm", "1")["job_title"] == "Director"
    assert len(erp.rows) == 1


def test_an_answer_that_shows_what_was_sent_is_enough(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.answers.append(shown_in_part("note"))
    erp.calls.clear()

    rig.sync("erp")

    assert rig.queue("erp") == []
    assert "read" not in erp.calls
    rig.settle()
    assert [dict(w.fields) for w in erp.writes] == [{"note": "new"}]
    assert rig.golden("crm", "1")["family_name"] == rig.golden("erp", "A")["family_name"] == ADA["last"]


def test_what_a_part_of_a_record_shows_in_a_form_of_its_own_is_taken_as_that(rig):
    erp = in_step(rig)
    erp.keep = lambda fields: {name: value[:3] if name == "note" else value for name, value in fields.items()}
    note(rig, "longer")
    erp.answers.append(shown_in_part("note"))

    rig.settle()

    assert rig.golden("crm", "1")["note"] == "longer"
    assert [dict(w.fields) for w in erp.writes] == [{"note": "longer"}]


def test_an_edit_that_a_part_of_a_record_does_not_show_is_news_at_the_next_pull(rig):
    erp = in_step(rig)
    note(rig, "new")
    erp.put("A", **ADA, note=None, job="Director")
    erp.answers.append(shown_in_part("note"))

    rig.settle()

    assert rig.golden("crm", "1")["job_title"] == "Director"


def test_what_a_part_of_a_record_does_not_show_of_all_that_was_sent_is_read(rig):
    erp = in_step(rig)
    erp.keep = lambda fields: {name: value for name, value in fields.items() if name != "note"}
    note(rig, "ignored there")
    erp.answers.append(shown_in_part("mail"))
    erp.calls.clear()

    rig.sync("erp")

    assert "read" in erp.calls
    assert rig.queue("erp") == []
    assert rig.golden("crm", "1")["note"] == "ignored there"


def test_a_record_that_is_not_there_when_it_is_read_after_a_part_of_it_is_looked_for_again(rig):
    erp = in_step(rig)
    note(rig, "new")

    def answer(connector: Any, writes: Any) -> list[Any]:
        found = shown_in_part("mail")(connector, writes)
        erp.remove("A")
        return found

    erp.answers.append(answer)

    rig.sync("erp")

    assert rig.intents("erp") != []


def test_a_deletion_of_what_is_gone_already_is_done(rig):
    rig.add("crm", can(tombstones=True), deletes="propagate").put("1", **ADA)
    erp = rig.add("erp")
    for n in range(12):
        rig.systems["crm"].put(f"x{n}", **person(n + 40))
    rig.settle()
    rig.systems["crm"].remove("1")
    erp.answers.append(lambda connector, writes: [Missing() for _ in writes])

    rig.settle()

    assert rig.queue("erp") == []
    assert rig.parked() == []


# --- limits on what is written ----------------------------------------------------------------------


def test_more_new_records_than_the_limit_wait_and_updates_go_out(rig):
    erp = in_step(rig)
    rig.routes["erp"] = replace(rig.routes["erp"], limits=replace(FREE, creates=Limit(None, 2)))
    for n in range(5, 8):
        rig.systems["crm"].put(f"x{n}", **person(n))
    rig.systems["crm"].put("1", note="new")
    rig.sync("crm")

    rig.sync("erp")

    assert erp.rows["A"].fields["note"] == "new"
    assert len(erp.rows) == 1
    assert [(h.gate, h.counts) for h in rig.holds("erp")] == [("push creates", {"creates": 3})]


def test_an_approval_lets_them_be_made(rig):
    limits = Limits(Limit(None, 2), NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT)
    erp = target(rig, [person(n) for n in range(3)], limits=limits)
    rig.sync("erp")
    assert erp.rows == {}

    rig.approve("erp")
    rig.sync("erp")

    assert len(erp.rows) == 3
    assert rig.holds() == []


def test_nothing_goes_to_a_connection_that_is_read_only(rig):
    erp = target(rig, [ADA], push="no")

    rig.settle()

    assert erp.writes == []
    assert rig.queue("erp") == []


def test_a_queue_row_is_closed_only_for_the_version_that_was_sent(rig):
    target(rig, [ADA])
    home = rig.home("crm", "1")
    with rig.store.write() as tx:
        queue.enqueue(tx, [("erp", home)], rig.now, "r1")
        queue.dequeue_if_same(tx, "erp", [(home, 99)])

    assert rig.queue("erp") == [(home, "sync")]
