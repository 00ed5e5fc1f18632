"""`hub init`: a commented configuration to start from. Never overwrites anything."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from hub.cli.screen import Chosen, screen
from hub.errors import ConfigError

app = typer.Typer()


@app.command()
def init(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Default: ./config.")] = None,
) -> None:
    """Write a commented configuration to start from. Existing files are left as they are."""
    chosen = ctx.find_object(Chosen)
    target = folder or (chosen.config if chosen and chosen.config else Path("config"))
    written = write_start(target)
    option = "" if target == Path("config") else f" --config {target}"
    lines = [
        *(f"wrote {path}" for path in written),
        "",
        f"Next: `hub check{option}` says whether it is valid, and shows a record before and after mapping.",
        f"Then add your own systems to {target / 'hub.yaml'}; its comments say how.",
    ]
    screen().print("\n".join(lines), markup=False, soft_wrap=True)


def write_start(folder: Path) -> list[Path]:
    """The files written. ConfigError when a configuration is there already or nothing can be written."""
    if (folder / "hub.yaml").exists():
        raise ConfigError(
            f"There is a configuration already ({folder / 'hub.yaml'}), so nothing was written. "
            f"Name another folder: hub init DIR."
        )
    written = []
    try:
        for name, text in start_files():
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text.replace("@DIR@", folder.resolve().name), encoding="utf-8")
                written.append(path)
        (folder / "secrets").chmod(0o700)
    except OSError as err:
        reason = err.strerror or type(err).__name__
        raise ConfigError(
            f"The configuration was not written completely: {err.filename}: {reason}. Name another folder."
        ) from err
    return written


def start_files() -> Iterator[tuple[PurePosixPath, str]]:
    """(path in the folder, text) of every file to start from; hub.yaml last, so that it stands for all."""
    found = list(_walk(files("hub.cli").joinpath("start"), PurePosixPath()))
    yield from sorted(found, key=lambda entry: entry[0].name == "hub.yaml")


def _walk(place: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    for entry in place.iterdir():
        if entry.is_dir():
            yield from _walk(entry, at / entry.name)
        else:
            yield at / entry.name, entry.read_text(encoding="utf-8")
