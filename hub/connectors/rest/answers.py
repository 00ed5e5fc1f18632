"""A file of answers: JSON, or a tar of JSON files, packed with gzip or not. Nothing is written to a disk. Pure."""

from __future__ import annotations

import io
import tarfile
from typing import Any

from hub.connectors.bodies import Unpacker, load_json

MOST = 64 * 2**20  # bytes, unpacked
FILES = 5000  # in one tar


def entries_of(raw: Any) -> list[Any]:
    """All entries of all files. ValueError when it is none of these, cut off, or too large."""
    if not isinstance(raw, bytes):
        return raw if isinstance(raw, list) else [raw]
    plain = unpacked(raw)
    if plain[257:262] != b"ustar":
        return _entries(plain)
    try:
        return [entry for text in _files(plain) for entry in _entries(text)]
    except tarfile.TarError as error:
        raise ValueError("an archive that cannot be read") from error


def unpacked(raw: bytes) -> bytes:
    """The same where it is not packed with gzip. ValueError when it was cut off, or is too large unpacked."""
    if raw[:2] != b"\x1f\x8b":
        return raw
    unpack = Unpacker(packed=True)
    plain = unpack.feed(raw, MOST + 1)
    if len(plain) > MOST:
        raise ValueError(f"a file that is longer than {MOST} bytes when it is unpacked")
    if not unpack.whole:
        raise ValueError("a file that was cut off")
    return plain


def _files(plain: bytes) -> list[bytes]:
    """What the files hold, whatever they are called. A file that claims to be longer than the archive is none."""
    found: list[bytes] = []
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for number, member in enumerate(archive):
            if number >= FILES:
                raise ValueError(f"an archive of more than {FILES} files")
            if not member.isreg() or member.issparse():
                continue
            if member.size > len(plain) or (content := archive.extractfile(member)) is None:
                raise ValueError("an archive that was cut off")
            found.append(content.read())
            if len(found[-1]) != member.size:
                raise ValueError("an archive that was cut off")
    return found


def _entries(text: bytes) -> list[Any]:
    body = load_json(text) if text.strip() else []
    return body if isinstance(body, list) else [body]
