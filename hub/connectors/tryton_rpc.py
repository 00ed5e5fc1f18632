"""JSON-RPC of a Tryton server: session, calls, and its errors translated once.

Source  trytond 8.2, protocols/dispatcher.py and jsonrpc.py, and what a real server answers
Login   common.db.login gives a session; it ends after minutes without a call (401): logged in again, once
Errors  always status 200, {"error": [kind, details]}; any other exception inside is {"error": [text, trace]}
Quirk   texts of its errors name records and values: what is in quotation marks is left out of ours
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from hub.connectors.http import Api, HttpStatusError
from hub.errors import AccountError, HubError, RecordError, TransientError

BY_ID = [["id", "ASC"]]
ENGLISH = {"language": "en"}  # of messages and of names of countries
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|<[^>]*>')
_BUSY = re.compile(r"locked|deadlock|serializ|could not obtain|timeout|timed out|connection", re.IGNORECASE)


class MovedError(HubError):
    """A record was changed after it was read: nothing of the call was carried out."""


class Rpc:
    """Calls of one user on one database."""

    def __init__(self, api: Api, name: str, database: str, user: str, secret: SecretStr) -> None:
        self._api = api
        self._name = name
        self._database = database
        self._user = user
        self._secret = secret
        self._session: str | None = None

    def read(self, model: str, method: str, *params: Any) -> Any:
        """A call that changes nothing. AccountError when this user may not read that."""
        try:
            return self._in_session(f"model.{model}.{method}", [*params, ENGLISH], idempotent=True)
        except RecordError as error:
            raise AccountError(
                f"{self._name}: {error} Nothing was read. Next: give the user the right to read "
                f"{model}, or check that the server is of series 8.0 or newer."
            ) from error

    def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        limit: int | None = None,
        order: Sequence[Any] = BY_ID,
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.read(model, "search_read", list(domain), 0, limit, order, list(fields))
        plain = {name for name in fields if "." not in name}
        for each in found:
            if missing := plain - each.keys():
                raise TransientError(
                    f"{self._name}: Tryton answers without {min(missing)} of {model}; nothing is concluded from it. "
                    "Next: check that the server is of series 8.0 or newer."
                )
        return found

    def write(self, model: str, method: str, *params: Any, timestamps: Mapping[str, str] | None = None) -> Any:
        """One transaction: MovedError when a record is not as in `timestamps`, RecordError on a refusal.

        timestamps  "party.party,7" → its `_timestamp` as read
        """
        context = {**ENGLISH, "_timestamp": dict(timestamps or {})}
        return self._in_session(f"model.{model}.{method}", [*params, context], idempotent=False)

    def version(self) -> str:
        """Series of the server, such as 8.2; needs no login."""
        try:
            return str(self._call("/rpc/", "common.server.version", [], {}, idempotent=True))
        except HttpStatusError as error:
            raise self._refused(error.status) from error

    def logout(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            with suppress(HubError):  # the session ends by itself as well
                self._call(self._path, "common.db.logout", [], {"authorization": session}, idempotent=True)

    @property
    def _path(self) -> str:
        return f"/{self._database}/rpc/"

    def _in_session(self, method: str, params: Sequence[Any], *, idempotent: bool) -> Any:
        fresh = self._session is None
        try:
            return self._call(self._path, method, params, self._headers(), idempotent=idempotent)
        except HttpStatusError as error:
            if error.status != 401 or fresh:
                raise self._refused(error.status) from error
        self._session = None
        try:
            return self._call(self._path, method, params, self._headers(), idempotent=idempotent)
        except HttpStatusError as error:
            raise self._refused(error.status) from error

    def _headers(self) -> dict[str, str]:
        if self._session is None:
            self._session = self._login()
        return {"authorization": self._session}

    def _login(self) -> str:
        parameters = {"password": self._secret.get_secret_value()}
        try:
            answer = self._call(
                self._path, "common.db.login", [self._user, parameters, "en"], {}, idempotent=True, own=(503,)
            )
        except (HttpStatusError, RecordError) as error:  # 503: also of a database that is not there
            if self._database not in self._databases():
                raise AccountError(
                    f"{self._name}: there is no database {self._database!r} on this Tryton server; nothing "
                    "was done. Next: check `database`."
                ) from error
            if isinstance(error, HttpStatusError) and error.status == 503:
                raise TransientError(f"{self._name}: Tryton answered 503; nothing was done.") from error
            raise AccountError(
                f"{self._name}: Tryton does not let this user in with this password; nothing was done. "
                "Next: check `user` and `secret`, and that the account needs no second factor."
            ) from error
        user, token = answer[0], answer[1]
        key = base64.b64encode(f"{self._user}:{user}:{token}".encode()).decode()
        return f"Session {key}"

    def _databases(self) -> Sequence[str]:
        """Names of those on the server; ours alone when it does not tell."""
        try:
            names: list[str] = self._call("/rpc/", "common.db.list", [], {}, idempotent=True)
        except HubError:
            return [self._database]
        return names

    def _refused(self, status: int) -> HubError:
        return AccountError(
            f"{self._name}: Tryton answered {status}; nothing was done. Next: check `url` and `database` and "
            "the rights of the user, then run `hub check`."
        )

    def _call(
        self,
        path: str,
        method: str,
        params: Sequence[Any],
        headers: Mapping[str, str],
        *,
        idempotent: bool,
        own: Sequence[int] = (),
    ) -> Any:
        answer = self._api.post(
            path,
            json={"id": 0, "method": method, "params": list(params)},
            headers=headers,
            own=(401, 403, 404, *own),
            idempotent=idempotent,
        ).body
        if isinstance(answer, Mapping) and "error" in answer:
            raise self._failure(answer["error"], idempotent=idempotent)
        if not isinstance(answer, Mapping) or "result" not in answer:
            raise TransientError(
                f"{self._name}: what answered is no Tryton server; nothing is known of the call. Next: check `url`.",
                maybe_done=not idempotent,
            )
        return answer["result"]

    def _failure(self, error: Any, *, idempotent: bool) -> HubError:
        kind, details = (error[0], error[1:]) if isinstance(error, list) and error else ("", [])
        if kind == "ConcurrencyException":
            return MovedError(f"{self._name}: the record was changed meanwhile.")
        if kind in {"UserError", "UserWarning"}:
            return RecordError(f"Tryton refused it: {_without_values(details)}")
        if kind == "LoginException":
            return AccountError(f"{self._name}: Tryton asks for more than a password; nothing was done.")
        if kind == "RateLimitException" or _BUSY.search(str(kind)):
            return TransientError(f"{self._name}: Tryton's database is busy.", maybe_done=not idempotent)
        return RecordError("Tryton failed inside and undid it; its own log says why.")


def _without_values(details: Any) -> str:
    """The message of an error without names, numbers and addresses that it quotes."""
    text = details[0] if details else ""
    while isinstance(text, list) and text:
        text = text[0]
    return _QUOTED.sub("…", str(text)).strip()


# --- times in JSON ----------------------------------------------------------------------------------

_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def write_time(at: datetime) -> dict[str, Any]:
    """Aware UTC as the JSON object that Tryton reads as a time, which it keeps without a zone."""
    return {"__class__": "datetime", **{part: getattr(at, part) for part in _PARTS}}


def read_time(value: Mapping[str, Any]) -> datetime:
    """Aware UTC of such an object."""
    year, month, day, hour, minute, second, micro = (int(value[part]) for part in _PARTS)
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
