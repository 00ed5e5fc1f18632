"""python -m bench.dav [--contacts 3000] [--rounds 5]: listing an address book of a real Radicale, beside bare httpx.

The same cards in the same chunks: the connector yields records; the peer lists the etags, fetches with httpx and
parses the XML, nothing else. Each round runs both in processes of their own, one after the other; the ratio is the
median of the rounds. Radicale runs on the same machine and takes most of the time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any
from xml.etree import ElementTree

import httpx
from rich.console import Console
from rich.table import Table

from bench.measure import in_process, spend
from hub.connectors import carddav_xml as dav
from hub.connectors.carddav import CardDavConnector, CardDavSettings
from hub.connectors.contract import Context
from tests.connectors.directories import radicale
from tests.connectors.servers import PASSWORD, USER

AIM = 0.60  # of the rate of bare httpx
CHUNK = 100  # as the connector's
BOOK = f"/{USER}/book/"
MKCOL = (
    '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<C:addressbook/></resourcetype></prop></set></mkcol>"
)
CARD = """BEGIN:VCARD\r
VERSION:3.0\r
UID:u{n}\r
FN:Person {n} Family\r
N:Family;Person {n};;;\r
EMAIL;TYPE=INTERNET,WORK:p{n}@example.org\r
TEL;TYPE=CELL:+351 91 {n:07d}\r
ADR;TYPE=HOME:;;Rua {n};Porto;;4000-001;Portugal\r
ORG:Company {n};Sales\r
NOTE:met at the fair\r
END:VCARD\r
"""


def by_hub(url: str, closing: ExitStack) -> Callable[[], int]:
    settings = CardDavSettings.model_validate({"url": url + BOOK, "user": USER, "secret": PASSWORD})
    connector = CardDavConnector(settings, Context("bench", closing=closing))
    return lambda: sum(len(page.items) for page in connector.pull(None))


def by_httpx(url: str, closing: ExitStack) -> Callable[[], int]:
    client = closing.enter_context(httpx.Client(base_url=url, auth=(USER, PASSWORD), trust_env=False, timeout=300))

    def ask(method: str, content: bytes) -> list[ElementTree.Element]:
        headers = {"depth": "1", "content-type": "application/xml"}
        answer = client.request(method, BOOK, content=content, headers=headers)
        return ElementTree.fromstring(answer.content).findall(dav.DAV + "response")

    def read() -> int:
        listed = ask("PROPFIND", dav.propfind([dav.ETAG, dav.TYPE]))
        hrefs = [each.findtext(dav.DAV + "href") or "" for each in listed][1:]  # the first is the book itself
        chunks = (hrefs[at : at + CHUNK] for at in range(0, len(hrefs), CHUNK))
        return sum(len(ask("REPORT", dav.multiget(chunk))) for chunk in chunks)

    return read


def one(subject: str, url: str) -> dict[str, Any]:
    """What listing takes; the start of the program is not counted for either."""
    with ExitStack() as closing:
        found, spent = spend({"hub": by_hub, "httpx": by_httpx}[subject](url, closing))
    return {"contacts": found, "cpu": spent.cpu, "wall": spent.wall}


def fill(url: str, count: int) -> None:
    with httpx.Client(base_url=url, auth=(USER, PASSWORD), trust_env=False, timeout=600) as client:
        client.request("MKCOL", BOOK, content=MKCOL).raise_for_status()
        cards = "".join(CARD.format(n=n) for n in range(count))
        client.put(BOOK, content=cards.encode(), headers={"content-type": "text/vcard"}).raise_for_status()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.dav", description=__doc__)
    parser.add_argument("--contacts", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("SUBJECT", "URL"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        sys.stdout.write(json.dumps(one(*args.one)) + "\n")
        return 0
    rounds: list[dict[str, dict[str, Any]]] = []
    with radicale() as server:
        url = f"http://127.0.0.1:{server.port}"
        fill(url, args.contacts)
        for subject in ("httpx", "hub"):
            in_process("bench.dav", "--one", subject, url)  # the server keeps what it has worked out
        for _ in range(args.rounds):
            rounds.append({subject: in_process("bench.dav", "--one", subject, url) for subject in ("httpx", "hub")})
    assert all(each["contacts"] == args.contacts for found in rounds for each in found.values())
    show(args.contacts, rounds)
    return 0


def show(count: int, rounds: list[dict[str, dict[str, Any]]]) -> None:
    table = Table(title=f"{count:,} cards of a real Radicale, {len(rounds)} rounds, medians")
    for column in ("", "cards a CPU second", "cards a second", "of bare httpx (wall)", "aim"):
        table.add_column(column)
    wall = median(found["httpx"]["wall"] / found["hub"]["wall"] for found in rounds)
    for subject in ("httpx", "hub"):
        rates = [f"{count / median(found[subject][kind] for found in rounds):,.0f}" for kind in ("cpu", "wall")]
        table.add_row(subject, *rates, *([f"{wall:.2f}", f"{AIM:.2f}"] if subject == "hub" else ["", ""]))
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
