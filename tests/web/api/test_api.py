"""The API, by what programs may rely on."""

from __future__ import annotations

import csv
import io

import pytest

from hub.access.rights import Role
from hub.web.api.routes import PREFIX, describe, router
from hub.web.problems import KIND

JSON = {"content-type": "application/json"}


def test_nobody_is_answered_without_being_known(api):
    asked = [(method, path) for path, methods in described(api)["paths"].items() for method in methods]
    api.role = None
    answers = [api.ask(method.upper(), path.removeprefix(PREFIX), json={}) for method, path in asked]

    assert len(answers) >= 35
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["type"] for answer in answers} == {KIND + "not-signed-in"}


def described(api):
    return describe(router(api.world))


def test_a_viewer_sees_how_it_goes_and_nobody(api):
    api.role = Role.VIEWER

    assert {each["name"] for each in api.get("/status").json()["connections"]} == {"crm", "shop"}
    assert api.get("/connections/crm").json()["state"] in ("healthy", "held")
    assert api.get("/contacts", q="ann").json()["type"] == KIND + "not-allowed"
    for path in ("/reviews", "/conflicts", "/parked", "/lookup?phone=1", "/holds/1/plan", "/exports/contacts.csv"):
        assert api.get(path).status_code == 403


def test_search_finds_by_the_beginnings_of_words_and_says_how_far_it_is_behind(api):
    found = api.get("/contacts", q="ann ba").json()

    assert [each["name"] for each in found["items"]] == ["Ann Baker"]
    assert {"emails/ann.baker@example.org"} <= found["items"][0]["fields"].keys()
    assert (found["next"], found["behind"], found["filling"]) == (None, 0, False)


def test_a_list_goes_on_by_its_cursor(api):
    first = api.get("/contacts", q="example", limit=2).json()
    rest = api.get("/contacts", q="example", limit=200, cursor=first["next"]).json()
    names = [each["name"] for each in (*first["items"], *rest["items"])]

    assert len(first["items"]) == 2
    assert len(names) == len(set(names)) >= 5


@pytest.mark.parametrize("cursor", ["x", "W10", "////", "WyJydW5zIiwxXQ", "é"])
def test_a_cursor_that_is_none_is_refused(api, cursor):
    for path in ("/runs", "/holds", "/conflicts", "/parked", "/reviews"):
        assert api.get(path, cursor=cursor).json()["type"] == KIND + "not-valid"


def test_one_contact_with_every_source(api):
    golden_id = api.one("ann baker")
    answer = api.get(f"/contacts/{golden_id}")
    found = answer.json()

    assert answer.headers["etag"] == f'"{found["version"]}"'
    assert found["name"] == "Ann Baker"
    assert {each["connection"] for each in found["records"]} == {"crm", "shop"}
    assert all(each["connection"] or each["pinned_by"] for each in found["values"] if each["key"] != "kind")


def test_why_a_field_is_what_it_is(api):
    golden_id = api.one("ann baker")
    [key] = api.get(f"/contacts/{golden_id}/explain", field="job_title").json()
    own = {claim["connection"]: claim["value"] for claim in key["claims"] if claim["kind"] != "echo"}

    assert set(own.values()) == {"Head of buying", "Purchaser"}
    assert [claim["value"] for claim in key["claims"] if claim["wins"]] == [key["value"]]
    assert len(key["conflicts"]) == 1


def test_history_goes_on_where_it_was_though_more_has_happened(api):
    golden_id = api.one("ann baker")
    whole = [each["number"] for each in api.get(f"/contacts/{golden_id}/history").json()["items"]]
    first = api.get(f"/contacts/{golden_id}/history", limit=1).json()
    pin(api, golden_id, "department", "Buying")
    rest = api.get(f"/contacts/{golden_id}/history", cursor=first["next"]).json()

    assert [each["number"] for each in (*first["items"], *rest["items"])] == whole


def pin(api, golden_id, field, value, etag=None):
    etag = etag or api.get(f"/contacts/{golden_id}").headers["etag"]
    return api.ask(
        "PUT", f"/contacts/{golden_id}/pins", json={"field": field, "value": value}, headers={"If-Match": etag}
    )


def test_a_pin_is_taken_back_again(api):
    golden_id = api.one("ann baker")
    pinned = pin(api, golden_id, "job_title", "Director")
    shown = api.get(f"/contacts/{golden_id}").json()
    params = {"field": "job_title"}
    back = api.ask("DELETE", f"/contacts/{golden_id}/pins", params=params, headers={"If-Match": pinned.headers["etag"]})

    assert [(each["field"], each["value"], each["person"]) for each in shown["pins"]] == [
        ("job_title", "Director", "token:test")
    ]
    assert back.status_code == 200
    assert api.get(f"/contacts/{golden_id}").json()["pins"] == []


def test_who_comes_second_sees_the_difference_and_changes_nothing(api):
    golden_id = api.one("ann baker")
    etag = api.get(f"/contacts/{golden_id}").headers["etag"]
    pin(api, golden_id, "job_title", "Director")
    late = pin(api, golden_id, "department", "Buying", etag)

    assert late.status_code == 412
    assert late.json()["type"] == KIND + "changed-meanwhile"
    assert late.json()["changes"]["job_title"][1] == "Director"
    assert late.headers["etag"] == api.get(f"/contacts/{golden_id}").headers["etag"]
    assert "department" not in {each["key"] for each in api.get(f"/contacts/{golden_id}").json()["values"]}


def test_a_change_without_a_version_is_refused(api):
    golden_id = api.one("ann baker")
    answer = api.ask("PUT", f"/contacts/{golden_id}/pins", json={"field": "note", "value": "x"})

    assert (answer.status_code, answer.json()["type"]) == (428, KIND + "version-missing")


def test_merge_and_split_are_each_others_inverse(api):
    ann, rui = api.one("ann baker"), api.one("rui tavares")
    refs = [{name: each[name] for name in ("connection", "external_id")} for each in records(api, rui)]
    merged = api.post("/contacts/merge", {"ids": [ann, rui]})
    again = api.post("/contacts/merge", {"ids": [ann, rui]})
    kept = merged.json()["id"]
    split = api.post(f"/contacts/{kept}/split", {"records": refs})

    assert merged.status_code == split.status_code == 201
    assert (again.status_code, again.json()["type"]) == (409, KIND + "overtaken")
    assert {split.json()["id"], split.json()["left"]} == {ann, rui}
    assert api.get(f"/contacts/{rui}").json()["name"] == "Rui Tavares"


def records(api, golden_id):
    return api.get(f"/contacts/{golden_id}").json()["records"]


def test_what_is_created_with_a_key_is_created_once(api):
    golden_id = api.one("ann baker")
    body = {"contact": golden_id, "kind": "call.answered", "channel": "call", "direction": "in", "summary": "asked"}
    answers = [api.post("/interactions", body, **{"Idempotency-Key": "key-00001"}) for _ in range(3)]
    other = api.post("/interactions", body | {"summary": "else"}, **{"Idempotency-Key": "key-00001"})

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert (other.status_code, other.json()["type"]) == (422, KIND + "key-used")
    assert [each["summary"] for each in api.get(f"/contacts/{golden_id}/timeline").json()["items"]] == ["asked"]


def test_a_key_is_its_owners(api):
    body = {"contact": api.one("ann baker"), "kind": "note", "summary": "one"}
    api.post("/interactions", body, **{"Idempotency-Key": "key-00001"})
    api.actor_id = "t2"

    assert api.post("/interactions", body | {"summary": "two"}, **{"Idempotency-Key": "key-00001"}).status_code == 201


def test_what_could_not_be_created_may_be_sent_again_with_its_key(api):
    body = {"contact": "gnobody", "kind": "note"}
    first = api.post("/interactions", body, **{"Idempotency-Key": "key-00009"})
    golden_id = api.one("ann baker")
    second = api.post("/interactions", body | {"contact": golden_id}, **{"Idempotency-Key": "key-00009"})

    assert (first.status_code, second.status_code) == (404, 201)


def test_a_question_is_answered_once_and_the_answer_taken_back(api):
    [question] = api.get("/reviews").json()["items"]
    number = question["number"]
    same = api.post(f"/reviews/{number}/answer", {"answer": "same"})
    late = api.post(f"/reviews/{number}/answer", {"answer": "different"})
    back = api.post(f"/reviews/{number}/undo")

    assert len(same.json()["golden_ids"]) == 1
    assert late.json()["type"] == KIND + "overtaken"
    assert len(back.json()["golden_ids"]) == 2
    assert api.get(f"/reviews/{number}").json()["state"] == "open"


def test_a_conflict_is_overturned_once(api):
    [conflict] = api.get("/conflicts").json()["items"]
    number = conflict["number"]
    done = api.post(f"/conflicts/{number}/overturn")
    late = [api.post(f"/conflicts/{number}/{what}").json()["type"] for what in ("overturn", "accept")]

    assert done.json()["state"] == "overturned"
    assert late == [KIND + "overtaken"] * 2
    assert api.get(f"/contacts/{conflict['golden_id']}").json()["pins"][0]["field"] == "job_title"


def test_a_conflict_is_accepted(api):
    number = api.get("/conflicts").json()["items"][0]["number"]

    assert api.post(f"/conflicts/{number}/accept").json()["state"] == "accepted"
    assert api.get("/conflicts").json()["items"] == []
    assert len(api.get("/conflicts", state="all").json()["items"]) == 1


def test_parked_records_go_in_bulk(api):
    found = api.get("/parked").json()["items"]
    numbers = [each["number"] for each in found]

    assert numbers
    assert api.post("/parked/drop", {"numbers": numbers}).json() == {"records": len(numbers)}
    assert api.get("/parked").json()["items"] == []
    assert api.post("/parked/retry", {"numbers": numbers}).json()["type"] == KIND + "not-there"
    assert api.post("/parked/drop", {}).json()["type"] == KIND + "not-valid"


def test_a_hold_that_counts_something_else_by_now_is_not_approved(api):
    with api.world.store.write() as tx:
        tx.run(
            "INSERT INTO hold (connection, run_id, gate, counts, reason, at, state)"
            """ VALUES ('crm', 'r1', 'push creates', '{"creates": 900}', 'more than 500', 1.0, 'open')"""
        )
    number = api.get("/holds").json()["items"][0]["number"]
    wrong = api.post(f"/holds/{number}/approve", {"seen": {"creates": 100}})
    right = api.post(f"/holds/{number}/approve", {"seen": {"creates": 900}})
    late = api.post(f"/holds/{number}/refuse", {"seen": {"creates": 900}})

    assert (wrong.status_code, wrong.json()["type"]) == (409, KIND + "overtaken")
    assert (right.json()["state"], right.json()["person"]) == ("approved", "token:test")
    assert late.status_code == 409
    assert api.post("/holds/999/approve", {"seen": {}}).status_code == 404


def test_a_connection_is_paused_started_and_run(api):
    assert api.post("/connections/crm/pause", {"reason": "moving house"}).json()["state"] == "paused"
    assert "token:test paused it: moving house" in api.get("/connections/crm").json()["paused"]
    assert api.post("/connections/crm/start").json()["state"] == "started"
    assert api.get("/connections/crm").json()["paused"] is None
    assert api.post("/connections/crm/runs", {"full": True}).status_code == 201
    assert api.begun == [("crm", True, "token:test")]
    assert api.post("/connections/nowhere/runs", {}).status_code == 404


def test_runs_are_listed_by_page_and_one_is_shown(api):
    first = api.get("/runs", limit=1).json()
    second = api.get("/runs", limit=1, cursor=first["next"]).json()

    assert first["items"][0]["id"] != second["items"][0]["id"]
    assert api.get(f"/runs/{first['items'][0]['id']}").json()["status"] in ("done", "held", "failed")
    assert api.get("/runs/rnone").json()["type"] == KIND + "not-there"


@pytest.mark.parametrize(
    ("by", "value"),
    [
        *(("phone", text) for text in ("+351912000001", "912 000 001", "00351-912-000-001", "tel:+351912000001")),
        *(("mail", text) for text in ("ann.baker@example.org", " Ann.Baker@Example.org ")),
        ("customer_number", "1"),
    ],
)
def test_a_caller_is_known_by(api, by, value):
    found = api.get("/lookup", **{by: value}).json()["matches"]

    assert "Ann Baker" in {each["name"] for each in found}
    ann = next(each for each in found if each["name"] == "Ann Baker")
    assert len(ann["open"]["conflicts"]) == 1


def test_an_unknown_caller_is_a_problem_that_says_what_to_do(api):
    answer = api.get("/lookup", phone="+351 934 000 999")

    assert answer.json()["type"] == KIND + "not-there"
    assert "/api/v1/contacts?q=" in answer.json()["detail"]


def test_exports_come_whole(api):
    rows = list(csv.reader(io.StringIO(api.get("/exports/contacts.csv").text)))
    crosswalk = api.get("/exports/crosswalk.csv").text.splitlines()

    assert rows[0][0] == "golden_id"
    assert "Ann" in {row[rows[0].index("given_name")] for row in rows[1:]}
    assert crosswalk[0] == "connection,external_id,golden_id"
    assert api.get("/exports/interactions.csv").status_code == 200
    assert api.get("/exports/secrets.csv").status_code == 422


def test_what_is_not_asked_for_is_refused(api):
    golden_id = api.one("ann baker")

    assert api.get("/runs", colour="red").json()["errors"] == [{"where": "query.colour", "what": "extra_forbidden"}]
    assert api.post("/interactions", {"contact": golden_id, "kind": "note", "golden": 1}).status_code == 422
    assert api.get("/runs", limit=201).status_code == 422


@pytest.mark.parametrize("text", [r"a\u0000b", r"\ud800"])
def test_what_no_database_takes_is_refused(api, text):
    body = f'{{"contact": "{api.one("ann baker")}", "kind": "note", "summary": "{text}"}}'
    answer = api.ask("POST", "/interactions", content=body.encode(), headers=JSON)

    assert answer.json()["type"] == KIND + "not-valid"


def test_a_body_without_end_is_cut_off(api):
    answer = api.ask("POST", "/interactions", content=b'{"summary": "' + b"x" * 300_000, headers=JSON)

    assert (answer.status_code, answer.json()["type"]) == (413, KIND + "too-large")


def test_the_description_names_every_route_and_is_for_those_signed_in(api):
    described = api.get("/openapi.json").json()

    assert len(described["paths"]) >= 30
    api.role = None
    assert api.get("/openapi.json").status_code == 401


def test_a_consent_comes_with_its_receipts(api):
    ann = api.one("ann baker")
    note = {"contact": ann, "kind": "call.answered", "channel": "call", "summary": "no more mails"}
    assert api.post("/interactions", {**note, "withdraws": ["email"]}).status_code == 201

    [found] = api.get(f"/contacts/{ann}/consent").json()

    assert (found["status"], found["channel"], found["purpose"]) == ("denied", "email", None)
    assert found["statements"][0]["wins"] and found["history"][0]["after"]["status"] == "denied"


def test_a_timeline_of_one_kind_has_no_other(api):
    ann = api.one("ann baker")
    for kind, channel in (("call.missed", "call"), ("note", "other")):
        assert api.post("/interactions", {"contact": ann, "kind": kind, "channel": channel}).status_code == 201

    found = api.get(f"/contacts/{ann}/timeline", kind="call").json()["items"]

    assert found and {each["kind"].partition(".")[0] for each in found} == {"call"}
    assert api.get(f"/contacts/{ann}/timeline", kind="elephant").status_code == 422
