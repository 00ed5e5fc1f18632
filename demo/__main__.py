"""`make demo`: real systems on this machine, synchronised before your eyes.

    python -m demo [--once] [--keep] [--dir DIR]

Exit: 0 all was as it should be, 1 something was not, 2 the demo could not run, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

from demo.commands import stop_on_signals
from demo.company import Company, opened
from demo.screen import Screen
from demo.servers import DATABASE, ServerError
from demo.story import tell, tell_again

EVERY = "every 30 seconds"


def main() -> int:
    wanted = _arguments()
    screen = Screen()
    stop_on_signals()
    try:
        return _run(wanted, screen)
    except KeyboardInterrupt:
        screen.say("\nStopped. Nothing of the demo is running any more.")
        return 130
    except ServerError as error:
        screen.say(f"\n[red]The demo ended early:[/] {error}.")
    except Exception:  # noqa: BLE001 - the one edge where errors end
        log = wanted.dir / "error.log"
        log.write_text(traceback.format_exc())
        screen.say(f"\n[red]The demo ended early, by an error of its own.[/] The trace is in {log}; please report it.")
    screen.say("Nothing of the demo is running any more; `make demo` begins anew.")
    return 2


def _run(wanted: argparse.Namespace, screen: Screen) -> int:
    started = time.monotonic()
    screen.say("[bold]contact-hub[/]: real systems on this machine, synchronised before your eyes.")
    screen.say("Nothing leaves this machine: all servers listen on 127.0.0.1, and all people are made up.")
    with opened(wanted.dir, screen, keep=wanted.keep) as company:
        prepared = time.monotonic()
        found = tell(company, screen) if company.is_new else tell_again(company, screen)
        shown = time.monotonic()
        screen.say(f"\n[dim]{prepared - started:.0f} s to prepare, {shown - prepared:.0f} s to show.[/]")
        if not wanted.once:
            _serve(company, screen)
    screen.say(
        "Everything is stopped. [bold]make demo[/] begins anew, [bold]make demo ARGS=--keep[/] goes on from here."
    )
    return 0 if found.all_hold else 1


def _serve(company: Company, screen: Screen) -> None:
    """Keeps `hub run` serving, now on a schedule, until Ctrl-C."""
    company.running.stop()
    company.schedule(EVERY)
    company.running.start()
    place = os.path.relpath(company.folder)
    hub = os.path.relpath(Path(sys.executable).parent / "hub", company.folder)
    screen.say(f"\n[bold]hub run[/] goes on, {EVERY}. Its console, with all that was just made: {company.running.url}/")
    if not company.hub.ask("users", "list")["rows"]:
        screen.say("The first administrator is whoever has this code:")
        company.hub.show("users", "first")
    screen.say(
        f"\nFill in the form with your browser: {company.form}\n"
        "Then, in another terminal:\n"
        f"  cd {place} && {hub} contacts find NAME    who is it now, and where is it?\n"
        f"  cd {place} && {hub} status                how is every connection?\n"
        f"Tryton is at {company.tryton.url} (database {DATABASE}, user {company.tryton.user}, password in "
        f"{place}/data/tryton/password).\n"
        "[bold]Ctrl-C[/] stops everything."
    )
    try:
        while company.running.is_running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        screen.say("\nStopping …")
        return
    raise ServerError(f"`hub run` ended by itself; see {company.folder}/hub-run.log")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end after the show, instead of serving until Ctrl-C")
    parser.add_argument("--keep", action="store_true", help="go on with what the last demo left")
    parser.add_argument("--dir", type=Path, default=Path(".demo"), help="where everything is kept (default: .demo)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
