"""Writes: one by one, several at once, sent back whole, with consents of their own, and every answer judged."""

from __future__ import annotations

from hashlib import md5
from typing import Any

import httpx
import pytest

from hub.errors import AccountError, ConfigError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write
from tests.connectors.rest.acorn import FILE, spec
from tests.connectors.rest.table import Told, connect

TOGETHER = {
    "call": "POST /batch",
    "body": {"rows": "{items}"},
    "item": {"id": "{id}", "set": "{fields}"},
    "size": 4,
    "result": {"items": "results", "ok": {"at": "ok", "is": True}, "reason": "why", "record": "row"},
}


def shown_again(answer: Any, place: str = "results", row: str = "row") -> Any:
    """The same service, which shows by GET what it answered to writes."""
    kept: dict[str, Any] = {}

    def whole(method: str, path: str, sent: Any) -> Any:
        name = path.rpartition("/")[2]
        if method == "GET":
            return kept.get(name, (404, {}))
        found = answer(method, path, sent)
        if isinstance(found, dict):
            kept.update({str(each[row]["id"]): each[row] for each in found.get(place, ()) if row in each})
        return found

    return whole


def writes_of(service: Told) -> list[Any]:
    """Bodies of the calls that write."""
    return [body for (method, _), body in zip(service.asked, service.bodies, strict=True) if method != "GET"]


def update(name: str, **fields: Any) -> Write:
    return Write(Op.UPDATE, f"hub:{name}", name, fields or {"first": "Ana"}, version="v1")


def taken(method: str, path: str, sent: Any) -> Any:
    return {"results": [{"ok": True, "row": {"id": row["id"]}} for row in sent["rows"]]}


def create(name: str, **fields: Any) -> Write:
    return Write(Op.CREATE, f"hub:{name}", None, fields or {"first": "Ana"})


def one(outcomes: list[Outcome]) -> Outcome:
    [outcome] = outcomes
    return outcome


def test_an_answer_that_is_no_record_is_followed_by_a_read_so_that_an_ignored_write_is_seen() -> None:
    service = Told(lambda method, path, sent: {"id": 5, "first": "as before"} if method == "GET" else {"ok": True})
    connector = connect(service, update={"call": "PATCH /contacts/{id}", "body": "{fields}"})

    outcome = one(connector.write([update("5", first="Ana")]))

    assert isinstance(outcome, Done)
    assert outcome.record is not None
    assert outcome.record.fields["first"] == "as before"


def test_the_fields_that_may_be_written_can_be_a_setting() -> None:
    service = Told(lambda method, path, sent: {"id": 5, "first": "Ana"})
    settings = {**FILE["settings"], "properties": {"help": "fields", "many": True, "default": ["first"]}}
    connector = connect(service, settings=settings, writable=["{properties}", "mail"])

    written, refused = connector.write([update("5", first="Ana", mail="a@example.org"), update("6", other="x")])

    assert isinstance(written, Done)
    assert isinstance(refused, Refused)
    assert "'other'" in refused.reason


def test_a_record_that_moved_on_is_stale() -> None:
    service = Told(lambda method, path, sent: (412, {"message": "changed"}))
    write = {"call": "PATCH /contacts/{id}", "body": "{fields}", "headers": {"if-match": "{version}"}, "record": ""}
    connector = connect(service, update=write, stale=True)
    assert one(connector.write([update("5")])) == Stale()


def test_a_record_that_is_replaced_whole_keeps_what_is_not_written() -> None:
    there = {"id": 5, "first": "Eva", "lists": [1, 2], "changed": "x"}
    service = Told(lambda method, path, sent: there if method == "GET" else sent)
    write = {"call": "PUT /contacts/{id}", "body": "{fields}", "record": "", "whole": True}
    connector = connect(service, update=write, read_only=["changed"])

    connector.write([update("5", first="Ana")])

    assert writes_of(service) == [{"id": 5, "first": "Ana", "lists": [1, 2]}]


def test_a_record_to_be_replaced_whole_that_is_not_there_is_missing() -> None:
    service = Told(lambda method, path, sent: (404, {}))
    write = {"call": "PUT /contacts/{id}", "body": "{fields}", "record": "", "whole": True}
    assert one(connect(service, update=write).write([update("5")])) == Missing()


def test_what_is_emptied_is_sent_as_the_service_wants_it() -> None:
    service = Told(lambda method, path, sent: {"id": 5})
    connect(service, empty="").write([update("5", first=None, more={"a": None, "b": 1})])
    assert service.bodies[0] == {"first": "", "more": {"a": "", "b": 1}}


def test_several_go_in_calls_as_large_as_the_service_takes() -> None:
    service = Told(shown_again(taken))
    connector = connect(service, update=TOGETHER)

    outcomes = connector.write([update(str(n)) for n in range(10)])

    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert [len(body["rows"]) for body in writes_of(service)] == [4, 4, 2]


def test_each_of_several_has_its_own_outcome_in_order() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        rows = [{"ok": r["id"] != "1", "why": "bad ann@example.org", "row": {"id": r["id"]}} for r in sent["rows"]]
        return {"results": rows}

    outcomes = connect(Told(shown_again(answer)), update=TOGETHER).write([update(str(n)) for n in range(3)])

    assert [type(outcome) for outcome in outcomes] == [Done, Refused, Done]
    assert "ann@" not in str(outcomes[1])
    assert outcomes[2] == Done(Record("2", {"id": "2"}))


def test_results_are_found_by_name_where_they_come_in_another_order() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        good = [{"mail": r["mail"].upper(), "row": {"id": r["mail"]}} for r in reversed(sent["rows"][1:])]
        return {"new": good, "errors": [{"address": sent["rows"][0]["mail"], "why": "no"}]}

    result = {"items": "new", "errors": "errors", "by": "mail", "error_by": "address", "sent": "mail", "record": "row"}
    together = {**TOGETHER, "item": {"mail": "{fields.mail}"}, "result": {**result, "reason": "why"}}
    connector = connect(Told(shown_again(answer, "new")), create=together)

    outcomes = connector.write([create(name, mail=f"{name}@example.org") for name in "abc"])

    assert outcomes[0] == Refused("Acorn refused it: no")
    assert [outcome.record.id for outcome in outcomes[1:] if isinstance(outcome, Done) and outcome.record] == [
        "b@example.org",
        "c@example.org",
    ]


def test_a_call_that_is_refused_as_a_whole_is_halved_until_the_fault_is_known() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        if any(row["id"] == "2" for row in sent["rows"]):
            return 400, {"message": "a row is wrong"}
        return {"results": [{"ok": True, "row": {"id": row["id"]}} for row in sent["rows"]]}

    outcomes = connect(Told(shown_again(answer)), update=TOGETHER).write([update(str(n)) for n in range(4)])

    assert [type(outcome) for outcome in outcomes] == [Done, Done, Refused, Done]


def test_two_writes_of_one_record_never_leave_together() -> None:
    service = Told(shown_again(taken))
    connect(service, update=TOGETHER).write([update("1"), update("1"), update("2")])
    assert [[row["id"] for row in body["rows"]] for body in writes_of(service)] == [["1"], ["1", "2"]]


def test_fewer_results_than_writes_leave_all_of_them_unknown() -> None:
    service = Told(lambda method, path, sent: {"results": []})
    outcomes = connect(service, update=TOGETHER).write([update("1"), update("2")])
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]


def test_a_lost_answer_leaves_a_write_unknown_and_no_connection_leaves_it_unsent() -> None:
    def lost(method: str, path: str, sent: Any) -> Any:
        raise httpx.ReadTimeout("late")

    def unreached(method: str, path: str, sent: Any) -> Any:
        raise httpx.ConnectError("nobody")

    assert isinstance(one(connect(Told(lost)).write([update("1")])), Unknown)
    assert isinstance(one(connect(Told(unreached)).write([update("1")])), NotSent)


def test_an_account_that_loses_its_right_in_between_leaves_the_rest_unsent() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        return {"id": 1} if path.endswith("/1") else (403, {})

    outcomes = connect(Told(answer)).write([update("1"), update("2"), update("3")])
    assert [type(outcome) for outcome in outcomes] == [Done, NotSent, NotSent]
    with pytest.raises(AccountError):
        connect(Told(lambda method, path, sent: (403, {}))).write([update("2")])


CONSENT = {
    "field": "news",
    "calls": {
        "no": {"call": "POST /contacts/{id}/out"},
        "yes": {"call": "POST /contacts/{id}/in"},
        "pending": None,
    },
}


def test_an_opt_out_is_sent_before_anything_else() -> None:
    service = Told(lambda method, path, sent: {"id": 5})
    connector = connect(service, consents=[CONSENT])

    assert isinstance(one(connector.write([update("5", first="Ana", news="no")])), Done)

    assert service.asked == [("POST", "/contacts/5/out"), ("PATCH", "/contacts/5"), ("GET", "/contacts/5")]
    assert service.bodies[1] == {"first": "Ana"}


def test_a_consent_that_the_service_refuses_refuses_the_write() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        return (400, {"message": "opted out by himself"}) if path.endswith("/in") else {"id": 5}

    outcome = one(connect(Told(answer), consents=[CONSENT]).write([update("5", news="yes")]))
    assert outcome == Refused("Acorn refused it: opted out by himself")


def test_a_consent_without_a_call_is_refused_and_one_with_nothing_to_do_is_carried_out() -> None:
    connector = connect(Told(lambda method, path, sent: {"id": 5}), consents=[CONSENT])
    assert isinstance(one(connector.write([update("5", news="maybe")])), Refused)
    assert isinstance(one(connector.write([update("5", first="x", news="pending")])), Done)


def test_a_create_that_finds_the_record_there_says_so() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        return {"id": 7, "first": "Eva"} if method == "GET" else (409, {"code": "taken", "of": 7})

    rules = [{"status": 409, "test": {"at": "code", "is": "taken"}, "means": "exists", "id": "of"}]
    connector = connect(Told(answer), create={"call": "POST /contacts", "body": "{fields}", "id": "id"}, errors=rules)
    outcome = one(connector.write([create("5")]))
    assert outcome == Done(Record("7", {"id": 7, "first": "Eva"}), existed=True)


def test_an_error_inside_a_good_answer_is_an_error() -> None:
    service = Told(lambda method, path, sent: {"status": "error", "text": "no such field"})
    rules = [{"status": 200, "test": {"at": "status", "is": "error"}, "means": "refused", "reason": "text"}]
    outcome = one(connect(service, errors=rules).write([update("5")]))
    assert outcome == Refused("Acorn refused it: no such field")


def test_a_quota_that_is_used_up_waits() -> None:
    service = Told(lambda method, path, sent: (403, {"code": "LIMIT"}, {"retry-after": "30"}))
    rules = [{"status": 403, "test": {"at": "code", "is": "LIMIT"}, "means": "wait"}]
    outcome = one(connect(service, errors=rules).write([update("5")]))
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == 30


POLLED = {
    "call": "POST /jobs",
    "body": "{fields}",
    "id": "contact",
    "poll": {"call": "GET /jobs/{job}", "job": "job", "done": {"at": "state", "is": "done"}, "failed": "error"},
}


def test_work_that_is_done_later_is_waited_for() -> None:
    states = iter(["waiting", "waiting", "done"])

    def answer(method: str, path: str, sent: Any) -> Any:
        if path == "/jobs/j1":
            return {"state": next(states), "contact": 9}
        return {"job": "j1"} if method == "POST" else {"id": 9, "first": "Ana"}

    service = Told(answer)
    outcome = one(connect(service, create=POLLED).write([create("5")]))

    assert outcome == Done(Record("9", {"id": 9, "first": "Ana"}))
    assert service.asked.count(("GET", "/jobs/j1")) == 3


def test_work_that_fails_or_never_ends_is_told_apart() -> None:
    failed = Told(lambda method, path, sent: {"job": "j1", "error": "bad row"})
    assert isinstance(one(connect(failed, create=POLLED).write([create("5")])), Refused)

    endless = Told(lambda method, path, sent: {"job": "j1", "state": "waiting"})
    assert isinstance(one(connect(endless, create=POLLED).write([create("5")])), Unknown)


def test_a_record_that_is_deleted_twice_is_missing_the_second_time() -> None:
    service = Told(lambda method, path, sent: (404, {}))
    connector = connect(service, delete={"call": "DELETE /contacts/{id}"})
    assert one(connector.write([Write(Op.DELETE, "hub:5", "5", {})])) == Missing()


def test_a_call_that_names_what_the_record_holds_reads_it_first() -> None:
    there = {"id": 5, "first": "Eva", "mail": "Eva@example.org"}
    service = Told(lambda method, path, sent: there if method == "GET" else None)
    connector = connect(service, erase={"call": "POST /forget/{record.mail:md5}"})

    assert one(connector.write([Write(Op.ERASE, "hub:5", "5", {})])) == Done(None)

    assert service.asked[-1] == ("POST", f"/forget/{md5(b'eva@example.org').hexdigest()}")


def test_of_a_record_that_is_gone_nothing_is_named() -> None:
    service = Told(lambda method, path, sent: (404, {}))
    connector = connect(service, erase={"call": "POST /forget/{record.mail:md5}"})

    assert one(connector.write([Write(Op.ERASE, "hub:5", "5", {})])) == Missing()

    assert {method for method, _ in service.asked} == {"GET"}


def test_only_a_deletion_can_be_one_that_is_restored() -> None:
    call = {"call": "POST /contacts/{id}/gone", "restorable": True}
    assert connect(Told(lambda *_: None), delete=call).can.restorable

    with pytest.raises(ConfigError, match="restorable"):
        spec(erase=call)


def test_the_rate_limit_is_used_and_never_exceeded() -> None:
    service = Told(lambda method, path, sent: {"id": 5})
    connector = connect(service, rate={"requests": 10, "per": 1})
    begun = service.clock()

    for number in range(200):
        connector.write([update(str(number))])

    seconds = [(at - begun).total_seconds() for at in service.at]
    assert max(sum(1 for at in seconds if start <= at < start + 1) for start in seconds) == 10
    assert len(seconds) / (seconds[-1] + 1) >= 0.95 * 10


def test_a_write_for_which_the_limit_of_a_day_has_no_room_counts_as_no_attempt() -> None:
    service = Told(lambda method, path, sent: {"id": 5})
    connector = connect(service, rate={"requests": 2, "per": "1 day"}, read=None)

    outcomes = [outcome for number in range(3) for outcome in connector.write([update(str(number))])]

    assert [type(each) for each in outcomes] == [Done, Done, NotSent]
    assert isinstance(outcomes[2], NotSent)
    assert (outcomes[2].untried, outcomes[2].retry_after) == (True, 3600.0)
    assert len(service.at) == 2


def test_a_call_that_costs_more_takes_more_of_the_limit() -> None:
    service = Told(lambda method, path, sent: {"id": 5})
    costly = {"call": "PATCH /contacts/{id}", "body": "{fields}", "record": "", "cost": 5}
    connector = connect(service, rate={"requests": 10, "per": 1}, update=costly, read=None)
    for number in range(6):
        connector.write([update(str(number))])
    begun = service.at[0]
    assert [int((at - begun).total_seconds()) for at in service.at] == [0, 0, 1, 1, 2, 2]


def test_a_service_that_says_none_is_left_is_not_asked_before_there_are_more() -> None:
    service = Told(lambda method, path, sent: (200, {"id": 5}, {"x-left": "0", "x-reset": "20"}))
    rate = {"requests": 100, "per": 1, "remaining": "x-left", "reset": "x-reset"}
    connector = connect(service, rate=rate)
    connector.write([update("1")])
    connector.write([update("2")])
    assert (service.at[1] - service.at[0]).total_seconds() >= 20


def test_a_new_record_of_which_the_answer_says_nothing_is_looked_up() -> None:
    def answer(method: str, path: str, sent: Any) -> Any:
        return (202, None) if method == "POST" else [{"id": 4, "mail": sent["mail"]}]

    lookup = {"call": "GET /contacts", "query": {"mail": "{fields.mail}"}}
    connector = connect(Told(answer), create={"call": "POST /contacts", "body": "{fields}", "lookup": lookup})
    outcome = one(connector.write([create("4", mail="a@example.org")]))
    assert outcome == Done(Record("4", {"id": 4, "mail": "a@example.org"}))


@pytest.mark.parametrize(("shown_after", "waited"), [(3, 6.0), (99, 10.0)], ids=["in time", "too late"])
def test_a_new_record_that_the_service_makes_later_is_looked_for_until_it_appears(
    shown_after: int, waited: float
) -> None:
    looks: list[str] = []

    def answer(method: str, path: str, sent: Any) -> Any:
        if method == "POST":
            return (202, None)
        looks.append(path)
        return [{"id": 4}] if len(looks) > shown_after else []

    create_later = {"call": "POST /contacts", "body": "{fields}", "appears": 10, "lookup": {"call": "GET /contacts"}}
    service = Told(answer)
    connector = connect(service, create=create_later)
    begun = service.clock()

    outcome = one(connector.write([create("4")]))

    assert isinstance(outcome, Done if shown_after < 99 else Unknown)
    assert (service.clock() - begun).total_seconds() == waited


def test_a_row_that_is_locked_is_sent_later() -> None:
    service = Told(lambda method, path, sent: {"results": [{"ok": False, "code": "LOCKED"}]})
    rules = [{"status": 200, "test": {"at": "code", "is": "LOCKED"}, "means": "wait"}]
    assert isinstance(one(connect(service, update=TOGETHER, errors=rules).write([update("1")])), NotSent)


MADE_THEN_TOLD = {"call": "POST /contacts", "body": "{fields}", "id": "id"}


@pytest.mark.parametrize("fault", [httpx.ConnectError("nobody"), httpx.ReadTimeout("late"), (403, {}), (400, {})])
def test_a_create_whose_consent_does_not_go_through_was_made_and_is_looked_for(fault: Any) -> None:
    """It is never sent again as if nothing had been made, and never given up as refused."""

    def answer(method: str, path: str, sent: Any) -> Any:
        if path.endswith("/out"):
            if isinstance(fault, Exception):
                raise fault
            return fault
        return {"id": 5}

    for create in (MADE_THEN_TOLD, {**TOGETHER, "item": {"set": "{fields}"}, "result": {"items": "", "id": "id"}}):
        service = Told(lambda method, path, sent: [{"id": 5}] if path == "/batch" else answer(method, path, sent))
        connector = connect(service, create=create, consents=[CONSENT])
        assert isinstance(one(connector.write([create_of("5", news="no")])), Unknown)


def create_of(name: str, **fields: Any) -> Write:
    return create(name, first="Ana", **fields)


def test_what_was_made_before_the_account_was_closed_stays_made() -> None:
    """A call is halved; the first half is carried out, the second meets a key that is no longer valid."""

    def answer(method: str, path: str, sent: Any) -> Any:
        names = [row["id"] for row in sent["rows"]]
        if len(names) > 2:
            return 400, {"message": "a row is wrong"}
        return (403, {}) if "2" in names else {"results": [{"ok": True, "row": {"id": name}} for name in names]}

    outcomes = connect(Told(shown_again(answer)), update=TOGETHER).write([update(str(n)) for n in range(4)])

    assert [type(outcome) for outcome in outcomes] == [Done, Done, NotSent, NotSent]


def test_a_service_that_repeats_the_key_in_its_words_does_not_bring_it_into_messages() -> None:
    service = Told(lambda method, path, sent: (400, {"message": "the key right is not valid"}))
    outcome = one(connect(service).write([update("5")]))
    assert outcome == Refused("Acorn refused it: the key … is not valid")


# --- answers that show the record -------------------------------------------------------------------

SHOWN = {"call": "PATCH /contacts/{id}", "body": "{fields}", "record": ""}


def stored(rows: dict[str, dict[str, Any]], *, ignoring: bool = False) -> Any:
    """A service that answers a write with what was sent, and keeps it or not."""

    def answer(method: str, path: str, sent: Any) -> Any:
        row = rows[path.rpartition("/")[2]]
        if method == "GET":
            return row
        changed = {**row, **sent}
        if not ignoring:
            row.update(sent)
        return changed

    return answer


def rows_of(count: int) -> dict[str, dict[str, Any]]:
    return {str(n): {"id": n, "first": "Eva", "last": "Roth"} for n in range(count)}


def test_one_call_in_so_many_whose_answer_shows_the_record_is_read_again() -> None:
    service = Told(stored(rows_of(10)))
    connector = connect(service, update=SHOWN, sample=4)

    outcomes = [one(connector.write([update(str(n), first="Ana")])) for n in range(10)]

    assert [method for method, _ in service.asked].count("GET") == 3  # after the first, the fifth and the ninth
    assert {outcome.record.fields["first"] for outcome in outcomes if isinstance(outcome, Done) and outcome.record} == {
        "Ana"
    }


def test_after_an_answer_that_was_not_true_every_write_is_read_again() -> None:
    service = Told(stored(rows_of(6), ignoring=True))
    connector = connect(service, update=SHOWN, sample=20)

    outcomes = [one(connector.write([update(str(n), first="Ana")])) for n in range(6)]

    assert [outcome.record.fields["first"] for outcome in outcomes if isinstance(outcome, Done) and outcome.record] == [
        "Eva"
    ] * 6


PART = {**SHOWN, "partial": True}


def in_part(rows: dict[str, dict[str, Any]], *names: str) -> Any:
    whole = stored(rows)

    def answer(method: str, path: str, sent: Any) -> Any:
        found = whole(method, path, sent)
        return found if method == "GET" else {name: found[name] for name in ("id", *names)}

    return answer


def test_a_part_of_a_record_says_nothing_of_the_rest() -> None:
    service = Told(in_part(rows_of(2), "first"))
    connector = connect(
        service, update=PART, record={**FILE["record"], "derived": {"greeting": "first", "note": "more"}}
    )

    connector.write([update("0")])
    outcome = one(connector.write([update("1", first="Ana")]))

    assert outcome == Done(Record("1", {"id": 1, "first": "Ana", "greeting": "Ana"}), partial=True)


def test_a_part_that_does_not_show_what_was_sent_is_followed_by_a_reading() -> None:
    service = Told(in_part(rows_of(2), "last"))
    connector = connect(service, update=PART)

    connector.write([update("0")])
    outcome = one(connector.write([update("1", first="Ana")]))

    assert outcome == Done(Record("1", {"id": 1, "first": "Ana", "last": "Roth"}))


def test_a_record_that_is_not_there_when_a_sample_is_taken_is_missing() -> None:
    service = Told(lambda method, path, sent: (404, {}) if method == "GET" else {"id": 5, **sent})
    assert one(connect(service, update=SHOWN).write([update("5")])) == Missing()


def test_a_sample_that_cannot_be_read_leaves_the_write_unknown() -> None:
    service = Told(lambda method, path, sent: (500, {}) if method == "GET" else {"id": 5, **sent})
    assert isinstance(one(connect(service, update=SHOWN).write([update("5")])), Unknown)


BINNED = {"call": "DELETE /bin/{id}", "binned": True}


def test_only_an_erasure_can_take_out_of_a_bin_what_was_deleted() -> None:
    assert connect(Told(lambda *_: None), delete={"call": "DELETE /contacts/{id}"}, erase=BINNED).can.empties_bin

    for wrong in ({"erase": BINNED}, {"delete": BINNED}):
        with pytest.raises(ConfigError, match="out of the bin"):
            spec(**wrong)


@pytest.mark.parametrize(
    ("deletion", "bin_", "outcome"),
    [
        (None, None, Done(None)),
        ((404, {}), None, Missing()),
        ((404, {}), (404, {}), Missing()),
        (None, (404, {}), Done(None, in_bin=True)),
        (None, (403, {}), Done(None, in_bin=True)),
        (None, (500, {}), Done(None, in_bin=True)),
        ((404, {}), (403, {}), Done(None, in_bin=True)),
    ],
)
def test_an_erasure_is_one_for_good_only_where_the_bin_said_so(deletion: Any, bin_: Any, outcome: Outcome) -> None:
    service = Told(lambda method, path, sent: bin_ if "/bin/" in path else deletion)
    connector = connect(service, delete={"call": "DELETE /contacts/{id}"}, erase=BINNED)

    assert connector.write([Write(Op.ERASE, "hub:5", "5", {})]) == [outcome]


def test_an_erasure_whose_deletion_is_not_certain_is_left_to_a_person() -> None:
    def lost(method: str, path: str, sent: Any) -> Any:
        raise httpx.ReadTimeout("late")

    delete = {"call": "POST /contacts/{id}/gone"}
    connector = connect(Told(lost), delete=delete, erase=BINNED)

    [outcome] = connector.write([Write(Op.ERASE, "hub:5", "5", {})])

    assert isinstance(outcome, Refused)
    assert "not known" in outcome.reason
