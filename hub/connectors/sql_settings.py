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
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
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


Name = Annotated[str, Field(pattern=r"^[A-Za-z_][\w$#]*(\.[A-Za-z_][\w$#]*)*$")]


class Staging(Settings):
    """A table that the owner's own program reads, checks and carries out. Columns named like those of the table take
    the values."""

    table: str
    request: str = Field(
        description="text column (60) for the hub's mark of the request; of a create it is the hub's key"
    )
    operation: str = Field(description="column for C, U or D")
    id: Columns | None = Field(
        None,
        description="columns with the key of the row, which the program fills in for a create; default: those of `key`",
    )
    status: str = Field(description="column that the program sets when it is done")
    new: str | int = Field("N", description="status of a request that nobody has looked at")
    done: tuple[str | int, ...] = Field(min_length=1, description="statuses that mean carried out")
    failed: tuple[str | int, ...] = Field((), description="statuses that mean refused")
    error: str | None = Field(None, description="column with the reason of a refusal")
    wait: Annotated[float, BeforeValidator(seconds), Field(ge=0, le=300)] = Field(
        30.0, description="how long a write waits for the program"
    )
    settle: Annotated[float, BeforeValidator(seconds), Field(ge=0)] = Field(
        3600.0, description="after this time a create that the program did not tell of is looked for again"
    )


class Procedure(Settings):
    """Stored procedures that write instead of INSERT, UPDATE and DELETE."""

    create: Name | None = None
    update: Name | None = None
    delete: Name | None = None
    arguments: dict[Name, str] = Field(
        min_length=1,
        description="parameter → column of the table, or `$key` for the hub's key; in the procedure's order",
    )
    kind: Literal["procedure", "function"] = Field(
        "procedure", description="PostgreSQL: CALL, or SELECT from a function"
    )
    result: bool = Field(False, description="a create answers a row that begins with the key of the new row")


class Through(Settings):
    """Where writes go instead of the table: one of the two."""

    staging: Staging | None = None
    procedure: Procedure | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Through:
        if (self.staging is None) == (self.procedure is None):
            raise ValueError("name either `staging` or `procedure`")
        return self


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
    write     instead of the table itself: `staging` (a table that a program of yours carries out) or `procedure`
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
    write: Through | None = None
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
        if self.write is not None and (self.query is not None or self.create_key == "hub"):
            raise ValueError("`write` goes with a `table`, and without `create_key: hub`")
        if self.write is not None and self.write.staging is not None and self.children:
            raise ValueError("`write.staging` takes one row a request: child tables cannot be written through it")
        if self.labelled is not None and self.encoding is None:
            raise ValueError("`labelled` needs `encoding`: what the text really is")
        return self
