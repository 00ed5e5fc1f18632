"""Files on a real OpenSSH server, in a real S3 interface and behind a real HTTP server."""

from __future__ import annotations

import getpass
import gzip
import http.server
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.connectors.contract import Context
from hub.connectors.file_out import FileOutConnector
from hub.connectors.files import FileConnector
from hub.errors import AccountError, ConfigError, CursorExpired, TransientError
from hub.model import Op, Write
from tests.connectors.filing import names
from tests.connectors.servers import Server, ServerMissing, answers, find_program, free_port, own_folder, running

PEOPLE = b"id,name\n1,Ann\n2,Eva\n"
SECRET = "s3cret-of-the-place"


def connect(settings: dict[str, Any], kind: type[Any] = FileConnector, base: Path = Path()) -> Any:
    return kind(kind.Settings.model_validate(settings), Context("drop", base=base))


def pull(settings: dict[str, Any], since: str | None = None) -> tuple[list[Any], str | None]:
    with ExitStack() as closing:
        context = Context("drop", closing=closing)
        pages = list(FileConnector(FileConnector.Settings.model_validate(settings), context).pull(since))
    return [item for page in pages for item in page.items], pages[-1].cursor


# --- SFTP -----------------------------------------------------------------------------------------


@dataclass
class Sftp:
    """sshd on a loopback port; `settings` reach its folder `home`."""

    home: Path
    port: int
    known_hosts: Path
    fingerprint: str
    key: str

    def settings(self, path: str, **more: Any) -> dict[str, Any]:
        told = {"path": f"sftp://127.0.0.1:{self.port}{self.home}/{path}", "user": getpass.getuser()}
        return {**told, "private_key": self.key, "known_hosts": str(self.known_hosts), **more}


def make_key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.read_text()


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sftp]:
    try:
        binary = find_program("sshd")
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}: .ci/install installs it")
        pytest.skip(f"{missing}: .ci/install installs it")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with own_folder("root") as (folder, _):
        folder.chmod(0o700)
        make_key(folder / "host")
        key = make_key(folder / "user")
        (folder / "allowed").write_text((folder / "user.pub").read_text())
        port = free_port()
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/allowed\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
        public = (folder / "host.pub").read_text().split()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        shown = subprocess.run(["ssh-keygen", "-lf", folder / "host.pub"], check=True, capture_output=True, text=True)
        (folder / "home").mkdir()
        command = [binary, "-D", "-e", "-f", str(folder / "sshd_config")]
        with running(Server("sshd", port, folder, command, getpass.getuser(), signal.SIGTERM)):
            yield Sftp(folder / "home", port, folder / "known_hosts", shown.stdout.split()[1], key)


@pytest.fixture
def sftp(sshd: Sftp) -> Sftp:
    """A folder of its own for each test."""
    home = sshd.home / str(time.monotonic_ns())
    home.mkdir()
    return Sftp(home, sshd.port, sshd.known_hosts, sshd.fingerprint, sshd.key)


def test_files_are_read_from_an_sftp_server(sftp: Sftp) -> None:
    (sftp.home / "p-1.csv.gz").write_bytes(gzip.compress(PEOPLE))
    (sftp.home / "p-2.csv").write_bytes(b"id,name\n3,Ida\n")
    (sftp.home / "other.txt").write_bytes(b"no list")

    assert names(pull(sftp.settings("p-*", format="csv"))[0]) == ["Ann", "Eva", "Ida"]
    lines = connect(sftp.settings("p-2.csv")).check().lines
    assert lines == ("1 files", "p-2.csv: 14 bytes, columns id, name")


def test_an_unchanged_listing_elsewhere_is_not_read_again_and_a_changed_one_is_listed_anew(sftp: Sftp) -> None:
    path = sftp.home / "p.csv"
    path.write_bytes(PEOPLE)
    settings = sftp.settings("p.csv")
    _, cursor = pull(settings)
    path.chmod(0)  # whoever reads it now fails, unless it is root: the second look does not open it

    assert pull(settings, cursor) == ([], cursor)
    path.chmod(0o600)
    path.write_bytes(PEOPLE + b"3,Ida\n")
    with pytest.raises(CursorExpired):
        pull(settings, cursor)


def test_a_drop_folder_on_a_server_is_emptied(sftp: Sftp) -> None:
    (sftp.home / "a.csv").write_bytes(PEOPLE)
    (sftp.home / "b.csv").write_bytes(b"nif\n1\n")
    settings = sftp.settings("*.csv", mode="drop")

    taken, cursor = pull(settings)
    assert sorted(path.name for path in sftp.home.iterdir()) == ["a.csv", "b.csv"]
    pull(settings, cursor)

    assert names(taken) == ["Ann", "Eva"]
    there = sorted(str(path.relative_to(sftp.home)) for path in sftp.home.rglob("*.*"))
    assert there == ["done/a.csv", "failed/b.csv", "failed/b.csv.reason"]


def test_a_log_on_a_server_is_read_on_where_it_ended(sftp: Sftp) -> None:
    path = sftp.home / "log.csv"
    path.write_bytes(PEOPLE)
    settings = sftp.settings("log.csv", mode="append")
    _, cursor = pull(settings)
    with path.open("ab") as file:
        file.write(b"3,Ida\n")

    assert names(pull(settings, cursor)[0]) == ["Ida"]


def test_a_fingerprint_is_enough_to_know_the_server(sftp: Sftp) -> None:
    (sftp.home / "p.csv").write_bytes(PEOPLE)

    assert len(pull(sftp.settings("p.csv", known_hosts=None, fingerprint=sftp.fingerprint))[0]) == 2


@pytest.mark.parametrize("how", ["other fingerprint", "unknown host", "other key"])
def test_a_server_that_is_not_known_gets_nothing(sftp: Sftp, tmp_path: Path, how: str) -> None:
    (sftp.home / "p.csv").write_bytes(PEOPLE)
    known = tmp_path / "known_hosts"
    make_key(tmp_path / "other")
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    known.write_text(f"[127.0.0.1]:{sftp.port} {kind} {key}\n" if how == "other key" else "")
    more = {"fingerprint": "SHA256:" + "A" * 43} if how == "other fingerprint" else {"known_hosts": str(known)}

    with pytest.raises(AccountError, match="host key") as told:
        pull(sftp.settings("p.csv", **more))

    assert how == "other key" or sftp.fingerprint in str(told.value)


def test_without_known_hosts_nothing_is_sent(sftp: Sftp, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be checked"):
        pull(sftp.settings("p.csv", known_hosts=str(tmp_path / "none")))


def test_a_wrong_key_or_password_pauses_the_connection_and_is_not_told(sftp: Sftp, tmp_path: Path) -> None:
    wrong = make_key(tmp_path / "wrong")

    with pytest.raises(AccountError, match="refused"):
        pull(sftp.settings("p.csv", private_key=wrong))
    with pytest.raises(AccountError, match="refused") as told:
        pull(sftp.settings("p.csv", private_key=None, secret=SECRET))
    with pytest.raises(ConfigError, match="no Ed25519"):
        pull(sftp.settings("p.csv", private_key="not a key"))

    assert SECRET not in str(told.value)


def test_a_server_that_is_down_is_tried_again_later(sftp: Sftp) -> None:
    settings = sftp.settings("p.csv")
    settings["path"] = settings["path"].replace(str(sftp.port), str(free_port()))

    with pytest.raises(TransientError, match="does not answer"):
        pull(settings)


def test_a_folder_that_is_not_there_pauses_the_connection(sftp: Sftp) -> None:
    with pytest.raises(AccountError, match="could not be listed"):
        pull(sftp.settings("nowhere/p.csv"))


def test_a_file_larger_than_allowed_is_not_fetched(sftp: Sftp) -> None:
    (sftp.home / "p.csv").write_bytes(PEOPLE * 100)

    with pytest.raises(AccountError, match="larger than 1000 bytes"):
        pull(sftp.settings("p.csv", max_bytes=1000))


def written(settings: dict[str, Any], base: Path) -> None:
    """One person goes out."""
    with ExitStack() as closing:
        context = Context("out", base=base, closing=closing)
        connector = FileOutConnector(FileOutConnector.Settings.model_validate(settings), context)
        connector.write([Write(Op.CREATE, "hub:1", None, {"name": "Ann"})])


def test_a_file_appears_on_a_server_whole(sftp: Sftp, tmp_path: Path) -> None:
    settings = sftp.settings("out/p.csv", columns=["name"], known_hosts=str(sftp.known_hosts))

    written(settings, tmp_path)

    assert [path.name for path in (sftp.home / "out").iterdir()] == ["p.csv"]
    assert (sftp.home / "out/p.csv").read_bytes() == b"hub_key,name\r\nhub:1,Ann\r\n"


# --- S3 -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@dataclass
class Bucket:
    endpoint: str
    name: str

    def settings(self, path: str, **more: Any) -> dict[str, Any]:
        told = {"path": f"s3://{self.name}/{path}", "endpoint": self.endpoint, "region": "us-east-1"}
        return {**told, "user": "AKIATEST", "secret": SECRET, **more}

    def put(self, path: str, data: bytes) -> None:
        httpx.put(f"{self.endpoint}/{self.name}/{path}", content=data, headers=SIGNED).raise_for_status()

    def names(self) -> list[str]:
        text = httpx.get(f"{self.endpoint}/{self.name}?list-type=2", headers=SIGNED).text
        return [part.split("</Key>")[0] for part in text.split("<Key>")[1:]]

    def get(self, path: str) -> bytes:
        return httpx.get(f"{self.endpoint}/{self.name}/{path}", headers=SIGNED).content


SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/s3/aws4_request"}


@pytest.fixture
def bucket(s3: str) -> Bucket:
    name = f"bucket-{time.monotonic_ns()}"
    httpx.put(f"{s3}/{name}", headers=SIGNED).raise_for_status()
    return Bucket(s3, name)


def test_objects_are_read_from_a_bucket(bucket: Bucket) -> None:
    bucket.put("in/p-1.csv", PEOPLE)
    bucket.put("in/p-2.csv", b"id,name\n3,Ida\n")
    bucket.put("in/deeper/p-3.csv", b"id,name\n4,Zoe\n")

    assert names(pull(bucket.settings("in/p-*.csv"))[0]) == ["Ann", "Eva", "Ida"]


def test_an_object_with_the_same_etag_is_not_read_again(bucket: Bucket) -> None:
    bucket.put("p.csv", PEOPLE)
    _, cursor = pull(bucket.settings("p.csv"))

    assert pull(bucket.settings("p.csv"), cursor) == ([], cursor)
    bucket.put("p.csv", PEOPLE.replace(b"Ann", b"Ida"))
    with pytest.raises(CursorExpired):
        pull(bucket.settings("p.csv"), cursor)


def test_a_drop_folder_in_a_bucket_is_emptied(bucket: Bucket) -> None:
    bucket.put("in/a.csv", PEOPLE)
    settings = bucket.settings("in/*.csv", mode="drop")

    taken, cursor = pull(settings)
    pull(settings, cursor)

    assert names(taken) == ["Ann", "Eva"]
    assert bucket.names() == ["in/done/a.csv"]


def test_a_bucket_that_is_not_there_pauses_and_a_service_that_is_down_does_not(bucket: Bucket) -> None:
    gone = Bucket(bucket.endpoint, "no-such-bucket")
    with pytest.raises(AccountError) as told:
        pull(gone.settings("p.csv"))
    with pytest.raises(TransientError):
        pull(bucket.settings("p.csv", endpoint=f"http://127.0.0.1:{free_port()}", timeout_seconds=1))
    assert SECRET not in str(told.value)


def test_a_file_is_written_into_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    written(bucket.settings("out/p-{number}.csv", columns=["name"], marker="{name}.ok"), tmp_path)

    assert bucket.names() == ["out/p-000001.csv", "out/p-000001.csv.ok"]
    assert bucket.get("out/p-000001.csv") == b"hub_key,name\r\nhub:1,Ann\r\n"


# --- HTTP -----------------------------------------------------------------------------------------


@dataclass
class Site:
    """What a web server hands out, and what it was asked."""

    data: bytes = PEOPLE
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"etag": '"1"'})
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    length: int | None = None

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"path": f"http://127.0.0.1:{self.port}/export/p.csv", **more}


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            state.asked.append((self.command, self.headers.get("authorization", "")))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(state.length or len(state.data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(state.data)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def test_a_file_is_read_over_http_and_not_again_while_its_etag_stays(site: Site) -> None:
    taken, cursor = pull(site.settings())
    site.asked.clear()
    again = pull(site.settings(), cursor)

    assert names(taken) == ["Ann", "Eva"]
    assert again == ([], cursor)
    assert [method for method, _ in site.asked] == ["HEAD"]
    site.headers["etag"] = '"2"'
    with pytest.raises(CursorExpired):
        pull(site.settings(), cursor)


def test_a_server_that_tells_no_marks_is_read_each_time(site: Site) -> None:
    site.headers = {}
    _, cursor = pull(site.settings())

    with pytest.raises(CursorExpired):
        pull(site.settings(), cursor)


def test_keys_go_into_a_header(site: Site) -> None:
    pull(site.settings(user="ann", secret=SECRET))
    pull(site.settings(secret=SECRET))

    assert {sent.split()[0] for _, sent in site.asked} == {"Basic", "Bearer"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccountError), (403, AccountError), (302, AccountError), (404, AccountError), (503, TransientError)],
)
def test_an_answer_that_is_no_file_is_told(site: Site, status: int, kind: type[Exception]) -> None:
    site.status = status
    site.headers = {"location": "http://example.org/elsewhere"}

    with pytest.raises(kind) as told:
        pull(site.settings(secret=SECRET))

    assert SECRET not in str(told.value)


def test_a_file_that_ends_early_or_is_too_long_is_not_taken(site: Site) -> None:
    with pytest.raises(AccountError, match="larger than 10 bytes"):
        pull(site.settings(max_bytes=10))
    site.length = 500
    with pytest.raises(TransientError):
        pull(site.settings())


def test_a_site_that_is_down_is_tried_again_later(site: Site) -> None:
    port = free_port()
    assert not answers(port)

    with pytest.raises(TransientError, match=r"127\.0\.0\.1 does not answer"):
        pull({"path": f"http://127.0.0.1:{port}/p.csv"})
