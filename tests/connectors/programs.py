"""Programs of the package index for tests, each in an environment of its own under .servers, made once."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.connectors.real import HOME

INSTALL_SECONDS = 280


def environment(name: str, packages: Sequence[str]) -> Path:
    """Its folder of programs; a test is skipped where they cannot be installed, and fails there in CI."""
    folder, wanted = HOME / name, "\n".join(packages)
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != wanted:
            problem = _installed(folder / "venv", packages)
            if problem is not None and os.environ.get("CI"):
                pytest.fail(problem)
            if problem is not None:
                pytest.skip(problem)
            mark.write_text(wanted)
    return folder / "venv" / "bin"


def _installed(folder: Path, packages: Sequence[str]) -> str | None:
    """What went wrong; None: all is there."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *packages]
    try:
        done = subprocess.run(
            install, capture_output=True, timeout=INSTALL_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"{packages[0]} was not installed within {INSTALL_SECONDS} s"
    return f"{packages[0]} cannot be installed: pip ended with {done.returncode}" if done.returncode else None
