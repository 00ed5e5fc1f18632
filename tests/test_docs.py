"""What the documentation points at is there: pages, headings, commands and their options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from hub.cli.main import COMMANDS, app, load_command

ROOT = Path(__file__).parent.parent
ROOT_COMMAND = typer.main.get_command(app)
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def headings(text: str) -> set[str]:
    """As a page on GitHub names them: repeated ones by number."""
    found: dict[str, int] = {}
    for line in re.findall(r"^#{1,6} (.*)$", without_code(text), flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found[name] = found.get(name, 0) + 1
    return {name if not n else f"{name}-{n}" for name, times in found.items() for n in range(times)}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    text = re.sub(r"`[^`\n]*`", "", without_code(page.read_text()))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|mailto:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path if path else page), heading


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_to_a_page_and_a_heading_that_are_there(page):
    for target, heading in links(page):
        assert target.exists(), f"{target} is not there"
        assert not heading or heading in headings(target.read_text()), f"{target.name} has no heading #{heading}"


def typed(page: Path) -> Iterator[str]:
    """Commands in a line of code, and in blocks of commands."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"^```.*?^```", text, flags=re.DOTALL | re.MULTILINE))
    yield from re.findall(r"`hub ([^`\n]+)`", text)
    yield from re.findall(r"^hub ([a-z][^#\n]*)", blocks, flags=re.MULTILINE)
    yield from re.findall(r"^    hub ([a-z][^#\n]*)", text, flags=re.MULTILINE)


def options_of(command: Any) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


def inner(command: Any, word: str) -> Any:
    """The command of that name in this one, or None."""
    if command is ROOT_COMMAND:
        return load_command(word) if word in COMMANDS else None
    return command.commands.get(word) if isinstance(command, TyperGroup) else None


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_and_their_options_are_there(page):
    for line in typed(page):
        command, known = ROOT_COMMAND, options_of(ROOT_COMMAND) | {"--help"}
        words = re.sub(r"\s{2,}.*", "", line).split()
        while words and (found := inner(command, words[0])):
            command, words = found, words[1:]
            known |= options_of(command)
        is_group = command is ROOT_COMMAND or isinstance(command, TyperGroup)
        assert not (is_group and words and re.fullmatch("[a-z-]+", words[0])), f"`hub {line}`: there is no {words[0]}"
        given = {option for word in words for option in re.findall(r"^\[?(--[a-z-]+)", word)}
        assert given <= known, f"`hub {line}`: there is no {sorted(given - known)}"
