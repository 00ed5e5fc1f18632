"""A small company, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.main import app
from tests.cli.conftest import Answer
from tests.cli.desk import Desk
from tests.web.api.rig import Asking, asking
from tests.web.console.rig import small_company

SUBSCRIBED = """
events:
  tool:
    url: https://hooks.example.org/x
    secrets: [env:NOT_LOOKED_AT]
"""


def _hub(*args: str, typed: str | None = None) -> Answer:
    result = CliRunner().invoke(app, ["--config", str(Path("config").absolute()), *args], input=typed)
    return Answer(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    with chdir(folder):
        small_company(Desk(_hub))
    return folder


@pytest.fixture
def api(company: Path, tmp_path: Path) -> Iterator[Asking]:
    shutil.copytree(company, tmp_path / "company")
    with asking(tmp_path / "company" / "config") as found:
        found.follow()
        yield found


@pytest.fixture
def subscribed(company: Path, tmp_path: Path) -> Iterator[Asking]:
    """With a subscription to events."""
    shutil.copytree(company, tmp_path / "company")
    with (tmp_path / "company/config/hub.yaml").open("a") as file:
        file.write(SUBSCRIBED)
    with asking(tmp_path / "company" / "config") as found:
        yield found
