"""Forms and webhooks into a real `hub run`: python -m bench.intake [--rate 500] [--seconds 60] [--kills 5] [--forged N]

The hub runs in a process of its own on a new SQLite store, or on a copy of `--store`, as `python -m bench.filled`
leaves one; the senders in this one, over the loopback. Deliveries are taken in as records meanwhile, and so are
`--contacts` new ones of a file.

sustained  deliveries at a steady rate, half from an open form and half signed by Standard Webhooks; each is sent at
           its own moment, whatever became of those before it. Time is from that moment to the whole answer.
kill       SIGKILL under the same load: every delivery that was answered with 2xx has to be in the store
forged     valid deliveries, changed in one thing, of all schemes of signatures; and valid ones again
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bench.live import FIRST_NEW, write_contacts
from bench.people import PAGE
from hub.store.db import Store
from hub.store.search import SearchIndex
from hub.sync.follow import step

KEY = bytes(range(32))
PLAIN = "a-plain-secret-of-the-benchmark"
SENDERS = 128  # connections that stay open
AIM_SECONDS = 0.25
START_SECONDS = 60.0
JSON_BODY = {"content-type": "application/json"}
HUB_YAML = """
store: sqlite:///hub.db
default_region: PT
web: {port: PORT}
connections:
  incoming: {type: file, path: in/*.csv, key: source_id, schedule: every 2 seconds, push: false, limits: ALL}
  open:
    {type: form, signature: none, allow_unsigned: true, per_minute: 1000000, per_address: 1000000, limits: ALL}
  standard: {type: form, secret: "env:STANDARD", limits: ALL}
  signed: {type: form, signature: hmac, secret: "env:PLAIN", hmac: {header: X-Signature, prefix: "sha256="}}
  timed:
    type: form
    signature: hmac
    secret: "env:PLAIN"
    hmac: {header: X-Signature, encoding: base64, timestamp_header: X-Time, signed: "{id}.{timestamp}.{body}"}
    delivery_id: {header: X-Id}
  shown: {type: form, signature: header, secret: "env:PLAIN"}
  asked: {type: form, signature: query, secret: "env:PLAIN"}
"""
ALL = "{creates: 100000000, updates: 100000000, merges: 100000000, consents: 100000000}"  # nothing waits for a person


@dataclass(frozen=True)
class Post:
    """One delivery: where to, with what. id: by which the store knows it"""

    path: str
    body: bytes
    headers: dict[str, str]
    id: str = ""


# --- the hub ----------------------------------------------------------------------------------------


class Hub:
    """`hub run` in a folder of its own."""

    def __init__(self, folder: Path, port: int, store: Path | None = None) -> None:
        self.folder, self.port = folder, port
        known = _copied(store, folder) if store else []
        yaml = HUB_YAML.replace("PORT", str(port)).replace("ALL", ALL)
        rest = [f"  {name}: {{type: file, path: data/{name}.csv, key: id, schedule: manual}}" for name in known]
        (folder / "config").mkdir(exist_ok=True)
        (folder / "config" / "hub.yaml").write_text("\n".join([yaml.rstrip(), *rest, ""]))
        (folder / "in").mkdir()
        write_contacts(folder / "in" / "1.csv", FIRST_NEW - PAGE, PAGE)
        self._command("sync", "--yes").wait(START_SECONDS)  # so that deliveries are taken in while others come
        self.process = self._start()

    def _command(self, *args: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from hub.cli.main import app; app()", *args]
        secrets = {"STANDARD": f"whsec_{base64.b64encode(KEY).decode()}", "PLAIN": PLAIN}
        env = {**os.environ, **secrets}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=env, start_new_session=True)

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._command("run")
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                asyncio.run(answered(self.port, Post("/forms/open", b"", {}), "GET"))
                return process
            except OSError as err:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the hub did not start: {(self.folder / 'log').read_text()[-2000:]}") from err
                time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # its own group, made for it at the start
        self.process.wait()

    def start_again(self) -> None:
        self.process = self._start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def cpu(self) -> float:
        """CPU seconds of the process that serves."""
        ticks = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def bring(self, contacts: int) -> None:
        """In a file that its next run finds."""
        write_contacts(self.folder / "new.csv", FIRST_NEW, contacts)
        (self.folder / "new.csv").rename(self.folder / "in" / "2.csv")

    def taken_in(self) -> dict[str, int]:
        """How many records of each connection here."""
        with closing(sqlite3.connect(f"file:{self.folder / 'hub.db'}?mode=ro", uri=True, timeout=30)) as db:
            names = ("open", "standard", "incoming")
            text = "SELECT count(*) FROM record WHERE connection = ?"
            return {name: int(db.execute(text, (name,)).fetchone()[0]) for name in names}

    def stored(self) -> set[tuple[str, str]]:
        with closing(sqlite3.connect(f"file:{self.folder / 'hub.db'}?mode=ro", uri=True, timeout=30)) as db:
            return set(db.execute("SELECT connection, delivery_id FROM inbox"))


def _copied(store: Path, folder: Path) -> list[str]:
    """The names of its connections. Its search index is made beside it the first time, and copied too."""
    index = store.with_suffix(".search.db")
    if not index.exists():
        _fill(store, index)
    shutil.copyfile(store, folder / "hub.db")
    shutil.copyfile(index, folder / "hub.search.db")
    with closing(sqlite3.connect(folder / "hub.db")) as db:
        names = [row[0] for row in db.execute("SELECT DISTINCT connection FROM record ORDER BY connection")]
    os.sync()  # it is on the disk before anything is measured
    return names


def _fill(store: Path, index: Path) -> None:
    opened, file = Store(f"sqlite:///{store}"), SearchIndex(index)
    while step(opened, file):
        pass
    file.close()
    opened.close()


@contextmanager
def running(store: Path | None = None) -> Iterator[Hub]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    beside = store.parent if store else None
    with tempfile.TemporaryDirectory(prefix="hub-intake-", dir=beside, ignore_cleanup_errors=True) as name:
        hub = Hub(Path(name), port, store)
        try:
            yield hub
        finally:
            hub.stop()


# --- the senders ------------------------------------------------------------------------------------


@dataclass
class Line:
    """A connection that stays open."""

    port: int
    pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, post: Post, method: str = "POST") -> tuple[int, bytes]:
        """(status, body). OSError when the connection breaks."""
        if self.pair is None:
            self.pair = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.pair
        head = [f"{method} {post.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(post.body)}"]
        head += [f"{name}: {value}" for name, value in post.headers.items()]
        try:
            writer.write("\r\n".join([*head, "", ""]).encode("latin-1", "replace") + post.body)
            said = await reader.readuntil(b"\r\n\r\n")
            lines = said.decode("latin-1").lower().split("\r\n")
            length = next((int(x[16:]) for x in lines if x.startswith("content-length: ")), 0)
            body = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as err:
            self.close()
            raise ConnectionError from err
        if "connection: close" in lines:
            self.close()
        return int(lines[0].split()[1]), body

    def close(self) -> None:
        if self.pair is not None:
            self.pair[1].close()
        self.pair = None


async def answered(port: int, post: Post, method: str = "POST") -> tuple[int, bytes]:
    line = Line(port)
    try:
        return await line.send(post, method)
    finally:
        line.close()


@dataclass
class Tally:
    """seconds: of each that was answered; answers: by status, 0 where the connection broke; taken: ids answered 2xx"""

    seconds: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    taken: set[tuple[str, str]] = field(default_factory=set)
    words: Counter[str] = field(default_factory=Counter)


async def at_a_rate(port: int, rate: float, seconds: float, make: Callable[[int], Post], tally: Tally) -> None:
    """Each delivery at its moment, by whichever connection is free; late ones wait for one, and their time runs."""
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(SENDERS):
        free.put_nowait(Line(port))
    begin, under_way = time.perf_counter(), set()

    async def one(post: Post, due: float) -> None:
        line = await free.get()
        try:
            status, _ = await line.send(post)
        except OSError:
            status = 0
        free.put_nowait(line)
        tally.answers[status] += 1
        tally.seconds.append(time.perf_counter() - due)
        if 200 <= status < 300:
            tally.taken.add((post.path.split("/")[2], post.id))

    for number in range(int(rate * seconds)):
        due = begin + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(make(number), due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    while not free.empty():
        free.get_nowait().close()


async def as_fast_as_they_go(port: int, posts: Iterator[Post], tally: Tally) -> None:
    async def sender() -> None:
        line = Line(port)
        for post in posts:
            try:
                status, body = await line.send(post)
            except OSError:
                status, body = 0, b""
            tally.answers[status] += 1
            if status == 200:
                tally.words[json.loads(body)["status"]] += 1
        line.close()

    await asyncio.gather(*(sender() for _ in range(SENDERS)))


# --- what is sent -----------------------------------------------------------------------------------


def person(number: int) -> dict[str, str]:
    return {
        "given_name": f"Ann{number % 997}",
        "family_name": f"Abreu{number % 7919}",
        "emails": f"ann.{number}@example.org",
        "phones": f"+35191{number % 10_000_000:07d}",
        "note": "Please call me about the offer of last week. " * 4,
    }


def delivery(number: int, tag: str) -> Post:
    """Half of them from an open form, half signed."""
    if number % 2:
        return standard(number, f"{tag}-{number}")
    body = json.dumps(person(number) | {"submission_id": f"{tag}-{number:09d}"}).encode()
    said = {name: value for name, value in json.loads(body).items() if name != "submission_id"}
    digest = hashlib.blake2b(json.dumps(said, sort_keys=True, separators=(",", ":")).encode(), digest_size=16)
    return Post("/forms/open", body, JSON_BODY, f"{tag}-{number:09d}:{digest.hexdigest()}")


def standard(number: int, name: str, at: int | None = None) -> Post:
    body = json.dumps(person(number)).encode()
    when = str(int(time.time()) if at is None else at)
    digest = base64.b64encode(hmac.new(KEY, f"{name}.{when}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": name, "webhook-timestamp": when, "webhook-signature": f"v1,{digest}"}
    return Post("/forms/standard", body, JSON_BODY | headers, name)


def signed(number: int, name: str) -> Post:
    body = json.dumps(person(number) | {"id": name}).encode()
    digest = hmac.new(PLAIN.encode(), body, hashlib.sha256).hexdigest()
    return Post("/forms/signed", body, JSON_BODY | {"x-signature": f"sha256={digest}"}, name)


def timed(number: int, name: str, at: int | None = None) -> Post:
    body = json.dumps(person(number)).encode()
    when = str(int(time.time()) if at is None else at)
    digest = hmac.new(PLAIN.encode(), f"{name}.{when}.".encode() + body, hashlib.sha256).digest()
    headers = {"x-id": name, "x-time": when, "x-signature": base64.b64encode(digest).decode()}
    return Post("/forms/timed", body, JSON_BODY | headers, name)


def shown(number: int, name: str) -> Post:
    body = json.dumps(person(number) | {"id": name}).encode()
    return Post("/forms/shown", body, JSON_BODY | {"x-hub-key": PLAIN}, name)


def asked(number: int, name: str) -> Post:
    body = json.dumps(person(number) | {"id": name}).encode()
    return Post(f"/forms/asked?key={PLAIN}", body, JSON_BODY, name)


SCHEMES: tuple[Callable[[int, str], Post], ...] = (standard, signed, timed, shown, asked)


def forged(count: int, random: Random) -> Iterator[Post]:
    """Valid ones with one thing changed: none of them may be taken."""
    for number in range(count):
        post = SCHEMES[number % len(SCHEMES)](number, f"forged-{number}")
        yield _changed(post, random, number)


def _changed(post: Post, random: Random, number: int) -> Post:
    way = random.randrange(6)
    if post.path.startswith(("/forms/shown", "/forms/asked")):
        return _other_key(post, random, way)
    if way == 0:
        body = bytearray(post.body)
        body[random.randrange(len(body))] ^= 1 << random.randrange(7)
        return Post(post.path, bytes(body), post.headers, post.id)
    if way == 1 and not post.path.endswith("/signed"):  # signed, and too old or too new
        make = standard if post.path.endswith("/standard") else timed
        return make(number, post.id, int(time.time()) + random.choice((-1, 1)) * random.randrange(306, 10**6))
    headers = dict(post.headers)
    names = [name for name in headers if name != "content-type"]
    name = random.choice(names)
    if way == 2:
        del headers[name]
    elif way == 3:
        headers[name] = "".join(chr(random.randrange(0x20, 0x7F)) for _ in range(random.randrange(80))).strip()
    elif way == 4:
        return Post("/forms/" + random.choice(("nowhere", "standard2", "..", "%00")), post.body, headers, post.id)
    else:
        text = headers[name]
        at = len(text) // 2 if name.endswith("signature") else random.randrange(len(text))
        headers[name] = text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]
    return Post(post.path, post.body, headers, post.id)


def _other_key(post: Post, random: Random, way: int) -> Post:
    wrong = random.choice(("", PLAIN[:-1], PLAIN + "x", PLAIN.upper(), PLAIN[::-1], "0" * len(PLAIN)))
    if post.path.startswith("/forms/asked"):
        path = "/forms/asked" + (f"?key={wrong}" if way else "")
        return Post(path, post.body, post.headers, post.id)
    headers = {name: value for name, value in post.headers.items() if name != "x-hub-key"}
    return Post(post.path, post.body, headers | ({"x-hub-key": wrong} if way else {}), post.id)


# --- what is measured -------------------------------------------------------------------------------


def sustained(rate: float, seconds: float, store: Path | None, contacts: int) -> bool:
    tally = Tally()
    with running(store) as hub:
        if contacts:
            hub.bring(contacts)
        known = hub.taken_in()
        before, own = hub.cpu(), resource.getrusage(resource.RUSAGE_SELF)
        asyncio.run(at_a_rate(hub.port, rate, seconds, lambda n: delivery(n, "s"), tally))
        cpu, peak, records = hub.cpu() - before, hub.peak_mib(), hub.taken_in()
        after = resource.getrusage(resource.RUSAGE_SELF)
        missing = len(tally.taken - hub.stored())
    times = sorted(tally.seconds)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    news = ", ".join(f"{records[name] - known[name]:,} of {name}" for name in known)
    sender = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
    say(
        f"sustained: {len(times):,} deliveries at {rate:g} a second; answers {dict(tally.answers)};"
        f" median {p50 * 1e3:.1f} ms, 99th percentile {p99 * 1e3:.1f} ms, longest {times[-1] * 1e3:.0f} ms;"
        f" hub {cpu:.1f} CPU s ({cpu / len(times) * 1e3:.2f} ms each), peak {peak:.0f} MiB; senders {sender:.1f} CPU s;"
        f" missing in the store: {missing}; taken in as records meanwhile: {news}"
    )
    return set(tally.answers) == {200} and p99 <= AIM_SECONDS and missing == 0


def killed(rate: float, kills: int, random: Random) -> bool:
    """SIGKILL at a random moment under load, again and again on one store."""
    taken: set[tuple[str, str]] = set()
    broken = 0
    with running() as hub:
        for kill in range(kills):
            tally = Tally()
            moment = random.uniform(1.0, 4.0)

            async def load(tally: Tally = tally, kill: int = kill, moment: float = moment) -> None:
                sending = asyncio.create_task(at_a_rate(hub.port, rate, 5.0, lambda n: delivery(n, f"k{kill}"), tally))
                await asyncio.sleep(moment)
                hub.kill()
                await sending

            asyncio.run(load())
            taken |= tally.taken
            broken += tally.answers[0]
            hub.start_again()
        lost = taken - hub.stored()
    say(f"kill: {kills} SIGKILLs, {len(taken):,} answered with 2xx, {broken:,} not answered; lost: {len(lost)}")
    return not lost and bool(taken) and bool(broken)


def forgeries(count: int, random: Random) -> bool:
    tally, again = Tally(), Tally()
    real = [make(number, f"real-{number}") for number in range(20) for make in SCHEMES]
    with running() as hub:
        first = Tally()
        asyncio.run(as_fast_as_they_go(hub.port, iter(real), first))
        known = hub.stored()
        begin = time.perf_counter()
        asyncio.run(as_fast_as_they_go(hub.port, forged(count, random), tally))
        seconds = time.perf_counter() - begin
        replayed = (real[random.randrange(len(real))] for _ in range(count // 10))
        asyncio.run(as_fast_as_they_go(hub.port, replayed, again))
        more = len(hub.stored() - known)
    say(
        f"forged: {count:,} in {seconds:.0f} s, answers {dict(tally.answers)}; {count // 10:,} valid ones again:"
        f" {dict(again.answers)} {dict(again.words)}; new in the store: {more}"
    )
    is_closed = not any(200 <= status < 300 or status >= 500 or status == 0 for status in tally.answers)
    return is_closed and more == 0 and len(known) == len(real) and set(again.words) <= {"stored before"}


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.intake", description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0, help="deliveries a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--store", type=Path, help="a filled SQLite store, of which a copy is used")
    parser.add_argument("--contacts", type=int, default=0, help="new contacts of a file, taken in meanwhile")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--forged", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random = Random(args.seed)
    say(f"load of the machine before: {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")
    done: list[tuple[str, Any]] = []
    if args.seconds:
        done.append(("sustained", sustained(args.rate, args.seconds, args.store, args.contacts)))
    if args.kills:
        done.append(("kill", killed(args.rate, args.kills, random)))
    if args.forged:
        done.append(("forged", forgeries(args.forged, random)))
    say(", ".join(f"{name}: {'met' if met else 'missed'}" for name, met in done))
    return 0 if all(met for _, met in done) else 1


if __name__ == "__main__":
    sys.exit(main())
