"""A made-up Singer tap: strict about how it is called, and broken in ways that its configuration names.

    python singer_tap.py --config FILE [--catalog FILE] [--state FILE] | --discover

Its people stand in the file `people` of the configuration: a list of [id, updated, fields or null].
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

KEYS = {"type": "object", "properties": {"id": {"type": "string"}}}


def say(kind: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"type": kind, **more}) + "\n")


def break_down(how: str) -> None:
    if how == "secret":
        sys.stderr.write("CRITICAL 401 Unauthorized for user 'ann@example.org' with c4nary-of-a-tap\n")
        sys.exit(1)
    if how == "away":
        sys.stderr.write("CRITICAL connection to db.example.org/people timed out\n")
        sys.exit(2)
    sys.stdout.flush()
    sys.stdout.write({"garbage": "not a message\n", "list": "[1]\n", "endless": "x" * 5_000_000}.get(how, ""))
    sys.stdout.flush()
    if how == "silent":
        time.sleep(60)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--config", "--catalog", "--state"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--discover", action="store_true")
    asked = parser.parse_args()
    config = json.loads(asked.config.read_text())
    if set(config) - {"people", "secret", "break", "after", "version", "full"}:
        sys.exit("unknown configuration")
    if "HUB_CANARY" in os.environ:
        sys.exit("the environment of the hub came along")
    if config["secret"] != "c4nary-of-a-tap":
        sys.stderr.write(f"401 Unauthorized: {config['secret']}\n")
        sys.exit(1)
    if asked.discover:
        if config.get("break") == "away":
            break_down("away")
        json.dump({"streams": [{"tap_stream_id": "people", "stream": "people", "schema": KEYS}]}, sys.stdout)
        return
    since = json.loads(asked.state.read_text())["updated"] if asked.state else 0
    rows = sorted(json.loads(Path(config["people"]).read_text()), key=lambda row: row[1])
    say("SCHEMA", stream="companies", schema=KEYS, key_properties=["id"])
    say("SCHEMA", stream="people", schema=KEYS, key_properties=["id"])
    if "version" in config:
        say("ACTIVATE_VERSION", stream="people", version=config["version"])
    say("RECORD", stream="companies", record={"id": "acme"})
    sys.stderr.write("INFO reading with c4nary-of-a-tap\n")
    if config.get("break") == "away" and "after" not in config:
        break_down("away")
    for number, (key, updated, fields) in enumerate(rows):
        if "break" in config and number == config.get("after", 0):
            break_down(config["break"])
        if updated >= since:
            gone = {"_sdc_deleted_at": "2026-11-21T12:00:00Z"} if fields is None else {}
            say("RECORD", stream="people", record={"id": key, "_sdc_batched_at": "now", **(fields or {}), **gone})
        if number % 100 == 99:
            say("STATE", value={"updated": updated})
    say("STATE", value={"updated": rows[-1][1] if rows else since})


if __name__ == "__main__":
    main()
