"""HTTP/1.1 as the parser of Node.js reads it, with an end to what is neither body nor end of a request.

That parser keeps a request line, headers and trailers however long they become, and takes HTTP/0.9 and several hosts.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD: Final = 64 * 1024  # bytes that may come in one piece more


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection once more than `LONGEST_HEAD` bytes came that are no body, and have not led to one."""

    _head = 0

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self._refuse()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response("The head of the request is too long.")
        else:  # trailers: an answer may be on its way
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._head = 0
        self._must_be_whole()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()

    def _must_be_whole(self) -> None:
        """ValueError, answered by 400: no version that is served, or not one host (RFC 9112, 3.2)."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        if version not in ("1.0", "1.1") or len(hosts) > 1 or (version == "1.1" and not hosts):
            raise ValueError(version)
