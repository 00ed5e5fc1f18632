"""Whatever leaves the hub while a test runs is searched for the secrets of the tests: a find fails the test.

Searched are log lines as they are written, answers of the web application with their headers (but cookies, which are
meant to hold a secret), labels of metrics, messages of errors, rows of the audit, addresses that connectors call,
words of programs that are started, what the command line says, and what tests print.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import httpx
import prometheus_client.metrics
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from hub.errors import HubError
from hub.logs import JsonLines
from hub.store import audit
from tests.canaries import is_in


class Watch:
    """found: where a secret was seen; the secret itself is not kept"""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, where: str, *texts: object) -> None:
        for text in texts:
            if is_in(text if isinstance(text, bytes) else str(text)):
                self.found.append(where)

    def take(self) -> list[str]:
        found, self.found = self.found, []
        return found


WATCH = Watch()


class _Lines(logging.Handler):
    """Log lines as `hub run` writes them, with what it leaves out left out."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        WATCH.look(f"log line of {record.name}", self.format(record))


def _before(owner: Any, name: str, look: Callable[..., None]) -> None:
    """`look` sees the arguments of every call."""
    inner = getattr(owner, name)

    @wraps(inner)
    def called(*args: Any, **kwargs: Any) -> Any:
        look(*args, **kwargs)
        return inner(*args, **kwargs)

    setattr(owner, name, called)


def _watch_answers() -> None:
    inner = FastAPI.__call__

    async def called(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            headers = [value for name, value in message.get("headers", ()) if bytes(name).lower() != b"set-cookie"]
            WATCH.look(f"answer to {scope.get('method')} {scope.get('path')}", message.get("body", b""), *headers)
            await send(message)

        await inner(self, scope, receive, sent if self.title == "contact hub" else send)

    FastAPI.__call__ = called  # type: ignore[method-assign]


def _watch_commands() -> None:
    inner = CliRunner.invoke

    @wraps(inner)
    def invoke(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        WATCH.look("what a command said", result.stdout, result.stderr)
        return result

    CliRunner.invoke = invoke  # type: ignore[method-assign]


def _install() -> None:
    logging.getLogger().addHandler(_Lines())
    _watch_answers()
    _watch_commands()
    _before(HubError, "__init__", lambda _self, *args, **_more: WATCH.look("message of an error", *args))
    _before(audit, "_code", lambda _key, _before, row: WATCH.look("row of the audit", *row[1:]))
    labels = prometheus_client.metrics.MetricWrapperBase
    _before(labels, "labels", lambda _self, *args, **more: WATCH.look("label of a metric", *args, *more.values()))
    _before(httpx.Client, "send", lambda _self, request, **_more: WATCH.look("address that is called", request.url))
    _before(subprocess.Popen, "__init__", lambda _self, args, *_rest, **_more: WATCH.look("argv", *_words(args)))


def _words(args: Any) -> list[object]:
    return [args] if isinstance(args, str | bytes) else list(args)


_install()


@pytest.fixture(autouse=True)
def no_secret_gets_out() -> Iterator[None]:
    yield
    for left in [handler for handler in logging.getLogger().handlers if handler.get_name() == "hub"]:
        logging.getLogger().removeHandler(left)  # of a command that ran in this process: its stream is closed
    if found := WATCH.take():
        pytest.fail(f"a secret of the tests is in: {', '.join(sorted(set(found)))}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.outcome == "passed" and any(is_in(text) for title, text in report.sections if "log" not in title):
        report.outcome = "failed"
        report.longrepr = "a secret of the tests was printed"
    return report
