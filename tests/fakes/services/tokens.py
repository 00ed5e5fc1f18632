"""A token service beside a fake: tokens for a while, for the right client only."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import httpx

from hub.testing.service import Service


class TokenService(httpx.BaseTransport):
    """What is posted to `address` is answered here; everything else goes on to `inner`.

    service  its keys are the tokens that are good now; one that ended is good no more
    needed   the form that the client has to send, no more and no less
    life     seconds that a token is good for
    telling  is the life told in the answer?
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        service: Service,
        address: str,
        needed: Mapping[str, str],
        *,
        life: float = 3600,
        telling: bool = True,
    ) -> None:
        self.inner, self.service = inner, service
        self.address, self.needed, self.life, self.telling = httpx.URL(address), dict(needed), life, telling
        self.issued: dict[str, float] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._end_old_ones()
        if request.url != self.address:
            return self.inner.handle_request(request)
        if request.method != "POST":
            return httpx.Response(405, request=request)
        sent = {name: values[-1] for name, values in parse_qs(request.read().decode()).items()}
        if sent != self.needed:
            wrong = sorted(name for name in sent.keys() | self.needed.keys() if sent.get(name) != self.needed.get(name))
            error = "invalid_client" if wrong == ["client_secret"] else "invalid_grant"
            return httpx.Response(400, json={"error": error, "error_description": wrong[0]}, request=request)
        return httpx.Response(200, json=self._answer(), request=request)

    def close(self) -> None:
        self.inner.close()

    def _answer(self) -> dict[str, object]:
        token = f"token-{len(self.issued) + 1}"
        self.issued[token] = self.service.clock.seconds() + self.life
        self.service.keys[token] = True
        told = {"expires_in": int(self.life)} if self.telling else {}
        return {"access_token": token, "token_type": "Bearer", **told}

    def _end_old_ones(self) -> None:
        now = self.service.clock.seconds()
        for token, until in self.issued.items():
            if until <= now:
                self.service.keys.pop(token, None)
