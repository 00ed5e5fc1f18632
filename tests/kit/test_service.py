"""The base of the fakes: strict, limited, and with a back door."""

from __future__ import annotations

import httpx
import pytest

from tests.kit.acorn import KEY, Acorn


@pytest.fixture
def acorn() -> Acorn:
    return Acorn()


@pytest.fixture
def http(acorn: Acorn) -> httpx.Client:
    return httpx.Client(transport=acorn, base_url=Acorn.base, headers={"authorization": f"Bearer {KEY}"})


def test_a_request_with_a_wrong_key_is_refused(http: httpx.Client) -> None:
    assert http.get("/contacts", headers={"authorization": "Bearer other"}).status_code == 401


def test_what_is_written_is_there(http: httpx.Client) -> None:
    made = http.post("/contacts", json={"name": "Ana"}).json()

    assert http.get(f"/contacts/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/contacts?sort=name", 400),
        ("/contacts?limit=101", 400),
        ("/contacts?limit=x", 400),
        ("/nowhere", 404),
        ("/contacts/c9", 404),
    ],
)
def test_what_the_vendor_does_not_know_is_refused(http: httpx.Client, path: str, status: int) -> None:
    assert http.get(path).status_code == status


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"name": "Ana", "nick": "A"}'])
def test_a_body_that_does_not_fit_is_refused(http: httpx.Client, body: bytes) -> None:
    sent = http.post("/contacts", content=body, headers={"content-type": "application/json"})

    assert sent.status_code == 400


def test_a_method_that_a_path_does_not_have_is_refused(http: httpx.Client) -> None:
    assert http.delete("/contacts").status_code == 405


def test_requests_that_come_too_fast_are_refused_until_time_has_passed(http: httpx.Client, acorn: Acorn) -> None:
    codes = [http.get("/contacts").status_code for _ in range(52)]
    late = http.get("/contacts")
    acorn.clock.sleep(float(late.headers["retry-after"]))

    assert codes == [200] * 50 + [429] * 2
    assert acorn.too_fast == 3
    assert http.get("/contacts").headers["x-left"] == "49"


def test_a_key_without_the_right_to_write_still_reads(http: httpx.Client, acorn: Acorn) -> None:
    acorn.read_only()

    assert http.post("/contacts", json={"name": "Ana"}).status_code == 403
    assert http.get("/contacts").status_code == 200


def test_a_write_can_be_accepted_and_ignored(http: httpx.Client, acorn: Acorn) -> None:
    acorn.ignoring = True

    assert http.post("/contacts", json={"name": "Ana"}).status_code == 201
    assert http.get("/contacts").json()["items"] == []


def test_a_request_to_another_host_fails_the_test(http: httpx.Client) -> None:
    with pytest.raises(AssertionError, match=r"other\.example"):
        http.get("https://other.example/v2/contacts")


def test_every_exchange_is_noted(http: httpx.Client, acorn: Acorn) -> None:
    http.get("/contacts", params={"limit": 2})

    [seen] = acorn.exchanges
    assert (seen.request.method, seen.status) == ("GET", 200)
    assert seen.body == b'{"items":[],"next":null,"total":0}'
