"""A real browser before a real server: Chromium without a window, the application on a free port of this machine."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from hub.web.guard import LOCAL_COOKIE
from tests.web.console.rig import SESSION, Look

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_SECONDS = 20
ARGUMENTS = (
    "--no-sandbox",  # root may not start it otherwise
    "--disable-gpu",  # drawn in software everywhere, so that a picture is the same on every machine
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def served(look: Look) -> Iterator[str]:
    """The address it is served at. Who is signed in is `look.role`, as in `look.get`."""
    look.app.state.identify = lambda request: look.actor(request) if LOCAL_COOKIE in request.cookies else None
    with serving(look.app) as address:
        yield address


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = monotonic() + START_SECONDS
    while not server.started and monotonic() < until:
        sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


GIVEN_UP = ("htmx:sendAbort", "htmx:afterRequest")
"""Said of a question that the next letter typed has overtaken; of one that failed htmx says more than that."""


@contextmanager
def window(browser: Browser, address: str, *, refused: int | None = None, **options: object) -> Iterator[Page]:
    """A signed-in window; at its end nothing may have gone wrong in it. refused: a status that is meant to be met"""
    context = browser.new_context(base_url=address, **options)  # type: ignore[arg-type]
    context.add_cookies([{"name": LOCAL_COOKIE, "value": SESSION, "url": address}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: dialog.accept() if dialog.type == "confirm" else wrong.append(dialog.message))
    try:
        yield page
        meant = GIVEN_UP if refused is None else (*GIVEN_UP, f"status of {refused}")
        unmeant = [text for text in wrong if not any(each in text for each in meant)]
        assert unmeant == [], unmeant[:3]
    finally:
        context.close()
