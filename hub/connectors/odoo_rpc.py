"""Calls to an Odoo server in its three protocols, and its errors translated once.

Source   Odoo 19.0: addons/rpc, odoo/http.py, odoo/service/model.py, and what a real server answers
JSON-2   POST /json/2/MODEL/METHOD, API key as bearer, named arguments; an error is a status with {name, message}
JSON-RPC POST /jsonrpc; always status 200, an error is {error: {data: {name, message}}}; a key or a password
XML-RPC  POST /xmlrpc/2/...; always status 200, an error is a fault with code 1 to 4, where 1 holds a traceback
Effect   one call is one transaction: an error that Odoo tells means that nothing was done
Quirk    texts of errors name records, users and values: what is in quotation marks and below the first line is
         left out of ours
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from hub.connectors.http import Api, HttpStatusError
from hub.connectors.odoo_xml import XmlFault, read_answer, write_call
from hub.errors import AccountError, HubError, RecordError, TransientError

ALL = {"active_test": False}  # context: what was archived is there as well
OWN = (400, 401, 403, 404, 405, 422, 500)  # statuses by which JSON-2 tells an error of its own
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|<[^>]*>|\S+@\S+")
_DENIED = frozenset({"AccessDenied", "Unauthorized", "SessionExpiredException", "Forbidden"})
_BUSY = frozenset({"SerializationFailure", "LockNotAvailable", "DeadlockDetected", "ConcurrencyError", "QueryCanceled"})
_DATABASE = frozenset({"OperationalError", "PoolError", "InterfaceError"})


class RightsError(RecordError):
    """This user may not do that, with this record or with any."""


class GoneError(RecordError):
    """A record of the call is not there any more."""


class UnknownNameError(RecordError):
    """There is no such model, method or external id."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whose calls these are. `user` is not needed where the key alone says it."""

    database: str
    user: str | None
    secret: SecretStr


class Rpc(ABC):
    """Calls of one user on one database, with named arguments."""

    label: str

    def __init__(self, api: Api, name: str, login: Login) -> None:
        self._api = api
        self._name = name
        self._login = login

    @abstractmethod
    def call(
        self, model: str, method: str, named: Mapping[str, Any], ids: Sequence[int] | None, *, idempotent: bool
    ) -> Any:
        """One transaction. RecordError (and its kinds above) when Odoo refused it, so that nothing was done."""

    def read(self, model: str, method: str, **named: Any) -> Any:
        """A call of a model's own method that changes nothing; what was archived is there as well."""
        context = {**ALL, **named.pop("context", {})}
        try:
            return self.call(model, method, {**named, "context": context}, None, idempotent=True)
        except RightsError as error:
            raise AccountError(
                f"{self._name}: this user may not read {model}; nothing was read. Next: give it the right in Odoo."
            ) from error

    def search_read(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None, order: str = "id"
    ) -> list[dict[str, Any]]:
        bounded = {} if limit is None else {"limit": limit}
        try:
            found: list[dict[str, Any]] = self.read(
                model, "search_read", domain=list(domain), fields=list(fields), order=order, **bounded
            )
        except RecordError as error:
            raise AccountError(
                f"{self._name}: {model} cannot be read: {error} Next: install what it belongs to in Odoo, and check "
                "the fields that the settings name."
            ) from error
        if not isinstance(found, list) or not all(isinstance(each, dict) and _is_id(each.get("id")) for each in found):
            raise self.no_odoo(maybe_done=False)
        return found

    def count(self, model: str, domain: Sequence[Any]) -> int:
        found = self.read(model, "search_count", domain=list(domain))
        if not _is_id(found):
            raise self.no_odoo(maybe_done=False)
        return int(found)

    def write(self, model: str, method: str, ids: Sequence[int] | None = None, **named: Any) -> Any:
        """A call that changes something."""
        context = {**ALL, **named.pop("context", {})}
        return self.call(model, method, {**named, "context": context}, ids, idempotent=False)

    def may(self, model: str, operation: str) -> bool:
        """Whether this user may do that with any record of the model at all."""
        named = {"operation": operation, "raise_exception": False}
        return bool(self.read(model, "check_access_rights", **named))

    # --- errors -----------------------------------------------------------------------------------

    def _failure(self, kind: str, message: str) -> HubError:
        """kind  name of the exception in Odoo, without its module"""
        if kind in _DENIED:
            return self._denied()
        if kind in _BUSY:
            return TransientError(f"{self._name}: Odoo's database is busy; nothing was done.")
        if kind in _DATABASE:
            return self._without_database(message)
        if kind == "AccessError":
            return RightsError("This user may not do that in Odoo.")
        if kind == "MissingError" or message.startswith("Record does not exist"):
            return GoneError("A record of the call is not there any more.")
        unknown = "External ID not found" in message or (message.startswith("Object ") and "exist" in message)
        if kind in {"NotFound", "AttributeError"} or unknown:
            return UnknownNameError("Odoo does not know a name of the call.")
        return RecordError(f"Odoo refused it: {without_values(message)}")

    def _denied(self) -> AccountError:
        return AccountError(
            f"{self._name}: Odoo does not let this user in with this key; nothing was done. Next: check "
            "`secret`, `user` and whether the key has expired."
        )

    def _without_database(self, message: str) -> HubError:
        if "does not exist" in message:
            return AccountError(
                f"{self._name}: there is no database {self._login.database!r} on this Odoo server; nothing was "
                "done. Next: check `database`."
            )
        return TransientError(f"{self._name}: Odoo cannot reach its database; nothing was done.")

    def no_odoo(self, *, maybe_done: bool) -> TransientError:
        return TransientError(
            f"{self._name}: what answered is no Odoo server; nothing is known of the call. Next: check `url`.",
            maybe_done=maybe_done,
        )

    def _elsewhere(self) -> AccountError:
        return AccountError(
            f"{self._name}: Odoo does not serve {self.label} for this database; nothing was done. Next: check "
            "`url`, `database` and `protocol`."
        )


class Json2(Rpc):
    label = "JSON-2"

    def call(
        self, model: str, method: str, named: Mapping[str, Any], ids: Sequence[int] | None, *, idempotent: bool
    ) -> Any:
        headers = {
            "authorization": f"bearer {self._login.secret.get_secret_value()}",
            "x-odoo-database": self._login.database,
        }
        body = dict(named) if ids is None else {**named, "ids": list(ids)}
        path = f"/json/2/{model}/{method}"
        try:
            return self._api.post(path, json=body, headers=headers, own=OWN, idempotent=idempotent).body
        except HttpStatusError as error:
            raise self._told(error, idempotent=idempotent) from error

    def _told(self, error: HttpStatusError, *, idempotent: bool) -> HubError:
        if error.status == 401:
            return self._denied()
        if not isinstance(error.body, Mapping) or "name" not in error.body:
            return self.no_odoo(maybe_done=not idempotent) if error.status == 500 else self._elsewhere()
        kind = str(error.body["name"]).rsplit(".", 1)[-1]
        return self._failure(kind, str(error.body.get("message", "")))


class _WithSession(Rpc):
    """The older protocols: a login gives the user's number, which goes with each call."""

    _uid: int | None = None

    def call(
        self, model: str, method: str, named: Mapping[str, Any], ids: Sequence[int] | None, *, idempotent: bool
    ) -> Any:
        given = dict(named)
        args: list[Any] = [] if ids is None else [list(ids)]
        if method == "create":
            args = [given.pop("vals_list")]  # looked at by its place there
        head = [self._login.database, self._user(), self._login.secret.get_secret_value()]
        return self._send("object", "execute_kw", [*head, model, method, args, given], idempotent=idempotent)

    def _user(self) -> int:
        if self._uid is None:
            if not self._login.user:
                raise AccountError(
                    f"{self._name}: {self.label} asks for the login of a user; nothing was done. Next: set `user`."
                )
            given = [self._login.database, self._login.user, self._login.secret.get_secret_value(), {}]
            found = self._send("common", "authenticate", given, idempotent=True)
            if not isinstance(found, int) or isinstance(found, bool):
                raise self._denied()
            self._uid = found
        return self._uid

    @abstractmethod
    def _send(self, service: str, method: str, args: Sequence[Any], *, idempotent: bool) -> Any: ...


class JsonRpc(_WithSession):
    label = "JSON-RPC"

    def _send(self, service: str, method: str, args: Sequence[Any], *, idempotent: bool) -> Any:
        params = {"service": service, "method": method, "args": list(args)}
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        try:
            answer = self._api.post("/jsonrpc", json=body, own=(403, 404), idempotent=idempotent).body
        except HttpStatusError as error:
            raise self._elsewhere() from error
        if isinstance(answer, Mapping) and isinstance(answer.get("error"), Mapping):
            data = answer["error"].get("data")
            data = data if isinstance(data, Mapping) else {}
            if answer["error"].get("code") == 404:
                raise self._elsewhere()
            raise self._failure(str(data.get("name", "")).rsplit(".", 1)[-1], str(data.get("message", "")))
        if not isinstance(answer, Mapping) or "jsonrpc" not in answer:
            raise self.no_odoo(maybe_done=not idempotent)
        return answer.get("result")  # a method that gives nothing back has no `result`


class XmlRpc(_WithSession):
    label = "XML-RPC"

    def _send(self, service: str, method: str, args: Sequence[Any], *, idempotent: bool) -> Any:
        headers = {"content-type": "text/xml"}
        content = write_call(method, args)
        path = f"/xmlrpc/2/{service}"
        try:
            answer = self._api.post(path, content=content, headers=headers, own=(403, 404), idempotent=idempotent).body
            return read_answer(answer)
        except HttpStatusError as error:
            raise self._elsewhere() from error
        except ValueError as error:
            raise self.no_odoo(maybe_done=not idempotent) from error
        except XmlFault as fault:
            raise self._failure(*_read_fault(fault)) from fault


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _read_fault(fault: XmlFault) -> tuple[str, str]:
    """(name of the exception, message); of a traceback the last line says both."""
    known = {3: "AccessDenied", 4: "AccessError", 2: "UserError"}.get(fault.code)
    if known:
        return known, fault.text
    lines = [line for line in fault.text.splitlines() if re.match(r"[A-Za-z_][\w.]*: ", line)]
    kind, _, message = (lines[-1] if lines else "").partition(": ")
    return kind.rsplit(".", 1)[-1], message


def without_values(message: str) -> str:
    """The first line of an error, without the names and values that it quotes."""
    first = message.strip().splitlines()[0] if message.strip() else "it gave no reason"
    return _QUOTED.sub("…", first).strip()


# --- which protocol -----------------------------------------------------------------------------------

PROTOCOLS: Mapping[str, type[Rpc]] = {"json2": Json2, "jsonrpc": JsonRpc, "xmlrpc": XmlRpc}
JSON2_SINCE = 19


def version_of(api: Api) -> str | None:
    """What /web/version says, such as 19.0; None where there is no such page: before version 19."""
    try:
        body = api.get("/web/version", own=(403, 404)).body
    except HttpStatusError:
        return None
    return str(body.get("version", "")) if isinstance(body, Mapping) else None


def older_version(api: Api, name: str, login: Login) -> str:
    """The version that the older protocols tell without a login."""
    told = JsonRpc(api, name, login)._send("common", "version", [], idempotent=True)
    return str(told.get("server_version", "")) if isinstance(told, Mapping) else ""


def serves_json2(version: str | None) -> bool:
    """version  such as 19.0 or saas~19.1+e"""
    number = re.search(r"\d+", version or "")
    return number is not None and int(number[0]) >= JSON2_SINCE
