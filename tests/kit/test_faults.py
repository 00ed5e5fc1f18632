"""Faults between a connector and its system: which requests they strike, and what takes effect."""

from __future__ import annotations

import httpx
import pytest

from hub.testing import faults as f
from hub.testing.clock import Clock
from hub.testing.faults import Fault, Faults
from tests.kit.acorn import KEY, Acorn


@pytest.fixture
def acorn() -> Acorn:
    return Acorn()


@pytest.fixture
def faults(acorn: Acorn) -> Faults:
    return Faults(acorn, acorn.clock)


@pytest.fixture
def http(faults: Faults) -> httpx.Client:
    return httpx.Client(transport=faults, base_url=Acorn.base, headers={"authorization": f"Bearer {KEY}"})


def test_without_faults_everything_passes_and_is_noted(http: httpx.Client, faults: Faults) -> None:
    assert http.post("/contacts", json={"name": "Ana"}).status_code == 201
    assert [(each.host, each.request.method) for each in faults.sent] == [("api.acorn.example", "POST")]
    assert faults.sent[0].raw == b'/v2/contacts {"name":"Ana"}'


def test_a_fault_strikes_as_often_as_it_is_told_and_after_those_that_it_spares(
    http: httpx.Client, faults: Faults
) -> None:
    faults.inject(f.answered(503), after=1, times=2)

    assert [http.get("/contacts").status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_fault_strikes_only_what_it_is_meant_for(http: httpx.Client, faults: Faults) -> None:
    faults.inject(f.forbidden, when=lambda request: request.method == "POST", times=None)

    assert http.get("/contacts").status_code == 200
    assert http.post("/contacts", json={"name": "Ana"}).status_code == 403
    faults.heal()
    assert http.post("/contacts", json={"name": "Ana"}).status_code == 201


@pytest.mark.parametrize(
    ("fault", "effect"),
    [
        (f.refused_connection, 0),
        (f.timeout_before, 0),
        (f.reset_before, 0),
        (f.lost_reply, 1),
        (f.reset_after, 1),
        (f.cut_off, 1),
    ],
)
def test_a_broken_connection_is_before_the_effect_or_after_it(
    http: httpx.Client, faults: Faults, acorn: Acorn, fault: Fault, effect: int
) -> None:
    faults.inject(fault)

    with pytest.raises(httpx.TransportError):
        http.post("/contacts", json={"name": "Ana"})

    assert len(acorn.contacts) == effect


@pytest.mark.parametrize(
    ("fault", "status", "kind", "body"),
    [
        (f.html, 201, "text/html; charset=utf-8", f.LOGIN_PAGE),
        (f.empty_body, 201, "application/json", b""),
        (f.other_shape, 201, "application/json", b'{"error": "something went wrong"}'),
        (f.failed_after(504), 504, None, b""),
    ],
)
def test_an_answer_that_is_none_comes_after_the_effect(
    http: httpx.Client, faults: Faults, acorn: Acorn, fault: Fault, status: int, kind: str | None, body: bytes
) -> None:
    faults.inject(fault)

    answer = http.post("/contacts", json={"name": "Ana"})

    assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (status, kind, body)
    assert len(acorn.contacts) == 1


def test_a_page_comes_again_in_the_place_of_the_next_one(http: httpx.Client, faults: Faults, acorn: Acorn) -> None:
    acorn.contacts.update({f"c{n}": {"id": f"c{n}", "name": "Ana"} for n in range(4)})
    faults.inject(f.Repeated(), times=2)

    first, second, third = (http.get("/contacts", params={"limit": 2, "after": after}) for after in ("", "c1", "c1"))

    assert first.content == second.content != third.content


def test_a_drip_moves_the_clock_and_nothing_else(http: httpx.Client, faults: Faults, acorn: Acorn) -> None:
    faults.inject(f.slow_drip(acorn.clock))
    before = acorn.clock()

    with http.stream("GET", "/contacts") as answer:
        for _, _ in zip(range(30), answer.iter_raw(), strict=False):
            pass

    assert 29 <= (acorn.clock() - before).total_seconds() <= 32


@pytest.mark.parametrize("fault", [f.endless, f.slow_drip(Clock())])
def test_who_reads_for_ever_is_stopped(http: httpx.Client, faults: Faults, fault: Fault) -> None:
    faults.inject(fault)

    with pytest.raises(AssertionError), http.stream("GET", "/contacts") as answer:
        for _ in answer.iter_raw():
            pass


def test_a_key_is_taken_out_of_answers_or_changed_in_them(http: httpx.Client, faults: Faults, acorn: Acorn) -> None:
    acorn.contacts["c1"] = {"id": "c1", "name": "Ana", "stage": "lead"}
    faults.inject(f.kept_without("name"))
    faults.inject(f.with_value("stage", "new"))

    assert http.get("/contacts/c1").json() == {"id": "c1", "stage": "lead"}
    assert http.get("/contacts/c1").json() == {"id": "c1", "name": "Ana", "stage": "new"}


def test_links_lead_elsewhere_and_redirects_too(http: httpx.Client, faults: Faults, acorn: Acorn) -> None:
    acorn.contacts["c1"] = {"id": "c1", "name": "https://api.acorn.example/next"}
    faults.inject(f.leading_elsewhere)
    faults.inject(f.redirected(f.ELSEWHERE))

    assert http.get("/contacts/c1").json()["name"] == f"https://{f.ELSEWHERE}/next"
    assert http.get("/contacts/c1").headers["location"] == f"https://{f.ELSEWHERE}/moved"


def test_closing_it_leaves_the_network_open(faults: Faults, acorn: Acorn) -> None:
    faults.close()

    assert (faults.closed, acorn.closed) == (True, False)
