"""Real address books and directories for tests: Radicale and OpenLDAP's slapd, each on a free loopback port.

Radicale has an environment of its own in .servers, made once; slapd is Debian's, or whatever is on the path.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.connectors.servers import (
    PASSWORD,
    USER,
    Server,
    ServerMissing,
    find_program,
    free_port,
    hand_over,
    own_folder,
    run,
    running,
)

HOME = Path(__file__).parents[2] / ".servers"
RADICALE = "Radicale~=3.9.0"
SUFFIX = "dc=lab,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
ROOT = f"cn=admin,{SUFFIX}"
READER = f"cn=reader,{SUFFIX}"  # reads, and may not write
CLERK = f"cn=clerk,{SUFFIX}"  # writes, and is held to the size limit
SCHEMAS = ("core", "cosine", "inetorgperson")


@contextmanager
def radicale() -> Iterator[Server]:
    """Radicale with the users hub and reader / hubpass; no collection yet. `reader` may read what hub has."""
    python = _installed()
    with own_folder("root") as (folder, user):
        port = free_port()
        (folder / "users").write_text(f"{USER}:{PASSWORD}\nreader:{PASSWORD}\n")
        (folder / "rights").write_text(
            "[principal]\nuser: .+\ncollection: {user}\npermissions: RW\n"
            "[own]\nuser: .+\ncollection: {user}/[^/]+\npermissions: rw\n"
            "[root]\nuser: .+\ncollection:\npermissions: R\n"
            "[guest]\nuser: reader\ncollection: hub(/[^/]+)?\npermissions: Rr\n"
        )
        (folder / "config").write_text(
            f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {folder}/users\n"
            f"htpasswd_encryption = plain\ndelay = 0\n[rights]\ntype = from_file\nfile = {folder}/rights\n"
            f"[storage]\nfilesystem_folder = {folder}/collections\n"
        )
        command = [str(python), "-m", "radicale", "-C", str(folder / "config")]
        with running(Server("Radicale", port, folder, command, user, signal.SIGTERM)) as server:
            yield server


def _installed() -> Path:
    """The interpreter of its environment, made once, also when several processes ask for it."""
    folder = HOME / "radicale"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark, python = folder / "installed", folder / "venv/bin/python"
        if not mark.exists() or mark.read_text() != RADICALE:
            venv.create(folder / "venv", with_pip=True, clear=True)
            done = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", RADICALE], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise ServerMissing(f"Radicale cannot be installed ({done.stderr[-300:]})")
            mark.write_text(RADICALE)
    return python


@contextmanager
def slapd(*, session_log: bool = True, certificate: str = "", rules: str = "") -> Iterator[Server]:
    """OpenLDAP with ou=people, a root account, and two lesser ones, all with the password hubpass.

    session_log  without it a sync tells what is there and not what is gone
    rules        of access, before its own
    certificate  with its key, in PEM form: it speaks TLS as well, and on the port after its own from the beginning
    """
    program, add = find_program("slapd"), find_program("slapadd")
    schemas = Path("/etc/ldap/schema")
    if not (schemas / "inetorgperson.schema").exists():
        raise ServerMissing("the schemas of slapd are not in /etc/ldap/schema")
    with own_folder("openldap") as (folder, user):
        port = free_port()
        config = folder / "slapd.conf"
        pem = folder / "certificate.pem"
        pem.write_text(certificate)
        secured = f"TLSCertificateFile {pem}\nTLSCertificateKeyFile {pem}\n" if certificate else ""
        config.write_text(secured + _slapd_config(folder, schemas, session_log, rules))
        (folder / "db").mkdir()
        first = folder / "first.ldif"
        first.write_text(_first_entries())
        for path in (folder / "db", first, config, pem):
            hand_over(path, user)
        run([add, "-f", str(config), "-l", str(first)], user)
        urls = f"ldap://127.0.0.1:{port}" + (f" ldaps://127.0.0.1:{port + 1}" if certificate else "")
        command = [program, "-f", str(config), "-h", urls, "-d", "0"]
        with running(Server("slapd", port, folder, command, user, signal.SIGTERM)) as server:
            yield server


def _slapd_config(folder: Path, schemas: Path, session_log: bool, rules: str) -> str:
    includes = "".join(f"include {schemas}/{name}.schema\n" for name in SCHEMAS)
    log = "syncprov-sessionlog 1000\n" if session_log else ""
    return (
        f"{includes}modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload syncprov\nsizelimit 500\n"
        f'database mdb\nmaxsize 268435456\nsuffix "{SUFFIX}"\nrootdn "{ROOT}"\nrootpw {PASSWORD}\n'
        f"directory {folder}/db\ndbnosync\nindex objectClass,entryCSN,entryUUID,modifyTimestamp eq\n"
        "index mail,cn,uid,employeeNumber eq\n"
        f'{rules}access to attrs=userPassword by anonymous auth by * none\naccess to * by dn="{CLERK}" write '
        "by users read by * none\n"
        f"overlay syncprov\nsyncprov-checkpoint 100 10\n{log}"
    )


def _first_entries() -> str:
    def account(dn: str) -> str:
        name = dn.split(",", 1)[0].removeprefix("cn=")
        classes = "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
        return f"dn: {dn}\n{classes}cn: {name}\nuserPassword: {PASSWORD}\n\n"

    return (
        f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: lab\no: Lab\n\n"
        f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n{account(READER)}{account(CLERK)}"
    )


def started(name: str) -> Iterator[Server]:
    """The running server; a test is skipped where it cannot be installed, and fails there in CI."""
    context = {"radicale": radicale, "slapd": slapd}[name]()
    try:
        server = context.__enter__()
    except ServerMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(f"{missing}: .ci/install installs it")
        pytest.skip(f"{missing}: .ci/install installs it")
    try:
        yield server
    finally:
        context.__exit__(None, None, None)
