"""Places that files come from and go to. A local one here; the others are imported when they are used."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from hub.connectors.contract import Context
from hub.connectors.filing.settings import PlaceSettings
from hub.errors import AccountError, TransientError


class FileProblem(ValueError):
    """A file as a whole cannot be read: what is wrong with it, and its name once that is known."""

    def __init__(self, problem: str, name: str = "") -> None:
        super().__init__(problem)
        self.name = name


@dataclass(frozen=True, slots=True)
class Found:
    """A file in its place.

    name  for people; `path` for the place
    mark  changes when the file does: etag, or size and time
    at    epoch seconds of the last change; 0: not known
    """

    name: str
    path: str
    size: int
    mark: str
    at: float = 0.0


class Place(Protocol):
    """Where files lie. OSError and the errors of a library end here, as those of the hub."""

    def find(self) -> list[Found]:
        """Files that the path names, by name; none is an empty list."""

    def look(self, found: Found) -> Found | None:
        """The same file as it is now."""

    def fetch(self, found: Found, folder: Path, limit: int) -> Path:
        """The file on this machine: itself, or a private copy in `folder`."""

    def names_beside(self, found: Found) -> set[str]:
        """Names of the files in the same folder."""

    def fetch_beside(self, found: Found, name: str, folder: Path) -> Path | None:
        """Another file of the same folder."""

    def move(self, found: Found, folder: str, reason: str = "") -> bool:
        """Into a folder beside it, under a name that is free, with a file NAME.reason; False when it is gone."""

    def remove_beside(self, found: Found, name: str) -> None: ...

    def put(self, local: Path, name: str) -> None:
        """A whole file appears beside the path at once, or not at all."""


def open_place(settings: PlaceSettings, context: Context) -> Place:
    if settings.scheme == "file":
        return LocalPlace(settings.path, context)
    if settings.scheme in ("http", "https"):
        from hub.connectors.filing.web import WebPlace

        return WebPlace(settings, context)
    from hub.connectors.filing.remote import open_remote

    return open_remote(settings, context)


class LocalPlace:
    """A path or a pattern, from the folder that relative paths start from."""

    def __init__(self, path: str, context: Context) -> None:
        self._pattern = context.base / path
        self._context = context

    def find(self) -> list[Found]:
        if self._pattern.is_file():
            paths = [self._pattern]
        else:
            paths = [Path(name) for name in glob.glob(str(self._pattern))]  # noqa: PTH207 (absolute)
        found = (self._found(path) for path in sorted(paths) if path.is_file())
        return [each for each in found if each is not None]

    def look(self, found: Found) -> Found | None:
        return self._found(Path(found.path))

    def fetch(self, found: Found, folder: Path, limit: int) -> Path:  # noqa: ARG002 - read where it is
        return Path(found.path)

    def names_beside(self, found: Found) -> set[str]:
        return {path.name for path in Path(found.path).parent.iterdir()}

    def fetch_beside(self, found: Found, name: str, folder: Path) -> Path | None:  # noqa: ARG002
        path = Path(found.path).with_name(name)
        return path if path.is_file() else None

    def move(self, found: Found, folder: str, reason: str = "") -> bool:
        source = Path(found.path)
        with self._told(f"{found.name} could not be moved to {folder}"):
            if not source.is_file():
                return False
            target = source.parent / folder
            target.mkdir(parents=True, exist_ok=True)
            name = free_name(found.name, {path.name for path in target.iterdir()})
            if reason:
                (target / f"{name}.reason").write_text(reason + "\n", encoding="utf-8")
            source.rename(target / name)
        return True

    def remove_beside(self, found: Found, name: str) -> None:
        with self._told(f"{name} could not be removed"):
            Path(found.path).with_name(name).unlink(missing_ok=True)

    def put(self, local: Path, name: str) -> None:
        target = self._pattern.parent / name
        with self._told(f"{name} could not be written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.part")
            shutil.copyfile(local, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)

    def _found(self, path: Path) -> Found | None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        return Found(path.name, str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}", stat.st_mtime)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise AccountError(f"{self._context.name}: {what}: not permitted. Next: see its owner.") from error
        except OSError as error:
            raise TransientError(f"{self._context.name}: {what} ({error.strerror}).") from error


def private_file(path: Path) -> BinaryIO:
    """A new file that nobody else on the machine can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the name with a number where it is taken."""
    if name not in taken:
        return name
    stem, dot, rest = name.partition(".")
    return next(f"{stem}-{n}{dot}{rest}" for n in range(2, len(taken) + 3) if f"{stem}-{n}{dot}{rest}" not in taken)
