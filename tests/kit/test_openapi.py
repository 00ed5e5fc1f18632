"""Requests and answers held to a vendor's description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.testing.openapi import UNCHECKED, Description, Mismatch, Validated, validated
from tests.kit.acorn import DESCRIPTION, KEY, Acorn

SPECS = Path(__file__).parents[3] / "shared" / "specs"
VENDORS = [
    "brevo-contacts.swagger2.yaml",
    "google-people.openapi.json",
    "hubspot-crm.openapi.yaml",
    "listmonk-subscribers.openapi.yaml",
    "mailchimp-lists.openapi.yaml",
    "twilio-messages.openapi.json",
]
ANSWER = httpx.Response(200, json={"items": [], "next": None})


def client(transport: httpx.BaseTransport) -> httpx.Client:
    return httpx.Client(transport=transport, base_url=Acorn.base, headers={"authorization": f"Bearer {KEY}"})


def saying(response: httpx.Response, **rest: Any) -> httpx.Client:
    """A service that answers so, whatever it is asked."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    return client(Validated(httpx.MockTransport(answer), Description(DESCRIPTION), **rest))


def test_what_fits_passes_and_is_noted() -> None:
    checked = Validated(Acorn(), Description(DESCRIPTION))
    http = client(checked)

    made = http.post("/contacts", json={"name": "Ana"}).json()
    http.get(f"/contacts/{made['id']}")
    http.get("/contacts", params={"limit": 5, "after": "c1"})

    assert checked.seen == {"POST /contacts", "GET /contacts/{id}", "GET /contacts"}


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/contacts?sort=name", None, "GET /contacts: query sort: not described"),
        ("GET", "/contacts?limit=101", None, "GET /contacts: query limit: the whole: 101 is greater"),
        ("GET", "/contacts?limit=many", None, "GET /contacts: query limit: the whole: 'many' is not of type"),
        ("GET", "/leads", None, "GET /leads: not described"),
        ("DELETE", "/contacts", None, "DELETE /contacts: not described"),
        ("POST", "/contacts", None, "POST /contacts: body: missing"),
        ("POST", "/contacts", {"name": 7}, "POST /contacts: body: name: 7 is not of type"),
        ("POST", "/contacts", {}, "POST /contacts: body: the whole: 'name' is a required property"),
    ],
)
def test_a_request_that_does_not_fit_and_is_accepted_fails_the_test(
    method: str, path: str, body: Mapping[str, Any] | None, said: str
) -> None:
    with pytest.raises(Mismatch) as caught:
        saying(ANSWER).request(method, path, json=body)

    assert str(caught.value).startswith(said)


def test_a_request_that_does_not_fit_may_be_refused() -> None:
    http = client(Validated(Acorn(), Description(DESCRIPTION)))

    assert http.get("/contacts?sort=name").status_code == 400


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, json={"items": []}), "answer 200: the whole: 'next' is a required property"),
        (httpx.Response(200, json={"items": [], "next": 7}), "answer 200: next: 7 is not"),
        (httpx.Response(200, html="<html>"), "answer 200: text/html is not described"),
        (httpx.Response(202, json={}), "answer 202: not described"),
    ],
)
def test_an_answer_that_does_not_fit_fails_the_test(answer: httpx.Response, said: str) -> None:
    with pytest.raises(Mismatch) as caught:
        saying(answer).get("/contacts")

    assert str(caught.value).startswith(f"GET /contacts: {said}")


def test_an_error_that_is_not_described_is_let_pass() -> None:
    assert saying(httpx.Response(503)).get("/contacts").status_code == 503


def test_a_known_gap_of_the_description_is_let_pass_and_noted() -> None:
    gap = "GET /contacts: query sort"
    checked = Validated(
        httpx.MockTransport(lambda request: ANSWER), Description(DESCRIPTION), known={gap: "not in the file"}
    )

    client(checked).get("/contacts?sort=name")

    assert checked.passed == {gap}


def test_swagger_2_says_the_same_in_its_own_words() -> None:
    old = {
        "swagger": "2.0",
        "basePath": "/v2",
        "paths": {
            "/contacts": {
                "get": {
                    "parameters": [{"name": "limit", "in": "query", "type": "integer", "maximum": 100}],
                    "responses": {"200": {"schema": {"$ref": "#/definitions/Page"}}},
                },
                "post": {
                    "parameters": [{"name": "body", "in": "body", "required": True, "schema": {"required": ["name"]}}],
                    "responses": {"201": {}},
                },
            }
        },
        "definitions": {"Page": {"required": ["items"]}},
    }
    http = client(Validated(Acorn(), Description(old)))

    assert http.get("/contacts?limit=5").status_code == 200
    assert http.post("/contacts", json={"name": "Ana"}).status_code == 201
    for method, path, body in [("GET", "/contacts?limit=101", None), ("POST", "/contacts", {})]:
        with pytest.raises(Mismatch):
            client(Validated(httpx.MockTransport(lambda request: ANSWER), Description(old))).request(
                method, path, json=body
            )


def test_a_description_that_is_not_there_leaves_the_fake_unchecked_and_says_so(tmp_path: Path) -> None:
    acorn = Acorn()

    assert validated(acorn, tmp_path / "acorn-not-there.yaml") is acorn
    assert [line for line in UNCHECKED if line.startswith("acorn-not-there.yaml is not there")]
    UNCHECKED.clear()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


@pytest.mark.parametrize("name", VENDORS)
def test_descriptions_of_vendors_are_read_and_their_references_lead_somewhere(name: str) -> None:
    if not (SPECS / name).is_file():
        pytest.skip(f"{name} is not on this machine")
    description = Description.load(SPECS / name)

    assert description.operations
    places = {each: each.removeprefix("#/").split("/") for each in references(description.document)}
    assert [each for each, place in places.items() if description.at(place) is None] == []


def test_a_contact_of_a_vendor_is_told_from_something_else() -> None:
    path = SPECS / "brevo-contacts.swagger2.yaml"
    if not path.is_file():
        pytest.skip(f"{path.name} is not on this machine")
    description = Description.load(path)

    def listing(body: Any) -> list[str]:
        return list(description.wrong(body, ("paths", "/contacts", "get", "responses", "200", "schema")))

    assert listing({"contacts": "none"}) != []
    assert listing({"contacts": [], "count": 0}) == []
