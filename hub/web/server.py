"""The web application served in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from time import monotonic, sleep

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.errors import ConfigError
from hub.web.protocol import BoundedProtocol

MOST_AT_ONCE = 400  # requests; times the largest body: 100 MiB
START_SECONDS = 10.0
WAITING = 512  # connections that the system keeps until they are taken


class Switch:
    """An application that another one may take the place of while it is served."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Serving:
    """A running server."""

    def __init__(self, server: uvicorn.Server, thread: threading.Thread, host: str, port: int) -> None:
        self._server = server
        self._thread = thread
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def stop(self, timeout: float = 10.0) -> bool:
        """Finish the requests under way; False when they took longer than `timeout` seconds."""
        self._server.should_exit = True
        self._thread.join(timeout)
        return not self._thread.is_alive()


def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 8080, proxies: Sequence[str] = ("127.0.0.1",)) -> Serving:
    """Starts serving; returns when requests are answered. port=0 takes a free one.

    proxies  addresses and networks whose word counts on where a request comes from
    ConfigError when the address cannot be used.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=8,
        forwarded_allow_ips=list(proxies),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="hub-web", daemon=True)
    thread.start()
    waited_until = monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or monotonic() > waited_until:
            listener.close()
            raise ConfigError(f"The web server did not start on {host}:{port}; the log has the reason.")
        sleep(0.005)
    return Serving(server, thread, host, listener.getsockname()[1])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _bound(host, port, family)
    except OSError as err:
        raise ConfigError(
            f"The web server cannot listen on {host}:{port} ({err.strerror or type(err).__name__}). "
            "Nothing was started. Choose another `web.port`, or stop what uses it."
        ) from err


def _bound(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    # The protocol is named because asyncio sends small answers at once only on sockets that name it: else
    # the head of an answer waits 40 ms for the other side's acknowledgement before its body goes out.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(WAITING)
    except OSError:
        listener.close()
        raise
    return listener
