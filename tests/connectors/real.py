"""The servers of `demo.servers` for tests: installed once into .servers, started once a test session."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from demo.servers import DATABASE, Server, ServerError, running

HOME = Path(__file__).parents[2] / ".servers"


def served(name: str, data: Path) -> Iterator[Server]:
    """The running server; a test is skipped where it cannot be installed, and fails there in CI."""
    try:
        context = running(HOME, data, [name])
        servers = context.__enter__()
    except ServerError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield servers[name]
    finally:
        context.__exit__(None, None, None)


def let_in_at_once(server: Server) -> None:
    """Tryton hashes a password for longer than it works on most requests; one that was just reset it compares.

    And it makes who failed before wait for seconds; here it forgets that he did.
    """
    failed = "res_user_login_attempt"
    with closing(sqlite3.connect(Path(server.folder, "db", f"{DATABASE}.sqlite"), timeout=30)) as db, db:
        reset = "password_hash = NULL, password_reset = ?, password_reset_expire = '2099-01-01 00:00:00'"
        db.execute(f"update res_user set {reset} where login = ?", [server.password, server.user])
        db.execute(f"create trigger forget after insert on {failed} begin delete from {failed}; end")


class Meddler(httpx.HTTPTransport):
    """The network, where something happens once, at the first request that holds `mark`.

    before  is called, then the request goes on
    lose    the request is carried out, and its reply never comes
    """

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self.mark = b""
        self.before: Callable[[], object] = lambda: None
        self.lose = False
        self.requests: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        seen = request.url.raw_path + b" " + request.read()
        self.requests.append(seen)
        if not self.mark or self.mark not in seen:
            return super().handle_request(request)
        self.mark = b""
        self.before()
        response = super().handle_request(request)
        if self.lose:
            response.read()
            response.close()
            raise httpx.ReadTimeout("the reply never came")
        return response
