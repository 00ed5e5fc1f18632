"""The frame of the command line: quick help, options anywhere, one edge where errors end."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hub.cli.main import COMMANDS, Commands, gather_anywhere, load_command
from hub.cli.main import hub as callback
from hub.errors import AccountError
from hub.secrets import resolve


@pytest.fixture
def failing():
    """A command line whose only command raises what it is given."""

    def run(error: BaseException, *options: str):
        app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
        app.callback()(callback)

        @app.command()
        def fail() -> None:
            raise error

        return CliRunner().invoke(app, [*options, "fail"])

    return run


def test_the_help_names_every_command_and_loads_none(hub):
    answer = hub("--help")
    assert answer.code == 0
    assert all(name in answer.out for name in COMMANDS)


def test_the_help_is_there_before_heavy_modules_are():
    script = (
        "import sys; from typer.testing import CliRunner; from hub.cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(*sorted({'sqlalchemy', 'httpx', 'pydantic', 'fastapi', 'phonenumbers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_has_help(hub, name):
    assert load_command(name).name == name
    assert hub(name, "--help").code == 0


def test_an_unknown_command_suggests_the_nearest(hub):
    answer = hub("chek")
    assert answer.code == 2
    assert "check" in answer.err


def test_the_version_is_shown(hub):
    assert hub("--version").out.strip()[0].isdigit()


@pytest.mark.parametrize(
    "args", ["--config elsewhere check", "check --config elsewhere", "check --config=elsewhere --json"]
)
def test_the_folder_may_be_named_before_or_after_the_command(hub, args):
    answer = hub(*args.split())
    assert answer.code == 2
    assert "elsewhere/hub.yaml" in answer.err


def test_the_folder_comes_from_the_environment_when_there_is_none_here(hub, monkeypatch):
    monkeypatch.setenv("HUB_CONFIG", "from-environment")
    assert "from-environment/hub.yaml" in hub("check").err


def test_the_folder_here_goes_before_the_environment(hub, monkeypatch):
    monkeypatch.setenv("HUB_CONFIG", "from-environment")
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("nonsense: true\n")
    assert "config/hub.yaml:1: nonsense" in hub("check").err


@given(st.lists(st.sampled_from(["check", "erp", "--json", "--config", "dir", "--config=dir", "--debug", "--"])))
def test_no_argument_is_lost_when_options_are_gathered(args):
    assert sorted(gather_anywhere(args)) == sorted(args)


def test_options_behind_two_dashes_stay_where_they_are():
    assert gather_anywhere(["find", "--", "--config", "x"]) == ["find", "--", "--config", "x"]


def test_an_error_of_the_hub_is_a_message_and_code_2(failing):
    result = failing(AccountError("The key was refused; nothing was read. Next: ask for a new one."))
    assert result.exit_code == 2
    assert result.stderr == "The key was refused; nothing was read. Next: ask for a new one.\n"


def test_a_message_never_holds_a_secret(failing, tmp_path):
    (tmp_path / "key").write_text("very-secret-key")
    value = resolve("file:key", tmp_path)
    assert "very-secret-key" not in failing(AccountError(f"refused: {value}")).stderr


def test_a_fault_of_the_hub_names_the_file_with_its_trace(failing):
    result = failing(KeyError("somebody@example.org"))
    assert result.exit_code == 2
    assert "KeyError" in result.stderr
    assert "somebody@example.org" not in result.stderr
    path = Path(next(word for word in result.stderr.split() if word.startswith("/")).rstrip("."))
    assert "in fail" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()


def test_with_debug_the_error_itself_comes_through(failing):
    assert isinstance(failing(AccountError("refused"), "--debug").exception, AccountError)


def test_ctrl_c_ends_with_130_and_says_that_nothing_is_lost(failing):
    result = failing(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "goes on from there" in result.stderr
