"""What is no longer there: doubt, proof, the limit, and what a deletion means elsewhere."""

from __future__ import annotations

import pytest

from hub.connectors.contract import Can
from hub.errors import TransientError
from hub.model import LinkState, Tombstone
from hub.store import queue
from hub.sync.absence import Seen
from hub.sync.guard import Limit, Limits
from hub.sync.people import merge, pin
from tests.fakes.rig import ADA, NEWS, NO_LIMIT, RUI, Rig, person
from tests.fakes.systems import can, one_answer_lost, timed_out

STRICT = Limits(NO_LIMIT, NO_LIMIT, Limit(0.1, 100), NO_LIMIT, NO_LIMIT)


def filled(rig: Rig, name: str, people: int, **options: object) -> None:
    """A system with so many people, all of them known."""
    rig.add(name, **options)  # type: ignore[arg-type]
    for n in range(people):
        rig.systems[name].put(f"{n:02}", **person(n))
    assert rig.sync(name).status == "done"


def in_both(rig: Rig, erp: Can | None = None, **options: object) -> Rig:
    """Ada and Rui are in both systems; the options are those of `crm`, where they will be deleted."""
    rig.add("crm", **options)  # type: ignore[arg-type]
    rig.add("erp", erp)
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    rig.systems["crm"].put("3", **person(33))
    rig.settle()
    assert len(rig.systems["erp"].rows) == 3
    return rig


def listed_without(rig: Rig, row_id: str, times: int = 2) -> None:
    rig.systems["crm"].remove(row_id)
    for _ in range(times):
        rig.later(1000)
        assert rig.listing("crm").status == "done"


# --- doubt and proof --------------------------------------------------------------------------------


def test_who_is_missing_once_is_in_doubt(rig):
    filled(rig, "crm", 12, abilities=can(changes=False))

    listed_without(rig, "03", times=1)

    assert rig.link("crm", "03").state is LinkState.ABSENT


def test_who_is_missing_twice_and_not_found_by_a_read_is_gone(rig):
    filled(rig, "crm", 12, abilities=can(changes=False))

    listed_without(rig, "03")

    assert rig.link("crm", "03").state is LinkState.GONE
    assert rig.systems["crm"].calls.count("read") == 1


def test_who_is_missing_in_listings_but_found_by_a_read_is_there(rig):
    filled(rig, "crm", 12, abilities=can(changes=False))
    rig.systems["crm"].hidden = {"03"}

    for _ in range(2):
        rig.listing("crm")

    assert rig.link("crm", "03").state is LinkState.LIVE


def test_a_system_without_a_read_is_believed_after_two_listings(rig):
    filled(rig, "crm", 12, abilities=can(changes=False, read=False))

    listed_without(rig, "03")

    assert rig.link("crm", "03").state is LinkState.GONE


def test_who_is_seen_again_is_out_of_doubt(rig):
    filled(rig, "crm", 12, abilities=can(changes=False))
    rig.systems["crm"].hidden = {"03"}
    rig.listing("crm")
    rig.systems["crm"].hidden = set()

    rig.listing("crm")

    assert rig.link("crm", "03").state is LinkState.LIVE


def test_a_pull_of_changes_proves_nobodys_absence(rig):
    filled(rig, "crm", 12)
    rig.systems["crm"].remove("03")

    for _ in range(3):
        rig.sync("crm")

    assert rig.link("crm", "03").state is LinkState.LIVE


def test_a_listing_that_broke_off_marks_nobody(rig):
    filled(rig, "crm", 12, abilities=can(changes=False), page=5)
    rig.systems["crm"].remove("11")
    rig.systems["crm"].failures.extend([None, None, TransientError("down")])

    rig.listing("crm")

    assert rig.link("crm", "11").state is LinkState.LIVE


def test_a_stopped_listing_marks_nobody(rig):
    filled(rig, "crm", 12, abilities=can(changes=False), page=5)

    rig.listing("crm", stop=lambda: True)

    assert rig.rows("SELECT count(*) FROM record WHERE state <> 'live'")[0][0] == 0


def test_a_tombstone_is_proof(rig):
    filled(rig, "crm", 12, abilities=can(tombstones=True))
    rig.systems["crm"].remove("03")

    rig.sync("crm")

    assert rig.link("crm", "03").state is LinkState.GONE


def test_the_claims_of_who_is_gone_stay(rig):
    filled(rig, "crm", 12, abilities=can(tombstones=True))
    before = rig.golden("crm", "03")
    rig.systems["crm"].remove("03")

    rig.sync("crm")

    assert rig.golden("crm", "03") == before


def test_who_comes_back_is_the_same_contact(rig):
    filled(rig, "crm", 12, abilities=can(tombstones=True))
    home = rig.home("crm", "03")
    rig.systems["crm"].remove("03")
    rig.sync("crm")

    rig.systems["crm"].put("03", **person(3))
    rig.sync("crm")

    assert (rig.home("crm", "03"), rig.link("crm", "03").state) == (home, LinkState.LIVE)


# --- listings that cannot be believed ---------------------------------------------------------------


def test_an_empty_listing_marks_nothing_and_waits_for_a_person(rig):
    filled(rig, "crm", 12, abilities=can(changes=False), limits=STRICT)
    rig.systems["crm"].hidden = set(rig.systems["crm"].rows)

    results = [rig.listing("crm").status for _ in range(3)]

    assert results == ["held"] * 3
    assert rig.rows("SELECT count(*) FROM record WHERE state <> 'live'")[0][0] == 0
    [hold] = rig.holds()
    assert hold.gate == "absence"
    assert "0 of 12" in hold.reason


def test_an_empty_listing_is_asked_about_even_without_limits(rig):
    filled(rig, "crm", 12, abilities=can(changes=False))
    rig.systems["crm"].hidden = set(rig.systems["crm"].rows)

    assert rig.listing("crm").status == "held"


def test_a_shrunken_listing_marks_nothing(rig):
    filled(rig, "crm", 20, abilities=can(changes=False), limits=STRICT)
    rig.systems["crm"].hidden = {"01", "02", "03"}

    assert rig.listing("crm").status == "held"
    assert rig.rows("SELECT count(*) FROM record WHERE state <> 'live'")[0][0] == 0


def test_an_approved_shrinking_is_believed(rig):
    filled(rig, "crm", 20, abilities=can(changes=False), limits=STRICT)
    for row in ("01", "02", "03"):
        rig.systems["crm"].remove(row)
    rig.listing("crm")

    rig.approve("crm")
    rig.listing("crm")

    assert rig.link("crm", "01").state is LinkState.ABSENT


# --- limits on deletions ----------------------------------------------------------------------------


def test_more_deletions_than_the_limit_wait_for_a_person(rig):
    filled(rig, "crm", 20, abilities=can(tombstones=True), limits=STRICT)
    for row in ("01", "02", "03"):
        rig.systems["crm"].remove(row)

    result = rig.sync("crm")

    assert result.status == "held"
    assert [(h.gate, h.counts) for h in rig.holds()] == [("deletes", {"deletes": 3})]
    assert rig.link("crm", "01").state is LinkState.DOOMED


def test_an_approval_lets_the_deletions_through(rig):
    filled(rig, "crm", 20, abilities=can(tombstones=True), limits=STRICT)
    for row in ("01", "02", "03"):
        rig.systems["crm"].remove(row)
    rig.sync("crm")

    rig.approve("crm")

    assert rig.sync("crm").status == "done"
    assert rig.link("crm", "01").state is LinkState.GONE


def test_held_deletions_do_not_keep_other_changes_from_going_through(rig):
    filled(rig, "crm", 20, abilities=can(tombstones=True), limits=STRICT)
    for row in ("01", "02", "03"):
        rig.systems["crm"].remove(row)
    rig.systems["crm"].put("05", note="new")

    rig.sync("crm")

    assert rig.golden("crm", "05")["note"] == "new"


# --- what a deletion means elsewhere ----------------------------------------------------------------


def test_keep_leaves_the_other_systems_alone_and_does_not_make_it_anew(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="keep")
    rig.systems["crm"].remove("1")

    rig.settle()

    assert len(rig.systems["erp"].rows) == 3
    assert len(rig.systems["crm"].rows) == 2


def test_kept_records_still_take_edits_elsewhere_and_stay_deleted_here(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="keep")
    rig.systems["crm"].remove("1")
    rig.settle()
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]

    rig.systems["erp"].put(erp_id, note="still here")
    rig.settle()

    assert rig.golden("crm", "1")["note"] == "still here"
    assert "1" not in rig.systems["crm"].rows
    assert len(rig.systems["crm"].rows) == 2


def test_propagate_deletes_in_every_system_that_can(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    rig.systems["crm"].remove("1")

    rig.settle()

    assert ADA["mail"] not in {r.fields["mail"] for r in rig.systems["erp"].rows.values()}
    assert len(rig.systems["erp"].rows) == 2


def test_archive_puts_away_in_every_system_that_can(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="archive")
    rig.systems["crm"].remove("1")

    rig.settle()

    assert {r.fields["mail"]: r.archived for r in rig.systems["erp"].rows.values()} == {
        ADA["mail"]: True,
        RUI["mail"]: False,
        person(33)["mail"]: False,
    }


def test_deletions_to_be_written_have_a_limit_of_their_own(rig):
    rig.add("crm", can(tombstones=True), deletes="propagate")
    erp = rig.add("erp", limits=STRICT)
    for n in range(12):
        rig.systems["crm"].put(f"{n:02}", **person(n))
    rig.settle()
    for n in range(4):
        rig.systems["crm"].remove(f"{n:02}")

    rig.sync("crm")
    rig.sync("erp")

    assert len(erp.rows) == 12
    assert [h.gate for h in rig.holds("erp")] == ["push deletes"]

    rig.approve("erp")
    rig.settle()

    assert len(erp.rows) == 8


@pytest.mark.parametrize("policy", ["propagate", "archive"])
def test_an_edit_that_was_still_on_its_way_outlives_the_deletion(rig, policy):
    in_both(rig, abilities=can(tombstones=True), deletes=policy)
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]
    rig.systems["erp"].put(erp_id, note="call her back")
    rig.sync("erp")

    rig.systems["crm"].remove("1")
    rig.settle()

    assert erp_id in rig.systems["erp"].rows
    assert not rig.systems["erp"].rows[erp_id].archived
    assert [(c.field, c.rule) for c in rig.conflicts()] == [("(record)", "an edit outlives a deletion")]


def test_an_opt_out_that_was_on_its_way_keeps_nobody(rig):
    """Said in one system, unheard of in another that deletes the contact first: nobody is kept for having said no."""
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]
    rig.systems["erp"].put(erp_id, news="N")
    rig.sync("erp")

    rig.systems["crm"].remove("1")
    rig.settle()

    assert erp_id not in rig.systems["erp"].rows
    assert rig.conflicts() == []
    assert rig.golden("crm", "1")[NEWS]["status"] == "denied"


def test_an_opt_out_while_the_deletion_is_on_its_way_does_not_stop_it(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]
    rig.systems["crm"].remove("1")
    rig.sync("crm")

    rig.systems["erp"].put(erp_id, news="N")
    rig.settle()

    assert erp_id not in rig.systems["erp"].rows
    assert rig.golden("crm", "1")[NEWS]["status"] == "denied"


def test_an_opt_in_that_was_on_its_way_outlives_the_deletion(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]
    rig.systems["erp"].put(erp_id, news="Y")
    rig.sync("erp")

    rig.systems["crm"].remove("1")
    rig.settle()

    assert erp_id in rig.systems["erp"].rows


def test_an_edit_made_while_the_deletion_was_on_its_way_outlives_it(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]
    rig.systems["crm"].remove("1")
    rig.sync("crm")
    assert rig.queue("erp") == [(rig.home("crm", "1"), "delete")]

    rig.systems["erp"].put(erp_id, note="call her back")
    rig.settle()

    assert rig.systems["erp"].rows[erp_id].fields["note"] == "call her back"


def deleted_but_for_a_list(rig: Rig, erp: Can | None = None, **options: object) -> str:
    """Ada is in three systems; `erp` has deleted her after `crm`, and `shop`, which cannot, lists her still."""
    rig.add("shop", can(create=False, update=False, archive=False, delete=False, changes=False))
    rig.systems["shop"].put("s0", **RUI)
    rig.systems["shop"].put("s1", **ADA)
    in_both(rig, erp, **options)
    rig.systems["crm"].remove("1")
    return "s1"


def mails(rig: Rig, name: str) -> set[str]:
    return {row.fields["mail"] for row in rig.systems[name].rows.values()}


def test_an_edit_that_is_heard_of_when_others_have_deleted_already_brings_it_back_there(rig):
    shop_id = deleted_but_for_a_list(rig, abilities=can(tombstones=True), deletes="propagate")
    rig.systems["shop"].put(shop_id, note="call her back")
    for name in ("crm", "erp"):
        rig.later(100)
        assert rig.sync(name).status == "done"
    assert ADA["mail"] not in mails(rig, "erp")

    rig.settle(rounds=3)

    [again] = [row for row in rig.systems["erp"].rows.values() if row.fields["mail"] == ADA["mail"]]
    assert again.fields["note"] == "call her back"
    assert ADA["mail"] not in mails(rig, "crm")  # a person has deleted her there
    assert rig.link("crm", "1").state is LinkState.GONE


def test_an_edit_that_one_reading_left_out_still_counts_as_made_before(rig):
    shop_id = deleted_but_for_a_list(rig, abilities=can(tombstones=True), deletes="propagate")
    rig.systems["shop"].put(shop_id, note="call her back")
    rig.systems["shop"].hidden = {shop_id}
    for name in ("crm", "erp", "shop"):
        rig.later(100)
        rig.sync(name)
    rig.systems["shop"].hidden = set()

    rig.settle(rounds=3)

    assert ADA["mail"] in mails(rig, "erp")


def test_an_edit_that_is_made_after_the_deletion_brings_nobody_back(rig):
    shop_id = deleted_but_for_a_list(rig, abilities=can(tombstones=True), deletes="propagate")
    rig.settle(rounds=3)
    assert ADA["mail"] not in mails(rig, "erp")

    rig.systems["shop"].put(shop_id, note="call her back")
    rig.settle(rounds=3)

    assert rig.golden("shop", shop_id)["note"] == "call her back"
    assert ADA["mail"] not in mails(rig, "erp") | mails(rig, "crm")


def deleted_unheard(rig: Rig, abilities: Can | None = None) -> None:
    """Ada was edited in `shop`, then deleted in `crm`; `erp` has carried out that deletion, and its reply is lost."""
    shop_id = deleted_but_for_a_list(rig, abilities=can(tombstones=True), erp=abilities, deletes="propagate")
    rig.systems["shop"].put(shop_id, note="call her back")
    rig.systems["erp"].answers.append(one_answer_lost(0))
    for name in ("crm", "erp"):
        rig.later(100)
        rig.sync(name)
    assert rig.intents("erp") == ["delete"]
    assert ADA["mail"] not in mails(rig, "erp")


def test_an_edit_brings_back_what_a_deletion_of_unknown_outcome_had_deleted(rig):
    """The hub's own deletion, of which it has not heard, is nobody else's: the record is read, and is not there."""
    deleted_unheard(rig)

    rig.settle(rounds=3)

    assert ADA["mail"] in mails(rig, "erp")
    assert ADA["mail"] not in mails(rig, "crm")


@pytest.mark.parametrize("tells", [{"tombstones": True}, {"changes": False}])
def test_word_of_what_the_hub_itself_has_deleted_is_no_deletion_by_others(rig, tells):
    """The edit is heard of first, then a tombstone, or two listings, tell of the deletion that has no known outcome."""
    deleted_unheard(rig, can(**tells))
    rig.sync("shop")
    assert rig.queue("erp") == [(rig.home("shop", "s1"), "sync")]
    rig.postpone("erp", 10_000)

    for _ in range(2):
        rig.later(1000)
        rig.listing("erp")
        rig.sync("erp")
    rig.later(10_000)
    rig.settle(rounds=3)

    assert ADA["mail"] in mails(rig, "erp")
    assert ADA["mail"] not in mails(rig, "crm")


def test_a_crash_after_the_reading_leaves_a_deletion_of_unknown_outcome_unknown(rig):
    deleted_unheard(rig)
    rig.sync("shop")
    rig.later(100)

    crashed = 0
    for commit in range(1, 100):
        if not rig.sync_until_commit("erp", commit):
            break
        crashed += 1
        rig.later(200)
    rig.settle(rounds=3)

    assert crashed > 3
    assert ADA["mail"] in mails(rig, "erp")


def test_a_deletion_of_unknown_outcome_that_was_carried_out_is_ours(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    [erp_id] = [i for i, r in rig.systems["erp"].rows.items() if r.fields["mail"] == ADA["mail"]]
    rig.systems["crm"].remove("1")
    rig.systems["erp"].answers.append(one_answer_lost(0))

    rig.settle(rounds=3)

    assert rig.link("erp", erp_id).state is LinkState.REMOVED
    assert (rig.queue("erp"), rig.intents("erp")) == ([], [])
    assert ADA["mail"] not in mails(rig, "erp")


def test_what_was_deleted_of_a_contact_is_known_after_a_merge(rig):
    deleted_but_for_a_list(rig, abilities=can(tombstones=True), deletes="propagate")
    for name in ("crm", "erp"):
        rig.later(100)
        rig.sync(name)
    ada, rui = rig.home("shop", "s1"), rig.home("shop", "s0")

    kept = merge(rig.hub, [ada, rui], "eve")

    assert kept == rui
    with rig.store.read() as tx:
        assert queue.deleted_lately(tx, "shop", [kept]) == {kept}


def test_an_edit_brings_nobody_back_where_deletions_are_kept(rig):
    shop_id = deleted_but_for_a_list(rig, abilities=can(tombstones=True), deletes="keep")
    rig.systems["shop"].put(shop_id, note="call her back")

    rig.settle(rounds=3)

    assert ADA["mail"] in mails(rig, "erp")
    assert ADA["mail"] not in mails(rig, "crm")


def test_an_edit_brings_no_consent_back_that_was_denied(rig):
    shop_id = deleted_but_for_a_list(rig, abilities=can(tombstones=True), deletes="propagate")
    rig.systems["shop"].put(shop_id, note="call her back", news="N", news_at="2026-05-28T20:00:00+00:00")
    for name in ("crm", "erp"):
        rig.later(100)
        rig.sync(name)

    rig.settle(rounds=3)

    [again] = [row for row in rig.systems["erp"].rows.values() if row.fields["mail"] == ADA["mail"]]
    assert again.fields["news"] == "N"


def test_a_deletion_cancels_the_update_that_was_waiting(rig):
    """An update must never become a create."""
    in_both(rig, abilities=can(tombstones=True))
    pin(rig.hub, rig.home("crm", "1"), "note", "important", "eve")
    rig.systems["crm"].remove("1")
    assert rig.queue("crm") != []

    rig.sync("crm", stop=lambda: rig.link("crm", "1").state is LinkState.GONE)

    assert rig.queue("crm") == []
    rig.settle()
    assert len(rig.systems["crm"].rows) == 2


def test_a_deletion_cancels_a_write_whose_outcome_is_unknown(rig):
    in_both(rig, abilities=can(tombstones=True))
    pin(rig.hub, rig.home("crm", "1"), "note", "important", "eve")
    rig.systems["crm"].answers.append(timed_out)
    assert rig.sync("crm").status == "failed"
    assert rig.intents("crm") == ["update"]
    rig.systems["crm"].remove("1")

    rig.later(1000)
    rig.sync("crm", stop=lambda: rig.link("crm", "1").state is LinkState.GONE)

    assert rig.intents("crm") == []
    rig.settle()
    assert len(rig.systems["crm"].rows) == 2


def test_a_record_that_another_took_in_is_no_deletion_but_a_question(rig):
    in_both(rig, abilities=can(tombstones=True), deletes="propagate")
    rig.systems["crm"].remove("1")
    rig.systems["crm"].removed.clear()
    rig.systems["crm"].extra = [Tombstone("1", merged_into="2")]  # type: ignore[list-item]

    rig.sync("crm")

    assert rig.link("crm", "1").state is LinkState.MERGED
    assert rig.asks() == 1
    assert len(rig.systems["erp"].rows) == 3


# --- one bit a record -------------------------------------------------------------------------------


def test_what_was_seen_is_remembered_by_number():
    seen = Seen()
    seen.add([0, 7, 8, 1_000_000])

    assert [n in seen for n in (0, 1, 7, 8, 9, 1_000_000, 1_000_001, 9_000_000)] == [
        True,
        False,
        True,
        True,
        False,
        True,
        False,
        False,
    ]


# --- systems that people leave by opting out --------------------------------------------------------


def list_members(rig: Rig, **route: object) -> Rig:
    """Twelve members of a mailing list that tells who left, all with their consent; the ERP has them too."""
    rig.add("erp")
    rig.add("list", can(tombstones=True, opt_out_leaves=True), deletes="propagate", **route)  # type: ignore[arg-type]
    for n in range(12):
        rig.systems["list"].put(f"{n:02}", **person(n), news="Y", news_at="2026-01-01T00:00:00Z")
    rig.settle()
    return rig


def test_a_tombstone_of_who_left_a_list_is_an_opt_out_and_no_deletion(rig):
    list_members(rig)
    home = rig.home("list", "03")
    rig.systems["list"].remove("03")
    rig.later(100)

    result = rig.sync("list")

    assert result.status == "done"
    assert "deletes" not in result.counts
    assert rig.link("list", "03").state is LinkState.LEFT
    assert rig.golden("list", "03")[NEWS]["status"] == "denied"
    assert home in rig.goldens()
    assert "delete" not in [op for _, op in rig.queue("erp")]


def test_an_opt_out_by_tombstone_reaches_the_other_systems(rig):
    list_members(rig)
    rig.systems["list"].remove("03")
    rig.settle()

    there = [r.fields for r in rig.systems["erp"].rows.values() if r.fields["mail"] == person(3)["mail"]]
    assert [fields["news"] for fields in there] == ["N"]


def test_more_opt_outs_by_tombstone_than_the_limit_on_consents_wait_for_a_person(rig):
    list_members(rig, limits=Limits(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT, Limit(None, 2)))
    for n in range(4):
        rig.systems["list"].remove(f"{n:02}")
    rig.later(100)

    assert rig.sync("list").status == "held"
    assert rig.golden("list", "03")[NEWS]["status"] == "granted"
    rig.approve("list")
    rig.later(100)
    assert rig.sync("list").status == "done"
    assert rig.golden("list", "03")[NEWS]["status"] == "denied"
