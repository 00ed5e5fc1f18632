"""The command `hub`: one module a command, imported when it is used, and the one edge where errors end.

Exit codes: 0 done, 1 done with something set aside or held, 2 failed, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from hub.cli.screen import FAILED, Chosen, complain
from hub.errors import HubError
from hub.secrets import redact

COMMANDS = {
    "init": ("hub.cli.init", "Write a commented configuration to start from."),
    "check": (
        "hub.cli.check",
        "Check the configuration, then each system: reachable, allowed, what it can do.",
    ),
    "plan": ("hub.cli.plan", "What a sync would do, row by row. Writes nothing."),
    "sync": ("hub.cli.sync", "One cycle of the connections now."),
    "run": ("hub.cli.run", "Run on schedule, with forms, metrics and health, until it is stopped."),
    "status": ("hub.cli.status", "Health of every connection."),
    "runs": ("hub.cli.runs", "Past runs; one in detail."),
    "contacts": (
        "hub.cli.contacts",
        "Find golden records, see where every value came from, put right what is wrong.",
    ),
    "erasures": ("hub.cli.erasures", "Who was erased: the receipt of each, what waits for a person, what is lifted."),
    "conflicts": (
        "hub.cli.conflicts",
        "Fields that changed in two places at once; overturn what was decided.",
    ),
    "review": ("hub.cli.review", "Possible duplicates: one contact or two?"),
    "held": ("hub.cli.held", "Runs that would touch too much, and first syncs: approve or refuse."),
    "parked": ("hub.cli.parked", "Records that could not be taken, writes that did not go out."),
    "dedupe": ("hub.cli.dedupe", "How matching sees two contacts, how well it does, what it learns."),
    "export": ("hub.cli.export", "The crosswalk or the golden records as a CSV file."),
    "users": ("hub.cli.users", "Who may sign in to the console, and with which role."),
    "token": ("hub.cli.token", "What programs sign in to the API with."),
    "audit": ("hub.cli.audit", "Who changed what; and whether anybody has tampered with that."),
    "forms": ("hub.cli.forms", "What to put into a page of your site to show a form."),
    "mail": ("hub.cli.mail", "The mail server, and mails that wait, went out or were given up."),
    "notify": ("hub.cli.notify", "Who is told when something needs a person; a test for each."),
    "secrets": ("hub.cli.secrets", "Secrets that are typed in, sealed in the store, and never shown."),
    "db": ("hub.cli.db", "Upgrade, back up, restore and check the store."),
    "connector": ("hub.cli.connector", "Connector types: what they can do, a new one, a connection tried out."),
    "config": ("hub.cli.config_cmd", "Show the configuration as it is understood, or its JSON Schema."),
}
"""Command → (module with a typer `app`, its line in the help): the help needs no module loaded."""

COMPLETION = ("install_completion", "show_completion")  # of `hub` alone, not of each of its commands
ANYWHERE = ("--config", "--debug")  # options that may stand before or after the command
_CLICK: type[Exception] = next(
    cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException" and issubclass(cls, Exception)
)


class Commands(TyperGroup):
    """Loads a command when it is called, takes `--config` and `--debug` anywhere, and ends every error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, gather_anywhere(args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = load_command(args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (_CLICK, typer.Exit, typer.Abort, BrokenPipeError):
            raise  # typer's own ways to end; the last when a reader such as `head` has enough
        except HubError as err:
            if _wants_debug(ctx):
                raise
            complain(str(err))
            raise typer.Exit(FAILED) from err
        except KeyboardInterrupt as err:
            complain("Stopped. What was saved stays saved; the same command goes on from there.")
            raise typer.Exit(130) from err
        except Exception as err:
            if _wants_debug(ctx):
                raise
            complain(_say_bug(err))
            raise typer.Exit(FAILED) from err


def gather_anywhere(args: list[str]) -> list[str]:
    """The arguments with the options of `ANYWHERE` moved to the front; all behind `--` stays."""
    front: list[str] = []
    rest: list[str] = []
    todo = list(args)
    while todo:
        arg = todo.pop(0)
        if arg == "--":
            return [*front, *rest, arg, *todo]
        if arg == "--config" and todo:
            front += [arg, todo.pop(0)]
        elif arg.split("=", 1)[0] in ANYWHERE:
            front.append(arg)
        else:
            rest.append(arg)
    return front + rest


def load_command(name: str) -> Any:
    command = typer.main.get_command(import_module(COMMANDS[name][0]).app)
    command.name = name
    command.params = [each for each in command.params if each.name not in COMPLETION]
    return command


app = typer.Typer(
    cls=Commands,
    name="hub",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--config and --debug may stand anywhere. Exit: 0 done, 1 some set aside or held, 2 failed.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("contact-hub"))
        raise typer.Exit


@app.callback()
def hub(
    ctx: typer.Context,
    config: Path | None = typer.Option(
        None, "--config", metavar="DIR", help="Configuration folder; default ./config, then $HUB_CONFIG."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the full trace of an error."),
    _version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Contacts of many systems kept as one golden record, and kept in step."""
    ctx.obj = Chosen(config, debug)


def _register(name: str, help_line: str) -> None:
    @app.command(name, help=help_line)
    def named() -> None:
        raise AssertionError("replaced by the real command before it runs")


for _name, (_, _line) in COMMANDS.items():
    _register(_name, _line)


def _wants_debug(ctx: Any) -> bool:
    return bool(ctx.params.get("debug"))


def _say_bug(err: Exception) -> str:
    """The trace goes into a file that only this user can read, for it may hold personal data."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    handle, path = tempfile.mkstemp(prefix=f"hub-error-{stamp}-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(redact("".join(traceback.format_exception(err))))
    return (
        f"A fault in the hub itself ({type(err).__name__}); the command was not finished.\n"
        f"Its trace is in {path}. Run the command again with --debug to see it here, and please report it."
    )
