"""`hub sync`: one cycle of the connections now, all at once, with what became of each."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from hub.cli.screen import DONE, FAILED, SET_ASIDE, Chosen, Json, complain, print_json, screen
from hub.config import HubConfig, connection_config
from hub.errors import ConfigError
from hub.secrets import redact

if TYPE_CHECKING:
    from hub.running import Workshop
    from hub.sync.engine import Run
    from hub.sync.run import Orders, Result

app = typer.Typer()

Connections = Annotated[list[str] | None, typer.Argument(metavar="CONNECTION", help="Default: all that are enabled.")]
READ = {"pulled": "read", "unchanged": "unchanged", "created": "new contacts", "linked": "linked"}
READ |= {"updates": "changed", "merges": "merged", "moves": "moved", "consents": "consents", "deletes": "deleted"}
READ |= {"interactions": "interactions"}
WORK = {"conflicts": "conflicts", "asked": "to review", "set_aside": "set aside"}
COUNTS = READ | {"pushed": "written there"} | WORK
"""Outcome as the engine counts it → column of the table."""
FOR_PEOPLE = ("held", "paused")
STOP_SECONDS = 30.0
STOPPED = 130


@app.command()
def sync(
    ctx: typer.Context,
    connections: Connections = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Approve first syncs and whatever else waits or would be held.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="List every record instead of only what changed.")] = False,
    first_load: Annotated[
        bool,
        typer.Option(
            "--first-load",
            help="For an empty hub and many contacts: read everything, match it at once, then save. Needs --yes.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one cycle of the connections now: read them, match, merge, and write back what each lacks.

    The first sync of a connection stops at its plan until you approve it: with --yes, or one by one with
    `hub held`. Exit: 0 done, 1 something was set aside or waits for you, 2 a connection failed.
    """
    from hub.cli.show import person
    from hub.running import open_workshop
    from hub.sync.run import Orders

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    names = chosen(config, connections)
    if first_load and not yes:
        raise ConfigError(
            "A first load stops at no plan, so nothing was done. Look at `hub plan`, then give --yes as well."
        )
    stopping = threading.Event()
    with open_workshop(config) as shop, _stopped_by_signal(stopping):
        _wait_for_the_dead(shop)
        orders = Orders(approve=yes, full=full, manual=True, person=person(None), stop=stopping.is_set)
        results = _run(shop, names, orders, first_load=first_load, quiet=as_json)
        holds = _holds(shop, names)
    if as_json:
        print_json({"connections": [_as_json(r, holds) for r in results.values()]})
    else:
        _print(results, holds)
    if stopping.is_set():
        raise typer.Exit(STOPPED)
    raise typer.Exit(exit_code(results.values()))


def chosen(config: HubConfig, names: Sequence[str] | None) -> list[str]:
    """The connections meant. ConfigError for one that is not there or not enabled."""
    for name in names or ():
        if not connection_config(config, name).enabled:
            raise ConfigError(
                f"The connection {name} is not enabled, so nothing was done. Set `enabled: true` in hub.yaml to use it."
            )
    found = list(dict.fromkeys(names or (n for n, c in config.connections.items() if c.enabled)))
    if not found:
        raise ConfigError(
            "There is no enabled connection yet, so nothing was done. Add one to hub.yaml below `connections`."
        )
    return found


def exit_code(results: Any) -> int:
    found = list(results)
    if any(r.status == "failed" for r in found):
        return FAILED
    waits = any(r.status in FOR_PEOPLE or r.counts.get("set_aside") or r.counts.get("held") for r in found)
    return SET_ASIDE if waits else DONE


# --- running ----------------------------------------------------------------------------------------


def _wait_for_the_dead(shop: Workshop) -> None:
    """A process that was killed holds its connections for a moment: its last request may be on its way."""
    from hub.store.leases import release_dead

    wait = release_dead(shop.store, shop.hub.clock())
    if wait:
        complain(f"A sync that was killed may still be heard by a system: waiting {wait:.0f} seconds.")
        time.sleep(wait)


def _run(shop: Workshop, names: Sequence[str], orders: Orders, *, first_load: bool, quiet: bool) -> dict[str, Result]:
    from hub.running import load_first, sync_all

    with _progress(names, quiet=quiet) as live:
        followed = dict.fromkeys(names, replace(orders, progress=live.follow))
        return (load_first if first_load else sync_all)(shop, names, followed, live.ended)


@contextmanager
def _stopped_by_signal(stopping: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends every run after its page; a second one, or 30 seconds, break off."""

    def stop(_: int, __: FrameType | None) -> None:
        if stopping.is_set():
            break_off()
        stopping.set()
        timer = threading.Timer(STOP_SECONDS, break_off)
        timer.daemon = True
        timer.start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def break_off() -> None:
    """Threads that wait for a system's answer must not keep the process; the next run takes it up."""
    complain("Broken off. What was saved stays saved; the same command goes on from there.")
    os._exit(STOPPED)


class Live:
    """What the screen shows of runs under way."""

    def follow(self, run: Run) -> None:
        """A run has saved a page."""

    def ended(self, result: Result) -> None:
        """A cycle has ended."""


@contextmanager
def _progress(names: Sequence[str], *, quiet: bool) -> Iterator[Live]:
    if quiet or not sys.stderr.isatty():
        yield Live()
        return
    from hub.cli.bars import Bars

    with Bars(screen(stderr=True), names) as bars:
        yield bars


# --- showing ----------------------------------------------------------------------------------------


def _holds(shop: Workshop, names: Sequence[str]) -> dict[str, list[tuple[int, str, dict[str, int]]]]:
    from hub.store.db import loads

    with shop.store.read() as tx:
        rows = tx.all("SELECT connection, id, gate, counts FROM hold WHERE state = 'open' ORDER BY id")
    found: dict[str, list[tuple[int, str, dict[str, int]]]] = {name: [] for name in names}
    for name, number, gate, counts in rows:
        if name in found:
            found[name].append((number, gate, loads(counts)))
    return found


def _as_json(result: Result, holds: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "connection": result.connection,
        "run": result.run_id,
        "status": result.status,
        "message": redact(result.message) if result.message else None,
        "counts": result.counts,
        "holds": [{"id": n, "gate": gate, "counts": counts} for n, gate, counts in holds[result.connection]],
    }


def _print(results: Mapping[str, Result], holds: Mapping[str, Any]) -> None:
    out = screen()
    out.print(_table(list(results.values())))
    for result in results.values():
        if result.message and result.status != "busy":
            colour = "red" if result.status == "failed" else "yellow"
            out.print(f"[{colour}]{escape(result.connection)}[/]: {escape(redact(result.message))}")
        for number, gate, counts in holds[result.connection]:
            out.print(_say_hold(result.connection, number, gate, counts))
    if any(result.counts.get("set_aside") for result in results.values()):
        out.print("Records set aside: `hub parked list`")
    if any(result.counts.get("asked") for result in results.values()):
        out.print("Possible duplicates: `hub review list`")


def _say_hold(connection: str, number: int, gate: str, counts: Mapping[str, int]) -> str:
    said = ", ".join(f"{n:,} {COUNTS.get(k, k)}" for k, n in counts.items()) or "nothing"
    name = escape(connection)
    if gate == "first":
        return (
            f"  the plan of the first sync: {said}\n"
            f"  see it with `hub held show {number}`; approve it with `hub sync {name} --yes` "
            f"or `hub held approve {number}`"
        )
    return f"  held ({gate}): {said}; see it with `hub held show {number}`, then `hub held approve {number}`"


def _table(results: Sequence[Result]) -> Table:
    shown = [k for k in COUNTS if any(r.counts.get(k) for r in results)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("connection")
    table.add_column("")
    for key in shown:
        table.add_column(COUNTS[key], justify="right")
    for result in results:
        cells = [f"{result.counts[k]:,}" if result.counts.get(k) else "" for k in shown]
        table.add_row(escape(result.connection), mark(result.status), *cells)
    return table


def mark(status: str) -> str:
    colour = {"done": "green", "failed": "red", "busy": "dim"}.get(status, "yellow")
    return f"[{colour}]{status}[/]"
