"""python -m bench [--contacts 100000] [--memory]: what a load and a cycle cost, beside named peers, as a table.

Every subject runs in a process of its own against a server in another; CPU seconds are its own, user and system.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.dlt_peer import has_dlt
from bench.measure import in_process
from bench.serve import serving

AIM_LOAD = 4000.0  # contacts a CPU second
AIM_PEAK = 150.0  # MiB
AIM_QUIET = 20.0  # CPU milliseconds
AIM_CHANGED = 50.0  # CPU milliseconds beside the requests
AIM_SCAN = 2.7 / 100_000  # CPU seconds a row
AIM_MEMORY = 1.10  # peak with ten times as many, in parts of the peak before


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. met: whether the aim was reached; None: it has none."""

    what: str
    cpu: str
    rate: str = ""
    peak: str = ""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--memory", action="store_true", help="also load ten times as many, for the peak memory")
    args = parser.parse_args()
    lines = [*service(args.contacts), *scan(args.contacts)]
    if args.memory:
        lines += memory(args.contacts, peak_of(lines))
    show(args.contacts, lines)
    return 0


def service(count: int) -> list[Line]:
    """Load, quiet cycle and 100 changes over the paged service."""
    found: dict[str, dict[str, Any]] = {}
    for subject in ("floor", "hub", *(["dlt"] if has_dlt() else [])):
        say(f"full load of {count:,} contacts: {subject}")
        with serving(count) as url:
            found[subject] = in_process("bench.load", subject, url, *(["--after"] if subject != "dlt" else []))
        assert found[subject]["contacts"] == count, f"{subject} took in {found[subject]['contacts']} of {count}"
    say(keys(found["hub"]))
    return [*loads(count, found), *after(found)]


def loads(count: int, found: dict[str, dict[str, Any]]) -> list[Line]:
    hub, floor = found["hub"], found["floor"]
    rate = count / hub["cpu"]
    aim = f"{AIM_LOAD:,.0f} contacts a CPU s, {AIM_PEAK:.0f} MiB"
    lines = [
        Line(
            "full load: hub",
            f"{hub['cpu']:.2f} s",
            f"{rate:,.0f}",
            f"{hub['peak']:.0f}",
            "1",
            aim,
            rate >= AIM_LOAD and hub["peak"] < AIM_PEAK,
        ),
        _peer("full load: floor (httpx, orjson, sqlite3, by hand)", count, floor, hub),
    ]
    if "dlt" in found:
        lines.append(_peer("full load: dlt, rest_api to SQLite", count, found["dlt"], hub))
    return lines


def _peer(what: str, count: int, peer: dict[str, Any], hub: dict[str, Any]) -> Line:
    ratio = f"{peer['cpu'] / hub['cpu']:.2f}"
    return Line(what, f"{peer['cpu']:.2f} s", f"{count / peer['cpu']:,.0f}", f"{peer['peak']:.0f}", ratio)


def after(found: dict[str, dict[str, Any]]) -> list[Line]:
    """The cycles that follow the load in the same processes."""
    hub, floor = found["hub"], found["floor"]
    quiet, changed = hub["quiet"], hub["changed"]
    quiet_ms, changed_ms = quiet["cpu"] * 1e3, (changed["cpu"] - changed["requests_cpu"]) * 1e3
    lean = quiet["requests"] == 1 and quiet["rows"] == 0
    return [
        Line(
            f"nothing changed, cursor: hub ({quiet['requests']:g} request, {quiet['rows']} rows written"
            f" besides {quiet['bookkeeping']} of lease and run)",
            f"{quiet_ms:.1f} ms",
            ratio="1",
            aim=f"{AIM_QUIET:.0f} ms, 1 request, 0 writes",
            met=quiet_ms <= AIM_QUIET and lean,
        ),
        Line(
            "nothing changed, cursor: floor",
            f"{floor['quiet']['cpu'] * 1e3:.1f} ms",
            ratio=f"{floor['quiet']['cpu'] / quiet['cpu']:.2f}",
        ),
        Line(
            f"100 changed: hub, beside {changed['requests_cpu'] * 1e3:.1f} ms for {changed['requests']} request",
            f"{changed_ms:.1f} ms",
            ratio="1",
            aim=f"{AIM_CHANGED:.0f} ms",
            met=changed_ms <= AIM_CHANGED,
        ),
        Line(
            "100 changed: floor, requests included",
            f"{floor['changed']['cpu'] * 1e3:.1f} ms",
            ratio=f"{floor['changed']['cpu'] / changed['cpu']:.2f}",
        ),
    ]


def keys(hub: dict[str, Any]) -> str:
    """What matching had to work on."""
    facts = ", ".join(f"{name} {value:,.2f}".removesuffix(".00") for name, value in hub["keys"].items())
    return f"matching: {facts}"


def scan(count: int) -> list[Line]:
    """A table without a change column: all rows are read and compared."""
    say(f"a table of {count:,} rows without a change column")
    found = in_process("bench.quiet", str(count))
    return [
        Line(
            "full load from a SQLite table: hub",
            f"{found['load']:.2f} s",
            f"{count / found['load']:,.0f}",
            f"{found['peak']:.0f}",
        ),
        Line(
            f"nothing changed, no cursor: hub ({found['rows']} rows written)",
            f"{found['cpu']:.2f} s",
            f"{count / found['cpu']:,.0f}",
            ratio="1",
            aim=f"{AIM_SCAN * count:.2f} s",
            met=found["cpu"] <= AIM_SCAN * count,
        ),
        Line(
            "nothing changed, no cursor: floor (sqlite3, orjson, hash)",
            f"{found['bare']:.2f} s",
            f"{count / found['bare']:,.0f}",
            ratio=f"{found['bare'] / found['cpu']:.2f}",
        ),
    ]


def memory(count: int, before: float) -> list[Line]:
    say(f"full load of {count * 10:,} contacts: hub")
    with serving(count * 10) as url:
        found = in_process("bench.load", "hub", url)
    more = found["peak"] / before
    return [
        Line(
            f"ten times as many ({count * 10:,}): hub",
            f"{found['cpu']:.2f} s",
            f"{count * 10 / found['cpu']:,.0f}",
            f"{found['peak']:.0f}",
            aim=f"memory within {AIM_MEMORY - 1:.0%}: it is {more - 1:+.0%}",
            met=more <= AIM_MEMORY,
        )
    ]


def peak_of(lines: list[Line]) -> float:
    return float(lines[0].peak)


def show(count: int, lines: list[Line]) -> None:
    table = Table(title=f"{count:,} contacts", header_style="bold")
    for name in ("", "CPU", "contacts a CPU s", "peak MiB", "CPU, hub = 1", "aim", ""):
        table.add_column(name, justify="left" if name in ("", "aim") else "right", overflow="fold")
    for line in lines:
        met = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[line.met]
        table.add_row(line.what, line.cpu, line.rate, line.peak, line.ratio, line.aim, met)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
