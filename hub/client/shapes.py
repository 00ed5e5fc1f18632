"""What answers hold, for type checkers: dictionaries as the API sends them. The API's description has all of them."""

from __future__ import annotations

from typing import Any, TypedDict


class Ref(TypedDict):
    connection: str
    external_id: str


class FoundContact(TypedDict):
    id: str
    state: str
    name: str
    fields: dict[str, Any]
    records: list[Ref]


class Contact(TypedDict):
    id: str
    state: str
    version: int
    name: str
    created_at: str
    updated_at: str
    former: list[str]
    values: list[dict[str, Any]]
    records: list[dict[str, Any]]
    pins: list[dict[str, Any]]
    told: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    unanswered: list[dict[str, Any]]
    last_interactions: list[dict[str, Any]]


class OpenMatters(TypedDict):
    conflicts: list[int]
    reviews: list[int]
    parked: list[int]
    follow_ups: list[dict[str, Any]]


class Match(TypedDict):
    id: str
    state: str
    updated_at: str
    name: str
    kind: str | None
    company: str | None
    stage: str | None
    allowed: list[dict[str, Any]]
    consent: list[dict[str, Any]]
    open: OpenMatters
    records: list[Ref]
    last_interactions: list[dict[str, Any]]


class Changed(TypedDict):
    id: str
    version: int


class Logged(TypedDict):
    """contact: None where nobody has the number yet; denied: (channel, number or address) that was taken back"""

    contact: str | None
    id: str
    follow_up: int | None
    denied: list[list[str]]


class Mapped(TypedDict):
    """The mapping of a connection. own: it has a file of its own; in_use: the hub that runs maps by it"""

    connection: str
    file: str
    own: bool
    shared: list[str]
    in_use: bool
    mapping: dict[str, Any]
    text: str
    etag: str


class Merged(TypedDict):
    id: str
    merged: list[str]


class Split(TypedDict):
    id: str
    left: str


class Status(TypedDict):
    connections: list[dict[str, Any]]
    work: dict[str, dict[str, Any]]
