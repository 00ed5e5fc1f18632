"""What is read of a file: itself, what is packed in it, or some of its sheets, each as a plain local file.

gzip and zip are unpacked into a private folder, up to `max_bytes`; UTF-16 and UTF-32 are rewritten as UTF-8 there,
since lines are cut before they are decoded. The folder goes with whoever made it.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, TextIO

from hub.connectors.filing.encodings import foreign
from hub.connectors.filing.places import FileProblem, Found, Place, private_file
from hub.connectors.filing.settings import LINES, TEXTS, FileSettings, cuts_into_lines
from hub.connectors.filing.xlsx import flattened
from hub.errors import AccountError, TransientError

CHUNK = 1024 * 1024
MEMBERS = 1000  # read of one zip
WIDE = {  # marks at the beginning that tell an encoding with zero bytes; longest first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
MEMOS = frozenset({".fpt", ".dbt"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One listing of entries: a plain file, or one sheet rewritten as lines. `name` is for people."""

    name: str
    path: Path


@contextmanager
def private_folder() -> Iterator[Path]:
    """Gone at the end, also after an error; others on the machine cannot look into it."""
    with TemporaryDirectory(prefix="hub-file-") as name:
        yield Path(name)


def pieces_of(found: Found, place: Place, settings: FileSettings, folder: Path, most: int | None = None) -> list[Piece]:
    """FileProblem when the file as a whole cannot be read. most: rows of a sheet that are enough."""
    with _readable(found.name):
        return _pieces(found, place, settings, folder, most)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """What the machine cannot do (a right missing, a full disk) is no fault of the file."""
    try:
        yield
    except PermissionError as error:
        raise AccountError(f"{name} may not be read; nothing was. Next: see its owner and rights.") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TransientError(
            f"{name} cannot be read or unpacked now ({reason}); it is left for the next run."
        ) from error


def _pieces(found: Found, place: Place, settings: FileSettings, folder: Path, most: int | None) -> list[Piece]:
    local = place.fetch(found, folder, settings.max_bytes)
    if settings.kind == "dbase" and not found.name.lower().endswith((".gz", ".zip")):
        _memos(found, place, folder)
    plain = unpacked(found.name, local, settings, folder)
    if settings.kind == "xlsx":
        return [_sheet(name, path, sheet, settings, folder, most) for name, path in plain for sheet in settings.sheets]
    if settings.kind in TEXTS:
        return [Piece(name, narrowed(path, settings, folder)) for name, path in plain]
    return [Piece(name, path) for name, path in plain]


def _sheet(name: str, path: Path, sheet: str | int, settings: FileSettings, folder: Path, most: int | None) -> Piece:
    target = _fresh(folder)
    flattened(path, sheet, settings, target, most)
    return Piece(f"{name} sheet {sheet}", target)


def _memos(found: Found, place: Place, folder: Path) -> None:
    """dBase keeps long texts in a second file of the same name."""
    stem = PurePosixPath(found.name).stem.lower()
    for name in place.names_beside(found):
        path = PurePosixPath(name)
        if path.stem.lower() == stem and path.suffix.lower() in MEMOS:
            place.fetch_beside(found, name, folder)


# --- packed ---------------------------------------------------------------------------------------


def unpacked(name: str, local: Path, settings: FileSettings, folder: Path) -> list[tuple[str, Path]]:
    with local.open("rb") as file:
        begin = file.read(4)
    if begin[:2] == b"\x1f\x8b":
        return [(name, _gunzip(local, folder, settings.max_bytes))]
    if name.lower().endswith(".gz"):
        raise FileProblem("is no gzip file, as its name says")
    if name.lower().endswith(".zip"):
        return _unzip(name, local, settings, folder)
    return [(name, local)]


def _gunzip(local: Path, folder: Path, limit: int) -> Path:
    target = _fresh(folder)
    try:
        with gzip.open(local, "rb") as source:
            _copy(source, target, limit)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileProblem("is broken or truncated gzip") from error
    return target


def _unzip(name: str, local: Path, settings: FileSettings, folder: Path) -> list[tuple[str, Path]]:
    try:
        with zipfile.ZipFile(local) as archive:
            members = _members(archive, settings)
            left = settings.max_bytes
            home = _fresh(folder)
            home.mkdir(mode=0o700)
            plain = []
            for number, member in enumerate(members):
                # a table and its memo stay neighbours: names are needed, and only their last part is taken
                target = home / f"{number if settings.kind != 'dbase' else 0}" / PurePosixPath(member.filename).name
                target.parent.mkdir(mode=0o700, exist_ok=True)
                with archive.open(member) as source:
                    left -= _copy(source, target, left)
                if target.suffix.lower() not in MEMOS:
                    plain.append((f"{name} {member.filename}", target))
            return plain
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise FileProblem("is a broken zip file, or packed in a way that is not known") from error


def _members(archive: zipfile.ZipFile, settings: FileSettings) -> list[zipfile.ZipInfo]:
    files = [each for each in archive.infolist() if not each.is_dir()]
    chosen = [each for each in files if _is_chosen(each.filename, settings)]
    if not chosen:
        raise FileProblem(f"holds no file {settings.member} ({len(files)} others)")
    if len(chosen) > MEMBERS:
        raise FileProblem(f"holds {len(chosen)} files; at most {MEMBERS} are read")
    if any(each.flag_bits & 0x1 for each in chosen):
        raise FileProblem("is encrypted: ask for it without a password, over a protected way")
    if sum(each.file_size for each in chosen) > settings.max_bytes:
        raise FileProblem(f"unpacks to more than {settings.max_bytes} bytes (`max_bytes`)")
    return sorted(chosen, key=lambda each: each.filename)


def _is_chosen(name: str, settings: FileSettings) -> bool:
    path = PurePosixPath(name)
    if path.name.startswith(".") or path.parts[0] == "__MACOSX":
        return False  # left behind by file managers
    memo = settings.kind == "dbase" and path.suffix.lower() in MEMOS
    return memo or fnmatchcase(path.name, settings.member) or fnmatchcase(name, settings.member)


def _copy(source: IO[bytes] | gzip.GzipFile, target: Path, limit: int) -> int:
    """FileProblem when more comes out than is allowed, whatever the archive said."""
    size = 0
    with private_file(target) as out:
        while chunk := source.read(CHUNK):
            size += out.write(chunk)
            if size > limit:
                raise FileProblem(f"unpacks to more than {limit} bytes (`max_bytes`)")
    return size


def _fresh(folder: Path) -> Path:
    return folder / f"part-{len(list(folder.iterdir()))}"


# --- encodings ------------------------------------------------------------------------------------


def narrowed(path: Path, settings: FileSettings, folder: Path) -> Path:
    """The file in an encoding that can be cut into lines; FileProblem when it is in another than declared."""
    with path.open("rb") as file:
        begin = file.read(CHUNK)
    wide = next((name for mark, name in WIDE.items() if begin.startswith(mark)), None)
    if wide is None and not cuts_into_lines(settings.text_encoding):
        wide = settings.text_encoding
    if wide is None:
        problem = foreign(begin, settings.text_encoding) if settings.kind in LINES else None
        if problem is not None:
            raise FileProblem(problem)
        return path
    if settings.mode == "append":
        raise FileProblem(f"is in {wide}, which cannot be read line by line while it grows: save it as UTF-8")
    target = _fresh(folder)
    with ExitStack() as stack:
        source = stack.enter_context(path.open(encoding=wide, newline=""))
        out = stack.enter_context(io.TextIOWrapper(private_file(target), encoding="utf-8", newline=""))
        _recode(source, out, wide)
    return target


def _recode(source: TextIO, out: TextIO, encoding: str) -> None:
    line = 1
    try:
        while text := source.read(CHUNK):
            out.write(text)
            line += text.count("\n")
    except UnicodeError as error:
        raise FileProblem(f"is not text in {encoding} near line {line}") from error
