"""Real servers on this machine: Tryton and GNU Mailman core, each in a virtual environment of its own.

    python -m demo.servers up   --dir .demo      starts both, prints their addresses
    python -m demo.servers down --dir .demo      stops them

Neither root nor anything but Python is needed. They listen on 127.0.0.1 only, on free ports. The first
start installs from the package index (about a minute), later ones take some seconds. Passwords are fixed,
since nothing but made-up people is ever kept there; a file `password` in a server's data folder gives another.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

START_SECONDS = 90.0  # a cold disk and a busy machine
STOP_SECONDS = 15.0
USERS = {"tryton": ("admin", "admin-pass-1"), "mailman": ("restadmin", "restpass")}
DATABASE = "company"
# Mailman's processes for mail itself: none is taken or sent here, and REST answers sooner without them.
MAIL_RUNNERS = (
    *("archive", "bounces", "command", "digest", "in", "lmtp"),
    *("out", "pipeline", "retry", "task", "virgin"),
)
PACKAGES = {
    "tryton": ["trytond~=8.2.0", "trytond-party~=8.2.0", "passlib", "argon2-cffi"],
    "mailman": ["mailman==3.3.10", "sqlalchemy<2.1"],  # with SQLAlchemy 2.1 every roster answers 500
}


class ServerError(Exception):
    """A server could not be installed or started; the message names the log to look into."""


@dataclass(frozen=True, slots=True)
class Server:
    """One running server. `url` is what a connection's settings take."""

    name: str
    url: str
    pid: int
    folder: str

    @property
    def user(self) -> str:
        return USERS[self.name][0]

    @property
    def password(self) -> str:
        return password_of(self.name, Path(self.folder))

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ends the process, by its id and only if it is still ours; harmless when it has ended.

        seconds  it may take before it is killed
        """
        if not self._is_ours():
            return
        os.kill(self.pid, signal.SIGTERM)
        if not self._ended_within(seconds):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._ended_within(STOP_SECONDS)

    def has_ended(self) -> bool:
        return self._ended_within(0.01)

    def _is_ours(self) -> bool:
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return False
        return self.folder.encode() in command

    def _ended_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(ChildProcessError):  # not our child after `up` and `down` in two processes
                os.waitpid(self.pid, os.WNOHANG)
            if not self._is_ours():
                return True
            time.sleep(0.05)
        return False


def password_of(name: str, folder: Path) -> str:
    """What the file `password` in the server's folder holds, else the one that all share."""
    own = folder / "password"
    return own.read_text() if own.exists() else USERS[name][1]


# --- starting ---------------------------------------------------------------------------------------


@contextmanager
def running(home: Path, data: Path, names: Sequence[str] = ("tryton", "mailman")) -> Iterator[dict[str, Server]]:
    """Servers by name, started together and stopped at the end.

    home  where they are installed, once; shared by all
    data  where this set of servers keeps its data
    """
    servers: dict[str, Server] = {}
    try:
        servers.update(start(home, data, names))
        yield servers
    finally:
        for server in servers.values():
            server.stop()


def start(home: Path, data: Path, names: Sequence[str] = ("tryton", "mailman")) -> dict[str, Server]:
    """Installs what is missing, starts all, and returns when all answer; ServerError leaves none running."""
    home, data = home.resolve(), data.resolve()
    for name in names:
        install(name, home)
    started: dict[str, Server] = {}
    try:
        for name in names:
            (data / name).mkdir(parents=True, exist_ok=True)
            started[name] = STARTERS[name](home / name, data / name)
        for server in started.values():
            _await(server)
    except BaseException:
        for server in started.values():
            server.stop()
        raise
    return started


def is_installed(home: Path) -> bool:
    """Whether all servers need nothing from the package index any more."""
    return all(_mark(name, home) == "\n".join(wanted) for name, wanted in PACKAGES.items())


def _mark(name: str, home: Path) -> str:
    mark = home / name / "installed"
    return mark.read_text() if mark.exists() else ""


def install(name: str, home: Path) -> None:
    """The server's own environment under `home`, made once, also when several processes ask for it."""
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = "\n".join(PACKAGES[name])
        if _mark(name, home) == wanted:
            return
        shutil.rmtree(folder / "venv", ignore_errors=True)
        venv.create(folder / "venv", with_pip=True)
        pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", *PACKAGES[name]]
        _run(pip, folder / "install.log")
        if name == "tryton":
            _make_tryton_template(folder)
        (folder / "installed").write_text(wanted)


def _make_tryton_template(folder: Path) -> None:
    """An empty company database, made once and copied at each start: making it takes ten times as long."""
    template = folder / "template"
    shutil.rmtree(template, ignore_errors=True)
    template.mkdir()
    (template / f"{DATABASE}.sqlite").touch()
    (folder / "password").write_text(USERS["tryton"][1] + "\n")
    config = _tryton_config(folder / "template.conf", template, "127.0.0.1:0")
    command = [str(folder / "venv/bin/trytond-admin"), "-c", str(config), "-d", DATABASE]
    command += ["--email", "admin@example.org", "-u", "ir", "res", "party", "--activate-dependencies"]
    _run(command, folder / "template.log", TRYTONPASSFILE=str(folder / "password"))


def _start_tryton(installed: Path, data: Path) -> Server:
    databases = data / "db"
    if not databases.exists():
        shutil.copytree(installed / "template", databases)
    port = free_port()
    config = _tryton_config(data / "trytond.conf", databases, f"127.0.0.1:{port}")
    command = [str(installed / "venv/bin/trytond"), "-c", str(config), "-d", DATABASE]
    return Server("tryton", f"http://127.0.0.1:{port}", _spawn(command, data / "log"), str(data))


def _tryton_config(path: Path, databases: Path, listen: str) -> Path:
    path.write_text(
        f"[database]\nuri = sqlite://\npath = {databases}\n"
        f"[web]\nlisten = {listen}\n[session]\nauthentications = password\n"
    )
    return path


def _start_mailman(installed: Path, data: Path) -> Server:
    port = free_port()
    user, password = USERS["mailman"][0], password_of("mailman", data)
    config = data / "mailman.cfg"
    config.write_text(
        "[mailman]\nlayout: here\nsite_owner: owner@example.org\n"
        f"[paths.here]\nvar_dir: {data / 'var'}\n"
        f"[webservice]\nhostname: 127.0.0.1\nport: {port}\nadmin_user: {user}\nadmin_pass: {password}\n"
        "[mta]\nincoming: mailman.mta.null.NullMTA\n"
        + "".join(f"[runner.{name}]\nstart: no\n" for name in MAIL_RUNNERS)
    )
    for lock in (data / "var/locks").glob("master.lck*"):
        lock.unlink()  # of a start that was killed; ours is the only process that uses this folder
    command = [str(installed / "venv/bin/master"), "-C", str(config)]
    return Server("mailman", f"http://127.0.0.1:{port}/3.1", _spawn(command, data / "log"), str(data))


STARTERS: dict[str, Callable[[Path, Path], Server]] = {"tryton": _start_tryton, "mailman": _start_mailman}


def free_port() -> int:
    """A port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _spawn(command: list[str], log: Path) -> int:
    with log.open("ab") as out:  # a file: the runners of Mailman would keep a pipe open for ever
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=log.parent, start_new_session=True
        )
    process.returncode = 0  # we wait by id, so that `stop` is the same in another process
    return process.pid


def _run(command: list[str], log: Path, **environment: str) -> None:
    with log.open("ab") as out:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **environment},
            check=False,
        )
    if done.returncode:
        raise ServerError(f"{Path(command[0]).name} failed with {done.returncode}; see {log}")


def _await(server: Server) -> None:
    until = time.monotonic() + START_SECONDS
    while not _answers(server):
        if os.waitpid(server.pid, os.WNOHANG) != (0, 0):
            raise ServerError(f"{server.name} ended while it was starting; see {server.folder}/log")
        if time.monotonic() > until:
            raise ServerError(f"{server.name} did not answer in {START_SECONDS:g} s; see {server.folder}/log")
        time.sleep(0.1)


def _answers(server: Server) -> bool:
    request = urllib.request.Request(f"{server.url}/rpc/", b'{"id":0,"method":"common.server.version","params":[]}')
    request.add_header("Content-Type", "application/json")
    if server.name == "mailman":
        key = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
        request = urllib.request.Request(f"{server.url}/system/versions", headers={"Authorization": f"Basic {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


# --- for people -------------------------------------------------------------------------------------


def up(folder: Path) -> dict[str, Server]:
    down(folder)
    servers = start(folder / "installed", folder / "data")
    (folder / "servers.json").write_text(json.dumps([asdict(server) for server in servers.values()]))
    return servers


def down(folder: Path) -> list[str]:
    """Names of the servers that `up` started in this folder; none of them runs afterwards."""
    record = folder / "servers.json"
    if not record.exists():
        return []
    servers = [Server(**fields) for fields in json.loads(record.read_text())]
    for server in servers:
        server.stop()
    record.unlink()
    return [server.name for server in servers]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.servers", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("--dir", type=Path, default=Path(".demo"))
    wanted = parser.parse_args()
    try:
        if wanted.action == "down":
            names = down(wanted.dir)
            print("stopped:", ", ".join(names) or "nothing was running")
            return 0
        for server in up(wanted.dir).values():
            print(f"{server.name}: {server.url}  user {server.user}, password {server.password}")
    except ServerError as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
