"""Many merges and splits by one request: each line whole or not at all, done once, taken back by what is answered."""

from __future__ import annotations

import pytest

from hub.access.rights import Role
from hub.store import audit
from tests.web.api.rig import Asking

URL = "/contacts/bulk"


@pytest.fixture
def pair(api: Asking) -> dict[str, str]:
    """Two contacts that are one."""
    return {"a": api.one("ewa nowak"), "b": api.one("rui tavares")}


def outcomes(answer) -> list[str]:
    return [line["outcome"] for line in answer.json()["lines"]]


def homes(api: Asking, pair: dict[str, str]) -> set[str]:
    return {api.get(f"/contacts/{each}").json()["id"] for each in pair.values()}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(api, pair):
    answer = api.post(URL, {"merges": [pair, {"a": pair["a"], "b": "crm:nobody"}], "dry_run": True})

    assert answer.status_code == 200
    assert outcomes(answer) == ["would", "failed"] and answer.json()["changed"] == 1
    assert len(homes(api, pair)) == 2


def test_every_line_has_its_outcome_and_those_that_fail_leave_the_others_alone(api, pair):
    answer = api.post(URL, {"merges": [{"a": pair["a"], "b": "crm:nobody"}, pair, pair]})

    assert answer.status_code == 201
    assert outcomes(answer) == ["failed", "done", "already"]
    assert "nobody" in answer.json()["lines"][0]["reason"]
    assert len(homes(api, pair)) == 1


def test_what_is_answered_takes_it_back(api, pair):
    undo = api.post(URL, {"merges": [pair]}).json()["undo"]

    back = api.post(URL, undo)

    assert outcomes(back) == ["done"] and len(homes(api, pair)) == 2
    again = api.post(URL, back.json()["undo"])
    assert outcomes(again) == ["done"] and len(homes(api, pair)) == 1


def test_a_csv_text_is_taken_as_the_command_line_takes_it(api, pair):
    answer = api.post(URL, {"csv": f"a,b\n{pair['a']},{pair['b']}\n{pair['a']}\n", "kind": "merge"})

    assert [(line["line"], line["outcome"]) for line in answer.json()["lines"]] == [(2, "done"), (3, "failed")]
    assert api.post(URL, {"csv": "x,y\n1,2\n"}).status_code == 422


def test_the_same_request_with_its_key_is_done_once(api, pair):
    first = api.post(URL, {"merges": [pair]}, **{"Idempotency-Key": "bulk-key-1"})
    second = api.post(URL, {"merges": [pair]}, **{"Idempotency-Key": "bulk-key-1"})

    assert second.json() == first.json() and outcomes(second) == ["done"]
    assert second.headers["idempotency-replayed"] == "true"
    with api.world.store.read() as tx:
        assert len(audit.rows(tx, audit.Wanted(action="merged"), 10)) == 1


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"merges": []},
        {"merges": [{"a": "x", "b": "y"}], "csv": "a,b\nx,y\n"},
        {"merges": [{"a": "x", "b": "y"}] * 501},
        {"splits": [{"contact": "x", "records": []}]},
    ],
)
def test_what_is_not_one_list_of_lines_is_not_valid(api, order):
    assert api.post(URL, order).status_code == 422


def test_who_may_not_edit_merges_nobody(api, pair):
    api.role = Role.AGENT

    assert api.post(URL, {"merges": [pair]}).status_code == 403
    assert len(homes(api, pair)) == 2
