"""OpenID Connect: another party signs people in, and says by a claim what they are here.

Source  OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9207 (issuer in the answer)
Flow    authorisation code with PKCE (S256), state and nonce; what ties them together stays in the browser, sealed
Token   signed by a public key of the party; issuer, audience, times and nonce checked; no other algorithm is taken
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from hub.access.passwords import new_secret
from hub.access.rights import Role
from hub.accounts.people import Accounts
from hub.errors import ConfigError, HubError
from hub.store.access import Account

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
LEEWAY = 60  # seconds that the two clocks may differ
SIGNED_IN_ANEW = 300  # seconds since the party asked for the password, where that was wished for
KEPT_SECONDS = 3600.0  # what the party says of itself and its keys
AGAIN_SECONDS = 30.0  # between two looks for a key that is not known yet
LARGEST = 512 * 1024  # bytes of any answer
TIMEOUT = 10.0


class NotSignedIn(HubError):
    """The party did not sign this person in, or not for this hub."""


@dataclass(frozen=True, slots=True)
class Settings:
    """As `OidcConfig`. back: the redirect address, exactly as it is registered."""

    issuer: str
    client_id: str
    client_secret: str | None
    back: str
    label: str
    scopes: tuple[str, ...]
    name_claim: str
    role_claim: str
    roles: Mapping[Role, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the browser is sent, and what it keeps until it is back."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """subject: who this is there, for ever. role: the highest that the claim gives"""

    subject: str
    name: str
    role: Role
    auth_time: float | None = None


@dataclass
class _Party:
    """What the party says of itself. at: by our own steady clock"""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    at: float = float("-inf")
    keys_at: float = float("-inf")


class Oidc:
    """One party. clock: epoch seconds; transport: instead of the network."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float], transport: httpx.BaseTransport | None = None
    ) -> None:
        """ConfigError when the extra is not installed."""
        try:
            import jwt
        except ImportError as err:
            raise ConfigError(
                "`access.oidc` needs the extra oidc. Nothing was started. Run: pip install 'contact-hub[oidc]'"
            ) from err
        self._jwt = jwt
        self._settings, self._clock = settings, clock
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False, transport=transport)
        self._party = _Party()
        self._guard = threading.Lock()
        self.label = settings.label

    @property
    def origins(self) -> str:
        """Where a form of the sign-in may lead, as a policy says it."""
        issuer = urlsplit(self._settings.issuer)
        places = {f"{issuer.scheme}://{issuer.netloc}"}
        if endpoint := self._party.metadata.get("authorization_endpoint"):
            found = urlsplit(endpoint)
            places.add(f"{found.scheme}://{found.netloc}")
        return " ".join(["'self'", *sorted(places)])

    def close(self) -> None:
        self._http.close()

    # --- away and back ------------------------------------------------------------------------------

    def begin(self, *, anew: bool = False) -> Asked:
        """anew: the party is to ask for the password, whoever is signed in there"""
        verifier, state, nonce = new_secret(), new_secret(), new_secret()
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.back,
            "scope": " ".join(self._settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if anew:
            query |= {"prompt": "login", "max_age": "0"}
        endpoint = str(self._metadata()["authorization_endpoint"])
        return Asked(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", state, nonce, verifier)

    def finish(self, answer: Mapping[str, str], step: Mapping[str, Any]) -> Person:
        """Who came back with this answer. NotSignedIn: nobody whom the party signed in for this hub."""
        if not hmac.compare_digest(answer.get("state", "").encode(), str(step["state"]).encode()):
            raise self._refused("the state is another one")
        metadata = self._metadata()
        issuer = answer.get("iss")
        if issuer != self._settings.issuer and (
            issuer is not None or metadata.get("authorization_response_iss_parameter_supported")
        ):
            raise self._refused("the answer names another issuer, or none")
        if "error" in answer or not answer.get("code"):
            raise self._refused("the party answered with an error")
        claims = self._claims(self._exchange(answer["code"], str(step["verifier"])), str(step["nonce"]))
        return self._person(claims)

    def account(self, accounts: Accounts, person: Person) -> Account:
        """The account of a person who is signed in there; made when it is the first time."""
        account = accounts.known_elsewhere(person.subject, person.name, person.role)
        if account is None:
            raise self._refused("the account is disabled, or its name belongs to another one")
        return account

    def is_anew(self, person: Person) -> bool:
        """Whether the party has asked for the password a moment ago."""
        return person.auth_time is not None and self._clock() - person.auth_time <= SIGNED_IN_ANEW

    # --- the token ----------------------------------------------------------------------------------

    def _exchange(self, code: str, verifier: str) -> str:
        settings = self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.back,
            "code_verifier": verifier,
            "client_id": settings.client_id,
        }
        secret = settings.client_secret
        auth = httpx.BasicAuth(settings.client_id, secret) if secret is not None else None
        found = self._ask("POST", str(self._metadata()["token_endpoint"]), data=form, auth=auth)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise self._refused("the answer holds no token")
        return token

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        try:
            header = self._jwt.get_unverified_header(token)
            key = self._key(str(header.get("kid", "")), str(header.get("alg", "")))
            claims: dict[str, Any] = self._jwt.decode(
                token,
                key,
                algorithms=[str(header["alg"])],
                audience=self._settings.client_id,
                issuer=self._settings.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
        except self._jwt.PyJWTError as err:
            raise self._refused(f"the token is not valid: {type(err).__name__}") from err
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise self._refused("the token was made for another sign-in")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if ("azp" in claims or several) and claims.get("azp") != self._settings.client_id:
            raise self._refused("the token was made for another program")
        return claims

    def _key(self, kid: str, algorithm: str) -> Any:
        if algorithm not in ALGORITHMS:
            raise self._refused("the token is signed in a way that is not taken")
        keys = self._keys(kid)
        if not kid and len(keys) == 1:
            kid = next(iter(keys))
        if kid not in keys:
            raise self._refused("the token is signed by a key that the party does not name")
        return self._jwt.PyJWK(keys[kid], algorithm).key

    def _person(self, claims: Mapping[str, Any]) -> Person:
        name = claims.get(self._settings.name_claim)
        role = self._role(claims)
        if role is None:
            raise NotSignedIn("You are signed in there, and have no role here. Ask an administrator of the hub.")
        if not isinstance(name, str) or not name:
            raise self._refused(f"the token has no claim {self._settings.name_claim}")
        when = claims.get("auth_time")
        auth_time = float(when) if isinstance(when, int | float) else None
        return Person(f"{claims['iss']} {claims['sub']}", name, role, auth_time)

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        found: Any = claims
        for part in self._settings.role_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        values = {found} if isinstance(found, str) else set(map(str, found)) if isinstance(found, list) else set()
        given = [role for role in Role if values & set(self._settings.roles.get(role, ()))]
        return given[-1] if given else None

    # --- what the party says of itself --------------------------------------------------------------

    def _metadata(self) -> Mapping[str, Any]:
        with self._guard:
            if monotonic() - self._party.at >= KEPT_SECONDS:
                found = self._ask("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != self._settings.issuer:
                    raise self._refused("the party names itself differently from `access.oidc.issuer`")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    self._judge_address(found.get(name), name)
                self._party.metadata, self._party.at = found, monotonic()
            return self._party.metadata

    def _keys(self, kid: str) -> Mapping[str, Any]:
        address = str(self._metadata()["jwks_uri"])
        with self._guard:
            age = monotonic() - self._party.keys_at
            if age >= KEPT_SECONDS or (kid not in self._party.keys and age >= AGAIN_SECONDS):
                found = self._ask("GET", address).get("keys")
                rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
                self._party.keys = {str(row.get("kid", "")): row for row in rows if row.get("use", "sig") == "sig"}
                self._party.keys_at = monotonic()
            return self._party.keys

    def _judge_address(self, address: Any, name: str) -> None:
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        is_local = urlsplit(self._settings.issuer).scheme == "http" and parts.scheme == "http"
        if not parts.hostname or not (parts.scheme == "https" or is_local):
            raise self._refused(f"its {name} is no https address")

    def _ask(self, method: str, address: str, **more: Any) -> Mapping[str, Any]:
        try:
            with self._http.stream(method, address, headers={"Accept": "application/json"}, **more) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > LARGEST:
                        raise self._refused("its answer is too long")
            found = httpx.Response(answer.status_code, content=body).json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as err:
            raise self._refused(f"it did not answer: {type(err).__name__}") from err
        if not isinstance(found, dict):
            raise self._refused(f"it answered {answer.status_code}")
        return found

    def _refused(self, reason: str) -> NotSignedIn:
        """The reason is for the log; whoever signs in learns that it did not work."""
        log.warning("a sign-in by %s was refused: %s", urlsplit(self._settings.issuer).netloc, reason)
        return NotSignedIn("You were not signed in. Try again; if it stays so, ask an administrator of the hub.")
