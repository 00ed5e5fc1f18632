"""The table of fields as a mapping file spells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

SourceValue: TypeAlias = bool | int | str


@dataclass(frozen=True, slots=True)
class Short:
    """Stands behind a validator that takes a short form, and has the JSON Schema allow that form as well.

    schema  of the full form → of both
    """

    schema: Callable[[JsonSchemaValue], JsonSchemaValue]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if core["type"] != "function-before":
            raise TypeError("a short form is what the validator before this makes the full form of")
        return self.schema(handler(core["schema"]))


def _or(*short: JsonSchemaValue) -> Short:
    return Short(lambda full: {"anyOf": [*short, full]})


def _rows_schema(full: JsonSchemaValue) -> JsonSchemaValue:
    row = [{"type": "string"}, full["items"]]
    return {"anyOf": [*row, {**full, "items": {"anyOf": row}}]}


class WriteMode(StrEnum):
    """Whether the hub may change a field in a system."""

    OVERWRITE = "overwrite"
    IF_EMPTY = "if_empty"
    ON_CREATE = "on_create"
    NEVER = "never"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class RowSpec(_Part):
    """One row: a source path (or a path a part, or several paths to join) and what happens on the way."""

    source: str | list[str] | dict[str, str] = Field(alias="from")
    steps: list[str | dict[str, Any]] = Field(default=[], alias="with")
    values: dict[SourceValue, str] | None = None
    write: WriteMode | None = None
    required: bool = False
    empty: list[str] = []
    max_length: int | None = Field(default=None, ge=1)
    case: Literal["upper", "lower"] | None = None
    ascii: bool = False
    join: str | None = None
    split: str | None = Field(default=None, min_length=1, max_length=8)
    label: str | None = None
    label_from: str | None = None
    labels: dict[str, str] = {}
    region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    format: Literal["e164", "international", "national", "digits"] | None = None
    country_as: str | None = None


class KindSpec(_Part):
    """Where a record says whether it is a person or an organisation."""

    source: str | None = Field(default=None, alias="from")
    values: dict[SourceValue, Literal["person", "organisation"]] = {}
    default: Literal["person", "organisation"] | None = None
    write: WriteMode = WriteMode.OVERWRITE


class MomentSpec(_Part):
    """Where a time stands, and in which format (ISO 8601 when none is declared)."""

    source: str = Field(alias="from")
    date: str | list[str] | None = None


class FromSpec(_Part):
    source: str = Field(alias="from")


def _path_to_moment(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class ConsentSpec(_Part):
    """One consent: the status for a channel and a purpose, and what is known about it. `empty`: says neither."""

    source: str = Field(alias="from")
    values: dict[SourceValue, Literal["granted", "denied", "pending"]]
    empty: list[SourceValue] = []
    channel: str = Field(pattern=r"^[a-z0-9_]+$")
    purpose: str = Field(pattern=r"^[a-z0-9_.-]+$")
    at: Annotated[MomentSpec | None, BeforeValidator(_path_to_moment), _or({"type": "string"})] = None
    basis: str | FromSpec | None = None
    origin: str | FromSpec | None = Field(default=None, alias="source")
    wording: str | FromSpec | None = None
    whole_person: bool = False
    write: WriteMode = WriteMode.OVERWRITE


def _rows(value: Any) -> Any:
    """A path alone is a row, and a row alone is a list of rows."""
    rows = value if isinstance(value, list) else [value]
    return [{"from": row} if isinstance(row, str) else row for row in rows]


def _kind(value: Any) -> Any:
    return {"default": value} if isinstance(value, str) else value


Rows: TypeAlias = Annotated[list[RowSpec], Field(min_length=1), BeforeValidator(_rows), Short(_rows_schema)]


class MappingSpec(_Part):
    """A mapping file.

    flat    columns named like the canonical fields map by themselves; the table adds to them
    ignore  source fields that are known and not mapped, so that no report names them
    """

    kind: Annotated[KindSpec | None, BeforeValidator(_kind), _or({"enum": ["person", "organisation"]})] = None
    fields: dict[str, Rows] = {}
    consents: list[ConsentSpec] = []
    ignore: list[str] = []
    flat: bool = False
