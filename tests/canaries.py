"""Secrets of the tests: each a text that stands nowhere else, so that wherever it turns up it has leaked."""

from __future__ import annotations

import base64
import re
from hashlib import blake2b

MARK = "zq7canary"
STAND_INS = (  # what stand-ins of services take for a good key, and as such in no other text
    *("right-secret-1", "right-token-1", "right-auth-token-1", "client-secret-1", "1000.right-refresh"),
    *(
        "pat-eu1-right",
        "xkeysib-right",
        "acorn-key-1",
        "c4nary-of-a-target",
        "secret-of-the-webhooks",
        "c4nary-of-a-tap",
    ),
)


def canary(name: str) -> str:
    """A secret, the same in every process. name: where it is used"""
    return f"{MARK}-{name}-{blake2b(name.encode(), digest_size=4).hexdigest()}"


def _in_base64(secret: str) -> tuple[bytes, ...]:
    """What of a secret base64 shows, wherever in the text it begins."""
    shown = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret.encode()).rstrip(b"=")
        begin = (8 * before + 5) // 6  # first sign that is made of the secret alone
        end = (8 * (before + len(secret))) // 6
        shown.append(whole[begin:end])
    return tuple(shown)


FORMS = tuple(
    form
    for secret in (MARK, *STAND_INS)
    for form in (secret.encode(), secret[::-1].encode(), secret.encode().hex().encode(), *_in_base64(secret))
)
_FORMS = re.compile(b"|".join(map(re.escape, FORMS)))


def is_in(text: str | bytes) -> bool:
    """Whether any secret of the tests is in it: as it is, reversed, in hex or in base64."""
    return _FORMS.search(text if isinstance(text, bytes) else text.encode("utf-8", "replace")) is not None
