"""What a service file may say of the company of a contact, where the hub writes it."""

from __future__ import annotations

from pydantic import Field, model_validator

from hub.connectors.rest.calls import Part, Place, Request, ShortTest, Tree
from hub.mapping.paths import parse_path


class Lookup(Request):
    """Records by {names}, or by the one that is {wanted}.

    items     place of the list in the answer
    name, id  places in a record of the list
    size      names in one call
    more      says that the answer does not hold all of them: then nothing is concluded
    """

    items: Place
    optional: bool = False
    keyed: bool = False
    name: Place
    id: Place
    size: int = Field(default=1, ge=1, le=200)
    more: ShortTest | None = None


class Tie(Request):
    """The call that links {id} to {other}. With `item` it carries up to `size` of them, in {items}.

    One that names {record.…}, as it is there, is for a service whose records hold their links: it is read first.
    """

    item: Tree = None
    size: int = Field(default=1, ge=1, le=2000)


class Linked(Part):
    """Records of another kind that records are linked to.

    field   path in what is written, of the name of the other record
    keep    the name itself is written too
    find    the call that finds it by its name
    fields  what is written instead, with {other}: its id
    tie     the call that links them, made after the write
    unless  place in a record that must hold nothing, if it is to be linked by `tie`
    """

    field: str
    keep: bool = False
    find: Lookup
    fields: Tree = None
    tie: Tie | None = None
    unless: Place | None = None

    @property
    def head(self) -> str:
        """The source field that `field` begins with."""
        return parse_path(self.field).head

    @model_validator(mode="after")
    def _one_way(self) -> Linked:
        parse_path(self.field)
        if self.tie is not None and self.tie.item is not None and "record" in self.tie.names:
            raise ValueError("a `tie` that names the record is a call for one, without `item`")
        if (self.fields is None) == (self.tie is None):
            raise ValueError("a link is made either by `fields` or by the call `tie`")
        return self
