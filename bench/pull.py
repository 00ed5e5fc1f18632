"""python -m bench.pull [--contacts 100000] [--rounds 5]: reading a described service, beside bare httpx.

The same pages of the same server: the connector of a service file yields records; the peer fetches with httpx and
parses with orjson, nothing else. Both with the garbage collector as the hub sets it for its runs. Each round runs both
in processes of their own, one after the other; the ratio is the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

import httpx
import orjson
from rich.console import Console
from rich.table import Table

from bench.measure import in_process, spend
from bench.serve import serving
from hub.connectors.contract import Context
from hub.connectors.rest import service_type
from hub.connectors.rest.files import check_service
from hub.document import parse_document
from hub.running import calm_collector

AIM = 0.60  # of the rate of bare httpx

SERVICE = """\
service: Benchmark
about: contacts of the server of the benchmarks
url: "{url}"
settings: {url: {help: address, required: true}}
auth: {header: {x-key: none}}
check: {call: GET /contacts}
record: {id: id, changed: updated_at}
list: {call: GET /contacts, query: {page: "{cursor}"}, items: data, size: 1000, paging: {cursor: next_page}}
changes:
  {call: GET /contacts, query: {page: "{cursor}", updated_since: "{since}"}, items: data, size: 1000, since: iso_offset,
   paging: {cursor: next_page}, overlap: 0}
mapping: {fields: {}}
"""


def by_hub(url: str, closing: ExitStack) -> Callable[[], int]:
    kind = service_type("benchmark", check_service(parse_document(SERVICE, "benchmark.yaml")))
    connector = kind(kind.Settings.model_validate({"url": url}), Context("bench", closing=closing))
    return lambda: sum(len(page.items) for page in connector.pull(None))


def by_httpx(url: str, closing: ExitStack) -> Callable[[], int]:
    client = closing.enter_context(httpx.Client(base_url=url, trust_env=False))

    def read() -> int:
        found, page = 0, 0
        while page is not None:
            body: Any = orjson.loads(client.get("/contacts", params={"page": page}).content)
            found += len(body["data"])
            page = body["next_page"]
        return found

    return read


def one(subject: str, url: str) -> dict[str, Any]:
    """What reading takes; the start of the program is not counted for either."""
    calm_collector()
    with ExitStack() as closing:
        found, spent = spend({"hub": by_hub, "httpx": by_httpx}[subject](url, closing))
    return {"contacts": found, "cpu": spent.cpu, "wall": spent.wall}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pull", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("SUBJECT", "URL"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        sys.stdout.write(json.dumps(one(*args.one)) + "\n")
        return 0
    rounds: list[dict[str, dict[str, Any]]] = []
    with serving(args.contacts) as url:
        in_process("bench.pull", "--one", "httpx", url)  # the server renders its pages once
        for _ in range(args.rounds):
            rounds.append({subject: in_process("bench.pull", "--one", subject, url) for subject in ("httpx", "hub")})
    assert all(each["contacts"] == args.contacts for found in rounds for each in found.values())
    show(args.contacts, rounds)
    return 0


def show(count: int, rounds: list[dict[str, dict[str, Any]]]) -> None:
    table = Table(title=f"{count:,} contacts, {len(rounds)} rounds, medians")
    for column in ("", "contacts a CPU second", "contacts a second", "of bare httpx (CPU)", "(wall)", "aim"):
        table.add_column(column)
    wall = median(found["httpx"]["wall"] / found["hub"]["wall"] for found in rounds)
    cpu = median(found["httpx"]["cpu"] / found["hub"]["cpu"] for found in rounds)
    for subject in ("httpx", "hub"):
        rates = [f"{count / median(found[subject][kind] for found in rounds):,.0f}" for kind in ("cpu", "wall")]
        ratios = [f"{cpu:.2f}", f"{wall:.2f}", f"{AIM:.2f}"] if subject == "hub" else ["", "", ""]
        table.add_row(subject, *rates, *ratios)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
