"""What a service file may say of rows of a record that are entities of their own: addresses, e-mails, numbers."""

from __future__ import annotations

from pydantic import Field, model_validator

from hub.connectors.rest.calls import Part, Place, Request, Tree


class Child(Part):
    """Rows of one kind. A list of them is written whole: what is there already stays, what differs is changed.

    field      of what is written: a list of objects
    of         the field of the rows to whose first one these belong
    at         place of the rows in the record as it is read; within that row, with `of`
    into       the name under which a new record, or a new row, holds them
    row        what is sent of a row, from {row.NAME}
    make, change, drop  the calls for one row, with {id}, {row} as sent, {there} as it was read, {owner} likewise
    holds      places in a row that must hold nothing if it is to be dropped
    otherwise  a row that is made for those that belong to one, where none is known
    """

    field: str
    of: str | None = None
    at: Place
    into: str
    row: Tree = Field(default_factory=dict)
    make: Request
    change: Request
    drop: Request
    holds: tuple[Place, ...] = ()
    otherwise: Tree = None


class Children(Part):
    """All kinds, those that others belong to first."""

    kinds: tuple[Child, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hang_together(self) -> Children:
        known: set[str] = set()
        for kind in self.kinds:
            if kind.of is not None and kind.of not in known:
                raise ValueError(f"`of: {kind.of}` names no kind that stands before")
            if kind.of is None:
                known.add(kind.field)
        return self
