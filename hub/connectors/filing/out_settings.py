"""Settings of files that are written for systems that only import."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from hub.connectors.filing.settings import SUFFIXES, FileSettings, PlaceSettings, cuts_into_lines
from hub.connectors.settings import known_encoding, known_zone, seconds

FIELD = re.compile(r"\{([^{}]*)\}")
IN_NAMES = frozenset({"date", "time", "number"})
TABLES = frozenset({"csv", "xlsx"})


class OutSettings(PlaceSettings):
    """A file that appears when there is something new to import, such as out/people-{number}.csv."""

    format: Literal["csv", "jsonl", "fixed", "xlsx", "vcard", "ldif"] | None = Field(
        None, description="follows the suffix where there is one"
    )
    content: Literal["snapshot", "changes"] = Field(
        "snapshot", description="snapshot: everybody, each time. changes: who changed since the last file"
    )
    columns: list[str] | dict[str, tuple[int, int]] | None = Field(
        None,
        description="csv, xlsx: names in order. fixed: name: [first character, counted from 1; length]",
    )
    key: str = Field("hub_key", description="column that carries the hub's key, by which the importer updates")
    deleted: dict[str, str] | None = Field(
        None, description="changes: column and value that mark somebody as deleted; without it nobody is"
    )
    encoding: str = Field("utf-8", description="csv, fixed: of the file")
    delimiter: str = Field(",", min_length=1, max_length=1, description="csv: what stands between values")
    header: bool = Field(True, description="csv, xlsx: names of the columns in the first row")
    formulas: Literal["escape", "keep"] = Field(
        "escape", description="csv, xlsx: a cell that begins like a formula gets an apostrophe before it"
    )
    dn: str | None = Field(None, description="ldif: name of an entry, such as uid={uid},ou=people,dc=example,dc=org")
    vcard: Literal["3.0", "4.0"] = Field("3.0", description="vcard: version of the cards")
    constants: dict[str, str | list[str]] = Field({}, description="ldif: attributes of every entry, as objectClass")
    time_zone: str = Field("UTC", description="time zone of {date} and {time} in names")
    every: float = Field(0.0, ge=0, description="at most one file within this time")
    marker: str | None = Field(None, description="an empty file that follows each file, such as `{name}.done`")
    state: Path | None = Field(None, description="what has been written; NAME-out.sqlite beside the store")
    receipts: FileSettings | None = Field(None, description="files that the system gives back, with a result a row")
    accepted: dict[str, list[Any]] | None = Field(
        None, description="receipts: column and its values that mean the row was taken"
    )
    reason: str | None = Field(None, description="receipts: column that says why a row was refused")

    _zone = field_validator("time_zone")(known_zone)
    _encoding = field_validator("encoding")(known_encoding)
    _every = field_validator("every", mode="before")(seconds)

    @property
    def kind(self) -> str:
        return self.format or SUFFIXES.get(PurePosixPath(self.path).suffix.lower(), "")

    @property
    def names(self) -> list[str]:
        """Columns in order; none where every row names its own."""
        columns = list(self.columns or ())
        if not columns:
            return []
        marks = [name for name in (self.key, *(self.deleted or ())) if name not in columns]
        return [*marks, *columns] if self.kind in TABLES else columns

    @model_validator(mode="after")
    def _out_hangs_together(self) -> Self:
        for problem in (self._name_problem(), self._columns_problem(), self._receipts_problem()):
            if problem is not None:
                raise ValueError(problem)
        return self

    def _name_problem(self) -> str | None:
        name = PurePosixPath(self.path).name
        if FIELD.search(self.path.removesuffix(name)):
            return "only the last part of `path` may hold {date}, {time} or {number}"
        unknown = set(FIELD.findall(name)) - IN_NAMES
        if unknown:
            return f"`path` knows {{date}}, {{time}} and {{number}}, not {sorted(unknown)[0]}"
        if set(name) & set("*?["):
            return "`path` names one file, not a pattern"
        if self.content == "changes" and "{number}" not in name:
            return "`content: changes` needs {number} in `path`: a file must not replace one that was not imported yet"
        if self.scheme in ("http", "https"):
            return "files are written to a folder, sftp:// or s3://"
        if self.marker is not None and "{name}" not in self.marker:
            return "`marker` holds {name}, such as `{name}.done`"
        return None

    def _columns_problem(self) -> str | None:
        kind = self.kind
        if kind not in ("csv", "jsonl", "fixed", "xlsx", "vcard", "ldif"):
            return "name the `format`: csv, xlsx, jsonl, fixed, vcard or ldif"
        if (kind in TABLES) != isinstance(self.columns, list) or (kind == "fixed") != isinstance(self.columns, dict):
            return "`columns` is a list for csv and xlsx, name: [first, length] for fixed, and nothing for the others"
        if isinstance(self.columns, dict) and (wrong := _layout_problem(self.columns, self.key)):
            return wrong
        if (self.dn is not None) != (kind == "ldif"):
            return "`dn` belongs to ldif, and is needed there"
        if self.deleted is not None and (len(self.deleted) != 1 or self.content == "snapshot"):
            return "`deleted` names one column, for `content: changes`: a snapshot leaves deleted people out"
        if kind in ("ldif", "vcard") and self.deleted is not None:
            return f"{kind} is written as content, which tells no deletions"
        if kind == "fixed" and not cuts_into_lines(self.encoding):
            return f"{self.encoding!r} has no lines: fixed width is written in a superset of ASCII"
        return None

    def _receipts_problem(self) -> str | None:
        if (self.receipts is None) != (self.accepted is None):
            return "`receipts` and `accepted` belong together"
        if self.receipts is not None and (self.receipts.mode != "drop" or self.receipts.key is None):
            return "`receipts` needs `mode: drop` and the `key` column that holds the hub's key"
        if self.accepted is not None and len(self.accepted) != 1:
            return "`accepted` names one column"
        return None


def _layout_problem(columns: dict[str, tuple[int, int]], key: str) -> str | None:
    if key not in columns:
        return f"`columns` has no place for the hub's key ({key}): the importer updates by it"
    taken: set[int] = set()
    for name, (start, length) in columns.items():
        places = set(range(start, start + length))
        if start < 1 or length < 1 or taken & places:
            return f"`columns`: {name} begins before 1, is empty, or lies over another"
        taken |= places
    return None
