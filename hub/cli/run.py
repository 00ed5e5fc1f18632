"""`hub run`: the scheduler, the web intake and the metrics, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from hub.cli.screen import DONE, Chosen, complain, screen

if TYPE_CHECKING:
    from hub.host import Host

app = typer.Typer()


@app.command()
def run(
    ctx: typer.Context,
    log: Annotated[
        Literal["auto", "text", "json"],
        typer.Option("--log", help="Form of the log on stderr; auto: text on a terminal, else JSON lines."),
    ] = "auto",
    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], typer.Option("--level", help="Least level logged.")
    ] = "INFO",
) -> None:
    """Run every connection on its schedule, take in forms, serve metrics and health, until it is stopped.

    SIGTERM and Ctrl-C end runs after the page they are at, within 30 seconds; the next start goes on there.
    SIGHUP takes in a changed configuration, without a restart; one with a mistake is not taken, and the log says why.
    """
    from hub.host import Host
    from hub.logs import configure
    from hub.running import calm_collector, open_store
    from hub.worker.setting import LogForm

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    form = LogForm(log == "json" or (log == "auto" and not sys.stderr.isatty()), level)
    configure(as_json=form.as_json, level=form.level)
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    store = open_store(config)
    try:
        host = Host(config, store, form)
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _, __: stopping.set() if _hung_up() else host.ask())
        calm_collector()
        host.start()
        _say_started(host)
        while not stopping.wait(3600.0):
            continue
        ended = host.stop()
    finally:
        store.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if not ended:
        complain("Some work did not end in time and was left; the next start takes it up where it was saved.")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(DONE)  # threads that hang in a system's answer must not keep the process


def _hung_up() -> bool:
    """Whether the terminal that this process wrote to is closed: then SIGHUP means the end, as everywhere."""
    try:
        if sys.stderr.isatty():
            os.tcgetpgrp(sys.stderr.fileno())
    except OSError:
        return True
    return False


def _say_started(host: Host) -> None:
    out, service, web = screen(), host.service, host.web
    if web is None:
        return
    out.print(f"console  {web.url}/")
    if code := service.entry.accounts.first_code("hub run"):
        out.print(f"first    {web.url}/sign-in/invited with the code {code}, within an hour")
    out.print(f"health   {web.url}/readyz")
    out.print(f"metrics  {web.url}/metrics")
    for name, settings in service.forms.items():
        shown = "" if settings.signature == "none" else f" (signed: {settings.signature})"
        out.print(f"form     {web.url}/forms/{escape(name)}{shown}")
    for name in service.shop.hub.routes:
        due = service.next_run(name)
        when = "by hand" if due is None else f"next at {due:%Y-%m-%d %H:%M:%S} UTC"
        out.print(f"runs     {escape(name)}: {when}")
    sys.stdout.flush()
