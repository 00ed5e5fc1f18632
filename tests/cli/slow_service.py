"""A service of contacts, in this process, that can be made to wait in the middle of its list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SIZE = 10
FILE = """
service: Acorn
about: a made-up service
url: {url}
settings: {{secret: {{help: key, secret: true}}}}
auth: {{header: {{x-key: "{{secret}}"}}}}
check: {{call: GET /contacts, query: {{limit: 1}}, count: total}}
record: {{id: id}}
list:
  call: GET /contacts
  query: {{limit: "{{size}}", offset: "{{offset}}"}}
  items: items
  size: 10
  paging: {{offset: 0, total: total}}
mapping: {{fields: {{given_name: first, emails: mail}}}}
"""


class SlowService:
    """count     how many contacts it has
    pages     where each page that was asked for began
    is_asked  somebody waits for the second page
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.pages: list[int] = []
        self.is_asked = threading.Event()
        self._open = threading.Event()
        self._open.set()

    def hold(self) -> None:
        self.is_asked.clear()
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    def page(self, offset: int) -> dict[str, Any]:
        self.pages.append(offset)
        if offset == SIZE:
            self.is_asked.set()
            self._open.wait(60)
        numbers = range(offset, min(offset + SIZE, self.count))
        items = [{"id": str(n), "first": f"Ana{n}", "mail": f"a{n}@example.org"} for n in numbers]
        return {"items": items, "total": self.count}


@contextmanager
def slow_service(count: int) -> Iterator[tuple[SlowService, str]]:
    """The service, and the file that describes it."""
    service = SlowService(count)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            offset = int(parse_qs(urlsplit(self.path).query).get("offset", ["0"])[0])
            body = json.dumps(service.page(offset)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield service, FILE.format(url=f"http://127.0.0.1:{server.server_port}")
        finally:
            service.go_on()
            server.shutdown()
