"""Pages and caller lookups of a running hub, at rest and while it synchronises: `python -m bench.live STORE.db`.

STORE.db is a store as `python -m bench.filled`, `bench.dedupe.latency --keep` or a sync leaves it. It is copied, the
copy filled with open conflicts and questions, and `hub run` started on it as a process of its own. Then a file with
new contacts is put in its way, and pages are asked for over HTTP as long as its run lasts. Times are those of the whole
request, seen from the one who asks: one request after the other, on one connection. Lookups are asked for by the
client of the standard library, since httpx takes about half as long for a request as the hub for its answer.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote

import httpx

from bench.console import PAGES, TYPED, add_calls, add_conflicts, add_work, copied
from bench.people import PAGE, page
from bench.search import drawn, numbers_of
from hub.model import element
from hub.store.db import Store, loads
from hub.store.search import SearchIndex
from hub.sync.follow import step

FIRST_NEW = 5_000_000  # the number of the first contact that the run brings: none of the store
START_SECONDS = 120.0
RIGHTS = ("health", "contacts", "lookup", "log", "decide", "approve", "configure")
CALLED = 100_000  # golden records with whose numbers there was a call
SWITCHBOARD = 10  # golden records that share a number
SETTING_UP = (
    "/settings",
    "/about",
    "/connections/add-one",
    "/connections/{name}/setup",
    "/connections/{name}/mapping",
)
PEOPLE = ("", "/explain?field=emails", "/consent", "/timeline")  # pages of one contact
WORST = ("gmail.co", "carddav:", "hotmail.", "m gmail.com z", "zz gmail.com", "a b c d e f g h", "x y z w", "9 1 3")
"""What costs a search most: long pieces that very many have, and many short ones that few have together."""
INCOMING = "incoming"


def write_config(folder: Path, names: list[str]) -> None:
    (folder / "config").mkdir()
    (folder / "in").mkdir()
    known = [f"  {name}: {{type: file, path: data/{name}.csv, key: id, schedule: manual}}" for name in names]
    limits = "limits: {creates: 10000000, updates: 10000000, merges: 10000000}"
    new = f"  {INCOMING}: {{type: file, path: in/*.csv, key: source_id, schedule: manual, push: false, {limits}}}"
    web = "web: {host: 127.0.0.1, port: 0}"
    lines = ["store: sqlite:///hub.db", "default_region: PT", "connections:", *known, new, web, ""]
    (folder / "config" / "hub.yaml").write_text("\n".join(lines))


def write_contacts(path: Path, first: int, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(page(0)[0]))
        writer.writeheader()
        for number in range(first // PAGE, (first + count) // PAGE):
            writer.writerows(page(number))


def command(folder: Path, *words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("hub")), "--config", str(folder / "config"), *words]


@contextmanager
def running(folder: Path) -> Iterator[tuple[int, str]]:
    """`hub run`: its process and its address."""
    said = folder / "said.txt"
    with said.open("w") as out:
        process = subprocess.Popen(command(folder, "run"), stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process.pid, _address(process, said)
    finally:
        process.terminate()
        process.wait(60)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"console\s+(http://\S+?)/?\s", said.read_text()):
            return found[1]
        time.sleep(0.2)
    raise SystemExit(f"hub run did not start: {said.read_text()[-2000:]}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: golden ids, names of connections, numbers that call, numbers that ten and more share."""

    golden: list[str]
    names: list[str]
    numbers: list[str]
    shared: list[str]

    def pages(self) -> dict[str, list[str]]:
        paths = {one: [one.format(name=name) for name in self.names] for one in (*PAGES, *SETTING_UP)}
        paths["…/mapping with ten records"] = [f"/connections/{INCOMING}/mapping"]
        paths["/contacts/found?q=…"] = [f"/contacts/found?q={text}" for text in TYPED]
        paths["/contacts/found?q=… what costs most"] = [f"/contacts/found?q={text}" for text in WORST]
        paths |= {f"/contacts/ID{rest}": [f"/contacts/{one}{rest}" for one in self.golden] for rest in PEOPLE}
        paths["/desk"] = ["/desk"]
        for name, numbers in {"a number": self.numbers, "a switchboard": self.shared}.items():
            if numbers:
                paths[f"/desk?phone={name}"] = [f"/desk?phone={quote(each)}" for each in numbers]
        return paths

    def calls(self) -> dict[str, list[str]]:
        found = {"/api/v1/lookup": self.numbers, "/api/v1/lookup a switchboard": self.shared}
        return {name: numbers for name, numbers in found.items() if numbers}


def taken(client: httpx.Client, path: str) -> float:
    begin = time.perf_counter()
    answer = client.get(path)
    spent = 1000 * (time.perf_counter() - begin)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[-1500:])
    return spent


def looked_up(caller: HTTPConnection, token: str, number: str) -> float:
    begin = time.perf_counter()
    caller.request("GET", f"/api/v1/lookup?phone={quote(number)}", headers={"Authorization": token})
    answer = caller.getresponse()
    text = answer.read()
    spent = 1000 * (time.perf_counter() - begin)
    assert answer.status == 200, (answer.status, text[-1500:])
    return spent


def measure(client: httpx.Client, asked: Asked, rounds: int, lookups: int, on: Callable[[], bool]) -> dict[str, Any]:
    """Milliseconds by page, in turns, so that each page meets every phase of a run."""
    times: dict[str, list[float]] = {}
    caller = HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=60)
    token = client.headers["Authorization"]
    for n in range(rounds):
        if not on():
            break
        for name, paths in asked.pages().items():
            times.setdefault(name, []).append(taken(client, paths[n % len(paths)]))
        for name, numbers in asked.calls().items():
            for m in range(lookups // rounds):
                number = numbers[(n * (lookups // rounds) + m) % len(numbers)]
                times.setdefault(name, []).append(looked_up(caller, token, number))
    caller.close()
    return times


def show(title: str, times: dict[str, list[float]]) -> None:
    print(f"\n{title}\n{'':52} {'asked':>6} {'median':>8} {'95 %':>8} {'99 %':>8} {'longest':>8}  ms")
    for name, spent in times.items():
        if len(spent) > 1:
            cuts = quantiles(spent, n=100, method="inclusive")
            print(f"{name:52} {len(spent):6} {median(spent):8.1f} {cuts[94]:8.1f} {cuts[98]:8.1f} {max(spent):8.1f}")


def processor_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def status(client: httpx.Client) -> dict[str, Any] | None:
    """The newest run of the connection that brings new contacts."""
    rows = client.get("/api/v1/runs", params={"connection": INCOMING}).raise_for_status().json()["items"]
    return rows[0] if rows else None


def during_a_run(client: httpx.Client, pid: int, asked: Asked, rounds: int, lookups: int) -> None:
    before, began, used = status(client), time.perf_counter(), processor_seconds(pid)
    client.post(f"/api/v1/connections/{INCOMING}/runs", json={"full": False}).raise_for_status()

    def on() -> bool:
        run = status(client)
        return run == before or (run is not None and run["status"] == "running")

    times = measure(client, asked, rounds, lookups, on)
    run, wall, cpu = status(client), time.perf_counter() - began, processor_seconds(pid) - used
    show(f"while it synchronises ({wall:.0f} s, {cpu:.0f} processor seconds of the hub)", times)
    state = "no run" if run is None else f"{run['status']}, {run['counts']}"
    print(f"the run: {state}")


def prepared(store: Store, folder: Path, rounds: int) -> Asked:
    add_conflicts(store, 20_000)
    add_work(store, 20_000)
    add_calls(store, CALLED)
    index = SearchIndex(folder / "hub.search.db")
    while step(store, index):
        pass
    index.close()
    with store.read() as tx:
        names = [row[0] for row in tx.all("SELECT DISTINCT connection FROM record ORDER BY connection")]
    people = drawn(store, 400)
    with store.read() as tx:
        golden = [row[0] for row in tx.all("SELECT id FROM golden LIMIT 100000")][:: 100_000 // rounds]
    store.copy_to(folder / "hub.db")
    return Asked(golden, names, numbers_of(people, 4000), shared_numbers(store, CALLED))


def shared_numbers(store: Store, contacts: int) -> list[str]:
    """Numbers that `SWITCHBOARD` and more of so many golden records share. One of zeros is no number to call from."""
    with store.read() as tx:
        rows = tx.all("SELECT fields FROM golden LIMIT :n", n=contacts)
    counts = Counter(element(key) for (fields,) in rows for key in loads(fields) if key.startswith("phones/+"))
    return sorted(number for number, n in counts.items() if n >= SWITCHBOARD and "00000000" not in number)


def read_samples(client: httpx.Client) -> None:
    """Ten records of the new connection, which its mapping shows from then on."""
    page = client.get(f"/connections/{INCOMING}/mapping").raise_for_status().text
    fields = dict(re.findall(r'name="(etag|csrf)"[^>]* value="([^"]*)"', page))
    client.post(f"/connections/{INCOMING}/mapping/sample", data=fields).raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--lookups", type=int, default=2000)
    parser.add_argument("--contacts", type=int, default=200_000, help="new contacts that the run brings")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-live-", dir=args.store.parent) as name:
        folder = Path(name)
        with copied(args.store) as store:
            asked = prepared(store, folder, args.rounds)
        write_config(folder, asked.names)
        write_contacts(folder / "in" / "1.csv", FIRST_NEW - PAGE, PAGE)
        subprocess.run(command(folder, "sync", INCOMING, "--yes"), check=True, stdout=subprocess.DEVNULL)
        write_contacts(folder / "in" / "2.csv", FIRST_NEW, args.contacts)
        rights = [word for right in RIGHTS for word in ("--right", right)] + ["--right", "run"]
        token = subprocess.check_output(command(folder, "token", "new", "bench", *rights), text=True).strip()
        os.sync()  # what was copied is on the disk before anything is measured
        with running(folder) as (pid, address), httpx.Client(base_url=address, timeout=60) as client:
            client.headers["Authorization"] = f"Bearer {token}"
            read_samples(client)
            show("at rest", measure(client, asked, args.rounds, args.lookups, lambda: True))
            during_a_run(client, pid, asked, args.rounds, args.lookups)


if __name__ == "__main__":
    main()
