"""Requests of SCIM 2.0 and the service's own account of what it can do; errors translated once.

Source   RFC 7643, RFC 7644, RFC 9865 (cursors)
Errors   {schemas, status, scimType, detail}; `detail` may name values, so only what is not quoted of it is kept
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connectors.http import Api, HttpStatusError, Response
from hub.connectors.scim_user import in_filter, tidy
from hub.errors import AccountError, HubError, TransientError

SCIM = "application/scim+json"
JSON_TYPES = (SCIM, "application/json")
SEARCHED_AT_ONCE = 40  # ids in one filter: addresses of requests stay below 4 KB
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|\S+@\S+")


@dataclass(frozen=True, slots=True)
class Offer:
    """What /ServiceProviderConfig says. Without that page nothing but the plainest is taken for granted."""

    patch: bool = False
    filter: bool = True
    etag: bool = False
    sort: bool = False
    cursor: bool = False
    most: int = 0  # results of one answer; 0: not said
    bulk: bool = False
    operations: int = 0
    payload: int = 0
    said: bool = False


def read_offer(body: Any) -> Offer:
    found = tidy(body) if isinstance(body, Mapping) else {}

    def offers(name: str) -> bool:
        part = found.get(name)
        return isinstance(part, Mapping) and str(part.get("supported", "")).lower() == "true"

    bulk, paging = found.get("bulk") or {}, found.get("pagination") or {}
    operations, payload = int(bulk.get("maxOperations") or 0), int(bulk.get("maxPayloadSize") or 0)
    most = (_count(found, "filter", "maxResults"), _count(found, "pagination", "maxPageSize"))
    return Offer(
        patch=offers("patch"),
        filter=offers("filter"),
        etag=offers("etag"),
        sort=offers("sort"),
        cursor=str(paging.get("cursor", "")).lower() == "true",
        most=min(filter(None, most), default=0),
        bulk=offers("bulk") and operations > 1 and payload > 0,
        operations=operations,
        payload=payload,
        said=True,
    )


def _count(found: Mapping[str, Any], name: str, part: str) -> int:
    return int((found.get(name) or {}).get(part) or 0)


class Scim:
    """Requests of one account."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._offer: Offer | None = None

    @property
    def offer(self) -> Offer:
        if self._offer is None:
            try:
                self._offer = read_offer(self._api.get("/ServiceProviderConfig").body)
            except HttpStatusError as error:
                if error.status != 404:
                    raise self.odd(error) from error
                self._offer = Offer()
        return self._offer

    def ask(self, path: str, params: Mapping[str, Any]) -> Response:
        """HttpStatusError for a refusal."""
        return self._api.get(path, params=params)

    def send(self, method: str, path: str, body: Any, version: str | None = None) -> Response:
        """A write. HttpStatusError is the caller's; 501 is among it."""
        headers = {"content-type": SCIM}
        if version is not None and self.offer.etag:
            headers["if-match"] = version
        idempotent = method in {"PUT", "DELETE"} and version is None
        return self._api.request(method, path, json=body, headers=headers, idempotent=idempotent, own=(501,))

    def one(self, path: str) -> Mapping[str, Any] | None:
        """A resource; None when it is not there."""
        try:
            body = self._api.get(path).body
        except HttpStatusError as error:
            if error.status == 404:
                return None
            raise self.odd(error) from error
        return self._object(body)

    def listed(self, body: Any) -> tuple[list[Mapping[str, Any]], int, str | None]:
        """(resources, how many there are in all, cursor of the next page) of a list response."""
        found = self._object(body)
        folded = {str(name).lower(): value for name, value in found.items()}
        resources = folded.get("resources") or []
        if "totalresults" not in folded or not isinstance(resources, list):
            raise self.no_scim()
        return resources, int(folded["totalresults"]), folded.get("nextcursor") or None

    def _object(self, body: Any) -> Mapping[str, Any]:
        if not isinstance(body, Mapping) or "schemas" not in {str(name).lower() for name in body}:
            raise self.no_scim()
        return body

    def no_scim(self) -> TransientError:
        return TransientError(
            f"{self._name}: what answered does not speak SCIM 2.0; nothing was read. Next: check `url`, which ends "
            "in the version, such as /scim/v2."
        )

    def odd(self, error: HttpStatusError) -> HubError:
        return AccountError(
            f"{self._name}: {error} {told(error.body)} Nothing was read. Next: check `url` and the rights of the "
            "account, then run `hub check`."
        )


def told(body: Any) -> str:
    """The service's words about an error, without values."""
    if not isinstance(body, Mapping):
        return "It gave no reason."
    folded = {str(name).lower(): value for name, value in body.items()}
    kind, detail = folded.get("scimtype"), _QUOTED.sub("…", str(folded.get("detail") or ""))
    said = ": ".join(str(each) for each in (kind, detail.strip()) if each)
    return f"It said: {said.rstrip('.')}." if said else "It gave no reason."


def kind_of(body: Any) -> str:
    """`scimType` of an error, "" without one."""
    return str(body.get("scimType") or "") if isinstance(body, Mapping) else ""


def search_by_id(ids: Sequence[str]) -> str:
    return " or ".join(f"id eq {in_filter(each)}" for each in ids)
