"""A real SCIM server (scim2-server) in this process, in the kinds that services come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx
from scim2_models import ScimProvider, ServiceProviderConfig
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import load_default_resource_types, load_default_schemas

TOKEN = "scim-token-6f1d"
URL = "http://scim.example.org/v2"
SECRET = "a secret of the server, for its cursors"
PLAIN = "".join(map(chr, range(32, 127)))  # of headers
USER = "urn:ietf:params:scim:schemas:core:2.0:User"

FULL = {"patch": True, "bulk": True, "filter": True, "sort": True, "etag": True, "cursor": False}
KINDS: dict[str, dict[str, bool]] = {
    "full": FULL,
    "cursors": {**FULL, "cursor": True},
    "no versions": {**FULL, "etag": False, "bulk": False},
    "plain": {"patch": False, "bulk": False, "filter": True, "sort": False, "etag": False, "cursor": False},
}


def offer(kind: dict[str, bool], *, most: int = 0) -> ServiceProviderConfig:
    said: dict[str, Any] = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": kind["patch"]},
        "bulk": {"supported": kind["bulk"], "maxOperations": 20, "maxPayloadSize": 20_000},
        "filter": {"supported": kind["filter"], "maxResults": most or 50},
        "changePassword": {"supported": False},
        "sort": {"supported": kind["sort"]},
        "etag": {"supported": kind["etag"]},
        "authenticationSchemes": [],
    }
    if kind["cursor"]:
        said["pagination"] = {"cursor": True, "index": True, "maxPageSize": 50}
    return ServiceProviderConfig.model_validate(said)


@cache
def service(**kind: bool) -> tuple[ScimProvider, ScimService]:
    """What a kind of server serves: costly to make, and without a state of its own."""
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=offer(kind)
    )
    return provider, ScimService(provider, secret=SECRET)


class Network(httpx.BaseTransport):
    """The way to the server. `ignoring`: writes are answered as if carried out, and change nothing."""

    def __init__(self, app: Any, storage: InMemoryStorage) -> None:
        def recoded(environ: dict[str, Any], start: Any) -> Any:
            """Paths and headers as real servers carry them, which httpx does not."""
            environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")

            def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                return start(status, [(name, quote(value, safe=PLAIN)) for name, value in headers], *rest)

            return app(environ, begin)

        self._wire = httpx.WSGITransport(app=recoded)
        self._storage = storage
        self.ignoring = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        before = [each.model_copy(deep=True) for each in self._storage.resources] if self.ignoring else []
        answer = self._wire.handle_request(request)
        response = httpx.Response(answer.status_code, headers=answer.headers, content=answer.read(), request=request)
        if self.ignoring and request.method != "GET":
            self._storage.resources = before
        return response


class Scim:
    """The server with its back door. `now` is its clock, which can be stopped."""

    def __init__(self, kind: dict[str, bool]) -> None:
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.storage = InMemoryStorage(clock=lambda: self.now())
        provider, served = service(**kind)
        self.app = BearerTokenApplication(self.storage, provider, service=served, bearer_tokens=[TOKEN])
        self.network = Network(self.app, self.storage)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/scim+json"}
        self._client = httpx.Client(base_url=URL, transport=self.network, headers=headers)
        self._number = count(1)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def add(self, **more: Any) -> str:
        number = next(self._number)
        user = {
            "schemas": [USER],
            "userName": f"rita{number}@example.org",
            "name": {"givenName": "Rita", "familyName": f"Vaz {number}"},
            "emails": [{"value": f"rita{number}@example.org", "type": "work", "primary": True}],
            "title": "Boss",
            "userType": "Employee",
        }
        return str(self.call("POST", "/Users", {**user, **more})["id"])

    def change(self, user: str, **fields: Any) -> None:
        there = self.call("GET", f"/Users/{user}")
        self.call("PUT", f"/Users/{user}", {**there, **fields})

    def remove(self, user: str) -> None:
        self.call("DELETE", f"/Users/{user}")

    def show(self, user: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/Users/{user}")
        return found
