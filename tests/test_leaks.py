"""The watch over secrets sees a leak wherever one is put."""

from __future__ import annotations

import asyncio
import base64
import logging
import subprocess
import sys

import httpx
import pytest
from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, Counter
from typer import Typer, echo
from typer.testing import CliRunner

from hub.errors import AccountError, ConfigError, TransientError
from hub.secrets import resolve
from hub.store import audit
from tests.canaries import canary, is_in
from tests.leaks import WATCH
from tests.store.conftest import connect, empty, postgres_server, store, url  # noqa: F401  fixtures

SECRET = canary("leaks")


def leaks(where: str) -> bool:
    return any(each.startswith(where) for each in WATCH.take())


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_is_known_in_other_forms_too(before):
    text = (before + SECRET).encode()

    assert is_in(text) and is_in(base64.b64encode(text)) and is_in(text.hex()) and is_in(text[::-1])
    assert is_in(f"https://example.org/?key={before}{SECRET}")
    assert not is_in("a canary in a coal mine")


def test_a_log_line():
    logging.getLogger("hub.web").warning("sent with %s", SECRET)
    assert leaks("log line of hub.web")


def test_the_trace_of_an_error():
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("hub").exception("it broke")
    assert leaks("log line")


def test_what_was_looked_up_is_left_out_of_the_log(monkeypatch, tmp_path):
    monkeypatch.setenv("LEAKY", SECRET + "-looked-up")
    logging.getLogger("hub").warning("sent with %s", resolve("env:LEAKY", tmp_path))
    assert not leaks("log line")


def test_an_answer_and_its_headers_but_no_cookie():
    app = FastAPI(title="contact hub")

    @app.get("/{what}")
    def answer(what: str) -> Response:
        given = Response(SECRET if what == "body" else "")
        if what == "header":
            given.headers["x-key"] = SECRET
        if what == "cookie":
            given.set_cookie("session", SECRET)
        return given

    async def ask(what: str) -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await client.get(f"/{what}")

    for what, does in {"body": True, "header": True, "cookie": False}.items():
        asyncio.run(ask(what))
        assert leaks("answer to GET") == does, what


def test_a_label_of_a_metric():
    counter = Counter("leaky", "A test", ["key"], registry=CollectorRegistry())
    counter.labels(SECRET)
    assert leaks("label of a metric")
    counter.labels(key=SECRET)
    assert leaks("label of a metric")


@pytest.mark.parametrize("kind", [ConfigError, AccountError, TransientError])
def test_the_message_of_an_error(kind):
    kind(f"{SECRET} was refused")
    assert leaks("message of an error")


def test_a_row_of_the_audit(store):  # noqa: F811
    with store.write() as tx:
        audit.note(tx, "ann", "secret set", "secret X", {"value": SECRET})
    assert leaks("row of the audit")


def test_an_address_that_is_called():
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        client.get("https://example.org", headers={"authorization": SECRET})
        assert not leaks("address")
        client.get("https://example.org", params={"key": SECRET})
        assert leaks("address that is called")


def test_words_of_a_program():
    subprocess.run([sys.executable, "-c", "", SECRET], check=True)
    assert leaks("argv")


def test_what_a_command_says():
    app = Typer()
    app.command()(lambda: echo(SECRET))
    CliRunner().invoke(app)
    assert leaks("what a command said")


@pytest.mark.parametrize("leak", ["print(canary('x'))", "logging.getLogger('hub').error(canary('x'))", "pass"])
def test_a_test_that_leaks_fails(tmp_path, leak):
    body = f"import logging\nfrom tests.canaries import canary\ndef test_it():\n    {leak}\n"
    (tmp_path / "test_leaky.py").write_text(body)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "tests.leaks",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == (0 if leak == "pass" else 1), done.stdout + done.stderr
