"""Who the hub says it is, in every way that a service file can name."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.connectors.contract import Context
from hub.connectors.rest import RestConnector, service_type
from hub.errors import AccountError
from hub.model import Done, Op, Write
from hub.testing.clock import Clock
from tests.connectors.rest.acorn import spec

SETTINGS = {
    "secret": {"help": "key", "secret": True, "required": True},
    "user": {"help": "user", "default": "hub"},
}
OAUTH = {"token_url": "https://login.acorn.example/token", "client_id": "{user}", "client_secret": "{secret}"}


class World:
    """A service and its token service, on one wire."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.requests: list[httpx.Request] = []
        self.tokens: list[dict[str, list[str]]] = []
        self.valid: set[str] = set()
        self.life = 3600
        self.rotates = False
        self.csrf = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.acorn.example":
            return self.token(request)
        self.requests.append(request)
        if request.url.path.endswith("/fetch"):
            return httpx.Response(200, json={}, headers={"x-csrf-token": self.csrf, "set-cookie": "s=1; Path=/"})
        if self.valid and request.headers.get("authorization", "").split()[-1:] != [max(self.valid)]:
            return httpx.Response(401, json={})
        if request.method != "GET" and self.csrf and request.headers.get("x-csrf-token") != self.csrf:
            return httpx.Response(403, json={}, headers={"x-csrf-token": "Required"})
        return httpx.Response(200, json={"items": [], "total": 0, "id": 1})

    def token(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        self.tokens.append(form)
        if self.rotates and form.get("refresh_token") != [f"refresh-{len(self.tokens) - 1}"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.valid = {f"token-{len(self.tokens)}"}
        more = {"refresh_token": f"refresh-{len(self.tokens)}"} if self.rotates else {}
        return httpx.Response(200, json={"access_token": max(self.valid), "expires_in": self.life, **more})


def connect(world: World, auth: dict[str, Any], base: Path = Path(), **settings: Any) -> RestConnector:
    described = spec(auth=auth, settings=SETTINGS)
    kind = service_type("acorn", described)
    context = Context("acorn", base, transport=httpx.MockTransport(world), clock=world.clock, sleep=world.clock.sleep)
    connector = kind(kind.Settings.model_validate({"secret": "s3cret", **settings}), context)
    assert isinstance(connector, RestConnector)
    return connector


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"header": {"x-key": "{secret}"}}, "x-key", "s3cret"),
        ({"header": {"authorization": "token {user}:{secret}"}}, "authorization", "token hub:s3cret"),
        ({"bearer": "{secret}"}, "authorization", "Bearer s3cret"),
        ({"basic": {"user": "{user}", "password": "{secret}"}}, "authorization", "Basic aHViOnMzY3JldA=="),
    ],
)
def test_a_key_goes_where_the_file_says(auth: dict[str, Any], header: str, value: str) -> None:
    world = World()
    connect(world, auth).check()
    assert world.requests[0].headers[header] == value


def test_a_key_in_the_query_stands_beside_what_else_is_asked() -> None:
    world = World()
    connect(world, {"query": {"api_key": "{secret}"}}).check()
    assert dict(world.requests[0].url.params) == {"limit": "1", "api_key": "s3cret"}


def test_a_token_is_had_once_and_anew_before_it_ends() -> None:
    world = World()
    connector = connect(world, {"oauth": OAUTH})

    connector.check()
    connector.check()
    assert [form["grant_type"] for form in world.tokens] == [["client_credentials"]]

    world.clock.pass_by(world.life - 30)
    connector.check()
    assert len(world.tokens) == 2


def test_a_token_that_is_refused_is_had_anew_once() -> None:
    world = World()
    connector = connect(world, {"oauth": OAUTH})
    connector.check()
    world.valid = {"another"}

    connector.check()

    assert len(world.tokens) == 2
    assert world.requests[-1].headers["authorization"] == "Bearer token-2"


def test_a_token_service_that_refuses_pauses_the_connection_without_telling_the_secret() -> None:
    world = World()
    world.rotates = True  # it knows no refresh token of ours
    with pytest.raises(AccountError, match="token service answered 400") as raised:
        connect(world, {"oauth": OAUTH}).check()
    assert "s3cret" not in str(raised.value)


def test_a_refresh_token_that_is_replaced_is_kept_for_the_next_time(tmp_path: Path) -> None:
    world = World()
    world.rotates = True
    auth = {"oauth": {**OAUTH, "grant": "refresh_token", "refresh_token": "{secret}"}}
    own = {"secret": "refresh-0", "token_file": "data/acorn.token"}

    connect(world, auth, tmp_path, **own).check()
    connect(world, auth, tmp_path, **own).check()

    assert [form["refresh_token"] for form in world.tokens] == [["refresh-0"], ["refresh-1"]]
    kept = tmp_path / "data" / "acorn.token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["token"] == "refresh-2"


def test_a_new_refresh_token_in_the_configuration_begins_anew(tmp_path: Path) -> None:
    world = World()
    auth = {"oauth": {**OAUTH, "grant": "refresh_token", "refresh_token": "{secret}"}}
    world.rotates = True
    connect(world, auth, tmp_path, secret="refresh-0", token_file="kept").check()
    world.rotates = False

    connect(world, auth, tmp_path, secret="given-anew", token_file="kept").check()

    assert world.tokens[-1]["refresh_token"] == ["given-anew"]


def test_a_statement_is_signed_with_the_key() -> None:
    world = World()
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    claims = {"iss": "{user}", "aud": "https://login.acorn.example"}
    auth = {"oauth": {"token_url": OAUTH["token_url"], "grant": "jwt", "key": "{secret}", "claims": claims}}

    connect(world, auth, secret=pem).check()

    [statement] = world.tokens[0]["assertion"]
    options = {"verify_exp": False, "verify_iat": False}
    found = jwt.decode(statement, private.public_key(), ["RS256"], audience=claims["aud"], options=options)
    assert found["iss"] == "hub"
    assert found["exp"] - found["iat"] == 300


def test_a_write_brings_back_the_token_that_a_read_was_given() -> None:
    world = World()
    world.csrf = "first"
    auth = {"bearer": "{secret}", "csrf": {"call": "GET /fetch"}}
    connector = connect(world, auth)

    def update() -> Any:
        [outcome] = connector.write([Write(Op.UPDATE, "hub:1", "1", {"first": "x"})])
        return outcome

    assert isinstance(update(), Done)
    world.csrf = "second"  # the session ended there
    assert isinstance(update(), Done)
    asked = [request.url.path.rpartition("/")[2] for request in world.requests]
    assert asked == ["fetch", "1", "1", "1", "fetch", "1"]  # the first write is read again
    assert world.requests[-1].headers["cookie"] == "s=1"
