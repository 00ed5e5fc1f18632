"""One file over HTTP or HTTPS. Its host alone is reached: redirects are refused, and no key is sent elsewhere."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import httpx

from hub.connectors.contract import Context
from hub.connectors.filing.places import FileProblem, Found, private_file
from hub.connectors.filing.settings import PlaceSettings
from hub.connectors.http import trusted
from hub.connectors.transport import DeadlineTransport
from hub.errors import AccountError, TransientError

DEADLINE = 3600.0  # seconds for a whole download, however slowly it drips


class WebPlace:
    """A file that a server hands out. Read only."""

    def __init__(self, settings: PlaceSettings, context: Context) -> None:
        self._context = context
        self._url = httpx.URL(settings.path)
        secret = settings.secret.get_secret_value() if settings.secret else ""
        auth = httpx.BasicAuth(settings.user, secret) if settings.user else None
        bearer = {"authorization": f"Bearer {secret}"} if secret and not settings.user else {}
        network = DeadlineTransport(self._url, trusted(self._url, settings.ca_file, context))
        self._client = httpx.Client(
            auth=auth,
            headers={**bearer, "accept-encoding": "identity"},
            transport=context.through(context.transport or network),
            timeout=settings.timeout_seconds,
            follow_redirects=False,
            trust_env=False,
        )
        context.closing.callback(self._client.close)

    def find(self) -> list[Found]:
        try:
            answer = self._client.head(self._url)
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        if answer.status_code in (404, 410):
            return []
        if answer.status_code in (405, 501):
            return [self._found(httpx.Headers())]  # it tells nothing beforehand: read each time
        self._judge(answer)
        return [self._found(answer.headers)]

    def look(self, found: Found) -> Found | None:  # noqa: ARG002 - there is one
        return next(iter(self.find()), None)

    def fetch(self, found: Found, folder: Path, limit: int) -> Path:
        local = folder / found.name
        size = 0
        try:
            with self._client.stream("GET", self._url, extensions={"deadline_seconds": DEADLINE}) as answer:
                self._judge(answer)
                with private_file(local) as target:
                    for chunk in answer.iter_raw():
                        size += target.write(chunk)
                        if size > limit:
                            raise FileProblem(f"is larger than {limit} bytes (`max_bytes`)")
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise FileProblem("was sent packed although it was not asked for so")
        if size != int(answer.headers.get("content-length", size)):
            raise TransientError(f"{self._context.name}: the file ended early; nothing was read.")
        return local

    def names_beside(self, found: Found) -> set[str]:
        return {found.name}

    def fetch_beside(self, found: Found, name: str, folder: Path) -> Path | None:  # noqa: ARG002
        return None

    def move(self, *_: object) -> bool:
        raise AssertionError("settings allow no moving over http")

    def remove_beside(self, *_: object) -> None:
        raise AssertionError("settings allow no marker over http")

    def put(self, *_: object) -> None:
        raise AssertionError("settings allow no writing over http")

    def _found(self, headers: httpx.Headers) -> Found:
        name = PurePosixPath(unquote(self._url.path)).name
        changed = headers.get("last-modified", "")
        size = int(headers.get("content-length", 0))
        mark = headers.get("etag") or (f"{size}-{changed}" if changed else "")
        return Found(name, str(self._url), size, mark, _epoch(changed))

    def _judge(self, answer: httpx.Response) -> None:
        """Anything but a 200 is told; no path, since it may hold a key."""
        status = answer.status_code
        if status == 200:
            return
        said = f"{self._context.name}: {self._url.host} answered {status}; nothing was read."
        if status in (401, 403) or 300 <= status < 400:
            raise AccountError(f"{said} Next: see `path`, `user` and `secret`; redirects are not followed.")
        if status in (404, 410):
            raise AccountError(f"{said} Nothing counts as deleted. Next: check `path`.")
        raise TransientError(said)

    def _broken(self, error: httpx.HTTPError) -> TransientError:
        return TransientError(f"{self._context.name}: {self._url.host} does not answer ({type(error).__name__}).")


def _epoch(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
