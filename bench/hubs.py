"""The hub as the benchmarks run it: one connection to the paged service or to a table, SQLite on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.connectors.contract import Can, Connector, Context, Report, Settings
from hub.connectors.http import Api
from hub.connectors.sql import SqlConnector
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import flat_mapping
from hub.model import Page, Record
from hub.running import Ids, calm_collector
from hub.store.db import Store
from hub.store.schema import metadata
from hub.store.upgrade import opened
from hub.sync.engine import Hub, Route
from hub.sync.run import Orders, Result, sync

NAME = "shop"


class PagedSettings(Settings):
    """Where the service is."""

    url: str


class Paged(Connector):
    """The service of bench.serve. The cursor is the time of the last contact read, inclusive."""

    Settings = PagedSettings
    default_mapping = ""

    def __init__(self, settings: PagedSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._api = Api(settings.url, context)

    @property
    def can(self) -> Can:
        return Can(changes=True)

    def check(self) -> Report:
        return Report("bench", records=self._get(0, None)["total"])

    def pull(self, since: str | None) -> Iterator[Page]:
        number: int | None = 0
        while number is not None:
            body = self._get(number, since)
            records = tuple(map(read_record, body["data"]))
            number = body["next_page"]
            yield Page(records, body["data"][-1]["updated_at"] if records else since)

    def _get(self, number: int, since: str | None) -> Any:
        params = {"page": number} if since is None else {"page": number, "updated_since": since}
        return self._api.get("/contacts", params=params).body


def read_record(item: dict[str, Any]) -> Record:
    stamp = item["updated_at"]
    return Record(item["source_id"], item, version=stamp, changed_at=datetime.fromisoformat(stamp))


@dataclass
class Bench:
    """A hub with its one connection, ready for cycles."""

    store: Store
    hub: Hub
    connector: Connector

    def cycle(self, *, approve: bool = False) -> Result:
        result = sync(self.hub, self.connector, NAME, Orders(approve=approve))
        if result.status != "done":
            raise RuntimeError(f"the cycle ended {result.status}: {result.message}")
        return result

    @contextmanager
    def rows_by_table(self) -> Iterator[Counter[str]]:
        """Table → rows that this thread inserts, changes and deletes in the block; counted by triggers."""
        names = [f"{op.lower()}_of_{table}" for table in metadata.tables for op in ("INSERT", "UPDATE", "DELETE")]
        with self.store.write() as tx:
            tx.run("CREATE TEMP TABLE written (name TEXT)")
            for name in names:
                op, _, table = name.partition("_of_")
                tx.run(
                    f"CREATE TEMP TRIGGER {name} AFTER {op} ON {table}"
                    f" BEGIN INSERT INTO written VALUES ('{table}'); END"
                )
        seen: Counter[str] = Counter()
        try:
            yield seen
        finally:
            with self.store.write() as tx:
                seen.update(dict(tx.all("SELECT name, count(*) FROM written GROUP BY name")))
                for name in names:
                    tx.run(f"DROP TRIGGER {name}")
                tx.run("DROP TABLE temp.written")


@contextmanager
def over_http(url: str, folder: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        context = Context(NAME, closing=stack)
        yield stack.enter_context(_bench(Paged(PagedSettings(url=url), context), folder))


@contextmanager
def over_table(database: Path, folder: Path, *, changed: str | None = None) -> Iterator[Bench]:
    """changed: column with the time of the last change; None: every cycle compares every row"""
    table: dict[str, Any] = {"url": f"sqlite:///{database}", "table": "contacts", "key": "source_id"}
    if changed:
        table["changed"] = {"column": changed}
    with ExitStack() as stack:
        settings = SqlConnector.Settings.model_validate(table)
        connector = SqlConnector(settings, Context(NAME, closing=stack))
        yield stack.enter_context(_bench(connector, folder))


@contextmanager
def _bench(connector: Connector, folder: Path) -> Iterator[Bench]:
    mapping: ContactMapping = flat_mapping("PT")
    calm_collector()
    store = opened(f"sqlite:///{folder / 'hub.db'}")
    calm_collector()
    try:
        route = Route(NAME, mapping, connector.can, push="no")
        yield Bench(store, Hub(store, {NAME: route}, time.time, Ids()), connector)
    finally:
        store.close()
