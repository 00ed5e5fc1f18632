"""A connector for Acorn: the smallest that reads and writes, and the one the kit itself is tried on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import SecretStr

from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.http import Api, HttpStatusError
from hub.errors import CursorExpired, TransientError
from hub.model import Cursor, Done, Missing, NotSent, Op, Outcome, Page, Record, Refused, Unknown, Write

WRITABLE = frozenset({"name", "stage"})
MAPPING = """
fields:
  full_name: name
  lifecycle_stage: {from: stage}
ignore: [key]
"""


class AcornSettings(Settings):
    """A made-up CRM.

    url        where it is
    secret     its key
    page_size  contacts read in one call
    """

    url: str = "https://api.acorn.example/v2"
    secret: SecretStr
    page_size: int = 100


class AcornConnector(Connector):
    Settings = AcornSettings
    default_mapping = MAPPING
    example: ClassVar[str] = "type: acorn\nsecret: env:ACORN_KEY\n"

    def __init__(self, settings: AcornSettings, context: Context) -> None:
        super().__init__(settings, context)
        key = settings.secret.get_secret_value()
        self._api = Api(settings.url, context, headers={"authorization": f"Bearer {key}"})

    @property
    def can(self) -> Can:
        return Can(read=True, create=True, update=True, delete=True, promise=Promise.READBACK)

    def check(self) -> Report:
        return Report("Acorn 2", records=int(self._ask("/contacts", "total", limit=1)["total"]))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        if since is not None:
            raise CursorExpired("Acorn tells no changes.")
        after: str | None = ""
        while after is not None:
            body = self._ask("/contacts", "items", limit=self.settings.page_size, after=after)
            after = body["next"]
            yield Page(tuple(map(read_contact, body["items"])), None)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        found = (self._one(each) for each in dict.fromkeys(ids) if is_id(each))
        return {each.id: each for each in found if each is not None}

    def find(self, key: str) -> Record | None:
        items = self._ask("/contacts", "items", key=key)["items"] if key else []
        return read_contact(items[0]) if items else None

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return [self._written(each) for each in writes]

    def _written(self, write: Write) -> Outcome:
        problem = unfit(write)
        if problem is not None:
            return Refused(problem)
        try:
            return self._carry_out(write)
        except HttpStatusError as error:
            return Missing() if error.status == 404 else Refused("Acorn refused it: a value does not fit.")
        except TransientError as error:
            return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after)

    def _carry_out(self, write: Write) -> Outcome:
        if write.op is Op.CREATE:
            body = self._api.post("/contacts", json={**write.fields, "key": write.key}).body
            return self._stored(str(self._whole(body, "id", maybe_done=True)["id"]))
        assert write.op not in {Op.ARCHIVE, Op.ERASE}, "not declared in `can`"
        path = f"/contacts/{write.id}"
        if write.op is Op.DELETE:
            self._api.delete(path)
            return Done(None)
        self._api.patch(path, json=dict(write.fields), idempotent=True)
        return self._stored(str(write.id))

    def _stored(self, record_id: str) -> Outcome:
        record = self._one(record_id)
        return Done(record) if record else Missing()

    def _one(self, record_id: str) -> Record | None:
        try:
            return read_contact(self._ask(f"/contacts/{record_id}", "id"))
        except HttpStatusError as error:
            if error.status == 404:
                return None
            raise

    def _ask(self, path: str, needed: str, **params: Any) -> Mapping[str, Any]:
        return self._whole(self._api.get(path, params=params).body, needed)

    def _whole(self, body: Any, needed: str, *, maybe_done: bool = False) -> Mapping[str, Any]:
        if not isinstance(body, Mapping) or needed not in body:
            raise TransientError("kit: what answered is no Acorn.", maybe_done=maybe_done)
        return body


def read_contact(item: Mapping[str, Any]) -> Record:
    fields = {name: item[name] for name in ("name", "stage", "key") if name in item}
    return Record(str(item["id"]), fields, key=item.get("key"))


def is_id(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) < 20


def unfit(write: Write) -> str | None:
    """Why it cannot be sent; never with a value."""
    if unknown := sorted(set(write.fields) - WRITABLE):
        return f"Acorn has no field {unknown[0]!r} that can be written."
    if any("\x00" in str(value) for value in write.fields.values()):
        return "A text of this write holds a NUL character."
    try:
        "".join(str(value) for value in write.fields.values()).encode()
    except UnicodeEncodeError:
        return "A text of this write is not valid Unicode."
    return None
