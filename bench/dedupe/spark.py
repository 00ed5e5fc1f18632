"""The same matching on Spark: `python -m bench.dedupe.spark CONTACTS OUT [--master local[2]]`.

Features, keys, weights and the decision about a cluster are the functions of `hub.dedupe`, run by Python workers; what
moves rows between machines (counting keys, forming pairs, connected components) is Spark's own, in columns.
docs/why/beyond-one-machine.md says how it is cut into parts and what it costs.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

from bench.matching import canonical
from hub.dedupe.bulk import KEY_CAP, TELLING
from hub.dedupe.cluster import Member, Ref, Verdict, promising, resolve
from hub.dedupe.features import features, pack, unpack
from hub.dedupe.frequency import KEPT, NameCounts
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharing import MOST, is_somebody, of_values
from hub.dedupe.weigh import DEFAULT, Model

ROOT = Path(__file__).parents[2]
ROUNDS = 40  # of connected components at most

Verdicts = Mapping[frozenset[Ref], Verdict]


class Cluster(NamedTuple):
    """A record and the cluster it is in, named after its first record."""

    connection: str
    external_id: str
    cluster: str


def is_installed() -> bool:
    return find_spec("pyspark") is not None and which("java") is not None


def session(master: str = "local[2]", partitions: int = 8) -> Any:
    """A Spark of our own; its Python workers find this repository."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = import_module("pyspark.sql").SparkSession.builder.master(master).appName("matching")
    for name, value in {
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.default.parallelism": str(partitions),
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


# --- what Python workers do: plain functions over an iterator of rows --------------------------------


def number_of(ref: Ref) -> int:
    """The same number on every machine; at 100 million records two share one in 1 of 2,000 loads."""
    return int.from_bytes(blake2b("|".join(ref).encode(), digest_size=8).digest()) >> 1


def seen(
    rows: Iterable[Mapping[str, str]],
) -> Iterator[tuple[int, str, str, str, list[int], list[int], bool, list[str]]]:
    """(number, connection, external id, features, keys, those of values, whether it names somebody, words of the name)
    of each contact."""
    for row in rows:
        record = features(canonical(dict(row)))
        ref = (row["system"], row["source_id"])
        keys = blocking_keys(record)
        values, named = list(of_values(record, keys)), is_somebody(record)
        yield number_of(ref), *ref, pack(record), list(keys), values, named, sorted(set(record.name))


def within_blocks(blocks: Iterable[tuple[list[int]]]) -> Iterator[tuple[int, int, bool]]:
    """(first, second, whether the key tells by itself) of each pair of records that share a key."""
    for (numbers,) in blocks:
        telling = len(numbers) <= TELLING
        for first, second in combinations(sorted(numbers), 2):
            yield first, second, telling


def worth_it(model: Model) -> Callable[[Iterable[tuple[int, int, str, str]]], Iterator[tuple[int, int, bool]]]:
    """The pairs that may bring their clusters together, and whether both name somebody."""

    def of(pairs: Iterable[tuple[int, int, str, str]]) -> Iterator[tuple[int, int, bool]]:
        for first, second, *packed in pairs:
            one, other = map(_unpacked, packed)
            if promising(one, other, model):
                yield first, second, is_somebody(one) and is_somebody(other)

    return of


def decided(
    model: Model, verdicts: Verdicts
) -> Callable[[Iterable[tuple[int, tuple[Iterable[Any], ...]]]], Iterator[Cluster]]:
    """The clusters of each connected component: (label, (its records, its pairs, its values that several hold))."""

    def of(components: Iterable[tuple[int, tuple[Iterable[Any], ...]]]) -> Iterator[Cluster]:
        for _, (records, pairs, shared) in components:
            refs = {number: (connection, external_id) for number, connection, external_id, _ in records}
            members = [Member(refs[number], None, _unpacked(packed)) for number, _, _, packed in records]
            met = sorted(_ordered(refs[first], refs[second]) for first, second in pairs)
            mine = {pair: said for pair, said in verdicts.items() if pair <= set(refs.values())}
            joins = resolve(members, [], met, mine, model, people=dict(shared)).joins
            firsts: dict[str | int, Ref] = {}
            for ref in sorted(joins):
                first = firsts.setdefault(joins[ref], ref)
                yield Cluster(*ref, "|".join(first))

    return of


def _ordered(one: Ref, other: Ref) -> tuple[Ref, Ref]:
    return (one, other) if one < other else (other, one)


def _unpacked(packed: str) -> Any:
    record = unpack(packed)
    if record is None:
        raise ValueError("features packed by another edition of the hub")
    return record


# --- what Spark does --------------------------------------------------------------------------------


def clusters(spark: Any, contacts: Any, model: Model = DEFAULT, verdicts: Verdicts | None = None) -> Any:
    """An RDD of `Cluster`, a record each. contacts: an RDD of rows, columns as of `bench.matching`."""
    said = dict(verdicts or {})
    records = spark.createDataFrame(
        contacts.mapPartitions(seen),
        "number long, connection string, external_id string, packed string, keys array<long>,"
        " values array<long>, named boolean, words array<string>",
    ).persist()
    model = counted(records, model)
    looks = records.select("number", "packed")
    pairs = met(spark, records)
    both = pairs.join(looks.toDF("first", "one"), "first").join(looks.toDF("second", "other"), "second")
    scored = both.select("first", "second", "one", "other").rdd.mapPartitions(worth_it(model))
    found = spark.createDataFrame(scored, "first long, second long, named boolean")
    sure = [(*sorted(map(number_of, pair)), True) for pair, answer in said.items() if answer == Verdict.SAME]
    if sure:
        found = found.union(spark.createDataFrame(sure, "first long, second long, named boolean")).distinct()
    found = found.persist()
    edges = found.select("first", "second").distinct().persist()
    labels = connected(edges)
    groups = connected(found.where("named").select("first", "second"))
    return _decide(records, edges, labels, held(records, groups), model, said)


def held(records: Any, groups: Any) -> Any:
    """(number, key, people) of every record with a value that several people hold.

    groups  number and label of the records that may be one person
    """
    sql = import_module("pyspark.sql.functions")
    values = records.select("number", "named", sql.explode("values").alias("key")).persist()
    named = values.where("named").join(groups, "number", "left")
    people = named.groupBy("key").agg(sql.countDistinct(sql.coalesce("label", "number")).alias("people"))
    several = people.where("people > 1").select("key", sql.least("people", sql.lit(MOST)).alias("people"))
    return values.join(several, "key").select("number", "key", "people")


def counted(records: Any, model: Model) -> Model:
    """The model with how common each name is among these records, where they are more than it was counted in."""
    sql = import_module("pyspark.sql.functions")
    count, distinct = records.agg(sql.count("number"), sql.countDistinct("number")).first()
    if distinct < count:
        raise ValueError(
            f"{count - distinct} records have a number that another one has: a key that came twice, or chance"
        )
    names = NameCounts(count)
    if not names.outgrown(model):
        return model
    words = records.select(sql.explode("words").alias("word")).groupBy("word").count()
    names.words.update({row.word: row["count"] for row in words.where(sql.col("count") >= KEPT).toLocalIterator()})
    return names.into(model)


def met(spark: Any, records: Any) -> Any:
    """Pairs of numbers that share a key few have, or two keys that more have.

    Keys are counted before anything is gathered, so that a key that a million share is a sum and never a list.
    """
    sql = import_module("pyspark.sql.functions")
    keys = records.select(sql.explode("keys").alias("key"), "number")
    counts = keys.groupBy("key").count()
    shared = counts.where((sql.col("count") > 1) & (sql.col("count") <= KEY_CAP)).select("key")
    blocks = keys.join(shared, "key").groupBy("key").agg(sql.collect_list("number").alias("numbers")).select("numbers")
    pairs = spark.createDataFrame(blocks.rdd.mapPartitions(within_blocks), "first long, second long, telling boolean")
    found = pairs.groupBy("first", "second").agg(sql.max("telling").alias("telling"), sql.count("*").alias("keys"))
    return found.where(sql.col("telling") | (sql.col("keys") > 1)).select("first", "second")


def connected(edges: Any) -> Any:
    """(number, label) of every record with an edge: the smallest number it is connected with.

    In each round a record and the one it is labelled with take the smallest label of labels around: the way to
    the smallest shrinks by half or more, whatever the order of the numbers (a chain of 10,000 takes 15 rounds).

    Source: Zhang, Azad and Hu 2020, FastSV: a distributed-memory connected component algorithm with fast convergence.
    """
    sql = import_module("pyspark.sql.functions")
    ways = edges.union(edges.select("second", "first")).toDF("number", "near").distinct().persist()
    labels = ways.select("number", sql.col("number").alias("label")).distinct().localCheckpoint()
    for _ in range(ROUNDS):
        further = labels.join(labels.toDF("label", "further"), "label").select("number", "label", "further")
        theirs = ways.join(further.select("number", "further").toDF("near", "theirs"), "near")
        least = theirs.groupBy("number").agg(sql.min("theirs").alias("least"))
        seen = further.join(least, "number").persist()
        offers = seen.select("number", sql.least("label", "further", "least").alias("label"))
        offers = offers.union(seen.select(sql.col("label").alias("number"), sql.col("least").alias("label")))
        after = offers.groupBy("number").agg(sql.min("label").alias("label")).localCheckpoint()
        moved = after.toDF("number", "now").join(labels, "number").where(sql.col("now") != sql.col("label"))
        seen.unpersist()
        if moved.isEmpty():
            return labels
        labels = after
    raise RuntimeError(f"the components were not found in {ROUNDS} rounds")


def _decide(records: Any, edges: Any, labels: Any, shared: Any, model: Model, verdicts: Verdicts) -> Any:
    """Each component whole in one worker; a record without an edge is its own cluster."""
    looks = records.select("number", "connection", "external_id", "packed")
    members = looks.join(labels, "number").rdd.map(
        lambda r: (r.label, (r.number, r.connection, r.external_id, r.packed))
    )
    pairs = edges.join(labels.toDF("first", "label"), "first").rdd.map(lambda r: (r.label, (r.first, r.second)))
    values = shared.join(labels, "number").select("label", "key", "people").distinct()
    people = values.rdd.map(lambda r: (r.label, (r.key, r.people)))
    alone = looks.join(labels, "number", "left_anti").rdd
    return (
        members.groupWith(pairs, people)
        .mapPartitions(decided(model, verdicts))
        .union(alone.map(lambda r: Cluster(r.connection, r.external_id, f"{r.connection}|{r.external_id}")))
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dedupe.spark", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("contacts", type=Path)
    parser.add_argument("out", type=Path, help="clusters as CSV: system, source_id, cluster_id")
    parser.add_argument("--master", default="local[2]")
    options = parser.parse_args()
    spark = session(options.master)
    start = time.perf_counter()
    opener = gzip.open if options.contacts.suffix == ".gz" else open
    with opener(options.contacts, "rt", encoding="utf-8", newline="") as lines:
        rows = spark.sparkContext.parallelize(list(csv.DictReader(lines)), 8)
    with options.out.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("system", "source_id", "cluster_id"))
        writer.writerows(clusters(spark, rows).toLocalIterator())
    print(f"{time.perf_counter() - start:.1f} s after Spark had started")
    spark.stop()


if __name__ == "__main__":
    main()
