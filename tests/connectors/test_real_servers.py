"""The servers of the demonstration start together and leave nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.servers import ServerError, install, running
from tests.connectors.real import HOME


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    try:
        for name in ("tryton", "mailman"):
            install(name, HOME)
    except ServerError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def answers(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


def own_processes(folder: Path) -> list[str]:
    commands = (each.read_bytes() for each in Path("/proc").glob("[0-9]*/cmdline") if each.exists())
    return [each.decode() for each in commands if str(folder).encode() in each and b"pytest" not in each]


def test_they_start_together_and_are_gone_afterwards(tmp_path: Path) -> None:
    with running(HOME, tmp_path) as servers:
        urls = [server.url for server in servers.values()]
        up = [answers(url) for url in urls]

    assert up == [True, True]
    assert [answers(url) for url in urls] == [False, False]
    assert own_processes(tmp_path) == []


def test_a_start_that_fails_leaves_no_other_server_running(tmp_path: Path) -> None:
    (tmp_path / "mailman").mkdir()
    (tmp_path / "mailman/var").write_text("a file where Mailman needs a folder")

    with pytest.raises(ServerError, match="mailman"), running(HOME, tmp_path):
        pass

    assert own_processes(tmp_path) == []


def test_people_start_and_stop_them_by_one_word_each(tmp_path: Path) -> None:
    (tmp_path / "installed").symlink_to(HOME)
    command = [sys.executable, "-m", "demo.servers"]

    told = {
        word: subprocess.run([*command, word, "--dir", tmp_path], capture_output=True, text=True, check=True).stdout
        for word in ("up", "down")
    }

    assert "tryton: http://127.0.0.1:" in told["up"]
    assert told["down"] == "stopped: tryton, mailman\n"
    assert own_processes(tmp_path) == []
