"""Settings of the `sql` connector."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.connectors.contract import Settings
from hub.connectors.settings import known_encoding, known_zone, seconds


class Changed(Settings):
    """A column the database sets at every change of a row."""

    column: str
    overlap: Annotated[float, BeforeValidator(seconds), Field(ge=0)] = Field(
        300.0,
        description="how far each pull goes back: at least as long as the longest transaction of the "
        "database. Seconds or like `5 minutes`; for a column of numbers, its own units",
    )
    zone: str = Field("UTC", description="time zone of times that name none")

    _zone = field_validator("zone")(known_zone)


class Deleted(Settings):
    """A column that marks rows as deleted."""

    column: str
    values: tuple[str | int | bool | None, ...] = Field(
        min_length=1, description="values that mean deleted; the first one is written"
    )


Columns = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value), Field(min_length=1)
]


class Child(Settings):
    """A table with any number of rows for each row: phones, addresses."""

    table: str
    key: Columns = Field(description="columns that hold the key of the row they belong to")
    columns: Columns = Field(description="what each object of the list has")
    row: str | None = Field(None, description="own key of the child table, one column")
    order: str | None = Field(None, description="column the list is in the order of; new rows go behind the others")
    changed: str | None = Field(None, description="column the database sets at every change of a child row")
    where: dict[str, str | int | bool] = Field(
        default_factory=dict, description="only the rows with these values, which new rows get too"
    )


class Log(Settings):
    """A table that triggers of the database fill with the keys of changed rows."""

    table: str
    sequence: str = Field("hub_seq", description="column with the number, which the database gives")
    key: Columns | None = Field(None, description="columns with the key; default: those of `key`")
    time: str | None = Field("hub_at", description="column with the time; of deletions it is told")
    overlap: Annotated[float, BeforeValidator(seconds), Field(ge=0)] = Field(
        300.0,
        description="how long numbers that are missing are waited for: at least as long as the longest transaction",
    )
    window: int = Field(
        10_000,
        ge=1,
        description="how many of the last numbers are looked through for missing ones when a listing begins",
    )


class SqlSettings(Settings):
    """A table, or a query, of a database.

    table     exactly one of `table` and `query`
    schema    of the table, where it is not the default one
    children  name → child table, read as a list of objects under that name: `table`, `key`, `columns`, `row`, `order`,
              `changed`, `where`
    changed   column the database sets at every change, with `overlap` and `zone`; without it every row is read in
              key order and compared
    log       table that triggers fill with the keys of changed rows: `table`, `sequence`, `key`, `time`, `overlap`,
              `window`; `hub connector sql-log` writes the SQL for it
    deleted   column that marks a row as deleted, and the values that mean it
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # the address may hold the password

    url: SecretStr = Field(description="SQLAlchemy URL: mysql://user:${env:KEY}@host/database")
    table: str | None = None
    query: str | None = Field(None, description="a SELECT instead of a table; read-only")
    schema_name: str | None = Field(None, alias="schema")
    key: Columns = Field(description="column that names a row for ever, or a list of columns that do so together")
    create_key: Literal["database", "hub"] = Field(
        "database", description="hub: new rows get the hub's key in the key column (text of 40 characters)"
    )
    reference: str | None = Field(
        None, description="text column for the hub's key: lets a create with a lost answer be found again"
    )
    columns: tuple[str, ...] | None = Field(None, description="read and write only these")
    changed: Changed | None = None
    deleted: Deleted | None = None
    log: Log | None = None
    children: dict[str, Child] = Field(default_factory=dict)
    encoding: str | None = Field(None, description="what the bytes of text really are, e.g. latin1")
    labelled: str | None = Field(
        None, description="what the database wrongly takes them for: text is read back to bytes by it"
    )

    @field_validator("changed", mode="before")
    @classmethod
    def _only_a_column(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("log", mode="before")
    @classmethod
    def _only_a_table(cls, value: Any) -> Any:
        return {"table": value} if isinstance(value, str) else value

    _encodings = field_validator("encoding", "labelled")(known_encoding)

    @model_validator(mode="after")
    def _hangs_together(self) -> SqlSettings:
        if (self.table is None) == (self.query is None):
            raise ValueError("name either `table` or `query`")
        if self.query is not None and (self.reference or self.create_key == "hub"):
            raise ValueError("a query cannot be written to: `reference` and `create_key` need a table")
        if len(self.key) > 1 and self.create_key == "hub":
            raise ValueError("`create_key: hub` needs a key of one column")
        if self.log is not None and self.log.key is not None and len(self.log.key) != len(self.key):
            raise ValueError("`log.key` needs as many columns as `key`, in the same order")
        if len(set(self.key)) < len(self.key):
            raise ValueError("`key` names a column twice")
        for name, child in self.children.items():
            if len(child.key) != len(self.key):
                raise ValueError(f"`children.{name}.key` needs as many columns as `key`, in the same order")
            if child.changed is not None and self.changed is None:
                raise ValueError(f"`children.{name}.changed` needs `changed` of the table")
        if self.labelled is not None and self.encoding is None:
            raise ValueError("`labelled` needs `encoding`: what the text really is")
        return self
