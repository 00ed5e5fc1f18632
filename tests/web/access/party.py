"""A party that signs people in by OpenID Connect: in process, keeping state, strict about every rule of the flow."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://login.example.org/staff"
CLIENT, SECRET = "contact-hub", "a secret/with: odd characters"
BACK = "https://hub.example/sign-in/oidc/back"
KNOWN = frozenset(
    "response_type client_id redirect_uri scope state nonce code_challenge code_challenge_method prompt max_age".split()
)


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY, OTHER_KEY = new_key(), new_key()


@dataclass
class Party:
    """What a test may make it do wrong is a field. clock: epoch seconds

    claims   of whoever signs in there, beside what the flow asks for
    signing  (key, its name, algorithm) of tokens; named: keys that the party names
    """

    clock: Callable[[], float]
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "s-1", "preferred_username": "ann", "roles": ["staff"]}
    )
    signing: tuple[Any, str, str] = (KEY, "k1", "RS256")
    named: dict[str, Any] = field(default_factory=lambda: {"k1": KEY})
    metadata: dict[str, Any] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    secret: str | None = SECRET
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False

    # --- what a browser sees ------------------------------------------------------------------------

    def sign_in(self, address: str, **answer: str) -> str:
        """The person follows the address and signs in; where the party sends the browser back to."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        query = parse_qs(parts.query, strict_parsing=True)
        assert set(query) <= KNOWN, set(query) - KNOWN
        given = {name: value for name, (value,) in query.items()}
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT
        assert given["redirect_uri"] == BACK, "the redirect address is registered exactly"
        assert "openid" in given["scope"].split()
        assert given["code_challenge_method"] == "S256"
        assert len(given["state"]) >= 22
        assert len(given["nonce"]) >= 22
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = given
        query_back = {"code": code, "state": given["state"], "iss": ISSUER, **answer}
        return f"{BACK}?{urlencode({k: v for k, v in query_back.items() if v})}"

    # --- what the hub asks --------------------------------------------------------------------------

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away", request=request)
        path = str(request.url).removeprefix(ISSUER)
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self._metadata())
        if path == "/keys":
            return httpx.Response(200, json={"keys": [_public(name, key) for name, key in self.named.items()]})
        if path == "/token" and request.method == "POST":
            return self._token(request)
        return httpx.Response(404, json={"error": "not_found"})

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: value for name, (value,) in parse_qs(request.content.decode(), strict_parsing=True).items()}
        if not self._is_client(request):
            return httpx.Response(401, json={"error": "invalid_client"})
        given = self.codes.pop(form.get("code", ""), None)  # a code works once
        if given is None or form["grant_type"] != "authorization_code" or form["redirect_uri"] != given["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != given["code_challenge"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = int(self.clock())
        claims = {"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": given["nonce"], **self.claims}
        if "max_age" in given:
            claims["auth_time"] = now
        key, name, algorithm = self.signing
        claims = {name: value for name, value in self.change(claims).items() if value is not None}
        token = jwt.encode(claims, key, algorithm, headers={"kid": name})
        return httpx.Response(200, json={"id_token": token, "access_token": "x", "token_type": "Bearer"})

    def _is_client(self, request: httpx.Request) -> bool:
        if self.secret is None:
            return "authorization" not in request.headers
        wanted = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {wanted}"


def _public(name: str, key: Any) -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"}
