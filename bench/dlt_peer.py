"""dlt, where it is installed: rest_api source, merge by key, SQLite destination."""

from __future__ import annotations

import os
import sqlite3
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def has_dlt() -> bool:
    return all(find_spec(name) for name in ("dlt", "sqlalchemy"))


def load_with_dlt(url: str, folder: Path) -> int:
    """Rows in the destination afterwards. Telemetry is off."""
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
    pipeline.run(source)
    with sqlite3.connect(database) as connection:
        rows: int = connection.execute("SELECT count(*) FROM contacts").fetchone()[0]
    connection.close()
    return rows
