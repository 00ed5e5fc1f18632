"""What a store is: for people who look after it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from hub.dedupe.features import EDITION
from hub.store import models
from hub.store.db import Store
from hub.store.upgrade import revision


@dataclass(frozen=True, slots=True)
class Facts:
    """kind: sqlite or postgresql, with the version of its server or library; place: host and database, or file

    size     bytes
    model    version of the matching model in use, 0: the shipped one; edition: of what is stored for matching
    """

    kind: str
    server: str
    place: str
    schema: str
    size: int
    model: int
    edition: str


def facts(store: Store) -> Facts:
    is_file = store.dialect == "sqlite"
    with store.read() as tx:
        server = tx.one("SELECT sqlite_version()" if is_file else "SHOW server_version")
        size = tx.one(
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            if is_file
            else "SELECT pg_database_size(current_database())"
        )
        model = models.in_use(tx)
    host = f"{store.url.host}/" if store.url.host else ""
    return Facts(
        kind=store.dialect,
        server=str(server[0]) if server else "",
        place=host + (store.url.database or "in memory"),
        schema=revision(store) or "",
        size=int(size[0]) if size else 0,
        model=model,
        edition=str(EDITION),
    )
