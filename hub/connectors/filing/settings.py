"""Settings of the file connectors: where files are, and what is in them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.connectors.contract import Settings
from hub.connectors.settings import known_encoding, known_zone, seconds

SCHEMES = frozenset({"sftp", "s3", "http", "https"})
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".dbf": "dbase",
    ".vcf": "vcard",
    ".ldif": "ldif",
}
PACKED = (".gz", ".zip")
LINES = frozenset({"csv", "jsonl", "fixed"})
TEXTS = LINES | {"ldif", "vcard"}
WIDE_TEXT = "utf-8"  # what text that cannot be cut into lines is rewritten in before it is read
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")


class PlaceSettings(Settings):
    """A path on this machine, or an address: sftp://host/path, s3://bucket/path, https://host/path."""

    path: str = Field(min_length=1, description="file or pattern such as inbox/partners-*.csv, or an address")
    user: str | None = Field(None, description="sftp, http: user. s3: access key id")
    secret: SecretStr | None = Field(None, description="password, or s3 secret access key")
    private_key: SecretStr | None = Field(None, description="sftp: private key in OpenSSH or PEM form")
    known_hosts: Path | None = Field(None, description="sftp: file of host keys; ~/.ssh/known_hosts")
    fingerprint: str | None = Field(None, description="sftp: host key as `ssh-keygen -lf` shows it: SHA256:…")
    endpoint: str | None = Field(None, description="s3: address of a service that is not Amazon's")
    region: str | None = Field(None, description="s3: region")
    ca_file: Path | None = Field(None, description="http: certificate authority of a private network")
    timeout_seconds: float = Field(60.0, gt=0, description="without a byte moving")

    @property
    def scheme(self) -> str:
        """`file`, or that of the address."""
        found = re.match(r"([a-z0-9]+)://", self.path)
        return found[1] if found else "file"

    @field_validator("fingerprint")
    @classmethod
    def _is_fingerprint(cls, text: str | None) -> str | None:
        if text is not None and FINGERPRINT.fullmatch(text) is None:
            raise ValueError("write the fingerprint as `ssh-keygen -lf` shows it: SHA256: and 43 characters")
        return text

    @model_validator(mode="after")
    def _place_hangs_together(self) -> Self:
        if self.scheme == "file":
            return self
        if self.scheme not in SCHEMES:
            raise ValueError(f"`path` begins with {self.scheme}://; allowed: a path, {', '.join(sorted(SCHEMES))}")
        parts = urlsplit(self.path.replace("?", "%3F").replace("#", "%23"))
        if "@" in parts.netloc:
            raise ValueError("`path` holds no user and no password: they go into `user` and `secret`")
        if not parts.hostname or not parts.path.strip("/"):
            raise ValueError(f"`path` must be {self.scheme}://HOST/PATH")
        if self.scheme in ("http", "https") and "?" in self.path:
            raise ValueError("`path` holds no query: a `?` may carry a key")
        return self


class FileSettings(PlaceSettings):
    """A file, or all files that a pattern names."""

    format: Literal["csv", "jsonl", "fixed", "xlsx", "dbase", "cobol", "vcard", "ldif"] | None = Field(
        None, description="follows the suffix where there is one"
    )
    mode: Literal["snapshot", "append", "drop"] = Field(
        "snapshot",
        description="snapshot: the files are the whole list. append: entries are only added. "
        "drop: each file is a batch of changes, moved away once it is taken in",
    )
    encoding: str | None = Field(None, description="utf-8; dBase: what the file says")
    delimiter: str = Field(",", min_length=1, max_length=1, description="between the values of CSV")
    names: list[str] | None = Field(
        None, min_length=1, description="CSV without a line of names: the names of its columns, in their order"
    )
    key: str | None = Field(None, description="column that names an entry for ever; source_id or id")
    changed: str = Field("updated_at", description="column with the time of change in ISO form, if there is one")
    time_zone: str = Field("UTC", description="time zone of times that name none")
    columns: dict[str, tuple[int, int]] | None = Field(
        None, description="fixed width: name: [first character, counted from 1; length]"
    )
    layout: Path | None = Field(None, description="cobol: file with the copybook")
    records: Literal["lines", "fixed"] | None = Field(
        None, description="cobol: a line each, or one after the other (always so in EBCDIC)"
    )
    sheets: list[str | int] = Field([1], min_length=1, description="xlsx: sheets by name, or by number from 1")
    header_row: int = Field(1, ge=1, description="xlsx: row with the names of the columns")
    deleted: dict[str, list[Any]] | None = Field(
        None, description="column: values in it that mean the entry is deleted"
    )
    member: str = Field("*", description="zip: pattern of the files in it that are read")
    max_bytes: int = Field(4 * 1024**3, ge=1, description="of a file, unpacked")
    settle: float = Field(0.0, ge=0, description="a file changed within this time is left for the next run")
    marker: str | None = Field(None, description="read a file only beside its marker, such as `{name}.done`")
    order: Literal["name", "time"] = Field("name", description="of several files")
    done: str = Field("done", description="drop: folder for files that were taken in")
    failed: str = Field("failed", description="drop: folder for files that cannot be read, each with a .reason")
    again: Literal["refuse", "read"] = Field("refuse", description="drop: a file with the content of an earlier one")

    _zone = field_validator("time_zone")(known_zone)
    _encoding = field_validator("encoding")(known_encoding)
    _settle = field_validator("settle", mode="before")(seconds)

    @property
    def kind(self) -> str:
        """The format, told or by suffix; empty when neither says it."""
        return self.format or SUFFIXES.get(suffix(self.path), "")

    @property
    def text_encoding(self) -> str:
        name = (self.encoding or "utf-8").lower().replace("_", "-")
        return "utf-8" if name == "utf-8-sig" else name  # a mark at the beginning is taken off anyway

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for problem in (self._format_problem(), self._mode_problem()):
            if problem is not None:
                raise ValueError(problem)
        return self

    def _format_problem(self) -> str | None:
        kind = self.kind
        if not kind:
            return f"name the `format` of {PurePosixPath(self.path).name}: csv, jsonl, fixed, xlsx, cobol …"
        if (self.columns is not None) != (kind == "fixed"):
            return "`columns` belongs to `format: fixed`, and is needed there"
        if any(start < 1 or length < 1 for start, length in (self.columns or {}).values()):
            return "`columns` count characters from 1, with a length of at least 1"
        if self.names is not None and (kind != "csv" or "" in self.names or len(set(self.names)) < len(self.names)):
            return "`names` belongs to CSV files without a line of names: each of them once, and none empty"
        if (self.layout is not None) != (kind == "cobol"):
            return "`layout` belongs to `format: cobol`, and is needed there"
        if kind == "cobol" and self.records == "lines" and not cuts_into_lines(self.text_encoding):
            return f"{self.encoding} has no lines: records of a fixed length follow one another"
        if self.deleted is not None and len(self.deleted) != 1:
            return "`deleted` names one column"
        return None

    def _mode_problem(self) -> str | None:
        wide = not cuts_into_lines(self.text_encoding)
        if self.mode == "append":
            if self.kind not in LINES or self.path.endswith(PACKED):
                return "`mode: append` is for CSV, JSON lines and fixed width, not packed"
            if wide:
                return f"{self.encoding!r} cannot be read line by line while it grows: save the file as UTF-8"
        if self.kind in TEXTS and wide and _is_ebcdic(self.text_encoding):
            return f"{self.encoding!r} is read with `format: cobol`"
        if self.mode == "drop" and self.scheme in ("http", "https"):
            return "`mode: drop` moves files, which http cannot"
        if self.scheme in ("http", "https") and (set(self.path) & set("*[") or self.marker):
            return "http names one file: no pattern, no `marker`"
        if self.marker is not None and "{name}" not in self.marker:
            return "`marker` holds {name}, such as `{name}.done`"
        return None


def suffix(path: str) -> str:
    """The suffix that tells the format, below that of the packing."""
    name = PurePosixPath(path)
    return (PurePosixPath(name.stem) if name.suffix.lower() in PACKED else name).suffix.lower()


def cuts_into_lines(encoding: str) -> bool:
    """Whether bytes can be cut at line feeds before they are decoded."""
    return "\n,1".encode(encoding) == b"\n,1"


def _is_ebcdic(encoding: str) -> bool:
    return "A".encode(encoding) == b"\xc1"
