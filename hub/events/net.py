"""Requests to addresses that others have named: to the outside only, whatever a name resolves to.

What is looked at is the address that is connected to, not the name: a name that says one thing when it is looked at
and another when it is called gains nothing. No redirect is followed, and an answer is not read beyond its head.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpcore

Address = IPv4Address | IPv6Address
SECONDS = 15.0  # for all of connecting, sending and the head of the answer, each


class Forbidden(Exception):
    """The address is none of the outside."""


def is_outside(address: Address) -> bool:
    """Whether it is somewhere in the public network: not this machine, its neighbours, or what stands for them."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None and not is_outside(inner):
            return False
        if address in _NAT64:
            return is_outside(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


class _Prefix:
    """64:ff9b::/96, by which IPv4 is reached from IPv6."""

    def __contains__(self, address: IPv6Address) -> bool:
        return int(address) >> 32 == 0x64FF9B << 64


_NAT64 = _Prefix()


def resolved(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Outside(httpcore.NetworkBackend):
    """Connects to the first address of a name, if all of them are allowed."""

    def __init__(
        self,
        allowed: Callable[[Address], bool] = is_outside,
        resolve: Callable[[str, int], list[str]] = resolved,
        inner: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._allowed, self._resolve = allowed, resolve
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = self._resolve(host, port)
        except OSError as err:
            raise httpcore.ConnectError("the name is not known") from err
        if not found or not all(self._allowed(ip_address(each.partition("%")[0])) for each in found):
            raise Forbidden
        return self._inner.connect_tcp(found[0], port, timeout, local_address, socket_options)


class Poster:
    """POST requests; connections are kept for the next."""

    def __init__(self, backend: Outside, trust: ssl.SSLContext | None = None) -> None:
        context = trust or ssl.create_default_context()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, max_connections=4, keepalive_expiry=30.0, network_backend=backend
        )

    def close(self) -> None:
        self._pool.close()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Forbidden; httpcore's errors and OSError when there is none."""
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        with self._pool.stream("POST", url, headers=sent, content=body, extensions={"timeout": timeout}) as answer:
            return int(answer.status)
