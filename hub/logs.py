"""Logging: JSON lines for machines, short lines for a terminal, both with run and connection.

Every line passes two nets: secrets that were looked up are replaced, and what looks like an email address
is masked. The rule stays that no code logs personal data; the nets are for texts of other libraries.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from hub.secrets import redact, revealed

_run: ContextVar[str | None] = ContextVar("run", default=None)
_connection: ContextVar[str | None] = ContextVar("connection", default=None)

_EMAIL = re.compile(r"[^\s@\"'<>()\[\],;:=/]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = {  # libraries whose INFO lines repeat ours, or hold addresses with personal data in the query
    "apscheduler": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "uvicorn": logging.WARNING,
    "python_multipart": logging.ERROR,
    "alembic": logging.WARNING,
}


@contextmanager
def bound(*, run: str | None = None, connection: str | None = None) -> Iterator[None]:
    """Lines logged inside carry this run and connection; what is None stays as it was.

    Threads started inside do not inherit it: bind again in the thread.
    """
    run_token = _run.set(run) if run is not None else None
    connection_token = _connection.set(connection) if connection is not None else None
    try:
        yield
    finally:
        if run_token is not None:
            _run.reset(run_token)
        if connection_token is not None:
            _connection.reset(connection_token)


def current_run() -> str | None:
    return _run.get()


def current_connection() -> str | None:
    return _connection.get()


def clean(text: str) -> str:
    """Without secrets and email addresses."""
    text = redact(text)
    for secret in revealed():  # also as a traceback writes it, escaped
        text = text.replace(repr(secret)[1:-1], "***")
    return _EMAIL.sub("[address]", text) if "@" in text else text


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, run, connection, the `extra` values, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
            **_context(),
        }
        for name, value in _extra(record).items():
            line.setdefault(name, _clean_value(value))
        if record.exc_info:
            line["error"] = clean(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class HumanLines(logging.Formatter):
    """`12:30:05 warning website  message  key=value`, local time."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()} "
        connection = current_connection()
        text = f"{time} {level}" + (f"{connection}: " if connection else "") + record.getMessage()
        text += "".join(f" {name}={_clean_value(value)}" for name, value in _extra(record).items())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return _printable(clean(text))


def configure(*, as_json: bool, level: str = "INFO", stream: TextIO | None = None) -> logging.Handler:
    """Sends the log of the whole process to `stream` (standard error); replaces an earlier call's handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if as_json else HumanLines())
    handler.set_name("hub")
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == "hub"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    return handler


def _context() -> dict[str, str]:
    found = {"run": _run.get(), "connection": _connection.get()}
    return {name: value for name, value in found.items() if value is not None}


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def _clean_value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {clean(str(name)): _clean_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(inner) for inner in value]
    return clean(str(value))


def _printable(text: str) -> str:
    """Control characters written out: a line from outside cannot move the cursor or forge a second line."""
    return "".join(
        char if char in "\n\t" or char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
