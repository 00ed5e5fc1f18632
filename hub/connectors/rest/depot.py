"""Files that a service puts on another host: fetched from the hosts that its file names, without any of our keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from hub.connectors.contract import Context
from hub.connectors.http import Api, HttpStatusError
from hub.errors import AccountError, TransientError

KINDS = tuple(
    f"{group}/{kind}"
    for group, kinds in {
        "application": "octet-stream json gzip x-gzip x-tar tar tar+gzip x-compressed-tar csv x-ndjson jsonl",
        "binary": "octet-stream",
        "text": "csv plain tab-separated-values",
    }.items()
    for kind in kinds.split()
)
OWN = frozenset(set(range(400, 500)) - {408, 425, 429})  # said of a file and not of our account


class Depot:
    """hosts: names of hosts; what lies elsewhere is not fetched here

    base     of the service: a file is fetched by https, unless the service itself is spoken to without
    timeout  seconds without a byte moving
    """

    def __init__(self, hosts: Iterable[str], base: httpx.URL, context: Context, timeout: float) -> None:
        self._hosts = frozenset(str(host).strip().lower() for host in hosts)
        self._base, self._context, self._timeout = base, context, timeout
        self._apis: dict[str, Api] = {}

    def holds(self, address: str) -> bool:
        """Does this address lie on one of the hosts, and not on that of the service?"""
        url = _url(address)
        return url is not None and url.host.lower() in self._hosts and url.host != self._base.host

    def get(self, address: str) -> Any:
        """Bytes, or what the JSON says where it is told to be some. TransientError when it cannot be had.

        Messages name the host alone: the address may hold a signature."""
        url = _url(address)
        assert url is not None, "see `holds`"
        secure = url.scheme == "https" or (url.scheme == "http" and self._base.scheme == "http")
        if not secure or url.userinfo:
            raise TransientError(f"{self._context.name}: the address of a file is not safe; it was not fetched.")
        try:
            return self._api(url).get(str(url), own=OWN).body
        except HttpStatusError as error:
            raise TransientError(
                f"{self._context.name}: {url.host} answered {error.status} to the address of a file; it was not read."
            ) from error
        except AccountError as error:
            raise TransientError(f"{error} The file was not read.") from error

    def _api(self, url: httpx.URL) -> Api:
        root = str(url.copy_with(raw_path=b"/", fragment=None))
        if root not in self._apis:
            wait = self._timeout
            self._apis[root] = Api(root, self._context, accept=KINDS, timeout_seconds=wait, deadline_seconds=wait * 4)
        return self._apis[root]


def _url(address: str) -> httpx.URL | None:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return None
    return url if url.scheme in {"http", "https"} and url.host else None
