"""A real tap of the package index, `tap-rest-api-msdk`, reading from a server in this process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hub.connectors.contract import Context
from hub.connectors.singer import SingerConnector, SingerSettings
from hub.model import Record

TAP = "tap-rest-api-msdk"
PEOPLE = [{"id": 1, "given_name": "Ana"}, {"id": 2, "given_name": "Rui"}]
INSTALL_SECONDS = 240


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(PEOPLE).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The tap's program: the one that is installed, or else a new one in an environment of its own."""
    found = shutil.which(TAP)
    if found is not None:
        return found
    folder = tmp_path / "tap"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "pip"), "install", "-q", f"{TAP}~=1.4.2"]
    try:
        done = subprocess.run(install, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{TAP} was not installed within {INSTALL_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"{TAP} cannot be installed here: pip ended with {done.returncode}")
    return str(folder / "bin" / TAP)


@pytest.mark.timeout(400)
def test_a_real_tap_is_read_with_its_keys_and_its_state(program: str, address: str, tmp_path: Path) -> None:
    stream = {"name": "people", "path": "/people", "primary_keys": ["id"], "records_path": "$.[*]"}
    config = tmp_path / "tap.json"
    config.write_text(json.dumps({"api_url": address, "streams": [stream]}))
    settings = SingerSettings(command=(program,), config=config, stream="people")
    tap = SingerConnector(settings, Context("people", base=tmp_path))

    pages = list(tap.pull(None))

    assert tap.check().lines == ("1 streams: people",)
    assert [item for page in pages for item in page.items] == [Record(str(each["id"]), each) for each in PEOPLE]
    assert pages[-1].cursor is not None and "bookmarks" in pages[-1].cursor
    assert [item.id for page in tap.pull(pages[-1].cursor) for item in page.items if isinstance(item, Record)]
