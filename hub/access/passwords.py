"""Passwords and codes: what is taken for one, and what of it is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12  # characters
LONGEST = 256  # characters: a passphrase fits, and hashing one costs no more than any other
RECOVERY_CODES = 10
NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,98}[a-z0-9]")

MEMORY = 64 * 1024  # KiB a hash
ROUNDS = 3
LANES = 1

_OFTEN = frozenset(
    "password passwort contrasena senha haslo welcome qwertyuiop letmein iloveyou administrator contacthub".split()
)
_LEET = str.maketrans("@43105$7!", "aaeiosstl")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u: nothing to misread


class NotTaken(ValueError):
    """A name or password that is not taken, and why, in words for the person."""


def account_name(text: str) -> str:
    """As it is kept: small letters. NotTaken when it is no name."""
    name = text.strip().lower()
    if not NAME.fullmatch(name):
        raise NotTaken(
            "A name has 2 to 100 letters a-z, digits and . _ @ + -, and begins and ends with one of the first."
        )
    return name


def judge_password(password: str, name: str) -> None:
    """NotTaken unless it is long, and neither the name nor a word that everybody tries first."""
    if len(password) < SHORTEST:
        raise NotTaken(f"A password has at least {SHORTEST} characters. Several words make a good one.")
    if len(password) > LONGEST:
        raise NotTaken(f"A password has at most {LONGEST} characters.")
    plain = re.sub(r"[^a-z]", "", password.lower().translate(_LEET))
    if len(set(password)) < 5 or name.partition("@")[0] in password.lower() or _is_often(plain):
        raise NotTaken("This password would be among the first to be tried. Choose another one.")


def _is_often(letters: str) -> bool:
    """Nothing but a well-known word, several times or with what little is left around it."""
    return any(word in letters and len(letters.replace(word, "")) < 4 for word in _OFTEN)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # 20 ms that most commands do not need

    return PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY, parallelism=LANES)


def hash_password(password: str) -> str:
    """argon2id, with a salt of its own."""
    return _hasher().hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Takes as long where there is no hash: nobody can tell by the time whether there is such an account."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(hashed or nobody(), password[: LONGEST + 1]) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def nobody() -> str:
    """The hash of a password that nobody has."""
    return hash_password(secrets.token_urlsafe(32))


def is_weak(hashed: str) -> bool:
    """Made with less than is asked for today: to be hashed anew when the password is given next."""
    return _hasher().check_needs_rehash(hashed)


# --- what is made by chance -------------------------------------------------------------------------


def new_secret() -> str:
    """256 bits, for a cookie or a token."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """What is kept of it. It is made by chance, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_code(groups: int = 6) -> str:
    """To be typed by a person: 25 bits a group."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(groups))


def typed_code(text: str) -> str:
    """A code as it was made, however it was typed."""
    letters = "".join(text.lower().split()).replace("-", "").translate(str.maketrans("ilou", "110v"))
    return "-".join(letters[i : i + 5] for i in range(0, len(letters), 5))


def recovery_codes() -> tuple[str, ...]:
    return tuple(new_code(3) for _ in range(RECOVERY_CODES))


def used_up(codes: Iterable[str], typed: str) -> tuple[str, ...] | None:
    """The hashes that are left when a recovery code is used; None: it is none of them."""
    wanted = secret_hash(typed_code(typed))
    kept = tuple(codes)
    left = tuple(code for code in kept if not hmac.compare_digest(code, wanted))
    return left if len(left) < len(kept) else None


# --- codes of an app --------------------------------------------------------------------------------


def new_totp_secret() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp_address(secret: str, name: str, issuer: str) -> str:
    """What an app reads from a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def totp_picture(address: str) -> str:
    """The QR code of an address as SVG, black on white whatever is around it: apps read no other as well."""
    import segno

    code = segno.make_qr(address, error="m")
    return code.svg_inline(border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True)


def totp_step(secret: str, code: str, now: float, last: int) -> int | None:
    """The step whose code this is, one before or after now at most; None: of none, or of one not after `last`."""
    import pyotp

    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    totp = pyotp.TOTP(secret)
    here = int(now) // totp.interval
    for step in (here - 1, here, here + 1):
        if step > last and hmac.compare_digest(totp.generate_otp(step), digits):
            return step
    return None
