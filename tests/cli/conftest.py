"""The command `hub` in a folder of its own."""

from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from hub.cli.main import app


@dataclass
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Runs `hub ARGS…` and gives back what it said; `typed` is piped into it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_CONFIG", raising=False)

    def run(*args: str, typed: str | None = None) -> Answer:
        result = CliRunner().invoke(app, list(args), input=typed)
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run
