"""The application on a real socket, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from hub.errors import ConfigError
from hub.web.protocol import LONGEST_HEAD
from hub.web.server import Serving, serve
from tests.web.intake_rig import PUBLIC, STANDARD, Rig, signed


@pytest.fixture
def rig() -> Rig:
    return Rig({"website": PUBLIC, "crm": STANDARD})


@pytest.fixture
def serving(rig: Rig) -> Iterator[Serving]:
    handle = serve(rig.app, port=0)
    yield handle
    assert handle.stop()


def raw(serving: Serving, request: bytes) -> bytes:
    """Sends these bytes and the end of them; returns all that comes back."""
    with socket.create_connection((serving.host, serving.port), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


def test_it_listens_on_this_machine_alone(serving):
    assert serving.url == f"http://127.0.0.1:{serving.port}"
    assert httpx.get(f"{serving.url}/healthz").json() == {"status": "alive"}


def test_it_does_not_say_what_it_is_made_of(serving):
    assert "server" not in httpx.get(f"{serving.url}/healthz").headers


def test_many_senders_at_once_are_all_stored_once(serving, rig):
    def send(number: int) -> int:
        body = b'{"n": %d}' % (number % 50)
        sent = signed(body, f"msg_{number % 50}", at=rig.now.timestamp())
        return client.post(f"{serving.url}/forms/crm", content=body, headers=sent).status_code

    with httpx.Client(timeout=20) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(100)))

    assert set(answers) == {200}
    assert len(rig.inbox.payloads) == 50


def test_a_body_that_breaks_off_is_not_stored(serving, rig):
    head = b"POST /forms/website HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"

    raw(serving, head + b"Content-Length: 40\r\n\r\ngiven_name=Half")

    assert rig.inbox.payloads == []


def test_an_endless_body_is_cut_off(serving, rig):
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 65_536

    try:
        answer = httpx.post(
            f"{serving.url}/forms/website", content=endless(), headers={"content-type": "application/json"}
        )
    except httpx.WriteError:  # the hub closed the connection before the sender had read the answer
        pass
    else:
        assert answer.status_code == 413
    assert rig.inbox.payloads == []


@pytest.mark.parametrize(
    "line",
    [
        b"POST /forms/crm\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST /forms/crm HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /forms/crm HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_next_request_answered(serving, line):
    answer = raw(serving, line)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{serving.url}/healthz").status_code == 200


ENDLESS = {
    "path": (b"GET /", b"x" * 8_192),
    "header name": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"x" * 8_192),
    "header value": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: ", b"x" * 8_192),
    "headers": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n" * 1_000),
    "lines before": (b"", b"\r\n" * 4_096),
    "trailers": (
        b"POST /forms/website HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
        b"A: b\r\n" * 1_000,
    ),
    "size of a piece": (
        b"POST /forms/website HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"x" * 8_192,
    ),
}


@pytest.mark.parametrize("begin, more", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_head_is_cut_off(serving, rig, begin, more):
    with socket.create_connection((serving.host, serving.port), timeout=5) as connection:
        connection.sendall(begin)
        with pytest.raises(ConnectionError):  # soon: what the system keeps on the way is a few MB
            for _ in range(500 * LONGEST_HEAD // len(more)):
                connection.sendall(more)

    assert rig.inbox.payloads == []
    assert httpx.get(f"{serving.url}/healthz").status_code == 200


def test_a_long_head_in_small_pieces_is_read(serving):
    cookie = b"a" * 40_000
    with socket.create_connection((serving.host, serving.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(3):  # what came before on the same connection does not count
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: ")
            for at in range(0, len(cookie), 5_000):
                connection.sendall(cookie[at : at + 5_000])
            connection.sendall(b"\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            connection.settimeout(5)


def test_a_stop_lets_the_request_under_way_end():
    rig = Rig({"website": PUBLIC})
    begun, go_on = threading.Event(), threading.Event()
    store = rig.inbox.add

    class Slow:
        def add(self, *delivery):
            begun.set()
            assert go_on.wait(5)
            return store(*delivery)

    rig = replace(rig, inbox=Slow())
    handle = serve(rig.app, port=0)
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(httpx.post, f"{handle.url}/forms/website", json={"a": 1}, timeout=20)
        assert begun.wait(5)
        stopped = pool.submit(handle.stop)
        go_on.set()

        assert answer.result().status_code == 200
        assert stopped.result()


def test_a_port_that_is_taken_is_a_configuration_error(serving):
    with pytest.raises(ConfigError, match=str(serving.port)):
        serve(Rig({}).app, port=serving.port)


def test_an_address_that_is_not_ours_is_a_configuration_error():
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        serve(Rig({}).app, host="192.0.2.1", port=0)


def test_a_small_answer_does_not_wait_for_the_acknowledgement_of_its_head(serving):
    def median_seconds() -> float:
        with httpx.Client() as client:
            times = sorted(client.get(f"{serving.url}/healthz").elapsed.total_seconds() for _ in range(21))
        return times[10]

    assert min(median_seconds() for _ in range(3)) < 0.03
