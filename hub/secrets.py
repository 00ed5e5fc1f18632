"""Secrets by reference: `env:NAME`, `file:PATH` or `sealed:NAME`, and each as `${…}` inside a text.

The configuration holds references only. A value is looked up when a connection is opened, is handed to
its connector, and is remembered so that logs can leave it out. No message of this module holds a value.
What is sealed is in the store: whoever has it open says so by `provide_sealed`.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from urllib.parse import quote

from hub.errors import ConfigError

ALLOWED = "env:NAME, file:PATH or sealed:NAME"
LONGEST = 65_536  # bytes of a secret file: a certificate chain fits, a wrong path to a big file does not
SHORTEST_REDACTED = 4  # characters: leaving shorter values out would tear holes into every log line

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"(?:env:{_NAME}|sealed:{_NAME}|file:[^\s\x00${{}}][^\x00${{}}]*)")
_INSIDE = re.compile(r"\$\{([^}]*)\}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER_PASSWORD = re.compile(  # a number and a slash after the colon are a port
    r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@:]*:(?!\d{1,5}[/?#])(?P<secret>[^@]+)@"
)
_QUERY_SECRET = re.compile(
    r"[?&](?:password|passwd|pwd|secret|token|access_token|api_?key)=(?P<secret>[^&#]+)", re.IGNORECASE
)

_log = logging.getLogger(__name__)
_lock = Lock()
_revealed: frozenset[str] = frozenset()
_warned: set[Path] = set()
_sealed: dict[Path, Callable[[str], str]] = {}
_typed: ContextVar[Mapping[str, str]] = ContextVar("typed", default=MappingProxyType({}))


def is_reference(text: str) -> bool:
    return _REFERENCE.fullmatch(text) is not None


def references(text: str) -> tuple[str, ...]:
    """The references a text holds: itself, or those in `${…}`."""
    if is_reference(text):
        return (text,)
    return tuple(_INSIDE.findall(text))


def holds_literal_secret(url: str) -> bool:
    """Whether an address carries a password or a token itself instead of a reference to it."""
    found = [*_USER_PASSWORD.finditer(url), *_QUERY_SECRET.finditer(url)]
    return any(_INSIDE.fullmatch(match["secret"]) is None for match in found)


def resolve(reference: str, base: Path) -> str:
    """The value a reference stands for; relative paths start from `base`, the configuration's folder.

    One line end at the end of a file is not part of the secret.
    ConfigError names the reference when it is none, leads nowhere or is empty.
    """
    if not is_reference(reference):
        raise ConfigError(f"A secret is not given by reference; allowed: {ALLOWED}. The value is not shown.")
    scheme, _, name = reference.partition(":")
    if scheme == "sealed":
        value = _opened(name, base)
    else:
        value = os.environ.get(name, "") if scheme == "env" else _read_file(reference, base / name)
    if not value:
        raise ConfigError(_missing(reference, scheme, base / name))
    _remember(value)
    return value


def provide_sealed(base: Path, opener: Callable[[str], str]) -> None:
    """From now on, `sealed:NAME` in the configuration of this folder is what the opener says of the name."""
    with _lock:
        _sealed[base.resolve()] = opener


@contextmanager
def typed_in(values: Mapping[str, str]) -> Iterator[None]:
    """Within it and in this thread, `sealed:NAME` is what was typed in a moment ago and is not sealed yet."""
    token = _typed.set({**_typed.get(), **values})
    try:
        yield
    finally:
        _typed.reset(token)


def _opened(name: str, base: Path) -> str:
    if name in (typed := _typed.get()):
        return typed[name]
    opener = _sealed.get(base.resolve())
    if opener is None:
        raise ConfigError(
            f"The secret sealed:{name} is in the store, which is not open here. Nothing was done. "
            "Use env: or file: for what is needed before the store."
        )
    return opener(name)


def expand(text: str, base: Path) -> str:
    """The text with each `${reference}` replaced; in the user and query part of an address it is quoted."""

    def value(match: re.Match[str]) -> str:
        secret = resolve(match[1], base)
        if not _must_be_quoted(text, match.start()):
            return secret
        quoted = quote(secret, safe="")
        _remember(quoted)
        return quoted

    return _INSIDE.sub(value, text)


def read_by_everybody(text: str, base: Path) -> Iterator[str]:
    """References of a text whose file every user of the machine may read."""
    for reference in references(text):
        scheme, _, name = reference.partition(":")
        path = base / name
        if scheme == "file" and path.is_file() and path.stat().st_mode & stat.S_IROTH:
            yield reference


def revealed() -> frozenset[str]:
    """Every secret value looked up so far in this process: what a log must never hold."""
    return _revealed


def redact(text: str) -> str:
    """The text without any secret looked up so far."""
    for value in sorted(_revealed, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def _remember(value: str) -> None:
    global _revealed
    parts = {part for part in (value, *value.splitlines()) if len(part) >= SHORTEST_REDACTED}
    if not parts <= _revealed:
        with _lock:
            _revealed |= parts


def _must_be_quoted(text: str, at: int) -> bool:
    scheme = _URL.match(text)
    if scheme is None:
        return False
    in_user_part = at < text.rfind("@") and "/" not in _INSIDE.sub("", text[scheme.end() : at])
    return in_user_part or "?" in _INSIDE.sub("", text[:at])


def _missing(reference: str, scheme: str, path: Path) -> str:
    if scheme == "env":
        return f"The secret {reference} is missing: set this environment variable, then try again."
    return f"The secret {reference} is empty: put the value into {path}, then try again."


def _read_file(reference: str, path: Path) -> str:
    try:
        if not path.is_file():
            raise ConfigError(f"The secret {reference} is missing: there is no file {path}.")
        if path.stat().st_mode & stat.S_IROTH and path not in _warned:
            _warned.add(path)
            _log.warning("every user can read the secret file %s; run: chmod 600 %s", path, path)
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST or b"\x00" in content:
            raise ConfigError(f"The secret {reference} is no text of at most {LONGEST} bytes: check {path}.")
        return content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as err:
        raise ConfigError(f"The secret {reference} is not UTF-8 text: check {path}.") from err
    except OSError as err:
        reason = err.strerror or type(err).__name__
        raise ConfigError(f"The secret {reference} cannot be read ({reason}): check {path}.") from err
