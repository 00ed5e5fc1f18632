"""Every command with what is not there or not whole: an error in words and an exit code, never a fault of the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.main import COMMANDS, app, load_command

HUB = "connections: {people: {type: file, path: people.csv, key: id}}\n"
NEED_NOTHING = {"users roles", "connector list", "config schema"}
"""What a command says without any configuration."""
SERVING = {"run", "init"}


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name in inner:
        yield from _leaves(inner[name], (*path, name))


LEAVES = {path: leaf for name in COMMANDS for path, leaf in _leaves(load_command(name), (name,)) if path not in SERVING}


def _no_configuration(folder: Path) -> None:
    (folder / "config").mkdir()


def _broken_yaml(folder: Path) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "hub.yaml").write_text("connections:\n  x: {type: file\n  y: [")


def _a_folder_for_a_file(folder: Path) -> None:
    (folder / "config" / "hub.yaml").mkdir(parents=True)


def _no_text(folder: Path) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "hub.yaml").write_bytes(b"\xff\xfe\x00\x01")


def _a_damaged_store(folder: Path) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "hub.yaml").write_text(HUB)
    (folder / "people.csv").write_text("id,given_name\n1,Ana\n")
    (folder / "data").mkdir()
    (folder / "data" / "hub.db").write_bytes(b"not a database at all" * 100)


def _called(path: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With a word for each argument that is needed, and a file that is a folder for `--out`."""
    monkeypatch.chdir(folder)
    (folder / "taken").mkdir()
    params = LEAVES[path].params
    needed = ["nobody" for each in params if each.param_type_name == "argument" and each.required]
    out = ["--out", "taken/hub.yaml/x"] if any("--out" in each.opts for each in params) else []
    (folder / "taken" / "hub.yaml").write_text("x")
    return CliRunner().invoke(app, [*path.split(), *needed, *out], input="")


@pytest.mark.parametrize("spoilt", [_no_configuration, _broken_yaml, _a_folder_for_a_file, _no_text])
@pytest.mark.parametrize("path", LEAVES)
def test_without_a_configuration_nothing_is_done_and_the_reason_is_told(
    path: str, spoilt: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt(tmp_path)

    answer = _called(path, tmp_path, monkeypatch)

    assert "fault in the hub" not in answer.output
    assert answer.output.strip()
    assert (answer.exit_code == 0) is (path in NEED_NOTHING)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("path", LEAVES)
def test_a_damaged_store_is_told_and_left_as_it_is(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _a_damaged_store(tmp_path)

    answer = _called(path, tmp_path, monkeypatch)

    assert "fault in the hub" not in answer.output
    assert (answer.exit_code == 0) is (path in NEED_NOTHING | {"check", "config show"})
    assert (tmp_path / "data" / "hub.db").read_bytes() == b"not a database at all" * 100


@pytest.mark.parametrize("path", LEAVES)
def test_the_help_of_a_command_shows_its_own_options_only(path: str) -> None:
    answer = CliRunner().invoke(app, [*path.split(), "--help"])

    assert answer.exit_code == 0
    assert "completion" not in answer.output
    assert "[[" not in answer.output
