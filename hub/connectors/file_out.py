"""Files for systems that only import: golden records as CSV, XLSX, JSON lines, fixed width, vCard or LDIF.

Told      rows by the hub's key, kept in a state file beside the store: that is the system as far as the hub sees it
Promise   K: the key is in the row and the importer updates by it, so the same row twice is one person there
Files     appear at the end of a run that changed something (at the beginning of the next one if that was cut off),
          whole or not at all; a quiet run writes none
Deletes   leave a snapshot; in a file of changes they are a row with a mark, where `deleted` names one
Receipts  files that the system gives back: a row it refused is set aside with the reason
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import orjson

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Context, Promise, Report
from hub.connectors.defaults import default_mapping
from hub.connectors.files import FileConnector
from hub.connectors.filing.out_settings import OutSettings
from hub.connectors.filing.outbox import Outbox, Row, Written
from hub.connectors.filing.pieces import private_folder
from hub.connectors.filing.places import open_place
from hub.connectors.filing.settings import SUFFIXES, suffix
from hub.connectors.filing.writers import refusal, write_rows
from hub.errors import CursorExpired, HubError
from hub.model import Cursor, Done, Missing, Op, Outcome, Page, Record, Refused, Tombstone, Unreadable, Write

log = logging.getLogger(__name__)

BATCH = 1000


class FileOutConnector(Connector):
    """A system that takes files and tells nothing, or receipts at most."""

    Settings: ClassVar[type[OutSettings]] = OutSettings
    default_mapping: ClassVar[str] = ""  # flat: columns named like the canonical fields
    example: ClassVar[str] = """\
type: file_out
path: out/people-{date}-{number}.csv
content: changes                    # who changed since the last file; snapshot: everybody, each time
columns: [given_name, family_name, emails, phones]
key: hub_key                        # column with the hub's key, by which the importer updates
deleted: {state: D}
"""

    settings: OutSettings

    def __init__(self, settings: OutSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._wrote = False

    @classmethod
    def mapping_text(cls, settings: Mapping[str, Any]) -> str:
        """Cards are those of an address book; all else goes by the names of its columns."""
        kind = settings.get("format") or SUFFIXES.get(suffix(str(settings.get("path", ""))), "")
        return default_mapping("carddav") if kind == "vcard" else cls.default_mapping

    @property
    def can(self) -> Can:
        deletes = self.settings.content == "snapshot" or self.settings.deleted is not None
        return Can(
            changes=True,
            tombstones=deletes,
            read=True,
            create=True,
            update=True,
            delete=deletes,
            batch=BATCH,
            promise=Promise.KEYED,
        )

    def check(self) -> Report:
        open_place(self.settings, self.context).find()
        if not self._state_path.is_file():
            return Report(f"{self.settings.kind} file", ("nothing was written yet",), (), 0)
        last = self._outbox.last_file(done=True)
        lines = ["no file yet" if last is None else f"last file {last.name}"]
        warnings = []
        if self._outbox.last_seq() > (last.upto if last else 0):
            warnings.append("changes wait for the next file")
        if self.settings.receipts is not None:
            lines += self._receipts.check().lines
        return Report(f"{self.settings.kind} file", tuple(lines), tuple(warnings), self._outbox.count())

    # --- reading ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = None if since is None else self._resumed(since)
        self.flush()
        upto, receipts = self._outbox.last_seq(), (place or {}).get("receipts")
        if place is None:
            rows = self._outbox.rows()
        else:
            rows = self._outbox.changed(place["seq"], upto)
        held: Page | None = None
        while batch := list(islice(rows, PAGE_SIZE)):
            if held is not None:
                yield held
            seq = None if place is None else batch[-1].seq
            held = Page(tuple(map(_item, batch)), None if seq is None else _cursor(seq, receipts))
        end = _cursor(upto, receipts)
        yield Page(held.items if held else (), end)
        if self.settings.receipts is not None:
            yield from self._results(upto, receipts, end)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        return {key: _record(row) for key, row in self._outbox.get(ids).items()}

    def find(self, key: str) -> Record | None:
        return self.read([key]).get(key)

    def _results(self, seq: int, saved: Cursor | None, last: Cursor) -> Iterator[Page]:
        """What receipts say; a quiet folder yields nothing."""
        for page in self._receipts.pull(saved):
            cursor = _cursor(seq, page.cursor)
            if page.items or cursor != last:
                yield Page(tuple(filter(None, map(self._result, page.items))), cursor)

    def _result(self, item: Any) -> Record | Unreadable | None:
        """None: the row was taken, which is no news."""
        if not isinstance(item, Record):
            return item if isinstance(item, Unreadable) else None
        [(column, good)] = (self.settings.accepted or {}).items()
        value = item.fields.get(column)
        accepted = value in good or str(value).strip() in map(str, good)
        row = self._outbox.get([item.id]).get(item.id)
        if row is None:
            return None
        news = self._outbox.mark_refused(item.id, refused=not accepted)
        if accepted:
            return _record(row) if news else None
        said = str(item.fields.get(self.settings.reason or "") or "no reason given")[:200]
        return Unreadable(f"row {item.id}", f"the import refused the row: {said}", "", item.id)

    # --- writing ----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        able = {Op.CREATE, Op.UPDATE, *([Op.DELETE] if self.can.delete else [])}
        assert all(each.op in able for each in writes), "not declared in `can`"
        with self._outbox.changing():
            outcomes = [self._written(each) for each in writes]
        self._wrote = True
        return outcomes

    def _written(self, write: Write) -> Outcome:
        key = write.key if write.op is Op.CREATE else str(write.id)
        row = self._outbox.get([key]).get(key)
        if write.op is not Op.CREATE and row is None:
            return Missing()
        if write.op is Op.DELETE:
            if row is not None:
                self._outbox.remove(row)
            return Done(None)
        own = {self.settings.key, *(self.settings.deleted or ())}
        by_name = self.context.by_name and self.settings.names
        fits = self.context.named.union(self.settings.names) if by_name else write.fields.keys()
        sent = {name: value for name, value in write.fields.items() if name not in own and name in fits}
        fields = {**(row.fields if row else {}), **sent}
        reason = refusal(self.settings, fields)
        if reason is not None:
            return Refused(reason)
        if row is None or fields != row.fields:
            self._outbox.put(key, fields)
        return Done(_record(Row(key, fields, 0)))

    def flush(self) -> str | None:
        """Write the file for what has changed since the last one; its name, or None where there is nothing."""
        box, now = self._outbox, self.context.clock()
        begun, last = box.last_file(done=False), box.last_file(done=True)
        upto, since = box.last_seq(), last.upto if last else 0
        if begun is None and (upto == since or (last and now.timestamp() < last.at + self.settings.every)):
            return None
        if begun is None:
            number = box.next_number()
            begun = Written(number, self._name(number, now), upto, now.timestamp(), done=False)
            box.save_file(begun)  # the name stays the same if this is cut off
        rows = box.rows() if self.settings.content == "snapshot" else box.changed(since, upto)
        place = open_place(self.settings, self.context)
        with private_folder() as folder:
            local = folder / "file"
            count = write_rows(self.settings, rows, local)
            place.put(local, begun.name)
            if self.settings.marker is not None:
                (folder / "marker").touch()
                place.put(folder / "marker", self.settings.marker.replace("{name}", begun.name))
        box.save_file(Written(begun.number, begun.name, upto, now.timestamp(), done=True))
        log.info("%s: wrote %s with %d rows", self.context.name, begun.name, count)
        return begun.name

    def _name(self, number: int, now: datetime) -> str:
        at = now.astimezone(ZoneInfo(self.settings.time_zone))
        name = PurePosixPath(self.settings.path).name
        for mark, value in (("date", f"{at:%Y%m%d}"), ("time", f"{at:%H%M%S}"), ("number", f"{number:06d}")):
            name = name.replace(f"{{{mark}}}", value)
        return name

    def _finish(self) -> None:
        """At the end of a run. What fails here is made up for at the beginning of the next, which tells the error."""
        try:
            if self._wrote:
                self.flush()
        except HubError as error:
            log.warning("%s: the file was not written and will be by the next run: %s", self.context.name, error)
        finally:
            self._outbox.close()

    # --- state ------------------------------------------------------------------------------------

    @property
    def _state_path(self) -> Path:
        return self.context.base / (self.settings.state or f"{self.context.name}-out.sqlite")

    @cached_property
    def _outbox(self) -> Outbox:
        outbox = Outbox(self._state_path)
        self.context.closing.callback(self._finish)
        return outbox

    @cached_property
    def _receipts(self) -> FileConnector:
        return FileConnector(self.settings.receipts, self.context)

    def _resumed(self, cursor: Cursor) -> Mapping[str, Any]:
        try:
            place = orjson.loads(cursor)
        except ValueError:
            place = None
        if (
            not isinstance(place, dict)
            or not isinstance(place.get("seq"), int)
            or place["seq"] > self._outbox.last_seq()
        ):
            raise CursorExpired(f"{self.context.name}: the state file is another one; list all anew.")
        return place


def _cursor(seq: int, receipts: Cursor | None) -> Cursor:
    return orjson.dumps({"seq": seq, "receipts": receipts}).decode()


def _record(row: Row) -> Record:
    return Record(row.id, row.fields, key=row.id)


def _item(row: Row) -> Record | Tombstone:
    return Tombstone(row.id) if row.gone else _record(row)
