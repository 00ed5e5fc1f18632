"""One bound connection to a directory: searches, changes, and its errors translated once.

Result                                             what the connector sees
---------------------------------------------------------------------------------------------------
49 48 8 13 50, no trusted certificate, 10 referral  AccountError
32 of the base, 3 4 11 (limits)                     AccountError: nothing is concluded from a cut listing
51 52, no connection, timeouts                      TransientError
all others                                          LdapRefusal, for the connector to translate

Library: python-ldap, over OpenLDAP's libldap, kept by its own community with releases for each Python; ldap3 is pure
Python, but its last stable release is of 2021, its import warns with today's pyasn1, and it has no syncrepl.
Referrals are not followed: they would carry the password to another server.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hub.connectors.contract import Context
from hub.connectors.ldap_entry import Change, Raw, Rdn
from hub.errors import AccountError, ConfigError, CursorExpired, HubError, TransientError

T = TypeVar("T")
DELETED_TOO = "1.2.840.113556.1.4.417"  # Active Directory: show deleted objects
ASSERTION = "1.3.6.1.1.12"
SYNC = "1.3.6.1.4.1.4203.1.9.1.1"
REFRESH_REQUIRED = 4096
KEY_REFUSED = frozenset({8, 13, 48, 49})
LIMITS = frozenset({3, 4, 11})
LATER = frozenset({51, 52, 80, -1, -5, -11, 81, 85, 91})


class LdapRefusal(HubError):
    """A result that only the connector can read. `said` is the server's own text: it may name people."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"LDAP result {code}")
        self.code, self.said = code, said


@dataclass(frozen=True, slots=True)
class Account:
    """Where, and as whom."""

    url: str
    user: str
    secret: str
    start_tls: bool
    ca_file: Path | None
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Entry:
    dn: str
    raw: Raw


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync search tells: an entry with its id, or ids that are gone; the last one has the cookie."""

    entries: tuple[Entry, ...] = ()
    gone: tuple[str, ...] = ()
    cookie: str | None = None


class Link:
    """Binds when it is first used, and again after the connection was lost. `calls`: asked of the server so far."""

    def __init__(self, context: Context, account: Account) -> None:
        self._context, self._name = context, context.name
        self._account, self._timeout = account, account.timeout_seconds
        self._ca_file = context.base / account.ca_file if account.ca_file else None
        self.calls = 0
        self._open: Any = None
        self._is_listing = False
        self._root: dict[str, list[bytes]] | None = None
        context.closing.callback(self.close)

    @cached_property
    def _ldap(self) -> Any:
        """The library, when it is first needed: what a connection can do is known without it."""
        return _library()

    def close(self) -> None:
        held, self._open = self._open, None
        if held is not None:
            try:
                held.unbind_s()
            except self._ldap.LDAPError:
                return  # it was gone already

    # --- reading ----------------------------------------------------------------------------------

    def root(self) -> dict[str, list[bytes]]:
        """What the server tells of itself, read once; names in small letters."""
        if self._root is None:
            names = ["*", "+", "supportedControl", "highestCommittedUSN", "dsServiceName", "defaultNamingContext"]
            found = self._read(lambda link: link.search_ext_s("", self._ldap.SCOPE_BASE, "(objectClass=*)", names))
            self._root = {name.lower(): values for name, values in (found[0][1] if found else {}).items()}
        return self._root

    def fresh_root(self) -> dict[str, list[bytes]]:
        self._root = None
        return self.root()

    def offers(self, control: str) -> bool:
        return control.encode() in self.root().get("supportedcontrol", [])

    def entry(self, dn: str, names: Sequence[str]) -> Entry | None:
        try:
            found = self._read(
                lambda link: link.search_ext_s(dn, self._ldap.SCOPE_BASE, "(objectClass=*)", list(names))
            )
        except LdapRefusal as refusal:
            if refusal.code == 32:
                return None
            raise
        return next((Entry(dn, raw) for dn, raw in found if dn is not None), None)

    def pages(
        self, base: str, filter_: str, names: Sequence[str], size: int, *, deleted: bool = False
    ) -> Iterator[list[Entry]]:
        """Pages of entries; at least one, which may be empty. AccountError when the base is not there.

        A server remembers one listing a connection: another that is begun meanwhile has a connection of its own.
        """
        if self._is_listing:
            other = Link(self._context, self._account)
            try:
                yield from other.pages(base, filter_, names, size, deleted=deleted)
            finally:
                other.close()
            return
        self._is_listing = True
        try:
            yield from self._pages(base, filter_, names, size, deleted=deleted)
        finally:
            self._is_listing = False

    def _pages(
        self, base: str, filter_: str, names: Sequence[str], size: int, *, deleted: bool
    ) -> Iterator[list[Entry]]:
        from ldap.controls import RequestControl, SimplePagedResultsControl

        cookie: Any = b""
        while True:
            page = SimplePagedResultsControl(True, size=size, cookie=cookie)
            controls = [page, *([RequestControl(DELETED_TOO, True)] if deleted else [])]

            def ask(link: Any, controls: Any = controls) -> Any:
                number = link.search_ext(base, self._ldap.SCOPE_SUBTREE, filter_, list(names), serverctrls=controls)
                return link.result3(number, timeout=self._timeout)

            _, found, _, answered = self._base_read(ask, first=not cookie)
            cookie = next((each.cookie for each in answered if each.controlType == page.controlType), b"")
            yield [Entry(dn, raw) for dn, raw in found if dn is not None]
            if not cookie:
                return

    def sync(self, base: str, filter_: str, names: Sequence[str], cookie: str | None, size: int) -> Iterator[Synced]:
        """RFC 4533, refreshOnly. CursorExpired when the server cannot tell from this cookie what is gone."""
        from ldap.syncrepl import SyncInfoMessage, SyncRequestControl

        control = SyncRequestControl(cookie=cookie, mode="refreshOnly")

        def begin(link: Any) -> Any:
            return link, link.search_ext(base, self._ldap.SCOPE_SUBTREE, filter_, list(names), serverctrls=[control])

        link, number = self._base_read(begin)
        entries: list[Entry] = []
        gone: list[str] = []
        while True:
            kind, data, _, controls, _, _ = self._base_read(
                lambda _: link.result4(number, all=0, timeout=self._timeout, add_ctrls=1, add_intermediates=1),
                first=False,
            )
            if kind == self._ldap.RES_SEARCH_RESULT:
                done = next((each for each in controls if hasattr(each, "refreshDeletes")), None)
                after = done.cookie if done is not None and done.cookie else cookie
                if cookie is not None and after != cookie and not (done is not None and done.refreshDeletes):
                    raise self._expired()
                yield Synced(tuple(entries), tuple(gone), after)
                return
            for first, raw, answered in data:
                if kind == self._ldap.RES_INTERMEDIATE:
                    told = SyncInfoMessage(raw).syncIdSet if first == SyncInfoMessage.responseName else None
                    if told and not told["refreshDeletes"] and cookie is not None:
                        raise self._expired()
                    gone += told["syncUUIDs"] if told and told["refreshDeletes"] else []
                elif first is not None:
                    state = next((each for each in answered if hasattr(each, "state")), None)
                    if state is not None and state.state == "delete":
                        gone.append(state.entryUUID)
                    elif state is not None and state.state != "present":
                        entries.append(Entry(first, raw))
            if len(entries) + len(gone) >= size:
                yield Synced(tuple(entries), tuple(gone))
                entries, gone = [], []

    # --- writing ----------------------------------------------------------------------------------

    def add(self, dn: str, values: dict[str, list[bytes]]) -> None:
        self._write(lambda link: link.add_ext_s(dn, list(values.items())))

    def modify(self, dn: str, changes: Sequence[Change], unless: str | None) -> None:
        """unless: a filter that the entry must still match, where the server can see to it."""
        self._write(lambda link: link.modify_ext_s(dn, list(changes), serverctrls=self._asserted(unless)))

    def rename(self, dn: str, rdn: str, unless: str | None) -> None:
        self._write(lambda link: link.rename_s(dn, rdn, None, 1, serverctrls=self._asserted(unless)))

    def delete(self, dn: str, unless: str | None) -> None:
        self._write(lambda link: link.delete_ext_s(dn, serverctrls=self._asserted(unless)))

    def _asserted(self, unless: str | None) -> list[Any] | None:
        from ldap.controls.libldap import AssertionControl

        return [AssertionControl(True, unless)] if unless else None

    # --- the connection ---------------------------------------------------------------------------

    def _bound(self) -> Any:
        if self._open is None:
            link = self._ldap.initialize(self._account.url, bytes_mode=False)
            options = {
                self._ldap.OPT_PROTOCOL_VERSION: 3,
                self._ldap.OPT_REFERRALS: 0,
                self._ldap.OPT_NETWORK_TIMEOUT: self._timeout,
                self._ldap.OPT_TIMEOUT: self._timeout,
            }
            for option, value in options.items():
                link.set_option(option, value)
            self._trust(link)
            if self._account.start_tls:
                self._encrypt(link)
            try:
                link.simple_bind_s(self._account.user, self._account.secret)
            except self._ldap.SERVER_DOWN:
                if self._shows_another_certificate():
                    raise self._no_tls() from None
                raise
            self._open = link
        return self._open

    def _encrypt(self, link: Any) -> None:
        try:
            link.start_tls_s()
        except (self._ldap.SERVER_DOWN, self._ldap.TIMEOUT, self._ldap.BUSY, self._ldap.UNAVAILABLE):
            raise
        except self._ldap.LDAPError:
            raise self._no_tls() from None

    def _shows_another_certificate(self) -> bool:
        """libldap does not say why a connection by ldaps:// came to nothing: a handshake of our own does."""
        address = urlsplit(self._account.url)
        if address.scheme.lower() != "ldaps" or not address.hostname:
            return False
        try:
            trust = ssl.create_default_context(cafile=self._ca_file)
            with socket.create_connection((address.hostname, address.port or 636), self._timeout) as plain:
                trust.wrap_socket(plain, server_hostname=address.hostname).close()
        except ssl.SSLError:
            return True
        except OSError:
            return False
        return False

    def _no_tls(self) -> AccountError:
        return AccountError(
            f"{self._name}: the certificate of the directory is not trusted, or it does not speak TLS as asked; the "
            "password was not sent. Next: renew it there, name the certificate authority of your network in `ca_file`, "
            "or check `url` and `start_tls`."
        )

    def _trust(self, link: Any) -> None:
        if not (self._account.start_tls or self._account.url.lower().startswith("ldaps:")):
            return
        if self._ca_file is not None:
            if not self._ca_file.is_file():
                raise ConfigError(f"{self._name}: `ca_file` {self._ca_file.name} cannot be read.")
            link.set_option(self._ldap.OPT_X_TLS_CACERTFILE, str(self._ca_file))
        link.set_option(self._ldap.OPT_X_TLS_REQUIRE_CERT, self._ldap.OPT_X_TLS_DEMAND)
        link.set_option(self._ldap.OPT_X_TLS_NEWCTX, 0)

    def _base_read(self, call: Callable[[Any], T], *, first: bool = True) -> T:
        try:
            return self._read(call) if first else self._tried(call, writing=False)
        except LdapRefusal as refusal:
            if refusal.code == REFRESH_REQUIRED:
                raise self._expired() from refusal
            if refusal.code in {32, 34}:
                raise AccountError(
                    f"{self._name}: the directory shows no entry at `base` to this account; nothing was read, and "
                    "nothing counts as deleted. Next: check `base` and the rights of the account."
                ) from refusal
            raise self._odd(refusal) from refusal

    def _read(self, call: Callable[[Any], T]) -> T:
        """Once more after a connection that had been open was found closed."""
        was_open = self._open is not None
        try:
            return self._tried(call, writing=False)
        except TransientError:
            if not was_open or self._open is not None:
                raise
            return self._tried(call, writing=False)

    def _write(self, call: Callable[[Any], T]) -> T:
        self._tried(lambda _: None, writing=False)  # bound, before anything is sent
        self.calls -= 1
        return self._tried(call, writing=True)

    def _tried(self, call: Callable[[Any], T], *, writing: bool) -> T:
        try:
            link = self._bound()
            self.calls += 1
            return call(link)
        except self._ldap.LDAPError as error:
            raise self._translated(error, writing) from None  # the original holds the server's text and the DN

    def _translated(self, error: Any, writing: bool) -> HubError:
        told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        code, said = int(told.get("result", getattr(error, "errnum", -1) or -1)), str(told.get("info", ""))
        name = self._name
        if isinstance(error, self._ldap.SERVER_DOWN | self._ldap.CONNECT_ERROR | self._ldap.TIMEOUT):
            self._open = None
            what = "took too long" if isinstance(error, self._ldap.TIMEOUT) else "cannot be reached"
            fate = "it is not known whether it was carried out." if writing else "nothing was done."
            step = f"Next: check `url` ({self._account.url}) and `start_tls`, or wait: every run tries again."
            return TransientError(f"{name}: the directory {what}; {fate} {step}", maybe_done=writing)
        if code in KEY_REFUSED:
            self._open = None
            return AccountError(
                f"{name}: the directory refused the account (LDAP result {code}); nothing was done. Next: check `user` "
                "and the secret, and whether it wants `start_tls` or ldaps."
            )
        if code == 50:
            what = "may not write there; nothing was written" if writing else "may not read there; nothing was read"
            return AccountError(f"{name}: this account {what}. Next: give it the right, or set `push: no`.")
        if code == 10:
            return AccountError(
                f"{name}: the directory refers to another server; it was not followed, so that the password stays "
                "here. Next: put the address of the server that holds `base` and takes writes into `url`."
            )
        if code in LIMITS:
            return AccountError(
                f"{name}: the directory cut the answer at its limit (LDAP result {code}); nothing is concluded from "
                "a part. Next: raise the limit of this account there (in OpenLDAP by `limits`)."
            )
        if code in LATER:
            return TransientError(
                f"{name}: the directory is busy (LDAP result {code}).", maybe_done=writing and code == 80
            )
        return LdapRefusal(code, said)

    def _odd(self, refusal: LdapRefusal) -> AccountError:
        return AccountError(
            f"{self._name}: the directory answered a search with LDAP result {refusal.code}; nothing was read. Next: "
            "check `base`, `filter` and `changes`."
        )

    def _expired(self) -> CursorExpired:
        return CursorExpired(f"{self._name}: the directory cannot tell what is gone since: everything is listed again.")


def parse_dn(dn: str) -> list[Rdn]:
    from ldap.dn import str2dn

    return [[(name, value) for name, value, _ in part] for part in str2dn(dn)]


def _library() -> Any:
    try:
        import ldap
    except ImportError as error:
        raise ConfigError(
            "LDAP needs the package python-ldap and OpenLDAP's libraries (on Debian: apt-get install gcc libldap-dev "
            "libsasl2-dev). Next: pip install 'contact-hub[ldap]'."
        ) from error
    return ldap
