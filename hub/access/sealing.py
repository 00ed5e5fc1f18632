"""Secrets at rest: AES-256-GCM with a fresh nonce each time, bound to the place they belong to.

A value is sealed under a data key, and a data key under the master key. What it is bound to (row and column) is
authenticated with it, so that no ciphertext can be put into another's place.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

KEY_BYTES = 32
_NONCE_BYTES = 12  # what GCM is made for
_FORM = "1"  # of a sealed text, so that another one can be told from it later


class Unsealable(ValueError):
    """A sealed text was changed, moved to another place, or sealed under another key."""


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def key_text(key: bytes) -> str:
    """A key as it stands in a file or an environment variable."""
    return base64.b64encode(key).decode()


def key_from_text(text: str) -> bytes:
    """ValueError unless it is the base64 of 32 bytes."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as err:
        raise ValueError("no base64") from err
    if len(key) != KEY_BYTES:
        raise ValueError(f"{len(key)} bytes instead of {KEY_BYTES}")
    return key


def key_name(key: bytes) -> str:
    """Tells keys apart, and nothing of the key."""
    return hashlib.sha256(b"contact-hub key name" + key).hexdigest()[:16]


def seal(key: bytes, plain: bytes, bound_to: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms that most commands do not need

    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())
    return f"{_FORM}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(key: bytes, text: str, bound_to: str) -> bytes:
    """Unsealable when it is not, to the bit, what was sealed under this key for this place."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    form, _, body = text.partition(".")
    try:
        sealed = base64.b64decode(body, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as err:
        raise Unsealable("it is no sealed text") from err
    if form != _FORM or len(sealed) <= _NONCE_BYTES:
        raise Unsealable("it is no sealed text")
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
    except InvalidTag as err:
        raise Unsealable("it was changed, moved, or sealed under another key") from err
