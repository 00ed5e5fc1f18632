"""The remote system of the benchmarks: N contacts behind a paged HTTP API, in a process of its own.

    GET  /contacts?page=K[&updated_since=TS]  {"data": [...], "next_page": K + 1 | null, "total": N}
    POST /change?count=100                     so many contacts, evenly spread, get a new job title and time
    GET  /requests                             number of requests for contacts since the last time asked

Pages hold 1,000 contacts in the order of their last change; `updated_since` is inclusive.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson

from bench.people import PAGE, START, changed_at, page

START_SECONDS = 30
CONTACTS = "BENCH_CONTACTS"  # environment variable: how many there are


class Remote:
    """The contacts and what was changed since."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.changed: dict[int, dict[str, Any]] = {}
        self.requests = 0
        self.clock = total  # seconds after START

    def contacts(self, number: int, since: str | None) -> bytes:
        """One page, rendered."""
        self.requests += 1
        if not self.changed and since is None:
            return _first_pages(self.total, number)
        base, moved = self._since(since)
        first = number * PAGE
        rows = [self._row(n) for n in base[first : first + PAGE]]
        if len(rows) < PAGE:
            start = max(0, first - len(base))
            rows += [self.changed[n] for n in moved[start : start + PAGE - len(rows)]]
        return _render(rows, number, len(base) + len(moved))

    def _since(self, since: str | None) -> tuple[Any, list[int]]:
        """Numbers of contacts as they were made, and of those changed since, each in order of time."""
        first = 0
        if since is not None:
            first = max(0, int((datetime.fromisoformat(since) - START).total_seconds()))
        base: Any = range(min(first, self.total), self.total)
        if self.changed:
            base = [n for n in base if n not in self.changed]
        return base, [n for n, row in self.changed.items() if since is None or row["updated_at"] >= since]

    def _row(self, n: int) -> dict[str, Any]:
        return page(n // PAGE)[n % PAGE]

    def change(self, count: int) -> None:
        step = max(1, self.total // count)
        for n in range(0, step * count, step):
            self.clock += 1
            row = {**(self.changed.get(n) or self._row(n)), "job_title": f"head of part {self.clock}"}
            self.changed.pop(n, None)
            self.changed[n] = {**row, "updated_at": changed_at(self.clock).isoformat()}


@lru_cache(8)
def _first_pages(total: int, number: int) -> bytes:
    last = max(0, min(PAGE, total - number * PAGE))
    return _render(page(number)[:last], number, total)


def _render(rows: Any, number: int, total: int) -> bytes:
    more = (number + 1) * PAGE < total
    return orjson.dumps({"data": rows, "next_page": number + 1 if more else None, "total": total})


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI without lifespan."""
    while (await receive()).get("more_body"):
        pass
    query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()}
    remote = _remote()
    if scope["path"] == "/contacts":
        body = remote.contacts(int(query.get("page", 0)), query.get("updated_since"))
    elif scope["path"] == "/change":
        remote.change(int(query["count"]))
        body = b"{}"
    else:
        body = orjson.dumps(remote.requests)
        remote.requests = 0
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@lru_cache(1)
def _remote() -> Remote:
    return Remote(int(os.environ[CONTACTS]))


@contextmanager
def serving(total: int) -> Iterator[str]:
    """The URL of a new server; it ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--port", str(port), "--no-access-log"]
    server = subprocess.Popen(
        [*command, "--log-level", "error", "bench.serve:app"],
        env={**os.environ, CONTACTS: str(total)},
        stdin=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(f"{url}/requests", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError as err:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server of the benchmark did not start") from err
            time.sleep(0.05)


def requests(url: str) -> int:
    """Requests for contacts since the last call."""
    return int(httpx.get(f"{url}/requests", trust_env=False).json())


def change(url: str, count: int) -> None:
    httpx.post(f"{url}/change", params={"count": count}, timeout=START_SECONDS * 4, trust_env=False).raise_for_status()
