"""A page enters the hub: edits, conflicts, changed mappings, odd values, and what cannot be taken."""

from __future__ import annotations

import json

import pytest

from hub.dedupe.survive import Rules
from hub.errors import TransientError
from hub.model import LinkState, Record, Tombstone, Unreadable
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.sync.engine import DAY
from hub.sync.guard import Limit, Limits
from hub.sync.people import overturn
from tests.fakes.rig import ADA, FREE, RUI, Rig, mapping, person
from tests.fakes.systems import can, cut


@pytest.fixture
def both(rig: Rig) -> Rig:
    """Ada is in both systems, and both have heard of each other."""
    rig.add("crm").put("1", **ADA, job="Buyer", note="old")
    rig.add("erp").put("A", **ADA)
    rig.settle()
    return rig


# --- edits of two sides -----------------------------------------------------------------------------


def test_edits_of_two_fields_on_two_sides_merge_without_a_conflict(both):
    both.systems["crm"].put("1", job="Director")
    both.systems["erp"].put("A", note="new")

    both.settle()

    for name, row in (("crm", "1"), ("erp", "A")):
        fields = both.systems[name].rows[row].fields
        assert (fields["job"], fields["note"]) == ("Director", "new")
    assert both.conflicts() == []


def test_the_same_edit_on_two_sides_is_no_conflict(both):
    both.systems["crm"].put("1", job="Director")
    both.systems["erp"].put("A", job="Director")

    both.settle()

    assert both.conflicts() == []


def test_a_double_edit_is_decided_by_the_rule_and_the_loser_is_kept(both):
    both.systems["crm"].put("1", job="Director")
    both.later(5)
    both.systems["erp"].put("A", job="Chair")

    both.settle()

    [conflict] = both.conflicts()
    assert (conflict.field, conflict.rule, conflict.winner) == ("job_title", "latest", "Chair")
    assert (conflict.base, {conflict.theirs, conflict.ours}) == ("Buyer", {"Director", "Chair"})
    assert both.golden("crm", "1")["job_title"] == "Chair"
    assert both.link("crm", "1").opinion().fields["job_title"] == "Director"  # its claim, though Chair stands there
    assert both.systems["crm"].rows["1"].fields["job"] == "Chair"


def test_a_conflict_says_what_differs_and_who_is_told(both):
    both.systems["crm"].put("1", job="Director")
    both.systems["erp"].put("A", job="Chair")

    both.settle()

    [conflict] = both.conflicts()
    assert "Director" in conflict.diff and "Chair" in conflict.diff
    assert conflict.told == ("crm", "erp")
    assert {(c["connection"], c["value"]) for c in conflict.claims} == {("crm", "Director"), ("erp", "Chair")}
    assert all(c["since"] > 0 for c in conflict.claims)


def test_a_rule_of_systems_decides_whatever_the_times():
    rig = Rig(rules=Rules.from_config({"job_title": ["crm", "erp"]}))
    rig.add("crm").put("1", **ADA, job="Buyer")
    rig.add("erp").put("A", **ADA)
    rig.settle()
    rig.systems["crm"].put("1", job="Director")
    rig.later(1000)
    rig.systems["erp"].put("A", job="Chair")

    rig.settle()

    assert rig.systems["erp"].rows["A"].fields["job"] == "Director"
    assert [(c.rule, c.winner) for c in rig.conflicts()] == [("order: crm, erp", "Director")]
    rig.close()


def test_an_overturned_conflict_makes_the_loser_stand_everywhere(both):
    both.systems["crm"].put("1", job="Director")
    both.later(5)
    both.systems["erp"].put("A", job="Chair")
    both.settle()

    overturn(both.hub, both.conflicts()[0].number, "eve")
    both.settle()

    assert [both.systems[n].rows[r].fields["job"] for n, r in (("crm", "1"), ("erp", "A"))] == ["Director"] * 2
    assert both.conflicts() == []


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
def test_an_edit_that_knew_the_other_value_wins_whatever_the_clock_of_its_system(both, skew):
    both.systems["erp"].skew = skew
    both.systems["crm"].put("1", job="Director")
    both.settle()

    both.systems["erp"].put("A", job="Chair")
    both.settle()
    both.systems["crm"].put("1", job="President")
    both.settle()

    assert both.golden("crm", "1")["job_title"] == "President"
    assert both.systems["erp"].rows["A"].fields["job"] == "President"
    assert both.conflicts() == []


def test_an_emptied_value_does_not_win_and_is_filled_again(both):
    both.systems["crm"].put("1", note=None)
    both.settle()
    both.systems["erp"].put("A", job=None)

    both.settle()

    assert both.systems["erp"].rows["A"].fields["job"] == "Buyer"


def test_a_form_of_their_own_is_never_taken_for_an_edit(rig):
    rig.add("crm").put("1", **ADA, job="Head of Purchasing")
    rig.add("erp").keep = cut(job=6)
    rig.settle()
    made = next(iter(rig.systems["erp"].rows))

    rig.systems["erp"].put(made, note="somebody was here")
    rig.settle()

    assert rig.systems["erp"].rows[made].fields["job"] == "Head o"
    assert rig.systems["crm"].rows["1"].fields["job"] == "Head of Purchasing"
    assert rig.golden("crm", "1")["job_title"] == "Head of Purchasing"


# --- quiet ------------------------------------------------------------------------------------------


def test_a_cycle_without_a_change_writes_nothing(both):
    writes = [len(s.writes) for s in both.systems.values()]

    results = [both.listing(name) for name in both.systems]

    assert [len(s.writes) for s in both.systems.values()] == writes
    assert [(r.counts["pulled"], r.counts["unchanged"]) for r in results] == [(1, 1), (1, 1)]


def test_the_cursor_is_saved_with_its_page(rig):
    crm = rig.add("crm", page=2)
    for n in range(5):
        crm.put(f"{n}", **person(n))
    crm.failures.extend([None, None, TransientError("down")])

    assert rig.sync("crm").status == "failed"
    assert len(rig.goldens()) == 4
    assert rig.sync("crm").counts["pulled"] == 1  # the fifth; the four are not read again
    assert len(rig.goldens()) == 5


def test_after_a_first_listing_in_two_parts_the_connection_lists_only_changes(rig):
    crm = rig.add("crm", page=2)
    for n in range(5):
        crm.put(f"{n}", **person(n))
    crm.failures.extend([None, None, TransientError("down")])
    rig.sync("crm")
    rig.sync("crm")
    crm.put("0", note="new")

    assert rig.sync("crm").counts["pulled"] == 1
    assert rig.rows("SELECT population FROM connection_state")[0][0] == 5


def test_an_expired_cursor_means_everything_is_compared_and_nothing_made_anew(both):
    both.systems["crm"].put("1", job="Director")
    both.systems["crm"].forgets_cursors = True

    result = both.sync("crm")

    assert result.status == "done"
    assert result.counts["pulled"] == 1
    assert "creates" not in result.counts
    assert both.golden("crm", "1")["job_title"] == "Director"
    assert len(both.goldens()) == 1


# --- mappings that change ---------------------------------------------------------------------------


def test_a_changed_mapping_maps_everything_anew_and_writes_only_what_changed(both):
    both.systems["crm"].put("2", **RUI, job="Chef")
    both.settle()
    writes = len(both.systems["erp"].writes)

    both.remap("crm", mapping(job_title={"from": "job", "with": ["lower"]}))
    result = both.listing("crm")
    both.settle()

    assert result.counts["mapped"] == 2
    sent = both.systems["erp"].writes[writes:]
    assert sorted(dict(w.fields)["job"] for w in sent) == ["buyer", "chef"]
    assert all(w.fields.keys() == {"job"} for w in sent)


def test_a_mapping_that_makes_the_same_of_everything_writes_nothing(both):
    writes = [len(s.writes) for s in both.systems.values()]

    both.remap("crm", mapping(nickname="nick"))
    result = both.listing("crm")
    both.settle()

    assert result.counts["mapped"] == 1
    assert [len(s.writes) for s in both.systems.values()] == writes


# --- values nobody understands ----------------------------------------------------------------------


def test_an_unknown_value_is_parked_and_the_rest_of_the_record_is_taken(both):
    both.systems["crm"].put("1", stage="??", job="Director")

    both.settle()

    [parked] = both.parked()
    assert (parked.stage, parked.external_id) == ("value", "1")
    assert "lifecycle_stage" in parked.reason
    assert "??" in parked.original
    assert both.golden("crm", "1")["job_title"] == "Director"


def test_an_unknown_value_is_never_overwritten_in_its_source(both):
    both.systems["erp"].put("A", stage="L")
    both.settle()
    assert both.systems["crm"].rows["1"].fields["stage"] == "L"
    both.systems["crm"].put("1", stage="??")
    both.settle()

    both.systems["erp"].put("A", stage="C", note="new")
    both.settle()

    assert both.systems["crm"].rows["1"].fields["stage"] == "??"
    assert both.systems["crm"].rows["1"].fields["note"] == "new"


def test_a_value_that_is_understood_now_is_off_the_list(both):
    both.systems["crm"].put("1", stage="??")
    both.settle()

    both.systems["crm"].put("1", stage="C")
    both.settle()

    assert both.parked() == []
    assert both.systems["erp"].rows["A"].fields["stage"] == "C"


# --- what cannot be taken ---------------------------------------------------------------------------


def test_of_two_records_with_one_key_in_a_page_the_last_is_taken_and_the_other_kept(rig):
    crm = rig.add("crm")
    crm.put("1", **ADA)
    crm.extra = [Record("1", {**ADA, "job": "Director"})]

    result = rig.sync("crm")

    [parked] = rig.parked()
    assert result.status == "done"
    assert rig.golden("crm", "1")["job_title"] == "Director"
    assert parked.external_id == "1 (earlier)"
    assert json.loads(parked.original)["fields"] == ADA


def test_a_record_told_and_gone_in_one_page_is_gone(rig):
    rig.add("crm")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    rig.systems["crm"].extra = [Record("1", {**ADA, "job": "x"}), Tombstone("1")]

    rig.sync("crm")

    assert rig.link("crm", "1").state is LinkState.GONE


def test_what_is_no_record_is_parked_with_place_and_original(rig):
    rig.add("crm").put("1", **ADA)
    rig.systems["crm"].extra = [Unreadable("line 17", "5 columns instead of 7", "a;b;c;d;e")]

    result = rig.sync("crm")

    [parked] = rig.parked("read")
    assert (parked.external_id, parked.reason, parked.original) == ("line 17", "5 columns instead of 7", "a;b;c;d;e")
    assert result.counts["set_aside"] == 1
    assert len(rig.goldens()) == 1


def test_an_unreadable_record_that_was_known_is_not_missing(rig):
    crm = rig.add("crm", can(changes=False))
    crm.put("1", **ADA)
    crm.put("2", **RUI)
    rig.sync("crm")
    crm.hidden = {"1"}
    crm.extra = [Unreadable("line 2", "not UTF-8", "\\xff", id="1")]

    rig.listing("crm")

    assert rig.link("crm", "1").state is LinkState.LIVE


def test_a_record_that_cannot_be_mapped_is_parked_whole_and_the_others_go_on(rig):
    crm = rig.add("crm")
    crm.put("1", **{**ADA, "note": "a\x00b"})
    crm.put("2", **RUI)

    result = rig.sync("crm")

    [parked] = rig.parked("map")
    assert result.status == "done"
    assert json.loads(parked.original)["fields"]["note"] == "a\x00b"
    assert rig.golden("crm", "2")["given_name"] == "Rui"


def test_a_parked_record_comes_in_after_the_fix(rig):
    crm = rig.add("crm")
    crm.put("1", **{**ADA, "note": "a\x00b"})
    rig.sync("crm")
    crm.rows["1"].fields["note"] = "ab"  # by a tool that leaves no trace in the changes

    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.sync("crm")

    assert rig.parked() == []
    assert rig.golden("crm", "1")["note"] == "ab"


def test_a_parked_record_of_a_system_without_a_read_comes_in_from_its_original(rig):
    crm = rig.add("crm", can(read=False), table=mapping(given_name={"from": "first", "required": True}))
    crm.put("1", **{**ADA, "tel": "9" * 20_000_000})
    rig.sync("crm")
    [parked] = rig.parked("map")

    with rig.store.write() as tx:  # the record was too large; somebody repaired the original
        repaired = parked.original.replace("9" * 20_000_000, "912345678")
        tx.run("UPDATE parked SET original = :o WHERE id = :i", o=repaired, i=parked.number)
    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.sync("crm")

    assert "phones/+351912345678" in rig.golden("crm", "1")
    assert rig.parked() == []


def test_a_record_that_is_still_wrong_is_parked_again(rig):
    crm = rig.add("crm")
    crm.put("1", **{**ADA, "note": "a\x00b"})
    rig.sync("crm")

    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.sync("crm")

    assert [p.state for p in rig.parked("map")] == ["open"]


# --- limits of what enters --------------------------------------------------------------------------


def limited(**limits: Limit) -> Limits:
    return Limits(**{**{n: getattr(FREE, n) for n in FREE.__slots__}, **limits})


def test_more_new_records_than_the_limit_hold_the_run_before_anything_is_taken(rig):
    crm = rig.add("crm", limits=limited(creates=Limit(None, 3)))
    for n in range(4):
        crm.put(f"{n}", **person(n))

    result = rig.sync("crm")

    assert (result.status, rig.goldens()) == ("held", [])
    assert [(h.gate, h.counts["creates"]) for h in rig.holds()] == [("intake", 4)]


def test_an_approval_lets_the_held_records_in(rig):
    crm = rig.add("crm", limits=limited(creates=Limit(None, 3)))
    for n in range(4):
        crm.put(f"{n}", **person(n))
    rig.sync("crm")

    rig.approve("crm")

    assert rig.sync("crm").status == "done"
    assert len(rig.goldens()) == 4


def test_an_approval_is_used_up_by_the_run_it_was_for(rig):
    crm = rig.add("crm", limits=limited(creates=Limit(None, 3)))
    for n in range(4):
        crm.put(f"{n}", **person(n))
    rig.sync("crm")
    rig.approve("crm")
    rig.sync("crm")

    for n in range(10, 14):
        crm.put(f"{n}", **person(n))

    assert rig.sync("crm").status == "held"


def test_more_edits_than_the_limit_hold_the_run(rig):
    crm = rig.add("crm", limits=limited(updates=Limit(None, 3)))
    for n in range(6):
        crm.put(f"{n}", **person(n))
    rig.sync("crm")
    for n in range(4):
        crm.put(f"{n}", note="overwritten by an import")

    result = rig.sync("crm")

    assert result.status == "held"
    assert "note" not in rig.golden("crm", "0")
    assert [h.counts["updates"] for h in rig.holds()] == [4]


def test_more_consent_changes_than_the_limit_hold_the_run(rig):
    crm = rig.add("crm", limits=limited(consents=Limit(None, 1)))
    for n in range(4):
        crm.put(f"{n}", **person(n), news="N", news_at="2026-01-01T00:00:00Z")
    rig.sync("crm")
    for n in range(2):
        crm.put(f"{n}", news="Y", news_at="2026-02-01T00:00:00Z")

    result = rig.sync("crm")

    assert result.status == "held"
    assert [h.counts["consents"] for h in rig.holds()] == [2]
    assert rig.golden("crm", "0")["consents/email|*|newsletter"]["status"] == "denied"


def test_while_a_hold_is_open_nothing_of_that_run_goes_out(rig):
    """The first page was taken in before the second went over the limit."""
    crm = rig.add("crm", page=2, limits=limited(creates=Limit(None, 3)))
    erp = rig.add("erp")
    for n in range(4):
        crm.put(f"{n}", **person(n))
    assert rig.sync("crm").status == "held"
    assert len(rig.goldens()) == 2

    rig.sync("erp")
    assert erp.writes == []

    rig.approve("crm")
    rig.sync("crm")
    rig.sync("erp")
    assert len(erp.writes) == 4


def test_while_an_intake_is_held_the_next_run_waits_for_the_person(rig):
    crm = rig.add("crm", limits=limited(creates=Limit(None, 1)))
    crm.put("1", **ADA)
    crm.put("2", **RUI)
    rig.sync("crm")
    calls = len(crm.calls)

    assert rig.sync("crm").status == "held"
    assert len(crm.calls) == calls


def test_merges_above_the_limit_become_questions(rig):
    crm = rig.add("crm", limits=limited(merges=Limit(None, 1)))
    erp = rig.add("erp", push="no")
    for n in range(3):
        crm.put(f"{n}", **{**person(n), "last": None, "mail": None, "tel": None})
        erp.put(f"{n}", **person(n))
    rig.sync("crm")
    rig.sync("erp")
    assert len(rig.goldens()) == 6

    for n in range(3):  # now it shows that they are the same
        crm.put(f"{n}", **person(n))
    rig.later(DAY)
    result = rig.sync("crm")

    assert result.status == "done"
    assert (result.counts["merges"], result.counts["asked"]) == (1, 2)
    assert len(rig.goldens()) == 5
    assert rig.asks() == 2
