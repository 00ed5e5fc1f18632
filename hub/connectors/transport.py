"""The network under httpx, with a deadline that no drip of bytes outlasts.

httpx ends a read after some seconds without a byte; a peer that sends one byte before each end holds a
worker for ever, in the head of an answer as in its body. Here every wait of a request is cut at what is left
until `deadline_seconds` (a request extension) after it began.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from hub.errors import ConfigError

KEEP_SECONDS = 5.0  # an idle connection is closed: long before servers do it
CONNECTIONS = 20


class DeadlineTransport(httpx.BaseTransport):
    """Connections to one service, through the proxy of the environment if there is one for it."""

    def __init__(self, base: httpx.URL, trust: ssl.SSLContext | None) -> None:
        self._waits = _Waits()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust,
            proxy=proxy_for(base, getproxies()),
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=KEEP_SECONDS,
            network_backend=_Backend(self._waits),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        self._waits.begin(request.extensions.get("deadline_seconds"))
        url = request.url
        with _as_httpx(request):
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream, request),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Waits(threading.local):
    """How long the thread may still wait: requests and their bodies stay in one thread."""

    until: float | None = None

    def begin(self, seconds: float | None) -> None:
        self.until = None if seconds is None else time.monotonic() + seconds

    def cut(self, timeout: float | None, late: type[Exception]) -> float | None:
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            raise late("deadline")
        return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, waits: _Waits) -> None:
        self._waits = waits
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = self._waits.cut(timeout, httpcore.ConnectTimeout)
        stream = self._real.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._waits)


class _Stream(httpcore.NetworkStream):
    def __init__(self, real: httpcore.NetworkStream, waits: _Waits) -> None:
        self._real, self._waits = real, waits

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._waits.cut(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, self._waits.cut(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._waits.cut(timeout, httpcore.ConnectTimeout)
        return _Stream(self._real.start_tls(ssl_context, server_hostname, timeout), self._waits)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes], request: httpx.Request) -> None:
        self._stream, self._request = stream, request

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx(self._request):
            yield from self._stream

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Errors of httpcore are named like those of httpx that stand for them."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error), request=request) from error
    except (httpcore.ProxyError, httpcore.UnsupportedProtocol) as error:
        raise getattr(httpx, type(error).__name__)(str(error), request=request) from error


def proxy_for(base: httpx.URL, proxies: Mapping[str, str]) -> httpcore.Proxy | None:
    """The proxy that the environment names for this host; never for this machine itself."""
    address = proxies.get(base.scheme)
    if not address or base.host in {"127.0.0.1", "::1", "localhost"} or proxy_bypass(base.host):
        return None
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(f"The proxy of the environment ({base.scheme}_proxy) is not valid.") from error
    if proxy.url.scheme not in {"http", "https"}:
        raise ConfigError(f"The proxy of the environment ({base.scheme}_proxy) must be an http or https one.")
    url = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
    )
    return httpcore.Proxy(url, auth=proxy.raw_auth, headers=proxy.headers.raw)
