"""A made-up Singer target: strict about the messages, updates by key, and broken in ways that its configuration names.

    python singer_fake_target.py --config FILE < messages

Its rows stand in the file `rows` of the configuration, by key; they are saved at each state, which is then printed.
Records that were saved and whose state was not printed are what a program leaves that is killed in between.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
FORMATS = {"date": date.fromisoformat, "date-time": datetime.fromisoformat}
KEYS = {
    "SCHEMA": {"type", "stream", "schema", "key_properties"},
    "RECORD": {"type", "stream", "record", "time_extracted"},
    "STATE": {"type", "value"},
}
KNOWN = {"rows", "secret", "break", "on", "starts"}


def fail(words: str, code: int = 1) -> None:
    sys.stderr.write(f"CRITICAL {words}\n")
    sys.exit(code)


def check(kind: dict[str, Any], name: str, value: Any) -> None:
    names = [kind["type"]] if isinstance(kind["type"], str) else kind["type"]
    if not isinstance(
        value, tuple(TYPES[each] for each in names if each != "number") + ((int, float),) * ("number" in names)
    ):
        fail(f"ValidationError: {name} is {value!r}")
    if value is not None and "format" in kind:
        FORMATS[kind["format"]](value)
    for each in value if isinstance(value, list) else ():
        check(kind["items"], name, each)


class Target:
    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.path = config, Path(config["rows"])
        self.rows: dict[str, Any] = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.schemas: dict[str, dict[str, Any]] = {}
        self.count = 0

    def take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if set(message) != KEYS[kind]:
            fail(f"ProtocolError: {kind} with {sorted(message)}")
        if kind == "STATE":
            self.save()
            if self.config.get("break") != "mum":
                sys.stdout.write("INFO no state\n" + json.dumps(message["value"]) + "\n")
                sys.stdout.flush()
        elif kind == "SCHEMA":
            if not set(message["key_properties"]) <= set(message["schema"]["properties"]):
                fail("ProtocolError: a key that the schema does not have")
            self.schemas[message["stream"]] = message
        else:
            self.record(message["stream"], message["record"])

    def record(self, stream: str, record: dict[str, Any]) -> None:
        known = self.schemas[stream]
        properties = known["schema"]["properties"]
        if set(record) != set(properties):
            fail("ProtocolError: a record with other fields than its schema")
        for name, value in record.items():
            check(properties[name], name, value)
        self.count += 1
        self.break_down(record)
        self.rows["|".join(record[name] for name in known["key_properties"])] = record

    def break_down(self, record: dict[str, Any]) -> None:
        how, on = self.config.get("break"), self.config.get("on")
        if how == "denied":
            fail("psycopg.errors.InsufficientPrivilege: permission denied for table contacts")
        if how == "away":
            fail("OperationalError: connection to server failed", 3)
        if how == "poison" and on in record.values():
            fail(f"psycopg.errors.UniqueViolation: Key (email)=({record!r}) already exists, {json.dumps(record)}")
        if how == "hang" and self.count == on:
            time.sleep(60)
        if how == "killed" and self.count == on:  # after the rows before are saved
            self.save()
            os.kill(os.getpid(), 9)

    def save(self) -> None:
        self.path.write_text(json.dumps(self.rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    config = json.loads(parser.parse_args().config.read_text())
    if set(config) - KNOWN:
        sys.exit("unknown configuration")
    if "HUB_CANARY" in os.environ:
        sys.exit("the environment of the hub came along")
    if config["secret"] != "c4nary-of-a-target":
        fail(f"401 Unauthorized: {config['secret']}")
    with Path(config["starts"]).open("a") as starts:
        starts.write("start\n")
    target = Target(config)
    for line in sys.stdin:
        target.take(json.loads(line))


if __name__ == "__main__":
    main()
