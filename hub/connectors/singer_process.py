"""A Singer tap or target as a process: no shell, a small environment, lines with limits, errors without values."""

from __future__ import annotations

import logging
import os
import re
import selectors
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO, Any

import orjson

from hub.errors import AccountError, ConfigError, HubError, TransientError
from hub.logs import clean

log = logging.getLogger(__name__)

LONGEST_LINE = 4 * 2**20  # bytes of one message; a record has at most 1 MiB
LONGEST_WORDS = 200  # characters of an error that are shown
READ = 65_536
PASSED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy"),
)  # the hub's own environment holds secrets of other connections
_ACCOUNT = re.compile(
    r"\b(401|403|unauthori[sz]ed|forbidden|credentials?|passwords?|permission|denied|api.?key|invalid_grant|login)\b",
    re.IGNORECASE,
)
_KINDS = re.compile(
    r"\b(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Violation|Truncation|Denied|Refused|Timeout|OutOfRange)\b"
)  # names of errors, as programs write them
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[@=/]\S*|\b\S*\d{4,}\S*")


class ProgramEnded(TransientError):
    """It broke off by itself: what it was given may be the cause."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, and for whom.

    name     of the connection, for messages
    command  program and arguments
    hidden   texts that no log and no error may hold
    quiet    seconds without a line after which it is ended
    mute     nothing of its standard error is shown but names of errors: it may quote what it was given
    """

    name: str
    command: Sequence[str]
    base: Path
    quiet: float
    hidden: Sequence[str] = field(default=(), repr=False)
    mute: bool = False

    def lines(self, given: bytes | None = None) -> Iterator[bytes]:
        """What it prints, line by line; raises where it does not end well.

        given  its standard input
        """
        with self._running() as process:
            last: deque[str] = deque(maxlen=20)
            yield from self._talk(process, given, last)
            code = process.wait()
            if code != 0:
                raise self._failed(code, last)

    @contextmanager
    def _running(self) -> Iterator[subprocess.Popen[bytes]]:
        pipe = subprocess.PIPE
        env = {name: os.environ[name] for name in PASSED if name in os.environ}
        try:
            process = subprocess.Popen(  # noqa: S603  the owner's own program, without a shell
                list(self.command), stdin=pipe, stdout=pipe, stderr=pipe, cwd=self.base, env=env, bufsize=0
            )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigError(
                f"{self.name}: the program {Path(self.command[0]).name} cannot be started ({reason}). "
                "Next: give its whole path in `command`, and check that it may be run."
            ) from error
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()

    def _talk(self, process: subprocess.Popen[bytes], given: bytes | None, last: deque[str]) -> Iterator[bytes]:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        left, parts = memoryview(given or b""), {process.stdout: b"", process.stderr: b""}
        with selectors.DefaultSelector() as watched:
            for told in parts:
                watched.register(told, selectors.EVENT_READ)
            if left:
                os.set_blocking(process.stdin.fileno(), False)
                watched.register(process.stdin, selectors.EVENT_WRITE)
            else:
                process.stdin.close()
            heard = monotonic()
            while watched.get_map():
                for key, _ in watched.select(max(0.0, heard + self.quiet - monotonic())):
                    heard = monotonic()
                    if key.fileobj is process.stdin:
                        left = _fed(process.stdin, left)
                        if not left:
                            watched.unregister(process.stdin)
                            process.stdin.close()
                        continue
                    stream: Any = key.fileobj
                    read = os.read(stream.fileno(), READ)
                    *whole, parts[stream] = (parts[stream] + read).split(b"\n")
                    if not read:
                        watched.unregister(stream)
                        whole, parts[stream] = [parts[stream]], b""
                    if len(parts[stream]) > LONGEST_LINE:
                        raise TransientError(f"{self.name}: a line is longer than {LONGEST_LINE} bytes; it was ended.")
                    if stream is process.stdout:
                        yield from (line for line in whole if line.strip())
                    else:
                        self._note(whole, last)
                if monotonic() - heard >= self.quiet:
                    raise TransientError(f"{self.name}: the program said nothing for {self.quiet:g} s and was ended.")

    def _note(self, lines: Sequence[bytes], last: deque[str]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if not text:
                continue
            last.append(text if self.mute else self._masked(text))
            if not self.mute:
                log.debug("%s: %s", self.name, last[-1])

    def _masked(self, text: str) -> str:
        for hidden in self.hidden:
            text = text.replace(hidden, "***")
        return clean(text)

    def _failed(self, code: int, last: Sequence[str]) -> HubError:
        if self.mute:
            last = [self._masked(line) for line in last]
        said = f"{self.name}: the program ended with {code}: {self._words(last)}."
        if any(_ACCOUNT.search(line) for line in last):
            return AccountError(f"{said} Next: check its configuration, and what its account may do.")
        return ProgramEnded(said if self.mute else f"{said} The log has more of it at the level debug.")

    def _words(self, last: Sequence[str]) -> str:
        if self.mute:
            kinds = [found for line in last for found in _KINDS.findall(line)]
            return kinds[-1] if kinds else "it names no error"
        return " ".join(_VALUES.sub("…", last[-1]).split())[:LONGEST_WORDS] if last else "no reason given"


def _fed(stdin: IO[bytes], left: memoryview) -> memoryview:
    """What is still to be written; nothing where the program hears no more: how it ends says why."""
    try:
        return left[os.write(stdin.fileno(), left[:READ]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return memoryview(b"")


def hidden_in(config: Path | None, name: str) -> tuple[str, ...]:
    """The texts in a configuration file of a tap or target: any of them may be a secret."""
    if config is None:
        return ()
    try:
        found = list(_texts(orjson.loads(config.read_bytes())))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{name}: its configuration file {config.name} cannot be read as JSON. Next: check `config`."
        ) from error
    return tuple(sorted((text for text in found if len(text) >= 4), key=len, reverse=True))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)
