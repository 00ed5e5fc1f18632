"""dlt, where it is installed: rest_api source, merge by key, SQLite destination.

It types and normalises what it loads and keeps a staging copy; it has no mapping, no golden records and no log.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def has_dlt() -> bool:
    return all(find_spec(name) for name in ("dlt", "sqlalchemy"))


def prepared(url: str, folder: Path) -> Callable[[], int]:
    """Does the load and tells the rows in the destination afterwards. Imports are done by then; telemetry is off."""
    os.environ |= {"DLT_DATA_DIR": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    os.environ |= {"RUNTIME__LOG_LEVEL": "ERROR", "DLT_PROJECT_DIR": str(folder)}
    dlt: Any = import_module("dlt")
    rest_api: Any = import_module("dlt.sources.rest_api")
    endpoint: dict[str, Any] = {
        "path": "contacts",
        "data_selector": "data",
        "paginator": {"type": "cursor", "cursor_path": "next_page", "cursor_param": "page"},
        "incremental": {
            "start_param": "updated_since",
            "cursor_path": "updated_at",
            "initial_value": "1970-01-01T00:00:00+00:00",
        },
    }
    resource = {"name": "contacts", "primary_key": "id", "write_disposition": "merge", "endpoint": endpoint}
    source = rest_api.rest_api_source({"client": {"base_url": url}, "resources": [resource]})
    database = folder / "dlt.db"
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{database}"),
        pipelines_dir=str(folder),
        dataset_name="main",
    )

    def load() -> int:
        pipeline.run(source)
        connection = sqlite3.connect(database)
        rows: int = connection.execute("SELECT count(*) FROM contacts").fetchone()[0]
        connection.close()
        return rows

    return load
