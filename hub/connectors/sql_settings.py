"""Settings of the `sql` connector."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.connectors.contract import Settings

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) *(second|minute|hour|day)s?")


def seconds(value: Any) -> Any:
    """`5 minutes` as a number of seconds; numbers as they are."""
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise ValueError("write a span of time as seconds or like `5 minutes`")
    return float(found[1]) * _UNITS[found[2]]


class Changed(Settings):
    """A column the database sets at every change of a row."""

    column: str
    overlap: Annotated[float, BeforeValidator(seconds), Field(ge=0)] = Field(
        300.0,
        description="how far each pull goes back: at least as long as the longest transaction of the "
        "database. Seconds or like `5 minutes`; for a column of numbers, its own units",
    )
    zone: str = Field("UTC", description="time zone of times that name none")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {zone!r}; one is `Europe/Lisbon`") from error
        return zone


class Deleted(Settings):
    """A column that marks rows as deleted."""

    column: str
    values: tuple[str | int | bool | None, ...] = Field(
        min_length=1, description="values that mean deleted; the first one is written"
    )


class SqlSettings(Settings):
    """A table, or a query, of a database."""

    model_config = ConfigDict(hide_input_in_errors=True)  # the address may hold the password

    url: SecretStr = Field(description="SQLAlchemy URL: mysql://user:${env:KEY}@host/database")
    table: str | None = None
    query: str | None = Field(None, description="a SELECT instead of a table; read-only")
    schema_name: str | None = Field(None, alias="schema")
    key: str = Field(description="column that names a row for ever")
    create_key: Literal["database", "hub"] = Field(
        "database", description="hub: new rows get the hub's key in the key column (text of 40 characters)"
    )
    reference: str | None = Field(
        None, description="text column for the hub's key: lets a create with a lost answer be found again"
    )
    columns: tuple[str, ...] | None = Field(None, description="read and write only these")
    changed: Changed | None = None
    deleted: Deleted | None = None
    encoding: str | None = Field(None, description="what the bytes of text really are, e.g. latin1")
    labelled: str | None = Field(
        None, description="what the database wrongly takes them for: text is read back to bytes by it"
    )

    @field_validator("changed", mode="before")
    @classmethod
    def _only_a_column(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("encoding", "labelled")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                codecs.lookup(name)
            except LookupError as error:
                raise ValueError(f"there is no encoding {name!r}; some are utf-8, latin1, cp850") from error
        return name

    @model_validator(mode="after")
    def _hangs_together(self) -> SqlSettings:
        if (self.table is None) == (self.query is None):
            raise ValueError("name either `table` or `query`")
        if self.query is not None and (self.reference or self.create_key == "hub"):
            raise ValueError("a query cannot be written to: `reference` and `create_key` need a table")
        if self.labelled is not None and self.encoding is None:
            raise ValueError("`labelled` needs `encoding`: what the text really is")
        return self
