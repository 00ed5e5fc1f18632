"""Real PostgreSQL and MariaDB for tests: each in a temporary folder, on a free loopback port.

Servers that refuse to run as root run as the user that Debian's package made for them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "hub", "hubpass"
START_SECONDS = 60
IN_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2 * 2**30


class ServerMissing(Exception):
    """The server is not installed here; `.ci/install` installs it."""


@dataclass
class Server:
    """A running server; `stop` and `start` keep its port and data."""

    name: str
    port: int
    folder: Path
    command: Sequence[str]
    user: str
    stop_signal: signal.Signals
    process: subprocess.Popen[bytes] | None = None
    ready_line: bytes = b""  # of its log: some listen before they let anybody in

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            begun = log.tell()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **as_user(self.user)
            )
        deadline = time.monotonic() + START_SECONDS
        while not (answers(self.port) and self._is_ready(begun)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def _is_ready(self, begun: int) -> bool:
        return self.ready_line in (self.folder / "log").read_bytes()[begun:]

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL with the superuser hub / hubpass and an empty database `postgres`."""
    initdb, binary = find_program("initdb"), find_program("postgres")
    with own_folder("postgres") as (folder, user):
        (folder / "password").write_text(PASSWORD)
        hand_over(folder / "password", user)
        run(
            f"{initdb} -D {folder}/data -U {USER} -A md5 -E UTF8 --no-locale --no-sync "
            f"--pwfile={folder}/password".split(),
            user,
        )
        port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "synchronous_commit": "off",
            "max_connections": "50",
        }
        flags = [flag for key, value in options.items() for flag in ("-c", f"{key}={value}")]
        command = [binary, "-D", str(folder / "data"), "-p", str(port), *flags]
        ready = b"ready to accept connections"
        postgresql = Server("PostgreSQL", port, folder, command, user, signal.SIGINT, ready_line=ready)
        with running(postgresql) as server:
            yield server


@contextmanager
def mariadb() -> Iterator[Server]:
    """MariaDB with the user hub / hubpass, all rights, and an empty database `legacy` in latin1."""
    install, binary = find_program("mariadb-install-db"), find_program("mariadbd")
    with own_folder("mysql") as (folder, user):
        data = folder / "data"
        normal = "--auth-root-authentication-method=normal"
        run(
            [install, "--no-defaults", f"--user={user}", f"--datadir={data}", normal, "--skip-test-db"],
            "root",
        )
        first = folder / "first.sql"
        first.write_text(
            "create database if not exists legacy character set latin1;\n"
            f"create user if not exists {USER}@'127.0.0.1' identified by '{PASSWORD}';\n"
            f"grant all on *.* to {USER}@'127.0.0.1' with grant option;\n"
        )
        hand_over(first, user)
        port = free_port()
        command = [
            binary,
            "--no-defaults",
            f"--datadir={data}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            f"--socket={folder / 's'}",
            f"--pid-file={folder / 'pid'}",
            f"--init-file={first}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-stats-persistent=0",
            "--innodb-buffer-pool-size=32M",
        ]
        with running(Server("MariaDB", port, folder, command, user, signal.SIGTERM)) as server:
            yield server


@contextmanager
def dovecot() -> Iterator[Server]:
    """Dovecot with IMAP on loopback without TLS; any user name with the password hubpass has a mailbox.

    It lets nobody wait who showed a wrong password, nor who comes from the same address afterwards.
    """
    binary = find_program("dovecot")
    user = "mail" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with own_folder(user) as (folder, _):
        port = free_port()
        ours = "" if os.geteuid() == 0 else f"default_internal_user = {user}\ndefault_login_user = {user}\n"
        (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {user}
first_valid_uid = 1
{ours}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={folder}/mail/%u
}}
""")
        command = [binary, "-F", "-c", str(folder / "dovecot.conf")]
        with running(Server("Dovecot", port, folder, command, "root", signal.SIGTERM)) as server:
            yield server


@contextmanager
def running(server: Server) -> Iterator[Server]:
    with ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        yield server


@contextmanager
def own_folder(user: str) -> Iterator[tuple[Path, str]]:
    """A new folder that belongs to `user`, or to us when we are not root."""
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="hub-server-", dir=quick(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        hand_over(folder, user)
        yield folder, user


def quick() -> Path | None:
    """Memory that looks like a disk, where there is plenty: servers that keep little wait for the disk most of all."""
    try:
        return IN_MEMORY if shutil.disk_usage(IN_MEMORY).free >= ENOUGH_BYTES else None
    except OSError:
        return None


def hand_over(path: Path, user: str) -> None:
    if os.geteuid() == 0:
        try:
            shutil.chown(path, user)
        except LookupError as error:
            raise ServerMissing(f"there is no user {user}") from error


def as_user(user: str) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": user, "group": user if user != "root" else "root", "extra_groups": []}


def run(command: Sequence[str], user: str) -> None:
    done = subprocess.run(list(command), capture_output=True, text=True, check=False, cwd="/", **as_user(user))
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def find_program(name: str) -> str:
    """Where a server program is; Debian keeps those of PostgreSQL off the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *map(str, versions)])
    found = shutil.which(name, path=os.pathsep.join([*map(str, versions), path]))
    if found is None:
        raise ServerMissing(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
