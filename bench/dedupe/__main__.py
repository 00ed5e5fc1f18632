"""The hub beside Splink on one labelled set: `python -m bench.dedupe CONTACTS TRUTH [--splink] [--detail]`.

Each tool runs once, alone, in a process of its own, from the file of contacts to a file of clusters. CPU, wall
and memory are those of the whole process with its workers, start of Python and imports included. Truth is only read
afterwards, to score.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.dedupe import splink_peer
from bench.dedupe.score import Share, Truth, columns, found_by_tag, read_clusters, score, wrong_in_traps
from bench.matching import Ref
from bench.measure import Whole, whole_process
from hub.dedupe.score import Score

Detail = Callable[[Truth, dict[Ref, str]], dict[str, Share]]


@dataclass(frozen=True, slots=True)
class Line:
    """One tool, or one threshold of it."""

    tool: str
    score: Score
    spent: Whole
    clusters: dict[Ref, str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.dedupe", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("contacts", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--splink", action="store_true", help="Splink too (pip install 'contact-hub[bench]')")
    parser.add_argument(
        "--thresholds", nargs="+", default=["0.95"], help="of Splink; all in one run, whose cost then counts each"
    )
    parser.add_argument("--without", nargs="*", default=[], choices=["page", "bulk"], help="ways of the hub to leave")
    parser.add_argument("--detail", action="store_true", help="by trap and by distortion, where the truth has them")
    options = parser.parse_args()
    if options.splink and not splink_peer.is_installed():
        print("Splink is not installed; nothing was measured. Install it with: pip install 'contact-hub[bench]'")
        return 2
    truth = Truth.read(options.truth)
    with tempfile.TemporaryDirectory(prefix="dedupe-bench-") as folder:
        lines = measure(options, truth, Path(folder))
    show(f"{len(truth.person):,} records of {options.contacts}", lines)
    if options.detail:
        detail("wrongly merged in traps", lines, truth, wrong_in_traps)
        detail("true pairs found, by distortion", lines, truth, found_by_tag)
    return 0


def measure(options: argparse.Namespace, truth: Truth, folder: Path) -> list[Line]:
    contacts, lines = str(options.contacts), []
    ways = {
        "hub, page by page": ["bench.matching", contacts, str(options.truth), "--out", str(folder / "page.csv")],
        "hub, all at once": ["bench.bulk", contacts, "--out", str(folder / "bulk.csv")],
    }
    if options.splink:
        out = str(folder / "splink.csv")
        ways["splink"] = ["bench.dedupe.splink_peer", contacts, out, "--thresholds", *options.thresholds]
    for tool, (module, *args) in ways.items():
        if any(f"bench.{way}" == module for way in [w.replace("page", "matching") for w in options.without]):
            continue
        print(f"running: {tool}", flush=True)
        spent = whole_process(module, *args)
        out_file = Path(args[args.index("--out") + 1] if "--out" in args else args[1])
        for column in columns(out_file):
            clusters = read_clusters(out_file, column)
            name = tool if column == "cluster_id" else f"{tool} at {column}"
            lines.append(Line(name, score(truth.person, clusters), spent, clusters))
    return lines


def show(title: str, lines: Sequence[Line]) -> None:
    table = Table(title=title, header_style="bold")
    for name in ("", "pair P", "pair R", "pair F1", "B-cubed F1", "exact", "CPU s", "wall s", "peak MB"):
        table.add_column(name, justify="right" if name else "left")
    for line in lines:
        got = line.score
        quality = [
            f"{value:.4f}"
            for value in (got.pairs.precision, got.pairs.recall, got.pairs.f1, got.bcubed.f1, got.exact / got.people)
        ]
        spent = line.spent
        table.add_row(line.tool, *quality, f"{spent.cpu:.1f}", f"{spent.wall:.1f}", f"{spent.peak:,.0f}")
    console().print(table)


def detail(title: str, lines: Sequence[Line], truth: Truth, of: Detail) -> None:
    found = [of(truth, line.clusters) for line in lines]
    if not any(found):
        return
    table = Table(title=title, header_style="bold")
    table.add_column("")
    table.add_column("pairs", justify="right")
    for line in lines:
        table.add_column(line.tool, justify="right")
    for name in sorted(found[0]):
        table.add_row(name, f"{found[0][name].pairs:,}", *(f"{shares[name].rate:.4f}" for shares in found))
    console().print(table)


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 140)


if __name__ == "__main__":
    sys.exit(main())
