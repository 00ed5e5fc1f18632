"""Erasure over the API: foreseen, done once, the receipt, who may."""

from __future__ import annotations

import pytest

from hub.access.rights import Role
from hub.client import Client
from hub.web.server import serve


@pytest.fixture
def ann(api) -> str:
    api.follow()
    api.role = Role.ADMINISTRATOR
    return str(api.one("ann baker"))


def test_what_would_be_done_is_told_without_values(api, ann):
    answer = api.get(f"/contacts/{ann}/erasure")

    said = answer.json()
    assert said["contact"] == ann
    assert said["rows"]["golden"] == 1
    assert {each["connection"] for each in said["systems"]} >= {"crm"}
    assert "ann" not in answer.text.replace(ann, "").lower()


def test_it_is_done_once_and_has_a_receipt(api, ann):
    headers = {"Idempotency-Key": "case-7-of-today"}
    first = api.ask("POST", f"/contacts/{ann}/erasure", headers=headers, json={"reference": "case 7"})
    again = api.ask("POST", f"/contacts/{ann}/erasure", headers=headers, json={"reference": "case 7"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert api.get(f"/contacts/{ann}").status_code == 404
    receipt = api.get(f"/erasures/{first.json()['id']}").json()
    assert (receipt["reference"], receipt["state"]) == ("case 7", "open")
    assert [each["id"] for each in api.get("/erasures?open=true").json()["items"]] == [receipt["id"]]


def test_who_is_not_there_is_not_erased(api, ann):
    assert api.get("/contacts/g404/erasure").status_code == 404
    assert api.ask("POST", "/contacts/g404/erasure", json={}).status_code == 404
    assert api.get("/erasures/e404").status_code == 404
    assert api.ask("POST", "/erasures/e404/lift", json={"reason": "none"}).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.OPERATOR])
def test_nobody_but_an_administrator_may(api, ann, role):
    api.role = role

    assert api.ask("POST", f"/contacts/{ann}/erasure", json={}).status_code == 403
    assert api.get("/erasures").status_code == 403


def test_the_client_does_all_of_it(api, ann):
    serving = serve(api.app, port=0)
    try:
        with Client(serving.url, "t") as hub:
            systems = {each["connection"] for each in hub.erasure(ann)["systems"]}
            made = hub.erase(ann, "case 7")
            receipt = hub.receipt(made["id"])
            hub.lift_erasure(made["id"], "came back")
            listed = list(hub.erasures())
    finally:
        serving.stop()

    assert {each["connection"] for each in receipt["systems"]} == systems
    assert [each["state"] for each in listed] == ["lifted"]
