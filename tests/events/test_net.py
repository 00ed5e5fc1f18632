"""Who named an address gets nothing from inside by it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import httpcore
import pytest

from hub.events.net import Forbidden, Outside, Poster, is_outside


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *(
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "2001:db8::1",
        ),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::ffff:10.0.0.1"),
    ],
)
def test_no_address_of_the_inside_is_outside(address):
    assert not is_outside(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_an_address_of_the_public_network_is(address):
    assert is_outside(ip_address(address))


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.asked += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/inside")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def receiving() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked = 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def posted(backend, port, host="hooks.example.org"):
    poster = Poster(backend)
    try:
        return poster.post(f"http://{host}:{port}/", {"host": host, "content-length": "2"}, b"{}")
    finally:
        poster.close()


def test_a_name_that_leads_inside_is_refused_before_anything_is_sent():
    with receiving() as server:
        with pytest.raises(Forbidden):
            posted(Outside(resolve=lambda _host, _port: ["127.0.0.1"]), server.server_port)
        assert server.asked == 0


def test_a_name_with_one_address_inside_among_others_is_refused():
    with pytest.raises(Forbidden):
        posted(Outside(resolve=lambda _host, _port: ["1.1.1.1", "10.0.0.1"]), 9)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "127.1"])
def test_a_number_in_any_spelling_is_no_way_around(host):
    with receiving() as server, pytest.raises((Forbidden, httpcore.ConnectError)):
        posted(Outside(), server.server_port, host)


def test_a_redirect_is_an_answer_and_not_followed():
    with receiving() as server:
        allowed = Outside(allowed=lambda _address: True, resolve=lambda _host, _port: ["127.0.0.1"])

        assert posted(allowed, server.server_port) == 302
        assert server.asked == 1


def test_what_is_looked_at_is_what_is_connected_to():
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    connected = []

    class Inner(httpcore.SyncBackend):
        def connect_tcp(self, host, *_more):
            connected.append(host)
            raise httpcore.ConnectError("as far as this goes")

    with pytest.raises(httpcore.ConnectError, match="as far"):
        posted(Outside(resolve=lambda _host, _port: next(answers), inner=Inner()), 9)
    assert connected == ["1.1.1.1"]
