"""Faults 13 to 23 and 38 of the catalogue, one after the other, against a scripted service."""

import gc
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.bodies import load_json
from hub.connectors.contract import Context
from hub.connectors.http import Api, HttpStatusError, RateLimit
from hub.connectors.limits import Limit, Ticker, Window, retry_after
from hub.connectors.transport import proxy_for
from hub.errors import AccountError, ConfigError, RecordError, TransientError

START = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "canary-5f2e"
Reply = httpx.Response | Exception


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


class Service:
    """Plays its replies in order, the last one for ever; keeps the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


Make = Callable[..., tuple[Api, Service]]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make(time: Time) -> Iterator[Make]:
    with ExitStack() as closing:

        def api(*replies: Reply, **settings: object) -> tuple[Api, Service]:
            service = Service(*replies)
            context = Context(
                "shop",
                clock=time.clock,
                sleep=time.sleep,
                transport=httpx.MockTransport(service),
                closing=closing,
            )
            settings = {"headers": {"Authorization": f"Bearer {SECRET}"}, **settings}
            return Api("https://shop.example/api", context, **settings), service  # type: ignore[arg-type]

        yield api


def ok(body: object = None) -> httpx.Response:
    return httpx.Response(200, json={"ok": True} if body is None else body)


def status(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(code, json={"error": "x"}, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_read_returns_status_headers_and_parsed_body(make: Make) -> None:
    api, service = make(httpx.Response(200, json=[1, 2], headers={"Content-Range": "0-2/2"}))

    answer = api.get("/people", params={"page": 1})

    assert (answer.status, answer.headers["content-range"], answer.body) == (200, "0-2/2", [1, 2])
    assert str(service.requests[0].url) == "https://shop.example/api/people?page=1"
    assert service.requests[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_write_may_be_answered_without_a_body(make: Make) -> None:
    api, service = make(httpx.Response(201, headers={"Location": "/people/7"}))

    answer = api.post("/people", json={"name": "Ann"})

    assert (answer.status, answer.body, answer.headers["location"]) == (201, None, "/people/7")
    assert service.requests[0].content == b'{"name":"Ann"}'


def test_a_form_is_sent_urlencoded(make: Make) -> None:
    api, service = make(ok())

    api.post("/members", data={"list_id": "news", "subscriber": "ann@example.org"})

    assert service.requests[0].content == b"list_id=news&subscriber=ann%40example.org"


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("7", 7),
        ("1000000000", 3600),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9),
        ("Thu, 01 Jan 2020 00:00:00 GMT", 0),
    ],
)
def test_a_service_that_says_when_is_asked_again_then(make: Make, time: Time, asked: str, waited: float) -> None:
    api, _ = make(status(429, Retry_After=asked), ok(), deadline_seconds=10_000)

    api.get("/people")

    assert sum(time.slept) == waited


@pytest.mark.parametrize("asked", ["-5", "soon", "", "7.5", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_a_senseless_retry_after_falls_back_to_our_own_backoff(make: Make, time: Time, asked: str) -> None:
    api, _ = make(status(429, Retry_After=asked), ok())

    api.get("/people")

    assert len(time.slept) == 1
    assert 0 <= time.slept[0] <= 30


def test_a_date_is_taken_against_their_own_clock() -> None:
    headers = {"retry-after": "Thu, 01 Jan 2026 05:00:09 GMT", "date": "Thu, 01 Jan 2026 05:00:00 GMT"}

    assert retry_after(headers, START) == 9


@given(st.text())
def test_no_retry_after_breaks_the_hub_or_makes_it_wait_for_ever(text: str) -> None:
    wait = retry_after({"retry-after": text}, START)

    assert wait is None or 0 <= wait <= 3600


def test_a_pause_holds_every_call_of_the_connection(make: Make, time: Time) -> None:
    api, service = make(status(429, Retry_After="500"), ok())
    with pytest.raises(TransientError) as first:
        api.get("/people")

    with pytest.raises(TransientError) as second:
        api.get("/other")

    assert (first.value.retry_after, second.value.retry_after) == (500, 500)
    assert len(service.requests) == 1
    assert time.slept == []


def test_a_read_is_tried_again_after_a_server_error(make: Make) -> None:
    api, service = make(status(502), httpx.ReadTimeout("late"), status(503), ok())

    assert api.get("/people").body == {"ok": True}
    assert len(service.requests) == 4


def test_a_read_gives_up_after_some_attempts(make: Make) -> None:
    api, service = make(status(500))

    with pytest.raises(TransientError) as caught:
        api.get("/people")

    assert len(service.requests) == 5
    assert not caught.value.maybe_done


def test_waiting_ends_at_the_deadline(make: Make, time: Time) -> None:
    api, _ = make(status(500), deadline_seconds=3, attempts=1000)

    with pytest.raises(TransientError):
        api.get("/people")

    assert time.now - START <= timedelta(seconds=3)


@pytest.mark.parametrize("reply", [status(500), status(504), httpx.ReadTimeout("late"), httpx.ReadError("cut")])
def test_a_create_of_unknown_outcome_is_never_sent_twice(make: Make, reply: Reply) -> None:
    api, service = make(reply, ok())

    with pytest.raises(TransientError) as caught:
        api.post("/people", json={})

    assert caught.value.maybe_done
    assert len(service.requests) == 1


def test_a_create_answered_by_a_login_page_is_of_unknown_outcome(make: Make) -> None:
    api, service = make(httpx.Response(200, html="<p>Log in"))

    with pytest.raises(TransientError, match="text/html") as caught:
        api.post("/people", json={})

    assert caught.value.maybe_done
    assert len(service.requests) == 1


@pytest.mark.parametrize("reply", [status(429), httpx.ConnectError("no"), httpx.ConnectTimeout("no")])
def test_a_create_that_surely_did_not_arrive_is_sent_again(make: Make, reply: Reply) -> None:
    api, service = make(reply, ok())

    assert api.post("/people", json={}).body == {"ok": True}
    assert len(service.requests) == 2


def test_an_idempotent_write_is_sent_again(make: Make) -> None:
    api, service = make(httpx.ReadTimeout("late"), ok())

    api.put("/people/7", json={})

    assert len(service.requests) == 2


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_pauses_the_connection_and_says_what_to_check(make: Make, code: int) -> None:
    api, service = make(status(code))

    with pytest.raises(AccountError, match=r"answered 40\d.*check the secret"):
        api.get("/people")

    assert len(service.requests) == 1


def test_a_status_the_connector_claims_comes_to_it(make: Make) -> None:
    api, _ = make(status(403))

    with pytest.raises(HttpStatusError) as caught:
        api.request("REPORT", "/book", idempotent=True, own=[403])

    assert caught.value.status == 403


@pytest.mark.parametrize("code", [400, 404, 409, 416, 422])
def test_other_refusals_carry_status_and_body_to_the_connector(make: Make, code: int) -> None:
    api, service = make(status(code))

    with pytest.raises(HttpStatusError) as caught:
        api.post("/people", json={})

    assert (caught.value.status, caught.value.body) == (code, {"error": "x"})
    assert len(service.requests) == 1


def test_a_refusal_in_html_keeps_its_bytes(make: Make) -> None:
    api, _ = make(httpx.Response(404, html="<p>gone"))

    with pytest.raises(HttpStatusError) as caught:
        api.get("/people/7")

    assert caught.value.body == b"<p>gone"


@pytest.mark.parametrize("code", [301, 302, 307, 308, 300])
def test_a_redirect_is_not_followed(make: Make, code: int) -> None:
    api, service = make(httpx.Response(code, headers={"Location": "https://evil.example/"}))

    with pytest.raises(AccountError, match="redirect"):
        api.get("/people")

    assert len(service.requests) == 1


@pytest.mark.parametrize("link", ["https://evil.example/next", "http://shop.example/next", "//evil.example/x"])
def test_a_link_to_another_host_is_not_followed(make: Make, link: str) -> None:
    api, service = make(ok())

    with pytest.raises(AccountError, match="another host"):
        api.get(link)

    assert service.requests == []


def test_a_link_of_the_same_host_is_followed(make: Make) -> None:
    api, service = make(ok())

    api.get("https://shop.example/api/people?page=2")

    assert str(service.requests[0].url) == "https://shop.example/api/people?page=2"


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, html="<html>Log in</html>"),
        httpx.Response(200, content=b"", headers={"Content-Type": "application/json"}),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=b'{"items": [{"id": 1}, {"i', headers={"Content-Type": "application/json"}),
        httpx.Response(200, content=b'"\xff"', headers={"Content-Type": "application/json"}),
        httpx.Response(200, content=b"[" * 100_000, headers={"Content-Type": "application/json"}),
    ],
    ids=["html", "empty", "no type", "truncated", "not utf-8", "too deep"],
)
def test_what_is_not_an_answer_is_an_error_and_never_an_empty_one(make: Make, reply: httpx.Response) -> None:
    api, service = make(reply)

    with pytest.raises(TransientError):
        api.get("/people")

    assert len(service.requests) == 5


def test_json_by_another_name_is_json(make: Make) -> None:
    api, _ = make(httpx.Response(200, content=b"[1]", headers={"Content-Type": "application/vnd.api+json"}))

    assert api.get("/people").body == [1]


def test_other_types_come_as_bytes_when_asked_for(make: Make) -> None:
    api, _ = make(httpx.Response(200, content=b"<a/>", headers={"Content-Type": "text/xml"}), accept=["text/xml"])

    assert api.get("/people").body == b"<a/>"


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        ('{"n":"é"}'.encode(), None),
        ('{"n":"é"}'.encode(), "iso-8859-1"),
        ('{"n":"é"}'.encode("utf-8-sig"), None),
        ('{"n":"é"}'.encode("utf-16"), None),
        ('{"n":"é"}'.encode("latin-1"), "iso-8859-1"),
    ],
)
def test_json_is_read_in_the_charset_it_is_in(raw: bytes, charset: str | None) -> None:
    assert load_json(raw, charset) == {"n": "é"}


@pytest.mark.parametrize("charset", [None, "utf-8", "klingon"])
def test_json_in_no_known_charset_is_refused(charset: str | None) -> None:
    with pytest.raises(ValueError):
        load_json('{"n":"é"}'.encode("latin-1"), charset)


def gzipped(data: bytes) -> httpx.Response:
    reply = httpx.Response(200, content=data)
    reply.headers.update({"content-type": "application/json", "content-encoding": "gzip"})
    return reply


def test_a_packed_answer_is_unpacked(time: Time) -> None:
    def app(environ: dict[str, object], start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [("Content-Type", "application/json"), ("Content-Encoding", "gzip")])
        return [gzip.compress(b"[1]")]

    with ExitStack() as closing:
        context = Context("shop", sleep=time.sleep, transport=httpx.WSGITransport(app=app), closing=closing)
        assert Api("http://shop.example", context).get("/").body == [1]


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'"' + b"a" * 50_000_000 + b'"'),
        gzip.compress(b'"' + b"a" * 500 + b'"')[:-10],
        b"not gzip at all",
    ],
    ids=["bomb", "cut off", "not gzip"],
)
def test_a_bomb_or_a_broken_archive_is_an_error(time: Time, body: bytes) -> None:
    def app(environ: dict[str, object], start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [("Content-Type", "application/json"), ("Content-Encoding", "gzip")])
        return [body]

    with ExitStack() as closing:
        context = Context("shop", sleep=time.sleep, transport=httpx.WSGITransport(app=app), closing=closing)
        api = Api("http://shop.example", context, max_bytes=1_000_000, attempts=1)
        with pytest.raises(TransientError, match=r"longer than|cut off|unpacked"):
            api.get("/")


def test_an_answer_over_the_cap_is_an_error(make: Make) -> None:
    api, _ = make(ok("a" * 2000), max_bytes=1000, attempts=1)

    with pytest.raises(TransientError, match="longer than 1000 bytes"):
        api.get("/people")


def test_a_body_that_drips_in_past_the_deadline_is_an_error(time: Time) -> None:
    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(100):
                time.sleep(1)
                yield b" "

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=Drip())

    with ExitStack() as closing:
        context = Context(
            "shop", clock=time.clock, sleep=time.sleep, transport=httpx.MockTransport(reply), closing=closing
        )
        with pytest.raises(TransientError, match="longer than 10 seconds"):
            Api("http://shop.example", context, deadline_seconds=10).get("/")

    assert time.now - START <= timedelta(seconds=12)


def test_a_value_that_is_no_unicode_is_set_aside_and_not_sent(make: Make) -> None:
    api, service = make(ok())

    with pytest.raises(RecordError):
        api.post("/people", json={"name": "\ud800"})

    assert service.requests == []


@pytest.mark.parametrize(
    "url", ["ftp://x.example", "shop.example", "https://", "https://u:p@x.example", "https://x.example:port"]
)
def test_an_address_that_cannot_work_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Api(url, Context("shop"))

    assert "u:p" not in str(caught.value)


def test_a_key_with_a_line_break_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError) as caught:
        Api("https://x.example", Context("shop"), headers={"Authorization": f"{SECRET}\n"})

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        *map(status, (400, 401, 403, 404, 429, 500)),
        httpx.Response(302, headers={"Location": f"https://evil.example/?{SECRET}"}),
        httpx.Response(200, html=f"<p>{SECRET}"),
        httpx.ConnectError(f"{SECRET}"),
        httpx.ReadTimeout(f"{SECRET}"),
    ],
)
def test_no_message_holds_a_query_a_path_a_body_or_a_key(make: Make, reply: Reply) -> None:
    api, _ = make(reply)

    with pytest.raises(Exception) as caught:
        api.post(f"/people/{SECRET}", params={"token": SECRET}, json={"note": SECRET})

    assert SECRET not in str(caught.value)
    assert "shop" in str(caught.value)


# --- the rate limit -------------------------------------------------------------------------------


@given(
    requests=st.integers(1, 5),
    span=st.floats(0.1, 60),
    pauses=st.lists(st.floats(0, 100), min_size=1, max_size=40),
)
def test_no_span_sees_more_requests_than_allowed(requests: int, span: float, pauses: list[float]) -> None:
    time = Time()
    limit = Limit(Ticker(Context("shop", clock=time.clock)), RateLimit(requests, span))
    sent: list[float] = []
    for pause in pauses:
        time.sleep(pause)
        wait = limit.take(1e9)
        assert wait is not None
        time.sleep(wait)
        sent.append((time.now - START).total_seconds())

    crowded = [t for t, later in zip(sent, sent[requests:], strict=False) if later - t < span - 0.001]

    assert crowded == []


@given(
    rates=st.lists(st.tuples(st.integers(1, 6), st.floats(0.1, 60)), min_size=1, max_size=3),
    named=st.tuples(st.integers(1, 4), st.floats(0.1, 20)),
    calls=st.lists(st.tuples(st.floats(0, 30), st.booleans(), st.integers(1, 3)), min_size=1, max_size=40),
)
def test_of_several_limits_none_is_exceeded(
    rates: list[tuple[int, float]], named: tuple[int, float], calls: list[tuple[float, bool, int]]
) -> None:
    time = Time()
    both = [*(RateLimit(*rate) for rate in rates), RateLimit(*named, "searches")]
    limit = Limit(Ticker(Context("shop", clock=time.clock)), *both)
    sent: list[tuple[float, dict[str | None, int]]] = []
    for pause, is_search, cost in calls:
        time.sleep(pause)
        wait = limit.take(1e9, {"searches": cost} if is_search else cost)
        assert wait is not None
        time.sleep(wait)
        took = {None: 1, "searches": cost} if is_search else {None: cost}
        sent.append(((time.now - START).total_seconds(), took))

    for rate in both:
        taken = [(at, min(took.get(rate.name, 0), rate.requests)) for at, took in sent]
        for at, _ in taken:
            assert sum(n for t, n in taken if at <= t < at + rate.per_seconds - 0.001) <= rate.requests


@pytest.mark.parametrize(
    ("rates", "cost", "most"),
    [
        ([RateLimit(100, 10.0), RateLimit(5, 1.0, "searches"), RateLimit(5000, 600.0)], 1, 5000),
        ([RateLimit(100, 10.0), RateLimit(5, 1.0, "searches")], {"searches": 1}, 3000),
        ([RateLimit(190, 10.0), RateLimit(6000, 600.0)], 4, 1500),
        ([RateLimit(10, 1.0), RateLimit(3000, 600.0)], 1, 3000),
    ],
)
def test_of_several_limits_the_tightest_is_used_to_the_full(
    rates: list[RateLimit], cost: int | dict[str, int], most: int
) -> None:
    time = Time()
    limit = Limit(Ticker(Context("shop", clock=time.clock)), *rates)
    sent = 0
    end = START + timedelta(minutes=20)
    while (wait := limit.take(1e9, cost)) is not None and time.now + timedelta(seconds=wait) < end:
        time.sleep(wait)
        sent += 1

    assert 0.99 * 2 * most <= sent <= 2 * most  # in twice ten minutes


def test_a_days_quota_is_remembered_in_few_places() -> None:
    time = Time()
    window = Window(RateLimit(1_000_000, 86_400.0))
    for _ in range(20_000):
        at = (time.now - START).total_seconds()
        window.forget(at)
        window.book(window.turn(at, 1), 1)
        time.sleep(8.64)

    assert len(window) <= 1002


def test_a_clock_set_back_neither_blocks_nor_opens_the_limit() -> None:
    time = Time()
    ticker = Ticker(Context("shop", clock=time.clock))
    time.sleep(5)
    before = ticker.now()
    time.now -= timedelta(hours=1)

    assert ticker.now() == before
    time.sleep(2)
    assert ticker.now() == before + 2


@pytest.mark.parametrize(("span", "told"), [(1800.0, 1790.0), (86_400.0, 3600.0)])
def test_a_limit_that_is_used_up_for_long_says_when_to_come_again(
    make: Make, time: Time, span: float, told: float
) -> None:
    api, service = make(ok(), rate=RateLimit(2, span))
    for _ in range(2):
        api.get("/people")
    time.sleep(10)

    with pytest.raises(TransientError, match="limit of requests") as error:
        api.get("/people")

    assert error.value.retry_after == told
    assert not error.value.maybe_done
    assert len(service.requests) == 2
    time.sleep(span - 10)
    assert api.get("/people").body == {"ok": True}


def test_threads_share_one_limit(make: Make, time: Time) -> None:
    api, service = make(ok(), rate=RateLimit(4, 1.0))

    threads = [threading.Thread(target=api.get, args=("/people",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(service.requests) == 8
    assert max(time.slept) == pytest.approx(1.0, abs=0.2)


# --- real sockets ---------------------------------------------------------------------------------


@contextmanager
def listening(talk: Callable[[socket.socket], None], wrap: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on a free loopback port that does `talk` with everybody who comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    peer, _ = server.accept()
                except TimeoutError:
                    continue
                with peer:
                    peer.settimeout(5)
                    try:
                        serve_one(peer)
                    except OSError:
                        continue  # the hub hung up, as the test wants

        def serve_one(peer: socket.socket) -> None:
            if wrap is None:
                talk(peer)
                return
            with wrap.wrap_socket(peer, server_side=True) as secured:
                talk(secured)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            thread.join()


@contextmanager
def real_api(port: int, scheme: str = "http", **settings: object) -> Iterator[Api]:
    with ExitStack() as closing:
        yield Api(f"{scheme}://127.0.0.1:{port}", Context("shop", closing=closing), **settings)  # type: ignore[arg-type]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip_body(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
    for _ in range(60):
        peer.sendall(b" ")
        threading.Event().wait(0.05)


def drip_head(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(60):
        peer.sendall(b"a")
        threading.Event().wait(0.05)


@pytest.mark.parametrize("drip", [drip_body, drip_head])
def test_a_slow_drip_ends_at_the_deadline(drip: Callable[[socket.socket], None]) -> None:
    with listening(drip) as port, real_api(port, deadline_seconds=0.4, timeout_seconds=0.3) as api:
        began = datetime.now(UTC)

        with pytest.raises(TransientError):
            api.get("/people")

        assert datetime.now(UTC) - began < timedelta(seconds=1.5)


def test_a_body_cut_off_is_an_error() -> None:
    def talk(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(HEAD + b"Content-Length: 1000\r\n\r\n[]")

    with listening(talk) as port, real_api(port, attempts=1) as api, pytest.raises(TransientError):
        api.get("/people")


def test_a_refused_connection_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with real_api(port, attempts=1) as api, pytest.raises(TransientError, match="refused the connection"):
        api.get("/people")


def test_a_name_that_does_not_resolve_is_named() -> None:
    with ExitStack() as closing:
        api = Api("http://nobody.invalid", Context("shop", closing=closing), attempts=1)
        with pytest.raises(TransientError, match="cannot be resolved"):
            api.get("/people")


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody signed, and a server's side that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "ca.pem"
    path.write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(private + made.public_bytes(pem))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "both.pem")
    return path, server


def answer_empty_list(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n[]")


def test_a_certificate_that_is_not_trusted_stops_the_connection_and_says_what_to_do(tmp_path: Path) -> None:
    _, server = certificate(tmp_path)

    with (
        listening(answer_empty_list, server) as port,
        real_api(port, "https") as api,
        pytest.raises(AccountError, match=r"not trusted.*`ca_file`"),
    ):
        api.get("/people")


def test_a_certificate_of_the_named_authority_is_trusted(tmp_path: Path) -> None:
    ca_file, server = certificate(tmp_path)

    with listening(answer_empty_list, server) as port, real_api(port, "https", ca_file=ca_file) as api:
        assert api.get("/people").body == []


def test_a_plain_port_called_by_https_is_named(tmp_path: Path) -> None:
    with (
        listening(lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port,
        real_api(port, "https") as api,
        pytest.raises(AccountError, match="does not speak TLS"),
    ):
        api.get("/people")


def test_a_file_that_holds_no_certificates_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(ConfigError, match="ca_file"):
        Api("https://x.example", Context("shop"), ca_file=tmp_path / "ca.pem")


def test_a_connection_is_kept_for_the_next_call() -> None:
    peers: list[socket.socket] = []

    def talk(peer: socket.socket) -> None:
        peers.append(peer)
        while peer.recv(4096):
            peer.sendall(HEAD + b"Content-Length: 2\r\n\r\n[]")

    with listening(talk) as port:
        with real_api(port) as api:
            assert [api.get("/people").body for _ in range(3)] == [[], [], []]

        assert len(peers) == 1


def test_a_call_leaves_nothing_that_waits_for_the_garbage_collector() -> None:
    def talk(peer: socket.socket) -> None:
        while peer.recv(4096):
            peer.sendall(HEAD + b"Content-Length: 2\r\n\r\n[]")

    with listening(talk) as port, real_api(port) as api:
        api.get("/people")
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                api.get("/people")
            assert gc.collect() == 0
        finally:
            gc.enable()


@pytest.mark.parametrize("address", ["socks5://10.0.0.1", "http://x:port"])
def test_a_proxy_that_cannot_be_used_is_a_configuration_error(address: str) -> None:
    with pytest.raises(ConfigError, match="proxy of the environment"):
        proxy_for(httpx.URL("https://x.example"), {"https": address})


def test_the_proxy_of_the_environment_is_used_but_not_for_this_machine() -> None:
    proxies = {"http": "proxy.example:3128"}

    found = proxy_for(httpx.URL("http://x.example"), proxies)

    assert found is not None
    assert (found.url.host, found.url.port) == (b"proxy.example", 3128)
    assert proxy_for(httpx.URL("http://127.0.0.1:1"), proxies) is None
