"""The hub as its users meet it: the command `hub` in processes of its own, and `hub run` in the background."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from demo.screen import Screen
from demo.servers import Server, ServerError

START_SECONDS = 60.0
STOP_SECONDS = 35.0  # `hub run` ends within 30
RUN_RECORD = "hub-run.json"


class Hub:
    """Runs `hub` in the folder that holds the configuration, as somebody there would."""

    def __init__(self, folder: Path, screen: Screen) -> None:
        self.folder = folder
        self._screen = screen

    def show(self, *words: str) -> int:
        """Runs a command before everybody's eyes; its exit code. 2, a failure, ends the demo."""
        self._screen.command(words)
        code = self._wait(subprocess.Popen(self._command(words), cwd=self.folder, stdin=subprocess.DEVNULL))
        if code not in (0, 1):
            raise ServerError(f"`hub {' '.join(words)}` ended with {code}; what it printed above says why")
        return code

    def ask(self, *words: str) -> Any:
        """What a command answers with --json. Codes 0 and 1 are answers."""
        process = subprocess.Popen(
            self._command([*words, "--json"]),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = process.communicate()
        except BaseException:
            _end(process)
            raise
        if process.returncode not in (0, 1):
            raise ServerError(f"`hub {' '.join(words)}` ended with {process.returncode}: {err.strip()}")
        return json.loads(out)

    def _command(self, words: Sequence[str]) -> list[str]:
        return [str(Path(sys.executable).parent / "hub"), *words]

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[Any]) -> None:
    """A command that is broken off gets the time to leave a state it can go on from."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Running:
    """`hub run` in the background: scheduler, form page, metrics."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._server: Server | None = None

    @property
    def pid(self) -> int:
        return 0 if self._server is None else self._server.pid

    def start(self) -> None:
        """Returns when it answers; ServerError when it does not."""
        log = self.folder / "hub-run.log"
        command = [str(Path(sys.executable).parent / "hub"), "--config", str(self.folder / "config"), "run"]
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--log", "json"],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends this in its turn
            )
        process.returncode = 0  # waited for by its id
        self._server = Server("hub", self.url, process.pid, str(self.folder))
        record = {"name": "hub", "url": self.url, "pid": process.pid, "folder": str(self.folder)}
        (self.folder / RUN_RECORD).write_text(json.dumps(record))
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if not self.is_running() or time.monotonic() > until:
                raise ServerError(f"`hub run` did not start; see {log}")
            time.sleep(0.1)

    def is_running(self) -> bool:
        return self._server is not None and not self._server.has_ended()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(STOP_SECONDS)
            self._server = None
        (self.folder / RUN_RECORD).unlink(missing_ok=True)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        found = [line for line in self.samples([name]) if all(each in line for each in wanted)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def samples(self, names: Sequence[str]) -> list[str]:
        """Lines of /metrics."""
        text = httpx.get(f"{self.url}/metrics", timeout=10, trust_env=False).raise_for_status().text
        starts = tuple(f"{name}{mark}" for name in names for mark in "{ ")
        return [line for line in text.splitlines() if line.startswith(starts)]


def stop_leftover(folder: Path) -> None:
    """Ends the `hub run` of a demo that was itself killed."""
    record = folder / RUN_RECORD
    if record.exists():
        Server(**json.loads(record.read_text())).stop(STOP_SECONDS)
        record.unlink()


def stop_on_signals() -> None:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does, also where a shell had that ignored."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
